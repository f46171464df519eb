"""Class `Pottle`: what a user touches. It is made, registered on, and asked for its servers and clients.

The steps of an exchange, which may be overridden, stand in `dispatch`; what happens at start-up and
shutdown in `lifespan`; what an exchange does in `engine`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from werkzeug.exceptions import Aborter
from werkzeug.routing import BuildError, MapAdapter
from werkzeug.utils import redirect as werkzeug_redirect

from .active import watch_changes
from .blueprints import Blueprint
from .config import DEFAULT_CONFIG, Config, ConfigAttribute
from .ctx import AppContext, AppGlobals
from .dispatch import Dispatcher, either_way
from .errors import ContextError, SetupError
from .files import Opening, open_file
from .helpers import build_url, find_package, get_debug_flag
from .json.provider import DefaultJSONProvider, JSONProvider
from .lifespan import Lifespan
from .mounting import Mounts
from .protocols import asgi
from .registry import WatchedList
from .routing import PottleMap, PottleRule
from .scaffold import edge, endpoint_of
from .sessions import SecureCookieSessionInterface, SessionInterface
from .signals import got_background_exception
from .typing import FilePath, Receive, Scope, Send
from .utils import environment, hands_on, is_async
from .wrappers import BaseRequestWebsocket, Request, Response, Websocket

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment

F = TypeVar("F", bound=Callable[..., Any])


class Pottle(Dispatcher):
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
    #: Other applications that requests are handed to; None where there are none.
    mounts: Mounts | None = None

    jinja_options: dict[str, Any] = {}  # noqa: RUF012 - set on the class or the instance, as in Flask
    default_config: dict[str, Any] = DEFAULT_CONFIG

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
        self._jinja_env: Environment | None = None
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
        self.prepare_serving()
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
                view_func=self.send_static_file,
            )

    def prepare_serving(self) -> None:
        """Set up what an application has for its time between start-up and shutdown."""
        self.before_serving_funcs: list[Callable[..., Any]] = []
        self.while_serving_funcs: list[Callable[..., Any]] = []
        self.after_serving_funcs: list[Callable[..., Any]] = []
        #: Websockets and event streams that are open, to be told of a shutdown.
        self.live_exchanges: set[Any] = set()
        #: Set when the server begins to shut down; made anew at each start-up.
        self.shutdown_event: asyncio.Event = self.event_class()
        #: The state of the lifespan: the server hands a copy to each request, in its scope.
        self.state: dict[str, Any] = {}
        self._lifespan = Lifespan(self)
        watch_changes(self)

    # Made at first use.

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
        return super().debug

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        if self.config["TEMPLATES_AUTO_RELOAD"] is None and self._jinja_env is not None:
            self._jinja_env.auto_reload = value

    @property
    def background_tasks(self) -> set[asyncio.Task[Any]]:
        """The background tasks that run now."""
        return self._lifespan.background_tasks

    def make_config(self, instance_relative: bool = False) -> Config:
        """The configuration that the application begins with."""
        root = self.instance_path if instance_relative else self.root_path
        return self.config_class(root, {**self.default_config, "DEBUG": get_debug_flag()})

    def make_bridge(self) -> Any:
        """What shows contexts to Flask and its extensions; None where nobody has imported Flask."""
        wanted: Any = self.config["FLASK_BRIDGE"]
        if wanted is None:
            said = environment("FLASK_BRIDGE")
            wanted = (
                said.lower() not in {"0", "false", "no"}
                if said
                else sys.modules.get("flask") is not None
            )
        return edge("pottle.compat.flask.bridge:Bridge")(self) if wanted else None

    @property
    def wsgi_app(self) -> Callable[..., Any]:
        """The application as a WSGI one, for middleware: ``app.wsgi_app = ProxyFix(app.wsgi_app)``.

        HTTP requests go through what is assigned, in a thread each. Needs ``pottle[flask]``.
        """
        application: Callable[..., Any] = edge("pottle.compat.flask.chain:wsgi_app")(self)
        return application

    @wsgi_app.setter
    def wsgi_app(self, value: Callable[..., Any]) -> None:
        edge("pottle.compat.flask.chain:replace_wsgi_app")(self, value)

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

    @either_way
    async def update_template_context(self, ctx: AppContext, context: dict[str, Any]) -> None:
        """Put what the context processors give into *context*; what is there stays."""
        from .templating import update_context

        await update_context(self, ctx, context)

    def iter_blueprints(self) -> Iterable[Blueprint]:
        """The blueprints, in the order in which they were registered."""
        return self.blueprints.values()

    @overload
    def template_filter(self, name: F) -> F: ...

    @overload
    def template_filter(self, name: str | None = None) -> Callable[[F], F]: ...

    def template_filter(self, name: Any = None) -> Any:
        """Decorate a filter for templates; *name* defaults to the function's."""
        return self._template_decorator(self.add_template_filter, name)

    @overload
    def template_test(self, name: F) -> F: ...

    @overload
    def template_test(self, name: str | None = None) -> Callable[[F], F]: ...

    def template_test(self, name: Any = None) -> Any:
        """Decorate a test for templates; *name* defaults to the function's."""
        return self._template_decorator(self.add_template_test, name)

    @overload
    def template_global(self, name: F) -> F: ...

    @overload
    def template_global(self, name: str | None = None) -> Callable[[F], F]: ...

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

    def mount(self, prefix: str, app: Any, *, wsgi: bool | None = None) -> None:
        """Hand all requests for *prefix* and below it to *app*, an ASGI or WSGI application.

        The longest prefix counts, and any prefix comes before routes of ours. *wsgi* says which of
        the two it is where that cannot be seen. Raises `SetupError` for a prefix that is empty, no
        path, or taken.
        """
        self.mounts = self.mounts or Mounts(self)
        self.mounts.mount(prefix, app, wsgi)
        self.forget_plan()

    def fallback(self, app: Any, *, wsgi: bool | None = None) -> None:
        """Hand all requests that no route of ours matches to *app*, an ASGI or WSGI application.

        With a `flask.Flask` there is one session for both, and `url_for` finds the endpoints of
        both. Raises `SetupError` where the configurations contradict each other, and for a second
        fallback. *wsgi* is as for `mount`.
        """
        self.mounts = self.mounts or Mounts(self)
        self.mounts.fall_back(app, wsgi)
        self.forget_plan()

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
        secure = self.config["PREFER_SECURE_URLS"]
        return self.url_map.bind(
            server_name,
            script_name=self.config["APPLICATION_ROOT"],
            url_scheme="https" if secure else self.config["PREFERRED_URL_SCHEME"],
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
        return build_url(self, endpoint, values, _anchor, _method, _scheme, _external)

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Let the `url_defaults` functions of application and blueprints complete *values*."""
        if not self.url_default_functions:
            return
        names: list[str | None] = [None]
        parts = endpoint.split(".")[:-1]
        names.extend(".".join(parts[: index + 1]) for index in range(len(parts)))
        for name in names:
            for function in self.url_default_functions.get(name, ()):
                if is_async(function):
                    raise SetupError(
                        f"The url_defaults function {function!r} is asynchronous, but url_for() is "
                        "a plain call and cannot wait for it. Make it a plain function."
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

    def add_background_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run *func* in a task, in an app context, while requests go on.

        At shutdown it has BACKGROUND_TASK_SHUTDOWN_TIMEOUT seconds to end before it is cancelled.
        """
        self._lifespan.add_background_task(func, args, kwargs)

    async def handle_background_exception(self, ctx: AppContext, error: Exception) -> None:
        """Called with the error that a background task ended with: announced and logged."""
        await ctx.announce(got_background_exception, exception=error)
        self.log_exception(ctx, (type(error), error, error.__traceback__))

    async def startup(self) -> None:
        """Run what has to run before the first request; undone again if it fails."""
        await self._lifespan.start()

    async def shutdown(self) -> None:
        """Wait for background tasks, undo the start-up in reverse order."""
        await self._lifespan.stop()

    def begin_shutdown(self) -> None:
        """Tell views that the server is about to stop.

        Sets `shutdown_event`, ends event streams and closes websockets with 1012. Servers run by
        Pottle call it when the signal comes; call it on the event loop's thread.
        """
        self._lifespan.begin_shutdown()

    # PERF: two plain functions that hand the coroutine on; each `await` of one would cost as much as
    # looking up the route (bench: text).
    @hands_on
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """The ASGI application, by way of `asgi_app`, which middleware may wrap."""
        return self.asgi_app(scope, receive, send)

    @hands_on
    def asgi_app(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """The ASGI application itself; replace it to put middleware around:
        ``app.asgi_app = Middleware(app.asgi_app)``."""
        kind = scope["type"]
        if kind == "http":
            return asgi.http(self._plan or self.plan, scope, receive, send)
        if kind == "websocket":
            return asgi.websocket(self._plan or self.plan, scope, receive, send)
        if kind == "lifespan":
            return asgi.lifespan(self, scope, receive, send)
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


# What a plan is compiled from and what may be overridden: all that has been defined above.
Pottle.seal()
