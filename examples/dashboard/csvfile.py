"""Readings from a CSV file, line by line as it arrives: it may be larger than the memory.

The first line is `device,at,value`; a line is a reading. A line that is none is reported and the
rest goes on. Line breaks within quotes are not supported: no field needs one.
"""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, Any

from .readings import Reading, parse_reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

HEADER = ["device", "at", "value"]
BATCH_SIZE = 500
LONGEST_LINE = 1000
ERRORS_TOLD = 20


class UnusableFileError(ValueError):
    """The file is nothing that can be imported; the message says why."""


async def import_csv(
    chunks: AsyncIterable[bytes], insert: Callable[[list[Reading]], Awaitable[int]]
) -> dict[str, Any]:
    """Give the readings in *chunks* to *insert*, which says how many were new; answers a report.

    Raises `UnusableFileError` for a file that is no such CSV.
    """
    report: dict[str, Any] = {"imported": 0, "duplicates": 0, "rejected": 0, "errors": []}
    batch: list[Reading] = []

    async def flush() -> None:
        new = await insert(batch)
        report["imported"] += new
        report["duplicates"] += len(batch) - new
        batch.clear()

    number = 0
    async for line in _lines(chunks):
        number += 1
        try:
            if number == 1:
                _check_header(line)
            elif line.strip():
                batch.append(_parse(line))
        except UnusableFileError:
            raise
        except ValueError as error:
            report["rejected"] += 1
            if len(report["errors"]) < ERRORS_TOLD:
                report["errors"].append({"line": number, "error": str(error)})
        if len(batch) == BATCH_SIZE:
            await flush()
    if number == 0:
        raise UnusableFileError("The file is empty.")
    if batch:
        await flush()
    return report


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    rest = ""
    async for chunk in chunks:
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in lines:
            yield line
        if len(rest) > LONGEST_LINE:
            raise UnusableFileError(f"A line has more than {LONGEST_LINE} characters.")
    if rest:
        yield rest


def _check_header(line: str) -> None:
    if [name.strip().lower() for name in _fields(line)] != HEADER:
        raise UnusableFileError(
            f"The first line must be {','.join(HEADER)!r}, not {line[:60].strip()!r}."
        )


def _parse(line: str) -> Reading:
    fields = _fields(line)
    if len(fields) != len(HEADER):
        raise ValueError(f"There are {len(fields)} fields and not {len(HEADER)}.")
    return parse_reading(*(field.strip() for field in fields))


def _fields(line: str) -> list[str]:
    try:
        empty: list[str] = []
        return next(csv.reader([line.rstrip("\r")]), empty)
    except csv.Error as error:
        raise ValueError(str(error)) from None
