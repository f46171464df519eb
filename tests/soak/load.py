"""Keeps the clients visiting, each kind with its own rate, and counts what became of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from .wire import Target

Visit = Callable[[Target], Awaitable[None]]
#: Seconds that a visit may take beyond what it has stated.
PATIENCE = 10.0


@dataclass(frozen=True)
class Kind:
    """One kind of client: what a visit does, how many do it at once, and the mean pause between two."""

    name: str
    visit: Visit
    clients: int
    pause: float
    never_suspends: bool


@dataclass
class Tally:
    done: int = 0
    errors: Counter[str] = field(default_factory=Counter)


KINDS: dict[str, Kind] = {}


def kind(
    name: str, clients: int = 1, pause: float = 0.5, never_suspends: bool = False
) -> Callable[[Visit], Visit]:
    """Register a visit. *never_suspends* marks those whose source never waits for anything."""

    def register(visit: Visit) -> Visit:
        KINDS[name] = Kind(name, visit, clients, pause, never_suspends)
        return visit

    return register


def chosen(only: Iterable[str] = (), without: Iterable[str] = ()) -> list[Kind]:
    """The kinds by their names; "never-suspending" stands for all whose source never waits."""

    def named(kind: Kind, names: Iterable[str]) -> bool:
        return kind.name in names or (kind.never_suspends and "never-suspending" in names)

    known = {*KINDS, "never-suspending"}
    for name in (*only, *without):
        if name not in known:
            raise ValueError(f"There is no kind {name!r}. There are: {', '.join(sorted(known))}")
    return [
        kind
        for kind in KINDS.values()
        if (not only or named(kind, only)) and not named(kind, without)
    ]


class Load:
    """Clients of the *kinds* that visit the *target* until `end`."""

    def __init__(self, target: Target, kinds: list[Kind]) -> None:
        self.tallies = {kind.name: Tally() for kind in kinds}
        self.longest_lag = 0.0
        self._target = target
        self._ending = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._keep_visiting(kind))
            for kind in kinds
            for _ in range(kind.clients)
        ]
        self._lag = asyncio.create_task(self._measure_lag())

    async def _keep_visiting(self, kind: Kind) -> None:
        tally = self.tallies[kind.name]
        patience = self._target.response_timeout + PATIENCE
        while not await self._pause(kind.pause):
            try:
                async with asyncio.timeout(patience):
                    await kind.visit(self._target)
            except TimeoutError:
                tally.errors[f"not over after {patience:.0f} s"] += 1
            except Exception as error:
                tally.errors[f"{type(error).__name__}: {error}"[:150]] += 1
            else:
                tally.done += 1

    async def _pause(self, mean: float) -> bool:
        """Wait a while, or until the end; whether that has come."""
        try:
            async with asyncio.timeout(mean * self._target.random.uniform(0, 2)):
                await self._ending.wait()
        except TimeoutError:
            return False
        return True

    async def _measure_lag(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.02)
            self.longest_lag = max(self.longest_lag, time.monotonic() - begun - 0.02)

    async def end(self, grace: float = 1.0) -> None:
        """No more visits. Those under way have *grace* seconds, and count for nothing after that."""
        self._ending.set()
        await asyncio.wait(self._tasks, timeout=grace)
        for task in (*self._tasks, self._lag):
            task.cancel()
        await asyncio.wait([*self._tasks, self._lag], timeout=PATIENCE)
