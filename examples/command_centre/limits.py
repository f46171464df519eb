"""The limit that the operating system sets on open connections: each of them is an open file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

SPARE = 200  # files that are open for other purposes


def allow_many_connections(wanted: int, log: Logger) -> None:
    """Raise the limit as far as is needed and allowed; it is often 1024 to begin with."""
    if sys.platform == "win32":  # which has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        log.warning(
            "Only %d connections are possible, for %d devices: the system allows no more open"
            " files. Raise the hard limit (`ulimit -Hn`, or LimitNOFILE= of a systemd unit).",
            allowed - SPARE,
            wanted,
        )
