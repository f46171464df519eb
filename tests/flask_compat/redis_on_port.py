"""A pytest plugin: a real Redis on the port where an extension's own tests look for one.

`COMPAT_REDIS_PORT` is the port. Tests that have Docker start their servers get this Redis, too, and are
skipped where they want another one. As a program, it sees to it that there is a Redis to run.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from redis_server import INSTALL, find_redis

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _redis() -> Iterator[None]:
    binary, port = find_redis(), os.environ["COMPAT_REDIS_PORT"]
    assert binary is not None
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        command = [str(binary), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            # The tests empty the database, so it must not be somebody else's on the same port.
            if not any("Ready to accept connections" in line for line in server.stdout):
                pytest.exit(f"Redis did not start on port {port}. Is one running there?")
            yield
            server.terminate()


class Services:
    """What tests that use the plugin for Docker ask of it."""

    def start(self, service: str) -> None:
        if service != "redis":
            pytest.skip(f"There is no {service} here.")

    def wait_for_service(self, *args: object) -> None:
        """The Redis is there already."""


@pytest.fixture
def docker_services() -> Services:
    return Services()


if __name__ == "__main__" and find_redis() is None:
    subprocess.run([sys.executable, "-m", *shlex.split(INSTALL)], cwd=ROOT, check=True)
