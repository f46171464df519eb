"""Sessions whose items stay on the server; the client holds a random id and nothing else.

The records are JSON with tags, never pickles: whoever can write to the store cannot run code here.
The invariant: an id that the store does not know is never used, so nobody can choose the id of
somebody else's session beforehand.

Requests with the same session may run at the same time. Each reads the record when it begins and
writes it, if it changed anything, when it ends: the last one to write wins.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, cast

from .base import SessionInterface, SessionMixin, TrackedSession, vary_on_cookie
from .cookie import session_json_serializer

if TYPE_CHECKING:
    from datetime import timedelta

    from pottle.wrappers import BaseRequestWebsocket, Response

    from .stores import SessionStore

_ID = re.compile(r"[A-Za-z0-9_-]{16,256}")


class ServerSideSession(TrackedSession):
    """A session kept in a `SessionStore`.

    `id` is its name there, None until it is first saved. `new` says that it was not in the store.
    """

    def __init__(self, initial: dict[str, Any] | None = None, id: str | None = None) -> None:
        super().__init__(initial)
        self.id = id
        self.new = id is None
        self.renewed = False

    def regenerate(self) -> None:
        """Move the items to a new id when the session is saved; the old id is worth nothing then.

        Call it when the rights of the session change, above all at login: whoever knew the id
        before does not get in with it afterwards. In a websocket call it before ``accept()``,
        since the client cannot be told of the new id later.
        """
        self.renewed = True
        self.modified = True


class ServerSideSessionInterface(SessionInterface):
    """Keeps sessions in *store* and their ids, of *key_bytes* random bytes, in the cookie.

    ``ServerSideSessionInterface(store).init_app(app)`` puts it to use. A record is kept for
    ``PERMANENT_SESSION_LIFETIME`` after its last change, and after its last use unless
    ``SESSION_REFRESH_EACH_REQUEST`` is off. No secret key is needed: the id cannot be guessed.
    """

    serializer: Any = session_json_serializer
    session_class: type[ServerSideSession] = ServerSideSession

    def __init__(self, store: SessionStore, *, key_bytes: int = 32) -> None:
        if key_bytes < 16:
            raise ValueError(f"An id of {key_bytes} bytes can be guessed: give it 16 or more.")
        self.store = store
        self.key_bytes = key_bytes

    def init_app(self, app: Any) -> None:
        """Make this the session interface of *app*, whose shutdown closes the store."""
        app.session_interface = self
        app.after_serving(self.store.close)

    async def open_session(self, app: Any, request: BaseRequestWebsocket) -> ServerSideSession:
        id = request.cookies.get(self.get_cookie_name(app))
        if id is None or _ID.fullmatch(id) is None:
            return self.session_class()
        record = await self.store.get(id)
        items = None if record is None else self._read(app, record)
        return self.session_class() if items is None else self.session_class(items, id)

    async def save_session(
        self, app: Any, session: SessionMixin, response: Response | None
    ) -> None:
        assert isinstance(session, ServerSideSession)
        if response is not None and session.accessed:
            vary_on_cookie(response)
        if session.modified and not session:
            await self._erase(app, session, response)
        elif session.modified:
            await self._write(app, session, response)
        elif session.id is not None and app.config["SESSION_REFRESH_EACH_REQUEST"]:
            await self.store.touch(session.id, self._ttl(app))
        if response is not None and session.id is not None and self.should_set_cookie(app, session):
            self.set_cookie(app, session, response, session.id)

    async def _write(self, app: Any, session: ServerSideSession, response: Response | None) -> None:
        """Store *session*, under a new id where it has none or wants another."""
        old = session.id
        if old is None or session.renewed:
            if response is not None:
                session.id = secrets.token_urlsafe(self.key_bytes)
            else:
                app.logger.warning(
                    "A websocket that is accepted already %s: the client cannot be told the new id,"
                    " since no cookie can be set any more. Do it before accept().",
                    "began a session, which is lost" if old is None else "wants to renew its id",
                )
        if session.id is None:
            return
        record = self.serializer.dumps(dict(session)).encode()
        await self.store.set(session.id, record, self._ttl(app))
        session.new = session.renewed = False
        if old is not None and old != session.id:
            await self.store.delete(old)

    async def _erase(self, app: Any, session: ServerSideSession, response: Response | None) -> None:
        """Forget an emptied session, here and at the client."""
        if session.id is not None:
            await self.store.delete(session.id)
            session.id = None
        if response is not None:
            self.delete_cookie(app, response)

    def _read(self, app: Any, record: bytes) -> dict[str, Any] | None:
        """The items of *record*; None where it is unreadable, which must not lock its owner out."""
        try:
            items: Any = self.serializer.loads(record.decode())
        except ValueError:
            items = None
        if isinstance(items, dict):
            return cast("dict[str, Any]", items)
        app.logger.warning(
            "A session record is no JSON object and counts as none: something else wrote it"
            " into this store. Give the sessions a store, or a prefix, of their own."
        )
        return None

    def _ttl(self, app: Any) -> float:
        lifetime: timedelta = app.permanent_session_lifetime
        return lifetime.total_seconds()
