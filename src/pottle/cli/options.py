"""The options that stand before or after a command: application, debug mode, files to read, Quart.

They work by callbacks, so that a group of the user's own may have them too.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib.metadata import version
from typing import Any

import click
from click.core import ParameterSource

from pottle.cli import alias
from pottle.cli.dotenv import load_dotenv
from pottle.cli.info import ScriptInfo
from pottle.helpers import get_load_dotenv
from pottle.scaffold import edge


def get_version(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Callback of ``--version``: print the versions and end."""
    if not value or ctx.resilient_parsing:
        return
    versions = {
        "Python": platform.python_version(),
        "Pottle": version("pottle"),
        "Werkzeug": version("werkzeug"),
    }
    if alias.asked_for():
        versions["Quart"] = f"{edge('pottle.compat:QUART_VERSION')} (Pottle)"
    click.echo("\n".join(f"{name} {number}" for name, number in versions.items()))
    ctx.exit()


def _set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value
    return value


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool | None:
    source = ctx.get_parameter_source(str(param.name))
    if source in (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return None  # not given: the environment decides
    # Through the environment, so that a factory sees it too.
    os.environ["POTTLE_DEBUG"] = "1" if value else "0"
    return value


def _ask_for_quart(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:
        alias.ask()
    return value


def _ask_for_flask(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        alias.ask_for_flask()


def _read_env_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    _read_files(ctx, param, value)
    if alias.asked_for():
        alias.ask()  # once more: for variables of Quart that the files have set
    return value


def _read_files(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    load_defaults = get_load_dotenv(ctx.ensure_object(ScriptInfo).load_dotenv_defaults)
    if value is None:
        if load_defaults:
            load_dotenv()
        return
    if importlib.util.find_spec("dotenv") is None:
        raise click.BadParameter(
            "python-dotenv must be installed to read it: `pip install 'pottle[dotenv]'`.",
            ctx=ctx,
            param=param,
        )
    load_dotenv(value, load_defaults)


# `--help` is eager as well and lists the application's commands: what they need comes first.
env_file_option = click.Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    help="Set environment variables from this file first (needs python-dotenv).",
    is_eager=True,
    expose_value=False,
    callback=_read_env_file,
)

app_option = click.Option(
    ["-A", "--app"],
    metavar="IMPORT",
    help=(
        "The application or its factory, as 'module:name' or 'path/file.py:name'. The name can be"
        " left out if it is 'app', 'application', 'create_app' or 'make_app', and can be"
        " 'name(args)' to pass arguments."
    ),
    is_eager=True,
    expose_value=False,
    callback=_set_app,
)

as_quart_option = click.Option(
    ["--as-quart"],
    is_flag=True,
    help="Run a program made for Quart: 'import quart' gives Pottle, also where Quart is installed.",
    is_eager=True,
    expose_value=False,
    callback=_ask_for_quart,
)

as_flask_option = click.Option(
    ["--as-flask"],
    is_flag=True,
    help="Run a program made for Flask: 'flask.Flask' is an application that Pottle runs.",
    is_eager=True,
    expose_value=False,
    callback=_ask_for_flask,
)

alias_options = (as_quart_option, as_flask_option)

debug_option = click.Option(
    ["--debug/--no-debug"],
    help="Set debug mode.",
    expose_value=False,
    callback=_set_debug,
)

version_option = click.Option(
    ["--version"],
    help="Show the versions of Python, Pottle and Werkzeug.",
    expose_value=False,
    callback=get_version,
    is_flag=True,
    is_eager=True,
)
