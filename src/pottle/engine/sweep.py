"""One timer for a whole event loop, in place of one for each exchange that waits.

Most waits end before anybody has to care, and a timer that is set and cancelled costs more than
answering a small request. So whoever waits is entered into a set, which is looked through a few
times a second.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol
from weakref import WeakKeyDictionary

#: Seconds between two looks.
INTERVAL = 0.05


class Waiting(Protocol):
    """Whoever is looked at."""

    def look(self, turn: int) -> None: ...


class Sweep:
    """Looks at each of its `members` every `INTERVAL` seconds, as long as there are any."""

    __slots__ = ("_timer", "members", "turn")

    def __init__(self) -> None:
        self.members: set[Waiting] = set()
        #: How many looks there were.
        self.turn = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Waiting) -> None:
        """Look at *member* from now on."""
        self.members.add(member)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._take_turn)

    def after(self, seconds: float) -> int:
        """The turn before which *seconds* cannot have passed, and soon after which they have."""
        return self.turn + 1 + math.ceil(seconds / INTERVAL)

    def _take_turn(self) -> None:
        self._timer = None
        if not self.members:
            return
        self.turn += 1
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._take_turn)
        for member in tuple(self.members):
            member.look(self.turn)


_sweeps: WeakKeyDictionary[asyncio.AbstractEventLoop, Sweep] = WeakKeyDictionary()


def running_sweep() -> Sweep:
    """The sweep of the running event loop."""
    loop = asyncio.get_running_loop()
    sweep = _sweeps.get(loop)
    if sweep is None:
        sweep = _sweeps[loop] = Sweep()
    return sweep
