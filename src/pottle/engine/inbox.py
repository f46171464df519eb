"""What arrives on one connection, and the watch for the client's leaving.

Events are pulled when somebody asks. While a view is suspended and nobody asks, a watcher reads ahead,
within bounds, to see whether the client leaves; then the view is cancelled with `ClientDisconnected`.
Where cancelling the server's ``receive`` would lose an event, who gives up waiting leaves it pending for
the next reader.

A view that never suspends costs nothing here; one that suspends for a moment next to nothing.
"""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Generator, Iterator
from contextvars import Token
from typing import Any, NoReturn

from ..active import current
from ..ctx import clean_context
from ..errors import (
    ClientDisconnected,
    PeerDisconnected,
    PeerWebsocketDisconnect,
    RequestCancelled,
    WebsocketCancelled,
)
from ..turns import turns
from ..typing import Event, Receive, Scope
from ..waiting import Shielded, go_on, go_on_to_the_end, time_limit
from .sweep import INTERVAL, Sweep, running_sweep

_LEAVING = frozenset({"http.disconnect", "websocket.disconnect"})

#: The key of an ASGI scope under which our servers say that the client has left, with more unread than is
#: read ahead, so that the event of it will not be seen.
LEFT = "pottle.left"
#: Messages and bytes that are read ahead, where the configuration says nothing else.
READ_AHEAD = (16, 64 * 1024)
#: Seconds in which the close code is looked for when a server says that it could not send.
CODE_WAIT = 0.25
#: Turns of the event loop in which a handler that was cancelled cancels the tasks that it has made.
TURNS_TO_BE_CANCELLED = 10
#: Seconds in which a handler takes the first message, if it takes any, that a client has left behind.
FIRST_WAIT = 1.0
#: Seconds in which a handler takes the next message that a client has left behind, or the first one of
#: more than may be read ahead.
UNREAD_WAIT = 60.0


class Inbox:
    """The events of one connection; at most one task is in the server's ``receive`` at a time.

    *interrupt* says whether the view is cancelled when the client leaves, *read_ahead* how many
    messages and bytes may be read while nobody asks for them, *websocket* what kind of connection it is.
    In *scope* our servers say that the client has left behind more than that.
    """

    # PERF: beyond thirty attributes CPython would keep them in a dictionary (bench: JSON echo).
    __slots__ = (
        "_ahead",
        "_ahead_count",
        "_ahead_size",
        "_delivered",
        "_drops",
        "_expired",
        "_full_since",
        "_idle",
        "_moved",
        "_pending",
        "_raised",
        "_read_ahead",
        "_reader",
        "_receive",
        "_scope",
        "_taken",
        "_unread_until",
        "_waiting",
        "_websocket",
        "cancelled",
        "complete",
        "deadline",
        "dropped",
        "gone",
        "interrupt",
        "over",
        "reading",
        "stalled",
        "suspended",
        "sweep",
        "task",
        "timeout",
        "watcher",
    )

    # PERF: all is set here, although little of it is ever used: an attribute that some instances
    # have and others take from the class is a slow one (bench: echo).
    def __init__(
        self,
        receive: Receive,
        interrupt: bool,
        read_ahead: tuple[int, int] = READ_AHEAD,
        websocket: bool = False,
        scope: Scope | None = None,
    ) -> None:
        self._receive = receive
        self._websocket = websocket
        self._scope = scope
        self.interrupt = interrupt
        self._read_ahead = read_ahead
        #: The disconnect event, once there was one.
        self.gone: Event | None = None
        #: Whether somebody is in the server's ``receive`` on behalf of the application.
        self.reading = False
        #: Whether the request body has arrived, so that only a disconnect can follow.
        self.complete = False
        #: Whether the driven coroutine waits for something, and the task that drives it.
        self.suspended = False
        self.task: asyncio.Task[Any] | None = None
        #: Seconds for which the client has taken nothing, if that is why it counts as gone.
        self.stalled: float | None = None
        #: Whether the exchange has ended, so that no task serves this connection any more.
        self.over = False
        #: How long whoever reads may wait; and the turn of the sweep at which it is told that it
        #: did, once it waits.
        self.timeout: float | None = None
        self.deadline: int | None = None
        #: Where this is entered to be looked at, once something was waited for.
        self.sweep: Sweep | None = None
        # Whether the view was suspended at the last look, too.
        self._idle = False
        # The task that reads; and how many cancellations of it are somebody else's, once it was told.
        self._reader: asyncio.Task[Any] | None = None
        self._expired: int | None = None
        # What was read ahead, and how much that is; whether the handler has taken any message yet.
        self._ahead: deque[Event] | None = None
        self._ahead_count = 0
        self._ahead_size = 0
        self._taken = False
        # Since which turn no more may be read ahead for a handler that has never received; and whether what
        # comes is dropped by now, and how much was.
        self._full_since: int | None = None
        self._drops = False
        self.dropped = 0
        # A call of the server's ``receive`` that somebody has begun and given up, and what it waits for.
        self._pending: Any = None
        self._waiting: Any = None
        #: The task that reads ahead, to see the client leave.
        self.watcher: asyncio.Task[None] | None = None
        self._moved: asyncio.Event | None = None
        #: Whether the task that serves was cancelled from here; and whether it was told.
        self.cancelled = False
        self._delivered = False
        # Whether it was raised to somebody who asked.
        self._raised = False
        # The turn of the sweep from which on unread messages do not keep the view from being cancelled.
        self._unread_until: int | None = None

    # Reading.

    @types.coroutine
    def receive(
        self, timeout: float | None = None, *, ahead: bool = False
    ) -> Generator[Any, Any, Event]:
        """The next event; the disconnect event again and again once the client has left.

        Raises `TimeoutError` if nothing arrives for *timeout* seconds. *ahead* is the watcher's.
        """
        # PERF: one generator with all in it, since an idle websocket keeps its frames (bench: memory).
        if self._websocket and (self._taken or ahead):
            # Before the message is there: who is cancelled in the meantime loses none.
            turns.sent += 1
            if not turns.sent & 7 and turns.due():
                yield
        if not ahead:
            while True:
                if self._ahead:
                    return self._take()
                if self.gone is not None:
                    return self.gone
                if not self.reading and self.watcher is None:
                    break
                yield from self._movement(timeout).__await__()
            self.reading = True
            self.timeout = timeout
            if timeout is not None and self.suspended:
                self.limit()  # in a task of its own, which nobody sees suspend
        try:
            asked = None if self._pending is not None else self._receive().__await__()
            if asked is None:
                event = yield from self._shielded(self._pending)
            elif hasattr(asked, "throw"):
                # A coroutine, perhaps of middleware, which handles cancellations itself.
                event = yield from asked
            else:
                event = yield from self._shielded(asked)
        except asyncio.CancelledError:
            if not ahead and self._take_expiry():
                raise TimeoutError from None
            raise
        finally:
            if not ahead:
                self.reading = False
                self.deadline = None
                if self.suspended or self._moved is not None:
                    self._give_way()
        # PERF: `note`, written out for what nearly every event is (bench: echo).
        kind = event["type"]
        if kind == "websocket.receive":
            self._taken = self._taken or not ahead
        elif kind != "http.request":
            self.note(event)
        elif not event.get("more_body", False):
            self.complete = True
        return event

    def _shielded(self, pending: Any) -> Generator[Any, Any, Event]:
        """The event that *pending* brings, the awaitable of a compiled server (Granian).

        Cancelled, it would take the next event along. So it is left to the next reader instead.
        """
        while True:
            try:
                waiting = next(pending)
            except BaseException as error:
                self._pending = self._waiting = None
                if isinstance(error, StopIteration):
                    return error.value  # type: ignore[no-any-return]  # an ASGI event is untyped
                raise
            self._pending, self._waiting = pending, waiting
            yield Shielded(waiting)

    def _give_way(self) -> None:
        """Wake who waits for the reader's end, and see to the client if nobody reads any more."""
        self._tell()
        if self.suspended and self.interrupt and self.sweep is None:
            self.enter_sweep()

    def _take(self) -> Event:
        """The first of the events that were read ahead."""
        assert self._ahead is not None
        event = self._ahead.popleft()
        size = _size_of(event)
        if size:
            self._full_since, self._drops = None, False
            self._ahead_count -= 1
            self._ahead_size -= size
            self._taken = True
            self._unread_until = None
        return event

    def _keep(self, event: Event) -> None:
        """Keep *event*, which was read ahead, for whoever asks for it."""
        if self._ahead is None:
            self._ahead = deque()
        self._ahead.append(event)
        size = _size_of(event)
        self._ahead_count += size > 0
        self._ahead_size += size
        self._tell()

    def _may_read_ahead(self) -> bool:
        count, size = self._read_ahead
        return self.complete or (self._ahead_count < count and self._ahead_size < size)

    def _may_look_ahead(self, turn: int) -> bool:
        """Whether to read ahead in *turn*, and be it to drop what is read.

        A handler that has never received anything most likely never will. Where as much was read ahead for
        it as may be, that its client has left would be hidden for ever by what nobody wants.
        """
        if self._may_read_ahead():
            return True
        if self._taken or not self._websocket:
            return False
        if self._full_since is None:
            self._full_since = turn
        self._drops = turn - self._full_since >= UNREAD_WAIT / INTERVAL
        return self._drops

    async def disconnected(self) -> None:
        """Wait until the client has left. What is read meanwhile is kept for whoever asks for it."""
        while self.gone is None:
            if self.watcher is None and not self.reading and self._may_read_ahead():
                self._start_watcher()
            await self._movement()

    def _start_watcher(self) -> None:
        self.watcher = asyncio.get_running_loop().create_task(
            self._watch(), context=clean_context()
        )

    async def _watch(self) -> None:
        try:
            while self.gone is None and (self._may_read_ahead() or self._drops):
                event = await self.receive(ahead=True)
                if event["type"] in _LEAVING or _says_nothing(event):
                    continue
                if self._may_read_ahead():
                    self._keep(event)
                else:
                    self.dropped += 1
        finally:
            self.watcher = None
            self._tell()

    def note(self, event: Event) -> None:
        """Take notice of *event*, if it is the client's leaving."""
        if event["type"] in _LEAVING:
            self.gone = event
            self._tell()
            self._interrupt()

    async def _movement(self, timeout: float | None = None) -> None:
        if self._moved is None:
            self._moved = asyncio.Event()
        moved = self._moved
        async with time_limit(timeout):
            await moved.wait()

    def _tell(self) -> None:
        if self._moved is not None:
            self._moved.set()
            self._moved = None

    # Being looked at by the sweep.

    def enter_sweep(self) -> Sweep:
        """Have `look` called from now on."""
        sweep = self.sweep = running_sweep()
        sweep.add(self)
        return sweep

    def leave_sweep(self) -> None:
        """Have `look` not called any more."""
        if self.sweep is not None:
            self.sweep.members.discard(self)
            self.sweep = None

    def limit(self) -> None:
        """Have the current task, which begins to wait for an event, give up after the time-out."""
        if self.timeout is not None:
            self.deadline = (self.sweep or self.enter_sweep()).after(self.timeout)
            self._reader = asyncio.current_task()

    def look(self, turn: int) -> None:
        """See to what has waited for too long: a reader, or a view whose client nobody watches."""
        reader = self._reader
        if self.deadline is not None:
            if turn >= self.deadline and reader is not None:
                self.deadline = None
                self._expired = reader.cancelling()
                reader.cancel()
        elif self.gone is not None and self.interrupt and not self.cancelled:
            self._interrupt()
        elif self.reading or self.watcher is not None or not self.interrupt:
            # An idle websocket or event stream, most likely. Who suspends and is not watched over
            # comes back.
            self.leave_sweep()
        elif self.suspended:
            # Only one that is still, or again, suspended a turn later is worth a task.
            if self._idle and self.gone is None:
                if self._may_look_ahead(turn):
                    self._start_watcher()
                elif self._scope is not None and LEFT in self._scope:
                    self.gone = self._gone("The client left.")
                    self._tell()
                    self._interrupt(at_once=True)
            self._idle = not self._idle
        else:
            self._idle = False

    def _take_expiry(self) -> bool:
        """Whether a cancellation was nobody's but `look`'s, which is taken back."""
        others, self._expired = self._expired, None
        reader = self._reader
        return others is not None and reader is not None and reader.uncancel() <= others

    # The client's leaving.

    def leave(self, event: Event) -> None:
        """Treat *event* as the client's leaving, and interrupt whoever is at work for it."""
        if self.gone is None:
            self.gone = event
            self.interrupt = True
            self._tell()
            self._interrupt(at_once=True)

    def _interrupt(self, *, at_once: bool = False) -> None:
        """Cancel the driven coroutine, if it waits for anything but the event itself.

        Unless *at_once*, not while it may still read messages: what was sent before comes first.
        """
        task = self.task
        if task is None or not self.suspended or not self.interrupt or self.cancelled:
            return
        if self._ahead_count and self._websocket and not at_once:
            sweep = self.sweep or self.enter_sweep()
            if self._unread_until is None:
                self._unread_until = sweep.after(UNREAD_WAIT if self._taken else FIRST_WAIT)
            if sweep.turn < self._unread_until:
                return
        self.cancelled = True
        task.cancel()

    def take_cancellation(self) -> ClientDisconnected | None:
        """The error to raise in place of a `CancelledError` that came from here, else None.

        The request for it stays with the task until `stop`, so that code which handles cancellations
        (task groups, time-outs, scopes) takes it for what it is.
        """
        if not self.cancelled or self._delivered:
            return None
        self._delivered = True
        return self.error(RequestCancelled, WebsocketCancelled)

    async def raise_disconnect(self, reason: str = "", code: int | None = None) -> NoReturn:
        """Raise the client's leaving: as a cancellation in the task that serves it.

        In any other it is an ordinary exception; but a task that the handler has made, and that ends with
        it, is cancelled by then. *reason* and *code* are what is said where the server says nothing of
        its own, or what we have closed with.
        """
        if self.gone is None:
            await self._find_leaving(reason)
        task = asyncio.current_task()
        serves = not self.over and self.task in (None, task)
        if not serves:
            # Whoever ignores it and tries again must not keep others waiting, either.
            turns_left = 1
            if self._is_served_here():
                self._interrupt(at_once=not self._taken)
                turns_left = TURNS_TO_BE_CANCELLED
            for _ in range(turns_left):
                await asyncio.sleep(0)
            raise self.error(PeerDisconnected, PeerWebsocketDisconnect, reason, code)
        if task is not None and not self.cancelled:
            self.task = task
            self.cancelled = self._delivered = True
            others = task.cancelling()
            task.cancel()
            try:
                await asyncio.sleep(0)  # where it is delivered
            except asyncio.CancelledError:
                if task.cancelling() > others + 1:
                    raise
        elif self._raised:
            await asyncio.sleep(0)  # as above
        self._raised = True
        raise self.error(RequestCancelled, WebsocketCancelled, reason, code)

    def is_elsewhere(self) -> bool:
        """Whether the running task is not the one that serves this connection, or its exchange has ended."""
        return self.over or self.task not in (None, asyncio.current_task())

    def _is_served_here(self) -> bool:
        """Whether the exchange of this connection runs this code, be it in a copy of its context.

        A copy that another exchange or a background task has entered makes it none of this one's.
        """
        context = None if self.over else current.get(None)
        while context is not None and getattr(context, "made_inbox", None) is self:
            token = context.token
            if context._original is None or token is None:
                return True
            outer = token.old_value
            context = None if outer is Token.MISSING else outer
        return False

    async def _find_leaving(self, reason: str) -> None:
        """Read on to the disconnect event, since the server could not send to this client."""
        try:
            async with time_limit(CODE_WAIT):
                while self.gone is None and self._may_read_ahead():
                    if self.reading or self.watcher is not None:
                        await self._movement()
                    else:
                        self._start_watcher()
        except TimeoutError:
            pass
        if self.gone is None:
            self.gone = self._gone(reason)
            self._tell()
            self._interrupt()

    def _gone(self, reason: str) -> Event:
        kind = "websocket" if self._websocket else "http"
        return {"type": f"{kind}.disconnect", "code": 1006, "reason": reason}

    def error(
        self,
        of_request: type[ClientDisconnected],
        of_websocket: type[Any],
        reason: str = "",
        code: int | None = None,
    ) -> ClientDisconnected:
        """What the client's leaving is, as an error of one of these types."""
        event = self.gone or {}
        reason = event.get("reason") or reason
        if self._websocket:
            code = code or event.get("code") or 1005
            error: ClientDisconnected = of_websocket(code, reason)
        else:
            error = of_request(reason or "The client left.")
        error.connection = self
        return error

    def stop(self) -> None:
        """End the watch: the exchange is over."""
        self.over = True
        if self.sweep is not None:
            self.leave_sweep()
        if self.watcher is not None:
            self.watcher.cancel()
        if self.cancelled and self.task is not None:
            self.task.uncancel()
        self.task = None
        if self._pending is not None:
            self.end_receiving()

    def end_receiving(self) -> None:
        """Take back what was asked of the server, which may have to be before it sends a close frame."""
        if self._pending is not None and not self.reading:
            self._waiting.cancel()
            self._pending = self._waiting = None

    # Sending.

    @types.coroutine
    def until_sent(
        self, sending: Any, timeout: float | None, *, whole: bool = False
    ) -> Generator[Any, Any, None]:
        """Await *sending*, a call of the server's ``send``.

        A client that takes nothing for *timeout* seconds is one that has left. If it is to be sent as
        a *whole*, a cancellation has to wait for that.
        """
        iterator = sending.__await__()
        try:
            waiting = next(iterator)
        except StopIteration:
            return
        yield from self.until_taken(iterator, waiting, timeout, whole=whole).__await__()

    async def until_taken(
        self, sending: Iterator[Any], waiting: Any, timeout: float | None, *, whole: bool = False
    ) -> None:
        """As `until_sent`, for a call whose first step has given *waiting*."""
        expired = False
        try:
            async with time_limit(timeout) as limit:
                try:
                    if whole:
                        await go_on_to_the_end(sending, waiting, limit.when())
                    else:
                        await go_on(sending, waiting)
                finally:
                    expired = limit.expired()
        except TimeoutError:
            if not expired:
                raise
            self.give_up(timeout)
            await self.raise_disconnect()

    def give_up(self, timeout: float | None) -> None:
        """The client has taken nothing for *timeout* seconds: treat it as one that has left."""
        self.stalled = timeout
        self.leave(self._gone(f"The client took nothing for {timeout:g} seconds."))


def _size_of(event: Event) -> int:
    """Bytes that *event* holds in memory; 0 for what is not counted, an event without content.

    A message of a websocket is counted even if it is empty.
    """
    text = event.get("text")
    if text:
        return len(text) if text.isascii() else 4 * len(text)  # at most, with one emoji in it
    size = len(event.get("body") or event.get("bytes") or ())
    return size or event["type"] == "websocket.receive"


def _says_nothing(event: Event) -> bool:
    """Whether *event* is an empty piece of a body that goes on: Hypercorn sends such."""
    return (
        event["type"] == "http.request"
        and not event.get("body")
        and bool(event.get("more_body", False))
    )
