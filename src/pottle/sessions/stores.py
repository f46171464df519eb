"""Where server-side sessions are kept: the contract of a store, and the one in memory.

A store keeps bytes by id for a time. It knows nothing of sessions, cookies or applications.
The invariant: nothing but `set` makes a record, so one that was deleted does not come back.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def _make_room(self) -> None:
        now = self._clock()
        while self._records:
            id, (expires, _) = next(iter(self._records.items()))
            if expires > now and len(self._records) <= self.max_records:
                return
            del self._records[id]
