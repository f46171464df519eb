"""Requests over the network: a server on one core, the load (wrk, h2load) on the other.

Every peer runs on each of its servers ("pottle/uvicorn"). One load gives two figures: requests per
second (case "text"), and CPU time of the server's processes for one request, kernel included (case
"text, server CPU"). The server is always the one that is busy, so the two tell the same; the second
is the steadier one, since it leaves out what the core did for others meanwhile.

All servers are started once and wait, which costs them nothing, while their turn comes in every
round. A subject that has answered wrongly, or whose load met one error, gets a note and no figure.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.application import CASES, HEADERS, TEXT_CASE, Case
from bench.measure import Series, in_turn
from bench.peers import load
from bench.servers import CLIENT_CORE, PINNING_NOTE, Server, missing_tool, pinned

GROUP = "end to end"
#: Connections of wrk; connections and streams on each of h2load.
CONNECTIONS = 64
HTTP2_CONNECTIONS = 16
HTTP2_STREAMS = 10
HTTP1_CASES = tuple(
    case for case in CASES if case.path in {"/text", "/json", "/user/4711", "/echo"}
)
#: What is asked over HTTP/2, of whom, and on which servers.
HTTP2_CASES = (TEXT_CASE,)
HTTP2_PEERS = ("pottle", "bare", "quart", "starlette")
HTTP2_SERVERS = ("hypercorn", "granian")


class LoadError(Exception):
    """An answer was wrong, or did not come. The message says what and how often."""


@dataclass(frozen=True)
class Pace:
    """How often, and for how many seconds, everyone is asked."""

    rounds: int
    seconds: float
    warm_up: float


QUICK = Pace(rounds=2, seconds=0.5, warm_up=0.1)
FULL = Pace(rounds=7, seconds=1.2, warm_up=0.5)


@dataclass(frozen=True)
class Load:
    """What a load generator reports."""

    requests: int
    per_second: float


#: Puts one case to a server for so many seconds.
Generator = Callable[[Server, Case, float], Load]
#: By subject ("pottle/uvicorn"), the command that starts its server, or why there is none.
Commands = dict[str, list[str] | str]


def run(quick: bool, peers: Collection[str]) -> list[Series]:
    """All cases for all *peers* on all their servers."""
    pace = QUICK if quick else FULL
    http1, http2 = _commands(peers)
    return [
        *_compared("wrk", wrk, http1, {case.name: case for case in HTTP1_CASES}, pace),
        *_compared(
            "h2load", h2load, http2, {f"{case.name}, HTTP/2": case for case in HTTP2_CASES}, pace
        ),
    ]


def _commands(peers: Collection[str]) -> tuple[Commands, Commands]:
    """What to start for HTTP/1.1 and for HTTP/2."""
    http1: Commands = {}
    http2: Commands = {}
    for peer in peers:
        try:
            servers = load(peer).SERVERS
        except Exception as error:  # a peer that fails must not end the run
            http1[peer] = f"{type(error).__name__}: {error}"
            continue
        for server, command in servers.items():
            # Over HTTP/1.1 it is behind the others for everyone; Quart's own guide begins with it.
            if server != "hypercorn" or peer == "quart":
                http1[f"{peer}/{server}"] = command
            if server in HTTP2_SERVERS and peer in HTTP2_PEERS:
                http2[f"{peer}/{server}"] = command
    return http1, http2


def _compared(
    tool: str, generator: Generator, commands: Commands, cases: Mapping[str, Case], pace: Pace
) -> list[Series]:
    """Start everyone, and measure one case after the other."""
    problem = missing_tool(tool, "timeout", "taskset", "setpriv")
    if problem:
        return [
            series
            for name in cases
            for subject in commands
            for series in _absent(name, subject, problem)
        ]
    result: list[Series] = []
    with _started(commands) as (servers, problems):
        for name, case in cases.items():
            for subject, problem in problems.items():
                result += _absent(name, subject, problem)
            result += _measured(name, case, generator, servers, pace)
    return result


@contextmanager
def _started(commands: Commands) -> Iterator[tuple[dict[str, Server], dict[str, str]]]:
    """The servers of all subjects, running, and the reasons of those that do not."""
    servers: dict[str, Server] = {}
    problems: dict[str, str] = {}
    with ExitStack() as stack:
        for subject, command in commands.items():
            if isinstance(command, str):
                problems[subject] = command
                continue
            try:
                servers[subject] = stack.enter_context(Server(command))
            except Exception as error:  # a peer that fails must not end the run
                problems[subject] = f"{type(error).__name__}: {error}"
        yield servers, problems


def _absent(case: str, subject: str, problem: str) -> list[Series]:
    """The two series of a subject that cannot be asked."""
    return [
        Series(GROUP, case, subject, "requests/s", note=problem, lower_is_better=False),
        Series(GROUP, cost_of(case), subject, "us", note=problem),
    ]


def cost_of(case: str) -> str:
    """The name under which the server's CPU time in a *case* is found."""
    return f"{case}, server CPU"


def _measured(
    name: str, case: Case, generator: Generator, servers: Mapping[str, Server], pace: Pace
) -> list[Series]:
    """Requests per second of all *servers*, and their CPU time for one request."""
    asked = {
        subject: Measurement(server, case, generator, pace) for subject, server in servers.items()
    }
    rates = in_turn(
        asked, pace.rounds, group=GROUP, case=name, unit="requests/s", lower_is_better=False
    )
    costs = []
    for rate in rates:
        cost = Series(GROUP, cost_of(name), rate.subject, "us", note=rate.note)
        if not rate.note:
            cost.samples = asked[rate.subject].microseconds
            rate.note = cost.note = PINNING_NOTE
        costs.append(cost)
    return rates + costs


class Measurement:
    """One subject in one case: gives requests per second, and keeps the CPU time of one request.

    The first call looks at the answer, and warms the server up; what it gives counts for nothing.
    """

    def __init__(self, server: Server, case: Case, generator: Generator, pace: Pace) -> None:
        self.microseconds: list[float] = []
        self._server = server
        self._case = case
        self._generator = generator
        self._pace = pace
        self._warm = False

    def __call__(self) -> float:
        server, case = self._server, self._case
        if not self._warm:
            verify(server, case)
            self._warm = True
            return self._generator(server, case, self._pace.warm_up).per_second
        before = server.cpu_seconds()
        load = self._generator(server, case, self._pace.seconds)
        spent = server.cpu_seconds() - before
        self.microseconds.append(spent / load.requests * 1e6)
        return load.per_second


def verify(server: Server, case: Case) -> None:
    """Ask once, with what the load will send. Raises `LoadError` if the answer is a wrong one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(case.method, case.path, case.body or None, _headers(case))
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if not case.expected(response.status, body):
        raise LoadError(f"answered {response.status}: {body[:80]!r}")


def _headers(case: Case) -> dict[str, str]:
    """What a browser sends. The host comes from the address; HTTP/2 has no "connection"."""
    headers = {name: value for name, value in HEADERS if name not in {"host", "connection"}}
    return {**headers, "content-type": case.content_type} if case.content_type else headers


def _options(case: Case) -> list[str]:
    return [part for header in _headers(case).items() for part in ("-H", ": ".join(header))]


def wrk(server: Server, case: Case, seconds: float) -> Load:
    """Load over HTTP/1.1. wrk counts in whole seconds, so it is stopped from outside."""
    command = f"timeout -s INT {seconds} wrk -t1 -c{CONNECTIONS} -d1m".split()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if case.body:
            script.write(f"wrk.method = '{case.method}'\nwrk.body = [==[{case.body.decode()}]==]\n")
            script.flush()
            command += ["-s", script.name]
        output = _output_of([*command, *_options(case), server.url(case.path)])
    errors = re.findall(r"Socket errors:.*|Non-2xx.*", output)
    if errors:
        raise LoadError("; ".join(errors))
    return Load(int(_number(r"(\d+) requests in", output)), _number(r"Requests/sec: +(.+)", output))


def h2load(server: Server, case: Case, seconds: float) -> Load:
    """Load over HTTP/2 without TLS, of cases without a body: the client begins in HTTP/2."""
    command = f"h2load -t1 -c{HTTP2_CONNECTIONS} -m{HTTP2_STREAMS} -D{seconds * 1000:.0f}ms".split()
    output = _output_of([*command, *_options(case), server.url(case.path)])
    for problem in ("failed", "errored", "timeout", "3xx", "4xx", "5xx"):
        count = _number(rf"(\d+) {problem}", output)
        if count:
            raise LoadError(f"{count:.0f} requests {problem}")
    return Load(
        int(_number(r"(\d+) 2xx", output)), _number(r"finished in .*?, (.+?) req/s", output)
    )


def _output_of(command: list[str]) -> str:
    done = subprocess.run(  # commands of our own
        pinned(CLIENT_CORE, command), capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise LoadError(f"no figure in: {' '.join(text.split())[-200:]}")
    return float(found[1])
