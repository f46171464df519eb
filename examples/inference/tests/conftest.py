"""Fixtures for the tests of the inference API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from inference.app import create_app

#: A small classifier is there sooner, and is right often enough. A busy machine takes its time, still.
SMALL = {"PROCESSES": 1, "TREES": 30, "TIMEOUT": 30}


@asynccontextmanager
async def running(**config):
    """A started application; its model may be ready later."""
    async with create_app({**SMALL, **config}).test_app(shutdown_timeout=30) as started:
        yield started.app


@pytest.fixture
def serve():
    """The application with settings for tests: ``async with serve(TIMEOUT=1) as app``."""
    return running


@pytest.fixture
def app():
    """The application that ``live_server`` serves."""
    return create_app({**SMALL, "QUEUE_LIMIT": 1})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client():
    """A client of one application for all tests of a module, whose model is ready."""
    async with running() as app:
        client = app.test_client()
        async with asyncio.timeout(30):
            while (await client.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.01)
        yield client
