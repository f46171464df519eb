"""Flask's face of our request: a `flask.Request` that has the body, the form and the files of ours.

Ours is awaited, Flask's is not. Each is read through the other, so that a form which a synchronous hook
has looked at is there for the asynchronous view, and the other way round.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, TypeVar

import flask
from werkzeug.datastructures import FileStorage, ImmutableMultiDict, iter_multi_items

from ...ctx import AppContext
from ...errors import ContextError
from ...sync import find_world
from ...typing import Scope
from ...wrappers.base import app_path, server_address

T = TypeVar("T")

#: In a scope that was made of a WSGI environment: that environment.
ENVIRON = "pottle.environ"
#: In an environment that a test client makes: what is to be given the context, to keep it.
PRESERVE = "werkzeug.debug.preserve_context"
#: In an environment that Flask's test client makes: the request uses the application context around it.
SHARES = "pottle.shares_context"


def request_face(context: AppContext) -> FlaskRequest:
    """The request of *context* for Flask, made at first use; for a websocket that of its handshake."""
    face: Any = context.__dict__.get("flask_request")
    if face is None:
        connection = context.connection
        if connection is None:
            raise RuntimeError(
                "Working outside of request context. There is no request here: use"
                " app.test_request_context() to have one in a test."
            )
        face = context.__dict__["flask_request"] = _face_class(context.app.request_class)(
            connection
        )
    return face  # type: ignore[no-any-return]  # which stands there untyped


def _of_ours(name: str) -> Any:
    """A property that is the one of our request: which rule matched is told to that."""

    def read(face: FlaskRequest) -> Any:
        return getattr(face.behind, name)

    def write(face: FlaskRequest, value: Any) -> None:
        setattr(face.behind, name, value)

    return property(read, write)


@lru_cache(maxsize=32)
def _face_class(cls: Any) -> Any:
    """The class of the face, for an application with the request class *cls*, Flask's or ours."""
    if not issubclass(cls, flask.Request):
        return FlaskRequest
    return type(cls.__name__, (FlaskRequest, cls), {"__module__": cls.__module__})


class FlaskRequest(flask.Request):
    """The face of *connection*, one of our requests or websockets."""

    url_rule = _of_ours("url_rule")
    view_args = _of_ours("view_args")
    routing_exception = _of_ours("routing_exception")

    def __init__(self, connection: Any) -> None:
        environ = environ_of(connection)
        environ["wsgi.input"] = BodyStream(connection)
        environ["wsgi.input_terminated"] = True
        self.behind = connection
        super().__init__(environ, populate_request=False)
        self.json_module = getattr(connection, "_plan", None) and connection._plan.app.json

    # The body.

    def _load_form_data(self) -> None:
        if "form" in self.__dict__:
            return
        form, files = wait(_form_of(self.behind), "flask.request.form")
        as_dict = self.parameter_storage_class
        self.__dict__.update(
            stream=self._get_stream_for_parsing(),
            form=as_dict(form),
            files=ImmutableMultiDict(
                [
                    (
                        name,
                        FileStorage(file.stream, file.filename, file.name, headers=file.headers),
                    )
                    for name, file in iter_multi_items(files)
                ]
            ),
        )

    def get_data(
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> Any:
        data: bytes | None = getattr(self, "_cached_data", None)
        if data is None:
            if parse_form_data:
                self._load_form_data()
            data = wait(_data_of(self.behind, cache), "flask.request.get_data()")
            if cache:
                self._cached_data = data
        return data.decode(errors="replace") if as_text else data


async def _form_of(connection: Any) -> tuple[Any, Any]:
    if not hasattr(connection, "body"):  # a websocket
        return (), ()
    return await connection.form, await connection.files


async def _data_of(connection: Any, cache: bool) -> bytes:
    if not hasattr(connection, "body"):
        return b""
    data: bytes = await connection.get_data(cache=cache)
    return data


class BodyStream(io.RawIOBase):
    """The body as a file, read piece by piece as it arrives."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._pieces: Any = None
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = wait(self._next(), "flask.request.stream")
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)

    async def _next(self) -> bytes:
        if self._pieces is None:
            self._pieces = aiter(getattr(self._connection, "body", _Nothing()))
        piece: bytes = await anext(self._pieces, b"")
        return piece


class _Nothing:
    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def wait(coroutine: Coroutine[Any, Any, T], what: str) -> T:
    """Wait for *coroutine* from wherever this is, if that can be; *what* is named if it cannot."""
    world = find_world()
    if world is not None:
        return world.wait(coroutine)
    # What has arrived already does not have to be waited for.
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise ContextError(
        f"{what} would have to wait for the body of the request, and cannot on the thread of the event"
        " loop. Await it first: `await request.form` (or get_data, get_json), with the request of"
        " Pottle; or install greenlet (pip install pottle[flask]), with which Flask's can wait."
    )


def environ_of(connection: Any) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of one of our requests or websockets, without its body."""
    scope: Scope = connection.scope
    environ: dict[str, Any] | None = scope.get(ENVIRON)
    if environ is not None:
        return environ
    server = server_address(scope) or ("localhost", 80)
    environ = {
        "REQUEST_METHOD": connection.method,
        "SCRIPT_NAME": _as_wsgi(connection.root_path.rstrip("/")),
        "PATH_INFO": _as_wsgi(app_path(scope) or connection.path),
        "QUERY_STRING": connection.query_string.decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{connection.http_version}",
        "REMOTE_ADDR": connection.remote_addr,
        "asgi.scope": scope,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": {"ws": "http", "wss": "https"}.get(connection.scheme, connection.scheme),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    raw_path = scope.get("raw_path")
    if raw_path:
        environ["RAW_URI"] = environ["REQUEST_URI"] = raw_path.decode("latin-1")
    for name, value in connection.headers:
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    return environ


def _as_wsgi(text: str) -> str:
    return text.encode().decode("latin-1")
