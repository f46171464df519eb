"""The logger of an application: silent nowhere, configured only where nobody else has done so."""

from __future__ import annotations

import logging
import sys
from typing import Any, Protocol

from werkzeug.local import LocalProxy

from .utils import printable


class App(Protocol):
    """What the logger needs of its application."""

    @property
    def name(self) -> str: ...

    @property
    def debug(self) -> bool: ...


class LineFormatter(logging.Formatter):
    """A formatter whose tracebacks are indented, so that no message in them can pose as a record.

    An error often says what the client has sent, line breaks included.
    """

    def format(self, record: logging.LogRecord) -> str:
        before = record.exc_text  # what another formatter has made of it, and the next is to get
        if record.exc_info:
            record.exc_text = None
        try:
            return super().format(record)
        finally:
            record.exc_text = before

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {printable(line)}" if line else line for line in lines)


#: Standard error as it is when something is written, so that a redirection takes effect.
wsgi_errors_stream: Any = LocalProxy(lambda: sys.stderr)

#: Takes the records of an application that nobody configured logging for.
default_handler: logging.Handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(
    LineFormatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


def has_level_handler(logger: logging.Logger) -> bool:
    """Whether a record of the effective level of *logger* would reach a handler."""
    level = logger.getEffectiveLevel()
    current: logging.Logger | None = logger
    while current is not None:
        if any(handler.level <= level for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def create_logger(app: App) -> logging.Logger:
    """The logger named after *app*; in debug mode its level is DEBUG, unless it has one.

    Gets `default_handler` if no handler would take its records.
    """
    logger = logging.getLogger(app.name)
    if app.debug and logger.level == logging.NOTSET:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger
