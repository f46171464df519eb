"""Why a request has no endpoint, as data: nothing is raised while matching.

One class per reason, all values. Each can say which exception werkzeug's `MapAdapter.match` would
raise, and only then is the exception (and for redirects the new URL) made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import (
    BaseConverter,
    MapAdapter,
    RequestRedirect,
    RoutingException,
    Rule,
    WebsocketMismatch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# What need not be quoted within a path: https://url.spec.whatwg.org/#url-path-segment-string
_PATH_SAFE = "!$&'()*+,/:;=@"
_placeholder = re.compile(r"<([^>]+)>")


class Problem:
    """A request without an endpoint."""

    __slots__ = ()

    def to_exception(self, adapter: MapAdapter) -> HTTPException | RoutingException:
        """What `MapAdapter.match` raises; *adapter* gives host, script name and query string."""
        raise NotImplementedError


class Missing(Problem):
    """No rule matches the path: 404."""

    __slots__ = ()

    def to_exception(self, adapter: MapAdapter) -> HTTPException:
        return NotFound()


class MethodRefused(Problem):
    """Rules match the path, but only with other methods: 405."""

    __slots__ = ("methods",)

    def __init__(self, methods: set[str]) -> None:
        self.methods = methods

    def to_exception(self, adapter: MapAdapter) -> HTTPException:
        return MethodNotAllowed(valid_methods=list(self.methods))


class WrongProtocol(Problem):
    """A websocket asked for what is HTTP only, or the other way round: 400."""

    __slots__ = ()

    def to_exception(self, adapter: MapAdapter) -> HTTPException:
        return WebsocketMismatch()


class Redirect(Problem):
    """The resource has another URL: 308."""

    __slots__ = ()

    def new_url(self, adapter: MapAdapter) -> str:
        """The absolute URL. Whatever a converter or `redirect_to` callable raises passes through."""
        raise NotImplementedError

    def to_exception(self, adapter: MapAdapter) -> RequestRedirect:
        return RequestRedirect(self.new_url(adapter))


class OtherPath(Redirect):
    """The path lacks its last slash, or has too many within."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def new_url(self, adapter: MapAdapter) -> str:
        return adapter.make_redirect_url(quote(self.path, safe=_PATH_SAFE))


class ShorterRule(Redirect):
    """The values are the defaults of another rule of the endpoint, which has the proper URL."""

    __slots__ = ("rule", "values")

    def __init__(self, rule: Rule, values: Mapping[str, Any]) -> None:
        self.rule = rule
        self.values = values

    def new_url(self, adapter: MapAdapter) -> str:
        built = self.rule.build({**self.values, **(self.rule.defaults or {})})
        if built is None:
            raise TypeError(
                f"The defaults of {self.rule!r} cannot be converted to a URL: give it defaults"
                " that its converters accept."
            )
        return adapter.make_redirect_url(built[1], domain_part=built[0])


class AliasOf(Redirect):
    """The rule is an alias of the one that has the proper URL."""

    __slots__ = ("endpoint", "method", "path", "values")

    def __init__(self, endpoint: Any, values: Mapping[str, Any], method: str, path: str) -> None:
        self.endpoint = endpoint
        self.values = values
        self.method = method
        self.path = path

    def new_url(self, adapter: MapAdapter) -> str:
        return adapter.make_alias_redirect_url(
            self.path, self.endpoint, self.values, self.method, adapter.query_args or {}
        )


class RedirectTo(Redirect):
    """The rule was made to redirect: `redirect_to` is a target with placeholders, or a callable."""

    __slots__ = ("converters", "rule", "values")

    def __init__(
        self, rule: Rule, values: Mapping[str, Any], converters: Mapping[str, BaseConverter]
    ) -> None:
        self.rule = rule
        self.values = values
        self.converters = converters

    def new_url(self, adapter: MapAdapter) -> str:
        netloc = adapter.server_name
        if adapter.subdomain:
            netloc = f"{adapter.subdomain}.{netloc}"
        base = f"{adapter.url_scheme or 'http'}://{netloc}{adapter.script_name}"
        return urljoin(base, self._target(adapter))

    def _target(self, adapter: MapAdapter) -> str:
        target = self.rule.redirect_to
        if target is None or callable(target):
            return target(adapter, **self.values) if target else ""
        pieces = _placeholder.split(target)  # text, name, text, name, ... text
        for position in range(1, len(pieces), 2):
            name = pieces[position]
            pieces[position] = self.converters[name].to_url(self.values[name])
        return "".join(pieces)
