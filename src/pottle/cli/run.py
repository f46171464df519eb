"""``pottle run``: the development server."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pottle.cli.info import ScriptInfo, pass_script_info
from pottle.cli.options import alias_options, app_option, debug_option
from pottle.helpers import get_debug_flag
from pottle.servers import ServerError, Settings, reloader, runner

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def server_errors() -> Generator[None]:
    """Turn what a server refuses into one line for the terminal."""
    try:
        yield
    except ServerError as error:
        raise click.ClickException(str(error)) from error


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for a certificate; whether the files are there is said by the server."""
    for names, text in (
        (("--keyfile", "--key"), "The key of the certificate, if it is not in the same file."),
        (("--certfile", "--cert"), "A certificate (PEM): serve over HTTPS."),
    ):
        command = click.option(*names, type=click.Path(), help=text)(command)
    return command


def _split_paths(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str]:
    return [path for path in (value or "").split(os.pathsep) if path]


@click.command("run", short_help="Run a development server.")
@click.option("--host", "-h", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", "-p", default=5000, show_default=True, help="The port; 0: any free one.")
@tls_options
@click.option(
    "--reload/--no-reload",
    default=None,
    help="Start anew when a file changes. By default in debug mode.",
)
@click.option(
    "--debugger/--no-debugger",
    default=None,
    help="Show a page with the traceback for an error. By default in debug mode.",
)
@click.option(
    "--extra-files",
    callback=_split_paths,
    help=f"More files that cause a start anew, separated by {os.pathsep!r}.",
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    host: str,
    port: int,
    certfile: str | None,
    keyfile: str | None,
    reload: bool | None,
    debugger: bool | None,
    extra_files: list[str],
) -> None:
    """Run a server for development, on this machine.

    In debug mode (--debug) it starts anew when files change and shows errors in the browser. For
    production there is 'pottle serve'.
    """
    debug = get_debug_flag()
    settings = Settings(host=host, port=port, certfile=certfile, keyfile=keyfile, access_log=True)
    with server_errors():
        if (debug if reload is None else reload) and reloader.possible():
            reloader.start(settings, extra_files, _folders(info))
        else:
            reloader.end_with_parent()
            app = info.load_app()
            debug_page = debug if debugger is None else debugger
            runner.develop(app, settings, debug_page=debug_page, to_the_end=True)


def _folders(info: ScriptInfo) -> list[Path]:
    """The folder of the application, if it was named as a file somewhere else."""
    path = (info.app_import_path or "").partition(":")[0]
    return [Path(path).resolve().parent] if path.endswith(".py") else []


run_command.params[:0] = [app_option, debug_option, *alias_options]
