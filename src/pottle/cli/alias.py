"""The names of other frameworks for Pottle, as far as commands are concerned: who asked, who gets it.

The environment says so, because that is what reloaders, workers and other commands inherit. The
alias itself stands in `pottle.compat`, which is looked up by name.
"""

from __future__ import annotations

import multiprocessing
import os
import sys

import click

from pottle.errors import SetupError
from pottle.scaffold import edge

#: "1": `quart` is Pottle, here and in all processes that are started. Anything else: it is not.
AS_QUART = "POTTLE_AS_QUART"
#: "1": `flask.Flask` is an application class of Pottle's, likewise.
AS_FLASK = "POTTLE_AS_FLASK"


def asked_for() -> bool:
    """Whether ``quart`` is to be Pottle in this process."""
    return os.environ.get(AS_QUART) == "1"


def is_on() -> bool:
    """Whether ``quart`` is Pottle in this process already."""
    return sys.modules.get("quart") is sys.modules["pottle"]


def ask() -> None:
    """Have ``quart`` be Pottle in this process and in those it starts, once they import it.

    Quart's variables hold for Pottle's, where those are not set.
    """
    os.environ[AS_QUART] = "1"
    entry, path = _path_entry(), os.environ.get("PYTHONPATH", "")
    if path.partition(os.pathsep)[0] != entry:
        os.environ["PYTHONPATH"] = f"{entry}{os.pathsep}{path}" if path else entry
    _take_over("QUART_")


def ask_for_flask() -> None:
    """Have Pottle run applications of Flask in this process and in those it starts.

    Flask's variables hold for Pottle's, where those are not set.
    """
    os.environ[AS_FLASK] = "1"
    _take_over("FLASK_")


def _take_over(prefix: str) -> None:
    for name, value in list(os.environ.items()):
        if name.startswith(prefix):
            os.environ.setdefault(f"POTTLE_{name.removeprefix(prefix)}", value)


def install_if_asked() -> None:
    """Turn the aliases on that are asked for; one line says why one cannot be."""
    if os.environ.get(AS_FLASK) == "1":
        try:
            edge("pottle.compat.flask:install_as_flask")()
        except ImportError as error:
            raise click.ClickException(
                f"Applications of Flask need Flask ({error}): pip install 'pottle[flask]'."
            ) from error
    if not asked_for():
        return
    try:
        edge("pottle.compat:install_as_quart")()
    except SetupError as error:
        raise click.ClickException(str(error)) from error
    _put_on_path()


def offer() -> None:
    """Where there is no Quart, turn the alias on when somebody imports it, and say so.

    Of several workers the first one says it. POTTLE_AS_QUART=0 is a refusal.
    """
    if os.environ.get(AS_QUART):
        return

    def taken(line: str) -> None:
        ask()
        _put_on_path()
        if multiprocessing.parent_process() is None or _is_first_worker():
            click.secho(line, err=True, fg="yellow")

    edge("pottle.compat:offer_as_quart")(taken)


def is_real_quart(value: object) -> bool:
    """Whether *value* is an application of Quart itself, which is installed and was imported."""
    return any(base.__module__ == "quart.app" for base in type(value).__mro__)


def is_real_flask(value: object) -> bool:
    """Whether *value* is an application of Flask that Pottle does not run."""
    return any(base.__module__ == "flask.app" for base in type(value).__mro__)


def entry_point_groups() -> tuple[str, ...]:
    """Where packages made for Quart offer commands, while ``quart`` is Pottle."""
    return ("quart.commands",) if asked_for() or is_on() else ()


def _put_on_path() -> None:
    """For processes that the application starts with `multiprocessing`: they get this path."""
    if (entry := _path_entry()) not in sys.path:
        sys.path.insert(0, entry)


def _path_entry() -> str:
    entry: str = edge("pottle.compat:path_entry")()
    return entry


def _is_first_worker() -> bool:
    return multiprocessing.current_process().name.endswith("-1")
