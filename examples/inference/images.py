"""What an image is, and what is none. Nothing here knows of requests or of the classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIDE = 8
DARKEST = 16

#: The pixels of an image, row after row, from 0 (nothing) to 16 (all ink).
Image = list[float]


class InvalidImageError(ValueError):
    """This is no image; the message says to whoever sent it what is wrong."""


def image_in(content: Any) -> Image:
    """The image in ``{"image": [[...], ...]}``. Raises `InvalidImageError`."""
    return parse_image(_only(content, "image"), "The image")


def images_in(content: Any, most: int) -> list[Image]:
    """The images in ``{"images": [...]}``, one to *most*. Raises `InvalidImageError`."""
    found = _as_list(_only(content, "images"), "'images'")
    if not 1 <= len(found) <= most:
        raise InvalidImageError(f"There are {len(found)} images; send 1 to {most} at a time.")
    return [parse_image(value, f"Image {number}") for number, value in enumerate(found)]


def parse_image(value: Any, name: str) -> Image:
    """The image in eight lists of eight numbers; *name* is what messages call it."""
    rows = _as_list(value, name)
    if len(rows) != SIDE:
        raise InvalidImageError(f"{name} has {len(rows)} rows and not {SIDE}.")
    image: Image = []
    for number, row in enumerate(rows):
        where = f"{name}, row {number}"
        pixels = _as_list(row, where)
        if len(pixels) != SIDE:
            raise InvalidImageError(f"{where} has {len(pixels)} values and not {SIDE}.")
        image += [_pixel(pixel, f"{where}, column {at}") for at, pixel in enumerate(pixels)]
    return image


def _only(content: Any, key: str) -> Any:
    empty: Mapping[str, Any] = {}
    found = cast("Mapping[str, Any]", content) if isinstance(content, dict) else empty
    if set(found) != {key}:
        raise InvalidImageError(f"Send an object with the key {key!r} and no other.")
    return found[key]


def _as_list(value: Any, name: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise InvalidImageError(f"{name} is a list, not {_shown(value)}.")
    return cast("Sequence[Any]", value)


def _pixel(value: Any, where: str) -> float:
    # True is a number to Python, and NaN is one to its JSON parser: it is not between anything.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidImageError(f"{where} is {_shown(value)} and no number.")
    if not 0 <= value <= DARKEST:
        raise InvalidImageError(f"{where} is {_shown(value)}; values are from 0 to {DARKEST}.")
    return float(value)


def _shown(value: Any) -> str:
    return f"{value!r:.40}"
