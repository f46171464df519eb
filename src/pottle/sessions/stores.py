"""Where server-side sessions are kept: the contract of a store, and the one in memory.

A store keeps bytes by id for a time. It knows nothing of sessions, cookies or applications.
The invariant: nothing but `set` makes a record, so one that was deleted does not come back.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger("pottle.sessions")


class SessionStore(ABC):
    """Keeps a record of bytes by its id, each for *ttl* seconds from its last change or `touch`.

    An `OSError` (such as `ConnectionError` and `TimeoutError`) says that the store is away. Any
    other error is one of the program.
    """

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
    async def touch(self, id: str, ttl: float) -> bool | None:
        """Keep the record for *ttl* seconds from now, if there is one; False if there is none.

        A store that cannot tell gives None.
        """

    async def swap(self, id: str, old: bytes, new: bytes | None, ttl: float) -> bytes | None:
        """Put *new* in place of *old* if that is the record, or delete it where *new* is None.

        Gives what was there: *old* if it was swapped, else what somebody else has written, or None
        where there is no record. A store does this **in one step**. As it is written here it takes
        two, which serves a store that cannot do better: what another request does between them (a
        logout, say) is undone.
        """
        there = await self.get(id)
        if there == old:
            if new is None:
                await self.delete(id)
            else:
                await self.set(id, new, ttl)
        return there

    async def close(self) -> None:  # noqa: B027 - a store without connections has nothing to do
        """Let go of connections. The store may be used again, and connects again then."""


class MemoryStore(SessionStore):
    """Keeps records in this process: for tests, development, and servers of a single process.

    At most *max_records* are held, and *max_bytes* of them (ids included). Where there would be
    more, those go first that were written once and never read back or touched, as they are where a
    client does not send its cookie, as long as they are more than a tenth; then those that were
    longest not written or touched. A record
    larger than *max_bytes* is held alone. That records were dropped before their time is a warning
    in the log ``pottle.sessions``, once in a minute. *clock* counts seconds.
    """

    def __init__(
        self,
        max_records: int = 10_000,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_records < 1:
            raise ValueError(f"A store holds at least one record, not {max_records}.")
        if max_bytes < 1:
            raise ValueError(f"A store holds at least one byte, not {max_bytes}.")
        self.max_records = max_records
        self.max_bytes = max_bytes
        self._clock = clock
        # Renewed records move to the end, so those that expire soonest stand in front.
        self._new: OrderedDict[str, tuple[float, bytes]] = OrderedDict()  # never asked for again
        self._used: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._dropped = 0
        self._warned: float | None = None

    def __len__(self) -> int:
        return len(self._new) + len(self._used)

    async def get(self, id: str) -> bytes | None:
        found = self._new.get(id) or self._used.get(id)
        if found is None:
            return None
        expires, record = found
        if expires <= self._clock():
            self._remove(id)
            return None
        if id in self._new:
            self._used[id] = self._new.pop(id)
        return record

    async def set(self, id: str, record: bytes, ttl: float) -> None:
        known = id in self._used or id in self._new
        self._remove(id)
        records = self._used if known else self._new
        records[id] = (self._clock() + ttl, record)
        self._bytes += len(id) + len(record)
        self._make_room(id)

    async def delete(self, id: str) -> None:
        self._remove(id)

    # Neither of these is suspended between looking and writing, so each is one step.

    async def touch(self, id: str, ttl: float) -> bool:
        record = await MemoryStore.get(self, id)
        if record is not None:
            await MemoryStore.set(self, id, record, ttl)
        return record is not None

    async def swap(self, id: str, old: bytes, new: bytes | None, ttl: float) -> bytes | None:
        there = await MemoryStore.get(self, id)
        if there == old:
            if new is None:
                await MemoryStore.delete(self, id)
            else:
                await MemoryStore.set(self, id, new, ttl)
        return there

    def _remove(self, id: str) -> None:
        for records in self._new, self._used:
            if id in records:
                self._bytes -= len(id) + len(records.pop(id)[1])

    def _make_room(self, written: str) -> None:
        """Remove what has expired, and what is too much without the record just *written*."""
        now = self._clock()
        for records in self._new, self._used:
            while records:
                id, (expires, _) = next(iter(records.items()))
                if expires > now:
                    break
                self._remove(id)
        while len(self) > 1 and (len(self) > self.max_records or self._bytes > self.max_bytes):
            first = next(iter(self._new), written)
            # A tenth is for those who have just come, who could not log in to a full store else.
            if first == written or (self._used and len(self._new) * 10 <= len(self)):
                first = next(iter(self._used))
            self._remove(first)
            self._dropped += 1
        if self._dropped and (self._warned is None or now >= self._warned + 60):
            _logger.warning(
                "The memory store of sessions is full: %d were dropped before their time. It holds"
                " %d of at most %d, and %d of at most %d bytes. Raise max_records or max_bytes, or"
                " keep sessions in Redis.",
                self._dropped, len(self), self.max_records, self._bytes, self.max_bytes,
            )  # fmt: skip
            self._warned, self._dropped = now, 0
