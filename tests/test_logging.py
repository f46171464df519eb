from __future__ import annotations

import io
import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pottle.logging import create_logger, default_handler, has_level_handler

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class App:
    """As much of an application as its logger knows."""

    name: str
    debug: bool = False


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger without the handlers that the test runner gives it for the test itself."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    level = root.level
    root.setLevel(logging.WARNING)
    try:
        yield root
    finally:
        root.handlers = handlers
        root.setLevel(level)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"logging_{request.node.name}"
    yield name
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def test_it_gets_a_handler_where_there_is_none(name: str) -> None:
    with bare_root():
        logger = create_logger(App(name))
        assert logger.name == name
        assert logger.level == logging.NOTSET
        assert logger.handlers == [default_handler]
        assert create_logger(App(name)).handlers == [default_handler]


def test_it_uses_the_handler_that_is_there(name: str) -> None:
    with bare_root() as root:
        root.addHandler(logging.NullHandler())
        assert create_logger(App(name)).handlers == []


def test_debug_mode_sets_the_level_unless_there_is_one(name: str) -> None:
    with bare_root():
        assert create_logger(App(name, debug=True)).level == logging.DEBUG
        other = logging.getLogger(f"{name}.set")
        other.setLevel(logging.ERROR)
        assert create_logger(App(f"{name}.set", debug=True)).level == logging.ERROR


def test_has_level_handler(name: str) -> None:
    with bare_root():
        logger = logging.getLogger(f"{name}.inner")
        assert not has_level_handler(logger)

        handler = logging.NullHandler()
        logging.getLogger(name).addHandler(handler)
        assert has_level_handler(logger)

        handler.setLevel(logging.ERROR)
        assert not has_level_handler(logger)
        logger.setLevel(logging.ERROR)
        assert has_level_handler(logger)

        logger.propagate = False
        assert not has_level_handler(logger)
        logger.propagate = True


def test_records_go_to_standard_error_as_it_is_now(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bare_root():
        logger = create_logger(App(name))
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logger.warning("something %s", "odd")
        line = stream.getvalue()
        assert line.startswith("[")
        assert line.endswith("] WARNING in test_logging: something odd\n")
