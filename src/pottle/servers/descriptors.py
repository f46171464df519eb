"""File descriptors that have run out, told once: no connection can be accepted then.

The event loops deal with it in opposite ways. asyncio's logs each attempt, some thousand times a second;
uvloop accepts the connection on a spare descriptor, closes it and says nothing; Granian lets it wait and
says nothing. So the loops' own words are kept back, and a look is taken now and then.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

#: Seconds between looks, and without a failure until an outage is over.
LOOK_EVERY = 0.25
CALM = 5.0

#: So many descriptors are looked at to count connections.
_COUNTED = 100_000

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_WORDS_OF_ASYNCIO = "socket.accept() out of system resource"


class AcceptFailures(logging.Filter):
    """Tells *logger* when connections cannot be accepted any more, and when they can be again."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._since: float | None = None
        self._last = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep back what asyncio says of each attempt."""
        if not str(record.msg).startswith(_WORDS_OF_ASYNCIO):
            return True
        self._failed()
        return False

    async def watch(self) -> None:
        """Look now and then whether there is a descriptor for another connection."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                socket.socket().close()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._failed()
            else:
                self._succeeded()

    def _failed(self) -> None:
        self._last = time.monotonic()
        if self._since is None:
            self._since = self._last
            self._logger.error(
                "No connection can be accepted: all %s file descriptors are in use, with %d"
                " connections open. Raise the limit (ulimit -n, LimitNOFILE), or have the proxy bound"
                " the number of connections.",
                _limit() or "the",
                count_connections(),
            )

    def _succeeded(self) -> None:
        if self._since is not None and time.monotonic() - self._last > CALM:
            self._logger.warning(
                "Connections are accepted again, %.0f seconds after none could be.",
                self._last - self._since,
            )
            self._since = None


@contextmanager
def accept_failures_told(logger: logging.Logger) -> Generator[None]:
    """Tell *logger* of failures to accept connections in the running event loop."""
    failures = AcceptFailures(logger)
    spoken_by = logging.getLogger("asyncio")
    spoken_by.addFilter(failures)
    watching = asyncio.ensure_future(failures.watch())
    try:
        yield
    finally:
        watching.cancel()
        spoken_by.removeFilter(failures)


def count_connections() -> int:
    """How many sockets of this process are connected over TCP. Needs no descriptor itself."""
    return sum(1 for number in range(min(_limit() or 1024, _COUNTED)) if _is_connection(number))


def _is_connection(number: int) -> bool:
    with suppress(OSError):
        candidate = socket.socket(fileno=number)
        try:
            candidate.getpeername()
        finally:
            candidate.detach()
        return candidate.family in (socket.AF_INET, socket.AF_INET6)
    return False


def _limit() -> int:
    """How many descriptors this process may have; 0 where that is not known."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows only
        return 0
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(soft, 0)
