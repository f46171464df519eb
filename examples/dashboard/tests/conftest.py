"""Fixtures for the tests of the dashboard."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from dashboard.app import create_app


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "folder" / "readings.sqlite3")


@pytest.fixture
def serve(database):
    """The running dashboard: ``async with serve() as (app, client)``."""

    @asynccontextmanager
    async def running(**config):
        app = create_app({"DATABASE": database, **config})
        async with app.test_app():
            yield app, app.test_client()

    return running
