"""What a test says ("post this form there") as what ASGI says: headers, body, scope, request.

Values only: nothing here runs an application or waits. What the caller passes in is never changed,
so that one `Headers` object or one open file can serve many requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from io import BytesIO
from string import punctuation
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit
from uuid import uuid4

from werkzeug.datastructures import (
    Authorization,
    FileMultiDict,
    FileStorage,
    Headers,
    MultiDict,
    iter_multi_items,
)
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartEncoder, Preamble

from ..json import dumps
from ..typing import Headerish, Scope
from ..utils import encode_headers

if TYPE_CHECKING:
    from ..app import Pottle
    from ..wrappers import Request, Websocket

#: Stands for "no JSON given", since None is JSON too.
sentinel: Any = object()

QueryString = str | Mapping[str, Any] | Iterable[tuple[str, Any]]
Form = Mapping[str, Any] | Iterable[tuple[str, Any]]
BodyData = str | bytes | bytearray | IO[bytes] | Mapping[str, Any]
Files = Mapping[str, Any] | Iterable[tuple[str, Any]]
Auth = Authorization | tuple[str, str]

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_KEPT = "%" + punctuation


def locate(
    path: str,
    headers: Headerish | None,
    scheme: str,
    root_path: str,
    base_url: str | None = None,
) -> tuple[str, Headers, str, str]:
    """Take an absolute URL in *path*, or *base_url*, apart: path, headers with Host, scheme, root.

    The path of *base_url* is the root path that *path* is relative to. Raises `ValueError` if both
    are absolute.
    """
    headers = Headers(headers)
    is_absolute = path.lower().startswith(("http://", "https://", "ws://", "wss://"))
    if base_url is not None:
        if is_absolute:
            raise ValueError(f"The path {path!r} is a whole URL already: leave 'base_url' out.")
        base = urlsplit(base_url)
        scheme, root_path = base.scheme, base.path.rstrip("/")
        headers.setdefault("Host", base.netloc.rpartition("@")[2])
    elif is_absolute:
        url = urlsplit(path)
        scheme = url.scheme
        headers.setdefault("Host", url.netloc.rpartition("@")[2])
        path = url._replace(scheme="", netloc="").geturl()
    path = path.partition("#")[0]
    if not path.startswith("/") and path != "*":
        path = "/" + path
    return path, headers, scheme, root_path


def default_host(app: Pottle) -> str:
    """The host that requests go to: ``SERVER_NAME``, or else ``localhost``."""
    return app.config.get("SERVER_NAME") or "localhost"


def make_test_headers_path_and_query_string(
    app: Pottle,
    path: str,
    headers: Headerish | None = None,
    query_string: QueryString | None = None,
    auth: Auth | None = None,
    subdomain: str | None = None,
) -> tuple[Headers, str, bytes]:
    """Headers with the usual defaults, the decoded path, and the query string as bytes.

    *path* is percent-encoded and may carry the query string; *query_string* is a mapping (a list as
    value repeats the key), pairs, or encoded text. Raises `ValueError` if both carry one. *auth* is
    a user and password for Basic, or any `Authorization`.
    """
    headers = Headers(headers)
    if auth is not None:
        if isinstance(auth, tuple):
            auth = Authorization("basic", {"username": auth[0], "password": auth[1]})
        headers.setdefault("Authorization", auth.to_header())
    headers.setdefault("User-Agent", "Pottle")
    host = default_host(app)
    headers.setdefault("Host", host if subdomain is None else f"{subdomain}.{host}")
    path, _, query = path.partition("?")
    if query_string is not None:
        if query:
            raise ValueError(
                f"The query string is given twice, in the path ({query!r}) and as"
                f" 'query_string' ({query_string!r}). Give it once."
            )
        query = query_string if isinstance(query_string, str) else encode_form(query_string)
    return headers, unquote(path), quote(query, safe=_KEPT).encode("ascii")


def raw_path(path: str) -> bytes:
    """The path as it stands in the request line: percent-encoded, without the query string."""
    return quote(path.partition("?")[0], safe=_KEPT).encode("ascii")


def encode_form(form: Form) -> str:
    """*form* as ``application/x-www-form-urlencoded``; a list as value repeats the key."""
    items: Any = form  # the stubs know fewer mappings than the function
    return urlencode(list(iter_multi_items(items)))


def make_test_body_with_headers(
    *,
    data: BodyData | None = None,
    form: Form | None = None,
    files: Files | None = None,
    json: Any = sentinel,
    app: Pottle | None = None,
) -> tuple[bytes, Headers]:
    """The body, and the headers that say what it is.

    *data* is text, bytes, an open file, or a mapping, which is a form as in Flask: a file in it is a
    `FileStorage`, an open file, bytes, or a tuple ``(file or bytes, filename, content type)``. *form* and *files*
    say the same apart. *json* is written by the JSON provider of *app*, or of the active one.
    Raises `ValueError` for arguments that exclude each other.
    """
    given = {"json": json is not sentinel, "data": data is not None}
    given["form and files"] = form is not None or files is not None
    if sum(given.values()) > 1:
        names = " and ".join(f"'{name}'" for name, is_given in given.items() if is_given)
        raise ValueError(f"A request has one body, but {names} are given. Give one of them.")
    if json is not sentinel:
        text = app.json.dumps(json) if app is not None else dumps(json)
        return text.encode(), Headers({"Content-Type": "application/json"})
    if isinstance(data, Mapping):
        form, files = data, ()
    if form is not None or files is not None:
        return _encode_fields(form or (), files or ())
    if data is None:
        return b"", Headers()
    return _as_bytes(data), Headers()


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    if hasattr(data, "read"):
        return _read(data)
    raise TypeError(
        f"The body of a request is text, bytes, an open file or a mapping, not {data!r}."
        " To send JSON pass it as 'json'."
    )


def _read(file: Any) -> bytes:
    """What is left in *file*, which is put back to where it stood if it can be."""
    where = file.tell() if hasattr(file, "seekable") and file.seekable() else None
    content: str | bytes = file.read()
    if where is not None:
        file.seek(where)
    return content.encode() if isinstance(content, str) else content


def _encode_fields(form: Form, files: Files) -> tuple[bytes, Headers]:
    fields: list[tuple[str, str]] = []
    storages: FileMultiDict = FileMultiDict()
    for key, value in _items(form):
        if isinstance(value, tuple) or hasattr(value, "read"):
            _add_file(storages, key, value)
        else:
            fields.append((key, str(value)))
    for key, value in _items(files):
        _add_file(storages, key, value)
    if storages:
        return _encode_multipart(fields, storages)
    if fields:
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return urlencode(fields).encode(), Headers(content_type)
    return b"", Headers()


def _items(form: Any) -> Iterator[tuple[str, Any]]:
    """Each key with each of its values. A tuple is one value: a file with its name."""
    if hasattr(form, "items"):
        form = form.items(multi=True) if isinstance(form, MultiDict) else form.items()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of any type
    for key, value in form:  # pyright: ignore[reportUnknownVariableType]  # the same
        for one in value if isinstance(value, list) else [value]:  # pyright: ignore[reportUnknownVariableType]  # the same
            yield key, one


def _add_file(storages: FileMultiDict, key: str, value: Any) -> None:
    file, *more = value if isinstance(value, tuple) else (value,)  # pyright: ignore[reportUnknownVariableType]  # of any type
    storages.add_file(key, BytesIO(file) if isinstance(file, bytes) else file, *more)  # pyright: ignore[reportUnknownArgumentType]  # the same


def _encode_multipart(
    fields: list[tuple[str, str]], storages: FileMultiDict
) -> tuple[bytes, Headers]:
    boundary = f"----pottle-{uuid4().hex}"
    encoder = MultipartEncoder(boundary.encode())
    parts = [encoder.send_event(Preamble(data=b""))]
    for key, value in fields:
        parts.append(encoder.send_event(Field(name=key, headers=Headers())))
        parts.append(encoder.send_event(Data(data=value.encode(), more_data=False)))
    storage: FileStorage
    for key, storage in storages.items(multi=True):
        event = File(name=key, filename=storage.filename or "", headers=storage.headers)
        parts.append(encoder.send_event(event))
        parts.append(encoder.send_event(Data(data=_read(storage.stream), more_data=False)))
    parts.append(encoder.send_event(Epilogue(data=b"")))
    content_type = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return b"".join(parts), Headers(content_type)


def describe_body(headers: Headers, body: bytes, body_headers: Headers) -> None:
    """Add to *headers* what the body needs; what the test has set itself stays as it is."""
    for key, value in body_headers:
        headers.setdefault(key, value)
    if body and "Transfer-Encoding" not in headers:
        headers.setdefault("Content-Length", str(len(body)))


def make_test_scope(
    type_: str,
    path: str,
    method: str,
    headers: Headers,
    query_string: bytes,
    scheme: str,
    root_path: str,
    http_version: str,
    scope_base: dict[str, Any] | None,
    *,
    _preserve_context: bool = False,
) -> Scope:
    """The ASGI scope for a request (*type_* ``"http"``) or a websocket (``"websocket"``).

    *path* is decoded and includes *root_path*. *scope_base* is laid over the result.
    """
    host, port = _host_and_port(headers.get("Host", "localhost"), DEFAULT_PORTS.get(scheme, 80))
    scope: dict[str, Any] = {
        "type": type_,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": http_version,
        "scheme": scheme,
        "path": path,
        "raw_path": quote(path, safe="/" + punctuation.replace("%", "")).encode("ascii"),
        "query_string": query_string,
        "root_path": root_path,
        "headers": encode_headers(headers),
        "server": (host, port),
        "extensions": {},
    }
    if type_ == "websocket":
        offered = headers.get("Sec-WebSocket-Protocol", "")
        scope["subprotocols"] = [name.strip() for name in offered.split(",") if name.strip()]
        scope["extensions"]["websocket.http.response"] = {}
    else:
        scope["method"] = method
        if http_version in {"2", "3"}:
            scope["extensions"]["http.response.push"] = {}
    scope.update(scope_base or {})
    return scope


def _host_and_port(host: str, default: int) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        return name, int(port)
    return host, default


async def no_op_push(path: str, headers: Headers) -> None:
    """Promise nothing: the sender of push promises for a request that no connection stands behind."""


def make_test_request(
    app: Pottle,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Headerish | None = None,
    query_string: QueryString | None = None,
    scheme: str = "http",
    send_push_promise: Callable[[str, Headers], Awaitable[None]] = no_op_push,
    data: BodyData | None = None,
    form: Form | None = None,
    files: Files | None = None,
    json: Any = sentinel,
    root_path: str = "",
    http_version: str = "1.1",
    scope_base: dict[str, Any] | None = None,
    auth: Auth | None = None,
    subdomain: str | None = None,
    base_url: str | None = None,
    content_type: str | None = None,
    subprotocols: Iterable[str] = (),
    websocket: bool = False,
) -> Any:
    """A request (or with *websocket* a websocket) of *app* that no server stands behind.

    The arguments are those of `PottleClient.open`; *path* is relative to *root_path*. The body is
    there from the start. A websocket made so has its facts, but nothing to send to or receive from.
    """
    path, headers, scheme, root_path = locate(path, headers, scheme, root_path, base_url)
    if content_type is not None:
        headers["Content-Type"] = content_type
    raw = root_path.encode() + raw_path(path)
    headers, path, query = make_test_headers_path_and_query_string(
        app, path, headers, query_string, auth, subdomain
    )
    body, body_headers = make_test_body_with_headers(
        data=data, form=form, files=files, json=json, app=app
    )
    describe_body(headers, body, body_headers)
    if websocket:
        scheme = as_websocket_scheme(scheme)
        offer_subprotocols(headers, subprotocols)
    scope = make_test_scope(
        "websocket" if websocket else "http",
        root_path + path,
        method,
        headers,
        query,
        scheme,
        root_path,
        http_version,
        {"raw_path": raw, **(scope_base or {})},
    )
    if websocket:
        return _make_websocket(app, scope, path, headers)
    request: Request = app.request_class(
        method,
        scheme,
        path,
        query,
        headers,
        root_path,
        http_version,
        scope=scope,
        send_push_promise=send_push_promise,
    )
    request.body.set_result(body)
    return request


def as_websocket_scheme(scheme: str) -> str:
    """``ws`` for ``http``, ``wss`` for ``https``, all else as it is."""
    return {"http": "ws", "https": "wss"}.get(scheme, scheme)


def offer_subprotocols(headers: Headers, subprotocols: Iterable[str] | None) -> None:
    """Offer *subprotocols* in the header that carries them (RFC 6455 section 11.3.4)."""
    offered = ", ".join(subprotocols or ())
    if offered:
        headers["Sec-WebSocket-Protocol"] = offered


def _make_websocket(app: Pottle, scope: Scope, path: str, headers: Headers) -> Websocket:
    async def nobody(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "This websocket was made for a test context: no client stands behind it. Use"
            " 'app.test_client().websocket(path)' to send and receive."
        )

    websocket: Websocket = app.websocket_class(
        path,
        scope["query_string"],
        scope["scheme"],
        headers,
        scope["root_path"],
        scope["http_version"],
        list(scope["subprotocols"]),
        receive=nobody,
        send=nobody,
        accept=nobody,
        close=nobody,
        scope=scope,
    )
    return websocket
