"""Nobody takes another down: a short run of the soak test, with every kind of client.

What depends on the speed of the machine is left to `scripts/soak`: how long single visits take, and
what grows in the course of minutes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from soak import verdict, wire
from soak.__main__ import options
from soak.control import Measured
from soak.load import KINDS, Load, Tally, chosen
from soak.run import Run, run
from soak.samples import Sample
from soak.wire import HOST, Target

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs the proc file system"
)


@asynccontextmanager
async def a_server(handle) -> AsyncIterator[Target]:
    """Connections that are handed to *handle*, which is cancelled at the end."""
    tasks = set()

    async def connect(*streams):
        tasks.add(asyncio.current_task())
        await handle(*streams)

    server = await asyncio.start_server(connect, HOST, 0)
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            yield Target(server.sockets[0].getsockname()[1], http, response_timeout=1)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_clients_of_a_server_that_never_answers_come_to_an_end():
    async def never(reader, writer):
        try:
            await asyncio.Event().wait()
        finally:
            writer.transport.abort()

    async with a_server(never) as target:
        load = Load(target, chosen())
        await asyncio.sleep(0.5)
        await load.end(grace=0.1)
    asked = {name for name, tally in load.tallies.items() if tally.done}
    assert asked <= {name for name in KINDS if "left at once" in name or "leaves" in name}


@pytest.mark.parametrize("gives_up", [True, False])
async def test_a_connection_that_is_given_up_is_told_from_one_that_is_held(gives_up, monkeypatch):
    monkeypatch.setattr(wire, "LAST_READ", 0.5)

    async def write(reader, writer):
        try:
            writer.write(bytes(8 << 20))
            if not gives_up:
                await asyncio.Event().wait()
        finally:
            writer.transport.abort()

    async with a_server(write) as target:
        async with wire.connected(target, wire.SMALL_BUFFER) as connection:
            assert await connection.was_cut(0.3) is gives_up


@pytest.fixture(scope="module")
def fine() -> Run:
    """A run in which all was met."""
    sample = Sample(at=0.0, rss=50.0, fds=20, threads=4, tasks=5, lag=0.0)
    return Run(
        seconds=300.0,
        tallies={"keep-alive": Tally(done=3)},
        control=Measured(latencies=[0.01, 0.02], without_own=[0.01, 0.02]),
        before=sample,
        samples=[sample] * 8,
        after=sample,
        stopped_at=None,
        own_lag=0.0,
        own_processor=0.1,
        exit_code=0,
        exit_seconds=1.0,
        log=[],
    )


@pytest.mark.timeout(120)
async def test_mixed_traffic_leaves_everyone_alone_and_nothing_behind():
    found = await run(8, chosen(), response_timeout=2)
    # A second is asked for in a run of minutes; here, that all are answered.
    missed = [
        *verdict.isolation(found),
        *verdict.answered(found, longest=5.0),
        *verdict.ends(found),
    ]
    assert missed == [], verdict.report(found)


@pytest.mark.parametrize(
    ("command", "seconds", "server"),
    [
        ("scripts/soak", 300, "uvicorn"),
        ("scripts/soak 60 --server granian", 60, "granian"),
        ("scripts/soak 60 --without never-suspending", 60, "uvicorn"),
    ],
)
def test_the_commands_of_the_documentation_are_understood(command, seconds, server):
    asked = options(command.split()[1:])
    assert (asked.seconds, asked.server) == (seconds, server)
    assert chosen(asked.only, asked.without)


def test_kinds_are_chosen_by_name():
    assert {kind.name for kind in chosen(only=["never-suspending"])} < set(KINDS)
    assert not any(kind.never_suspends for kind in chosen(without=["never-suspending"]))
    with pytest.raises(ValueError, match="no kind 'none'"):
        chosen(only=["none"])


def test_a_run_in_which_all_was_met_has_no_reproach(fine):
    assert verdict.all_of(fine) == []
    assert "keep-alive" in verdict.report(fine)


def growing(fine: Run, **by: float) -> Run:
    """The run, with something that grows from sample to sample."""
    samples = [
        replace(
            fine.before, **{name: getattr(fine.before, name) + n * add for name, add in by.items()}
        )
        for n in range(8)
    ]
    return replace(fine, samples=samples)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda run: replace(run, after=replace(run.after, violations={"g is another's": 3})),
            r"Violation: g is another's \(3 times\)",
        ),
        (
            lambda run: replace(run, control=replace(run.control, without_own=[0.1, 1.5])),
            r"1 requests .* longer than 1 s, the longest 1\.50 s",
        ),
        (
            lambda run: replace(run, control=replace(run.control, unanswered=[(2.0, "timed out")])),
            r"1 requests .* not answered; the first after 2\.0 s: timed out",
        ),
        (
            lambda run: replace(run, control=Measured()),
            "No request of the control client was answered",
        ),
        (lambda run: replace(run, stopped_at=7.0), "stopped answering after 7 s"),
        (lambda run: replace(run, tallies={"rows": Tally()}), "rows: no visit came to its end"),
        (lambda run: growing(run, rss=10.0), "memory .* went from 75 .* to 115"),
        (lambda run: growing(run, fds=5), "open files went from 32 .* to 52"),
        (lambda run: growing(run, tasks=5), "tasks went from"),
        (lambda run: growing(run, threads=1), "threads went from"),
        (
            lambda run: replace(run, after=replace(run.after, tasks=50)),
            "50 tasks, 5 before it",
        ),
        (
            lambda run: replace(run, after=replace(run.after, under_way={"endless": 2})),
            "endless: 2 were still under way",
        ),
        (lambda run: replace(run, after=replace(run.after, tasks=None)), "did not answer when"),
        (lambda run: replace(run, exit_code=None), "did not end on SIGTERM"),
        (lambda run: replace(run, exit_code=3), "ended on SIGTERM with the code 3"),
    ],
)
def test_what_was_not_met_is_said_in_a_sentence(fine, change, sentence):
    missed = verdict.all_of(change(fine))
    assert len(missed) == 1
    assert re.search(sentence, missed[0]), missed
