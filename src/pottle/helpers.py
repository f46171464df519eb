"""What a view calls: answers, urls, flashed messages, streams, and where a package lies.

Everything here asks the active context and delegates to its application, so that an override on
the application is honoured. No registration, no templates (`jinja2` must not be imported here).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any, NoReturn, Protocol, TypeVar
from urllib.parse import quote

from werkzeug.exceptions import abort as werkzeug_abort
from werkzeug.routing import BuildError, MapAdapter
from werkzeug.utils import cached_property
from werkzeug.utils import redirect as werkzeug_redirect

from .active import current
from .errors import ContextError, SetupError
from .globals import app_ctx, current_app, request, session
from .sendfile import send_file as send_file
from .sendfile import send_from_directory as send_from_directory
from .signals import message_flashed
from .utils import environment
from .wrappers import Response

T = TypeVar("T")

_END: Any = object()
_FALSE = ("0", "false", "no")


class BuildsURLs(Protocol):
    """What `build_url` needs of an application."""

    def create_url_adapter(self, request: Any) -> MapAdapter | None: ...

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None: ...

    def handle_url_build_error(
        self, error: BuildError, endpoint: str, values: dict[str, Any]
    ) -> str: ...


class Done:
    """What a plain call returns where Quart has a coroutine: the work is done already.

    Awaiting it runs *pending*, whatever could only be done by awaiting; there mostly is nothing.
    """

    __slots__ = ("_pending",)

    def __init__(self, pending: Iterable[Awaitable[Any]] = ()) -> None:
        self._pending = pending

    def __await__(self) -> Generator[Any, Any, None]:
        for awaitable in self._pending:
            yield from awaitable.__await__()


class locked_cached_property(cached_property[T]):  # noqa: N801 - a decorator, named as in Quart
    """A cached property whose function runs once even when several threads ask at the same time."""

    def __init__(
        self, fget: Callable[[Any], T], name: str | None = None, doc: str | None = None
    ) -> None:
        super().__init__(fget, name=name, doc=doc)
        self.lock = RLock()

    def __get__(self, obj: object, type: Any = None) -> Any:
        if obj is None:
            return self
        with self.lock:
            return super().__get__(obj, type)


# Answers


def make_response(*args: Any) -> Response:
    """The `Response` that a view returning *args* would give, to be changed before it is returned.

    No arguments: an empty response; several: as a returned tuple. Flask's and Quart's spelling both
    work, since the response can also be awaited. Raises `ContextError` outside of a context and
    `ResultError` if *args* cannot become an answer.
    """
    if not args:
        empty: Response = current_app.response_class("")
        return empty
    response: Response = current_app.make_response(args[0] if len(args) == 1 else args)
    return response


def redirect(location: str, code: int = 302) -> Response:
    """A response that sends the client to *location* (by ``app.redirect`` where there is an app)."""
    context = current.get(None)
    if context is not None:
        response: Response = context.app.redirect(location, code=code)
        return response
    # Ours is no WSGI response, and need not be one.
    return werkzeug_redirect(location, code, Response=Response)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType, reportReturnType]


def abort(code: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise the `HTTPException` for the status *code*, or one that carries the response *code*.

    Goes through ``app.aborter``; `LookupError` if that knows no such status.
    """
    context = current.get(None)
    if context is not None:
        context.app.aborter(code, *args, **kwargs)
    werkzeug_abort(code, *args, **kwargs)


async def make_push_promise(path: str) -> None:
    """Offer the client *path* before it asks, where the server can push (HTTP/2)."""
    await request.send_push_promise(path)


# URLs


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """The url of *endpoint*, by ``app.url_for``: see `build_url` for the arguments."""
    context = current.get(None)
    app = current_app if context is None else context.app  # PERF: as the proxy, which takes 0.3 us
    url: str = app.url_for(
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )
    return url


def build_url(
    app: BuildsURLs,
    endpoint: str,
    values: dict[str, Any],
    anchor: str | None = None,
    method: str | None = None,
    scheme: str | None = None,
    external: bool | None = None,
) -> str:
    """The url of *endpoint* in *app*.

    *endpoint*: a leading dot means the blueprint that serves the current request. *values*: the
    variables of the rule; what it does not know goes to the query string. *anchor*: the fragment,
    unquoted. *method*: choose the rule for this method. *external*: with scheme and host; by
    default within a request only if *scheme* is given, and always outside of one. The url of a
    websocket is always external, with ``ws`` or ``wss``.

    A url that cannot be built goes to ``app.handle_url_build_error``. Raises `ContextError` outside
    of a request if the application has no ``SERVER_NAME``, `ValueError` for a scheme without host.
    """
    adapter, connection = _whereabouts(app)
    serving = connection is not None
    if serving and endpoint.startswith("."):
        blueprint = connection.blueprint
        endpoint = f"{blueprint}{endpoint}" if blueprint is not None else endpoint[1:]
    if external is None:
        external = scheme is not None or not serving
    if scheme is not None and not external:
        raise ValueError(
            f"_scheme={scheme!r} has no effect on a url without host: leave _external out, or pass"
            " _external=True."
        )
    app.inject_url_defaults(endpoint, values)
    try:
        url = adapter.build(
            endpoint, values, method=method, url_scheme=scheme, force_external=external
        )
    except BuildError as error:
        values.update(_anchor=anchor, _method=method, _scheme=scheme, _external=external)
        return app.handle_url_build_error(error, endpoint, values)
    if anchor is not None:
        url += "#" + quote(anchor, safe="%!#$&'()*+,/:;=?@")
    return url


def _whereabouts(app: BuildsURLs) -> tuple[MapAdapter, Any]:
    """The adapter to build with, and the request or websocket; None if there is none."""
    context = current.get(None)
    adapter = app.create_url_adapter(None) if context is None else context.url_adapter
    if adapter is None:
        raise ContextError(
            "A url cannot be built here: there is no request to take the host from. Set"
            " 'SERVER_NAME' in the configuration (and 'APPLICATION_ROOT' and 'PREFERRED_URL_SCHEME'"
            " where they differ from the defaults)."
        )
    return adapter, None if context is None else context.connection


# Flashed messages


def flash(message: str, category: str = "message") -> Done:
    """Keep *message* in the session until `get_flashed_messages` is called, mostly one request later.

    A plain call that may also be awaited; awaiting it runs the receivers of `message_flashed` that
    are coroutine functions, all others have been called when this returns.
    """
    flashes = session.get("_flashes", [])
    flashes.append((category, message))
    session["_flashes"] = flashes  # a session need not notice that a list inside of it has grown
    if not message_flashed.receivers:
        return Done()
    results = message_flashed.send(
        app_ctx.app,
        _async_wrapper=_as_it_is,
        message=message,
        category=category,
    )
    return Done([result for _, result in results if inspect.isawaitable(result)])


def _as_it_is(receiver: T) -> T:
    return receiver


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[Any]:
    """Take the flashed messages out of the session; later calls of the same request get them again.

    Gives messages, or pairs of category and message if *with_categories*. With a *category_filter*
    only those of its categories are given, but all are taken. Works in requests and websockets.
    """
    flashes = app_ctx.flashes
    if flashes is None:
        flashes = app_ctx.flashes = session.pop("_flashes") if "_flashes" in session else []
    wanted = frozenset(category_filter)
    pairs = [(name, message) for name, message in flashes if not wanted or name in wanted]
    return pairs if with_categories else [message for _, message in pairs]


# Templates and streams


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """A macro or variable that the template exports; a macro is called as a plain function."""
    environment = current_app.jinja_env
    # Templates compiled for `await` have no module that plain code could use.
    environment = getattr(environment, "synchronous", environment)
    return getattr(environment.get_template(template_name).module, attribute)


def stream_with_context(func: Any) -> Any:
    """Let a generator run in the context that is active now, wherever it is iterated later.

    Takes a generator, synchronous or not (any other iterator or async iterable will do), or
    decorates a function that returns one; then the context is the one of the call. It is the very
    same context, not a copy: the same `g` and session, torn down when the stream has ended.

    Raises `ContextError` where no context is active.
    """
    kind = func.__class__
    if issubclass(kind, AsyncIterable):
        return _stream_async(_context_to_keep(), func)
    if issubclass(kind, Iterator):
        return _stream_sync(_context_to_keep(), func)
    return _streaming_function(func)


def _streaming_function(func: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(func):

        @wraps(func)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return stream_with_context(await func(*args, **kwargs))

        return awaited

    @wraps(func)
    def called(*args: Any, **kwargs: Any) -> Any:
        return stream_with_context(func(*args, **kwargs))

    return called


def _context_to_keep() -> Any:
    context = current.get(None)
    if context is None:
        raise ContextError(
            "There is no context that a stream could run in: use 'stream_with_context' while a"
            " request is served, such as in a view."
        )
    return context


@contextmanager
def _within(context: Any) -> Generator[None]:
    token = current.set(context)
    try:
        yield
    finally:
        current.reset(token)


async def _stream_async(context: Any, source: AsyncIterable[T]) -> AsyncGenerator[T]:
    iterator = aiter(source)
    try:
        while True:
            with _within(context):
                item = await anext(iterator, _END)
            if item is _END:
                return
            yield item
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            with _within(context):
                await close()


def _stream_sync(context: Any, iterator: Iterator[T]) -> Iterator[T]:
    try:
        while True:
            with _within(context):
                item = next(iterator, _END)
            if item is _END:
                return
            yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            with _within(context):
                close()


# Environment variables and folders


def get_debug_flag() -> bool:
    """Whether the environment asks for debug mode: ``POTTLE_DEBUG`` is set and not 0, false or no."""
    value = environment("DEBUG")
    return bool(value) and value.lower() not in _FALSE


def get_load_dotenv(default: bool = True) -> bool:
    """Whether dotenv files are to be loaded: ``POTTLE_SKIP_DOTENV`` decides, else *default*."""
    value = environment("SKIP_DOTENV")
    return value.lower() in _FALSE if value else default


def get_root_path(import_name: str) -> str:
    """The folder of the module or package *import_name*; the working directory if it has no file.

    Raises `SetupError` for a namespace package, which may lie in several folders.
    """
    module = sys.modules.get(import_name)
    filename = getattr(module, "__file__", None)
    if filename is None:
        try:
            spec = importlib.util.find_spec(import_name)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return str(Path.cwd())
        filename = spec.origin if spec.has_location else None
        if filename is None:
            filename = getattr(importlib.import_module(import_name), "__file__", None)
    if filename is None:
        raise SetupError(
            f"No root path can be found for {import_name!r}: it has no file of its own, most likely"
            " because it is a namespace package. Pass 'root_path' explicitly."
        )
    return str(Path(filename).absolute().parent)


def find_package(name: str) -> tuple[Path | None, Path]:
    """Where the top-level package of *name* is installed: the prefix, and the folder it lies in.

    The prefix is None for a package that is not installed but run from its own folder.
    """
    folder = _folder_with(name.partition(".")[0])
    prefix = Path(sys.prefix).resolve()
    if folder.is_relative_to(prefix):
        return prefix, folder
    if folder.name.lower() == "site-packages":  # of the user, or of another interpreter
        library = folder.parent
        return (library if library.name.lower() == "lib" else library.parent).parent, folder
    return None, folder


def _folder_with(package: str) -> Path:
    """The folder that holds *package* (a folder itself, or a single module)."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # `__main__`, in an interactive session or a script
        spec = None
    if spec is None:
        return Path.cwd()
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    if spec.origin is not None and spec.has_location:
        return Path(spec.origin).resolve().parent
    return Path.cwd()
