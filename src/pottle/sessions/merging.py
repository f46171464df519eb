"""What becomes of a session that two requests have changed at the same time: a merge by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Where `pottle.flash` keeps its messages.
FLASHES = "_flashes"

Items = dict[str, Any]


def merge_items(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    dumps: Callable[[Any], str],
) -> Items:
    """*theirs* with all that was changed from *base* to *ours*.

    Of a key that both changed the value is ours; one that either deleted stays deleted. Values are
    compared as *dumps* writes them, so a change inside of a value counts. Flashed messages are
    merged one by one.
    """
    kept = {key: value for key, value in theirs.items() if key in ours or key not in base}
    changed = {
        key: value
        for key, value in ours.items()
        if key not in base or (key in theirs and dumps(value) != dumps(base[key]))
    }
    merged = kept | changed
    flashes = _merge_flashes(*(list(of.get(FLASHES) or ()) for of in (base, ours, theirs)))
    if flashes:
        merged[FLASHES] = flashes
    else:
        merged.pop(FLASHES, None)
    return merged


def _merge_flashes(base: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any]:
    """The messages of both, without those that one of them has taken out and shown."""
    count = len(base)
    if ours[:count] == base:
        return theirs + ours[count:]
    return (theirs[count:] if theirs[:count] == base else theirs) + ours
