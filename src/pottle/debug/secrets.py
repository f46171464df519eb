"""What the debug page must not show, although it stands in the values that it shows.

Three ways, since none finds all: values that are secrets by their name, wherever a name stands beside
a value; what the request is known to carry (cookies, credentials, tokens in the query) and what the
configuration keeps secret, wherever that text occurs; passwords in URLs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus

from werkzeug.http import parse_cookie

MASKED = "******"

# Words in the names of variables, keys, fields and headers.
_WORDS = (
    r"passw|passphrase|pwd|secret|token|(?:api|access|private)[_-]?key|credential|authorization|cookie"
    r"|csrf|xsrf|x-auth"
)
_NAME = re.compile(_WORDS, re.IGNORECASE)
_CONFIG_NAME = re.compile(r"passw|secret|token|_key$|credential", re.IGNORECASE)
_LITERAL = r"""b?'(?:[^'\\]|\\.){0,4000}'|b?"(?:[^"\\]|\\.){0,4000}\""""
_QUOTED_VALUE = re.compile(
    rf"""((?:{_WORDS})[\w-]{{0,40}}(?:['"]\s{{0,4}}[:,]|\s{{0,4}}[:=])\s{{0,4}})(?:{_LITERAL})""",
    re.IGNORECASE,
)
_BARE_VALUE = re.compile(
    rf"""((?:{_WORDS})[\w-]{{0,40}}(?:['"]?:\s|=))[^\s,;&'")}}\]>]+""", re.IGNORECASE
)
_QUERY_VALUE = re.compile(rf"((?:{_WORDS})[\w-]{{0,40}}=)[^\s&'\"]+", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s:/@]{0,200}:)[^\s/@]{1,400}@")
# Shorter texts occur by chance, and would hide half of the page.
_SHORTEST = 6


def is_secret(name: object) -> bool:
    """Whether *name*, a text or bytes, sounds like that of a secret."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return isinstance(name, str) and _NAME.search(name) is not None


class Secrets:
    """The secrets of one request, given its ASGI *scope* and the *config* of its application."""

    def __init__(
        self, scope: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        texts = {*_of_scope(scope or {}), *_of_config(config or {})}
        spellings = {
            spelling for text in texts if len(text) >= _SHORTEST for spelling in _spellings(text)
        }
        # The longest first: one may contain another.
        ordered = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def mask(self, text: str, *, code: bool = False) -> str:
        """*text* without secrets; in program *code* only literals can be some."""
        text = str.__str__(text)  # not of a subclass: `Markup` would take over
        if self._known is not None:
            text = self._known.sub(MASKED, text)
        text = _URL_PASSWORD.sub(rf"\1{MASKED}@", text)
        text = _QUOTED_VALUE.sub(rf"\1{MASKED}", text)
        if not code:
            text = _QUERY_VALUE.sub(rf"\1{MASKED}", text)
            text = _BARE_VALUE.sub(rf"\1{MASKED}", text)
        return text


def _of_scope(scope: Mapping[str, Any]) -> Iterator[str]:
    for name, value in scope.get("headers") or ():
        if not is_secret(name):
            continue
        text = value.decode("latin-1")
        yield text
        if name.lower() == b"cookie":
            yield from parse_cookie(text).values()
            yield from (part.partition("=")[2].strip() for part in text.split(";"))
        else:
            yield from _of_credentials(text)
    query = scope.get("query_string") or b""
    for name, text in parse_qsl(query.decode("latin-1")):
        if is_secret(name):
            yield text


def _of_credentials(value: str) -> Iterator[str]:
    """What stands behind the scheme of an Authorization header (RFC 9110 section 11.4)."""
    scheme, _, credentials = value.partition(" ")
    yield credentials.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return
        yield decoded
        yield decoded.partition(":")[2]


def _of_config(config: Mapping[str, Any]) -> Iterator[str]:
    for name, value in config.items():
        if _CONFIG_NAME.search(name) is not None:
            yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    """The text that *value* is, or those that are in a list or tuple, such as keys of before."""
    if isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, str):
        yield str.__str__(value)
    elif type(value) in (list, tuple):
        for one in value:
            if isinstance(one, str | bytes):
                yield from _texts(one)


def _spellings(text: str) -> Iterator[str]:
    """How *text* may be written: as it is, in a literal, in a URL."""
    yield text
    yield repr(text)[1:-1]
    yield repr(text.encode("utf-8", "backslashreplace"))[2:-1]
    yield quote(text, errors="replace")
    yield quote_plus(text, errors="replace")
    unquoted = unquote_plus(text)
    if len(unquoted) >= _SHORTEST:
        yield unquoted
