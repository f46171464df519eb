"""``pottle exec``: another command, in the environment that the options before it make."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click

from pottle.cli.options import as_quart_option

#: What Python ignores. A program that is put in its place would go on ignoring it.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")


@click.command(
    "exec",
    short_help="Run another command, with Pottle for Quart.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_command(command: tuple[str, ...]) -> None:
    """Run COMMAND. With --as-quart, Python programs in it get Pottle when they import Quart.

    So tests and servers need no change: 'pottle exec --as-quart -- python -m pytest'. Exit code and
    signals are those of COMMAND. In a virtual environment, its own commands come first.
    """
    environment = {**os.environ, "PATH": _path()}
    name = command[0]
    program = shutil.which(name, path=environment["PATH"])
    if program is None and Path(name).exists() and Path(name).name != name:
        program = name  # a path: what is wrong with it is said by the attempt
    if program is None:
        hint = " Use 'python -m quart'." if name == "quart" else ""
        _give_up(f"There is no command {name!r}.{hint}", 127)
    try:
        _run(program, command, environment)
    except OSError as error:  # no permission, no such interpreter, no program at all
        _give_up(f"{program} cannot be started: {error.strerror}.", 126)


def _path() -> str:
    """The PATH, beginning with the commands of the virtual environment, activated or not."""
    path = os.environ.get("PATH", os.defpath)
    if sys.prefix == sys.base_prefix:
        return path
    return f"{Path(sys.executable).parent}{os.pathsep}{path}"


def _give_up(message: str, code: int) -> NoReturn:
    """End with an exit code that shells have for it."""
    click.ClickException(message).show()
    sys.exit(code)


def replace_process(program: str, command: tuple[str, ...], environment: dict[str, str]) -> None:
    """Be *command* from now on: it has the process number, the terminal and the signals."""
    sys.stdout.flush()
    sys.stderr.flush()
    for name in _IGNORED_BY_PYTHON:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(program, command, environment)  # noqa: S606 - what the user asked for


def wait_for_process(program: str, command: tuple[str, ...], environment: dict[str, str]) -> None:
    """Run *command* and end with its exit code, where a process cannot be replaced."""
    sys.exit(subprocess.run([program, *command[1:]], env=environment, check=False).returncode)  # noqa: S603 - what the user asked for


_run = wait_for_process if os.name == "nt" else replace_process

exec_command.params.insert(0, as_quart_option)
