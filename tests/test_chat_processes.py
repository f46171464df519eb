"""The example chat in two worker processes, which share a Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

from websockets.asyncio.client import connect

from processes import POTTLE, served
from redis_server import find_redis

ROOT = Path(__file__).parents[1]
CHAT = (*POTTLE, "--app", "examples/chat/app.py", "serve", "--port", "0", "--workers", "2")
ROOMS = ["attic", "cellar", "kitchen", "lobby"]
CLIENTS = 200
MESSAGES = 3  # of each client
PATIENCE = 25


@contextmanager
def chat(redis_url):
    with served(*CHAT, cwd=ROOT, env={"CHAT_REDIS": redis_url}) as process:
        yield process.ready()
        if process.process.poll() is None:
            assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


@contextmanager
def redis_on(port, folder):
    """A Redis that keeps nothing, to be stopped and started."""
    command = (str(find_redis()), "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    with served(*command, cwd=folder) as process:
        process.line("Ready to accept connections")
        yield process


class Client:
    """One connection, with all that it was told."""

    def __init__(self, connection, name):
        self.connection, self.name = connection, name
        self.hello = {}
        self.names = set()
        self.messages = []

    async def receive(self):
        """The next event; what it says is kept."""
        event = json.loads(await self.connection.recv())
        if event["type"] == "hello":
            self.hello = event
            self.names = set(event["names"])
            self.messages += event["messages"]
        elif event["type"] == "presence":
            self.names = (self.names | set(event["joined"])) - set(event["left"])
        elif event["type"] == "message":
            self.messages.append(event)
        return event

    async def until(self, is_enough):
        while not is_enough():
            await self.receive()

    async def say(self, text, key=None):
        await self.connection.send(json.dumps({"text": text, "key": key or f"{self.name}-{text}"}))

    def texts(self):
        return [message["text"] for message in self.messages]


@asynccontextmanager
async def joined(process, room, name, after=""):
    url = f"ws://127.0.0.1:{process.port}/rooms/{room}?name={name}&after={after}"
    async with connect(
        url, proxy=None, compression=None, max_queue=None, close_timeout=1
    ) as connection:
        client = Client(connection, name)
        await client.receive()
        yield client


@asynccontextmanager
async def joined_by(process, room, name, is_wanted):
    """A client on a worker that *is_wanted*, which the system chooses: try until it fits."""
    for attempt in count():
        async with joined(process, room, f"{name}{attempt}") as client:
            if is_wanted(client.hello["worker"]):
                yield client
                return


@asynccontextmanager
async def one_on_each_worker(process, room):
    async with (
        joined(process, room, "ada") as ada,
        joined_by(process, room, "bo", lambda pid: pid != ada.hello["worker"]) as bo,
    ):
        yield ada, bo


async def test_every_message_reaches_every_client_of_its_room_once(redis_url):
    with chat(redis_url) as process:
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
            clients = {
                room: [
                    await stack.enter_async_context(joined(process, room, f"{room}-{number}"))
                    for number in range(CLIENTS // len(ROOMS))
                ]
                for room in ROOMS
            }
            everyone = [client for members in clients.values() for client in members]
            workers = [client.hello["worker"] for client in everyone]
            assert len(set(workers)) == 2
            assert min(workers.count(pid) for pid in set(workers)) > CLIENTS / 20

            async with asyncio.TaskGroup() as tasks:
                for members in clients.values():
                    expected = {
                        f"{member.name} says {n}" for member in members for n in range(MESSAGES)
                    }
                    for member in members:
                        tasks.create_task(_talk_and_listen(member, len(expected)))
            for room, members in clients.items():
                await members[0].say("over", f"{room}-over")
                for member in members:
                    await member.until(lambda member=member: member.texts()[-1] == "over")

            for members in clients.values():
                expected = [
                    f"{member.name} says {n}" for member in members for n in range(MESSAGES)
                ]
                order = members[0].texts()
                assert sorted(order) == sorted([*expected, "over"])
                for member in members:
                    assert member.texts() == order
                    assert member.names == {other.name for other in members}


async def _talk_and_listen(client, expected):
    for number in range(MESSAGES):
        await client.say(f"{client.name} says {number}", f"{client.name}-{number}")
    await client.until(lambda: len(client.messages) >= expected)


async def test_who_comes_back_to_the_other_worker_catches_up(redis_url):
    with chat(redis_url) as process:
        async with asyncio.timeout(PATIENCE), one_on_each_worker(process, "garden") as (ada, bo):
            await ada.say("one")
            await bo.until(lambda: bo.texts() == ["one"])
            await bo.connection.close()
            await ada.until(lambda: ada.names == {"ada"})
            await ada.say("two")
            await ada.say("two")  # sent again, as a page does that is not sure
            await ada.say("three")
            await ada.until(lambda: ada.texts() == ["one", "two", "three"])
            async with joined(process, "garden", "bo", after=bo.messages[-1]["id"]) as again:
                await again.until(lambda: len(again.messages) == 2)
                assert again.texts() == ["two", "three"]
                assert again.hello["gap"] is False


async def test_people_of_a_worker_that_was_killed_are_not_here_for_ever(redis_url):
    with chat(redis_url) as process:
        async with asyncio.timeout(PATIENCE), one_on_each_worker(process, "porch") as (ada, bo):
            await ada.until(lambda: bo.name in ada.names)
            os.kill(bo.hello["worker"], signal.SIGKILL)
            await ada.until(lambda: ada.names == {"ada"})
            # The worker in its place takes clients.
            known = {ada.hello["worker"], bo.hello["worker"]}
            async with joined_by(process, "porch", "cyd", lambda pid: pid not in known) as cyd:
                await cyd.until(lambda: cyd.names == {ada.name, cyd.name})


async def test_redis_that_is_gone_for_a_while_is_survived(tmp_path, unused_tcp_port):
    port = unused_tcp_port
    with ExitStack() as stack:
        redis = stack.enter_context(redis_on(port, tmp_path))
        process = stack.enter_context(chat(f"redis://127.0.0.1:{port}"))
        async with asyncio.timeout(PATIENCE), one_on_each_worker(process, "attic") as (ada, bo):
            await ada.say("before")
            for client in ada, bo:
                await client.until(lambda client=client: client.texts() == ["before"])

            redis.stop()
            for client in ada, bo:
                await _hear(client, {"type": "broker", "connected": False})
            await ada.say("meanwhile")
            await _hear(ada, {"type": "delayed", "key": "ada-meanwhile"})

            stack.enter_context(redis_on(port, tmp_path))
            for client in ada, bo:
                await _hear(client, {"type": "broker", "connected": True})
            await ada.say("meanwhile")  # as the page does, by itself
            await bo.say("after")
            for client in ada, bo:
                await client.until(lambda client=client: len(client.messages) >= 3)
                assert sorted(client.texts()) == ["after", "before", "meanwhile"]
                assert client.names == {ada.name, bo.name}
        assert process.stop() == 0
        for text in f"Redis at 127.0.0.1:{port} is gone", f"Redis at 127.0.0.1:{port} is back":
            lines = [line for line in process.output if text in line]
            assert len(lines) == 2, process.text  # one by each worker
        assert "Traceback" not in process.text


async def _hear(client, expected):
    while await client.receive() != expected:
        pass
