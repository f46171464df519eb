"""Sessions: in a signed cookie (the default), or on the server.

A session interface opens and saves sessions; a store keeps server-side ones. No event loop is needed
to import this, no application is known here, and nothing of a store's library is imported.
"""

from __future__ import annotations

from .base import (
    NullSession,
    SecureCookieSession,
    SessionInterface,
    SessionMixin,
    SessionUnavailableError,
    TrackedSession,
)
from .cookie import SecureCookieSessionInterface, session_json_serializer
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
    "SessionInterface",
    "SessionMixin",
    "SessionStore",
    "SessionUnavailableError",
    "TrackedSession",
    "session_json_serializer",
]
