"""Which application a request is for: one that is mounted, ours, or the one that ours falls back to.

Asked where the plan looks for an endpoint, and only by an application on which something is mounted.
The answer is data, as every other that routing gives: `Elsewhere`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import MapAdapter

from ..engine.kinds import HTTP, Kind
from ..errors import ErrorCollector, SetupError
from ..routing import MethodRefused, Missing, Problem
from ..scaffold import edge
from ..typing import Receive, Scope, Send
from ..utils import is_async
from ..wrappers.base import app_path
from .lifespan import GuestLifespan

#: What `Plan.find` gives: the endpoint, the values of its variables, and why there is none.
Found = tuple[Any, dict[str, Any], Problem | HTTPException | None]
Find = Callable[[Scope, Kind, str], Found]


class Guest:
    """An application that is not ours, and what is known about it.

    *where* says for messages how it came here. `call` is it as an ASGI application; one that was made
    for WSGI is called in threads (`pottle.mounting.wsgi`), and takes no websockets.
    """

    def __init__(self, host: Any, app: Any, wsgi: bool | None, where: str) -> None:
        self.app = app
        self.where = where
        self.is_wsgi = is_wsgi(app, where) if wsgi is None else wsgi
        self.call: Any = _as_asgi(host, app) if self.is_wsgi else app
        #: What it keeps in the state of its lifespan; requests for it see it in their scope.
        self.state: dict[str, Any] = {}

    def takes(self, kind: Kind) -> bool:
        """Whether it can answer what is of this *kind*."""
        return not self.is_wsgi or kind is HTTP

    def elsewhere(self, scope: Scope, prefix: str) -> Elsewhere:
        """The answer of routing that the request of *scope* is for this one, mounted at *prefix*.

        The path stays whole, the root path grows (ASGI HTTP 2.4, "root_path").
        """
        own = {**scope, "root_path": (scope.get("root_path") or "").rstrip("/") + prefix}
        if self.state:
            own["state"] = {**(scope.get("state") or {}), **self.state}
        return Elsewhere(self, own)


class Elsewhere(Problem):
    """The request is for another application: nothing of ours has a part in it."""

    __slots__ = ("_guest", "_scope")

    def __init__(self, guest: Guest, scope: Scope) -> None:
        self._guest = guest
        self._scope = scope

    async def serve(self, receive: Receive, send: Send) -> None:
        """Let the other application answer; its errors are the server's affair, as they would be."""
        await self._guest.call(self._scope, receive, send)

    def to_exception(self, adapter: MapAdapter) -> HTTPException:
        """For a context made by hand, in which nothing but an endpoint of ours can be served."""
        return NotFound()


class Mounts:
    """All that is mounted on *app*, and its fallback."""

    def __init__(self, app: Any) -> None:
        self.app = app
        #: By prefix, the longest first.
        self._mounted: list[tuple[str, Guest]] = []
        self._fallback: Guest | None = None
        #: All of them, in the order in which they came.
        self._guests: list[Guest] = []
        #: The old application, where the fallback is one of Flask's.
        self._old_flask: Any = None
        self._started: list[GuestLifespan] = []

    # Registration.

    def mount(self, prefix: str, other: Any, wsgi: bool | None) -> None:
        """See `Pottle.mount`."""
        prefix = _checked_prefix(prefix)
        if any(prefix == known for known, _ in self._mounted):
            raise SetupError(
                f"Something is mounted at {prefix!r} already. Mount {other!r} somewhere else."
            )
        guest = Guest(self.app, other, wsgi, f"mounted at {prefix!r}")
        self._guests.append(guest)
        self._mounted.append((prefix, guest))
        self._mounted.sort(key=lambda mounted: len(mounted[0]), reverse=True)

    def fall_back(self, other: Any, wsgi: bool | None) -> None:
        """See `Pottle.fallback`."""
        if self._fallback is not None:
            raise SetupError(
                f"{self.app!r} falls back to {self._fallback.app!r} already, and there can be only"
                " one fallback. Use app.mount(prefix, other) for what stands below a prefix."
            )
        guest = Guest(self.app, other, wsgi, "the fallback")
        if guest.is_wsgi and _is_flask(other):
            self._old_flask = edge("pottle.compat.flask.strangler:OldFlask")(self.app, other)
        self._guests.append(guest)
        self._fallback = guest

    # Finding.

    def around(self, plan: Any) -> Find:
        """The `find` of *plan*, with the mounted applications before it and the fallback behind it."""
        find: Find = plan.find

        def find_among_all(scope: Scope, kind: Kind, method: str) -> Found:
            path = app_path(scope)
            if path is None:
                return find(scope, kind, method)
            for prefix, guest in self._mounted:
                if guest.takes(kind) and (path == prefix or path.startswith(f"{prefix}/")):
                    return plan.unmatched(kind), {}, guest.elsewhere(scope, prefix)
            found = find(scope, kind, method)
            behind, problem = self._fallback, found[2]
            if behind is None or problem is None or not behind.takes(kind):
                return found
            if not self._may_fall_back(problem, scope):
                return found
            return found[0], {}, behind.elsewhere(scope, "")

        return find_among_all

    def _may_fall_back(self, problem: Problem | HTTPException, scope: Scope) -> bool:
        """Whether a request with the *problem* is for the fallback: it is not found.

        One that has a rule, but not for its method, is for an old Flask application that has both.
        """
        if isinstance(problem, (Missing, NotFound)):
            return True
        if self._old_flask is None or not isinstance(problem, (MethodRefused, MethodNotAllowed)):
            return False
        takes: bool = self._old_flask.takes(scope)
        return takes

    # Start-up and shutdown.

    async def start(self) -> None:
        """Start up the ASGI applications; the one that fails raises, those before it stay up."""
        if self._old_flask is not None:
            self._old_flask.share_session()  # configured only now, perhaps
        states: dict[int, dict[str, Any]] = {}
        for guest in [guest for guest in self._guests if not guest.is_wsgi]:
            if id(guest.app) not in states:  # it may be mounted twice
                lifespan = GuestLifespan(guest.app, guest.where)
                states[id(guest.app)] = lifespan.state
                if await lifespan.start():
                    self._started.append(lifespan)
            guest.state = states[id(guest.app)]

    def begin_shutdown(self) -> None:
        """Tell those that are applications of Pottle that the server is about to stop."""
        for guest in self._guests:
            begin = getattr(guest.app, "begin_shutdown", None)
            if begin is not None:
                begin()

    async def stop(self, errors: ErrorCollector) -> None:
        """Shut down what was started up, the last first; what fails is collected in *errors*."""
        while self._started:
            lifespan = self._started.pop()
            with errors:
                await lifespan.stop()


def _checked_prefix(prefix: str) -> str:
    whole = prefix.rstrip("/")
    if not whole:
        raise SetupError(
            f"The prefix {prefix!r} would take every request. Use app.fallback(other), which takes"
            " those that no route of this application matches."
        )
    if not whole.startswith("/") or "//" in whole or "<" in whole:
        raise SetupError(
            f"The prefix {prefix!r} is no path to mount something at. It begins with a slash and has"
            " neither variables nor empty parts, such as '/api' or '/api/v1'."
        )
    return whole


def is_wsgi(app: Any, where: str) -> bool:
    """Whether *app* is called as WSGI has it, by how it is spelled.

    A coroutine function, an object with one for `__call__`, and whatever takes three arguments and not
    two, is an ASGI application.
    """
    if not callable(app):
        raise SetupError(
            f"{app!r}, {where}, cannot be called, so it is neither an ASGI nor a WSGI application."
        )
    if is_async(app) or hasattr(app, "asgi_app"):
        return False
    return _accepts(app, 2) or not _accepts(app, 3)


def _accepts(app: Any, count: int) -> bool:
    try:
        inspect.signature(app).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _as_asgi(host: Any, app: Any) -> Any:
    try:
        from .wsgi import WSGIGuest
    except ImportError as error:
        raise SetupError(
            "a2wsgi is needed to call a WSGI application, and it is not installed. Install it with"
            " `pip install a2wsgi`; `pip install pottle[flask]` does so, too."
        ) from error
    return WSGIGuest(host, app)


def _is_flask(app: Any) -> bool:
    """Whether *app* is an application of Flask's own, which may go by another name (`install_as_flask`)."""
    return any(
        (cls.__module__, cls.__name__) == ("flask.app", "Flask") for cls in type(app).__mro__
    )
