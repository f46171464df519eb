"""The sockets that a server listens on, bound before any server or worker process is started.

So a port that is taken is one clear message, and all workers share the same sockets.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pottle.servers.closing import all_accepted, let_nobody_in
from pottle.servers.settings import ServerError, Settings

# Restarting must not wait until the connections of the last run are forgotten; on Windows the
# option means something else: that two programs may share the port.
_REUSE_ADDRESS = sys.platform != "win32"


_BACKLOG = 2048


@dataclass(frozen=True)
class Listening:
    """A socket for TCP or a Unix path, and the one for UDP (HTTP/3) if there is one.

    It is *shared* if others go on listening on it when this process stops.
    """

    stream: socket.socket
    datagram: socket.socket | None = None
    shared: bool = False

    @property
    def port(self) -> int:
        """The port, also if any free one was asked for; 0 for a Unix socket."""
        if self.stream.family not in (socket.AF_INET, socket.AF_INET6):
            return 0
        port: int = self.stream.getsockname()[1]
        return port

    async def stop(self) -> None:
        """Let nobody in any more, if that is for us to say, and have all accepted who are there."""
        if not self.shared:
            let_nobody_in(self.stream)
        await all_accepted([self.stream])

    def close(self) -> None:
        self.stream.close()
        if self.datagram is not None:
            self.datagram.close()


def claim(settings: Settings) -> tuple[Settings, Listening | None]:
    """The sockets to serve on, and the settings with the port that they have.

    No sockets for a server that binds its own: then it is only seen that the address is free.
    Raises `ServerError` if it is not.
    """
    listening = bind(settings)
    settings = replace(settings, port=listening.port or settings.port)
    if settings.fd is not None:  # what it is was decided by somebody else
        where = listening.stream.getsockname()
        if listening.stream.family == socket.AF_UNIX:
            settings = replace(settings, uds=where)
        else:
            settings = replace(settings, host=where[0])
    if not settings.binds_itself:
        return settings, listening
    listening.close()
    forget(settings)
    return settings, None


def bind(settings: Settings) -> Listening:
    """Bind what *settings* ask for; `ServerError` if it cannot be had."""
    if settings.fd is not None:
        return Listening(_inherited(settings.fd), shared=True)
    if settings.uds is not None:
        return Listening(_bind_unix(settings.uds))
    stream = _bind_internet(settings, settings.port, socket.SOCK_STREAM)
    if not settings.http3:
        return Listening(stream)
    try:
        port = stream.getsockname()[1]
        return Listening(stream, _bind_internet(settings, port, socket.SOCK_DGRAM))
    except ServerError:
        stream.close()
        raise


def _bind_internet(settings: Settings, port: int, kind: socket.SocketKind) -> socket.socket:
    host = settings.host
    family, address = _resolve(host, port, kind)
    sock = socket.socket(family, kind)
    try:
        if _REUSE_ADDRESS and kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise ServerError(_why_not(host, port, error)) from error
    sock.setblocking(False)
    return sock


def _resolve(host: str, port: int, kind: socket.SocketKind) -> tuple[int, Any]:
    """The family and address to bind; IPv4 where a name stands for both."""
    if not 0 <= port <= 0xFFFF:  # the system would take it modulo 65536
        raise ServerError(f"There is no port {port}: ports go up to 65535.")
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", port, type=kind, flags=socket.AI_PASSIVE)  # noqa: S104 - an empty host means every interface
    except (OSError, UnicodeError) as error:
        raise ServerError(f"Cannot listen on {host!r} port {port}: {error}.") from error
    family, _, _, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    return family, address


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program:"
            " stop that program or choose another port with --port."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} may not be used by this user: choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port}: {error.strerror}."


def _bind_unix(path: str) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):  # pragma: no cover - Windows only
        raise ServerError("This system has no Unix sockets: give a host and a port.")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(path)
        sock.listen(_BACKLOG)
        Path(path).chmod(0o666)  # whoever may enter the directory may connect: a proxy, say
    except OSError as error:
        sock.close()
        raise ServerError(f"Cannot listen on unix:{path}: {error.strerror or error}.") from error
    except ServerError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket that a killed server left; never one that answers, never another file."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ServerError(f"{path} exists and is no socket: choose another path with --uds.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            Path(path).unlink()
            return
    raise ServerError(f"Another program listens on unix:{path} already.")


def _inherited(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ServerError(f"File descriptor {fd} is no open socket: {error.strerror}.") from error
    sock.setblocking(False)
    return sock


def forget(settings: Settings) -> None:
    """Remove what stays behind when the sockets are closed: the file of a Unix socket."""
    if settings.uds is not None and settings.fd is None:
        with contextlib.suppress(OSError):
            Path(settings.uds).unlink()
