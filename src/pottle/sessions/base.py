"""What a session is, and what opens and saves one.

No cookie is signed and nothing is stored here. The invariant: a session is a mapping that knows
whether it was `accessed` (then the answer varies by cookie) and `modified` (then it is saved).

The application stands above this layer and is `Any` in the signatures, so that an interface of a
user's may name its own application class there.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from werkzeug.datastructures import CallbackDict
from werkzeug.exceptions import Conflict, ServiceUnavailable

from pottle.errors import PottleError

if TYPE_CHECKING:
    from pottle.wrappers import BaseRequestWebsocket, Response


class SessionUnavailableError(PottleError, RuntimeError):
    """The session cannot be written, since nothing is set up that would keep it."""


class SessionStoreUnavailable(ServiceUnavailable):
    """The store of the sessions is away: 503 with ``Retry-After``, unless it is caught.

    Raised where a session that could not be loaded is read or written, and where one that was
    changed cannot be saved.
    """

    #: Seconds that the client is told to wait.
    RETRY_AFTER = 5

    def __init__(self) -> None:
        super().__init__(
            "The sessions cannot be reached at the moment. Please try again soon.",
            retry_after=self.RETRY_AFTER,
        )


class SessionConflict(Conflict):
    """Other requests changed the session again and again while this one tried to save it: 409."""

    description = (
        "The session was changed by other requests at the same time, so that this change was not"
        " kept. Please try again."
    )


#: What may be raised when a session is saved, after the view has answered, and is an answer itself.
SESSION_FAILURES = (SessionStoreUnavailable, SessionConflict)


class SessionMixin(MutableMapping[str, Any]):
    """What a session has beside its items; mix it into any mutable mapping.

    `new` says that the client brought no session, where the interface can tell. `modified` is to be
    set by hand after a change inside of a value (``session["list"].append(1)``). `accessed` is set
    by the context when the session is asked for.
    """

    new: bool = False
    modified: bool = True
    accessed: bool = False

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser, by ``PERMANENT_SESSION_LIFETIME``."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)


def vary_on_cookie(response: Response) -> None:
    """Say that the answer depends on the cookies (RFC 9110 section 12.5.5)."""
    # PERF: the set behind `response.vary` costs more than all the rest of saving (bench: session).
    for name, _ in response.headers:
        if name.lower() == "vary":
            response.vary.add("Cookie")
            return
    response.headers.add("Vary", "Cookie")


def _set_modified(session: Any) -> None:
    session.modified = True


# werkzeug's dictionary types `update` a little narrower than `MutableMapping` does.
class TrackedSession(  # pyright: ignore[reportIncompatibleMethodOverride]
    CallbackDict[str, Any], SessionMixin
):
    """A dictionary that notices when it is changed."""

    modified = False

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial, _set_modified)


class SecureCookieSession(TrackedSession):
    """A session that is kept in a signed cookie, readable by its owner. It is never `new`."""


class NullSession(SecureCookieSession):
    """Stands in where no session can be kept: it reads as empty and refuses to be written.

    Awaiting one gives itself, since Quart spells ``await interface.make_null_session(app)``.
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise SessionUnavailableError(
            "The session cannot be written because the application has no secret key to sign it"
            " with. Set app.secret_key (or SECRET_KEY in the configuration) to a long random"
            " value, such as secrets.token_hex() gives."
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
    del _refuse

    def __await__(self) -> Generator[Any, None, NullSession]:
        return self
        yield


class SessionInterface:
    """How an application opens and saves sessions: derive, and set ``app.session_interface``.

    `open_session` and `save_session` are to be written, as coroutine functions or as plain ones
    (which run in a thread). Requests with the same session may be handled at the same time, in any
    order: what must not be lost then is for the interface to protect.
    """

    null_session_class: type[NullSession] = NullSession
    pickle_based: ClassVar[bool] = False

    async def open_session(self, app: Any, request: BaseRequestWebsocket) -> SessionMixin | None:
        """Open the session of *request*; None where it cannot be, then a null session is used."""
        raise NotImplementedError

    async def save_session(
        self, app: Any, session: SessionMixin, response: Response | None
    ) -> None:
        """Save *session* and set its cookie on *response*.

        Called for each session that was opened and is no null session; for a websocket once before
        it is accepted, if the session was accessed, and once more at its end. *response* is None
        after the handshake of a websocket: no cookie can be set any more. What is raised of
        `SessionStoreUnavailable` and `SessionConflict` is answered in place of *response*.
        """
        raise NotImplementedError

    def make_null_session(self, app: Any) -> NullSession:
        """Make what is used where `open_session` gave None."""
        return self.null_session_class()

    def is_null_session(self, instance: object) -> bool:
        """Whether *instance* is one of `make_null_session`: those are not saved."""
        return isinstance(instance, self.null_session_class)

    def get_cookie_name(self, app: Any) -> str:
        """The cookie's name: ``SESSION_COOKIE_NAME``."""
        return str(app.config["SESSION_COOKIE_NAME"])

    def get_cookie_domain(self, app: Any) -> str | None:
        """The cookie's domain: ``SESSION_COOKIE_DOMAIN``, else only the host that set it."""
        domain: str | None = app.config["SESSION_COOKIE_DOMAIN"]
        return domain

    def get_cookie_path(self, app: Any) -> str:
        """The cookie's path: ``SESSION_COOKIE_PATH``, else ``APPLICATION_ROOT``."""
        return str(app.config["SESSION_COOKIE_PATH"] or app.config["APPLICATION_ROOT"])

    def get_cookie_httponly(self, app: Any) -> bool:
        """Whether the cookie is hidden from scripts: ``SESSION_COOKIE_HTTPONLY``."""
        return bool(app.config["SESSION_COOKIE_HTTPONLY"])

    def get_cookie_secure(self, app: Any) -> bool:
        """Whether the cookie is for HTTPS only: ``SESSION_COOKIE_SECURE``."""
        return bool(app.config["SESSION_COOKIE_SECURE"])

    def get_cookie_samesite(self, app: Any) -> str | None:
        """``"Strict"``, ``"Lax"``, ``"None"`` or None: ``SESSION_COOKIE_SAMESITE``."""
        samesite: str | None = app.config["SESSION_COOKIE_SAMESITE"]
        return samesite

    def get_cookie_partitioned(self, app: Any) -> bool:
        """Whether the cookie is kept per top-level site: ``SESSION_COOKIE_PARTITIONED``."""
        return bool(app.config["SESSION_COOKIE_PARTITIONED"])

    def get_expiration_time(self, app: Any, session: SessionMixin) -> datetime | None:
        """When the cookie expires; None where it goes with the browser."""
        if not session.permanent:
            return None
        lifetime: timedelta = app.permanent_session_lifetime
        return datetime.now(UTC) + lifetime

    def should_set_cookie(self, app: Any, session: SessionMixin) -> bool:
        """Whether the answer sets the cookie.

        It does for a session that was modified, and for a permanent one each time unless
        ``SESSION_REFRESH_EACH_REQUEST`` is off.
        """
        return session.modified or (
            session.permanent and bool(app.config["SESSION_REFRESH_EACH_REQUEST"])
        )

    def set_cookie(self, app: Any, session: SessionMixin, response: Response, value: str) -> None:
        """Set the session's cookie on *response*, all its attributes by configuration."""
        response.set_cookie(
            self.get_cookie_name(app),
            value,
            expires=self.get_expiration_time(app, session),
            **self._cookie_attributes(app),
        )
        vary_on_cookie(response)

    def delete_cookie(self, app: Any, response: Response) -> None:
        """Have the client forget the session's cookie."""
        response.delete_cookie(self.get_cookie_name(app), **self._cookie_attributes(app))
        vary_on_cookie(response)

    def _cookie_attributes(self, app: Any) -> dict[str, Any]:
        return {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
            "partitioned": self.get_cookie_partitioned(app),
        }
