"""Class `Pottle`: what a user touches. It registers, delegates and offers the points to override.

What an exchange does is in `engine`, what happens at start-up and shutdown in `serving`. The methods
from `handle_request` to `do_teardown_appcontext` are the steps of an exchange; replace one in a
subclass, on the instance or by patching the class, and it is called.
"""

from __future__ import annotations

import asyncio
import sys
from abc import ABCMeta
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from werkzeug.exceptions import Aborter, BadRequestKeyError, HTTPException
from werkzeug.routing import BuildError, MapAdapter
from werkzeug.utils import redirect as werkzeug_redirect

from .active import changed, current, watch_changes
from .blueprints import Blueprint
from .config import DEFAULT_CONFIG, Config, ConfigAttribute
from .ctx import AppContext, AppGlobals
from .engine import lifecycle
from .engine.plan import Plan
from .engine.results import make_response
from .errors import ContextError, SetupError
from .files import Opening, open_file
from .helpers import build_url, find_package, get_debug_flag
from .json.provider import DefaultJSONProvider, JSONProvider
from .logging import create_logger
from .protocols import asgi
from .registry import HookTable, WatchedDict, WatchedList
from .routing import PottleMap, PottleRule, Tree
from .scaffold import Scaffold, edge, endpoint_of
from .serving import Serving
from .sessions import SecureCookieSessionInterface, SessionInterface
from .signals import appcontext_tearing_down, got_background_exception
from .typing import FilePath, Receive, ResponseReturnValue, Scope, Send
from .utils import is_async, run_sync
from .wrappers import BaseRequestWebsocket, Request, Response, Websocket

if TYPE_CHECKING:
    from logging import Logger

    from jinja2 import BaseLoader, Environment

F = TypeVar("F", bound=Callable[..., Any])
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class PottleType(ABCMeta):
    """The class of application classes: a method that is patched later is noticed."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        changed()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        changed()


class Pottle(Scaffold, metaclass=PottleType):
    """An application: register views and hooks on it, then hand it to an ASGI server.

    `import_name` is the name of the module it is made in (``__name__``), from which its folder is
    found. `static_folder` and `template_folder` are relative to `root_path`, which can be given
    where the module has no file. `host_matching` and `subdomain_matching` make the host part of
    routing. `instance_path` is the folder for what is not under version control, and with
    `instance_relative_config` configuration files are looked for there.
    """

    aborter_class: type[Aborter] = Aborter
    app_ctx_globals_class: type[AppGlobals] = AppGlobals
    config_class: type[Config] = Config
    event_class: type[asyncio.Event] = asyncio.Event
    json_provider_class: type[JSONProvider] = DefaultJSONProvider
    lock_class: type[asyncio.Lock] = asyncio.Lock
    request_class: type[Request] = Request
    response_class: type[Response] = Response
    session_interface: SessionInterface = SecureCookieSessionInterface()
    url_map_class: type[PottleMap] = PottleMap
    url_rule_class: type[PottleRule] = PottleRule
    websocket_class: type[Websocket] = Websocket
    #: Classes for testing and templates; None for the ones that come with Pottle.
    jinja_environment: Any = None
    test_app_class: Any = None
    test_cli_runner_class: Any = None
    test_client_class: Any = None

    jinja_options: dict[str, Any] = {}  # noqa: RUF012 - set on the class or the instance, as in Flask
    default_config: dict[str, Any] = DEFAULT_CONFIG

    #: False takes every exchange through the full lane; behaviour is the same, only slower.
    bare_lane: bool = True
    #: The override points as they are defined here, by name; see `engine.plan`.
    original_methods: dict[str, Any]

    testing = ConfigAttribute[bool]("TESTING")
    secret_key = ConfigAttribute[str | bytes | None]("SECRET_KEY")
    permanent_session_lifetime: ConfigAttribute[timedelta] = ConfigAttribute(
        "PERMANENT_SESSION_LIFETIME",
        lambda value: value if isinstance(value, timedelta) else timedelta(seconds=value),
    )

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: FilePath | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: FilePath | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        self._plan: Plan | None = None
        self._jinja_env: Environment | None = None
        self._tree: tuple[Any, int, Tree] | None = None
        super().__init__(
            import_name,
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )
        self.name = _name_of(import_name)
        if instance_path is not None and not Path(instance_path).is_absolute():
            raise ValueError(
                f"The instance_path {instance_path!r} is relative; an absolute one is needed, such "
                "as str(Path(...).resolve())."
            )
        self.instance_path = instance_path or self.auto_find_instance_path()
        self.config = self.make_config(instance_relative_config)
        self.json: JSONProvider = self.json_provider_class(self)
        self.aborter = self.make_aborter()
        self.extensions: dict[str, Any] = {}
        self.blueprints: dict[str, Blueprint] = {}
        self.url_map = self.url_map_class(host_matching=host_matching)
        self.subdomain_matching = subdomain_matching
        self.teardown_appcontext_funcs: list[Callable[..., Any]] = WatchedList(self.forget_plan)
        self.shell_context_processors: list[Callable[[], dict[str, Any]]] = []
        self.url_build_error_handlers: list[Callable[..., str]] = []
        self.before_serving_funcs: list[Callable[..., Any]] = []
        self.while_serving_funcs: list[Callable[..., Any]] = []
        self.after_serving_funcs: list[Callable[..., Any]] = []
        #: Websockets and event streams that are open, to be told of a shutdown.
        self.live_exchanges: set[Any] = set()
        #: Set when the server begins to shut down; made anew at each start-up.
        self.shutdown_event: asyncio.Event = self.event_class()
        #: The state of the lifespan: the server hands a copy to each request, in its scope.
        self.state: dict[str, Any] = {}
        self._serving = Serving(self)
        watch_changes(self)
        if self.has_static_folder:
            if bool(static_host) != host_matching:
                raise SetupError(
                    "static_host and host_matching go together: with host matching the static "
                    "files need a host, without it they cannot have one."
                )
            self.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                endpoint="static",
                host=static_host,
                view_func=self._send_static,
            )

    async def _send_static(self, filename: str) -> Response:
        return await self.send_static_file(filename)

    # The plan.

    @property
    def plan(self) -> Plan:
        """The compiled registry; compiled now if something was registered since the last time."""
        plan = self._plan
        if plan is None:
            tree = self._tree
            if tree is None or tree[0] is not self.url_map or tree[1] != self.url_map.version:
                tree = self._tree = (self.url_map, self.url_map.version, Tree(self.url_map))
            plan = self._plan = Plan(self, tree[2])
        return plan

    def forget_plan(self) -> None:
        """Have the plan compiled anew for the next exchange."""
        self._plan = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOOK_TABLES and getattr(value, "on_change", None) != self.forget_plan:
            value = _watched(value, self.forget_plan, _HOOK_TABLES[name])
        elif name == "config":
            value.on_change = self.forget_plan
        object.__setattr__(self, name, value)
        if name in _PLANNED:
            object.__setattr__(self, "_plan", None)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self.forget_plan()

    # Made at first use.

    @cached_property
    def logger(self) -> Logger:
        """The logger of the application, under its name."""
        return create_logger(self)

    @property
    def jinja_env(self) -> Environment:
        """The template environment, asynchronous, made at first use."""
        if self._jinja_env is None:
            self._jinja_env = self.create_jinja_environment()
        return self._jinja_env

    @jinja_env.setter
    def jinja_env(self, value: Environment) -> None:
        self._jinja_env = value

    @property
    def debug(self) -> bool:
        """Whether debug mode is on: templates reload, errors propagate to the debug page."""
        return bool(self.config["DEBUG"])

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        if self.config["TEMPLATES_AUTO_RELOAD"] is None and self._jinja_env is not None:
            self._jinja_env.auto_reload = value

    @property
    def background_tasks(self) -> set[asyncio.Task[Any]]:
        """The background tasks that run now."""
        return self._serving.background_tasks

    def make_config(self, instance_relative: bool = False) -> Config:
        """The configuration that the application begins with."""
        root = self.instance_path if instance_relative else self.root_path
        return self.config_class(root, {**self.default_config, "DEBUG": get_debug_flag()})

    def make_aborter(self) -> Aborter:
        """What `abort` raises with; override it to know further codes."""
        return self.aborter_class()

    def auto_find_instance_path(self) -> str:
        """The instance folder: beside the module or package, or below the installation prefix."""
        prefix, package_path = find_package(self.import_name)
        if prefix is None:
            return str(package_path / "instance")
        return str(prefix / "var" / f"{self.name}-instance")

    def open_instance_resource(
        self, path: FilePath, mode: str = "rb", encoding: str | None = None
    ) -> Opening[Any]:
        """Open a file of the instance folder, in any mode."""
        return open_file(Path(self.instance_path, path), mode, encoding)

    # Templates.

    def create_jinja_environment(self) -> Environment:
        """The template environment with the application's options, globals and filters."""
        from .templating import create_environment

        environment: Environment = create_environment(self)
        return environment

    def create_global_jinja_loader(self) -> BaseLoader:
        """The loader that looks in the application's folder and then in those of blueprints."""
        from .templating import DispatchingJinjaLoader

        return DispatchingJinjaLoader(self)

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Whether values are escaped in the template *filename* (None: a string)."""
        from .templating import select_autoescape

        return select_autoescape(filename)

    async def update_template_context(self, ctx: AppContext, context: dict[str, Any]) -> None:
        """Put what the context processors give into *context*; what is there stays."""
        from .templating import update_context

        await update_context(self, ctx, context)

    def iter_blueprints(self) -> Iterable[Blueprint]:
        """The blueprints, in the order in which they were registered."""
        return self.blueprints.values()

    def template_filter(self, name: Any = None) -> Any:
        """Decorate a filter for templates; *name* defaults to the function's."""
        return self._template_decorator(self.add_template_filter, name)

    def template_test(self, name: Any = None) -> Any:
        """Decorate a test for templates; *name* defaults to the function's."""
        return self._template_decorator(self.add_template_test, name)

    def template_global(self, name: Any = None) -> Any:
        """Decorate a function that templates may call; *name* defaults to the function's."""
        return self._template_decorator(self.add_template_global, name)

    def _template_decorator(self, add: Callable[..., None], name: Any) -> Any:
        if callable(name):
            add(name)
            return name

        def decorator(func: F) -> F:
            add(func, name)
            return func

        return decorator

    def add_template_filter(self, f: Callable[..., Any], name: str | None = None) -> None:
        """As `template_filter`, called."""
        self.jinja_env.filters[name or f.__name__] = f

    def add_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """As `template_test`, called."""
        self.jinja_env.tests[name or f.__name__] = f

    def add_template_global(self, f: Callable[..., Any], name: str | None = None) -> None:
        """As `template_global`, called."""
        self.jinja_env.globals[name or f.__name__] = f

    # Registration.

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        if endpoint is None:
            endpoint = endpoint_of(rule, view_func)
        interrupt = options.pop("cancel_on_disconnect", None)
        websocket = options.get("websocket", False)
        methods = _methods_of(rule, options.pop("methods", None), view_func)
        if provide_automatic_options is None:
            provide_automatic_options = getattr(view_func, "provide_automatic_options", None)
        if provide_automatic_options is None:
            provide_automatic_options = (
                "OPTIONS" not in methods and self.config["PROVIDE_AUTOMATIC_OPTIONS"]
            )
        provide_automatic_options = provide_automatic_options and not websocket
        if provide_automatic_options:
            methods.add("OPTIONS")
        self._add_view(endpoint, view_func)
        made = self.url_rule_class(
            rule,
            methods=methods,
            endpoint=endpoint,
            provide_automatic_options=bool(provide_automatic_options),
            **options,
        )
        made.cancel_on_disconnect = interrupt  # type: ignore[attr-defined]  # read by the plan
        self.url_map.add(made)
        self.forget_plan()

    def _add_view(self, endpoint: str, view_func: Callable[..., Any] | None) -> None:
        if view_func is None:
            return
        known = self.view_functions.get(endpoint)
        if known is not None and known is not view_func and known != view_func:
            raise SetupError(
                f"The endpoint {endpoint!r} has a view function already ({known!r}). Name one of "
                "them by endpoint='...'; a decorator without functools.wraps is a usual cause."
            )
        if known is None:
            self.view_functions[endpoint] = view_func

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Register *blueprint*: its routes, hooks, handlers, folders and commands.

        *options* override what the blueprint was made with: `url_prefix`, `subdomain`,
        `url_defaults`, `name` (to register it more than once), `cli_group`.
        """
        blueprint.register(self, options)

    def teardown_appcontext(self, f: F) -> F:
        """Call *f* at the end of each context with the error that nobody handled, or None."""
        self.teardown_appcontext_funcs.append(f)
        return f

    def shell_context_processor(self, f: F) -> F:
        """Give the shell the names in the dictionary that *f* returns."""
        self.shell_context_processors.append(f)
        return f

    def before_serving(self, func: F) -> F:
        """Call *func* in an app context at start-up, before the first request."""
        self.before_serving_funcs.append(func)
        return func

    def while_serving(self, func: F) -> F:
        """Run the generator *func* to its yield at start-up and to its end at shutdown."""
        self.while_serving_funcs.append(func)
        return func

    def after_serving(self, func: F) -> F:
        """Call *func* in an app context at shutdown, the one registered last first."""
        self.after_serving_funcs.append(func)
        return func

    def make_shell_context(self) -> dict[str, Any]:
        """The names that the shell begins with."""
        from .globals import g

        context: dict[str, Any] = {"app": self, "g": g}
        for processor in self.shell_context_processors:
            context.update(processor())
        return context

    # URLs and answers.

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """What builds URLs for *request*, or without one for SERVER_NAME; None without that."""
        server_name: str | None = self.config["SERVER_NAME"]
        if request is not None:
            subdomain = None
            if self.url_map.host_matching:
                server_name = None
            elif not self.subdomain_matching:
                subdomain = self.url_map.default_subdomain or ""
            return self.url_map.bind_to_request(request, subdomain, server_name)
        if server_name is None:
            return None
        return self.url_map.bind(
            server_name,
            script_name=self.config["APPLICATION_ROOT"],
            url_scheme=self.config["PREFERRED_URL_SCHEME"],
        )

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _external: bool | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        **values: Any,
    ) -> str:
        """The URL of *endpoint* with *values*; see `pottle.url_for`."""
        return build_url(
            self,
            endpoint,
            _anchor=_anchor,
            _external=_external,
            _method=_method,
            _scheme=_scheme,
            **values,
        )

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Let the `url_defaults` functions of application and blueprints complete *values*."""
        names: list[str | None] = [None]
        parts = endpoint.split(".")[:-1]
        names.extend(".".join(parts[: index + 1]) for index in range(len(parts)))
        for name in names:
            for function in self.url_default_functions.get(name, ()):
                if is_async(function):
                    raise SetupError(
                        f"The url_defaults function {function.__name__!r} is asynchronous, but "
                        "url_for() is a plain call and cannot wait for it. Make it a plain "
                        "function."
                    )
                function(endpoint, values)

    def handle_url_build_error(
        self, error: BuildError, endpoint: str, values: dict[str, Any]
    ) -> str:
        """The URL that one of `url_build_error_handlers` gives; raises *error* if none does."""
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as another:
                error = another
            else:
                if url is not None:  # pyright: ignore[reportUnnecessaryComparison]  # a handler may pass
                    return url
        raise error

    def redirect(self, location: str, code: int = 302) -> Response:
        """An answer that sends the client to *location*."""
        return werkzeug_redirect(location, code, Response=self.response_class)  # type: ignore[arg-type, return-value]  # werkzeug expects its WSGI class

    def make_response(self, result: ResponseReturnValue) -> Response:
        """The response for what a view returned; see `pottle.engine.results`.

        A plain call; the response can also be awaited and gives itself.
        """
        return make_response(self, result, current.get(None))

    async def make_default_options_response(self, ctx: AppContext | None = None) -> Response:
        """The automatic answer to OPTIONS: which methods there are."""
        context: AppContext = current.get() if ctx is None else ctx
        adapter = context.url_adapter
        response = self.response_class()
        if adapter is not None:
            response.allow.update(adapter.allowed_methods())
        return response

    # How code runs.

    def ensure_async(self, func: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
        """*func* as a coroutine function: itself, or run as `sync_to_async` has it."""
        return func if is_async(func) else self.sync_to_async(func)

    def sync_to_async(self, func: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
        """*func* run in a thread; override it to run synchronous code otherwise."""
        return run_sync(func)

    def add_background_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run *func* in a task, in an app context, while requests go on.

        At shutdown it has BACKGROUND_TASK_SHUTDOWN_TIMEOUT seconds to end before it is cancelled.
        """
        self._serving.add_background_task(func, args, kwargs)

    async def handle_background_exception(self, ctx: AppContext, error: Exception) -> None:
        """Called with the error that a background task ended with: announced and logged."""
        await ctx.announce(got_background_exception, exception=error)
        self.log_exception(ctx, (type(error), error, error.__traceback__))

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
        if context is not None and context.connection is connection:
            return await lifecycle.handle(self, context)
        async with make_context(connection) as context:
            return await lifecycle.handle(self, context)

    async def full_dispatch_request(self, ctx: AppContext | None = None) -> Response:
        """Hooks, view, error handlers, after hooks."""
        return await lifecycle.full_dispatch(self, ctx or current.get())  # type: ignore[return-value]  # None is for websockets

    async def full_dispatch_websocket(self, ctx: AppContext | None = None) -> Response | None:
        """Hooks, handler, error handlers, after hooks."""
        return await lifecycle.full_dispatch(self, ctx or current.get())

    async def preprocess_request(self, ctx: AppContext | None = None) -> Any:
        """The before hooks; what the first of them gives that is not None."""
        return await lifecycle.preprocess(ctx or current.get())

    async def preprocess_websocket(self, ctx: AppContext | None = None) -> Any:
        """The before hooks; what the first of them gives that is not None."""
        return await lifecycle.preprocess(ctx or current.get())

    async def dispatch_request(self, ctx: AppContext | None = None) -> Any:
        """Call the view, or raise the routing error."""
        return await lifecycle.dispatch(self, ctx or current.get())

    async def dispatch_websocket(self, ctx: AppContext | None = None) -> Any:
        """Call the handler, or raise the routing error."""
        return await lifecycle.dispatch(self, ctx or current.get())

    async def finalize_request(
        self, ctx: AppContext, result: Any, from_error_handler: bool = False
    ) -> Response:
        """Make the response and run the after hooks."""
        response: Response = await lifecycle.finalize(self, ctx, result, from_error_handler)
        return response

    async def finalize_websocket(
        self, ctx: AppContext, result: Any, from_error_handler: bool = False
    ) -> Response | None:
        """Make the response, if there is a result, and run the after hooks."""
        response: Response | None = await lifecycle.finalize(self, ctx, result, from_error_handler)
        return response

    async def process_response(self, ctx: AppContext, response: Response) -> Response:
        """The after hooks, and the saving of the session."""
        return await lifecycle.process(self, ctx, response)  # type: ignore[return-value]  # None is for websockets

    async def postprocess_websocket(
        self, ctx: AppContext, response: Response | None
    ) -> Response | None:
        """The after hooks, and the saving of the session."""
        return await lifecycle.process(self, ctx, response)

    def raise_routing_exception(self, request: BaseRequestWebsocket) -> NoReturn:
        """Raise the error that routing ended with."""
        assert request.routing_exception is not None
        raise request.routing_exception

    async def handle_user_exception(self, ctx: AppContext, error: Exception) -> Any:
        """What the handler for *error* gives; raises *error* if there is none."""
        return await lifecycle.handle_user_exception(self, ctx, error)

    async def handle_http_exception(self, ctx: AppContext, error: HTTPException) -> Any:
        """What the handler for *error* gives, or the error itself."""
        return await lifecycle.handle_http_exception(self, ctx, error)

    async def handle_exception(self, ctx: AppContext, error: Exception) -> Response:
        """The 500 for an *error* that nobody handled; raised in tests and in debug mode."""
        response: Response = await lifecycle.handle_exception(self, ctx, error)
        return response

    async def handle_websocket_exception(
        self, ctx: AppContext, error: Exception
    ) -> Response | None:
        """As `handle_exception`, for websockets."""
        response: Response | None = await lifecycle.handle_exception(self, ctx, error)
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
            what = f"on websocket {connection.path}"
        else:
            what = f"on request {connection.method} {connection.path}"
        self.logger.error("Exception %s", what, exc_info=exception_info)

    async def do_teardown_request(self, ctx: AppContext, exc: BaseException | None = None) -> None:
        """The teardown functions of a request."""
        await lifecycle.teardown(self, ctx, exc)

    async def do_teardown_websocket(
        self, ctx: AppContext, exc: BaseException | None = None
    ) -> None:
        """The teardown functions of a websocket."""
        await lifecycle.teardown(self, ctx, exc)

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

    def test_request_context(self, path: str, **kwargs: Any) -> AppContext:
        """A context around a request for *path*, made for a test.

        The arguments are those of the test client's `open`: method, headers, query_string, scheme,
        data, form, json, root_path, http_version, scope_base, auth, subdomain.
        """
        return self.request_context(
            edge("pottle.testing.utils:make_test_request")(self, path, **kwargs)
        )

    def test_websocket_context(self, path: str, **kwargs: Any) -> AppContext:
        """A context around a websocket for *path*, made for a test; see `test_request_context`."""
        make = edge("pottle.testing.utils:make_test_request")
        return self.websocket_context(make(self, path, websocket=True, **kwargs))

    # The edge: testing, servers, command line.

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> Any:
        """A client that talks to the application in this process; see `pottle.testing`."""
        cls = self.test_client_class or edge("pottle.testing:PottleClient")
        return cls(self, use_cookies=use_cookies, **kwargs)

    def test_app(self, **kwargs: Any) -> Any:
        """The application with its start-up and shutdown: ``async with app.test_app() as app:``."""
        cls = self.test_app_class or edge("pottle.testing:TestApp")
        return cls(self, **kwargs)

    def test_cli_runner(self, **kwargs: Any) -> Any:
        """What runs the commands of the application in a test."""
        cls = self.test_cli_runner_class or edge("pottle.testing:PottleCliRunner")
        return cls(self, **kwargs)

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        use_reloader: bool = True,
        loop: asyncio.AbstractEventLoop | None = None,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Serve for development until interrupted; ``pottle serve`` is for production."""
        edge("pottle.servers:run")(
            self, host, port, debug, use_reloader, loop, ca_certs, certfile, keyfile, **kwargs
        )

    def run_task(
        self,
        host: str = "127.0.0.1",
        port: int = 5000,
        debug: bool | None = None,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        shutdown_trigger: Callable[..., Awaitable[None]] | None = None,
    ) -> Coroutine[None, None, None]:
        """Serve in the running event loop; ends when *shutdown_trigger* does."""
        task: Coroutine[None, None, None] = edge("pottle.servers:run_task")(
            self, host, port, debug, ca_certs, certfile, keyfile, shutdown_trigger
        )
        return task

    # Serving.

    async def startup(self) -> None:
        """Run what has to run before the first request; undone again if it fails."""
        await self._serving.start()

    async def shutdown(self) -> None:
        """Wait for background tasks, undo the start-up in reverse order."""
        await self._serving.stop()

    def begin_shutdown(self) -> None:
        """Tell views that the server is about to stop.

        Sets `shutdown_event`, ends event streams and closes websockets with 1012. Servers run by
        Pottle call it when the signal comes; call it on the event loop's thread.
        """
        self._serving.begin_shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application, by way of `asgi_app`, which middleware may wrap."""
        await self.asgi_app(scope, receive, send)

    async def asgi_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application itself; replace it to put middleware around:
        ``app.asgi_app = Middleware(app.asgi_app)``."""
        kind = scope["type"]
        if kind == "http":
            await asgi.http(self._plan or self.plan, scope, receive, send)
        elif kind == "websocket":
            await asgi.websocket(self._plan or self.plan, scope, receive, send)
        elif kind == "lifespan":
            await asgi.lifespan(self, scope, receive, send)
        else:
            raise ContextError(f"Pottle speaks http, websocket and lifespan, not {kind!r}.")


def _name_of(import_name: str) -> str:
    """The name of the module, or of the file that was started."""
    if import_name == "__main__":
        file = getattr(sys.modules["__main__"], "__file__", None)
        return Path(file).stem if file else "__main__"
    return import_name


def _methods_of(
    rule: str, methods: Iterable[str] | None, view_func: Callable[..., Any] | None
) -> set[str]:
    chosen: Iterable[str] = (
        getattr(view_func, "methods", None) or ("GET",) if methods is None else methods
    )
    if isinstance(chosen, str):
        raise TypeError(
            f"The methods of {rule!r} are the string {chosen!r}. Give a list of strings: "
            f"methods=[{chosen!r}]."
        )
    required: Iterable[str] = getattr(view_func, "required_methods", ())
    return {method.upper() for method in (*chosen, *required)}


def _watched(value: Any, on_change: Callable[[], None], kind: Any) -> Any:
    """A container of registrations that was assigned as a whole, as one that is watched."""
    container = kind(on_change)
    if kind is _LIST:
        container.extend(value)
        return container
    for key, registered in value.items():
        container[key] = registered
    return container


_LIST: Any = WatchedList
_TABLE_NAMES: Iterator[str] = (
    f"{when}_{what}_funcs"
    for when in ("before", "after", "teardown")
    for what in ("request", "websocket")
)
_HOOK_TABLES: dict[str, type] = {
    **dict.fromkeys(_TABLE_NAMES, HookTable),
    "template_context_processors": HookTable,
    "url_default_functions": HookTable,
    "url_value_preprocessors": HookTable,
    "teardown_appcontext_funcs": WatchedList,
    "view_functions": WatchedDict,
}
Pottle.original_methods = {
    name: getattr(Pottle, name) for name in dir(Pottle) if callable(getattr(Pottle, name, None))
}
#: Attributes that a plan is compiled from: assigning one makes the plan old.
_PLANNED = frozenset(
    {
        *_HOOK_TABLES,
        *Pottle.original_methods,
        "config",
        "json",
        "request_class",
        "response_class",
        "session_interface",
        "subdomain_matching",
        "url_map",
        "websocket_class",
    }
)
