"""Routing: rules and converters (werkzeug's, given again here), and the match tree (ours).

Knows no application and no event loop. A map of rules goes in; out comes the rule for a request, or
the reason why there is none, or the URL for an endpoint.
"""

from __future__ import annotations

from werkzeug.routing import (
    AnyConverter,
    BaseConverter,
    BuildError,
    EndpointPrefix,
    FloatConverter,
    IntegerConverter,
    Map,
    MapAdapter,
    PathConverter,
    RequestRedirect,
    RoutingException,
    Rule,
    RuleFactory,
    RuleTemplate,
    Subdomain,
    Submount,
    UnicodeConverter,
    UUIDConverter,
    ValidationError,
    WebsocketMismatch,
)

from .problems import MethodRefused, Missing, Problem, Redirect, WrongProtocol
from .rules import PottleMap, PottleRule
from .tree import Tree

__all__ = [
    "AnyConverter",
    "BaseConverter",
    "BuildError",
    "EndpointPrefix",
    "FloatConverter",
    "IntegerConverter",
    "Map",
    "MapAdapter",
    "MethodRefused",
    "Missing",
    "PathConverter",
    "PottleMap",
    "PottleRule",
    "Problem",
    "Redirect",
    "RequestRedirect",
    "RoutingException",
    "Rule",
    "RuleFactory",
    "RuleTemplate",
    "Subdomain",
    "Submount",
    "Tree",
    "UUIDConverter",
    "UnicodeConverter",
    "ValidationError",
    "WebsocketMismatch",
    "WrongProtocol",
]
