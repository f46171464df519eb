"""Sessions: in a signed cookie (the default), or on the server.

A session interface opens and saves sessions; a store keeps server-side ones. No event loop is needed
to import this, no application is known here, and nothing of a store's library is imported. What is
for sessions on the server is itself imported when it is first wanted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import (
    NullSession,
    SecureCookieSession,
    SessionConflict,
    SessionInterface,
    SessionMixin,
    SessionStoreUnavailable,
    SessionUnavailableError,
    TrackedSession,
)
from .cookie import SecureCookieSessionInterface, session_json_serializer

if TYPE_CHECKING:
    from .redis import RedisStore
    from .server_side import ServerSideSession, ServerSideSessionInterface
    from .stores import MemoryStore, SessionStore

__all__ = [
    "MemoryStore",
    "NullSession",
    "RedisStore",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "ServerSideSession",
    "ServerSideSessionInterface",
    "SessionConflict",
    "SessionInterface",
    "SessionMixin",
    "SessionStore",
    "SessionStoreUnavailable",
    "SessionUnavailableError",
    "TrackedSession",
    "session_json_serializer",
]

_ON_THE_SERVER = {
    "MemoryStore": ".stores",
    "RedisStore": ".redis",
    "ServerSideSession": ".server_side",
    "ServerSideSessionInterface": ".server_side",
    "SessionStore": ".stores",
}


def __getattr__(name: str) -> Any:
    if name in _ON_THE_SERVER:
        return getattr(import_module(_ON_THE_SERVER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
