"""Sessions whose items stay on the server; the client holds a random id and nothing else.

The records are JSON with tags, never pickles: whoever can write to the store cannot run code here.
The invariants: an id that the store does not know is never used, so nobody can choose the id of
somebody else's session beforehand; and a session that has ended is never written again.

Requests with the same session may run at the same time. Each reads the record when it begins. When
it ends, what it changed goes into the record as it is then, by a swap that the store makes in one
step and that is tried again where another was faster.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from .base import (
    SESSION_FAILURES,
    SessionConflict,
    SessionInterface,
    SessionMixin,
    SessionStoreUnavailable,
    TrackedSession,
    vary_on_cookie,
)
from .cookie import session_json_serializer
from .guard import StoreGuard
from .merging import merge_items

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from pottle.wrappers import BaseRequestWebsocket, Response

    from .stores import SessionStore

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_-]{16,256}")


class ServerSideSession(TrackedSession):
    """A session kept in a `SessionStore`.

    `id` is its name there, None until it is first saved. `new` says that it was not in the store.
    *record* is what it was read from.
    """

    def __init__(
        self,
        initial: dict[str, Any] | None = None,
        id: str | None = None,
        record: bytes | None = None,
    ) -> None:
        super().__init__(initial)
        self.id = id
        self.new = id is None
        self.renewed = False
        self.cleared = False
        #: What the store holds of it, as far as is known here: the base of a merge.
        self.record = record
        #: Whether there is nothing more to save, since it has ended or could not be saved.
        self.ended = False

    def clear(self) -> None:
        """End the session. Items that are set afterwards begin another one, with a new id.

        In a websocket that is accepted they stay under the old id, since no cookie can be set.
        """
        super().clear()
        self.cleared = True

    def regenerate(self) -> None:
        """Move the items to a new id when the session is saved; the old id is worth nothing then.

        Call it when the rights of the session change, above all at login: whoever knew the id
        before does not get in with it afterwards. In a websocket call it before ``accept()``,
        since the client cannot be told of the new id later.
        """
        self.renewed = True
        self.modified = True

    def replace(self, items: dict[str, Any]) -> None:
        """Have *items* in place of all that is in it, which is no change of it."""
        modified = self.modified
        super().clear()
        self.update(items)
        self.modified = modified


class UnavailableSession(ServerSideSession):
    """Stands in where the store is away: every look into it raises `SessionStoreUnavailable`."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.ended = True

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise SessionStoreUnavailable

    __contains__ = __delitem__ = __eq__ = __getitem__ = __ior__ = __iter__ = __len__ = _refuse
    __ne__ = __or__ = __reversed__ = __ror__ = __setitem__ = _refuse
    clear = copy = get = items = keys = pop = popitem = regenerate = setdefault = _refuse
    update = values = _refuse
    del _refuse

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class ServerSideSessionInterface(SessionInterface):
    """Keeps sessions in *store* and their ids, of *key_bytes* random bytes, in the cookie.

    ``ServerSideSessionInterface(store).init_app(app)`` puts it to use. A record is kept for
    ``PERMANENT_SESSION_LIFETIME`` after its last change, and after its last use unless
    ``SESSION_REFRESH_EACH_REQUEST`` is off. No secret key is needed: the id cannot be guessed.

    An operation of the store may take *timeout* seconds; then the store counts as away. A session
    that others change at the same time is tried to be saved *attempts* times, each of which fails
    only because another request has succeeded; then `SessionConflict` is raised.
    """

    serializer: Any = session_json_serializer
    session_class: type[ServerSideSession] = ServerSideSession

    def __init__(
        self, store: SessionStore, *, key_bytes: int = 32, timeout: float = 5.0, attempts: int = 20
    ) -> None:
        if key_bytes < 16:
            raise ValueError(f"An id of {key_bytes} bytes can be guessed: give it 16 or more.")
        if timeout <= 0 or attempts < 1:
            raise ValueError(
                "The time-out must be more than 0 seconds, and the attempts 1 or more."
            )
        self.store = store
        self.key_bytes = key_bytes
        self.attempts = attempts
        self._guard = StoreGuard(timeout)

    def init_app(self, app: Any) -> None:
        """Make this the session interface of *app*, whose shutdown closes the store."""
        app.session_interface = self
        app.after_serving(self.store.close)

    async def open_session(self, app: Any, request: BaseRequestWebsocket) -> ServerSideSession:
        """Load the session. Where the store is away, the one that is given raises when it is used."""
        id = request.cookies.get(self.get_cookie_name(app))
        if id is None or _ID.fullmatch(id) is None:
            return self.session_class()
        try:
            record = await self._ask(app, self.store.get, id)
        except SessionStoreUnavailable:
            return UnavailableSession(id)
        items = None if record is None else self._read(app, record)
        return self.session_class() if items is None else self.session_class(items, id, record)

    async def save_session(
        self, app: Any, session: SessionMixin, response: Response | None
    ) -> None:
        """Save what was changed, unless the session has ended, and set or delete its cookie.

        Raises `SessionStoreUnavailable` where the store is away and `SessionConflict` where others
        were faster each time.
        """
        assert isinstance(session, ServerSideSession)
        if response is not None and session.accessed:
            vary_on_cookie(response)
        if session.ended:
            return
        try:
            await self._save(app, session, response)
        except SESSION_FAILURES:
            # The answer to the failure is finished as any other, and is not to fail as well.
            session.ended = True
            raise
        if session.ended:
            app.logger.info("A session was not saved, since another request has ended it.")
        elif (
            response is not None and session.id is not None and self.should_set_cookie(app, session)
        ):
            self.set_cookie(app, session, response, session.id)

    def merge(
        self, base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]
    ) -> dict[str, Any]:
        """What is to be stored where this request and another have changed the session.

        *base* is what both have read, *ours* what this one made of it, and *theirs* what is in the
        store now. All keys of both are kept. Of a key that both changed the value is ours, one that
        either deleted stays deleted, and flashed messages are kept one by one.
        """
        return merge_items(base, ours, theirs, self.serializer.dumps)

    async def _save(self, app: Any, session: ServerSideSession, response: Response | None) -> None:
        if not self._is_changed(session, response):
            if session.id is not None and app.config["SESSION_REFRESH_EACH_REQUEST"]:
                await self._touch(app, session)
        elif not session and (session.cleared or session.id is None):
            await self._erase(app, session, response)
        elif response is None:
            await self._update_in_place(app, session)
        elif session.cleared or session.id is None:
            await self._begin(app, session)
        else:
            await self._update(app, session)

    def _is_changed(self, session: ServerSideSession, response: Response | None) -> bool:
        if session.modified or response is not None:
            return session.modified
        # It may have been changed by another task while it was saved for the handshake.
        return (
            session.accessed
            and session.record is not None
            and self._dump(session) != session.record
        )

    async def _begin(self, app: Any, session: ServerSideSession) -> None:
        """Store *session* under a new id; the record that it was read from is ended."""
        old, record = session.id, self._dump(session)
        if old is not None:
            await self._ask(app, self.store.delete, old)
        session.id = self._new_id()
        await self._ask(app, self.store.set, session.id, record, self._ttl(app))
        self._note_saved(session, record)

    async def _update_in_place(self, app: Any, session: ServerSideSession) -> None:
        """Store *session* where no cookie can be set, so that it has to keep its id."""
        if session.id is None or session.renewed:
            app.logger.warning(
                "After the handshake of a websocket a session %s: the client cannot be told the new"
                " id, since no cookie can be set any more. Do it before accept().",
                "was begun, which is lost" if session.id is None else "was to get a new id",
            )
            session.renewed = False
        if session.id is not None:
            await self._update(app, session)

    async def _update(self, app: Any, session: ServerSideSession) -> None:
        """Bring what *session* has changed into its record, or into one under a new id.

        Where there is no record any more the session has ended, and nothing is written.
        """
        assert session.id is not None
        ttl = self._ttl(app)
        target = self._new_id() if session.renewed else session.id
        moved = target != session.id
        ours = items = dict(session)
        base = None if session.cleared else session.record
        old = base if base is not None else await self._ask(app, self.store.get, session.id)
        for _ in range(self.attempts):
            if old is None:
                break
            record = self._dump(items)
            if moved:  # nobody knows the new id yet
                await self._ask(app, self.store.set, target, record, ttl)
            new = None if moved else record
            there = await self._ask(app, self.store.swap, session.id, old, new, ttl)
            if there == old:
                session.id = target
                if items is not ours:
                    session.replace(merge_items(ours, session, items, self.serializer.dumps))
                self._note_saved(session, record)
                return
            old = there
            if there is not None and base is not None:
                items = self.merge(self._read(app, base) or {}, ours, self._read(app, there) or {})
        if moved:
            await self._ask(app, self.store.delete, target)
        if old is not None:
            raise SessionConflict
        session.ended = True

    async def _erase(self, app: Any, session: ServerSideSession, response: Response | None) -> None:
        """Forget an emptied session, here and at the client."""
        if session.id is not None:
            await self._ask(app, self.store.delete, session.id)
            session.id = None
        if response is not None:
            self.delete_cookie(app, response)

    async def _touch(self, app: Any, session: ServerSideSession) -> None:
        try:
            kept = await self._ask(app, self.store.touch, session.id, self._ttl(app))
        except SessionStoreUnavailable:
            return  # what was read is right, and nothing is lost
        # A cookie with an id that is worth nothing would take the place of the one that has
        # replaced it.
        session.ended = kept is False

    def _note_saved(self, session: ServerSideSession, record: bytes) -> None:
        session.record = record
        session.new = session.renewed = session.cleared = False

    async def _ask(self, app: Any, operation: Callable[..., Awaitable[T]], *args: object) -> T:
        return await self._guard.ask(app.logger, operation, *args)

    def _dump(self, items: dict[str, Any]) -> bytes:
        text: str = self.serializer.dumps(dict(items))
        return text.encode()

    def _new_id(self) -> str:
        return secrets.token_urlsafe(self.key_bytes)

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
