"""The plan: all that can be known before a request, compiled from the registry when it has changed.

A plan is never edited; `Pottle.forget_plan` drops it and the next exchange compiles another. The
endpoints in it are compiled one by one when first asked for, so a change costs what is used again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.routing import Rule
from werkzeug.sansio.utils import get_host

from ..json.provider import JSONProvider
from ..routing import Missing, Problem, Tree
from ..sessions import SecureCookieSessionInterface
from ..sessions.cookie import warn_of_short_keys
from ..sync import in_world, waiting
from ..typing import Scope
from ..utils import encode_headers, find_header, is_async, may_suspend
from ..wrappers import Request, Response, Websocket
from ..wrappers.base import app_path, server_address
from ..wrappers.request import promise
from .kinds import CONTEXT_SIGNALS, HTTP, KINDS, WEBSOCKET, Kind
from .steps import Steps

AsyncFunc = Callable[..., Coroutine[Any, Any, Any]]

#: Override points that the bare lane would pass by: where one is replaced, the full lane is taken.
_OVERRIDE_POINTS = (
    "do_teardown_appcontext do_teardown_request do_teardown_websocket dispatch_request "
    "dispatch_websocket ensure_async finalize_request finalize_websocket full_dispatch_request "
    "full_dispatch_websocket handle_request handle_websocket make_response postprocess_websocket "
    "preprocess_request preprocess_websocket process_response request_context sync_to_async "
    "websocket_context"
).split()

_TEARDOWN_POINTS = ("do_teardown_appcontext", "do_teardown_request", "do_teardown_websocket")

_TEXT = (b"content-type", b"text/html; charset=utf-8")
_JSON = (b"content-type", b"application/json")


class Endpoint:
    """One rule, compiled: its view and its hooks, each a coroutine function."""

    __slots__ = (
        "after",
        "bare",
        "before",
        "blueprints",
        "interrupt",
        "interrupts_waiting",
        "kind",
        "name",
        "options",
        "preprocessors",
        "rule",
        "steps",
        "suspends",
        "teardown",
        "tears_down",
        "view",
        "world",
    )

    def __init__(self, kind: Kind, rule: Rule | None, blueprints: list[str]) -> None:
        self.kind = kind
        self.rule = rule
        self.name: str | None = None if rule is None else rule.endpoint
        self.blueprints = blueprints
        #: The view as a coroutine function; None where no rule matched.
        self.view: AsyncFunc | None = None
        self.preprocessors: tuple[AsyncFunc, ...] = ()
        self.before: tuple[AsyncFunc, ...] = ()
        self.after: tuple[AsyncFunc, ...] = ()
        self.teardown: tuple[AsyncFunc, ...] = ()
        #: The view has an `await` in it, so that it may have to be watched over.
        self.suspends = True
        #: What to call on the way, and whether there is anything to do at its end.
        self.steps: Steps
        self.tears_down = True
        #: Nothing but the view can matter.
        self.bare = False
        #: The view is cancelled when the client leaves.
        self.interrupt = True
        #: So is what a view in a thread waits for.
        self.interrupts_waiting = True
        #: This is the automatic answer to OPTIONS.
        self.options = False
        #: Runs a whole exchange where its synchronous code runs; None where each hook goes there.
        self.world: AsyncFunc | None = None


class Plan:
    """What every exchange follows until something is registered or configured anew."""

    def __init__(self, app: Any, tree: Tree) -> None:
        self.app = app
        self.tree = tree
        config = app.config
        self.testing: bool = bool(config["TESTING"])
        self.debug: bool = bool(config["DEBUG"])
        propagate = config["PROPAGATE_EXCEPTIONS"]
        self.propagate: bool = self.testing or self.debug if propagate is None else bool(propagate)
        if not (self.testing or self.debug):
            warn_of_short_keys(app)
        self.response_timeout: float | None = config["RESPONSE_TIMEOUT"]
        self.max_content_length: int | None = config["MAX_CONTENT_LENGTH"]
        self.max_json_size: int | None = config["MAX_JSON_SIZE"]
        self.max_form_files: int | None = config["MAX_FORM_FILES"]
        self.body_timeout: float | None = config["BODY_TIMEOUT"]
        self.read_ahead: tuple[int, int] = (
            config["READ_AHEAD_MESSAGES"],
            config["READ_AHEAD_SIZE"],
        )
        self.trusted_hosts: list[str] | None = config["TRUSTED_HOSTS"]
        self.interrupt: bool = config["CANCEL_ON_DISCONNECT"]
        #: The domain that rules are matched in where the host is no part of routing.
        self.domain: str = app.url_map.default_subdomain or ""
        self.by_host: bool = app.url_map.host_matching or app.subdomain_matching
        self.session_is_lazy: bool = (
            getattr(app.session_interface.open_session, "__func__", None)
            is SecureCookieSessionInterface.open_session
        )
        #: A request class of Flask's is for its own face of the request.
        self.request_class: Any = (
            app.request_class if issubclass(app.request_class, Request) else Request
        )
        self.request_is_ours = self.request_class.__init__ is Request.__init__
        self.websocket_is_ours = app.websocket_class.__init__ is Websocket.__init__
        #: The application makes contexts of its own, which the engine's must leave the work to.
        self.foreign_context = _overridden(app, ("request_context", "websocket_context"))
        self.own_adapter = not _overridden(app, ("create_url_adapter",))
        self.bare_possible = (
            app.bare_lane
            and self.session_is_lazy
            and not _overridden(app, _OVERRIDE_POINTS)
            and not any(signal.receivers for signal in CONTEXT_SIGNALS)
            and not app.teardown_appcontext_funcs
        )
        #: By method and path, the compiled endpoints of rules without variables.
        self.static: dict[tuple[str, str], Endpoint] = {}
        self.encoders = _encoders(app)
        #: What shows contexts to Flask, and runs code that was written for it; None without Flask.
        self.bridge = app.make_bridge()
        #: By the name of the kind: what an exchange calls, and whether any has a tail end.
        self.has_plain_steps = self._find_plain_steps()
        self._asynchronous: Callable[..., AsyncFunc] = app.ensure_async
        if self.bridge is not None or self.has_plain_steps:
            self._asynchronous = waiting(app.ensure_async)
        self.steps = {
            kind.name: Steps(app, kind, self._is_overridden, self._asynchronous) for kind in KINDS
        }
        self.tears_down = bool(
            app.teardown_appcontext_funcs
            or _overridden(app, _TEARDOWN_POINTS)
            or any(signal.receivers for signal in CONTEXT_SIGNALS)
        )
        self.teardown_appcontext = tuple(
            map(self._asynchronous, reversed(app.teardown_appcontext_funcs))
        )
        #: The compiled endpoints by the identity of their rules; the answers to OPTIONS apart.
        self._endpoints: dict[int, Endpoint] = {}
        self._options: dict[int, Endpoint] = {}
        self._unmatched: dict[str, Endpoint] = {}
        if app.mounts is not None:
            # Other applications are asked for before the routes, and behind them.
            self.find = app.mounts.around(self)  # type: ignore[method-assign]

    # Compiling.

    def _is_overridden(self, name: str) -> bool:
        return _overridden(self.app, (name,))

    def _find_plain_steps(self) -> bool:
        """Whether a plain function takes the place of a step; what is around it may run in a thread."""
        methods = [getattr(kind, name, name) for kind in KINDS for name in Steps.names]
        return any(
            self._is_overridden(method) and not is_async(getattr(self.app, method))
            for method in methods
        )

    def endpoint(self, rule: Rule, kind: Kind, method: str) -> Endpoint:
        """The compiled endpoint of *rule*; the automatic OPTIONS answer is one of its own."""
        automatic = method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)
        endpoints = self._options if automatic else self._endpoints
        found = endpoints.get(id(rule))
        if found is None:
            found = endpoints[id(rule)] = self._compile(rule, kind)
            if automatic:
                found.options = True
                found.bare = False
        return found

    def unmatched(self, kind: Kind) -> Endpoint:
        """The endpoint of whatever matches no rule: the hooks of the application, and no view."""
        found = self._unmatched.get(kind.name)
        if found is None:
            found = self._unmatched[kind.name] = self._compile(None, kind)
        return found

    def _compile(self, rule: Rule | None, kind: Kind) -> Endpoint:
        app = self.app
        endpoint = Endpoint(kind, rule, [] if rule is None else blueprint_names(rule.endpoint))
        endpoint.steps = self.steps[kind.name]
        view = None if rule is None else app.view_functions.get(rule.endpoint)
        if self.bridge is not None and kind is HTTP:
            endpoint.world = self.bridge.world(view)
        hooks = self._hooks
        inner_first = [*endpoint.blueprints, None]
        outer_first = inner_first[::-1]
        endpoint.preprocessors = hooks(app.url_value_preprocessors, outer_first)
        endpoint.before = hooks(getattr(app, kind.before_funcs), outer_first)
        endpoint.after = hooks(getattr(app, kind.after_funcs), inner_first, backwards=True)
        endpoint.teardown = hooks(getattr(app, kind.teardown_funcs), inner_first, backwards=True)
        endpoint.tears_down = not self.foreign_context and bool(
            self.tears_down or endpoint.teardown or kind.tearing_down.receivers
        )
        if rule is not None and view is not None:
            self._compile_view(endpoint, rule, view)
        endpoint.bare = (
            endpoint.view is not None
            and endpoint.world is None
            and self.bare_possible
            and not (endpoint.preprocessors or endpoint.before)
            and not (endpoint.after or endpoint.teardown)
            and not (kind.started.receivers or kind.finished.receivers)
            and not kind.tearing_down.receivers
        )
        return endpoint

    def _compile_view(self, endpoint: Endpoint, rule: Rule, view: Callable[..., Any]) -> None:
        asynchronous: AsyncFunc = self.app.ensure_async(view)
        can_be_cancelled = is_async(view)
        if self.bridge is not None and endpoint.kind is HTTP:
            asynchronous = self.bridge.view(view, asynchronous)
            can_be_cancelled = can_be_cancelled or self.bridge.cancels(view)
        if self.has_plain_steps and is_async(view):
            asynchronous = in_world(asynchronous)
        endpoint.view = asynchronous
        endpoint.suspends = may_suspend(asynchronous)
        interrupt = getattr(rule, "cancel_on_disconnect", None)
        if interrupt is None:
            interrupt = self.interrupt
        # A thread cannot be cancelled, and must not lose its context while it runs.
        endpoint.interrupt = interrupt and can_be_cancelled
        endpoint.interrupts_waiting = interrupt

    def _hooks(
        self,
        table: dict[str | None, list[Any]],
        names: list[str | None],
        *,
        backwards: bool = False,
    ) -> tuple[AsyncFunc, ...]:
        functions: list[Callable[..., Any]] = []
        for name in names:
            hooks = table.get(name) or ()
            functions.extend(reversed(hooks) if backwards else hooks)
        return tuple(map(self._asynchronous, functions))

    # Following.

    def find(
        self, scope: Scope, kind: Kind, method: str
    ) -> tuple[Endpoint, dict[str, Any], Problem | HTTPException | None]:
        """The endpoint for *scope*, the values of its variables, and the routing error as data."""
        if not self.own_adapter:
            return self._find_by_adapter(scope, kind, method)
        mounted = scope.get("root_path")
        path = app_path(scope) if mounted else scope["path"]
        if path is None:
            return self.unmatched(kind), {}, Missing()
        domain = self.domain
        if self.trusted_hosts is not None or self.by_host:
            try:
                domain = self._domain(scope)
            except SecurityError as error:
                return self.unmatched(kind), {}, error
        found = self.tree.match(domain, path, method, kind is WEBSOCKET)
        if isinstance(found, Problem):
            return self.unmatched(kind), {}, found
        leaf, values = found
        # PERF: the leaf has what this plan made of its rule (bench: parameter, 10,000 routes)
        plan, endpoint = leaf.compiled
        if plan is not self or method == "OPTIONS":
            endpoint = self.endpoint(leaf.rule, kind, method)
            if method != "OPTIONS":
                leaf.compiled = self, endpoint
        if values or self.by_host or self.trusted_hosts is not None or mounted:
            return endpoint, values, None
        rule = leaf.rule
        if kind is HTTP and path == rule.rule and rule.methods is not None:
            # PERF: the next request for this path does not come here at all. There are as many
            # entries as there are rules without variables, times methods.
            self.static[method, path] = endpoint
        return endpoint, values, None

    def _find_by_adapter(
        self, scope: Scope, kind: Kind, method: str
    ) -> tuple[Endpoint, dict[str, Any], HTTPException | None]:
        """As `find`, where the application makes url adapters of its own."""
        adapter = self.app.create_url_adapter(_bare_request(scope))
        try:
            rule, values = adapter.match(
                method=method, return_rule=True, websocket=kind is WEBSOCKET
            )
        except HTTPException as error:
            return self.unmatched(kind), {}, error
        return self.endpoint(rule, kind, method), values, None

    def _domain(self, scope: Scope) -> str:
        """The host, or the subdomain below SERVER_NAME. Raises `SecurityError` if not trusted."""
        app = self.app
        header = find_header(scope["headers"], b"host")
        host = get_host(
            scope.get("scheme", "http"), header, server_address(scope), self.trusted_hosts
        )
        if not self.by_host:
            return self.domain
        domain: str = app.url_map.domain_of(
            scope.get("scheme", "http"), host, app.config["SERVER_NAME"]
        )
        return domain

    def route(self, context: Any) -> None:
        """Route the request or websocket of a context that was made by hand."""
        connection = context.connection
        kind = HTTP if context.has_request else WEBSOCKET
        endpoint, values, problem = self.find(_scope_of(connection), kind, connection.method)
        context.route = endpoint
        context.view_args = values
        context.problem = problem
        self._describe(connection, context)

    def _describe(self, connection: Any, context: Any) -> None:
        """Tell a request or websocket which rule it matched, or why it matched none."""
        problem = context.problem
        if problem is None:
            connection.url_rule = context.route.rule
            connection.view_args = context.view_args
        elif isinstance(problem, Problem):
            connection.routing_exception = problem.to_exception(context.url_adapter)
        else:
            connection.routing_exception = problem
        if self.trusted_hosts is not None:
            connection.trusted_hosts = self.trusted_hosts

    async def open_session(self, context: Any) -> None:
        """Open the session now, where it cannot be opened when it is touched."""
        if self.session_is_lazy or context.made_session is not None:
            return
        app = self.app
        interface = app.session_interface
        connection = context.connection
        if self.bridge is not None:
            connection = self.bridge.connection(interface, context)
        session = await self._asynchronous(interface.open_session)(app, connection)
        if session is None:
            session = interface.make_null_session(app)
            if hasattr(session, "__await__"):  # spelled as a coroutine function, as in Quart
                session = await session
        context.session = session

    def make_request(self, exchange: Any) -> Request:
        """The request object of *exchange*, of the application's class."""
        cls = self.request_class
        if self.request_is_ours:
            # PERF: facts are read from the scope when asked for; nothing to initialise.
            request = cls.__new__(cls)
            request.scope = exchange.scope
        else:
            facts = _bare_request(exchange.scope)
            request = cls(
                facts.method,
                facts.scheme,
                facts.path,
                facts.query_string,
                facts.headers,
                facts.root_path,
                facts.http_version,
                facts.scope,
                max_content_length=self.max_content_length,
                body_timeout=self.body_timeout,
                send_push_promise=partial(promise, exchange.scope, exchange.send),
            )
        request._inbox = exchange.inbox
        request._send = exchange.send
        request._plan = self
        exchange.made_request = request
        self._describe(request, exchange)
        return request  # type: ignore[no-any-return]  # the class is the application's choice

    def make_websocket(self, exchange: Any) -> Websocket:
        """The websocket object of *exchange*, of the application's class."""
        cls = self.app.websocket_class
        if self.websocket_is_ours:
            websocket = cls.__new__(cls)
            websocket.scope = exchange.scope
        else:
            facts = _bare_request(exchange.scope)
            websocket = cls(
                facts.path,
                facts.query_string,
                exchange.scope.get("scheme", "ws"),
                facts.headers,
                facts.root_path,
                facts.http_version,
                list(exchange.scope.get("subprotocols", ())),
                _unused,
                _unused,
                _unused,
                facts.scope,
            )
        websocket._inbox = exchange.inbox
        websocket._send = exchange.send
        websocket._send_timeout = self.response_timeout
        exchange.made_websocket = websocket
        self._describe(websocket, exchange)
        return websocket  # type: ignore[no-any-return]  # the class is the application's choice


def blueprint_names(endpoint: str) -> list[str]:
    """Names of the blueprint of *endpoint* and of those it is nested in, innermost first."""
    names: list[str] = []
    name = endpoint.rpartition(".")[0]
    while name:
        names.append(name)
        name = name.rpartition(".")[0]
    return names


def _bare_request(scope: Scope) -> Request:
    request = Request.__new__(Request)
    request.scope = scope
    return request


def _scope_of(connection: Any) -> Scope:
    """The scope of *connection*; where it was made by hand from other facts, with those in it."""
    scope: Scope = connection.scope
    host = connection.headers.get("host")
    if (
        "path" in scope
        and connection.path == (app_path(scope) or scope["path"])
        and host == find_header(scope.get("headers", ()), b"host")
    ):
        return scope
    root_path: str = connection.root_path.rstrip("/")
    return {
        **scope,
        "scheme": connection.scheme,
        "root_path": root_path,
        "path": root_path + connection.path,
        "query_string": connection.query_string,
        "headers": encode_headers(connection.headers),
    }


async def _unused(*args: Any, **kwargs: Any) -> None:
    """Stands where a websocket class expects the functions of a server: ours go another way."""


def _overridden(app: Any, names: Iterable[str]) -> bool:
    """Whether one of the methods is not the one that `Pottle` defines."""
    own = app.__dict__
    base = app.original_methods
    cls = _class_of(app)
    return any(name in own or getattr(cls, name) is not base[name] for name in names)


def _class_of(value: Any) -> Any:
    """The class of *value*, untyped, for comparing what it defines."""
    return value.__class__


def _encoders(app: Any) -> dict[type, tuple[Callable[[Any], bytes], tuple[bytes, bytes]]]:
    """By the type of a result, how it becomes a body and which content type that is.

    Empty where the response class is not ours, since it may want another type or headers of its own.
    """
    if app.response_class is not Response:
        return {}
    encoders: dict[type, Any] = {str: (str.encode, _TEXT), bytes: (bytes, _TEXT)}
    provider = app.json
    encode = provider.body_encoder() if isinstance(provider, JSONProvider) else None
    if encode is not None and provider.mimetype == "application/json":
        encoders[dict] = encoders[list] = (encode, _JSON)
    return encoders
