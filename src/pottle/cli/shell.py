"""``pottle shell``: an interactive Python that can await, inside the application's context."""

from __future__ import annotations

import ast
import code
import inspect
import os
import platform
import sys
import traceback
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import click

from pottle.cli.context import AppRunner
from pottle.cli.info import ScriptInfo, pass_script_info
from pottle.cli.options import alias_options, app_option

if TYPE_CHECKING:
    from types import CodeType, TracebackType

    from pottle.app import Pottle


class AwaitingConsole(code.InteractiveConsole):
    """A console in which ``await`` works at top level, all in one event loop."""

    def __init__(self, names: dict[str, Any], runner: AppRunner) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._runner = runner
        self._names = names

    def runcode(self, code: CodeType) -> None:
        """Run one statement; what it raises is shown, except for a request to leave."""
        # A function gives its coroutine back if there is an `await` in the code.
        statement = FunctionType(code, self._names)

        async def run() -> None:
            # In the loop even without an `await`: for `asyncio.create_task()`, say.
            result = statement()
            if inspect.iscoroutine(result):
                await result

        try:
            self._runner.finish(run())
        except SystemExit:
            raise
        except BaseException as error:  # the console lives on, after Ctrl+C as well
            self.write("".join(traceback.format_exception(type(error), error, _own(error, code))))


def _own(error: BaseException, code: CodeType) -> TracebackType | None:
    """The traceback of *error* from the statement on; none if it never came so far."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code is not code:
        tb = tb.tb_next
    return tb


@click.command("shell", short_help="Run a shell in the context of the application.")
@pass_script_info
def shell_command(info: ScriptInfo) -> None:
    """Run an interactive Python in the application's context. 'await' works at top level.

    The names are those of the application's shell context processors.
    """
    app = info.load_app()
    with AppRunner(app) as runner:
        names = runner.call(_names, app)
        _set_up_readline(names)
        AwaitingConsole(names, runner).interact(
            banner=(
                f"Python {platform.python_version()} on {sys.platform}\n"
                f"App: {app.import_name}\n"
                f"Instance: {app.instance_path}"
            ),
            exitmsg="",
        )


def _names(app: Pottle) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__console__", "__doc__": None}
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and Path(startup).is_file():
        source = Path(startup).read_bytes()
        exec(compile(source, startup, "exec"), names)  # noqa: S102 - as the Python shell does
    names.update(app.make_shell_context())
    return names


def _set_up_readline(names: dict[str, Any]) -> None:
    """Completion and history as in the Python shell, for our names; only at a terminal."""
    hook = getattr(sys, "__interactivehook__", None)
    if hook is None or not sys.stdin.isatty():
        return
    try:
        import readline
        from rlcompleter import Completer
    except ImportError:
        pass
    else:
        readline.set_completer(Completer(names).complete)
    hook()


shell_command.params[:0] = [app_option, *alias_options]
