"""From what a user calls an application (``module:name``, ``path/file.py:factory(1)``) to the object.

Every way this can fail ends in a `NoAppException`: one line that says what to put right, with the
traceback of the user's own frames before it if the user's code raised (`AppFailure`).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pottle.app import Pottle
from pottle.cli import alias
from pottle.servers.runner import LOADED_BY_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType

#: Files that are looked at, in this order, if no application was named.
DEFAULT_FILES = ("app.py", "wsgi.py", "asgi.py")

_APP_NAMES = ("app", "application")
_FACTORY_NAMES = ("create_app", "make_app")
_OURS = str(Path(__file__).parent)


class NoAppException(click.UsageError):
    """The application could not be found: one line says why, and what to do."""

    def show(self, file: Any = None) -> None:
        """Print the one line; how the command is used is not the question."""
        click.secho(f"Error: {self.format_message()}", file=file, err=file is None, fg="red")


class AppFailure(NoAppException):
    """The application was found, but its code raised: *details* is the traceback."""

    exit_code = 1  # the command was right

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details

    def show(self, file: Any = None) -> None:
        """Print the traceback, then the one line."""
        click.echo(self.details, file=file, err=file is None)
        super().show(file)


def load_by_path(path: str | None) -> Pottle:
    """The application that *path* names; without one, from the first of `DEFAULT_FILES` there is."""
    alias.offer()
    if path:
        module_path, name = (*re.split(r":(?![\\/])", path, maxsplit=1), None)[:2]
        return locate_app(prepare_import(str(module_path)), name)
    for filename in DEFAULT_FILES:
        if Path(filename).is_file():
            return locate_app(prepare_import(filename), None)
    raise NoAppException(
        "No application was named. Use the option --app, the environment variable POTTLE_APP, or"
        f" one of the files {', '.join(DEFAULT_FILES)} in this folder."
    )


def prepare_import(path: str) -> str:
    """The name under which the module at *path* is imported, once its root is on ``sys.path``.

    *path* is a file, a folder or a dotted name; folders with an ``__init__.py`` are packages.
    """
    file = Path(os.path.realpath(path))
    if file.suffix == ".py":
        file = file.with_suffix("")
    if file.name == "__init__":
        file = file.parent
    names = [file.name]
    root = file.parent
    while (root / "__init__.py").exists():
        names.append(root.name)
        root = root.parent
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    return ".".join(reversed(names))


def locate_app(module_name: str, app_name: str | None) -> Pottle:
    """Import *module_name* and find the application in it, by *app_name* or by the usual names."""
    with _loading():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name and f"{module_name}.".startswith(f"{error.name}."):
                raise NoAppException(
                    f"There is no module {module_name!r} (looked for in {sys.path[0]} and in the"
                    " installed packages)."
                ) from None
            raise _failure(f"importing {module_name!r}", error) from error
        except (Exception, SystemExit) as error:  # whatever the user's module does
            raise _failure(f"importing {module_name!r}", error) from error
        return find_best_app(module) if app_name is None else find_app_by_string(module, app_name)


def find_best_app(module: ModuleType) -> Pottle:
    """The application of *module*: by the usual names, the only one, or by a usual factory."""
    for name in _APP_NAMES:
        app = getattr(module, name, None)
        if isinstance(app, Pottle):
            return app
    apps = _apps_in(module)
    if len(apps) == 1:
        return next(iter(apps.values()))
    if apps:
        raise NoAppException(
            f"Module {module.__name__!r} has several applications: {', '.join(apps)}."
            f" Name one: --app {module.__name__}:{next(iter(apps))}."
        )
    for name in _FACTORY_NAMES:
        factory = getattr(module, name, None)
        if inspect.isfunction(factory):
            return _call_factory(module, name, factory, (), {})
    for name, value in vars(module).items():
        if alias.is_real_quart(value) or alias.is_real_flask(value):
            raise _application_of_another(value, f"{module.__name__}:{name}")
    raise NoAppException(
        f"Found no Pottle application and no factory in module {module.__name__!r}."
        f" Name one: --app {module.__name__}:NAME."
    )


def find_app_by_string(module: ModuleType, app_name: str) -> Pottle:
    """The application called *app_name* in *module*: a name, or a call with literal arguments."""
    name, args, kwargs, is_call = _parse(app_name)
    try:
        value = getattr(module, name)
    except AttributeError:
        apps = _apps_in(module)
        there = f" It has: {', '.join(apps)}." if apps else ""
        raise NoAppException(f"Module {module.__name__!r} has no {name!r}.{there}") from None
    if is_call or inspect.isfunction(value):
        if not callable(value):
            raise NoAppException(f"{name!r} in module {module.__name__!r} cannot be called.")
        return _call_factory(module, name, value, args, kwargs)
    return _checked(value, f"{module.__name__}:{app_name}")


def _parse(app_name: str) -> tuple[str, list[Any], dict[str, Any], bool]:
    """Split *app_name* into the name, the arguments and whether it is a call."""
    try:
        expression = ast.parse(app_name.strip(), mode="eval").body
    except SyntaxError:
        expression = None
    if isinstance(expression, ast.Name):
        return expression.id, [], {}, False
    if not isinstance(expression, ast.Call):
        raise NoAppException(f"{app_name!r} is neither a name nor a call of a factory.")
    if not isinstance(expression.func, ast.Name):
        raise NoAppException(f"The factory must be a simple name, not {app_name!r}.")
    try:
        args = [ast.literal_eval(arg) for arg in expression.args]
        kwargs = {str(kw.arg): ast.literal_eval(kw.value) for kw in expression.keywords}
    except ValueError:
        raise NoAppException(
            f"The arguments in {app_name!r} must be literals: strings, numbers, lists and the like."
        ) from None
    return expression.func.id, args, kwargs, True


def _call_factory(
    module: ModuleType, name: str, factory: Callable[..., Any], args: Any, kwargs: Any
) -> Pottle:
    where = f"{module.__name__}:{name}"
    try:
        inspect.signature(factory).bind(*args, **kwargs)
    except TypeError as error:
        raise NoAppException(
            f"The factory {where} does not take these arguments: {error}."
            f" Give others: --app '{where}(...)'."
        ) from None
    if inspect.iscoroutinefunction(factory):
        raise NoAppException(
            f"The factory {where} is asynchronous, but no event loop runs yet: make it a plain"
            " function, and await in a before_serving function of the application."
        )
    try:
        app = factory(*args, **kwargs)
    except click.ClickException:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's factory does
        raise _failure(f"calling {where}", error) from error
    return _checked(app, f"{where}()")


def _checked(value: Any, where: str) -> Pottle:
    if isinstance(value, Pottle):
        return value
    if alias.is_real_quart(value) or alias.is_real_flask(value):
        raise _application_of_another(value, where)
    raise NoAppException(f"{where} is no Pottle application but {_a(type(value).__name__)}.")


def _application_of_another(value: object, where: str) -> NoAppException:
    name = "Quart" if alias.is_real_quart(value) else "Flask"
    return NoAppException(
        f"{where} is an application of {name}, which is installed here. Use the option"
        f" --as-{name.lower()} to run it on Pottle."
    )


def _a(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def _apps_in(module: ModuleType) -> dict[str, Pottle]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Pottle)}


@contextmanager
def _loading() -> Generator[None]:
    """Say so in the environment, so that `app.run()` at module level does not serve."""
    before = os.environ.get(LOADED_BY_COMMAND)
    os.environ[LOADED_BY_COMMAND] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[LOADED_BY_COMMAND]
        else:
            os.environ[LOADED_BY_COMMAND] = before


def _failure(doing: str, error: BaseException) -> AppFailure:
    """What the user's code raised, told with the frames of that code only."""
    told = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in told.stack if not _is_machinery(frame.filename)]
    told.stack = traceback.StackSummary.from_list(frames)
    details = "".join(told.format()).rstrip()
    if isinstance(error, SyntaxError):
        place, message = f"{_short(error.filename)}:{error.lineno}", error.msg
    else:
        place = f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
        message = str(error)
    return AppFailure(
        f"{type(error).__name__} in {place} while {doing}" + (f": {message}" if message else ""),
        details,
    )


def _is_machinery(filename: str) -> bool:
    return filename.startswith(("<frozen importlib", _OURS)) or filename == importlib.__file__


def _short(filename: str | None) -> str:
    """*filename* relative to the working directory, if it lies in it."""
    path = Path(filename or "?")
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
