"""Fixtures for the tests of the pipeline."""

from __future__ import annotations

import math
import wave
from array import array
from io import BytesIO

import pytest

from pipeline.app import create_app


@pytest.fixture
def make_app():
    """The application with settings for tests: ``make_app(JOBS=1)``."""
    return create_app


@pytest.fixture
def app():
    return create_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def song():
    """Two seconds of sound as a WAV file."""
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        tones = (round(8000 * math.sin(at / 20)) for at in range(32000))
        sound.writeframes(array("h", tones).tobytes())
    return file.getvalue()
