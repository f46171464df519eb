"""Sessions that live in a signed cookie, in the format of Flask and Quart.

Whoever has the same secret key reads and writes the same cookies. The cookie is signed, not
encrypted: its owner can read it. Nothing here waits, so a context opens such a session only when
it is touched, by calling `load`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import zlib
from binascii import a2b_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from itsdangerous import (
    BadSignature,
    HMACAlgorithm,
    SignatureExpired,
    TimestampSigner,
    URLSafeTimedSerializer,
)
from itsdangerous.encoding import bytes_to_int
from itsdangerous.signer import SigningAlgorithm

from pottle.json.tag import TaggedJSONSerializer
from pottle.wrappers.base import read_cookie

from .base import SecureCookieSession, SessionInterface, SessionMixin, vary_on_cookie

if TYPE_CHECKING:
    from collections.abc import Callable

    from pottle.wrappers import BaseRequestWebsocket, Response

Secret = str | bytes

session_json_serializer = TaggedJSONSerializer()

#: Bytes of a secret key, below which it may be guessed.
SHORTEST_KEY = 16

#: The applications that were warned of a short key, each once.
_warned: WeakSet[Any] = WeakSet()


def warn_of_short_keys(app: Any) -> None:
    """Say once for *app* that its secret key, or one of the former ones, can be guessed."""
    keys = {"SECRET_KEY": [app.secret_key] if app.secret_key else []}
    keys["SECRET_KEY_FALLBACKS"] = list(app.config["SECRET_KEY_FALLBACKS"] or ())
    for name, secrets in keys.items():
        for secret in secrets:
            length = len(secret.encode() if isinstance(secret, str) else secret)
            if length < SHORTEST_KEY and app not in _warned:
                _warned.add(app)
                app.logger.warning(
                    "A key in %s has %d bytes only. Whoever finds it by trying can sign a session"
                    " as any user. Use a long random one, such as"
                    " python -c 'import secrets; print(secrets.token_hex())' gives; the sessions"
                    " that were signed with the short one end then.",
                    name,
                    length,
                )


def _sha1(string: bytes = b"", *, usedforsecurity: bool = True) -> Any:
    """SHA-1, looked up when called: a FIPS build of Python may have none."""
    return hashlib.sha1(string, usedforsecurity=usedforsecurity)  # noqa: S324 - the format of the cookie; sound within an HMAC


class _HMACSHA1(SigningAlgorithm):
    """HMAC by SHA-1 in one call. PERF: a tenth of what `hmac.new` takes (bench: session)."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha1")


class _Signer(TimestampSigner):
    """A signer that derives its keys once. PERF: deriving is a signature of its own (bench: session)."""

    def derive_key(self, secret_key: Secret | None = None) -> bytes:
        secret = self.secret_keys[-1] if secret_key is None else secret_key
        return _derived_key(secret, self.salt, self.key_derivation, self.digest_method)


@lru_cache(maxsize=64)
def _derived_key(
    secret: Secret, salt: bytes, key_derivation: str, digest_method: Callable[..., Any]
) -> bytes:
    signer = TimestampSigner(
        secret, salt=salt, key_derivation=key_derivation, digest_method=digest_method
    )
    return signer.derive_key()


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _decode(text: bytes) -> bytes:
    """URL-safe base 64 without padding, read as leniently as itsdangerous reads it."""
    return a2b_base64(text.translate(_URL_SAFE) + b"=" * (-len(text) % 4))


class _Serializer(URLSafeTimedSerializer):
    """Reads by itself what is in order; all else, and so every error, is left to itsdangerous.

    PERF: saves more than half of what reading takes (bench: session).
    """

    def loads(  # type: ignore[override]  # as that of itsdangerous, which says why
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: Secret | None = None,
    ) -> Any:
        if max_age is not None and not return_timestamp and salt is None:
            try:
                return self._read(s.encode() if isinstance(s, str) else s, max_age)
            except Exception:  # noqa: S110 - whatever it is, it is found again below
                pass
        return super().loads(s, max_age, return_timestamp, salt)

    def _read(self, value: bytes, max_age: int) -> Any:
        """What is in *value*, if one of the keys signed it within *max_age*; else any error."""
        signed, _, signature = value.rpartition(b".")
        payload, dot, timestamp = signed.rpartition(b".")
        if not dot:
            raise BadSignature("There is no timestamp.")
        self._check_signature(signed, _decode(signature))
        if not 0 <= int(time.time()) - bytes_to_int(_decode(timestamp)) <= max_age:
            raise SignatureExpired("The signature is too old, or of the future.")
        if payload.startswith(b"."):
            text = zlib.decompress(_decode(payload[1:]))
        else:
            text = _decode(payload)
        serializer: Any = self.serializer
        return serializer.loads(text.decode() if self.is_text_serializer else text)

    def _check_signature(self, signed: bytes, signature: bytes) -> None:
        of = self.signer_kwargs
        for secret in reversed(self.secret_keys):
            key = _derived_key(secret, self.salt, of["key_derivation"], of["digest_method"])
            if hmac.compare_digest(signature, of["algorithm"].get_signature(key, signed)):
                return
        raise BadSignature("None of the keys made this signature.")


@lru_cache(maxsize=32)
def _signing_serializer(
    secrets: tuple[Secret, ...],
    salt: str,
    serializer: Any,
    key_derivation: str,
    digest_method: Callable[..., Any],
) -> URLSafeTimedSerializer:
    # PERF: kept, since building one costs as much as reading a session with it.
    return _Serializer(
        list(secrets),  # type: ignore[arg-type]  # str and bytes may be mixed, says its code
        salt=salt,
        serializer=serializer,
        signer=_Signer,
        signer_kwargs={
            "key_derivation": key_derivation,
            "digest_method": digest_method,
            "algorithm": _HMACSHA1() if digest_method is _sha1 else HMACAlgorithm(digest_method),
        },
    )


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the session in a cookie, signed with the application's secret key."""

    salt = "cookie-session"
    digest_method = staticmethod(_sha1)
    key_derivation = "hmac"
    serializer = session_json_serializer
    session_class: type[SecureCookieSession] = SecureCookieSession

    def get_signing_serializer(self, app: Any) -> URLSafeTimedSerializer | None:
        """What signs with ``SECRET_KEY`` and reads ``SECRET_KEY_FALLBACKS`` too; None without key."""
        secret: Secret | None = app.secret_key
        if not secret:
            return None
        return _signing_serializer(
            (
                *(app.config["SECRET_KEY_FALLBACKS"] or ()),
                secret,
            ),  # the key to sign with stands last
            self.salt,
            self.serializer,
            self.key_derivation,
            self.digest_method,
        )

    def load(self, app: Any, request: BaseRequestWebsocket) -> SecureCookieSession | None:
        """Read the session from the cookie of *request*; None where there is no secret key.

        Without a cookie, and for one that was forged or is older than
        ``PERMANENT_SESSION_LIFETIME``, the session is empty.
        """
        signing = self.get_signing_serializer(app)
        if signing is None:
            return None
        cookie = read_cookie(request, self.get_cookie_name(app))
        if not cookie:
            return self.session_class()
        max_age = int(app.permanent_session_lifetime.total_seconds())
        try:
            return self.session_class(signing.loads(cookie, max_age=max_age))
        except BadSignature:
            return self.session_class()

    async def open_session(
        self, app: Any, request: BaseRequestWebsocket
    ) -> SecureCookieSession | None:
        return self.load(app, request)

    async def save_session(
        self, app: Any, session: SessionMixin, response: Response | None
    ) -> None:
        if response is None:
            if session.modified:
                app.logger.warning(
                    "The session was modified after the handshake of a websocket: the change is"
                    " lost, since no cookie can be set any more. Modify it before accept(), or"
                    " keep sessions on the server (pottle.sessions.ServerSideSessionInterface)."
                )
            return
        if session.accessed:
            vary_on_cookie(response)
        if not session:
            if session.modified:
                self.delete_cookie(app, response)
            return
        if self.should_set_cookie(app, session):
            signing = self.get_signing_serializer(app)
            if signing is not None:
                self.set_cookie(app, session, response, str(signing.dumps(dict(session))))
