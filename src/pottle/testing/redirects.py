"""What a client asks for after a redirect (RFC 9110 section 15.4). No input or output here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from werkzeug.datastructures import Headers
from werkzeug.test import ClientRedirectError

from .utils import sentinel

if TYPE_CHECKING:
    from ..wrappers import Response

#: How many redirects are followed: as many as browsers follow (Fetch standard, section 4.4).
MAX_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Those after which method and body stay what they are.
KEEPING_REDIRECTS = frozenset({307, 308})
BODY_HEADERS = ("Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding")


def is_redirect(response: Response) -> bool:
    """Whether *response* leads to another URL; a 304 and a 300 do not."""
    return response.status_code in REDIRECTS and "Location" in response.headers


def redirected(
    call: Mapping[str, Any], response: Response, url: str, count: int, name: str
) -> dict[str, Any]:
    """What changes in the arguments *call*, which *response* was the answer to.

    *url* is what *call* asked for, *count* says which redirect this is, *name* is the host name of
    the application. Raises `ClientRedirectError` for a redirect too many, and for one to a host that
    is neither the same one, nor *name*, nor a subdomain of it.
    """
    if count > MAX_REDIRECTS:
        raise ClientRedirectError(
            f"Stopped after {MAX_REDIRECTS} redirects, at {url}: do they lead in a circle?"
        )
    origin = urlsplit(url)
    target = urlsplit(urljoin(url, response.headers["Location"]))
    host = target.hostname or ""
    name = name.partition(":")[0].lower()
    serves = host in (origin.hostname, name) or host.endswith("." + name)
    if target.scheme not in ("http", "https") or not serves:
        raise ClientRedirectError(
            f"{url} redirects to {target.geturl()}, which this application does not serve. Leave"
            " 'follow_redirects' out to look at the response; for subdomains set SERVER_NAME."
        )
    headers = Headers(call["headers"])
    headers["Host"] = target.netloc
    path = target._replace(scheme="", netloc="", fragment="").geturl()
    change = {"path": path, "headers": headers, "query_string": None, "scheme": target.scheme}
    if host != origin.hostname:  # credentials are for the host that they were given for
        headers.remove("Authorization")
        change["auth"] = None
    if response.status_code not in KEEPING_REDIRECTS:
        change["method"] = "HEAD" if call["method"] == "HEAD" else "GET"
        change |= {"data": None, "form": None, "files": None, "json": sentinel}
        for key in BODY_HEADERS:
            headers.remove(key)
    return change
