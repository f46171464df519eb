"""Rules and the map that holds them: werkzeug's, with what an ASGI framework needs beside.

Parsing of rule strings, converters and URL building stay with werkzeug. Matching a request is the
business of `tree`; nothing here looks at a path.
"""

from __future__ import annotations

import warnings
from functools import cached_property, partial
from types import MethodType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from werkzeug.routing import Map, MapAdapter, Rule, RuleFactory

from ..active import changed
from .building import RequestAdapter, plain_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    #: Takes the values of a rule's variables; gives the domain and the path of the URL.
    _Builder: TypeAlias = Callable[..., tuple[str, str]]

_DEFAULT_PORTS = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}

#: What no argument of a Python function can be called.
_CONSTANTS = frozenset({"None", "True", "False", "__debug__"})

#: The subdomain of a request to a host outside of the server name; no rule is there.
FOREIGN_SUBDOMAIN = "<invalid>"


class BindableRequest(Protocol):
    """What `PottleMap.bind_to_request` reads of a request or websocket."""

    @property
    def host(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def root_path(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> bytes: ...


class PottleRule(Rule):
    """A URL rule that also knows whether OPTIONS requests to it are answered automatically.

    The positional arguments are in Quart's order; `build_only`, `redirect_to` and `alias` are
    keywords and mean what they mean in `werkzeug.routing.Rule`.
    """

    arguments: set[str]

    def __init__(
        self,
        string: str,
        defaults: Mapping[str, Any] | None = None,
        subdomain: str | None = None,
        methods: Iterable[str] | None = None,
        endpoint: Any | None = None,
        strict_slashes: bool | None = None,
        merge_slashes: bool | None = None,
        host: str | None = None,
        websocket: bool = False,
        provide_automatic_options: bool = False,
        *,
        build_only: bool = False,
        redirect_to: str | Callable[..., str] | None = None,
        alias: bool = False,
    ) -> None:
        super().__init__(
            string,
            defaults=defaults,
            subdomain=subdomain,
            methods=methods,
            build_only=build_only,
            endpoint=endpoint,
            strict_slashes=strict_slashes,
            merge_slashes=merge_slashes,
            redirect_to=redirect_to,
            alias=alias,
            host=host,
            websocket=websocket,
        )
        self.provide_automatic_options = provide_automatic_options

    def get_empty_kwargs(self) -> Mapping[str, Any]:
        """The arguments of an unbound copy; `websocket` and `merge_slashes` are among them, which
        werkzeug forgets, so a websocket rule in a `Submount` stays one."""
        return {
            **super().get_empty_kwargs(),
            "merge_slashes": self.merge_slashes,
            "websocket": self.websocket,
            "provide_automatic_options": self.provide_automatic_options,
        }

    # PERF: werkzeug writes and compiles two functions for each rule that is added, which takes seven
    # times as long as all the rest. Here a function is made when the first URL is built with it
    # (bench: start). If werkzeug ever ceases to ask for functions in this way, nothing is put off.

    def _compile_builder(self, append_unknown: bool = True) -> _Builder:
        """The function that builds URLs, which replaces itself; the real one where that can fail.

        It fails for a variable that comes twice or is called like a constant, and for a default
        that its converter refuses, and whoever adds such a rule is to hear of it.
        """
        variables = f"{self.host}{self.subdomain}{self.rule}".count("<")  # no less than there are
        named_well = variables == len(self.arguments) and _CONSTANTS.isdisjoint(self.arguments)
        if self.defaults or not named_well:
            return super()._compile_builder(append_unknown)
        return PottleRule._first_build_unknown if append_unknown else PottleRule._first_build

    def _first_build(self, /, **values: Any) -> tuple[str, str]:
        made: _Builder = MethodType(super()._compile_builder(False), self)
        self._build = made
        return made(**values)

    def _first_build_unknown(self, /, **values: Any) -> tuple[str, str]:
        made: _Builder = MethodType(super()._compile_builder(True), self)
        self._build_unknown = made
        return made(**values)

    def _encode_query_vars(self, query_vars: Mapping[str, Any]) -> str:
        # PERF: most queries are a page or an identifier, which is a third of werkzeug's 3 us.
        query = None if self.map.sort_parameters else plain_query(query_vars)
        return super()._encode_query_vars(query_vars) if query is None else query


class PottleMap(Map):
    """The rules of an application.

    `version` grows with every rule added, so whoever compiled something from the rules can tell
    that it is out of date. `ordered_rules` has the rules in the order in which they were added,
    which decides between two rules for one path (`iter_rules` sorts them for building).
    """

    version: int = 0

    @cached_property
    def ordered_rules(self) -> list[Rule]:
        return []

    def add(self, rulefactory: RuleFactory) -> None:
        """Bind the rule (or the rules of a factory) to this map and add it; plans look again."""
        for rule in rulefactory.get_rules(self):
            super().add(rule)
            self.ordered_rules.append(rule)
            self.version += 1
        changed()

    def domain_of(self, scheme: str, host: str, server_name: str | None) -> str:
        """The domain that rules are matched with, for a request to *host* (with its port, if any).

        With host matching it is the host, else the subdomain: what the host has in front of the
        server name, nothing if there is no server name, `FOREIGN_SUBDOMAIN` outside of it.
        """
        host = _without_default_port(scheme, host)
        if self.host_matching:
            return host
        if server_name is None:
            return ""
        before, found, rest = f".{host}".rpartition(
            f".{_without_default_port(scheme, server_name)}"
        )
        if not found or rest:
            return FOREIGN_SUBDOMAIN
        return ".".join(filter(None, before.split(".")))

    def bind_to_request(
        self, request: BindableRequest, subdomain: str | None, server_name: str | None
    ) -> MapAdapter:
        """The adapter that matches and builds URLs as seen from *request*.

        *server_name* defaults to the host of the request. Without a *subdomain* it is what the
        host of the request has in front of the server name; if the host does not end with the
        server name a warning is given and no rule will match. With host matching there are no
        subdomains. Raises `werkzeug.exceptions.BadHost` for a host that is no domain name; with a
        *subdomain* the adapter does, when it needs the host.
        """
        given = subdomain is not None
        if not given and not self.host_matching:
            subdomain = self.domain_of(request.scheme, request.host, server_name)
            if subdomain == FOREIGN_SUBDOMAIN:
                warnings.warn(
                    f"The request is for host {request.host!r}, which is not in the server name"
                    f" {server_name!r}, so no route matches it. Set SERVER_NAME to the name that"
                    " clients use, or turn subdomain matching off.",
                    stacklevel=2,
                )
        bind = partial(self._bind_now, request, subdomain, server_name)
        if self.host_matching or type(self).bind is not Map.bind:
            return bind()
        adapter = RequestAdapter(self, request.root_path, subdomain, bind)
        if not given:
            adapter.bind()
        return adapter

    def _bind_now(
        self, request: BindableRequest, subdomain: str | None, server_name: str | None
    ) -> MapAdapter:
        server_name = request.host if server_name is None else server_name
        return self.bind(
            _without_default_port(request.scheme, server_name),
            request.root_path,
            subdomain,
            request.scheme,
            request.method,
            request.path,
            request.query_string.decode("utf-8", "replace"),
        )


def _without_default_port(scheme: str, host: str) -> str:
    """*host* in lower case, without the port that *scheme* implies."""
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
