"""Turns: whoever sends or receives without ever waiting gives others one now and then."""

from __future__ import annotations

import asyncio
from time import monotonic

#: Others have a turn after so many pieces, or seconds, in which whoever is at work never waited.
PIECES_PER_TURN = 128
SECONDS_PER_TURN = 0.001


class Turns:
    """Counts what is sent and received, by whomever: a view may send to a thousand websockets, once to each."""

    __slots__ = ("_given", "_sent_before", "sent")

    def __init__(self) -> None:
        #: How many messages or pieces there were. Who adds to it calls `give` at every eighth.
        self.sent = 0
        # When others had a turn, and how many there had been then.
        self._given = 0.0
        self._sent_before = 0

    def due(self) -> bool:
        """Whether others are to work now: who asks gives them a turn at once."""
        now = monotonic()
        if now - self._given < SECONDS_PER_TURN and self.sent - self._sent_before < PIECES_PER_TURN:
            return False
        self._given, self._sent_before = now, self.sent
        return True

    async def give(self) -> None:
        """Let others work, if that is due."""
        if self.due():
            await asyncio.sleep(0)


#: Those of the process.
turns = Turns()
