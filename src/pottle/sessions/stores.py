"""Where server-side sessions are kept: the contract of a store, and the one in memory.

A store keeps bytes by id for a time. It knows nothing of sessions, cookies or applications.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SessionStore(ABC):
    """Keeps a record of bytes by its id, each for *ttl* seconds from the last `set` or `touch`."""

    @abstractmethod
    async def get(self, id: str) -> bytes | None:
        """The record; None if there is none, or none any more."""

    @abstractmethod
    async def set(self, id: str, record: bytes, ttl: float) -> None:
        """Keep *record*, in place of what was there."""

    @abstractmethod
    async def delete(self, id: str) -> None:
        """Forget the record, if there is one."""

    @abstractmethod
    async def touch(self, id: str, ttl: float) -> None:
        """Keep the record for *ttl* seconds from now, if there is one."""

    async def close(self) -> None:  # noqa: B027 - a store without connections has nothing to do
        """Let go of connections. The store may be used again, and connects again then."""


class MemoryStore(SessionStore):
    """Keeps records in this process: for tests, development, and servers of a single process.

    At most *max_records* are held; where there would be more, those go first that were longest not
    written or touched. *clock* counts seconds.
    """

    def __init__(
        self, max_records: int = 10_000, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if max_records < 1:
            raise ValueError(f"A store holds at least one record, not {max_records}.")
        self.max_records = max_records
        self._clock = clock
        # Renewed records move to the end, so those that expire soonest stand in front.
        self._records: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    async def get(self, id: str) -> bytes | None:
        expires, record = self._records.get(id, (0.0, None))
        if record is not None and expires <= self._clock():
            del self._records[id]
            return None
        return record

    async def set(self, id: str, record: bytes, ttl: float) -> None:
        self._records[id] = (self._clock() + ttl, record)
        self._records.move_to_end(id)
        self._make_room()

    async def delete(self, id: str) -> None:
        self._records.pop(id, None)

    async def touch(self, id: str, ttl: float) -> None:
        record = await self.get(id)
        if record is not None:
            await self.set(id, record, ttl)

    def _make_room(self) -> None:
        now = self._clock()
        while self._records:
            id, (expires, _) = next(iter(self._records.items()))
            if expires > now and len(self._records) <= self.max_records:
                return
            del self._records[id]
