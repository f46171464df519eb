"""The lifespan of an application in a test: what a server does before and after it serves.

No request is made here; the clients of a `TestApp` get the state of its lifespan, as requests do.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ..typing import Event
from .connections import TestConnection

if TYPE_CHECKING:
    from ..app import Pottle
    from .client import PottleClient

DEFAULT_TIMEOUT = 6


class LifespanError(Exception):
    """The application could not start up or shut down; the message says why."""


class TestApp:
    """The application, started up within ``async with app.test_app() as test_app:``.

    The timeouts are in seconds. `state` is what the application keeps in the state of its lifespan;
    clients made by `test_client` hand it to every request, as servers do.
    """

    __test__ = False

    def __init__(
        self,
        app: Pottle,
        startup_timeout: float = DEFAULT_TIMEOUT,
        shutdown_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.app = app
        self.startup_timeout = startup_timeout
        self.shutdown_timeout = shutdown_timeout
        self.state: dict[str, Any] = {}
        self._lifespan: _Lifespan | None = None

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> PottleClient:
        """A client of the application; the arguments are those of `app.test_client`."""
        client: PottleClient = self.app.test_client(use_cookies, **kwargs)
        client.scope_base["state"] = self.state
        return client

    async def startup(self) -> None:
        """Start the application up.

        Raises `LifespanError` if it says that it failed, what it raised if it raised, and
        `TimeoutError` after `startup_timeout`.
        """
        if self._lifespan is not None:
            raise RuntimeError("The application is started up already: shut it down before.")
        self.state.clear()
        asgi = {"version": "3.0", "spec_version": "2.0"}
        lifespan = _Lifespan(self.app, {"type": "lifespan", "asgi": asgi, "state": self.state})
        await lifespan.__aenter__()
        await lifespan.perform("startup", self.startup_timeout)
        self._lifespan = lifespan

    async def shutdown(self) -> None:
        """Shut the application down; raises as `startup` does."""
        if self._lifespan is None:
            raise RuntimeError("The application is not started up: there is nothing to shut down.")
        lifespan, self._lifespan = self._lifespan, None
        await lifespan.perform("shutdown", self.shutdown_timeout)
        await lifespan.end(self.shutdown_timeout)

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            await self.shutdown()
        except Exception as error:  # the boundary to the test, whose own error goes first
            if exc_value is None:
                raise
            exc_value.add_note(f"The application failed to shut down too: {error!r}")


class _Lifespan(TestConnection):
    """The one call of the application that lasts as long as it serves."""

    def __init__(self, app: Pottle, scope: dict[str, Any]) -> None:
        super().__init__(app, scope)
        self._performed: set[str] = set()
        self._problem: str | None = None

    @property
    def _what(self) -> str:
        return "lifespan"

    async def perform(self, step: Literal["startup", "shutdown"], timeout: float) -> None:
        """Let the application do *step*; when it has not, the call is over."""
        self._events.append({"type": f"lifespan.{step}"})
        self._ring()
        try:
            if not await self._until(lambda: self._has_answered(step), timeout):
                raise TimeoutError(f"The application did not finish its {step} in {timeout:g} s.")
            if step in self._performed:
                return
            await asyncio.sleep(0)  # the application may be about to raise what it failed with
            if self._problem is not None:
                raise LifespanError(f"Error during {step}: {self._problem}") from self._failure
            self._raise_failure()
            raise LifespanError(
                f"Error during {step}: the application ended without an answer to the event"
                f" 'lifespan.{step}'. Does it know the lifespan protocol?"
            )
        finally:
            if step not in self._performed:
                await self._end()

    async def end(self, timeout: float) -> None:
        """Wait until the application has ended, and raise what it raised."""
        ended = await self._until(lambda: self._has_ended, timeout)
        await self._end()
        self._raise_failure()
        if not ended:
            raise TimeoutError(f"The application did not end in {timeout:g} s after its shutdown.")

    def _has_answered(self, step: str) -> bool:
        return step in self._performed or self._problem is not None or self._has_ended

    def _gone_event(self) -> Event:
        raise AssertionError("a lifespan has no client that leaves")

    def _take(self, message: Event) -> None:
        _, step, outcome = message["type"].split(".")
        if outcome == "complete":
            self._performed.add(step)
        else:
            self._problem = message.get("message", "")
