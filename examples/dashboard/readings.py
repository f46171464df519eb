"""A reading: what a device has measured, and when. Nothing here touches a file or a network."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LATEST = 10**14  # milliseconds since 1970: far in the future, and exact in JavaScript


class Reading(NamedTuple):
    """`at` is in milliseconds since 1970. The store gives each reading an `id`, counting up."""

    device: str
    at: int
    value: float
    id: int = 0


def parse_reading(device: str, at: Any, value: Any) -> Reading:
    """The reading that is meant; `at` is a time in milliseconds or in ISO 8601.

    Raises `ValueError` with a message for whoever sent it.
    """
    if not _DEVICE.fullmatch(device):
        raise ValueError(
            f"{device[:40]!r} is no device: use 1 to 32 letters, digits, dashes and underscores."
        )
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no number.") from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{value!r} is no finite number.")
    return Reading(device, _milliseconds(at), number)


def _milliseconds(at: Any) -> int:
    try:
        milliseconds = int(at)
    except (TypeError, ValueError, OverflowError):
        milliseconds = _from_iso(at)
    if not 0 <= milliseconds <= _LATEST:
        raise ValueError(f"{at!r} is not a time after 1970 in milliseconds.")
    return milliseconds


def _from_iso(at: Any) -> int:
    try:
        moment = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        raise ValueError(
            f"{at!r} is no time: use milliseconds since 1970, or ISO 8601 (2031-05-17T12:00:00Z)."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
