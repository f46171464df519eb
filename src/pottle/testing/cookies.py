"""The cookie jar of the test client, by RFC 6265 section 5 (the sections in comments are its own).

It knows hosts, paths and schemes as text: no request, no application, no network. Invariant: what
is in the jar was accepted from the host that set it, and goes only where a browser would send it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from werkzeug.http import parse_cookie

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MAX_AGE = re.compile(r"-?[0-9]+")
_WHITESPACE = " \t"


@dataclass(slots=True)
class Cookie:
    """One stored cookie; `value` is as it came in ``Set-Cookie``, quotes and escapes included.

    `expires` is in seconds since the epoch, None for a cookie that ends with the session.
    `origin_only` says that it came without ``Domain`` and goes to that one host.
    """

    key: str
    value: str
    domain: str
    path: str = "/"
    origin_only: bool = True
    expires: float | None = None
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None

    @property
    def name(self) -> str:
        """The same as `key`."""
        return self.key

    @property
    def decoded_value(self) -> str:
        """The value as the application finds it in `request.cookies`."""
        return parse_cookie(f"{self.key}={self.value}").get(self.key, "")

    def goes_to(self, host: str, path: str, secure: bool) -> bool:
        """Whether it is sent with a request for *path* on *host* (section 5.4, step 1)."""
        if self.origin_only:
            if host != self.domain:
                return False
        elif not domain_match(host, self.domain):
            return False
        return path_match(path, self.path) and (secure or not self.secure)


class CookieJar:
    """The cookies of one client. Iterating gives each `Cookie` that has not expired.

    *clock* gives the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def __iter__(self) -> Iterator[Cookie]:
        now = self._clock()
        return iter([c for c in self._cookies.values() if c.expires is None or c.expires > now])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Forget every cookie."""
        self._cookies.clear()

    def get(self, key: str, host: str, path: str = "/") -> Cookie | None:
        """The cookie *key* stored for just this *host* (or ``Domain``) and *path*."""
        return next(
            (c for c in self if (c.domain, c.path, c.key) == (_canonical(host), path, key)), None
        )

    def extract(self, host: str, path: str, headers: Iterable[str]) -> None:
        """Take what the ``Set-Cookie`` *headers* of an answer for *path* on *host* say.

        *host* may carry a port. What the RFC says to ignore is ignored: no error is raised.
        """
        now = self._clock()
        for header in headers:
            cookie = parse_set_cookie(header, host, path, now)
            if cookie is None:
                continue
            where = (cookie.domain, cookie.path, cookie.key)
            if cookie.expires is not None and cookie.expires <= now:
                self._cookies.pop(where, None)
            else:
                # Assigning to a key that is there keeps its place, and so the time of creation,
                # which the order in `header` needs (section 5.3, step 11).
                self._cookies[where] = cookie

    def header(self, scheme: str, host: str, path: str) -> str:
        """The ``Cookie`` header for a request, empty if nothing is to be sent (section 5.4).

        A plain connection to this machine counts as secure, as it does in browsers; so an
        application with ``SESSION_COOKIE_SECURE`` can be tested on ``http://localhost``.
        """
        host = _canonical(host)
        secure = scheme in ("https", "wss") or _is_loopback(host)
        fitting = [cookie for cookie in self if cookie.goes_to(host, path, secure)]
        fitting.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in fitting)


def parse_set_cookie(header: str, host: str, path: str, now: float) -> Cookie | None:
    """The cookie in one ``Set-Cookie`` *header*, or None if it is to be ignored (5.2 and 5.3)."""
    pair, _, rest = header.partition(";")
    key, equals, value = pair.partition("=")
    key = key.strip(_WHITESPACE)
    if not equals or not key:
        return None
    host = _canonical(host)
    cookie = Cookie(key, value.strip(_WHITESPACE), host, default_path(path))
    age: float | None = None
    domain = ""
    for attribute in rest.split(";"):
        name, _, text = attribute.partition("=")
        name, text = name.strip(_WHITESPACE).lower(), text.strip(_WHITESPACE)
        if name == "expires":
            date = parse_cookie_date(text)
            cookie.expires = cookie.expires if date is None else date
        elif name == "max-age" and _MAX_AGE.fullmatch(text):
            age = float(text) if float(text) > 0 else float("-inf")
        elif name == "domain" and text:
            domain = text.removeprefix(".").lower()
        elif name == "path":
            cookie.path = text if text.startswith("/") else default_path(path)
        elif name == "secure":
            cookie.secure = True
        elif name == "httponly":
            cookie.http_only = True
        elif name == "samesite":
            cookie.same_site = text.title()
    if age is not None:  # 5.3 step 3: Max-Age goes before Expires, wherever it stands
        cookie.expires = now + age
    if not domain or domain == host:
        cookie.origin_only = not domain or "." not in domain or _is_address(domain)
        return cookie
    # 5.3 steps 5 and 6. The list of public suffixes is not at hand; a name without a dot is one.
    if "." not in domain or not domain_match(host, domain):
        return None
    cookie.domain, cookie.origin_only = domain, False
    return cookie


def default_path(path: str) -> str:
    """The path of a cookie that names none: the directory of the request (section 5.1.4)."""
    directory = path.rpartition("/")[0]
    return directory if directory.startswith("/") else "/"


def path_match(path: str, cookie_path: str) -> bool:
    """Whether a request for *path* lies below *cookie_path* (section 5.1.4)."""
    return path == cookie_path or path.startswith(cookie_path.removesuffix("/") + "/")


def domain_match(host: str, domain: str) -> bool:
    """Whether *host* is *domain* or a name below it (section 5.1.3), both in lower case."""
    return host == domain or (host.endswith("." + domain) and not _is_address(host))


def parse_cookie_date(text: str) -> float | None:
    """Seconds since the epoch for a date as loose as section 5.1.1 allows, None if it is none."""
    clock: re.Match[str] | None = None
    day = month = year = None
    for token in _DATE_DELIMITERS.split(text):
        if clock is None and (found := _TIME.match(token)):
            clock = found
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    hour, minute, second = (int(part) for part in clock.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _canonical(host: str) -> str:
    """*host* in lower case, without a port and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower() if host.count(":") < 2 else host.lower()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if _is_address(host):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
