"""Direct calls: what one request costs in the framework alone, on the standard event loop.

Each peer's answer is checked before anything is measured; one that is wrong, or a route that a peer does
not have, is a note and not a figure.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from bench import application, routes
from bench.calls import Answer, Call, Caller, caller
from bench.measure import Series, in_turn
from bench.peers import load
from bench.peers.combined import build

GROUP = "in process"
UNIT = "us"
#: How many calls are made ready before the clock runs, so that what they need stays in the cache.
BATCH = 50

#: The peers that cannot be called without a server, and why.
SERVER_ONLY = {
    "aiohttp": "is its own server; there is no interface to call",
    "robyn": "its router and server are in Rust; there is no interface to call",
}
#: What is to be known about the figures of others.
CALLED_OTHERWISE = {
    "flask": "over WSGI",
    "sanic": "over ASGI, which is not its own server's way",
    "emmett55": "over RSGI, with a scope and a protocol in plain Python",
    "bare_rsgi": "over RSGI, with a scope and a protocol in plain Python",
}
#: The peers with an application of 10,000 routes in a quick run: it takes long to build.
QUICKLY_CROWDED = {"pottle", "bare", "quart"}
#: The most routes that a peer can be given, where there is a limit.
FEWER_ROUTES = {"litestar": 1_000}

COMBINED = application.Case(
    "session, hooks, url_for, template",
    "/combined",
    lambda status, body: status == 200 and b"<h1>Hello, ada!</h1>" in body and b'"/user/7"' in body,
    login="/login",
)


class UnmeasurableError(Exception):
    """Why there is no figure: a peer does not answer as it should, or not in this run."""


@dataclass
class Subject:
    """An application that is called with requests, one after the other and again."""

    caller: Caller
    calls: Sequence[Call]
    loop: asyncio.AbstractEventLoop
    #: The number of calls in a sample, once it has been found out.
    count: int = 0

    def __post_init__(self) -> None:
        # Where one sample ends the next one goes on, so that all of the calls have their turn.
        self._makers = cycle([self.caller.maker(call) for call in self.calls])

    def sample(self, seconds: float) -> float:
        """The microseconds of a call, from as many calls as fill *seconds*."""
        if not self.count:
            self._calibrate(seconds)
        return self._time(self.count) / self.count * 1e6

    def _calibrate(self, seconds: float) -> None:
        # The first calls may compile or cache something.
        self._time(5)
        count = 5
        while (taken := self._time(count)) < seconds / 10:
            count *= 4
        at_least = BATCH if len(self.calls) > 1 else 5
        self.count = max(at_least, round(count * seconds / taken))

    def _time(self, count: int) -> float:
        return self.loop.run_until_complete(self._run(count))

    async def _run(self, count: int) -> float:
        taken = 0.0
        while count > 0:
            taken += await self.caller.time(list(islice(self._makers, min(count, BATCH))))
            count -= BATCH
        return taken


class Bench:
    """The event loop and the settings that all cases share."""

    def __init__(self, quick: bool, peers: Collection[str]) -> None:
        self.quick = quick
        self.peers = peers
        self.seconds = 0.02 if quick else 0.06
        self.rounds = 7 if quick else 21
        self.loop = asyncio.new_event_loop()
        self._callers: dict[int, Caller] = {}

    def started(self, peer: str, app: Any) -> Caller:
        """The caller of *app*, whose start-up has run."""
        found = self._callers.get(id(app))
        if found is None:
            found = self._callers[id(app)] = caller(peer, app)
            self.loop.run_until_complete(found.start())
        return found

    def answer(self, called: Caller, call: Call) -> Answer:
        return self.loop.run_until_complete(asyncio.wait_for(called.answer(call), 5))

    def close(self) -> None:
        for one in self._callers.values():
            self.loop.run_until_complete(one.stop())
        self.loop.close()

    def subject(
        self, peer: str, app: Any, case: application.Case, others: Sequence[Call] = ()
    ) -> Subject:
        """*app* as the subject of *case*, and of *others*.

        Raises `UnmeasurableError` unless it answers the case as it should.
        """
        called = self.started(peer, app)
        cookie = ""
        if case.login:
            cookie = self.answer(called, Call("GET", case.login)).cookie
            if not cookie:
                raise UnmeasurableError("has no session in a cookie")
        call = Call(case.method, case.path, case.query, case.body, case.content_type, cookie)
        answer = self.answer(called, call)
        if not case.expected(answer.status, answer.body):
            raise UnmeasurableError(f"answered {answer.status}: {answer.body[:80]!r}")
        return Subject(called, [call, *others], self.loop)

    def measure(self, case: str, makers: dict[str, Callable[[], Subject]]) -> list[Series]:
        """The series of all subjects of a case, of those that cannot be made too."""
        subjects: dict[str, Subject] = {}
        failed = []
        for name, make in makers.items():
            try:
                subjects[name] = make()
            except Exception as error:  # a peer that fails must not end the run
                note = str(error) if isinstance(error, UnmeasurableError) else repr(error)
                failed.append(Series(GROUP, case, name, UNIT, note=note))
        measurements = {
            name: lambda subject=subject: subject.sample(self.seconds)
            for name, subject in subjects.items()
        }
        if not measurements:
            return failed
        with steady_memory():
            series = in_turn(measurements, self.rounds, group=GROUP, case=case, unit=UNIT)
        return series + failed


@contextmanager
def steady_memory() -> Iterator[None]:
    """What is there before is not looked through by the garbage collector, which stays on."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def run(quick: bool, peers: Collection[str]) -> list[Series]:
    callable_peers = [name for name in peers if name not in SERVER_ONLY]
    bench = Bench(quick, callable_peers)
    found: list[Series] = []
    try:
        for case in application.CASES:
            found += measure_case(bench, case)
        found += measure_combined(bench)
        found += measure_routes(bench)
    finally:
        bench.close()
    cases = dict.fromkeys(one.case for one in found if one.case != COMBINED.name)
    for name, reason in SERVER_ONLY.items():
        if name in peers:
            found += [Series(GROUP, case, name, UNIT, note=reason) for case in cases]
    for one in found:
        one.note = one.note or CALLED_OTHERWISE.get(one.subject, "")
    return found


def measure_case(bench: Bench, case: application.Case) -> list[Series]:
    def make(name: str) -> Subject:
        peer = load(name)
        app = getattr(peer, "APPS", {}).get(case.path, peer.app)
        return bench.subject(name, app, case)

    return bench.measure(case.name, {name: lambda name=name: make(name) for name in bench.peers})


def measure_combined(bench: Bench) -> list[Series]:
    def make(name: str) -> Subject:
        framework = load(name)
        package = __import__(name)
        return bench.subject(name, build(package, type(framework.app)), COMBINED)

    names = [name for name in ("pottle", "quart") if name in bench.peers]
    return bench.measure(COMBINED.name, {name: lambda name=name: make(name) for name in names})


def measure_routes(bench: Bench) -> list[Series]:
    """All numbers of routes of all peers in one turn, so that each can be compared with each."""
    paths = {count: routes.make_paths(count) for count in routes.COUNTS}

    def make(name: str, count: int) -> Subject:
        if bench.quick and count == max(routes.COUNTS) and name not in QUICKLY_CROWDED:
            raise UnmeasurableError("left out of a quick run")
        if count > FEWER_ROUTES.get(name, count):
            raise UnmeasurableError("takes minutes to start with so many routes")
        peer = load(name)
        if not hasattr(peer, "many_routes"):
            raise UnmeasurableError("has one application only")
        app = peer.many_routes(paths[count])
        asked = routes.make_requests(paths[count])
        path, number = asked[0]
        case = application.Case("", path, application.answers_json({"id": number}))
        return bench.subject(name, app, case, [Call("GET", path) for path, _ in asked[1:]])

    makers = {
        f"{name} {count}": lambda name=name, count=count: make(name, count)
        for name in bench.peers
        for count in routes.COUNTS
    }
    found = bench.measure("", makers)
    for one in found:
        one.subject, _, count = one.subject.partition(" ")
        one.case = f"{int(count):,} routes"
    return sorted(found, key=lambda one: int(one.case.split()[0].replace(",", "")))
