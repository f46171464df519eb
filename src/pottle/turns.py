"""Turns: whoever sends without ever waiting gives others one now and then."""

from __future__ import annotations

import asyncio
from time import monotonic

#: Others have a turn after so many pieces, or seconds, in which whoever sends never waited.
PIECES_PER_TURN = 64
SECONDS_PER_TURN = 0.001


class Turns:
    """Counts what is sent, to whomever: a view may send to a thousand websockets, once to each."""

    __slots__ = ("_given", "_sent_before", "sent")

    def __init__(self) -> None:
        #: How many messages or pieces were sent. Who adds to it calls `give` at every eighth.
        self.sent = 0
        # When others had a turn, and how much had been sent then.
        self._given = 0.0
        self._sent_before = 0

    async def give(self) -> None:
        """Let others work, if that is due."""
        now = monotonic()
        if (
            now - self._given >= SECONDS_PER_TURN
            or self.sent - self._sent_before >= PIECES_PER_TURN
        ):
            self._given, self._sent_before = now, self.sent
            await asyncio.sleep(0)


#: Those of the process.
turns = Turns()
