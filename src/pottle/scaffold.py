"""What an application and a blueprint have in common: routes, hooks, error handlers, folders.

Only registration lives here. Everything registered stands in watched containers, so that an edit in
place is as good as a call of a decorator.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import HTTPException, default_exceptions

from .errors import SetupError
from .files import Opening, open_file
from .globals import current_app
from .helpers import get_root_path
from .realtime import event_view
from .registry import HookTable, WatchedDict
from .sendfile import send_from_directory
from .typing import FilePath
from .wrappers import Response

if TYPE_CHECKING:
    import click
    from jinja2 import BaseLoader

F = TypeVar("F", bound=Callable[..., Any])
Hooks = HookTable[str | None, Callable[..., Any]]


def edge(name: str) -> Any:
    """Something that stands outside of the framework (``"pottle.testing:PottleClient"``).

    Looked up by name when it is used: the framework does not import its servers, its test client or
    its command line, and works without them.
    """
    return resolve_name(name)


class Scaffold:
    """Base of `Pottle` and `Blueprint`: the registry and the decorators that fill it."""

    name: str
    json_encoder: None = None

    def __init__(
        self,
        import_name: str,
        static_folder: FilePath | None = None,
        static_url_path: str | None = None,
        template_folder: FilePath | None = None,
        root_path: str | None = None,
    ) -> None:
        self.import_name = import_name
        self.root_path = root_path if root_path is not None else get_root_path(import_name)
        self._static_folder: str | None = None
        self._static_url_path: str | None = None
        self.static_folder = static_folder
        self.static_url_path = static_url_path
        self.template_folder = template_folder
        self._cli: Any = None

        self.view_functions: dict[str, Callable[..., Any]] = WatchedDict(self.forget_plan)
        #: By blueprint (None: the application), code (None: classes) and class, the handler.
        self.error_handler_spec: dict[
            str | None, dict[int | None, dict[type[Exception], Callable[..., Any]]]
        ] = defaultdict(_handlers_by_code)
        self.before_request_funcs: Hooks = HookTable(self.forget_plan)
        self.after_request_funcs: Hooks = HookTable(self.forget_plan)
        self.teardown_request_funcs: Hooks = HookTable(self.forget_plan)
        self.before_websocket_funcs: Hooks = HookTable(self.forget_plan)
        self.after_websocket_funcs: Hooks = HookTable(self.forget_plan)
        self.teardown_websocket_funcs: Hooks = HookTable(self.forget_plan)
        self.template_context_processors: Hooks = HookTable(self.forget_plan)
        self.url_value_preprocessors: Hooks = HookTable(self.forget_plan)
        self.url_default_functions: Hooks = HookTable(self.forget_plan)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def forget_plan(self) -> None:
        """Called after each registration; what is compiled from it is out of date."""

    def _check_setup(self) -> None:
        """Raise `SetupError` where a registration now would come too late to have an effect."""

    # Folders.

    @property
    def static_folder(self) -> str | None:
        """The absolute folder of static files; None if there is none."""
        if self._static_folder is None:
            return None
        return os.path.join(self.root_path, self._static_folder)  # noqa: PTH118 - as `str`, as in Flask

    @static_folder.setter
    def static_folder(self, value: FilePath | None) -> None:
        self._static_folder = None if value is None else os.fspath(value).rstrip("/\\")

    @property
    def has_static_folder(self) -> bool:
        """Whether there is a folder of static files."""
        return self._static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """The URL that static files stand below; by default the name of their folder."""
        if self._static_url_path is not None:
            return self._static_url_path
        if self.static_folder is not None:
            return f"/{os.path.basename(self.static_folder)}".rstrip("/")  # noqa: PTH119 - '' for '…/'
        return None

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = None if value is None else value.rstrip("/")

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Seconds that a browser may keep *filename*: the configured ones; None to ask each time."""
        config: Any = getattr(self, "config", None)  # an application's own; a blueprint has none
        value = (current_app.config if config is None else config)["SEND_FILE_MAX_AGE_DEFAULT"]
        if value is None:
            return None
        return int(value.total_seconds()) if hasattr(value, "total_seconds") else int(value)

    async def send_static_file(self, filename: str) -> Response:
        """The answer with a file from the static folder; 404 if it is not there."""
        if self.static_folder is None:
            raise SetupError(
                f"{self!r} has no static_folder to serve {filename!r} from. Give it one where it "
                "is made."
            )
        response: Response = await send_from_directory(
            self.static_folder, filename, cache_timeout=self.get_send_file_max_age(filename)
        )
        return response

    def open_resource(
        self, path: FilePath, mode: str = "rb", encoding: str | None = None
    ) -> Opening[Any]:
        """Open a file beside the code for reading; *path* is relative to `root_path`.

        ``async with await app.open_resource("schema.sql") as file: await file.read()``. Raises
        ValueError for a mode that writes.
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(f"Resources can only be read: use mode 'r' or 'rb', not {mode!r}.")
        return open_file(Path(self.root_path, path), mode, encoding)

    @property
    def jinja_loader(self) -> BaseLoader | None:
        """What loads templates from the template folder; None if there is none."""
        if self.template_folder is None:
            return None
        folder = os.path.join(self.root_path, os.fspath(self.template_folder))  # noqa: PTH118 - as `str`
        loader: BaseLoader = edge("jinja2:FileSystemLoader")(folder)
        return loader

    @property
    def cli(self) -> click.Group:
        """The group of commands that ``pottle NAME`` offers, a `click.Group`."""
        if self._cli is None:
            self._cli = edge("pottle.cli:AppGroup")()
            self._cli.name = self.name
        group: click.Group = self._cli
        return group

    @cli.setter
    def cli(self, value: Any) -> None:
        self._cli = value

    # Routes.

    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Decorate a view for *rule*; *options* are those of `add_url_rule`."""

        def decorator(func: F) -> F:
            endpoint = options.pop("endpoint", None)
            self.add_url_rule(rule, endpoint, func, **options)
            return func

        return decorator

    def _method_route(self, method: str, rule: str, options: dict[str, Any]) -> Callable[[F], F]:
        if "methods" in options:
            raise TypeError(
                f"@{method.lower()}(...) is for {method} alone. Use @route({rule!r}, methods=[...]) "
                "to name several."
            )
        return self.route(rule, methods=[method], **options)

    def get(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for GET (and HEAD) alone."""
        return self._method_route("GET", rule, options)

    def post(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for POST alone."""
        return self._method_route("POST", rule, options)

    def put(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for PUT alone."""
        return self._method_route("PUT", rule, options)

    def patch(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for PATCH alone."""
        return self._method_route("PATCH", rule, options)

    def delete(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for DELETE alone."""
        return self._method_route("DELETE", rule, options)

    def websocket(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Decorate a websocket handler for *rule*; *options* are those of `add_websocket`."""

        def decorator(func: F) -> F:
            endpoint = options.pop("endpoint", None)
            self.add_websocket(rule, endpoint, func, **options)
            return func

        return decorator

    def sse(
        self,
        rule: str,
        *,
        keep_alive: float | None = 15.0,
        retry: int | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Decorate an async generator whose items become server-sent events at *rule*.

        `keep_alive` is the number of seconds of silence after which a comment is sent (None for
        never), `retry` the milliseconds after which a browser reconnects; the other *options* are
        those of `add_url_rule`. See `pottle.realtime.EventStream` for what may be yielded.
        """

        def decorator(func: F) -> F:
            view = event_view(func, keep_alive=keep_alive, retry=retry)
            self.add_url_rule(rule, options.pop("endpoint", None), view, **options)
            return func

        return decorator

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Answer requests for *rule* with *view_func*.

        `endpoint` defaults to the function's name; `provide_automatic_options` says whether OPTIONS
        is answered by itself (default: unless it is among `methods`); `options` are those of
        `werkzeug.routing.Rule` (methods, defaults, strict_slashes, subdomain, host ...) and
        `cancel_on_disconnect` (whether the view is cancelled when the client leaves, default: the
        configuration's CANCEL_ON_DISCONNECT).
        """
        raise NotImplementedError

    def add_websocket(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Answer websockets for *rule* with *view_func*; see `add_url_rule`."""
        self.add_url_rule(rule, endpoint, view_func, methods={"GET"}, websocket=True, **options)

    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Decorate the view of an *endpoint* whose rule is added elsewhere.

        It is the whole endpoint, on a blueprint too: ``"shop.basket"`` for a rule of blueprint shop.
        """

        def decorator(func: F) -> F:
            self._check_setup()
            self.view_functions[endpoint] = func
            return func

        return decorator

    # Hooks. Each may be a plain function (run in a thread) or a coroutine function.

    def _add_hook(self, table: Hooks, func: F) -> F:
        self._check_setup()
        table[None].append(func)
        return func

    def before_request(self, f: F) -> F:
        """Call *f* before each request; what it returns, unless None, is the answer."""
        return self._add_hook(self.before_request_funcs, f)

    def after_request(self, f: F) -> F:
        """Call *f* with each response; it returns the response to send."""
        return self._add_hook(self.after_request_funcs, f)

    def teardown_request(self, f: F) -> F:
        """Call *f* at the end of each request with the error that nobody handled, or None."""
        return self._add_hook(self.teardown_request_funcs, f)

    def before_websocket(self, func: F) -> F:
        """Call *func* before each websocket; what it returns, unless None, rejects it."""
        return self._add_hook(self.before_websocket_funcs, func)

    def after_websocket(self, func: F) -> F:
        """Call *func* after each websocket with the rejecting response, or None."""
        return self._add_hook(self.after_websocket_funcs, func)

    def teardown_websocket(self, func: F) -> F:
        """Call *func* at the end of each websocket with the error that nobody handled, or None."""
        return self._add_hook(self.teardown_websocket_funcs, func)

    def context_processor(self, f: F) -> F:
        """Give templates the names in the dictionary that *f* returns."""
        return self._add_hook(self.template_context_processors, f)

    def url_value_preprocessor(self, f: F) -> F:
        """Call *f* with endpoint and view arguments, which it may change, before the hooks."""
        return self._add_hook(self.url_value_preprocessors, f)

    def url_defaults(self, f: F) -> F:
        """Call *f* with endpoint and values, which it may change, when a URL is built."""
        return self._add_hook(self.url_default_functions, f)

    def errorhandler(self, code_or_exception: type[Exception] | int) -> Callable[[F], F]:
        """Decorate the handler of an error: a class of exceptions, or the code of an HTTP error."""

        def decorator(func: F) -> F:
            self.register_error_handler(code_or_exception, func)
            return func

        return decorator

    def register_error_handler(
        self, code_or_exception: type[Exception] | int, f: Callable[..., Any]
    ) -> None:
        """Call *f* with the error; what it returns is the answer."""
        self._check_setup()
        cls, code = _class_and_code(code_or_exception)
        self.error_handler_spec[None][code][cls] = f


def endpoint_of(rule: str, view_func: Callable[..., Any] | None) -> str:
    """The endpoint that *view_func* gives its rule: its name, or that of its class."""
    while isinstance(view_func, partial):
        view_func = view_func.func
    if view_func is None:
        raise SetupError(
            f"The rule {rule!r} has neither an endpoint nor a function. Give one of them: "
            "add_url_rule(rule, 'endpoint', view_func)."
        )
    return str(getattr(view_func, "__name__", type(view_func).__name__))


def _handlers_by_code() -> dict[int | None, dict[type[Exception], Callable[..., Any]]]:
    return defaultdict(dict)


def _class_and_code(
    code_or_exception: type[Exception] | int,
) -> tuple[type[Exception], int | None]:
    """The exception class that is meant, and its code if it is an HTTP error."""
    if isinstance(code_or_exception, int):
        cls = default_exceptions.get(code_or_exception)
        if cls is None:
            raise ValueError(
                f"There is no HTTP error with the code {code_or_exception}. Give a class of "
                "exceptions, or the code of one that abort() can raise."
            )
        return cls, cls.code
    if not isinstance(code_or_exception, type):  # pyright: ignore[reportUnnecessaryIsInstance]  # users err
        raise TypeError(
            f"{code_or_exception!r} is an instance: an error handler is for a class of exceptions "
            "or for a code."
        )
    if not issubclass(code_or_exception, Exception):  # pyright: ignore[reportUnnecessaryIsInstance]  # users err
        raise ValueError(f"{code_or_exception.__name__} is no Exception, so it cannot be handled.")
    if issubclass(code_or_exception, HTTPException):
        return code_or_exception, code_or_exception.code
    return code_or_exception, None
