"""Makes the sample video: twenty seconds of moving shapes, each with its number on it.

    python examples/video/sample.py sample.webm

A process of its own, since it keeps a processor busy for some seconds. The number of the second is
drawn as on a pocket calculator, so that anybody who seeks can see where they are.
"""
# pyright: reportUnknownMemberType=false
# (PyAV annotates what packets carry only in part.)

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

SECONDS = 20
RATE = 20  # pictures a second
WIDTH, HEIGHT = 640, 360
BIT_RATE = 5_000_000
GRAIN = 48  # lines of noise at the lower edge: a real film is as hard to compress

#: The bars of a digit that are lit: top, middle, bottom, then the left and the right pairs.
DIGITS = ["tbLlRr", "Rr", "tmbRl", "tmbRr", "mLRr", "tmbLr", "tmbLlr", "tRr", "tmbLlRr", "tmbLRr"]
BARS = {
    "t": (0, 0, 60, 12),
    "m": (0, 54, 60, 12),
    "b": (0, 108, 60, 12),
    "L": (0, 0, 12, 60),
    "l": (0, 60, 12, 60),
    "R": (48, 0, 12, 60),
    "r": (48, 60, 12, 60),
}


class Color(NamedTuple):
    """Brightness and two differences of colour, as videos have them (YUV)."""

    y: int
    u: int
    v: int


NIGHT, WHITE = Color(40, 140, 120), Color(225, 128, 128)
BLUE, ORANGE, GREEN = Color(120, 175, 90), Color(160, 70, 175), Color(150, 90, 90)


class Picture:
    """A picture in three planes; those of the colours have half the width and height."""

    def __init__(self, color: Color) -> None:
        quarter = WIDTH * HEIGHT // 4
        self.planes = [
            bytearray([color.y]) * (quarter * 4),
            bytearray([color.u]) * quarter,
            bytearray([color.v]) * quarter,
        ]

    def rectangle(self, x: int, y: int, width: int, height: int, color: Color) -> None:
        """Fill a rectangle; all four numbers have to be even."""
        for plane, value, part in zip(self.planes, color, (1, 2, 2), strict=True):
            line = bytes([value]) * (width // part)
            for row in range(y // part, (y + height) // part):
                start = row * (WIDTH // part) + x // part
                plane[start : start + len(line)] = line

    def noise(self, lines: int, source: random.Random) -> None:
        """Fill the lowest *lines* with noise."""
        self.planes[0][-lines * WIDTH :] = source.randbytes(lines * WIDTH)

    def frame(self) -> av.VideoFrame:
        """The picture as the encoder takes it."""
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, content in zip(frame.planes, self.planes, strict=True):
            plane.update(bytes(content))  # lines are not padded: the width is a multiple of 128
        return frame


def pictures() -> Iterator[Picture]:
    """All pictures of the video, one after another."""
    source = random.Random(2)  # the same video each time
    for number in range(SECONDS * RATE):
        second, turn = number // RATE, number / RATE * math.tau / 5
        picture = Picture(NIGHT)
        picture.rectangle(_even(290 + 250 * math.sin(turn)), 60, 60, 60, BLUE)
        picture.rectangle(_even(290 + 250 * math.cos(turn * 2)), 240, 60, 60, ORANGE)
        for place, digit in enumerate(f"{second:02}"):
            for bar in DIGITS[int(digit)]:
                x, y, width, height = BARS[bar]
                picture.rectangle(250 + 80 * place + x, 110 + y, width, height, WHITE)
        picture.rectangle(0, 0, WIDTH * second // SECONDS, 20, GREEN)  # how far it is
        picture.noise(GRAIN, source)
        yield picture


def _even(number: float) -> int:
    return round(number / 2) * 2


def make_sample(path: Path) -> None:
    """Write the video to *path*; it is there when it is whole, and not before."""
    unfinished = path.with_suffix(".part")
    # The index stands in front, so that a browser need not look for it at the end of the file.
    options = {"reserve_index_space": "4096"}
    with av.open(unfinished, "w", format="webm", options=options) as container:
        stream = container.add_stream("libvpx-vp9", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.codec_context.gop_size = RATE  # a complete picture each second: seeking is exact
        stream.options = {"deadline": "realtime", "cpu-used": "8"}
        for number, picture in enumerate(pictures()):
            frame = picture.frame()
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    unfinished.replace(path)


if __name__ == "__main__":
    make_sample(Path(sys.argv[1]))
