"""How a server stops listening without a connection being accepted and then reset.

A socket that is closed resets whoever has connected and was not accepted yet. So first nobody new is let
in, then who is there is accepted and sends a first request, and only then the socket is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Seconds for handshakes that have begun, and then for the first bytes of a new connection.
SETTLE = 0.05

#: Seconds at most until all who have connected are accepted.
_LONGEST = 1.0

_SO_ATTACH_FILTER = 26  # Linux

# A program of the classic Berkeley Packet Filter, which sees packets from the TCP header on (RFC 9293
# section 3.1): a SYN without ACK is dropped, all others pass.
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in [
        (0x30, 0, 0, 13),  # load the byte of the flags
        (0x54, 0, 0, 0x12),  # keep SYN and ACK
        (0x15, 0, 1, 0x02),  # SYN alone?
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # pass
    ]
)


def let_nobody_in(listener: socket.socket) -> None:
    """Have the system ignore who wants to connect to *listener*, in all processes that share it.

    Clients try again after a second, and are refused if nobody else listens then. On Linux and over
    TCP only; elsewhere nothing happens.
    """
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    program = ctypes.create_string_buffer(_DROP_SYN)
    value = struct.pack("HL", len(_DROP_SYN) // 8, ctypes.addressof(program))
    with contextlib.suppress(OSError):  # not everything that calls itself Linux knows it
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, value)


async def all_accepted(listeners: Iterable[socket.socket]) -> None:
    """Wait until nobody waits to be accepted by *listeners*, and who was has had time for a request."""
    end = time.monotonic() + _LONGEST
    await asyncio.sleep(SETTLE)
    while time.monotonic() < end:
        if not any(_somebody_waits(listener) for listener in listeners):
            break
        await asyncio.sleep(0.002)
    await asyncio.sleep(SETTLE)


def _somebody_waits(listener: socket.socket) -> bool:
    if listener.fileno() < 0:
        return False
    if not hasattr(select, "poll"):  # pragma: no cover - Windows only
        return bool(select.select([listener], [], [], 0)[0])
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))


def listeners_on(port: int) -> list[socket.socket]:
    """Copies of the sockets of this process that listen on *port*, for a server that binds its own."""
    found: list[socket.socket] = []
    with contextlib.suppress(OSError):  # no such folder outside of Linux
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if not str(entry.readlink()).startswith("socket:"):
                    continue
                candidate = socket.socket(fileno=os.dup(int(entry.name)))
                if _listens_on(candidate, port):
                    found.append(candidate)
                else:
                    candidate.close()
    return found


def _listens_on(candidate: socket.socket, port: int) -> bool:
    with contextlib.suppress(OSError):
        return (
            candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            and candidate.family in (socket.AF_INET, socket.AF_INET6)
            and candidate.getsockname()[1] == port
        )
    return False
