"""The steps of an exchange as methods: the points that can be overridden.

Replace one in a subclass, on the instance or by patching the class, and it is called. What they do
by themselves is in `engine.lifecycle`, once for requests and websockets.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cached_property, wraps
from logging import Logger
from types import TracebackType
from typing import Any, NoReturn

from werkzeug.exceptions import BadRequestKeyError, HTTPException

from .active import current
from .config import Config
from .ctx import AppContext
from .engine import lifecycle
from .engine.results import make_response
from .logging import create_logger
from .planned import Planned
from .signals import appcontext_tearing_down
from .sync import async_to_sync, find_world, is_loop_running, run_step, run_sync
from .typing import ResponseReturnValue
from .utils import is_async, mark_coroutine_function, printable
from .wrappers import BaseRequestWebsocket, Request, Response, Websocket

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def either_way(step: Callable[..., Coroutine[Any, Any, Any]]) -> Any:
    """Let a step be called from synchronous code, too, where it gives its result and no coroutine.

    That is what code written for Flask expects, which may also leave out the context in front.
    """

    @wraps(step)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        context = args[0] if args else kwargs.get("ctx")
        behind = getattr(context, "behind", context)
        given = isinstance(behind, AppContext)
        if given or not args:
            world = find_world()
            plain = world.plain if world is not None else self.plain_calls and not is_loop_running()
            if not plain:
                return step(self, *args, **kwargs)
        args = (behind, *args[1:]) if given else (current.get(), *args)
        return run_step(step(self, *args, **kwargs))

    return mark_coroutine_function(call)


class Dispatcher(Planned):
    """From a request or websocket in its context to the answer, step by step."""

    #: Whether the steps are plain calls in any synchronous code, and not only where Pottle runs it.
    plain_calls: bool = False

    config: Config
    response_class: type[Response]

    @property
    def debug(self) -> bool:
        """Whether debug mode is on: templates reload, errors propagate to the debug page."""
        return bool(self.config["DEBUG"])

    @cached_property
    def logger(self) -> Logger:
        """The logger of the application, under its name."""
        return create_logger(self)

    # How code runs.

    def ensure_async(self, func: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
        """*func* as a coroutine function: itself, or run as `sync_to_async` has it."""
        return func if is_async(func) else self.sync_to_async(func)

    def sync_to_async(self, func: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
        """*func* run in a thread; override it to run synchronous code otherwise."""
        return run_sync(func)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """*func* as a plain function: itself, or run as `async_to_sync` has it.

        For synchronous code: a decorator written for Flask calls what it wraps through this.
        """
        return self.async_to_sync(func) if is_async(func) else func

    def async_to_sync(self, func: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        """*func* run on the event loop, while the thread waits; see `pottle.sync.async_to_sync`."""
        return async_to_sync(func)

    # Results.

    def make_response(self, result: ResponseReturnValue) -> Response:
        """The response for what a view returned; see `pottle.engine.results`.

        A plain call; the response can also be awaited and gives itself.
        """
        return make_response(self, result, current.get(None))

    @either_way
    async def make_default_options_response(self, ctx: AppContext | None = None) -> Response:
        """The automatic answer to OPTIONS: which methods there are."""
        context: AppContext = current.get() if ctx is None else ctx
        adapter = context.url_adapter
        response = self.response_class()
        if adapter is not None:
            response.allow.update(adapter.allowed_methods())
        return response

    # The steps of an exchange.

    async def handle_request(self, request: Request) -> Response:
        """From the request to its response, in the current context or one made for it."""
        response: Response = await self._handle(request, self.request_context)
        return response

    async def handle_websocket(self, websocket: Websocket) -> Response | None:
        """From the websocket to its end; gives the response to reject it with, if any."""
        response: Response | None = await self._handle(websocket, self.websocket_context)
        return response

    async def _handle(self, connection: Any, make_context: Callable[[Any], AppContext]) -> Any:
        context = current.get(None)
        ours = not self.plan.foreign_context
        if ours and context is not None and context.connection is connection:
            return await lifecycle.handle(context)
        async with make_context(connection) as context:
            return await lifecycle.handle(context)

    @either_way
    async def full_dispatch_request(self, ctx: AppContext | None = None) -> Response:
        """Hooks, view, error handlers, after hooks."""
        return await lifecycle.full_dispatch(ctx or current.get())  # type: ignore[return-value]  # None is for websockets

    async def full_dispatch_websocket(self, ctx: AppContext | None = None) -> Response | None:
        """Hooks, handler, error handlers, after hooks."""
        return await lifecycle.full_dispatch(ctx or current.get())

    @either_way
    async def preprocess_request(self, ctx: AppContext | None = None) -> Any:
        """The before hooks; what the first of them gives that is not None."""
        return await lifecycle.preprocess(ctx or current.get())

    async def preprocess_websocket(self, ctx: AppContext | None = None) -> Any:
        """The before hooks; what the first of them gives that is not None."""
        return await lifecycle.preprocess(ctx or current.get())

    @either_way
    async def dispatch_request(self, ctx: AppContext | None = None) -> Any:
        """Call the view, or raise the routing error."""
        return await lifecycle.dispatch(ctx or current.get())

    async def dispatch_websocket(self, ctx: AppContext | None = None) -> Any:
        """Call the handler, or raise the routing error."""
        return await lifecycle.dispatch(ctx or current.get())

    @either_way
    async def finalize_request(
        self, ctx: AppContext, result: Any, from_error_handler: bool = False
    ) -> Response:
        """Make the response and run the after hooks."""
        response: Response = await lifecycle.finalize(ctx, result, from_error_handler)
        return response

    async def finalize_websocket(
        self, ctx: AppContext, result: Any, from_error_handler: bool = False
    ) -> Response | None:
        """Make the response, if there is a result, and run the after hooks."""
        response: Response | None = await lifecycle.finalize(ctx, result, from_error_handler)
        return response

    @either_way
    async def process_response(self, ctx: AppContext, response: Response) -> Response:
        """The after hooks, and the saving of the session."""
        return await lifecycle.process(ctx, response)  # type: ignore[return-value]  # None is for websockets

    async def postprocess_websocket(
        self, ctx: AppContext, response: Response | None
    ) -> Response | None:
        """The after hooks, and the saving of the session."""
        return await lifecycle.process(ctx, response)

    def raise_routing_exception(self, request: BaseRequestWebsocket) -> NoReturn:
        """Raise the error that routing ended with."""
        assert request.routing_exception is not None
        raise request.routing_exception

    @either_way
    async def handle_user_exception(self, ctx: AppContext, error: Exception) -> Any:
        """What the handler for *error* gives; raises *error* if there is none."""
        return await lifecycle.handle_user_exception(ctx, error)

    @either_way
    async def handle_http_exception(self, ctx: AppContext, error: HTTPException) -> Any:
        """What the handler for *error* gives, or the error itself."""
        return await lifecycle.handle_http_exception(ctx, error)

    @either_way
    async def handle_exception(self, ctx: AppContext, error: Exception) -> Response:
        """The 500 for an *error* that nobody handled; raised in tests and in debug mode."""
        response: Response = await lifecycle.handle_exception(ctx, error)
        return response

    async def handle_websocket_exception(
        self, ctx: AppContext, error: Exception
    ) -> Response | None:
        """As `handle_exception`, for websockets."""
        response: Response | None = await lifecycle.handle_exception(ctx, error)
        return response

    def trap_http_exception(self, e: Exception) -> bool:
        """Whether the HTTP error *e* is treated as an ordinary exception."""
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap = self.config["TRAP_BAD_REQUEST_ERRORS"]
        if trap is None and self.debug and isinstance(e, BadRequestKeyError):
            return True
        return bool(trap) and isinstance(e, HTTPException) and e.code == 400

    def should_ignore_error(self, error: BaseException | None) -> bool:
        """Kept for applications that override it; Pottle ignores none."""
        return False

    def log_exception(
        self, ctx: AppContext | ExcInfo, exception_info: ExcInfo | None = None
    ) -> None:
        """Log an error that nobody handled, with what was being handled."""
        if exception_info is None:
            exception_info, ctx = ctx, current.get(None)  # type: ignore[assignment]  # the older spelling
        connection = ctx.connection if isinstance(ctx, AppContext) else None
        if connection is None:
            what = "in the application"
        elif isinstance(connection, Websocket):
            what = f"on websocket {printable(connection.path)}"
        else:
            what = f"on request {printable(f'{connection.method} {connection.path}')}"
        self.logger.error("Exception %s", what, exc_info=exception_info)

    @either_way
    async def do_teardown_request(self, ctx: AppContext, exc: BaseException | None = None) -> None:
        """The teardown functions of a request."""
        await lifecycle.teardown(self, ctx, exc)

    async def do_teardown_websocket(
        self, ctx: AppContext, exc: BaseException | None = None
    ) -> None:
        """The teardown functions of a websocket."""
        await lifecycle.teardown(self, ctx, exc)

    @either_way
    async def do_teardown_appcontext(
        self, ctx: AppContext, exc: BaseException | None = None
    ) -> None:
        """The teardown functions of the context itself."""
        await lifecycle.teardown_appcontext(self, ctx, exc, appcontext_tearing_down)

    # Contexts.

    def app_context(self) -> AppContext:
        """A context without a request: ``async with app.app_context():``."""
        return AppContext(self)

    def request_context(self, request: Request) -> AppContext:
        """A context around *request*."""
        return AppContext(self, request=request)

    def websocket_context(self, websocket: Websocket) -> AppContext:
        """A context around *websocket*."""
        return AppContext(self, websocket=websocket)
