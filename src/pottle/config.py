"""The configuration: a dictionary that can be filled from files, objects and the environment.

Nothing here knows an application. Invariant: whoever set `on_change` hears of every mutation made
through the mapping itself (a value that is itself mutable can change unseen).
"""

from __future__ import annotations

import errno
import json
import os
import types
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, overload

from werkzeug.utils import import_string

from .errors import SetupError
from .utils import ENVIRONMENT_PREFIXES

if TYPE_CHECKING:
    from .typing import FilePath

T = TypeVar("T")

DEFAULT_CONFIG: dict[str, Any] = {
    "APPLICATION_ROOT": "/",
    "BACKGROUND_TASK_SHUTDOWN_TIMEOUT": 5,  # seconds
    "BODY_TIMEOUT": 60,  # seconds without a byte
    "CANCEL_ON_DISCONNECT": True,
    "DEBUG": None,
    "ENV": None,
    "EXPLAIN_TEMPLATE_LOADING": False,
    "FLASK_BRIDGE": None,  # None: what the environment says, else where Flask is imported
    "FLASK_SYNC_IN": None,  # "auto", "thread" or "greenlet"; None: what the environment says
    "HEADER_TIMEOUT": 30,  # seconds
    "KEEP_ALIVE_TIMEOUT": 5,  # seconds
    "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,  # bytes
    "MAX_COOKIE_SIZE": 4093,  # bytes
    "MAX_FORM_FILES": 100,
    "MAX_FORM_MEMORY_SIZE": 500_000,  # bytes
    "MAX_FORM_PARTS": 1000,
    "MAX_HEADERS": 1000,
    "MAX_HEADER_SIZE": 64 * 1024,  # bytes
    "MAX_JSON_SIZE": 16 * 1024 * 1024,  # bytes
    "MAX_PIPELINED_REQUESTS": 100,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
    "PREFERRED_URL_SCHEME": "http",
    "PREFER_SECURE_URLS": False,
    "PRESERVE_CONTEXT_ON_EXCEPTION": None,
    "PROPAGATE_EXCEPTIONS": None,
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "READ_AHEAD_MESSAGES": 16,
    "READ_AHEAD_SIZE": 64 * 1024,  # bytes
    "RESPONSE_TIMEOUT": 60,  # seconds in which a client takes nothing
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,
    "SEND_FILE_MAX_AGE_DEFAULT": timedelta(hours=12),
    "SERVER_NAME": None,
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_PATH": None,
    "SESSION_COOKIE_SAMESITE": None,
    "SESSION_COOKIE_SECURE": False,
    "SESSION_REFRESH_EACH_REQUEST": True,
    "SHUTDOWN_CLEANUP_TIMEOUT": 5,  # seconds for clean-up, on top of the time for requests and tasks
    "SHUTDOWN_TIMEOUT": 10,  # seconds that requests in flight are given
    "TEMPLATES_AUTO_RELOAD": None,
    "TESTING": False,
    "THREADS": None,  # threads for synchronous code; None leaves the size to Pottle
    "TRAP_BAD_REQUEST_ERRORS": None,
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "WEBSOCKET_MAX_SIZE": 1024 * 1024,  # bytes
    "USE_X_SENDFILE": False,
}


class HasConfig(Protocol):
    """Whoever carries a configuration: the application."""

    @property
    def config(self) -> MutableMapping[str, Any]: ...


class ConfigAttribute(Generic[T]):
    """An attribute of the application that stands for the configuration value *name*.

    *get_converter*, if given, is applied to the value each time it is read.
    """

    def __init__(self, name: str, get_converter: Callable[[Any], T] | None = None) -> None:
        self.__name__ = name
        self.get_converter = get_converter

    @overload
    def __get__(self, obj: None, owner: type | None = None) -> ConfigAttribute[T]: ...

    @overload
    def __get__(self, obj: HasConfig, owner: type | None = None) -> T: ...

    def __get__(self, obj: HasConfig | None, owner: type | None = None) -> T | ConfigAttribute[T]:
        if obj is None:
            return self
        value: T = obj.config[self.__name__]
        return value if self.get_converter is None else self.get_converter(value)

    def __set__(self, obj: HasConfig, value: Any) -> None:
        obj.config[self.__name__] = value


class Config(dict[str, Any]):
    """A dictionary with ways to fill it; only keys in upper case are taken from the outside.

    *root_path* is the folder that relative file names are resolved from, *defaults* the values to
    begin with. `on_change`, if set, is called after every mutation; copies do not inherit it.
    """

    root_path: FilePath
    on_change: Callable[[], None] | None = None

    def __init__(self, root_path: FilePath, defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path

    # -- ways to fill it

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Load the Python file that the environment variable *variable_name* points to.

        Answers whether a file was loaded. An unset or empty variable is a `RuntimeError`, unless
        *silent*, which also forgives a missing file.
        """
        filename = os.environ.get(variable_name)
        if filename:
            return self.from_pyfile(filename, silent=silent)
        if silent:
            return False
        raise RuntimeError(
            f"The configuration could not be loaded: the environment variable {variable_name!r}"
            " is not set. Set it to the path of a configuration file."
        )

    def from_pyfile(self, filename: FilePath, silent: bool = False) -> bool:
        """Run the Python file *filename* and take its names in upper case.

        A relative name is resolved from `root_path`. Answers whether the file was loaded; a missing
        one is an `OSError`, unless *silent*.
        """
        source = self._read(filename, lambda file: file.read(), silent, text=False)
        if source is None:
            return False
        module = types.ModuleType("config")
        module.__file__ = str(Path(self.root_path, filename))
        exec(compile(source, module.__file__, "exec"), module.__dict__)  # noqa: S102 - the purpose
        self.from_object(module)
        return True

    def from_object(self, obj: object | str) -> None:
        """Take the attributes in upper case of *obj*: a module, a class, an instance.

        A string is an import name (``"package.settings"``, ``"package.settings:Production"``). A
        class is not instantiated: pass an instance where it has properties. For a mapping there
        is `from_mapping`.
        """
        source = import_string(obj) if isinstance(obj, str) else obj
        self.update({key: getattr(source, key) for key in dir(source) if key.isupper()})

    def from_file(
        self,
        filename: FilePath,
        load: Callable[[IO[Any]], Mapping[str, Any]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Take the mapping that *load* makes of the opened file *filename*.

        ``from_file("config.toml", load=tomllib.load, text=False)``, for instance. The file is opened as text
        or binary after *text*; a relative name is resolved from `root_path`. Answers whether the
        file was loaded; a missing one is an `OSError`, unless *silent*.
        """
        mapping = self._read(filename, load, silent, text)
        return mapping is not None and self.from_mapping(mapping)

    def from_mapping(
        self, mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **kwargs: Any
    ) -> bool:
        """Like `update`, but keys that are not in upper case are left out. Always answers True."""
        items: dict[str, Any] = {}
        items.update(mapping or {}, **kwargs)
        self.update({key: value for key, value in items.items() if key.isupper()})
        return True

    def from_prefixed_env(
        self, prefix: str | None = None, *, loads: Callable[[str], Any] = json.loads
    ) -> bool:
        """Take the environment variables that begin with *prefix* (``POTTLE``) and an underscore.

        Each value goes through *loads* (JSON by default) and stays a string where that fails.
        Two underscores reach into nested dictionaries, made where they are missing:
        ``POTTLE_DATABASE__POOL__SIZE=5``. Always answers True.
        """
        prefixes = reversed(ENVIRONMENT_PREFIXES) if prefix is None else [prefix]
        for start in prefixes:
            self._take_variables(f"{start}_", loads)
        self._changed()
        return True

    def _take_variables(self, start: str, loads: Callable[[str], Any]) -> None:
        for variable in sorted(os.environ):
            if not variable.startswith(start):
                continue
            value: Any = os.environ[variable]
            try:
                value = loads(value)
            except Exception:  # noqa: S110 - whatever `loads` cannot read is a plain string
                pass
            *outer, key = variable.removeprefix(start).split("__")
            target: MutableMapping[str, Any] = self
            for name in outer:
                inner: Any = target.setdefault(name, {})
                if not isinstance(inner, MutableMapping):
                    raise SetupError(
                        f"The environment variable {variable!r} reaches into {name!r}, which is"
                        f" set to {inner!r} and not to a mapping. Unset one of the two."
                    )
                target = cast("MutableMapping[str, Any]", inner)
            target[key] = value

    def get_namespace(
        self, namespace: str, lowercase: bool = True, trim_namespace: bool = True
    ) -> dict[str, Any]:
        """The values whose keys begin with *namespace*, as a dictionary of their own.

        The keys are without the namespace unless *trim_namespace* is False, and in lower case
        unless *lowercase* is False: fit to be passed as keyword arguments.
        """
        start = len(namespace) if trim_namespace else 0
        return {
            key[start:].lower() if lowercase else key[start:]: value
            for key, value in self.items()
            if key.startswith(namespace)
        }

    def _read(
        self, filename: FilePath, load: Callable[[IO[Any]], T], silent: bool, text: bool
    ) -> T | None:
        """What *load* makes of the file, or None where it is missing and that is forgiven."""
        path = Path(self.root_path, filename)
        try:
            with path.open("r" if text else "rb") as file:
                return load(file)
        except OSError as error:
            if silent and error.errno in {errno.ENOENT, errno.EISDIR, errno.ENOTDIR}:
                return None
            origin = (
                "the path is absolute"
                if Path(filename).is_absolute()
                else f"{os.fspath(filename)!r} was resolved from the root path"
                f" {os.fspath(self.root_path)!r}"
            )
            error.strerror = f"Unable to load configuration file ({error.strerror}; {origin})"
            raise

    # -- mutations

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._changed()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def __ior__(  # type: ignore[override, misc] # dict has overloads that come to the same
        self, other: Mapping[str, Any] | Iterable[tuple[str, Any]]
    ) -> Config:
        self.update(other)
        return self

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As `dict.update`; one change, however many items."""
        super().update(*args, **kwargs)
        self._changed()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As `dict.setdefault`."""
        value = super().setdefault(key, default)
        self._changed()
        return value

    def pop(self, *args: Any) -> Any:
        """As `dict.pop`."""
        value = super().pop(*args)
        self._changed()
        return value

    def popitem(self) -> tuple[str, Any]:
        """As `dict.popitem`."""
        item = super().popitem()
        self._changed()
        return item

    def clear(self) -> None:
        """As `dict.clear`."""
        super().clear()
        self._changed()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "on_change"}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {super().__repr__()}>"
