"""The errors of Pottle. What a *client* did wrong is a `werkzeug.exceptions.HTTPException`.

PottleError                      whatever the developer can put right
├── SetupError                   a registration that cannot work
├── ContextError                 a proxy or helper used outside of its context
├── ResultError                  a view returned something that is no answer
├── MissingAwaitError            the result of something was used without `await`
├── BodyConsumedError            a body that was streamed is asked for again
└── WebsocketStateError          an operation that this state of the websocket does not allow

ClientDisconnected               the client left; a `CancelledError`, so `finally` runs and
└── WebsocketDisconnect          `except Exception` does not swallow it
"""

from __future__ import annotations

import asyncio
from typing import Any


class PottleError(Exception):
    """Base of the errors that say: the program uses Pottle wrongly."""


class SetupError(PottleError, ValueError, AssertionError, RuntimeError):
    """A registration that cannot work, said where it is made and not at the first request.

    Flask raises a ValueError for some of these, an AssertionError for others and a RuntimeError for
    a missing static folder; this is all of them.
    """


class ContextError(PottleError, RuntimeError):
    """A proxy or a helper was used outside of the context that it needs."""


class ResultError(PottleError, TypeError):
    """A view or hook returned what cannot become an answer."""


class MissingAwaitError(PottleError, TypeError, AttributeError):
    """What has to be awaited was used as if it were the result already: where, and what to write.

    Python raises a TypeError for most uses of a coroutine, and an AttributeError for its attributes.
    """


class BodyConsumedError(PottleError, RuntimeError):
    """The body was already taken as a stream and is no longer there."""


class WebsocketStateError(PottleError, RuntimeError):
    """The operation does not fit the state of the websocket: which, and which would, it says."""


class ClientDisconnected(asyncio.CancelledError):
    """The client left while the application was still at work for it.

    A `asyncio.CancelledError`: clean-up in `finally` runs, and it is no failure of the application.
    """


class WebsocketDisconnect(ClientDisconnected):
    """The websocket was closed by the client, by the network or by the shutdown of the server.

    `code` is the close code (RFC 6455 section 7.4; 1005 where the peer sent none, 1006 where the
    connection broke, 1012 at shutdown), `reason` the text that came with it.
    """

    def __init__(self, code: int = 1005, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"websocket closed with {self.code}" + (f": {self.reason}" if self.reason else "")


def disconnect_in(group: BaseExceptionGroup[BaseException]) -> ClientDisconnected | None:
    """The disconnect that *group* is made of, if it is made of nothing else.

    Before Python 3.13 an `asyncio.TaskGroup` takes a subclass of `CancelledError` for an error.
    """
    matching, rest = group.split(ClientDisconnected)
    found: BaseException | None = matching
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if rest is None and isinstance(found, ClientDisconnected) else None


class ErrorCollector:
    """Runs several clean-ups although one fails: ``with collector:`` around each of them.

    Only `Exception` is kept; a cancellation goes its way at once.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        self.errors: list[Exception] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, Exception):
            self.errors.append(error)
            return True
        return False

    def raise_collected(self) -> None:
        """Raise what was collected: one error as itself, several as an `ExceptionGroup`."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ExceptionGroup(self.message, self.errors)
