"""The match tree: which rule a request is for. Part of the hot path.

A `Tree` is compiled once from the rules of a map and never changed. Its outermost level is the
domain, below it one level per path segment. It decides exactly as werkzeug's `MapAdapter.match`,
which the tests hold it to, but answers with a value in every case: a problem is data, not an
exception. No function is made and no exception is raised while matching, except by converters.
"""

from __future__ import annotations

import re
from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.routing import BaseConverter, IntegerConverter, Rule, ValidationError

from ..errors import SetupError
from .problems import (
    AliasOf,
    MethodRefused,
    Missing,
    OtherPath,
    Problem,
    RedirectTo,
    ShorterRule,
    WrongProtocol,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rules import PottleMap

Match: TypeAlias = tuple[Rule, dict[str, Any]]

# Converters' expressions that something cheaper decides, by whether they take the rest of the path.
# `\d` is what `str.isdecimal` accepts; a segment has no slash in it, so `[^/]+` asks for a length.
_SHORTCUTS: dict[tuple[bool, str], Callable[[str], object]] = {
    (False, "[^/]+"): bool,
    (False, "[^/]{1,}"): bool,
    (False, r"\d+"): str.isdecimal,
    (True, "[^/].*?"): re.compile("[^/].*").fullmatch,
}
_NO_PATHS: dict[str, list[Leaf]] = {}
_slashes = re.compile("/{2,}")


class Leaf:
    """A rule, with all that is asked of it at the end of a path."""

    __slots__ = (
        "arguments", "converters", "defaults", "detour", "methods", "rule", "shorter", "strict",
        "websocket",
    )  # fmt: skip

    def __init__(
        self, rule: Rule, converters: dict[str, BaseConverter], shorter: tuple[Rule, ...]
    ) -> None:
        self.rule = rule
        self.methods = None if rule.methods is None else frozenset(rule.methods)
        self.websocket = rule.websocket
        self.strict = bool(rule.strict_slashes)
        self.defaults = rule.defaults
        self.converters = converters
        self.arguments = [(name, _conversion(item)) for name, item in converters.items()]
        self.shorter = shorter
        #: Whether a match may still turn out to be a redirect.
        self.detour = bool(rule.alias or shorter or rule.redirect_to is not None)


class Node:
    """A place in the tree: what may come next, and the rules that end here."""

    __slots__ = ("by_key", "choices", "leaves", "static")

    def __init__(self) -> None:
        self.static: dict[str, Node] = {}
        self.choices: list[Choice] = []
        self.leaves: list[Leaf] = []
        self.by_key: dict[Any, Choice] = {}

    def choice(self, part: Any, rule: Rule) -> Choice:
        """The choice for a dynamic *part*, shared by all rules with an equal part here."""
        weight = part.weight
        order = (weight[0], tuple(weight[1]), weight[2], tuple(weight[3]))
        key = (part.content, part.final, part.suffixed, order)
        if key not in self.by_key:
            self.by_key[key] = choice = Choice(part, rule, order)
            insort(self.choices, choice, key=attrgetter("order"))
        return self.by_key[key]


class Choice:
    """A dynamic way on from a node: a test of one segment, or of the whole rest of the path.

    Where one converter makes up the part, `groups` is empty and the value is the tested text;
    otherwise `groups` names what the match of the test holds. `suffixed` is werkzeug's word for a
    rest whose last slash is matched apart, so that it can be asked for by a redirect.
    """

    __slots__ = ("final", "groups", "node", "order", "suffixed", "test")

    def __init__(self, part: Any, rule: Rule, order: tuple[Any, ...]) -> None:
        try:
            pattern = re.compile(part.content)
        except re.error as error:
            raise SetupError(
                f"The rule {rule.rule!r} cannot be matched, since {part.content!r} is no regular"
                f" expression ({error}): correct the `regex` of its converters."
            ) from error
        self.order = order
        self.final: bool = part.final
        self.suffixed: bool = part.suffixed
        self.node = Node()
        self.test: Callable[[str], Any] = pattern.match
        self.groups: tuple[str, ...] = ()
        if _is_one_converter(part):
            inner = part.content.removeprefix("(?P<__werkzeug_0>").removesuffix(r")\Z")
            self.test = _SHORTCUTS.get((self.final, inner), pattern.match)
        else:
            names = [name for name in pattern.groupindex if name.startswith("__werkzeug_")]
            self.groups = tuple(sorted(names, key=pattern.groupindex.__getitem__))


#: Found instead of a rule when the path with a slash at its end would match.
_SLASH_REQUIRED = Leaf(Rule("/"), {}, ())


class Tree:
    """The rules of a map, compiled for matching. Rules added to the map later are not in it."""

    __slots__ = ("_map", "_root", "_static")

    def __init__(self, url_map: PottleMap) -> None:
        """Raises `SetupError` for a rule whose converter has a malformed expression."""
        self._map = url_map
        self._root = Node()
        # PERF: whole paths without a variable, by domain; static parts precede all others in the
        # tree as well, so what is found here is what a walk would find.
        self._static: dict[str, dict[str, list[Leaf]]] = {}
        shorter = _shorter_rules(url_map)
        for rule in url_map.ordered_rules:
            if not rule.build_only:
                self._add(rule, shorter.get(id(rule), ()))

    def _add(self, rule: Rule, shorter: tuple[Rule, ...]) -> None:
        parts, converters = _compiled(rule)
        domain = parts[0]
        if domain.final:
            return  # takes in domain and path together, so that nothing is left for the path
        del parts[1]  # the empty part before the first slash: every rule has it, every path too
        node = self._root
        for part in parts:
            if part.static:
                node = node.static.setdefault(part.content, Node())
            else:
                node = node.choice(part, rule).node
        node.leaves.append(Leaf(rule, converters, shorter))
        path = "/" + "/".join([part.content for part in parts[1:]])
        if all(part.static for part in parts) and not path.startswith("//"):
            self._static.setdefault(domain.content, {})[path] = node.leaves

    def match(
        self, domain: str, path: str, method: str, websocket: bool = False
    ) -> Match | Problem:
        """The rule for a request and the values of its variables, or why there is none.

        *domain* is the host (with host matching) or the subdomain, in lower case and without any
        slash; *path* the decoded path within the application; *method* in upper case.
        """
        for leaf in self._static.get(domain, _NO_PATHS).get(path, ()):
            if leaf.websocket == websocket and (leaf.methods is None or method in leaf.methods):
                if leaf.detour:
                    break
                return leaf.rule, dict(leaf.defaults) if leaf.defaults else {}

        if path[:2] == "//" or (path and path[0] != "/"):
            path = "/" + path.lstrip("/")
        values: list[str] = []
        refused: list[Leaf] = []
        found = self._follow(domain, path, values, method, websocket, refused)
        if found is None:
            if "//" in path and self._map.merge_slashes:
                return self._match_merged(domain, path, method, websocket, refused)
            return _refusal(refused, method)
        if found is _SLASH_REQUIRED:
            return OtherPath(f"{path}/")

        arguments: dict[str, Any] = {}
        convert = None
        try:
            for (name, convert), value in zip(found.arguments, values):  # noqa: B905 - PERF: as long
                arguments[name] = value if convert is None else convert(value)
        except ValueError as error:
            if convert is not int and not isinstance(error, ValidationError):
                raise
            return _refusal(refused, method)
        if found.defaults:
            arguments.update(found.defaults)
        if found.detour:
            return self._detour(found, arguments, method, path) or (found.rule, arguments)
        return found.rule, arguments

    def _follow(
        self,
        domain: str,
        path: str,
        values: list[str],
        method: str,
        websocket: bool,
        refused: list[Leaf],
    ) -> Leaf | None:
        """`_walk` from the root along *domain* and the segments of *path*."""
        parts = path.split("/")
        root = self._root
        if root.choices:
            parts[0] = domain
            return _walk(root, parts, 0, values, method, websocket, refused)
        # PERF: no domain has a variable, so there is one way on and nothing to come back for.
        node = root.static.get(domain)
        return None if node is None else _walk(node, parts, 1, values, method, websocket, refused)

    def _match_merged(
        self, domain: str, path: str, method: str, websocket: bool, refused: list[Leaf]
    ) -> Problem:
        """What to answer to a *path* that matches nothing, since it has several slashes in a row."""
        path = _slashes.sub("/", path)
        found = self._follow(domain, path, [], method, websocket, refused)
        if found is _SLASH_REQUIRED:
            return OtherPath(f"{path}/")
        if found is None or found.rule.merge_slashes is False:
            return _refusal(refused, method)
        return OtherPath(path)

    def _detour(
        self, leaf: Leaf, arguments: dict[str, Any], method: str, path: str
    ) -> Problem | None:
        rule = leaf.rule
        if self._map.redirect_defaults:
            if rule.alias:
                return AliasOf(rule.endpoint, arguments, method, path)
            for other in leaf.shorter:
                if other.suitable_for(arguments, method):
                    return ShorterRule(other, arguments)
        if rule.redirect_to is not None:
            return RedirectTo(rule, arguments, leaf.converters)
        return None

    def allowed_methods(self, domain: str, path: str, websocket: bool = False) -> set[str]:
        """The methods that have a rule for *path*; none if a rule for it takes every method."""
        found = self.match(domain, path, "--", websocket)
        return found.methods if isinstance(found, MethodRefused) else set()


def _walk(
    node: Node,
    parts: list[str],
    index: int,
    values: list[str],
    method: str,
    websocket: bool,
    refused: list[Leaf],
) -> Leaf | None:
    """Follow *parts* from *index* on; the rule they lead to, with its raw *values*, or None.

    Leaves that were reached but not for this method or protocol go to *refused*. If nothing is
    found, *values* may hold leftovers, which the caller must drop.
    """
    end = len(parts)
    while index < end:
        part = parts[index]
        index += 1
        follow = node.static.get(part)
        choices = node.choices
        if follow is not None:
            if part and not choices:
                node = follow  # PERF: nothing to come back for, so no call
                continue
            kept = len(values)
            found = _walk(follow, parts, index, values, method, websocket, refused)
            if found is not None:
                return found
            del values[kept:]
        for choice in choices:
            target = part
            after = index
            if choice.final:
                target = "/".join(parts[index - 1 :])
                after = end
            match = choice.test(target)
            if not match:
                continue
            kept = len(values)
            if not choice.groups:
                values.append(target)
            else:
                values.extend(map(match.group, choice.groups))
                if choice.suffixed and match.group(match.re.groups) == "/":
                    after = end - 1  # the last part is the empty one behind that slash
            if part and choice is choices[-1]:
                node = choice.node  # PERF: as above
                index = after
                break
            found = _walk(choice.node, parts, after, values, method, websocket, refused)
            if found is not None:
                return found
            del values[kept:]
        else:
            return None if part or index < end else _lenient(node, method, websocket, refused)

    for leaf in node.leaves:
        # PERF: `_accepts`, written out here and in `Tree.match`
        if leaf.websocket == websocket and (leaf.methods is None or method in leaf.methods):
            return leaf
        refused.append(leaf)
    if "" in node.static:
        for leaf in node.static[""].leaves:
            if _accepts(leaf, method, websocket):
                return _SLASH_REQUIRED if leaf.strict else leaf
    return None


def _accepts(leaf: Leaf, method: str, websocket: bool) -> bool:
    return leaf.websocket == websocket and (leaf.methods is None or method in leaf.methods)


def _lenient(node: Node, method: str, websocket: bool, refused: list[Leaf]) -> Leaf | None:
    """The rule that takes a slash too many at the end of its path."""
    for leaf in node.leaves:
        if not leaf.strict:
            if _accepts(leaf, method, websocket):
                return leaf
            refused.append(leaf)
    return None


def _refusal(refused: list[Leaf], method: str) -> Problem:
    """Why the leaves that were reached did not take the request."""
    if not refused:
        return Missing()
    methods: set[str] = set()
    for leaf in refused:
        if leaf.methods is not None and method not in leaf.methods:
            methods |= leaf.methods
    return MethodRefused(methods) if methods else WrongProtocol()


def _compiled(rule: Rule) -> tuple[list[Any], dict[str, BaseConverter]]:
    """The parts of a bound rule as werkzeug's own matcher takes them, and its converters by name.

    Both are private to werkzeug. Parsing the rule string a second time would make each converter
    twice and copy a grammar; `tests/test_routing_tree.py` notices if they ever look different.
    """
    # The reason for the `ignore` is given above.
    parts, converters = rule._parts, rule._converters  # pyright: ignore[reportPrivateUsage]
    return list(parts), converters


def _is_one_converter(part: Any) -> bool:
    """Whether a dynamic part is nothing but one converter (so that its value is all of the text)."""
    statics, _, arguments, _ = part.weight  # the two numbers are negative
    return statics == 0 and arguments == -1 and not part.suffixed


def _conversion(converter: BaseConverter) -> Callable[[str], Any] | None:
    """What makes a value of the matched text; None if the text is the value."""
    if type(converter).to_python is BaseConverter.to_python:
        return None
    if (
        type(converter) is IntegerConverter
        and not converter.fixed_digits
        and converter.min is None
        and converter.max is None
    ):
        return int  # PERF: its ValueError (too many digits) is taken for a ValidationError
    return converter.to_python


def _shorter_rules(url_map: PottleMap) -> dict[int, tuple[Rule, ...]]:
    """For each rule (by id) the rules of its endpoint that it redirects to, if the values of the
    request are the defaults of such a rule. In the order in which URLs are built from them."""
    with_defaults: dict[Any, list[Rule]] = {}
    shorter: dict[int, tuple[Rule, ...]] = {}
    for rule in url_map.iter_rules():
        before = with_defaults.setdefault(rule.endpoint, [])
        candidates = tuple(other for other in before if other.provides_defaults_for(rule))
        if candidates:
            shorter[id(rule)] = candidates
        if rule.defaults:
            before.append(rule)
    return shorter
