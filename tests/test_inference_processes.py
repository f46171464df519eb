"""The example of an inference API in processes of its own: under load, killed, and shut down.

The figures of the overload are put into the report of the test run, and said at its end; they are not
asserted, since what a stopwatch shows depends on what else the machine has to do.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from processes import PATIENCE, POTTLE, served

ROOT = Path(__file__).parents[1]
#: A slow model, one image at a time, and hardly any queue: overload takes few requests.
SMALL = {
    "INFERENCE_PROCESSES": "1",
    "INFERENCE_TREES": "400",
    "INFERENCE_BATCH_SIZE": "1",
    "INFERENCE_BATCH_WAIT": "0",
    "INFERENCE_QUEUE_LIMIT": "4",
    "INFERENCE_TIMEOUT": "30",  # a busy machine may take long to start a process anew
}
LOST = "A process of the model has ended unexpectedly"


@contextmanager
def inference(**env):
    """The example, served by the command line, once its model is ready."""
    command = (*POTTLE, "--app", "examples/inference/app.py", "serve", "--port", "0")
    with served(*command, cwd=ROOT, env={**SMALL, **env}) as process:
        with httpx.Client(trust_env=False, base_url=process.ready().url) as client:
            deadline = time.monotonic() + PATIENCE
            while client.get("/health/ready").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process


def children_of(pid):
    """The processes that *pid* has started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {int(child) for thread in threads for child in (thread / "children").read_text().split()}


def model_processes(pid):
    """Those of the children that run the model; the others keep track of shared resources."""
    return {
        child
        for child in children_of(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


async def all_gone(pids):
    async with asyncio.timeout(PATIENCE):
        while any(Path(f"/proc/{pid}/stat").exists() and not is_dead(pid) for pid in pids):
            await asyncio.sleep(0.02)


def is_dead(pid):
    """Whether it has ended and only waits for somebody to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


#: Asks for the health twenty times a second, until its input is closed, and tells the seconds it took.
HEALTH_CHECKS = """
import http.client, select, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    began = time.perf_counter()
    connection.request("GET", "/health/live")
    response = connection.getresponse()
    response.read()
    print(response.status, time.perf_counter() - began)
connection.close()
"""


@contextmanager
def health_checks(port):
    """How long health checks take, in a process of its own: the clients' own load is not measured."""
    seconds = []
    command = [sys.executable, "-c", HEALTH_CHECKS, str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as checks:
        yield seconds
        said, _ = checks.communicate()
    assert checks.returncode == 0
    for line in said.splitlines():
        status, took = line.split()
        assert status == "200"
        seconds.append(float(took))
    assert seconds


@pytest.fixture
def report(request, record_property):
    """Say figures at the end of the test run, and in its XML report: ``report(name=value)``."""

    class Summary:
        def __init__(self):
            self.lines = []

        def pytest_terminal_summary(self, terminalreporter):
            for line in self.lines:
                terminalreporter.write_line(line)

    summary = Summary()
    request.config.pluginmanager.register(summary)

    def say(**figures):
        for name, value in figures.items():
            record_property(name, value)
        said = ", ".join(f"{name} {value}" for name, value in figures.items())
        summary.lines.append(f"{request.node.name}: {said}")

    return say


class Load:
    """Clients of a server; what they were answered is kept."""

    def __init__(self, client, samples):
        self.client = client
        self.samples = samples
        self.known = []
        self.statuses = []
        self.wrong = []
        self.rejections = []

    async def learn(self):
        """Ask for each sample alone, to know the right answers and how many there are a second."""
        began = time.perf_counter()
        for sample in self.samples:
            response = await self.ask(sample)
            assert response.status_code == 200
            self.known.append(response.json())
        return len(self.samples) / (time.perf_counter() - began)

    async def ask(self, sample):
        return await self.client.post("/predict", json={"image": sample["image"]})

    async def check(self, number):
        """Ask for a sample whose answer is known."""
        which = number % len(self.samples)
        response = await self.ask(self.samples[which])
        self.statuses.append(response.status_code)
        if response.status_code == 200 and response.json() != self.known[which]:
            self.wrong.append(response.json())
        elif response.status_code == 503:
            self.rejections.append(response.headers.get("Retry-After"))

    async def overload(self, rate, seconds):
        """Ask *rate* times a second, whatever becomes of what was asked before."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(began + number / rate - time.perf_counter())
                tasks.create_task(self.check(number))

    async def lags(self):
        """How late the event loop was: how many times up to each bound; the longest; the busiest."""
        text = (await self.client.get("/metrics")).text
        buckets = re.findall(r'^event_loop_lag_seconds_bucket\{le="(.+)"\} (.+)$', text, re.M)
        [longest, busiest] = re.findall(r"^event_loop_(?:lag|busy)_max_seconds (.+)$", text, re.M)
        counts = {float(bound): float(count) for bound, count in buckets}
        return counts, float(longest), float(busiest)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
async def test_ten_times_its_capacity_is_rejected_and_health_checks_are_answered(report):
    with inference() as process:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        async with httpx.AsyncClient(
            trust_env=False, base_url=process.url, timeout=PATIENCE, limits=limits
        ) as client:
            load = Load(client, (await client.get("/samples?count=15")).json()["samples"])
            capacity = await load.learn()
            before, *_ = await load.lags()
            with health_checks(process.port) as seconds:
                await load.overload(10 * capacity, 5)
            after, longest, busiest = await load.lags()
        assert process.stop() == 0
    report(
        capacity_per_second=round(capacity, 1),
        accepted=load.statuses.count(200),
        rejected=load.statuses.count(503),
        health_median_ms=round(statistics.median(seconds) * 1000, 1),
        health_p95_ms=round(statistics.quantiles(seconds, n=20)[-1] * 1000, 1),
        loop_lag_max_ms=round(longest * 1000, 1),
        loop_busy_max_ms=round(busiest * 1000, 1),
        loop_lags_over_50_ms=f"{int(over(after) - over(before))} of {int(total(after) - total(before))}",
    )
    assert set(load.statuses) == {200, 503}
    assert load.wrong == []
    assert load.statuses.count(503) > load.statuses.count(200)
    assert all(value is not None and int(value) >= 1 for value in load.rejections)
    assert "Traceback" not in process.text


def total(lags):
    return lags[math.inf]


def over(lags):
    return total(lags) - lags[0.05]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
async def test_a_killed_process_of_the_model_costs_no_answer():
    with inference() as process:
        async with httpx.AsyncClient(
            trust_env=False, base_url=process.url, timeout=PATIENCE
        ) as client:
            load = Load(client, (await client.get("/samples?count=4")).json()["samples"])
            await load.learn()
            [model] = model_processes(process.process.pid)
            async with asyncio.TaskGroup() as tasks:
                for number in range(4):
                    tasks.create_task(load.check(number))
                await asyncio.sleep(0)
                os.kill(model, signal.SIGKILL)
            assert load.statuses == [200] * 4
            assert load.wrong == []
        assert process.stop() == 0
    assert len([line for line in process.output if LOST in line]) == 1
    assert "Traceback" not in process.text


async def test_it_ends_at_once_while_a_stream_is_open():
    with inference(INFERENCE_QUEUE_LIMIT="32", INFERENCE_TREES="800") as process:
        async with httpx.AsyncClient(
            trust_env=False, base_url=process.url, timeout=PATIENCE
        ) as client:
            samples = (await client.get("/samples?count=300")).json()["samples"]
            content = {"images": [sample["image"] for sample in samples]}
            async with client.stream("POST", "/predict/many", json=content) as response:
                lines = response.aiter_lines()
                assert await anext(lines) == "event: result"
                process.send(signal.SIGTERM)
                rest = [line async for line in lines]
            assert "event: end" not in rest
        assert process.end() == 0
    assert "Traceback" not in process.text


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
async def test_no_process_of_the_model_outlives_a_killed_server():
    with inference() as process:
        models = model_processes(process.process.pid)
        assert len(models) == 1
        os.kill(process.process.pid, signal.SIGKILL)
        await all_gone(models)
