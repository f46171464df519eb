"""The groups of commands: of an application (`app.cli`), and of the ``pottle`` command itself."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click

from pottle.cli import alias
from pottle.cli.context import run_coroutine_command, with_appcontext
from pottle.cli.exec import exec_command
from pottle.cli.info import ScriptInfo
from pottle.cli.loading import AppFailure, NoAppException
from pottle.cli.options import (
    alias_options,
    app_option,
    debug_option,
    env_file_option,
    version_option,
)
from pottle.cli.routes import routes_command
from pottle.cli.run import run_command
from pottle.cli.serve import serve_command
from pottle.cli.shell import shell_command
from pottle.scaffold import edge
from pottle.utils import is_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pottle.app import Pottle


class AppGroup(click.Group):
    """A click group whose commands run in the application's context and may be coroutine functions."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        """As `click.Group.command`; ``with_appcontext=False`` leaves the application out of it."""
        wanted = kwargs.pop("with_appcontext", True)
        if args and callable(args[0]):
            return self.command(*args[1:], with_appcontext=wanted, **kwargs)(args[0])
        make: Callable[..., click.Command] = super().command(*args, **kwargs)

        def decorate(func: Callable[..., Any]) -> click.Command:
            return make(with_appcontext(func) if wanted else func)

        return decorate

    def group(self, *args: Any, **kwargs: Any) -> Any:
        """As `click.Group.group`, with groups of this class."""
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """As `click.Group.add_command`; a callback that is a coroutine function is run, too."""
        if cmd.callback is not None and is_async(cmd.callback):
            cmd.callback = run_coroutine_command(cmd.callback)
        super().add_command(cmd, name)


_OPTIONS = (env_file_option, app_option, *alias_options, debug_option)
_COMMANDS = (run_command, serve_command, routes_command, shell_command, exec_command)


class PottleGroup(AppGroup):
    """The ``pottle`` command, or one like it: options for the application, its commands, our own.

    *create_app* is for a command that belongs to one application. *params* are further options.
    """

    #: Where packages offer commands.
    entry_point_groups = ("pottle.commands",)
    #: Where they offer those for Flask, which also work here; loading one imports Flask.
    flask_entry_point_groups = ("flask.commands",)

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Pottle] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), *_OPTIONS]
        if add_version_option:
            params.append(version_option)
        settings: dict[str, Any] = extra.pop("context_settings", None) or {}
        settings.setdefault("auto_envvar_prefix", "POTTLE")
        super().__init__(params=params, context_settings=settings, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        self._plugins_loaded: set[str] = set()
        if add_default_commands:
            for command in _COMMANDS:
                self.add_command(command)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of our own commands, of those that packages offer, or of the application's."""
        command = self._own_command(ctx, cmd_name)
        if command is not None:
            return command
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except AppFailure:
            raise
        except NoAppException as error:
            if ctx.resilient_parsing:
                return None
            raise NoAppException(
                f"{cmd_name!r} is no command of {ctx.command_path!r}, and no application that may"
                f" have it was found: {error.format_message()}"
            ) from error
        # Loading the application may have turned the alias on, and with it more packages.
        of_app: click.Group = app.cli
        command = self._own_command(ctx, cmd_name) or of_app.get_command(ctx, cmd_name)
        if command is None:
            self._load_groups(self.flask_entry_point_groups)
            command = super().get_command(ctx, cmd_name)
        if command is not None and sys.modules.get("flask") is not None:
            edge("pottle.compat.flask.commands:adapt")(ctx.ensure_object(ScriptInfo))
        return command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands; if the application cannot be loaded, that is said."""
        names: set[str] = set()
        try:
            names.update(ctx.ensure_object(ScriptInfo).load_app().cli.list_commands(ctx))
        except NoAppException as error:
            error.show()
        self._load_plugins()
        self._load_groups(self.flask_entry_point_groups)
        return sorted(names.union(super().list_commands(ctx)))

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app,
                set_debug_flag=self.set_debug_flag,
                load_dotenv_defaults=self.load_dotenv,
            )
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and self.no_args_is_help:
            # Help is shown before any option is handled, but lists the application's commands.
            for option in (env_file_option, app_option, *alias_options):
                option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)

    def _own_command(self, ctx: click.Context, name: str) -> click.Command | None:
        self._load_plugins()
        return super().get_command(ctx, name)

    def _load_plugins(self) -> None:
        self._load_groups({*self.entry_point_groups, *alias.entry_point_groups()})

    def _load_groups(self, names: Iterable[str]) -> None:
        groups = set(names) - self._plugins_loaded
        self._plugins_loaded |= groups
        for group in sorted(groups):
            for point in entry_points(group=group):
                alias.install_if_asked()
                try:
                    self.add_command(point.load(), point.name)
                except Exception:  # one broken package must not take every command along
                    click.secho(
                        f"{traceback.format_exc()}\nThe command {point.name!r} of the entry point"
                        f" {point.value!r} cannot be loaded.",
                        err=True,
                        fg="yellow",
                    )
