"""One timer for a whole event loop, in place of one for each exchange that waits.

Most waits end before anybody has to care, and a timer that is set and cancelled costs more than
answering a small request. So whoever waits is entered into a set, which is looked through a few
times a second. Who can tell how long nobody has to care is looked at then, and not before.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol
from weakref import WeakKeyDictionary

from ..ctx import clean_context

#: Seconds between two looks.
INTERVAL = 0.05


class Waiting(Protocol):
    """Whoever is looked at."""

    def look(self, turn: int) -> None: ...


class Sweep:
    """Looks at each of its `members` every `INTERVAL` seconds, and at others in one turn they name."""

    __slots__ = ("_appointments", "_timer", "members", "turn")

    def __init__(self) -> None:
        self.members: set[Waiting] = set()
        #: By the turn, who is looked at in that one only.
        self._appointments: dict[int, set[Waiting]] = {}
        #: How many looks there were.
        self.turn = 1  # 0 is the turn of what has not happened
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Waiting) -> None:
        """Look at *member* from now on."""
        self.members.add(member)
        if self._timer is None:
            self._start()

    def appoint(self, turn: int, member: Waiting) -> None:
        """Look at *member* once, in *turn*, which is still to come."""
        appointed = self._appointments.get(turn)
        if appointed is None:
            appointed = self._appointments[turn] = set()
        appointed.add(member)
        if self._timer is None:
            self._start()

    def cancel(self, turn: int, member: Waiting) -> None:
        """Do not look at *member* in *turn* after all; no harm if that was done already."""
        appointed = self._appointments.get(turn)
        if appointed is not None:
            appointed.discard(member)
            if not appointed:
                del self._appointments[turn]

    def after(self, seconds: float) -> int:
        """The turn before which *seconds* cannot have passed, and soon after which they have."""
        return self.turn + math.ceil(number_of_turns(seconds))

    def _start(self) -> None:
        # Not in the context of whoever happens to be the first to wait, which would live on in it.
        self._timer = asyncio.get_running_loop().call_later(
            INTERVAL, self._take_turn, context=clean_context()
        )

    def _take_turn(self) -> None:
        self._timer = None
        if not self.members and not self._appointments:
            return
        self.turn += 1
        self._start()
        for member in (*self.members, *self._appointments.pop(self.turn, ())):
            member.look(self.turn)


def number_of_turns(seconds: float | None) -> float:
    """How many turns after the one that something happened in *seconds* have passed; None: never."""
    return math.inf if seconds is None else 1 + max(0.0, seconds) / INTERVAL


_sweeps: WeakKeyDictionary[asyncio.AbstractEventLoop, Sweep] = WeakKeyDictionary()


def running_sweep() -> Sweep:
    """The sweep of the running event loop."""
    loop = asyncio.get_running_loop()
    sweep = _sweeps.get(loop)
    if sweep is None:
        sweep = _sweeps[loop] = Sweep()
    return sweep
