"""What a request and a websocket have in common: the facts of the connection, read lazily.

Everything comes from the ASGI scope when it is first asked for; an object whose headers nobody
looks at never decodes them. Nothing here reads a body, knows an application or needs a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from werkzeug.datastructures import Headers, ImmutableMultiDict, MIMEAccept
from werkzeug.http import parse_accept_header
from werkzeug.routing import Rule
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.request import Request as SansIORequest
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

from .. import json
from ..typing import Scope
from ..utils import decode_headers


class LazyFact:
    """A value that is computed at first access and then stands in the instance dictionary.

    PERF: a non-data descriptor, so that later reads do not come here at all; an assignment simply
    takes its place.
    """

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


def fact(compute: Callable[[Any], Any]) -> Any:
    """Declare a lazy fact; typed as the value, for that is what a reader sees."""
    return LazyFact(compute)


def first_headers(connection: Any) -> dict[bytes, bytes]:
    """The headers of a request or websocket by name, as they came; of several the first."""
    headers = connection.scope["headers"]
    try:
        return dict(reversed(headers))
    except TypeError:  # no server gives less than a sequence, but ASGI would allow it
        return dict([*headers][::-1])


def app_path(scope: Scope) -> str | None:
    """The path below the mount point; None if it is not below it, so that no rule can match."""
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    root = root.rstrip("/")
    if root:
        if path == root:
            return "/"
        return path[len(root) :] if path.startswith(root + "/") else None
    return path


def client_address(scope: Scope) -> str:
    """The address of the peer as the server tells it; for a Unix socket, which has none, "<local>"."""
    client = scope.get("client")
    return client[0] if client else "<local>"


def server_address(scope: Scope) -> tuple[str, int | None] | None:
    """Host and port that were connected to. Granian writes the port as a string."""
    server = scope.get("server")
    if not server:
        return None
    return server[0], None if server[1] is None else int(server[1])


def _cookie_header(connection: Any) -> str:
    headers = connection.__dict__.get("headers")
    if headers is not None:
        return ";".join(headers.getlist("Cookie"))
    # PERF: without decoding all of them (bench: session).
    raw = connection.scope["headers"]
    return ";".join([str(value, "latin-1") for name, value in raw if name == b"cookie"])


def parse_accept(value: str | None) -> MIMEAccept:
    """The types of an Accept header.

    Blanks are taken together first: werkzeug's pattern takes quadratic time for many of them.
    """
    return parse_accept_header(value and " ".join(value.split()), MIMEAccept)


class BaseRequestWebsocket(SansIORequest):
    """What was asked for: method, URL, headers, and which rule it matched."""

    json_module: Any = json

    #: The rule that matched; None before routing and where nothing matched.
    url_rule: Rule | None = None
    #: The values that the rule's converters made; None where nothing matched.
    view_args: dict[str, Any] | None = None
    #: The routing error, raised when the request is dispatched.
    routing_exception: Exception | None = None

    scope: Scope

    if TYPE_CHECKING:
        http_version: str
        #: The Origin header; None where there is none.
        origin: str | None  # type: ignore[assignment]  # werkzeug takes it to be always there
    else:
        method = fact(lambda self: self.scope["method"])
        scheme = fact(lambda self: self.scope.get("scheme", "http"))
        path = fact(lambda self: app_path(self.scope) or self.scope["path"])
        root_path = fact(lambda self: (self.scope.get("root_path") or "").rstrip("/"))
        query_string = fact(lambda self: self.scope.get("query_string", b""))
        headers = fact(lambda self: decode_headers(self.scope["headers"]))
        server = fact(lambda self: server_address(self.scope))
        remote_addr = fact(lambda self: client_address(self.scope))
        http_version = fact(lambda self: self.scope.get("http_version", "1.1"))

    #: The first header of each name as it came.
    # PERF: for facts that ask for one, where nobody has had all of them decoded (bench: echo).
    _raw_headers: dict[bytes, bytes] = fact(first_headers)

    @cached_property
    def accept_mimetypes(self) -> MIMEAccept:
        """What the client accepts (RFC 9110 section 12.5.1), best first."""
        return parse_accept(self.headers.get("Accept"))

    def __init__(
        self,
        method: str,
        scheme: str,
        path: str,
        query_string: bytes,
        headers: Headers,
        root_path: str,
        http_version: str,
        scope: Scope,
    ) -> None:
        self.scope = scope
        self.http_version = http_version
        super().__init__(
            method=method,
            scheme=scheme,
            server=server_address(scope),
            root_path=root_path,
            path=path,
            query_string=query_string,
            headers=headers,
            remote_addr=client_address(scope),
        )

    def _read_content_type(self) -> str | None:
        """What kind of body the client says it sends (RFC 9110 section 8.3); None without word."""
        headers = self.__dict__.get("headers")
        if headers is not None:
            return headers.get("Content-Type")  # type: ignore[no-any-return]  # from __dict__
        value = self._raw_headers.get(b"content-type")
        return None if value is None else str(value, "latin-1")

    def _read_content_length(self) -> int | None:
        """The length that the client has announced (RFC 9110 section 8.6); None if it has not."""
        headers = self.__dict__.get("headers")
        if headers is None:
            raw = self._raw_headers
            value, coding = raw.get(b"content-length"), raw.get(b"transfer-encoding")
        else:
            value = headers.get("Content-Length", "").encode("latin-1")
            coding = headers.get("Transfer-Encoding", "").encode("latin-1")
        return int(value) if value and value.isdigit() and coding != b"chunked" else None

    def _read_cookies(self) -> Any:
        return parse_cookie(_cookie_header(self), cls=cast(Any, self.dict_storage_class))

    def _read_host(self) -> str:
        headers = self.__dict__.get("headers")
        if headers is not None:
            host = headers.get("Host")
        else:
            raw = self._raw_headers.get(b"host")
            host = None if raw is None else str(raw, "latin-1")
        return get_host(self.scheme, host, self.server, self.trusted_hosts)

    if not TYPE_CHECKING:
        host = fact(_read_host)
        cookies = fact(_read_cookies)
        content_type = fact(_read_content_type)
        content_length = fact(_read_content_length)

    @property
    def is_json(self) -> bool:
        """Whether the content type says that the body is JSON."""
        if self.content_type == "application/json":  # PERF: what nearly every client sends
            return True
        return super().is_json

    @property
    def endpoint(self) -> str | None:
        """The endpoint that matched, or None."""
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The (dotted) name of the blueprint that the endpoint belongs to, or None."""
        endpoint = self.endpoint
        if endpoint is not None and "." in endpoint:
            return endpoint.rpartition(".")[0]
        return None

    @property
    def blueprints(self) -> list[str]:
        """Names of the blueprint and of those it is nested in, innermost first."""
        name = self.blueprint
        names: list[str] = []
        while name:
            names.append(name)
            name = name.rpartition(".")[0]
        return names

    @property
    def script_root(self) -> str:
        """Where the application is mounted, without a slash at the end."""
        return self.root_path.rstrip("/")

    @property
    def url_root(self) -> str:
        """The URL that the application is mounted at, with a slash at the end."""
        return self.root_url

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.path!r}>"


def read_cookie(request: BaseRequestWebsocket, name: str) -> str | None:
    """What ``request.cookies.get(name)`` gives; *request* may also be a proxy or a stand-in.

    PERF: saves reading all cookies where one is wanted: 2 us, 5 with nine of them (bench: session).
    """
    if (
        getattr(type(request), "cookies", None) is BaseRequestWebsocket.cookies
        and "cookies" not in request.__dict__
        and request.dict_storage_class is ImmutableMultiDict
    ):
        header = _cookie_header(request)
        # A semicolon within quotes belongs to the value. Where there is no quote, what stands
        # between two semicolons is a cookie, or nothing if there is a blank inside of name or value.
        if name and " " not in name and '"' not in header and "\t" not in header:
            for piece in header.split(";"):
                key, _, value = piece.partition("=")
                if key.strip(" ") == name:
                    value = value.strip(" ")
                    if " " not in value:
                        return value
            return None
    return request.cookies.get(name)
