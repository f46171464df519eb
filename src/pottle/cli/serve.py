"""``pottle serve``: the production server. Never in debug mode, never reloading."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from pottle.cli.info import ScriptInfo, pass_script_info
from pottle.cli.options import alias_options, app_option
from pottle.cli.run import server_errors, tls_options
from pottle.helpers import get_debug_flag
from pottle.servers import SERVERS, Settings, serve

if TYPE_CHECKING:
    from pottle.app import Pottle


@click.command("serve", short_help="Run a production server.")
@click.option("--host", "-h", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", "-p", default=5000, show_default=True, help="The port; 0: any free one.")
@click.option("--uds", type=click.Path(), help="Listen on a Unix socket with this path instead.")
@click.option("--fd", type=int, help="Listen on an open socket with this number instead.")
@click.option(
    "--server",
    type=click.Choice(list(SERVERS)),
    default="uvicorn",
    show_default=True,
    help="uvicorn: HTTP/1.1; granian: HTTP/2, too; hypercorn: HTTP/2 and HTTP/3, too.",
)
@click.option("--workers", "-w", default=1, show_default=True, help="How many processes.")
@tls_options
@click.option("--ca-certs", type=click.Path(), help="Certificates to check those of clients with.")
@click.option("--http2/--no-http2", default=None, help="HTTP/2. By default if the server has it.")
@click.option("--http3", is_flag=True, help="HTTP/3 on the UDP port with the same number.")
@click.option(
    "--access-log/--no-access-log", default=False, show_default=True, help="A line per request."
)
@click.option(
    "--graceful-timeout",
    type=click.FloatRange(min=0),
    help="Seconds for requests in flight at shutdown. By default the app's SHUTDOWN_TIMEOUT.",
)
@pass_script_info
def serve_command(
    info: ScriptInfo,
    host: str,
    port: int,
    uds: str | None,
    fd: int | None,
    server: str,
    workers: int,
    certfile: str | None,
    keyfile: str | None,
    ca_certs: str | None,
    http2: bool | None,
    http3: bool,
    access_log: bool,
    graceful_timeout: float | None,
) -> None:
    """Run a server for production.

    On SIGTERM or Ctrl+C it stops accepting, ends event streams and websockets, gives the requests
    in flight their time, and ends with exit code 0.
    """
    if get_debug_flag():
        click.secho(" * 'pottle serve' has no debug mode: see 'pottle run'.", fg="yellow", err=True)
    os.environ["POTTLE_DEBUG"] = "0"
    settings = Settings(
        host=host,
        port=port,
        uds=uds,
        fd=fd,
        server=server,
        workers=workers,
        certfile=certfile,
        keyfile=keyfile,
        ca_certs=ca_certs,
        http2=http2,
        http3=http3,
        access_log=access_log,
        grace=graceful_timeout,
    )
    if workers == 1:
        load = info.load_app
    elif info.create_app is None:
        load = partial(load_in_worker, info.app_import_path)
    else:
        raise click.UsageError("Worker processes can only load an application named with --app.")
    with server_errors():
        serve(load, settings, to_the_end=True)


def load_in_worker(app_import_path: str | None) -> Pottle:
    """The application, in a worker process; prints why not and ends the process if it cannot be."""
    try:
        return ScriptInfo(app_import_path).load_app()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


serve_command.params[:0] = [app_option, *alias_options]
