"""The lifespan of another ASGI application, within ours: one call that lasts as long as we serve.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from ..typing import Event


class GuestLifespan:
    """The lifespan of *app*; *where* says in messages which application that is."""

    def __init__(self, app: Any, where: str) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._where = where
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._asked = False
        self._answer: asyncio.Future[str | None]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Start the application up; False if it knows no lifespan, which ASGI allows.

        Raises `RuntimeError` with what it said if it says that it failed, or what it raised.
        """
        self._task = asyncio.get_running_loop().create_task(self._call())
        try:
            await self._perform("startup")
        except BaseException:
            await self._end()
            if self._asked:
                raise
        return self._asked

    async def stop(self) -> None:
        """Shut it down; raises as `start` does."""
        try:
            await self._perform("shutdown")
            await asyncio.sleep(0)  # it is about to end
            if self._running.done():
                self._running.result()
        finally:
            await self._end()

    @property
    def _running(self) -> asyncio.Task[None]:
        assert self._task is not None
        return self._task

    async def _call(self) -> None:
        asgi = {"version": "3.0", "spec_version": "2.0"}
        scope = {"type": "lifespan", "asgi": asgi, "state": self.state}
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> Event:
        self._asked = True
        return await self._events.get()

    async def _send(self, event: Event) -> None:
        if not self._answer.done():
            failed = event["type"].endswith(".failed")
            self._answer.set_result((event.get("message") or "no reason given") if failed else None)

    async def _perform(self, phase: Literal["startup", "shutdown"]) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait({"type": f"lifespan.{phase}"})
        answer: asyncio.Future[Any] = self._answer
        await asyncio.wait([answer, self._running], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            self._running.result()  # raises what it raised
            raise RuntimeError(
                f"The application {self._where} ended its lifespan without an answer to {phase}."
            )
        message = answer.result()
        if message is None:
            return
        await asyncio.sleep(0)  # it may be about to raise what it failed with
        cause = self._running.exception() if self._running.done() else None
        raise RuntimeError(f"The application {self._where} failed at {phase}: {message}") from cause

    async def _end(self) -> None:
        """See to it that the call is over; what it raised has been told, if there was something."""
        self._running.cancel()
        await asyncio.wait([self._running])
        if not self._running.cancelled():
            self._running.exception()
