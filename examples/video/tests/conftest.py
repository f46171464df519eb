"""Fixtures for the tests of the video streamer."""

from __future__ import annotations

import pytest

from video.app import create_app


@pytest.fixture
def folder(tmp_path):
    """Where the videos of a test are."""
    return tmp_path / "videos"


@pytest.fixture
def make_app(folder):
    """The application with settings for tests: ``make_app(QUOTA=1000)``."""

    def make(**config):
        return create_app({"FOLDER": str(folder), "SAMPLE": False, **config})

    return make


@pytest.fixture
async def app(make_app):
    """The application, started up."""
    async with make_app().test_app() as running:
        yield running.app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def webm():
    """A made-up video: it begins as one and is long enough to be written in several pieces."""
    return b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(range(256)) * 10_000
