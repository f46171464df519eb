"""``pottle migrate``: the code of a Flask application becomes that of an asynchronous Pottle one.

The options and what is printed; the work is done in `pottle.migrate`, which needs LibCST.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click


@click.command("migrate", short_help="Turn a Flask application into one for Pottle.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--write", is_flag=True, help="Change the files; otherwise the changes are only shown."
)
@click.option(
    "--exclude",
    metavar="GLOB",
    multiple=True,
    help="Leave out what matches, as a path below PATH or as a name. May be repeated.",
)
@click.option(
    "--all-async",
    is_flag=True,
    help="Make views and hooks that wait for nothing coroutine functions, too.",
)
def migrate_command(path: Path, write: bool, exclude: tuple[str, ...], all_async: bool) -> None:
    """Turn the Flask application at PATH, a folder or a file, into an asynchronous one for Pottle.

    What changes is shown as a unified diff; nothing is written without --write. What cannot be
    changed with certainty is left as it is and listed at the end.
    """
    if find_spec("libcst") is None:
        raise click.ClickException(
            "The code is read with LibCST, which is not installed: pip install 'pottle[migrate]'."
        )
    from pottle.migrate.command import migrate

    report = migrate(path, exclude, all_async)
    for change in report.changes:
        if write:
            change.write()
        else:
            click.echo(change.diff(), nl=False)
    if report.changes and not write:
        click.echo()
    click.echo(report.summary())
    if report.changes and not write:
        click.echo("\nNothing was written. Run it with --write to change the files.")
