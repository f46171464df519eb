"""What arrives on one connection, and the watch for the client's leaving.

Events are pulled when somebody asks. While a view is suspended and nobody asks, a watcher reads one
event ahead (two at the end of a request body, where only a disconnect can follow); when that is the
disconnect, the view is cancelled with `ClientDisconnected`.

A view that never suspends costs nothing here; one that suspends for a moment next to nothing.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

from ..errors import ClientDisconnected, WebsocketDisconnect
from ..typing import Event, Receive
from .sweep import Sweep, running_sweep

_LEAVING = frozenset({"http.disconnect", "websocket.disconnect"})


class Inbox:
    """The events of one connection; at most one task is in the server's ``receive`` at a time."""

    # PERF: all is set here, although little of it is ever used: an attribute that some instances
    # have and others take from the class is a slow one (bench: echo).
    def __init__(self, receive: Receive, interrupt: bool) -> None:
        self._receive = receive
        #: Whether the view is cancelled when the client leaves.
        self.interrupt = interrupt
        #: The disconnect event, once there was one.
        self.gone: Event | None = None
        #: Whether somebody is in the server's ``receive`` on behalf of the application.
        self.reading = False
        #: Whether the request body has arrived, so that only a disconnect can follow.
        self.complete = False
        #: Whether the driven coroutine waits for something, and the task that drives it.
        self.suspended = False
        self.task: asyncio.Task[Any] | None = None
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
        self._ahead: Event | None = None
        # The task that reads ahead, to see the client leave.
        self.watcher: asyncio.Task[None] | None = None
        self._moved: asyncio.Event | None = None
        self._cancelled = False

    async def receive(self, timeout: float | None = None) -> Event:
        """The next event; the disconnect event again and again once the client has left.

        Raises `TimeoutError` if nothing arrives for *timeout* seconds.
        """
        while True:
            event = self._ahead
            if event is not None:
                self._ahead = None
                return event
            if self.gone is not None:
                return self.gone
            if not self.reading and self.watcher is None:
                break
            async with asyncio.timeout(timeout):
                await self._movement()
        self.reading = True
        self.timeout = timeout
        if timeout is not None and self.suspended:
            self.limit()  # in a task of its own, which nobody sees suspend
        try:
            event = await self._receive()
        except asyncio.CancelledError:
            if self._take_expiry():
                raise TimeoutError from None
            raise
        finally:
            self.reading = False
            self.deadline = None
            if self.suspended or self._moved is not None:
                self._give_way()
        # PERF: `note`, written out for what nearly every event is (bench: echo).
        if event["type"] != "http.request":
            self.note(event)
        elif not event.get("more_body", False):
            self.complete = True
        return event

    def begin_reading(self) -> Receive | None:
        """The server's ``receive``, if the next event is to be had from there and by the caller.

        It is called once, and followed by `end_reading` and, for a disconnect, by `note`; that is
        what `receive` does without a time-out. None: something has to be heeded, so `receive` it is.
        """
        # PERF: so a websocket that waits keeps a coroutine less (bench: websockets).
        if (
            self.reading
            or self.watcher is not None
            or self._ahead is not None
            or self.gone is not None
        ):
            return None
        self.reading = True
        self.timeout = None
        return self._receive

    def end_reading(self) -> None:
        """Let others read again."""
        self.reading = False
        if self.suspended or self._moved is not None:
            self._give_way()

    def _give_way(self) -> None:
        """Wake who waits for the reader's end, and see to the client if nobody reads any more."""
        self._tell()
        if self.suspended and self.interrupt and self.sweep is None:
            self.enter_sweep()

    async def disconnected(self) -> None:
        """Wait until the client has left. Keeps one event for whoever asks for it later."""
        while self.gone is None:
            if self.watcher is None and not self.reading and self._may_read_ahead():
                self.watcher = asyncio.create_task(self._watch())
            await self._movement()

    def leave(self, event: Event) -> None:
        """Treat *event* as the client's leaving, and interrupt whoever is at work for it."""
        if self.gone is None:
            self.gone = event
            self.interrupt = True
            self._tell()
            self._interrupt()

    def enter_sweep(self) -> Sweep:
        """Have `look` called from now on."""
        sweep = self.sweep = running_sweep()
        sweep.add(self)
        return sweep

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
        elif self.reading or self.watcher is not None or not self.interrupt:
            # An idle websocket or event stream, most likely. Who suspends and is not watched over
            # comes back.
            self.leave_sweep()
        elif self.suspended:
            # Only one that is still, or again, suspended a turn later is worth a task.
            if self._idle and self.gone is None and self._may_read_ahead():
                self.watcher = asyncio.get_running_loop().create_task(self._watch())
            self._idle = not self._idle
        else:
            self._idle = False

    def stop(self) -> None:
        """End the watch: the exchange is over."""
        if self.sweep is not None:
            self.leave_sweep()
        if self.watcher is not None:
            self.watcher.cancel()

    def leave_sweep(self) -> None:
        """Have `look` not called any more."""
        if self.sweep is not None:
            self.sweep.members.discard(self)
            self.sweep = None

    def _take_expiry(self) -> bool:
        """Whether a cancellation was nobody's but `look`'s, which is taken back."""
        others, self._expired = self._expired, None
        reader = self._reader
        return others is not None and reader is not None and reader.uncancel() <= others

    def take_cancellation(self, task: asyncio.Task[Any]) -> ClientDisconnected | None:
        """The error to raise in place of a `CancelledError` that came from here, else None."""
        if not self._cancelled:
            return None
        self._cancelled = False
        task.uncancel()
        return self.disconnect_error()

    def disconnect_error(self) -> ClientDisconnected:
        """What the client's leaving is, as an error."""
        event = self.gone or {}
        if event.get("type") == "websocket.disconnect":
            return WebsocketDisconnect(event.get("code") or 1005, event.get("reason") or "")
        return ClientDisconnected(event.get("reason") or "The client left.")

    def _may_read_ahead(self) -> bool:
        return self._ahead is None or self.complete

    async def _watch(self) -> None:
        try:
            while self.gone is None and self._may_read_ahead():
                event = await self._receive()
                if self.note(event) or _says_nothing(event):
                    continue
                if self._ahead is None or event.get("body"):
                    self._ahead = event
                    self._tell()
        finally:
            self.watcher = None
            self._tell()

    def note(self, event: Event) -> bool:
        """Take notice of *event*, and say whether it is the client's leaving."""
        kind = event["type"]
        if kind in _LEAVING:
            self.gone = event
            self._tell()
            self._interrupt()
            return True
        if kind == "http.request" and not event.get("more_body", False):
            self.complete = True
        return False

    def _interrupt(self) -> None:
        """Cancel the driven coroutine, if it waits for anything but the event itself."""
        task = self.task
        if task is not None and self.suspended and self.interrupt:
            self._cancelled = True
            task.cancel()

    async def _movement(self) -> None:
        if self._moved is None:
            self._moved = asyncio.Event()
        await self._moved.wait()

    def _tell(self) -> None:
        if self._moved is not None:
            self._moved.set()
            self._moved = None


def _says_nothing(event: Event) -> bool:
    """Whether *event* is an empty piece of a body that goes on: Hypercorn sends such."""
    return (
        event["type"] == "http.request"
        and not event.get("body")
        and bool(event.get("more_body", False))
    )


# PERF: a generator and no class, which would be one more object for each websocket (bench: memory).
@types.coroutine
def drive_on(
    coroutine: Coroutine[Any, Any, Any], waiting: Any, inbox: Inbox
) -> Generator[Any, Any, Any]:
    """The rest of *coroutine*, whose first step has suspended, with an eye on the client.

    Awaiting it gives what the coroutine returns. When the client leaves meanwhile, the coroutine is
    cancelled: it sees `ClientDisconnected` (`WebsocketDisconnect`) where it waits.
    """
    task = inbox.task = asyncio.current_task()
    try:
        while True:
            inbox.suspended = True
            if inbox.reading:
                if inbox.timeout is not None and inbox.deadline is None:
                    inbox.limit()
            elif inbox.interrupt and inbox.sweep is None and inbox.watcher is None:
                inbox.enter_sweep()
            try:
                value = yield waiting
            except BaseException as error:
                inbox.suspended = False
                if isinstance(error, asyncio.CancelledError) and task is not None:
                    error = inbox.take_cancellation(task) or error
                waiting = coroutine.throw(error)
            else:
                inbox.suspended = False
                waiting = coroutine.send(value)
    except StopIteration as done:
        return done.value
    finally:
        inbox.suspended = False


async def drive(coroutine: Coroutine[Any, Any, Any], inbox: Inbox) -> Any:
    """Await *coroutine*, watching for the client's leaving once it suspends."""
    try:
        waiting = coroutine.send(None)
    except StopIteration as done:
        return done.value
    return await drive_on(coroutine, waiting, inbox)
