"""The end of a connection whose client takes nothing of what is sent to it, or has left without being seen.

A transport that is closed still waits until its buffer is empty, for as long as its client pleases; and
one that reads nothing does not notice that its client has gone.
"""

from __future__ import annotations

import asyncio
import select
from typing import Any

from pottle.engine.inbox import LEFT

# Events of a socket whose client sends no more; that of Linux, reported whatever is still to be read.
_HANGUP = getattr(select, "POLLRDHUP", 0)


def has_hung_up(transport: Any) -> bool:
    """Whether the client has closed its side or reset the connection, be it that nothing is read from it."""
    connection = transport.get_extra_info("socket")
    descriptor = -1 if connection is None else connection.fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows cannot be asked
        return False
    poll = select.poll()
    poll.register(descriptor, _HANGUP)
    return bool(poll.poll(0))


class StallWatch(asyncio.Protocol):
    """A protocol that aborts its connection where no byte went out for *seconds*, and half of them more.

    Looked at is what has to go out before anything else can happen: a buffer so full that writing is
    paused, or what is left in it when the connection is to be closed. Progress is no stall, however
    slow. The connection is aborted, too, where the client had left and nothing was read from it at two
    looks in succession.
    """

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    _stall_check: asyncio.TimerHandle | None = None
    _stall_interval = 0.0
    # Bytes that were stuck when it was looked at last, 0 if something went out since; and how often they
    # were found unchanged. At the second time the exchange has given up by itself, and said so.
    _stuck = 0
    _unchanged = 0
    _writing_paused = False
    _left_unseen = False

    def is_reading_paused(self) -> bool:
        """Whether nothing is read from the client, because the application has not taken what came."""
        raise NotImplementedError

    def running_scope(self) -> Any:
        """The ASGI scope of what the application is at work for, which is told there of an unseen leaving."""
        raise NotImplementedError

    def watch_writes(self, seconds: float | None) -> None:
        """Begin; a client that takes nothing is gone soon after *seconds* (None: never)."""
        if seconds is not None:
            self._stall_interval = seconds / 2
            self._stall_check = self.loop.call_later(self._stall_interval, self._check_writes)

    def stop_watching_writes(self) -> None:
        """End, with the connection or before another protocol takes it over."""
        if self._stall_check is not None:
            self._stall_check.cancel()
            self._stall_check = None

    def pause_writing(self) -> None:
        self._writing_paused = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._stuck = 0
        super().resume_writing()

    def _check_writes(self) -> None:
        must_go_out = self._writing_paused or self.transport.is_closing()
        unsent = self.transport.get_write_buffer_size() if must_go_out else 0
        self._unchanged = self._unchanged + 1 if 0 < self._stuck <= unsent else 0
        had_left = self._left_unseen
        self._left_unseen = self.is_reading_paused() and has_hung_up(self.transport)
        if had_left and self._left_unseen:
            self.running_scope()[LEFT] = True
        if self._unchanged == 2 or (had_left and self._left_unseen):
            self._stall_check = None
            self.transport.abort()
            return
        self._stuck = unsent
        self._stall_check = self.loop.call_later(self._stall_interval, self._check_writes)
