"""Server-side sessions in Redis, or in anything that speaks its protocol.

The `redis` package (the extra ``pottle[redis]``) is imported when the first store is made from a
URL, never with this module. The invariants: a connection is only used on the event loop it was made
on, and what a record becomes is decided by Redis in one step.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pottle.errors import SetupError

from .stores import SessionStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from redis.asyncio import Redis

#: Errors by name: a client that was handed in may be of another library, with errors of its own.
_AWAY = frozenset(
    ("ConnectionError", "TimeoutError", "ReadOnlyError", "OutOfMemoryError", "ClusterDownError")
)

#: Put ARGV[3] in place of ARGV[1] for ARGV[2] milliseconds; delete it if these are 0.
_SWAP = """
local there = redis.call('GET', KEYS[1])
if there == ARGV[1] then
    if ARGV[2] == '0' then
        redis.call('DEL', KEYS[1])
    else
        redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
    end
end
return there
"""


class RedisStore(SessionStore):
    """Keeps records in Redis, under *prefix* and their id, and lets Redis expire them.

    From a URL (``redis://``, ``rediss://``, ``unix://``) connections are made as they are needed,
    at most *max_connections* per event loop, beyond which an operation waits for its turn; `close`
    closes those of the running loop. A client that is handed in is used as it is, and closed by
    whoever made it. Nothing is tried twice: whoever asks bounds the time and says what comes next.

    A session is saved by a script (``EVAL``), so that it takes one round trip.

    Raises `SetupError` where a URL is given and the `redis` package is not installed.
    """

    def __init__(
        self, url_or_client: str | Redis, *, prefix: str = "session:", max_connections: int = 50
    ) -> None:
        if max_connections < 1:
            raise ValueError(f"A store needs at least one connection, not {max_connections}.")
        self.prefix = prefix
        self.max_connections = max_connections
        self._given: Any = None
        #: The client of each event loop, and what bounds its connections.
        self._clients: dict[asyncio.AbstractEventLoop, tuple[Any, asyncio.Semaphore]] = {}
        if isinstance(url_or_client, str):
            self._url = url_or_client
            self._connect = _connector()
        else:
            self._given = url_or_client

    async def get(self, id: str) -> bytes | None:
        async with self._connected() as client:
            return _as_bytes(await client.get(self.prefix + id))

    async def set(self, id: str, record: bytes, ttl: float) -> None:
        async with self._connected() as client:
            await client.set(self.prefix + id, record, px=_milliseconds(ttl))

    async def delete(self, id: str) -> None:
        async with self._connected() as client:
            await client.delete(self.prefix + id)

    async def touch(self, id: str, ttl: float) -> bool:
        async with self._connected() as client:
            return bool(await client.pexpire(self.prefix + id, _milliseconds(ttl)))

    async def swap(self, id: str, old: bytes, new: bytes | None, ttl: float) -> bytes | None:
        time, record = (0, b"") if new is None else (_milliseconds(ttl), new)
        async with self._connected() as client:
            return _as_bytes(await client.eval(_SWAP, 1, self.prefix + id, old, time, record))

    async def close(self) -> None:
        client, _ = self._clients.pop(asyncio.get_running_loop(), (None, None))
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Any]:
        """The client, when there is a connection for it. Raises `ConnectionError` without Redis."""
        try:
            if self._given is not None:
                yield self._given
                return
            client, places = self._own_client()
            async with places:
                yield client
        except Exception as error:
            if _is_away(error):
                raise ConnectionError(f"Redis: {str(error) or type(error).__name__}") from error
            raise

    def _own_client(self) -> tuple[Any, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None:
            # What an ended loop left open cannot be closed any more, only let go of.
            self._clients = {at: of for at, of in self._clients.items() if not at.is_closed()}
            client = self._connect(self._url)
            found = self._clients[loop] = client, asyncio.Semaphore(self.max_connections)
        return found


def _connector() -> Callable[[str], Any]:
    """Makes a client from a URL. Raises `SetupError` where the package is not installed."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise SetupError(
            "RedisStore needs the package redis, which is not installed. Install it with:"
            " pip install 'pottle[redis]'"
        ) from error
    from_url = cast("Any", Redis).from_url  # redis leaves the types of its options open
    return partial(from_url, retry=Retry(NoBackoff(), 0))


def _is_away(error: Exception) -> bool:
    """Whether *error* says that Redis cannot be reached, or cannot do its work at the moment."""
    return any(cls.__name__ in _AWAY for cls in type(error).__mro__)


def _as_bytes(record: bytes | str | None) -> bytes | None:
    # A client that was handed in may be set to decode what it receives.
    return record.encode() if isinstance(record, str) else record


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))
