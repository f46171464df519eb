"""The runner for command-line tests. The only module of `pottle.testing` that needs click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from werkzeug.utils import import_string

if TYPE_CHECKING:
    from ..app import Pottle


class PottleCliRunner(CliRunner):
    """click's runner, with the commands of *app*. The other arguments are those of `CliRunner`."""

    def __init__(self, app: Pottle, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    # `cli` may be left out, as in Flask and Quart, and the rest is click's own.
    def invoke(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, cli: Any = None, args: Any = None, **kwargs: Any
    ) -> Any:
        """Invoke *cli*, or the commands of the application, with *args*; see `CliRunner.invoke`.

        ``obj`` is a `ScriptInfo` of the application unless given.
        """
        if "obj" not in kwargs:
            # By name: the command line stands above this layer.
            script_info = import_string("pottle.cli:ScriptInfo")
            kwargs["obj"] = script_info(create_app=lambda: self.app)
        return super().invoke(self.app.cli if cli is None else cli, args, **kwargs)
