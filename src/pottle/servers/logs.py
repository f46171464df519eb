"""What a server says: notes to whoever started it, and a line per request."""

from __future__ import annotations

import logging
import sys

from pottle.logging import wsgi_errors_stream


def access_logger(name: str) -> logging.Logger:
    """The logger *name* at level INFO, writing to standard error if nobody takes its records."""
    logger = logging.getLogger(name)
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
