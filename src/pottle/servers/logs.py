"""What a server says: notes to whoever started it, and a line per request."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from pottle.logging import wsgi_errors_stream
from pottle.utils import printable


class _OneLine(logging.Filter):
    """Escapes what clients have put into the values of a record; Granian and Hypercorn do not.

    A filter of the logger, since a formatter is the application's choice.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, Mapping):  # which may compute its values
            record.msg, record.args = printable(record.getMessage()), None
        elif record.args:
            record.args = tuple(
                printable(value) if isinstance(value, str) else value for value in record.args
            )
        return True


_ONE_LINE = _OneLine()


def access_logger(name: str) -> logging.Logger:
    """The logger *name* at level INFO, writing to standard error if nobody takes its records.

    Each record is one line, whatever a client has sent.
    """
    logger = logging.getLogger(name)
    logger.addFilter(_ONE_LINE)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler(wsgi_errors_stream)
        handler.setFormatter(logging.Formatter("[%(asctime)s] %(message)s"))
        logger.addHandler(handler)
    return logger


def say(line: str) -> None:
    """Write a note to standard error, for whoever started the server."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
