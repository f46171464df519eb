"""What a server is started with, and the errors that say why it cannot be.

Values only: nothing here opens a socket or imports a server.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from pottle.errors import PottleError

#: The servers by name, and how each is installed.
SERVERS = {
    "uvicorn": "uvicorn[standard]",
    "granian": "pottle[granian]",
    "hypercorn": "pottle[hypercorn]",
}


class ServerError(PottleError):
    """The server cannot start, or ended as it should not; the message is meant for the terminal."""


@dataclass(frozen=True)
class ConnectionLimits:
    """What one connection may take; sizes in bytes, times in seconds.

    *message_size* and *send_time* hold for Hypercorn as well, the others for uvicorn.

    *head_size* bounds the request line and headers, and what is no content in a chunked body;
    *headers* is their number. *head_time* is for a head, and for the rest of a body whose request has
    been answered. *pipelined* requests may wait for an answer. Without progress in sending for
    *send_time* the connection is aborted (None: never). *message_size* is that of a websocket's message.
    """

    head_size: int = 64 * 1024
    headers: int = 1000
    head_time: float = 30
    keep_alive: float = 5
    pipelined: int = 100
    send_time: float | None = 60
    message_size: int = 1024 * 1024

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """As the configuration of an application says."""
        return cls(
            head_size=config["MAX_HEADER_SIZE"],
            headers=config["MAX_HEADERS"],
            head_time=config["HEADER_TIMEOUT"],
            keep_alive=config["KEEP_ALIVE_TIMEOUT"],
            pipelined=config["MAX_PIPELINED_REQUESTS"],
            send_time=config["RESPONSE_TIMEOUT"],
            message_size=config["WEBSOCKET_MAX_SIZE"],
        )


@dataclass(frozen=True)
class Settings:
    """How to serve an application; `check` says whether it can be done.

    *uds* is the path of a Unix socket to listen on instead of *host* and *port* (0: any free
    port), *fd* the number of an open one. *grace* is the number of seconds that requests in flight
    are given at shutdown (None: the application's SHUTDOWN_TIMEOUT). *http2* None leaves it to the
    server. *limits* come from the application's configuration.
    """

    host: str = "127.0.0.1"
    port: int = 5000
    uds: str | None = None
    fd: int | None = None
    server: str = "uvicorn"
    workers: int = 1
    certfile: str | None = None
    keyfile: str | None = None
    ca_certs: str | None = None
    http2: bool | None = None
    http3: bool = False
    access_log: bool = False
    grace: float | None = None
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    @property
    def private_key(self) -> str | None:
        """Where the key of the certificate stands: beside it, or in the same file."""
        return self.keyfile or self.certfile

    @property
    def binds_itself(self) -> bool:
        """Whether the server opens its own sockets instead of taking ours."""
        return self.server == "granian"

    def url(self, port: int) -> str:
        """Where the application answers, once it listens on *port*."""
        if self.uds is not None:
            return f"unix:{self.uds}"
        scheme = "https" if self.certfile else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{port}"

    def check(self) -> None:
        """Raise `ServerError` if the settings do not fit together or something is not there."""
        if self.server not in SERVERS:
            raise ServerError(
                f"There is no server called {self.server!r}: choose {', '.join(SERVERS)}."
            )
        if find_spec(self.server) is None:
            raise ServerError(
                f"The server {self.server} is not installed:"
                f" run `pip install '{SERVERS[self.server]}'`."
            )
        if self.workers < 1:
            raise ServerError(f"At least one worker is needed, not {self.workers}.")
        if self.binds_itself and self.fd is not None:
            raise ServerError("Granian binds its own socket: give a host and a port, or a path.")
        if self.binds_itself and self.uds is not None and self.workers > 1:
            raise ServerError(
                "Granian's workers cannot share a Unix socket: give a host and a port."
            )
        self._check_tls()
        self._check_protocols()

    def _check_tls(self) -> None:
        files = {"certificate": self.certfile, "key": self.keyfile, "CA": self.ca_certs}
        for name, path in files.items():
            if path is not None and not Path(path).is_file():
                raise ServerError(f"The {name} file {path} does not exist.")
        if self.certfile is None:
            if self.keyfile is not None:
                raise ServerError("A key file needs the certificate it belongs to: give both.")
            return
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certfile, self.private_key)
        except (OSError, ssl.SSLError) as error:
            raise ServerError(
                f"The certificate {self.certfile} with the key {self.private_key}"
                f" cannot be used: {error}."
            ) from error

    def _check_protocols(self) -> None:
        if self.http2 and self.server == "uvicorn":
            raise ServerError("uvicorn has no HTTP/2: choose the server granian or hypercorn.")
        if not self.http3:
            return
        if self.server != "hypercorn":
            raise ServerError(f"{self.server} has no HTTP/3: choose the server hypercorn.")
        if self.certfile is None:
            raise ServerError("HTTP/3 is always encrypted: give a certificate and its key.")
        if find_spec("aioquic") is None:
            raise ServerError("HTTP/3 needs aioquic: run `pip install 'pottle[hypercorn]'`.")
        if self.uds is not None or self.fd is not None:
            raise ServerError("HTTP/3 runs over UDP: give a host and a port.")
