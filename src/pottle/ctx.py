"""The context: one object that holds all that belongs to one request, websocket or app context.

It stands in one context variable (`pottle.active.current`); the proxies of `pottle.globals` show
its parts. Each part is made on first touch. Whoever pushes a context pops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import Context, Token, copy_context
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from weakref import WeakMethod

from .active import current
from .errors import ContextError, ErrorCollector
from .signals import appcontext_popped, appcontext_pushed
from .sync import in_world, run_step
from .utils import is_async

if TYPE_CHECKING:
    from blinker import NamedSignal
    from werkzeug.routing import MapAdapter

    from .sessions import SessionMixin
    from .wrappers import BaseRequestWebsocket, Request, Websocket

F = TypeVar("F", bound=Callable[..., Any])
_MISSING: Any = object()


class AppGlobals:
    """The namespace `g`: attributes for the length of one context."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...
        def __delattr__(self, name: str) -> None: ...

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute *name*, or *default*."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        """Remove the attribute *name* and return it; KeyError without it and without *default*."""
        if default is _MISSING:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The attribute *name*, set to *default* first if it is not there."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        context = current.get(None)
        where = f" of {context.app.name!r}" if context is not None else ""
        return f"<pottle.g{where}>"


class AppContext:
    """The context of an application, and of the request or websocket it is at work for, if any.

    ``async with app.app_context():`` (or `app.request_context`, `app.test_request_context`) pushes
    and pops it; `push` and `pop` do the same by hand. Any attribute may be set on it.
    """

    # PERF: class attributes are the untouched state, so that a new context sets next to nothing.
    made_request: Any = None
    made_websocket: Any = None
    made_session: Any = None
    _g: Any = None
    _url_adapter: Any = None
    token: Token[Any] | None = None
    #: How often it was pushed again while it was the current context.
    _depth: int = 0
    #: What shows it to Flask, where the bridge is on.
    shown: Any = None
    #: The context that this one is a copy of.
    _original: AppContext | None = None

    #: Why no rule matched, where the engine found out; None where one did.
    problem: Any = None
    #: The compiled endpoint (`pottle.engine.plan.Endpoint`); None in a bare app context.
    route: Any = None
    view_args: dict[str, Any] | None = None
    #: Functions that `after_this_request` or `after_this_websocket` left here.
    after_functions: list[Callable[..., Any]] | None = None
    #: Messages that `get_flashed_messages` has taken out of the session.
    flashes: list[tuple[str, str]] | None = None
    #: Whether the answer needs more than sending: a session was opened or a function waits.
    touched = False
    #: The error that nobody handled, which teardown functions are called with.
    error: BaseException | None = None

    def __init__(
        self,
        app: Any,
        *,
        request: Request | None = None,
        session: SessionMixin | None = None,
        websocket: Websocket | None = None,
    ) -> None:
        self.app = app
        if request is not None:
            self.made_request = request
        if websocket is not None:
            self.made_websocket = websocket
        if session is not None:
            self.made_session = session

    @property
    def has_request(self) -> bool:
        """Whether this is the context of an HTTP request."""
        return self.made_request is not None

    @property
    def has_websocket(self) -> bool:
        """Whether this is the context of a websocket."""
        return self.made_websocket is not None

    @property
    def request(self) -> Request:
        """The request. Raises `ContextError` in the context of anything else."""
        if self.made_request is None:
            raise ContextError(
                "There is no request in this context: "
                + (
                    "it belongs to a websocket, see `websocket`."
                    if self.has_websocket
                    else "it is that of an application alone, as background tasks and commands have"
                    " it. Hand over what is needed of the request as arguments."
                )
            )
        return self.made_request  # type: ignore[no-any-return]  # untyped for the engine's sake

    @property
    def websocket(self) -> Websocket:
        """The websocket. Raises `ContextError` in the context of anything else."""
        if self.made_websocket is None:
            raise ContextError(
                "There is no websocket in this context: "
                + (
                    "it belongs to a request, see `request`."
                    if self.has_request
                    else "it is that of an application alone, as background tasks and commands have"
                    " it. Hand over what is needed of the websocket as arguments."
                )
            )
        return self.made_websocket  # type: ignore[no-any-return]  # untyped for the engine's sake

    @property
    def connection(self) -> BaseRequestWebsocket | None:
        """The request or the websocket, whichever it is; None in a bare app context."""
        if self.has_request:
            return self.request
        return self.made_websocket  # type: ignore[no-any-return]  # untyped for the engine's sake

    @property
    def g(self) -> AppGlobals:
        """The namespace. Every context has its own; only copies of a context share it."""
        if self._g is None:
            self._g = self.app.app_ctx_globals_class()
        return self._g  # type: ignore[no-any-return]  # the class is the application's choice

    @g.setter
    def g(self, value: Any) -> None:
        self._g = value

    @property
    def session(self) -> SessionMixin:
        """The session, opened now if it was not. Raises `ContextError` in a bare app context."""
        if self.made_session is None:
            connection = self.connection
            if connection is None:
                raise ContextError(
                    "There is no session in this context: sessions belong to a request or a "
                    "websocket. Use app.test_request_context() to have one in a test."
                )
            if self._original is not None:
                # Opened there, where it is saved too.
                self.made_session = self._original.session
            else:
                interface = self.app.session_interface
                load = getattr(interface, "load", None)
                session = None if load is None else load(self.app, connection)
                self.made_session = (
                    interface.make_null_session(self.app) if session is None else session
                )
            self.touched = True
            if self.made_websocket is not None:
                self._save_with_handshake()
        self.made_session.accessed = True
        return self.made_session  # type: ignore[no-any-return]  # the class is the interface's choice

    @session.setter
    def session(self, value: SessionMixin) -> None:
        self.made_session = value
        self.touched = True
        if self.made_websocket is not None:
            self._save_with_handshake()

    def _save_with_handshake(self) -> None:
        """Have the session of a websocket saved before it is accepted, and not only at its end."""
        if self._original is None:
            self.made_websocket._before_accept(WeakMethod(self.save_for_handshake))

    async def save_for_handshake(self) -> list[str]:
        """Save the session if it was accessed; gives the values of ``Set-Cookie`` to accept with."""
        app, session = self.app, self.made_session
        interface = app.session_interface
        if session is None or not session.accessed or interface.is_null_session(session):
            return []
        response = app.response_class()
        await app.ensure_async(interface.save_session)(app, session, response)
        session.modified = False
        return response.headers.getlist("Set-Cookie")  # type: ignore[no-any-return]  # the class is the application's choice

    @property
    def url_adapter(self) -> MapAdapter | None:
        """Builds and matches URLs for this context; None where there is nothing to build from."""
        if self._url_adapter is None:
            self._url_adapter = self.app.create_url_adapter(self.connection)
        return self._url_adapter  # type: ignore[no-any-return]  # the application's choice

    @url_adapter.setter
    def url_adapter(self, value: MapAdapter | None) -> None:
        self._url_adapter = value

    def after(self, func: F) -> F:
        """Call *func* with the response before it is sent."""
        if self._original is not None:
            return self._original.after(func)
        if self.after_functions is None:
            self.after_functions = []
        self.after_functions.append(func)
        self.touched = True
        return func

    def copy(self) -> Self:
        """A context that shares every part with this one, to be used elsewhere.

        Leaving the copy tears nothing down: that is for the context it was made from.
        """
        _ = self.g, self.connection  # made now, to be shared
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.token = None
        twin._depth = 0
        twin.shown = None
        twin._original = self._original or self
        return twin

    def match_request(self) -> None:
        """Find the endpoint for the request or websocket; an error is raised at dispatch."""
        self.app.plan.route(self)

    async def push(self) -> None:
        """Make this the current context, match its request and open its session if need be.

        Pushed again while it is the current one, it has to be popped as often. Raises `ContextError`
        if it is in use in another task or below another context.
        """
        if self.token is not None:
            if current.get(None) is not self:
                raise ContextError(
                    f"{self!r} is in use elsewhere. Push a copy() to have it here, too."
                )
            self._depth += 1
            return
        self.token = current.set(self)
        self.shown = self.show()
        if self._original is not None:
            return
        try:
            await self.announce(appcontext_pushed)
            if self.connection is not None:
                self.match_request()
                await self.app.plan.open_session(self)
        except BaseException:
            self.leave()
            raise

    async def pop(self, exc: BaseException | None = None) -> None:
        """Run the teardown functions with *exc* and leave the context.

        All of them run, whatever one raises; what was raised is raised at the end, several errors
        as an `ExceptionGroup`. Nothing runs as long as the context was pushed more often than popped.
        """
        token = self.token
        if token is None or current.get(None) is not self:
            raise ContextError(f"{self!r} is not the current context, so it cannot be popped.")
        if self._depth:
            self._depth -= 1
            return
        try:
            if self._original is None:
                await self.teardown(exc)
        finally:
            self.leave()

    def leave(self) -> None:
        """Make current what was current before, tearing nothing down."""
        token = self.token
        assert token is not None
        self.token = None
        current.reset(token)
        if self.shown is not None:
            self.shown.end()
            self.shown = None

    def show(self) -> Any:
        """Show this context to Flask until ``end()`` of what is returned; None without the bridge."""
        bridge = self.app.plan.bridge
        return None if bridge is None else bridge.show(self)

    async def teardown(self, exc: BaseException | None) -> None:
        """Run all that has to run at the end of this context, in Flask's order."""
        app = self.app
        errors = ErrorCollector("Errors while a context was torn down")
        with errors:
            if self.has_request:
                await app.do_teardown_request(self, exc)
        with errors:
            if self.has_websocket:
                await app.do_teardown_websocket(self, exc)
        with errors:
            await app.do_teardown_appcontext(self, exc)
        with errors:
            await self.announce(appcontext_popped)
        errors.raise_collected()

    async def announce(self, signal: NamedSignal, **values: Any) -> None:
        """Send *signal* for the application, if anybody listens."""
        if signal.receivers:
            app = self.app
            send: Any = signal.send_async
            if any(map(is_async, signal.receivers_for(app))):
                send = in_world(send)
            await send(app, _sync_wrapper=app.ensure_async, **values)

    # ``with`` in synchronous code, such as commands and scripts.

    def __enter__(self) -> Self:
        run_step(self.push())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run_step(self.pop(exc_value or self.error))

    async def __aenter__(self) -> Self:
        await self.push()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.pop(exc_value or self.error)

    def __repr__(self) -> str:
        of = "" if self.connection is None else f" {self.connection!r}"
        return f"<{type(self).__name__} of {self.app.name!r}{of}>"


def clean_context() -> Context:
    """The context variables as they are here, without those that show a context of ours.

    For whatever outlives the exchange in which it is started, or is none of its business: background
    tasks, timers, calls of other applications.
    """
    context = copy_context()
    if context.get(current) is None:
        return context
    clean = Context()
    for variable, value in context.items():
        if not isinstance(_behind(value), AppContext):
            clean.run(variable.set, value)
    return clean


def _behind(value: Any) -> Any:
    """The context that *value* is, or shows to Flask (`pottle.compat.flask.context`)."""
    module = type(value).__module__
    return getattr(value, "behind", value) if module.startswith("pottle.compat.flask") else value


def has_app_context() -> bool:
    """Whether there is a current context of any kind."""
    return current.get(None) is not None


def has_request_context() -> bool:
    """Whether the current context is that of an HTTP request."""
    context = current.get(None)
    return context is not None and context.has_request


def has_websocket_context() -> bool:
    """Whether the current context is that of a websocket."""
    context = current.get(None)
    return context is not None and context.has_websocket


def after_this_request(func: F) -> F:
    """Call *func* (sync or async) with the response to this request, and use what it returns."""
    return _context_for("after_this_request", "request").after(func)


def after_this_websocket(func: F) -> F:
    """Call *func* (sync or async) when the handler of this websocket has ended.

    It gets the rejecting response, or None after an accepted connection.
    """
    return _context_for("after_this_websocket", "websocket").after(func)


def copy_current_app_context(func: F) -> F:
    """Wrap *func* so that it runs, in whatever task or thread, in a copy of the current context."""
    return _in_copy_of(_context_for("copy_current_app_context", "app"), func)


def copy_current_request_context(func: F) -> F:
    """Wrap *func* so that it runs, in whatever task or thread, with the current request."""
    return _in_copy_of(_context_for("copy_current_request_context", "request"), func)


def copy_current_websocket_context(func: F) -> F:
    """Wrap *func* so that it runs, in whatever task or thread, with the current websocket."""
    return _in_copy_of(_context_for("copy_current_websocket_context", "websocket"), func)


def _context_for(name: str, kind: str) -> AppContext:
    context: AppContext | None = current.get(None)
    if context is None or (kind != "app" and not getattr(context, f"has_{kind}")):
        raise ContextError(
            f"{name}() was called outside of a {kind} context. Call it while a {kind} is handled"
            ", in the view or in a function that the view calls."
        )
    return context


def _in_copy_of(context: AppContext, func: F) -> F:
    """Run *func* in a copy of *context*; the plain function stays plain, the async one async."""
    shared = context.copy()

    @wraps(func)
    async def in_context(*args: Any, **kwargs: Any) -> Any:
        async with shared.copy():
            return await func(*args, **kwargs)

    @wraps(func)
    def in_context_now(*args: Any, **kwargs: Any) -> Any:
        copied = shared.copy()
        copied.token = token = current.set(copied)
        try:
            return func(*args, **kwargs)
        finally:
            copied.token = None
            current.reset(token)

    return cast("F", in_context if is_async(func) else in_context_now)
