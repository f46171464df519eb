"""The errors of Pottle. What a *client* did wrong is a `werkzeug.exceptions.HTTPException`.

PottleError                      whatever the developer can put right
├── SetupError                   a registration that cannot work
├── ContextError                 a proxy or helper used outside of its context
├── ResultError                  a view returned something that is no answer
├── MissingAwaitError            the result of something was used without `await`
├── BodyConsumedError            a body that was streamed is asked for again
└── WebsocketStateError          an operation that this state of the websocket does not allow

ClientDisconnected               a client left
├── WebsocketDisconnect          with a close code and a reason
├── RequestCancelled             in the task that serves it: a `CancelledError`, too, so that `finally`
├── WebsocketCancelled           runs and `except Exception` does not swallow it
├── PeerDisconnected             anywhere else: an `Exception`, too
└── PeerWebsocketDisconnect
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast


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


class ClientDisconnected(BaseException):
    """The client left while the application was still at work for it.

    In the task that serves the client it is also an `asyncio.CancelledError` (`RequestCancelled`):
    clean-up in `finally` runs, ``except Exception`` does not swallow it, and it is no failure of the
    application. Anywhere else, such as in a task that sends to many clients, it is also an `Exception`
    (`PeerDisconnected`): one client of many is gone, and the work goes on.
    """

    #: Identifies the connection whose client has left; None where the error was made by hand.
    connection: Any = None

    def as_cancellation(self) -> ClientDisconnected:
        """This error as the cancellation that it is for the exchange whose client has left."""
        if isinstance(self, asyncio.CancelledError):
            return self
        error = RequestCancelled(*self.args)
        error.connection = self.connection
        return error


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

    def as_cancellation(self) -> ClientDisconnected:
        if isinstance(self, asyncio.CancelledError):
            return self
        error = WebsocketCancelled(self.code, self.reason)
        error.connection = self.connection
        return error


class RequestCancelled(ClientDisconnected, asyncio.CancelledError):
    """The client of this request left. It is raised where the view, or a task of it, waits."""


class WebsocketCancelled(WebsocketDisconnect, asyncio.CancelledError):
    """The client of this websocket left. It is raised where the handler, or a task of it, waits."""


class PeerDisconnected(ClientDisconnected, Exception):  # noqa: N818 - says what happened to a client, not what is wrong
    """Another client left, not the one that this code is at work for. An ordinary exception.

    Raised by what is done to a connection outside of the exchange that serves it, such as the ``send``
    of another client's websocket. Unhandled, it is an error like any other.
    """


class PeerWebsocketDisconnect(WebsocketDisconnect, PeerDisconnected):
    """Another client's websocket was closed: a `PeerDisconnected` with `code` and `reason`."""


def disconnect_in(error: BaseException, connection: Any = None) -> ClientDisconnected | None:
    """The disconnect of *connection* that *error* is, or that a group of errors is made of alone.

    As the cancellation that it is there; None if *error* is anything else, or of another connection.
    Before Python 3.13 an `asyncio.TaskGroup` takes a subclass of `CancelledError` for an error.
    """

    leaves = list(_leaves(error))
    if leaves and all(
        isinstance(leaf, ClientDisconnected)
        and (connection is None or leaf.connection in (None, connection))
        for leaf in leaves
    ):
        return cast(ClientDisconnected, leaves[0]).as_cancellation()
    return None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors that *error* is made of: itself, or those of a group."""
    if isinstance(error, BaseExceptionGroup):
        for part in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(part)
    else:
        yield error


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
