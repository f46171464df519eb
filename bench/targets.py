"""The targets: what Pottle has to reach, as data, and what a run says about each.

A target compares two series of one run round by round, or holds one series against a limit. Series are
named by group, case and subject; an asterisk in a name stands for anything, and of several that fit, the
one with the best median counts ("pottle/*": Pottle on its best server).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bench.measure import Figure, Series, figure, ratio

Key = tuple[str, str, str]

IN_PROCESS = "in process"
END_TO_END = "end to end"
SOCKETS = "websockets"
STREAMS = "streams"
START = "start"

BASIC = ("text", "JSON", "int parameter", "JSON echo")
PEERS = (
    *("quart", "flask", "starlette", "fastapi", "litestar", "blacksheep"),
    *("falcon", "sanic", "aiohttp", "robyn", "emmett55"),
)


@dataclass(frozen=True)
class Target:
    """A figure that has to be at least or at most *limit*.

    The figure is that of *one*, or *one* divided by *other*.
    """

    measure: str
    limit: float
    one: Key
    other: Key | None = None
    at_most: bool = False
    unit: str = ""

    @property
    def wanted(self) -> str:
        unit = self.unit or "times"
        limit = f"{self.limit:,}"
        return f"at {'most' if self.at_most else 'least'} {limit} {unit}"


@dataclass(frozen=True)
class Verdict:
    """What a run says about a target; no figure: it was not measured."""

    target: Target
    figure: Figure | None

    @property
    def word(self) -> str:
        if self.figure is None:
            return "not measured"
        reached = self.figure.median
        target = self.target
        met = reached <= target.limit if target.at_most else reached >= target.limit
        return "met" if met else "missed"


def judge(series: Iterable[Series]) -> list[Verdict]:
    """A verdict for each target."""
    measured = [one for one in series if one.samples]
    return [Verdict(target, _reached(target, measured)) for target in TARGETS]


def _reached(target: Target, measured: list[Series]) -> Figure | None:
    one = _best(target.one, measured)
    if one is None:
        return None
    if target.other is None:
        return figure(one.samples)
    other = _best(target.other, measured)
    if other is None or len(one.samples) != len(other.samples):
        return None
    return ratio(one, other)


def _best(key: Key, measured: list[Series]) -> Series | None:
    fitting = [
        one
        for one in measured
        if all(fnmatchcase(name, pattern) for name, pattern in zip(one.key, key, strict=True))
    ]
    if not fitting:
        return None
    choose = min if fitting[0].lower_is_better else max
    return choose(fitting, key=lambda one: figure(one.samples).median)


def _in_process() -> Iterable[Target]:
    for case, limit in zip(BASIC, (2.2, 1.8, 2.2, 2.0), strict=True):
        pottle, bare = (IN_PROCESS, case, "pottle"), (IN_PROCESS, case, "bare")
        yield Target(f"{case}: time against bare ASGI", limit, pottle, bare, at_most=True)
    for peer, limit in {"blacksheep": 1, "falcon": 1, "starlette": 2, "quart": 25}.items():
        for case in BASIC:
            pottle, other = (IN_PROCESS, case, "pottle"), (IN_PROCESS, case, peer)
            yield Target(f"{case}: faster than {peer}", limit, other, pottle)
    combined = "session, hooks, url_for, template"
    yield Target(
        f"{combined}: faster than quart",
        8,
        (IN_PROCESS, combined, "quart"),
        (IN_PROCESS, combined, "pottle"),
    )
    yield Target(
        "10,000 routes: time against 10 routes",
        1.3,
        (IN_PROCESS, "10,000 routes", "pottle"),
        (IN_PROCESS, "10 routes", "pottle"),
        at_most=True,
    )


def _end_to_end() -> Iterable[Target]:
    cost = "text, server CPU"
    yield Target(
        "text on uvicorn: server CPU per request against bare ASGI",
        1.2,
        (END_TO_END, cost, "pottle/uvicorn"),
        (END_TO_END, cost, "bare/uvicorn"),
        at_most=True,
    )
    for case in ("text", "JSON"):
        best = (END_TO_END, case, "pottle/*")
        for peer in PEERS:
            yield Target(
                f"{case}, best server each: requests per second against {peer}",
                1,
                best,
                (END_TO_END, case, f"{peer}/*"),
            )
        yield Target(
            f"{case}: requests per second on the best server against quart on hypercorn",
            15,
            best,
            (END_TO_END, case, "quart/hypercorn"),
        )


def _sockets() -> Iterable[Target]:
    for case in ("echo, 8 messages under way", "echo, one message at a time"):
        cost = f"{case}, server CPU"
        yield Target(
            f"{case}: server CPU per message against bare ASGI on uvicorn",
            1.15,
            (SOCKETS, cost, "pottle/uvicorn"),
            (SOCKETS, cost, "bare/uvicorn"),
            at_most=True,
        )
    memory = "memory of an idle connection, of *"
    pottle, bare = (SOCKETS, memory, "pottle/uvicorn"), (SOCKETS, memory, "bare/uvicorn")
    yield Target("memory of an idle connection on uvicorn", 24, pottle, at_most=True, unit="KiB")
    yield Target("memory of an idle connection against bare ASGI", 1.25, pottle, bare, at_most=True)
    yield Target(
        "10,000 connections, each with one message a second for a minute: answered, none lost",
        600_000,
        (SOCKETS, "10,000 connections, * for 60 s: *none lost", "pottle/uvicorn"),
        unit="messages",
    )


def _streams() -> Iterable[Target]:
    upload = "multipart upload of 1 GiB"
    pottle = "pottle/uvicorn"
    yield Target(f"{upload}", 300, (STREAMS, upload, pottle), unit="MB/s")
    yield Target(
        f"{upload}: growth of memory",
        16,
        (STREAMS, f"{upload}, growth of memory", pottle),
        at_most=True,
        unit="MiB",
    )


def _start() -> Iterable[Target]:
    pottle = (START, "import", "pottle")
    for peer, limit in {"quart": 0.55, "flask": 1}.items():
        other = (START, "import", peer)
        yield Target(f"import: time against {peer}", limit, pottle, other, at_most=True)


TARGETS = (*_in_process(), *_end_to_end(), *_sockets(), *_streams(), *_start())
