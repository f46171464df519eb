"""The other world of synchronous code: a greenlet on the thread of the event loop.

It blocks the loop while it computes, but not while it waits for asynchronous code: then it switches to
the task that it belongs to, which awaits. So it is the place for plain code around asynchronous code,
such as a decorator of Flask's around an ``async def`` view. Needs greenlet (``pip install pottle[flask]``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

from ...sync import World, finders

T = TypeVar("T")


class Carrier(greenlet, World):
    """Carries synchronous code, on behalf of the task that has made it."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.task = task = getcurrent()
        super().__init__(run, task)
        # The same context, not a copy: what is set on one side is seen on the other.
        self.gr_context = task.gr_context

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return cast("T", self.task.switch(coroutine))

    def step(self, coroutine: Coroutine[Any, Any, T]) -> T:
        before, self.plain = self.plain, False
        try:
            return self.drive(coroutine)
        finally:
            self.plain = before

    def drive(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* in here; what it waits for the task waits for."""
        resume: Callable[[Any], Any] = coroutine.send
        value: Any = None
        while True:
            try:
                waiting = resume(value)
            except StopIteration as done:
                return cast("T", done.value)
            try:
                value = self.task.switch(_Pass(waiting))
                resume = coroutine.send
            except BaseException as error:
                value = error
                resume = coroutine.throw


class LoopCarrier(Carrier):
    """Carries asynchronous code, so that plain code that it calls can wait."""

    direct = False


class _Pass:
    """Hands to the event loop what a coroutine of a carrier waits for."""

    def __init__(self, waiting: Any) -> None:
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self._waiting)


def _find() -> World | None:
    current = getcurrent()
    return current if isinstance(current, Carrier) else None


finders.append(_find)


async def _attend(carrier: Carrier, *args: Any) -> Any:
    """Start *carrier* and await what it waits for, until it has ended."""
    result = carrier.switch(*args)
    while not carrier.dead:
        try:
            value = await result
        except BaseException as error:  # is raised where the carrier waits
            result = carrier.throw(error)
        else:
            result = carrier.switch(value)
    return result


def in_greenlet(func: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """The plain function *func* as a coroutine function, run in a greenlet."""

    @wraps(func)
    async def carried(*args: Any, **kwargs: Any) -> Any:
        carrier = Carrier(lambda: carrier.call(func, *args, **kwargs))
        result = await _attend(carrier)
        return await result if inspect.iscoroutine(result) else result

    return carried


async def step_in_greenlet(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*, a step of the engine, and what it calls of synchronous code, in a greenlet."""
    carrier = Carrier(lambda: carrier.drive(coroutine))
    return cast("T", await _attend(carrier))


def with_greenlet(func: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., Any]:
    """The coroutine function *func*, in which plain code can wait for asynchronous code."""

    @wraps(func)
    async def carried(*args: Any, **kwargs: Any) -> Any:
        carrier = LoopCarrier(lambda: carrier.drive(func(*args, **kwargs)))
        return await _attend(carrier)

    return carried
