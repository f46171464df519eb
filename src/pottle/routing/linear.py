"""How a part of a rule with several variables is matched in time linear in the length of the path.

A regular expression of two lazy variables tries each pair of places, which is a number that grows
with the square of the path's length. But as in a glob, the leftmost place of what stands between
two `path` variables is always right: whatever could follow a later place can follow this one. So
there is nothing to come back for, which an atomic group says. Where a part is not of this kind,
the text that it is tried on is limited in length instead.
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import factorial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many steps a regular expression that may backtrack is allowed at most, about 0.1 s of work.
MAX_STEPS = 10_000_000

_variable = re.compile(r"(\(\?P<__werkzeug_\d+>(?:\[\^/\]\.\*\?|\\d\+|\[\^/\](?:\+|\{1,\}))\))")
_end = re.compile(r"(?:\(\?<!/\)\(/\?\))?\\Z$")
_escaped = re.compile(r"\\(.)", re.DOTALL)


def matcher(content: str, variables: int) -> Callable[[str], Any]:
    """What matches a text against *content*, the expression of a part with so many *variables*.

    It finds what `re.match` finds, but takes linear time where the part allows it, and finds
    nothing in a text that is longer than `longest` where it does not.
    """
    match = re.compile(content).match
    if variables < 2:
        return match
    limit = longest(variables)

    def limited(text: str) -> Any:
        return match(text) if len(text) <= limit else None

    atomic = _atomic(content)
    if atomic is None:
        return limited
    if atomic == content:
        return match
    linear = re.compile(atomic).match
    # `.` stops at a line feed, where the leftmost place may be the wrong one.
    return lambda text: limited(text) if "\n" in text else linear(text)


def longest(variables: int) -> int:
    """The length of a text at which so many *variables* that backtrack may take `MAX_STEPS`."""
    return int((MAX_STEPS * factorial(variables)) ** (1 / variables))


def _atomic(content: str) -> str | None:
    """*content* so that it takes linear time and finds the same, or None if that is not known.

    Each `path` but the last becomes an atomic group with all that follows it, up to the next one.
    For that, the end of every other variable has to be clear from the character behind it, and the
    attempts from different places may not read the same characters again and again.
    """
    end = _end.search(content)
    if end is None:
        return None
    pieces = _variable.split(content[: end.start()])
    literals = [_escaped.sub(r"\1", piece) for piece in pieces[::2]]
    if [re.escape(literal) for literal in literals] != pieces[::2] or "\n" in "".join(literals):
        return None  # there are other expressions in it
    names = pieces[1::2]
    lazy = [at for at, name in enumerate(names) if ".*?" in name]
    for at, name in enumerate(names):
        before, after = literals[at], literals[at + 1]
        if at in lazy or (not lazy and at == len(names) - 1):
            continue
        own = str.isdecimal if r"\d" in name else "/".__ne__
        searched = lazy and at > lazy[0]
        if searched and all(map(own, before)):
            return None
        if own(after[0]) if after else at < len(names) - 1:
            return None
    for this, following in pairwise(lazy):
        pieces[2 * this + 1] = "(?>" + pieces[2 * this + 1]
        pieces[2 * following] += "(?=[^/]))"
    return "".join(pieces) + end.group()
