"""The command line: ``pottle run``, ``serve``, ``routes``, ``shell``, ``exec``, and your own commands.

The only place that imports click. The names are those of Flask's and Quart's `cli` modules.
"""

from __future__ import annotations

from pottle.cli import alias
from pottle.cli.context import with_appcontext
from pottle.cli.dotenv import load_dotenv
from pottle.cli.exec import exec_command
from pottle.cli.groups import AppGroup, PottleGroup
from pottle.cli.info import ScriptInfo, pass_script_info
from pottle.cli.loading import (
    NoAppException,
    find_app_by_string,
    find_best_app,
    locate_app,
    prepare_import,
)
from pottle.cli.migrate import migrate_command
from pottle.cli.options import get_version, version_option
from pottle.cli.routes import routes_command
from pottle.cli.run import run_command
from pottle.cli.serve import serve_command
from pottle.cli.shell import shell_command
from pottle.globals import current_app
from pottle.helpers import get_debug_flag, get_load_dotenv

__all__ = [
    "AppGroup",
    "NoAppException",
    "PottleGroup",
    "ScriptInfo",
    "cli",
    "current_app",
    "exec_command",
    "find_app_by_string",
    "find_best_app",
    "get_debug_flag",
    "get_load_dotenv",
    "get_version",
    "load_dotenv",
    "locate_app",
    "main",
    "pass_script_info",
    "prepare_import",
    "routes_command",
    "run_command",
    "serve_command",
    "shell_command",
    "version_option",
    "with_appcontext",
]

cli = PottleGroup(
    name="pottle",
    help="""\
The command line of Pottle applications.

The application is named with --app, with the environment variable POTTLE_APP, or found in a file
app.py, wsgi.py or asgi.py in this folder.
""",
)
cli.add_command(migrate_command)


def main() -> None:
    """Run the ``pottle`` command; ``quart``, if that is the name it was found by."""
    as_quart = alias.is_on()
    if as_quart:
        alias.ask()
    cli.main(prog_name="quart" if as_quart else "pottle")
