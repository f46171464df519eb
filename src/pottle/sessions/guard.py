"""What stands between an application and a store that may be away.

The invariant: no operation takes longer than the time-out, an outage is logged when it begins and
when it ends, and while it lasts one request at a time waits to find out whether it is over.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from pottle.waiting import time_limit

from .base import SessionStoreUnavailable

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class StoreGuard:
    """Asks a store, for at most *timeout* seconds at a time."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        #: When the store was found to be away; None while it is not.
        self._away_since: float | None = None
        self._trying = False

    async def ask(
        self, logger: logging.Logger, operation: Callable[..., Awaitable[T]], *args: object
    ) -> T:
        """What *operation* gives. Raises `SessionStoreUnavailable` where the store is away."""
        trying = self._away_since is not None
        if trying and self._trying:
            raise SessionStoreUnavailable
        if trying:
            self._trying = True
        began = time.monotonic()
        try:
            async with time_limit(self.timeout):
                result = await operation(*args)
        except OSError as error:
            self._note_failure(logger, error)
            raise SessionStoreUnavailable from error
        finally:
            if trying:
                self._trying = False
        self._note_success(logger, began)
        return result

    def _note_failure(self, logger: logging.Logger, error: OSError) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            reason = f"{type(error).__name__}: {error}" if str(error) else "it does not answer"
            logger.error(
                "The store of the sessions is away (%s). Requests that use a session are answered"
                " with 503 until it is back; all others are served.",
                reason,
            )

    def _note_success(self, logger: logging.Logger, began: float) -> None:
        # What began before the outage says nothing about its end.
        if self._away_since is not None and began >= self._away_since:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            logger.warning("The store of the sessions is back after %.1f seconds.", seconds)
