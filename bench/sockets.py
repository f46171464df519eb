"""Websockets: what a message costs, what an idle connection costs, and what happens with thousands.

Everybody runs on uvicorn, and Quart on its own server as well. Nothing is compressed: the client does
not offer it. The server has one core and the client the other, where a message costs a third of what it
costs the fastest server.

- echo: some connections, each with several messages under way, so that the server reads many at once
  and never waits; and many connections that wait for each answer, so that it reads them one by one;
- fan-out: from posting one message to the moment in which the last subscriber has it, each framework
  in the way that its documentation shows (Pottle and Quart with a queue for each subscriber, Starlette
  and the bare application by sending from the publisher);
- idle memory: what the server's resident memory grows by when thousands connect, each of which has
  had one message echoed; a fresh server for each, warmed up by a few connections;
- chat: those thousands send one message a second each, evenly spread, and each must be echoed.
"""

from __future__ import annotations

import gc
import http.client
import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles

from bench.client import HOST, PATIENCE, Peers, WrongAnswerError, allow_connections, on_client_core
from bench.measure import Series
from bench.peers_streams import starters
from bench.servers import PINNING_NOTE, Server, missing_tool
from bench.turns import Figures, Metric, take_turns

GROUP = "websockets"
PAYLOADS = [f"message {number:03} {'.' * 48}".encode() for number in range(64)]
NEWS = "the news of the day, number {}: " + "." * 96
READY = b"ready"


@dataclass(frozen=True)
class Pace:
    """How much of everything; `seconds` are those of one echo sample."""

    rounds: int
    seconds: float
    connections: int
    subscribers: int
    fan_out_rounds: int
    chat_seconds: int
    publications: int = 10


QUICK = Pace(2, 0.5, 2_000, 1_000, 1, 5)
FULL = Pace(5, 1.5, 10_000, 5_000, 3, 60)


@dataclass(frozen=True)
class Echo:
    """So many connections, with *depth* messages under way on each."""

    case: str
    connections: int
    depth: int


ECHOES = (Echo("echo, 8 messages under way", 8, 8), Echo("echo, one message at a time", 64, 1))


def run(quick: bool, peers: Collection[str]) -> list[Series]:
    """All measures of websockets for those of the *peers* that have them here."""
    pace = QUICK if quick else FULL
    commands = starters(peers)
    subjects = list(commands)
    cases = (_echo, _fan_out, _idle_and_chat)
    problem = missing_tool("taskset", "setpriv")
    try:
        allow_connections(max(pace.connections, pace.subscribers))
    except OSError as error:
        problem = problem or str(error)
    if problem:
        return [Series(GROUP, "all", subject, "", note=problem) for subject in subjects]
    with on_client_core():
        return [series for case in cases for series in case(pace, commands)]


def _echo(pace: Pace, commands: dict[str, list[str]]) -> list[Series]:
    metrics: list[Metric] = []
    for way in ECHOES:
        metrics.append(Metric(way.case, "messages/s", lower_is_better=False))
        metrics.append(Metric(f"{way.case}, server CPU", "us"))
    with ExitStack() as stack:
        servers: dict[str, Server] = {}

        def sample(subject: str) -> list[float]:
            if subject not in servers:
                servers[subject] = stack.enter_context(Server(commands[subject]))
            server = servers[subject]
            return [figure for way in ECHOES for figure in echo(server, way, pace.seconds)]

        return take_turns(GROUP, metrics, list(commands), sample, pace.rounds, PINNING_NOTE)


def echo(server: Server, way: Echo, seconds: float) -> tuple[float, float]:
    """Messages per second, and microseconds of the server's CPU time for one."""
    with Peers(server.port, "/ws", way.connections) as peers:
        peers.echo(PAYLOADS, 0.2, way.depth)
        cpu, start = server.cpu_seconds(), time.perf_counter()
        count = peers.echo(PAYLOADS, seconds, way.depth)
        passed, cpu = time.perf_counter() - start, server.cpu_seconds() - cpu
    return count / passed, cpu / count * 1e6


def _fan_out(pace: Pace, commands: dict[str, list[str]]) -> list[Series]:
    metric = Metric(f"one message to {pace.subscribers:,} subscribers", "ms")

    def sample(subject: str) -> tuple[float]:
        with Server(commands[subject]) as server:
            return (fan_out(server, pace),)

    return take_turns(GROUP, [metric], list(commands), sample, pace.fan_out_rounds, PINNING_NOTE)


def fan_out(server: Server, pace: Pace) -> float:
    """Milliseconds until the last subscriber has a message, the median of some."""
    times: list[float] = []
    publisher = http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE)
    with Peers(server.port, "/feed", pace.subscribers) as peers:
        peers.expect(READY)
        for number in range(pace.publications):
            news = NEWS.format(number).encode()
            start = time.perf_counter()
            publisher.request("POST", "/publish", news, {"Content-Type": "text/plain"})
            peers.expect(news)
            times.append((time.perf_counter() - start) * 1000)
            publisher.getresponse().read()
    publisher.close()
    return median(times)


def _idle_and_chat(pace: Pace, commands: dict[str, list[str]]) -> list[Series]:
    many = f"{pace.connections:,} connections"
    chat_case = f"{many}, each one message a second for {pace.chat_seconds} s"
    metrics = (
        Metric(f"memory of an idle connection, of {pace.connections:,}", "KiB"),
        Metric(f"{chat_case}: messages answered, none lost", "messages", lower_is_better=False),
        Metric(f"{chat_case}: delay, median", "ms"),
        Metric(f"{chat_case}: delay, 99th percentile", "ms"),
        Metric(f"{chat_case}: server CPU of a message", "us"),
    )

    def sample(subject: str) -> Figures:
        with Server(commands[subject]) as server:
            return idle_and_chat(server, pace)

    # A minute for each is long enough without Quart on a second server.
    subjects = [subject for subject in commands if subject.endswith("/uvicorn")]
    return take_turns(GROUP, metrics, subjects, sample, 1, PINNING_NOTE)


def idle_and_chat(server: Server, pace: Pace) -> Figures:
    """KiB of an idle connection, and what `chat` gives; whoever fails there keeps the former."""
    with Peers(server.port, "/ws", 64) as first:
        first.echo(PAYLOADS, 0.1, 1)
    time.sleep(0.5)
    before = server.memory()
    with Peers(server.port, "/ws", pace.connections) as peers:
        peers.echo(PAYLOADS[:1], 0.0, 1)
        time.sleep(1.0)
        memory = (server.memory() - before) / pace.connections / 1024
        try:
            return [memory, *chat(server, peers, pace)]
        except (WrongAnswerError, OSError) as error:
            return [memory, *[error] * 4]


def chat(server: Server, peers: Peers, pace: Pace) -> tuple[float, float, float, float]:
    """Messages answered, median and 99th percentile of their delay, server CPU of one.

    Raises `WrongAnswerError` if one is lost.
    """
    gc.collect()
    gc.disable()  # a pause of ours would count as a delay of theirs
    try:
        cpu = server.cpu_seconds()
        sent, delays = peers.chat(pace.chat_seconds)
        cpu = server.cpu_seconds() - cpu
    finally:
        gc.enable()
    planned, answered = pace.connections * pace.chat_seconds, len(delays)
    if answered < planned:
        raise WrongAnswerError(
            f"of {planned:,} messages {sent:,} could be sent and {answered:,} were answered"
        )
    percentile = quantiles(delays, n=100)[98]
    return answered, median(delays) * 1000, percentile * 1000, cpu / answered * 1e6
