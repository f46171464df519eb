"""Server-sent events as the HTML standard has them (section 9.2), and the response that carries them.

An event is text in UTF-8: fields of one line each, ended by an empty line. What comes out of
`ServerSentEvent.encode` is always a whole event, so that nothing a program puts into one field can
become another field or another event.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..globals import current_app
from ..json import dumps
from ..utils import encode_text
from ..wrappers import Response
from ..wrappers.bodies import IterableBody

if TYPE_CHECKING:
    from ..typing import Headerish, StatusCode

_LINE_END = re.compile(r"\r\n|\r|\n")
_ENDS_A_FIELD = re.compile(r"[\r\n\0]")

#: A comment without text: clients ignore it, and proxies see that the connection lives.
FILLER = b":\n\n"


class ServerSentEvent:
    """One event. `data` is text, or any other JSON value, which is sent as JSON.

    `event` names the type that the client listens for ("message" by default), `id` is what the
    client sends back as Last-Event-ID when it reconnects, `retry` the milliseconds it waits before.
    A `comment` is ignored by the client. An event without data is not dispatched there, but its
    `id` and `retry` are taken up; one with nothing at all keeps the connection alive.

    Raises `ValueError` for an `id` or `event` with a line end or NULL in it, and for a `retry` that
    is no count of milliseconds.
    """

    __slots__ = ("comment", "data", "event", "id", "retry")

    def __init__(
        self,
        data: Any = None,
        *,
        event: str | None = None,
        id: str | int | None = None,
        retry: int | None = None,
        comment: str | None = None,
    ) -> None:
        self.data = data
        self.event = None if event is None else _one_line("event", event)
        # PERF: a number is one line for sure; saves a tenth of making an event (bench: events).
        self.id = None if id is None else str(id) if id.__class__ is int else _one_line("id", id)
        self.retry = None if retry is None else _milliseconds(retry)
        self.comment = comment

    def __repr__(self) -> str:
        fields = (
            (name, getattr(self, name)) for name in ("data", "event", "id", "retry", "comment")
        )
        given = ", ".join(f"{name}={value!r}" for name, value in fields if value is not None)
        return f"{type(self).__name__}({given})"

    def encode(self) -> bytes:
        """The event as it is sent. `TypeError` if `data` is nothing that JSON can say."""
        head = "" if self.comment is None else _lines("", self.comment)
        if self.event is not None:
            head = f"{head}event: {self.event}\n"
        tail = "" if self.id is None else f"id: {self.id}\n"
        if self.retry is not None:
            tail = f"{tail}retry: {self.retry}\n"
        data = self.data
        if data is None:
            text = f"{head}{tail}\n" if head or tail else ":\n\n"
        else:
            if not isinstance(data, str):
                data = dumps(data)
            if "\n" in data or "\r" in data:
                text = f"{head}{_lines('data', data)}{tail}\n"
            else:
                # PERF: saves half of the time for the usual event (bench: events)
                text = f"{head}data: {data}\n{tail}\n"
        try:
            return text.encode()
        except UnicodeEncodeError:
            return encode_text(text)


def _lines(field: str, text: str) -> str:
    # The space is always there: a client takes one away, and the text may begin with one.
    return "".join([f"{field}: {line}\n" for line in _LINE_END.split(text)])


def _one_line(field: str, value: str | int) -> str:
    text = str(value)
    # PERF: what is printable has no line end; that is asked faster than searched (bench: events).
    if not text.isprintable() and _ENDS_A_FIELD.search(text) is not None:
        raise ValueError(
            f"The {field} of a server-sent event is one line, and {text!r} has a line end or NULL in"
            " it, with which the client would read something else. Take it out, or put the text"
            " into the data, where lines are allowed."
        )
    return text


def _milliseconds(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(
            f"'retry' is the whole number of milliseconds that the client waits, not {value!r}."
        )
    return value


def encode_event(item: Any, /) -> bytes:
    """What a source yields, as it is sent: bytes as they are, all else as `ServerSentEvent`."""
    if isinstance(item, ServerSentEvent):
        return item.encode()
    if isinstance(item, (bytes, bytearray)):
        return bytes(item)
    return ServerSentEvent(item).encode()


class EventStream(Response):
    """The answer that sends what *source* yields as server-sent events, until it ends.

    *source*: an (async) generator or iterable of `ServerSentEvent`, text, JSON values, or bytes that
    are encoded events; a synchronous one is iterated in a thread. It is closed, and its ``finally``
    run, when the client leaves or the server shuts down. *keep_alive*: seconds of silence after
    which a comment is sent (None: never). *retry*: milliseconds that the client is told to wait
    before it reconnects.

    A source may be silent for as long as it likes; `RESPONSE_TIMEOUT` limits how long the client may take
    nothing of what is sent.
    """

    keep_alive_chunk = FILLER
    long_lived = True

    def __init__(
        self,
        source: AsyncIterable[Any] | Iterable[Any],
        *,
        keep_alive: float | None = 15.0,
        retry: int | None = None,
        status: StatusCode | None = None,
        headers: Headerish | None = None,
    ) -> None:
        super().__init__(
            EventBody(source, retry), status, headers, content_type="text/event-stream"
        )
        self.keep_alive = keep_alive
        self.headers.setdefault("Cache-Control", "no-cache")
        self.headers.setdefault("X-Accel-Buffering", "no")  # nginx would hold events back


class EventBody(IterableBody):
    """The events of a source, encoded, after the time to wait before reconnecting."""

    encode = staticmethod(encode_event)

    def __init__(self, source: Any, retry: int | None) -> None:
        if isinstance(source, str | bytes) or not isinstance(source, AsyncIterable | Iterable):
            raise TypeError(
                f"An event stream needs a generator or another iterable of events, not {source!r}."
                + (" Call the function to get one." if callable(source) else "")
            )
        super().__init__(source)  # pyright: ignore[reportUnknownArgumentType]  # of anything
        self._retry = retry

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._retry is None:
            return super().__aiter__()
        if self._chunks is None:
            self._chunks = self._after_retry(ServerSentEvent(retry=self._retry))
        return self._chunks

    async def _after_retry(self, first: ServerSentEvent) -> AsyncGenerator[bytes]:
        yield first.encode()
        async for item in self.items():
            yield encode_event(item)


def event_view(func: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A view that answers with the events of *func*; *options* are those of `EventStream`.

    *func* is an async generator function, a generator function, or any other function that returns
    something to iterate over. What else it returns (a response, a tuple, text) is an ordinary answer.
    """

    @wraps(func)
    async def view(*args: Any, **kwargs: Any) -> Any:
        if inspect.isasyncgenfunction(func) or inspect.isgeneratorfunction(func):
            source = func(*args, **kwargs)
        else:
            source = await current_app.ensure_async(func)(*args, **kwargs)
        if isinstance(source, AsyncIterable | Iterator) and not isinstance(source, Response):
            return EventStream(source, **options)  # pyright: ignore[reportUnknownArgumentType]  # of anything
        return source  # pyright: ignore[reportUnknownVariableType]  # whatever a view may return

    return view
