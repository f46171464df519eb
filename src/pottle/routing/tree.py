"""The match tree: which rule a request is for. Part of the hot path.

A `Tree` is compiled once from the rules of a map and never changed, but for what those who match
note in its leaves. Its outermost level is the domain, below it one level per path segment. It decides exactly as werkzeug's `MapAdapter.match`,
which the tests hold it to, but answers with a value in every case: a problem is data, not an
exception. No function is made and no exception is raised while matching, except by converters.

Of thousands of rules most are cold: what a match asks of one is fetched from far memory, object by
object. So a node, its choices and its leaves refer to each other directly, with no container
between them, and all that is equal between rules is one object (bench: 10,000 routes).
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from werkzeug.routing import BaseConverter, IntegerConverter, Rule, ValidationError

from ..errors import SetupError
from .linear import matcher
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

T = TypeVar("T")
#: The name of a variable, and what makes its value of the text (None: the text is the value).
Argument: TypeAlias = "tuple[str, Callable[[str], Any] | None]"
Match: TypeAlias = "tuple[Leaf, dict[str, Any]]"

# Converters' expressions that something cheaper decides, by whether they take the rest of the path.
# `\d` is what `str.isdecimal` accepts; a segment has no slash in it, so `[^/]+` asks for a length.
_SHORTCUTS: dict[tuple[bool, str], Callable[[str], object]] = {
    (False, "[^/]+"): bool,
    (False, "[^/]{1,}"): bool,
    (False, r"\d+"): str.isdecimal,
    (True, "[^/].*?"): re.compile("[^/].*").fullmatch,
}
#: What all nodes share that have no static part behind them.
_NO_NODES: dict[str, Node] = {}
_slashes = re.compile("/{2,}")


class Leaf:
    """A rule, with all that is asked of it at the end of a path; `next` is another that ends there."""

    __slots__ = (
        "arguments", "compiled", "defaults", "detour", "methods", "next", "rule", "shorter",
        "strict", "websocket",
    )  # fmt: skip

    def __init__(
        self,
        rule: Rule,
        methods: frozenset[str] | None = None,
        arguments: tuple[Argument, ...] = (),
        shorter: tuple[Rule, ...] = (),
    ) -> None:
        self.rule = rule
        self.methods = methods
        self.websocket = bool(rule.websocket)
        self.strict = bool(rule.strict_slashes)
        self.defaults = rule.defaults
        self.arguments = arguments
        self.shorter = shorter
        #: Whether a match may still turn out to be a redirect.
        self.detour = bool(rule.alias or shorter or rule.redirect_to is not None)
        self.next: Leaf | None = None
        #: Who compiled the rule last, and to what: for those who match, and replaced as a whole.
        self.compiled: tuple[object, Any] = (None, None)


class Node:
    """A place in the tree: what may come next, and the rules that end here.

    `choice` and `leaf` are the first of their kind, and each knows the next.
    """

    __slots__ = ("choice", "leaf", "static")

    def __init__(self) -> None:
        self.static = _NO_NODES
        self.choice: Choice | None = None
        self.leaf: Leaf | None = None

    def behind(self, text: str) -> Node:
        """The node behind a static part, made if it is the first with this *text*."""
        if self.static is _NO_NODES:
            self.static = {}
        return self.static.setdefault(text, Node())

    def chosen(self, part: Any, key: tuple[Any, ...], rule: Rule) -> Choice:
        """The choice for a dynamic *part*, shared by all rules whose part has an equal *key*."""
        before, after = None, self.choice
        while after is not None and after.key[0] <= key[0]:
            if after.key == key:
                return after
            before, after = after, after.next
        made = Choice(part, key, rule)
        made.next = after
        if before is None:
            self.choice = made
        else:
            before.next = made
        return made

    def end(self, leaf: Leaf) -> None:
        """Have a rule end here, after those that do already."""
        last = self.leaf
        if last is None:
            self.leaf = leaf
            return
        while last.next is not None:
            last = last.next
        last.next = leaf


class Choice(Node):
    """A node behind a dynamic part: a test of one segment, or of the whole rest of the path.

    Where one converter makes up the part, `groups` is empty and the value is the tested text;
    otherwise `groups` names what the match of the test holds. `suffixed` is werkzeug's word for a
    rest whose last slash is matched apart, so that it can be asked for by a redirect.
    """

    __slots__ = ("final", "groups", "key", "next", "suffixed", "test")

    def __init__(self, part: Any, key: tuple[Any, ...], rule: Rule) -> None:
        super().__init__()
        try:
            pattern = re.compile(part.content)
        except re.error as error:
            raise SetupError(
                f"The rule {rule.rule!r} cannot be matched, since {part.content!r} is no regular"
                f" expression ({error}): correct the `regex` of its converters."
            ) from error
        self.key = key
        self.next: Choice | None = None
        self.final: bool = part.final
        self.suffixed: bool = part.suffixed
        self.test: Callable[[str], Any] = pattern.match
        self.groups: tuple[str, ...] = ()
        if _is_one_converter(part):
            inner = part.content.removeprefix("(?P<__werkzeug_0>").removesuffix(r")\Z")
            self.test = _SHORTCUTS.get((self.final, inner), pattern.match)
        else:
            names = [name for name in pattern.groupindex if name.startswith("__werkzeug_")]
            self.groups = tuple(sorted(names, key=pattern.groupindex.__getitem__))
            self.test = matcher(part.content, len(names))


#: Where a path is that no rule has the domain of.
_NOWHERE = Node()
#: Found instead of a rule when the path with a slash at its end would match.
_SLASH_REQUIRED = Leaf(Rule("/"))


class Tree:
    """The rules of a map, compiled for matching. Rules added to the map later are not in it."""

    __slots__ = ("_map", "_root", "_static")

    def __init__(self, url_map: PottleMap) -> None:
        """Raises `SetupError` for a rule whose converter has a malformed expression."""
        self._map = url_map
        self._root = Node()
        # PERF: whole paths without a variable, and their nodes by domain; static parts precede all
        # others in the tree as well, so what is found here is what a walk would find.
        self._static: dict[str, dict[str, Node]] = {}
        shorter = _shorter_rules(url_map)
        same: dict[Any, Any] = {}
        for rule in url_map.ordered_rules:
            if not rule.build_only:
                self._add(rule, shorter.get(id(rule), ()), same)

    def _add(self, rule: Rule, shorter: tuple[Rule, ...], same: dict[Any, Any]) -> None:
        """Add *rule*; *same* has, of each value that other rules have too, the one that is kept."""
        parts, converters = _compiled(rule)
        domain = parts[0]
        if domain.final:
            return  # takes in domain and path together, so that nothing is left for the path
        del parts[1]  # the empty part before the first slash: every rule has it, every path too
        node = self._root
        for part in parts:
            if part.static:
                # PERF: a copy, since the original lies far away, amid what the parser left there
                # (saves 0.3 us; bench: 10,000 routes)
                text = part.content
                node = node.behind(same.get(text) or _kept(text[:1] + text[1:], same))
            else:
                node = node.chosen(part, _kept(_key(part), same), rule)
        # The parameters of a view are interned too, so that they are found by identity.
        arguments = [(sys.intern(name), _conversion(item)) for name, item in converters.items()]
        methods = None if rule.methods is None else frozenset(rule.methods)
        node.end(Leaf(rule, _kept(methods, same), _kept(tuple(arguments), same), shorter))
        path = "/" + "/".join([part.content for part in parts[1:]])
        if all(part.static for part in parts) and not path.startswith("//"):
            self._static.setdefault(path, {})[domain.content] = node

    def match(
        self, domain: str, path: str, method: str, websocket: bool = False
    ) -> Match | Problem:
        """The leaf for a request and the values of its variables, or why there is none.

        *domain* is the host (with host matching) or the subdomain, in lower case and without any
        slash; *path* the decoded path within the application; *method* in upper case.
        """
        domains = self._static.get(path)
        if domains is not None and domain in domains:
            leaf = _accepting(domains[domain].leaf, method, websocket)
            if leaf is not None and not leaf.detour:
                return leaf, dict(leaf.defaults) if leaf.defaults else {}

        parts = path.split("/")
        if parts[0] or len(parts) == 1 or not parts[1]:  # it may not begin with just one slash
            path = path and f"/{path.lstrip('/')}"
            parts = path.split("/")
        parts[0] = domain
        node, index = self._root, 0
        if node.choice is None:
            # PERF: no domain has a variable, so there is one way on and nothing to come back for.
            node, index = node.static.get(domain, _NOWHERE), 1
        values: list[str] = []
        refused: list[Leaf] = []
        leaf = _walk(node, parts, index, values, method, websocket, refused)
        if leaf is None or leaf is _SLASH_REQUIRED:
            return self._problem(leaf, domain, path, method, websocket, refused)

        arguments: dict[str, Any] = {}
        convert = None
        at = 0  # PERF: saves the 0.2 us of zip
        try:
            for name, convert in leaf.arguments:
                arguments[name] = values[at] if convert is None else convert(values[at])
                at += 1
        except ValueError as error:
            if convert is not int and not isinstance(error, ValidationError):
                raise
            return _refusal(refused, method)
        if leaf.defaults:
            arguments.update(leaf.defaults)
        if leaf.detour:
            return self._detour(leaf, arguments, method, path) or (leaf, arguments)
        return leaf, arguments

    def _problem(
        self,
        leaf: Leaf | None,
        domain: str,
        path: str,
        method: str,
        websocket: bool,
        refused: list[Leaf],
    ) -> Problem:
        """What to answer to a *path* that leads to no rule, or (*leaf*) would with another slash."""
        if leaf is None and "//" in path and self._map.merge_slashes:
            path = _slashes.sub("/", path)
            parts = path.split("/")
            parts[0] = domain
            leaf = _walk(self._root, parts, 0, [], method, websocket, refused)
            if leaf is not None and leaf is not _SLASH_REQUIRED:
                merged = leaf.rule.merge_slashes is not False
                return OtherPath(path) if merged else _refusal(refused, method)
        return _refusal(refused, method) if leaf is None else OtherPath(f"{path}/")

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
            return RedirectTo(rule, arguments, _compiled(rule)[1])
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
        choice = node.choice
        if follow is not None:
            if choice is None and (part or index < end):
                node = follow  # PERF: nothing to come back for, so no call
                continue
            kept = len(values)
            found = _walk(follow, parts, index, values, method, websocket, refused)
            if found is not None:
                return found
            del values[kept:]
        while choice is not None:
            target = part
            after = index
            if choice.final:
                target = "/".join(parts[index - 1 :])
                after = end
            match = choice.test(target)
            if match:
                if not choice.groups:
                    values.append(target)
                else:
                    values.extend(map(match.group, choice.groups))
                    if choice.suffixed and match.group(match.re.groups) == "/":
                        after = end - 1  # the last part is the empty one behind that slash
                if choice.next is None and part:
                    node = choice  # PERF: as above
                    index = after
                    break
                kept = len(values) - (len(choice.groups) or 1)
                found = _walk(choice, parts, after, values, method, websocket, refused)
                if found is not None:
                    return found
                del values[kept:]
            choice = choice.next
        else:
            return None if part or index < end else _lenient(node, method, websocket, refused)

    leaf = node.leaf
    while leaf is not None:
        # PERF: `_accepts`, written out: every match comes here
        if leaf.websocket is websocket and (leaf.methods is None or method in leaf.methods):
            return leaf
        refused.append(leaf)
        leaf = leaf.next
    if "" in node.static:
        leaf = _accepting(node.static[""].leaf, method, websocket)
        if leaf is not None:
            return _SLASH_REQUIRED if leaf.strict else leaf
    return None


def _accepts(leaf: Leaf, method: str, websocket: bool) -> bool:
    return leaf.websocket is websocket and (leaf.methods is None or method in leaf.methods)


def _accepting(leaf: Leaf | None, method: str, websocket: bool) -> Leaf | None:
    """*leaf*, or the next one that takes the request."""
    while leaf is not None and not _accepts(leaf, method, websocket):
        leaf = leaf.next
    return leaf


def _lenient(node: Node, method: str, websocket: bool, refused: list[Leaf]) -> Leaf | None:
    """The rule that takes a slash too many at the end of its path."""
    leaf = node.leaf
    while leaf is not None:
        if not leaf.strict:
            if _accepts(leaf, method, websocket):
                return leaf
            refused.append(leaf)
        leaf = leaf.next
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


def _kept(value: T, same: dict[Any, Any]) -> T:
    """The first of all values that are equal to this one."""
    first: T = same.setdefault(value, value)
    return first


def _key(part: Any) -> tuple[Any, ...]:
    """What a dynamic part is tested with, after the order in which it has its turn."""
    weight = part.weight
    order = (weight[0], tuple(weight[1]), weight[2], tuple(weight[3]))
    return order, part.content, part.final, part.suffixed


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
