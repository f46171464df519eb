"""Messages by way of Redis, so that a chat runs in any number of processes.

Messages are entries of a *stream*. Redis gives each an id that counts up and keeps the last ones,
and every process reads the whole stream, from the last id it has seen. So all have them in the same
order, and whoever was cut off goes on where it stopped. Who is where goes through a second stream.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .broker import CutOffError
from .log import KEPT
from .messages import Draft, Message, parse_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from logging import Logger

    from .hub import Hub

MESSAGES, PRESENCE = "chat:messages", "chat:presence"
CONNECTIONS = 10  # to Redis, of each process
BATCH = 500  # entries read at once
PATIENCE = 2000  # milliseconds that a read waits for something new
HEARTBEAT = 2.0  # seconds between two reports of who is here
EXPIRY = 6.0  # seconds of silence after which a process is taken for dead
REPORTS = 200  # of these are kept; they are of use for the time of EXPIRY only
PAUSE = 0.05  # seconds after a report, so that a crowd coming in makes a few and not hundreds
LONGEST_PAUSE = 5.0  # seconds between two attempts to reach Redis

Entries = list[tuple[str, dict[str, str]]]


class RedisBroker:
    """For several processes that share the Redis at *url*."""

    _hub: Hub
    _clock: float

    def __init__(self, url: str, log: Logger) -> None:
        # A crowd that talks at once waits for its turn instead of opening a connection for each. One
        # attempt more, because a connection in the pool may have died since it was last used.
        self._redis = Redis.from_pool(
            cast(Any, BlockingConnectionPool).from_url(
                url,
                max_connections=CONNECTIONS,
                decode_responses=True,
                retry=Retry(NoBackoff(), 1),
            )
        )
        parts = urlsplit(url)
        self._where = f"Redis at {parts.hostname}:{parts.port or 6379}"  # without the password
        self._log = log
        self._worker = uuid4().hex
        self._changed = asyncio.Event()
        self._positions = {MESSAGES: "0", PRESENCE: "0"}

    async def publish(self, draft: Draft) -> None:
        fields: Any = draft._asdict()
        try:
            # One more than a log keeps, so that a process which starts learns that there was more.
            await self._redis.xadd(MESSAGES, fields, maxlen=KEPT + 1, approximate=False)
        except RedisError as error:
            raise CutOffError(str(error)) from error

    def announce(self) -> None:
        self._changed.set()

    @asynccontextmanager
    async def run(self, hub: Hub) -> AsyncGenerator[None]:
        self._hub = hub
        try:
            await self._begin()
        except RedisError as error:
            await self._redis.aclose()
            raise RuntimeError(
                f"{self._where} cannot be reached: {error} Start it, or unset CHAT_REDIS to run the"
                " chat in one process without it."
            ) from None
        tasks = {asyncio.create_task(self._follow()), asyncio.create_task(self._report())}
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=2)  # an outage must not hold up the shutdown
            with suppress(RedisError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._tell_presence({})  # all gone, at once and not after EXPIRY
            await self._redis.aclose()

    async def _begin(self) -> None:
        """Read what is kept of the messages, and who is alive: their last reports are enough."""
        seconds, _ = await cast(Any, self._redis).time()
        self._clock = time.monotonic() - seconds  # by how much ours is ahead of the one of Redis
        self._positions[PRESENCE] = f"{int(seconds - EXPIRY) * 1000}-0"
        while await self._read(None):
            pass

    async def _follow(self) -> None:
        """Read what comes, for ever; an outage is told once when it begins and once when it ends."""
        failed_at, failures = 0.0, 0
        while True:
            try:
                await self._read(None if failures else PATIENCE)
            except RedisError as error:
                if not failures:
                    failed_at = time.monotonic()
                    self._log.warning(
                        "%s is gone; rooms are cut off until it is back. %s", self._where, error
                    )
                    self._hub.set_connected(False)
                failures += 1
                pause = min(0.1 * 2.0 ** min(failures, 10), LONGEST_PAUSE)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                continue
            if failures:
                away = time.monotonic() - failed_at
                self._log.warning("%s is back after %.1f s.", self._where, away)
                failures = 0
                self._hub.presence.excuse(time.monotonic())
                self._hub.set_connected(True)
                self.announce()
            self._hub.forget_silent(time.monotonic() - EXPIRY)

    async def _read(self, patience: int | None) -> int:
        """Read a batch and hand it on; the number of its entries."""
        streams: Any = self._positions
        answer = await self._redis.xread(streams, count=BATCH, block=patience)
        count = 0
        for stream, entries in cast(list[tuple[str, Entries]], answer):
            for id, fields in entries:
                self._positions[stream] = id
                count += 1
                try:
                    self._take(stream, id, fields)
                except (ValueError, TypeError, KeyError):  # of another version of the chat, perhaps
                    self._log.exception("The entry %s of %s makes no sense.", id, stream)
        return count

    def _take(self, stream: str, id: str, fields: dict[str, str]) -> None:
        if stream == MESSAGES:
            self._hub.deliver(Message(parse_id(id), Draft(**fields)))
        elif (worker := fields["worker"]) != self._worker:
            # When it was said and not when it is read: its process may have died since.
            heard = parse_id(id).at / 1000 + self._clock
            self._hub.learn(worker, json.loads(fields["rooms"]), heard)

    async def _report(self) -> None:
        """Say who is connected to this process: when that changes, and now and then anyway."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await self._changed.wait()
            self._changed.clear()
            with suppress(RedisError):  # `_follow` tells of the outage, and announces after it
                await self._tell_presence(self._hub.presence.local())
            await asyncio.sleep(PAUSE)

    async def _tell_presence(self, rooms: dict[str, list[str]]) -> None:
        fields: Any = {"worker": self._worker, "rooms": json.dumps(rooms)}
        await self._redis.xadd(PRESENCE, fields, maxlen=REPORTS, approximate=False)
