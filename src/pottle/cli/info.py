"""What a command knows of the application: where it is, and the object once it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pottle.cli import alias
from pottle.cli.loading import load_by_path
from pottle.helpers import get_debug_flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from pottle.app import Pottle


class ScriptInfo:
    """Finds the application for a command, once.

    From *create_app* if it is given, else by *app_import_path* (what ``--app`` says), else from a
    file with a usual name. With *set_debug_flag* the application's debug mode is that of
    POTTLE_DEBUG. ``data`` is free for extensions.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Pottle] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.set_debug_flag = set_debug_flag
        self.load_dotenv_defaults = load_dotenv_defaults
        self.data: dict[Any, Any] = {}
        self._loaded_app: Pottle | None = None

    def load_app(self) -> Pottle:
        """The application, loaded at the first call; `NoAppException` if it cannot be had."""
        if self._loaded_app is None:
            alias.install_if_asked()
            if self.create_app is not None:
                app = self.create_app()
            else:
                app = load_by_path(self.app_import_path)
            if self.set_debug_flag:
                app.debug = get_debug_flag()
            self._loaded_app = app
        return self._loaded_app


pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)
