"""The test client: requests, streams, event streams and websockets of an application in process.

Every way of asking makes a scope (`_scope`) and a connection from it; nothing else runs the
application. The client keeps cookies, and between requests nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from contextvars import Token
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from werkzeug.datastructures import Headers
from werkzeug.http import dump_cookie

from ..active import current
from ..awaitables import must_await
from ..signals import appcontext_tearing_down
from ..typing import Headerish, Scope
from .connections import TestConnection, TestHTTPConnection, TestWebsocketConnection
from .cookies import Cookie, CookieJar
from .events import TestEventStream
from .redirects import is_redirect, redirected
from .utils import (
    Auth,
    BodyData,
    Files,
    Form,
    QueryString,
    as_websocket_scheme,
    default_host,
    describe_body,
    locate,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_request,
    make_test_scope,
    offer_subprotocols,
    raw_path,
    sentinel,
)

if TYPE_CHECKING:
    from ..app import Pottle
    from ..sessions import SessionMixin
    from ..wrappers import Response

    class TestResponse(Response):
        """A response of the application's own class, with what the client knows about it."""

        #: The responses that redirected here, oldest first.
        history: tuple[TestResponse, ...]
        #: The URL that this is the answer for.
        url: str


C = TypeVar("C", bound=TestConnection)


class PottleClient:
    """A client of *app*. With *use_cookies* it keeps cookies as a browser does.

    Within ``async with client:`` the context of the last request stays in reach after it, so that
    `request`, `session` and `g` can be looked at.
    """

    http_connection_class: type[TestHTTPConnection] = TestHTTPConnection
    websocket_connection_class: type[TestWebsocketConnection] = TestWebsocketConnection

    def __init__(self, app: Pottle, use_cookies: bool = True) -> None:
        self.app = app
        self.cookie_jar = CookieJar() if use_cookies else None
        self.push_promises: list[tuple[str, Headers]] = []
        self.preserve_context = False
        #: Laid over the scope of every request, under the `scope_base` of the request itself.
        self.scope_base: dict[str, Any] = {}
        self._kept: Any = None
        self._token: Token[Any] | None = None

    @must_await("client.open(...)", "response")
    async def open(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Headerish | None = None,
        data: BodyData | None = None,
        form: Form | None = None,
        files: Files | None = None,
        query_string: QueryString | None = None,
        json: Any = sentinel,
        scheme: str = "http",
        follow_redirects: bool = False,
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: dict[str, Any] | None = None,
        auth: Auth | None = None,
        subdomain: str | None = None,
        base_url: str | None = None,
        content_type: str | None = None,
    ) -> TestResponse:
        """Make a request and return the whole response, an instance of `app.response_class`.

        *path* is percent-encoded, may carry the query string, and may be a whole URL; it includes
        *root_path*, but is relative to the path of *base_url*. The body is *data* (a mapping is a
        form), *form*, *files* or *json*: see `make_test_body_with_headers`. *auth* is a user and
        password for Basic, or an `Authorization`. `response.history` has the redirects that were
        followed, `response.url` says where they led.

        Raises what the application raises, `IncompleteResponseError` if it ends without a whole
        answer, and `ClientRedirectError` (werkzeug) for redirects that lead nowhere.
        """
        path, headers, scheme, root_path = _locate(path, headers, scheme, root_path, base_url)
        if content_type is not None:
            headers["Content-Type"] = content_type
        # In the order of `_make_request`, which Quart's subclasses override.
        call: dict[str, Any] = {
            "path": path,
            "method": method.upper(),
            "headers": headers,
            "data": data,
            "form": form,
            "files": files,
            "query_string": query_string,
            "json": json,
            "scheme": scheme,
            "root_path": root_path,
            "http_version": http_version,
            "scope_base": scope_base,
            "auth": auth,
            "subdomain": subdomain,
        }
        self.push_promises = []
        self._release_context()
        try:
            return await self._open(call, follow_redirects)
        finally:
            if self.preserve_context and self._kept is not None:
                self._token = current.set(self._kept)

    @must_await("client.get(...)", "response")
    async def get(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a GET request: see `open`."""
        return await self.open(*args, method="GET", **kwargs)

    @must_await("client.post(...)", "response")
    async def post(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a POST request: see `open`."""
        return await self.open(*args, method="POST", **kwargs)

    @must_await("client.put(...)", "response")
    async def put(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a PUT request: see `open`."""
        return await self.open(*args, method="PUT", **kwargs)

    @must_await("client.patch(...)", "response")
    async def patch(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a PATCH request: see `open`."""
        return await self.open(*args, method="PATCH", **kwargs)

    @must_await("client.delete(...)", "response")
    async def delete(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a DELETE request: see `open`."""
        return await self.open(*args, method="DELETE", **kwargs)

    @must_await("client.head(...)", "response")
    async def head(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a HEAD request: see `open`."""
        return await self.open(*args, method="HEAD", **kwargs)

    @must_await("client.options(...)", "response")
    async def options(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make an OPTIONS request: see `open`."""
        return await self.open(*args, method="OPTIONS", **kwargs)

    @must_await("client.trace(...)", "response")
    async def trace(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a TRACE request: see `open`."""
        return await self.open(*args, method="TRACE", **kwargs)

    def request(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Headerish | None = None,
        query_string: QueryString | None = None,
        scheme: str = "http",
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: dict[str, Any] | None = None,
        auth: Auth | None = None,
        subdomain: str | None = None,
        base_url: str | None = None,
    ) -> TestHTTPConnection:
        """A request as a connection, for ``async with``: body and answer go piece by piece."""
        path, headers, scheme, root_path = _locate(path, headers, scheme, root_path, base_url)
        scope = self._scope(
            "http",
            path,
            method,
            headers,
            query_string,
            scheme,
            root_path,
            http_version,
            scope_base,
            auth,
            subdomain,
        )
        return self._connection(self.http_connection_class, scope)

    def sse(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Headerish | None = None,
        data: BodyData | None = None,
        form: Form | None = None,
        json: Any = sentinel,
        **kwargs: Any,
    ) -> TestEventStream:
        """An event stream, for ``async with``; iterate it for the events.

        *data*, *form* and *json* are the body, for streams that are asked for by POST; what else
        `request` takes can be given too.
        """
        headers = Headers(headers)
        headers.setdefault("Accept", "text/event-stream")
        body, body_headers = make_test_body_with_headers(
            data=data, form=form, json=json, app=self.app
        )
        describe_body(headers, body, body_headers)
        connection = self.request(path, method=method, headers=headers, **kwargs)
        return TestEventStream(connection, body)

    def websocket(
        self,
        path: str,
        *,
        headers: Headerish | None = None,
        query_string: QueryString | None = None,
        scheme: str = "ws",
        subprotocols: Iterable[str] | None = None,
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: dict[str, Any] | None = None,
        auth: Auth | None = None,
        subdomain: str | None = None,
        base_url: str | None = None,
    ) -> TestWebsocketConnection:
        """A websocket, for ``async with``. *subprotocols* are offered in the order given."""
        path, headers, scheme, root_path = _locate(path, headers, scheme, root_path, base_url)
        offer_subprotocols(headers, subprotocols)
        scope = self._scope(
            "websocket",
            path,
            "GET",
            headers,
            query_string,
            as_websocket_scheme(scheme),
            root_path,
            http_version,
            scope_base,
            auth,
            subdomain,
        )
        return self._connection(self.websocket_connection_class, scope)

    @asynccontextmanager
    async def session_transaction(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Headerish | None = None,
        query_string: QueryString | None = None,
        scheme: str = "http",
        data: BodyData | None = None,
        form: Form | None = None,
        json: Any = sentinel,
        root_path: str = "",
        http_version: str = "1.1",
        auth: Auth | None = None,
        base_url: str | None = None,
    ) -> AsyncGenerator[SessionMixin]:
        """The session that the next request will find; saved when the block is left without error.

        The arguments describe a request, for session interfaces that look at it. Raises
        `RuntimeError` without cookies, and if no session can be opened.
        """
        jar = self._jar("Session transactions need cookies")
        path, headers, scheme, root_path = locate(path, headers, scheme, root_path, base_url)
        host = headers.setdefault("Host", default_host(self.app))
        self._add_cookies(headers, scheme, root_path + path)
        request = make_test_request(
            self.app,
            path,
            method=method,
            headers=headers,
            query_string=query_string,
            scheme=scheme,
            data=data,
            form=form,
            json=json,
            root_path=root_path,
            http_version=http_version,
            auth=auth,
        )
        interface = self.app.session_interface
        async with self.app.request_context(request):
            session = await _result(interface.open_session(self.app, request))
        if session is None:
            raise RuntimeError("No session could be opened. Is the app's 'secret_key' set?")
        yield session
        if interface.is_null_session(session):
            return
        response = self.app.response_class()
        async with self.app.request_context(request):
            await _result(interface.save_session(self.app, session, response))
        jar.extract(host, root_path + path, response.headers.getlist("Set-Cookie"))

    # Cookies

    def set_cookie(
        self,
        server_name: str | None,
        key: str | None = None,
        value: str | None = None,
        max_age: int | timedelta | None = None,
        expires: float | datetime | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
    ) -> None:
        """Put a cookie into the jar, as if *server_name* (None: the host of the tests) had set it.

        Flask's spelling works too: with one or two names before the keywords, ``set_cookie(key,
        value, domain=...)``, they are key and value, and *domain* is the host it goes to. So an
        empty value in Quart's spelling has to be said: ``set_cookie(server_name, key, "")``.
        """
        if server_name is None:
            server_name = default_host(self.app)
        elif key is None or value is None:
            server_name, key, value = domain or default_host(self.app), server_name, key or value
            domain = None
        assert key is not None  # only `set_cookie(None)`, which means nothing, has none
        header = dump_cookie(
            key,
            value or "",
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
        self._jar("Cookies cannot be set").extract(server_name, path, [header])

    def get_cookie(self, key: str, domain: str | None = None, path: str = "/") -> Cookie | None:
        """The cookie *key* in the jar, of just this host (or ``Domain``) and path; or None."""
        jar = self._jar("There are no cookies to get")
        return jar.get(key, domain or default_host(self.app), path)

    def delete_cookie(
        self,
        server_name: str | None,
        key: str | None = None,
        path: str = "/",
        domain: str | None = None,
    ) -> None:
        """Take a cookie out of the jar: ``(server_name, key)``, or Flask's ``(key, domain=...)``."""
        if key is None:
            server_name, key, domain = domain or default_host(self.app), server_name, None
        self.set_cookie(server_name, key, "", max_age=0, path=path, domain=domain)

    def _jar(self, what_fails: str) -> CookieJar:
        if self.cookie_jar is None:
            raise RuntimeError(f"{what_fails}: this client was made with 'use_cookies=False'.")
        return self.cookie_jar

    def _add_cookies(self, headers: Headers, scheme: str, path: str) -> None:
        """Add the cookies of the jar after those that the test has set, which therefore win."""
        if self.cookie_jar is not None:
            fitting = self.cookie_jar.header(scheme, headers["Host"], path.partition("?")[0])
            if fitting:
                own = headers.get("Cookie")
                headers["Cookie"] = f"{own}; {fitting}" if own else fitting

    # The kept context

    async def __aenter__(self) -> Self:
        if self.preserve_context:
            raise RuntimeError("The client keeps contexts already: its blocks cannot be nested.")
        self.preserve_context = True
        appcontext_tearing_down.connect(self._keep_context, self.app, weak=False)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        # Of every sender: blinker keeps a receiver that is disconnected from one sender only.
        appcontext_tearing_down.disconnect(self._keep_context)
        self._release_context()
        self.preserve_context = False

    def _keep_context(self, sender: Any, **extra: Any) -> None:
        context = current.get(None)
        if context is not None and (context.has_request or context.has_websocket):
            self._kept = context

    def _release_context(self) -> None:
        self._kept = None
        token, self._token = self._token, None
        if token is not None:
            try:
                current.reset(token)
            except ValueError:
                # Set in another `contextvars.Context`, a task of the test that has ended: there is
                # nothing to put back in this one.
                pass

    # The way of every request

    async def _open(self, call: dict[str, Any], follow_redirects: bool) -> TestResponse:
        history: list[TestResponse] = []
        while True:
            response = await self._make_request(*call.values())
            response.history = tuple(history)
            if not (follow_redirects and is_redirect(response)):
                return response
            history.append(response)
            call |= redirected(call, response, response.url, len(history), default_host(self.app))

    async def _make_request(
        self,
        path: str,
        method: str,
        headers: Headerish | None,
        data: BodyData | None,
        form: Form | None,
        files: Files | None,
        query_string: QueryString | None,
        json: Any,
        scheme: str,
        root_path: str,
        http_version: str,
        scope_base: dict[str, Any] | None,
        auth: Auth | None = None,
        subdomain: str | None = None,
    ) -> TestResponse:
        headers = Headers(headers)
        body, body_headers = make_test_body_with_headers(
            data=data, form=form, files=files, json=json, app=self.app
        )
        describe_body(headers, body, body_headers)
        scope = self._scope(
            "http",
            path,
            method,
            headers,
            query_string,
            scheme,
            root_path,
            http_version,
            scope_base,
            auth,
            subdomain,
        )
        async with self._connection(self.http_connection_class, scope) as connection:
            if body:
                await connection.send(body)
            await connection.send_complete()
            response = cast("TestResponse", await connection.as_response())
        response.url = _url_of(scope)
        self.push_promises.extend(connection.push_promises)
        return response

    def _scope(
        self,
        kind: str,
        path: str,
        method: str,
        headers: Headers,
        query_string: QueryString | None,
        scheme: str,
        root_path: str,
        http_version: str,
        scope_base: dict[str, Any] | None,
        auth: Auth | None,
        subdomain: str | None,
    ) -> Scope:
        headers, decoded, query = make_test_headers_path_and_query_string(
            self.app, path, headers, query_string, auth, subdomain
        )
        self._add_cookies(headers, scheme, path)
        base: dict[str, Any] = {"raw_path": raw_path(path), **self.scope_base, **(scope_base or {})}
        state: dict[str, Any] | None = base.get("state")
        if state is not None:  # ASGI lifespan state: each request has a shallow copy of its own
            base["state"] = state.copy()
        return make_test_scope(
            kind, decoded, method, headers, query, scheme, root_path, http_version, base
        )

    def _connection(self, connection_class: type[C], scope: Scope) -> C:
        self._release_context()  # the new request must not find the one before around it
        connection = connection_class(self.app, scope)
        if (jar := self.cookie_jar) is not None:
            host, path = _host_of(scope), scope["raw_path"].decode("ascii")

            def take_cookies(headers: Headers) -> None:
                jar.extract(host, path, headers.getlist("Set-Cookie"))

            connection.on_headers = take_cookies
        return connection


def _locate(
    path: str, headers: Headerish | None, scheme: str, root_path: str, base_url: str | None
) -> tuple[str, Headers, str, str]:
    """As `locate`, but with a path that includes the root path, as a request line has it."""
    path, located, scheme, root_path = locate(path, headers, scheme, root_path, base_url)
    return root_path + path if base_url is not None else path, located, scheme, root_path


def _host_of(scope: Scope) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next(value.decode("latin-1") for name, value in headers if name == b"host")


def _url_of(scope: Scope) -> str:
    query = scope["query_string"].decode("ascii")
    path = scope["raw_path"].decode("ascii") + (query and f"?{query}")
    return f"{scope['scheme']}://{_host_of(scope)}{path}"


async def _result(value: Any) -> Any:
    """*value*, awaited if it has to be: a session interface may be synchronous."""
    return await value if inspect.isawaitable(value) else value
