"""Server-side sessions in Redis, or in anything that speaks its protocol.

The `redis` package (the extra ``pottle[redis]``) is imported when the first store is made from a
URL, never with this module. The invariant: a connection is only used on the event loop it was made on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from pottle.errors import SetupError

from .stores import SessionStore

if TYPE_CHECKING:
    from redis.asyncio import Redis


class RedisStore(SessionStore):
    """Keeps records in Redis, under *prefix* and their id, and lets Redis expire them.

    From a URL (``redis://``, ``rediss://``, ``unix://``) connections are made as they are needed,
    per event loop, and `close` closes those of the running loop. A client that is handed in is used
    as it is, and closed by whoever made it.

    Raises `SetupError` where a URL is given and the `redis` package is not installed.
    """

    def __init__(self, url_or_client: str | Redis, *, prefix: str = "session:") -> None:
        self.prefix = prefix
        self._given: Any = None
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        if isinstance(url_or_client, str):
            self._url = url_or_client
            self._from_url = _client_factory()
        else:
            self._given = url_or_client

    async def get(self, id: str) -> bytes | None:
        record: bytes | str | None = await self._client().get(self.prefix + id)
        # A client that was handed in may be set to decode what it receives.
        return record.encode() if isinstance(record, str) else record

    async def set(self, id: str, record: bytes, ttl: float) -> None:
        await self._client().set(self.prefix + id, record, px=_milliseconds(ttl))

    async def delete(self, id: str) -> None:
        await self._client().delete(self.prefix + id)

    async def touch(self, id: str, ttl: float) -> None:
        await self._client().pexpire(self.prefix + id, _milliseconds(ttl))

    async def close(self) -> None:
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            # What an ended loop left open cannot be closed any more, only let go of.
            self._clients = {at: of for at, of in self._clients.items() if not at.is_closed()}
            client = self._clients[loop] = self._from_url(self._url)
        return client


def _client_factory() -> Any:
    try:
        from redis.asyncio import Redis
    except ImportError as error:
        raise SetupError(
            "RedisStore needs the package redis, which is not installed. Install it with:"
            " pip install 'pottle[redis]'"
        ) from error
    return cast("Any", Redis).from_url  # redis leaves the types of its options open


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))
