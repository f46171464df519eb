"""What can be asked of the dashboard: the page, the history, the live readings, the import."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import HTTPException

from pottle import Blueprint, abort, current_app, render_template, request, websocket
from pottle import ServerSentEvent as Event

from .csvfile import HEADER, UnusableFileError, import_csv
from .readings import Reading, parse_reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .feed import Feed
    from .hub import Batch

pages = Blueprint("pages", __name__)

#: Readings that a browser gets at once, at most.
LIMIT = 5000
LARGEST_IMPORT = 1024**3  # bytes


def feed() -> Feed:
    """The feed of the application that is asked; see `app.create_app`."""
    return cast("Feed", current_app.extensions["feed"])


@pages.get("/")
async def index() -> str:
    return await render_template("index.html")


# Devices push their readings.


@pages.websocket("/devices/<device>")
async def device(device: str) -> None:
    await websocket.accept()
    with feed().connection(device):
        async for message in websocket:
            try:
                reading = _reading_in(message, device)
            except ValueError as error:
                await websocket.send_json(error=str(error))
            else:
                await feed().put(reading)


def _reading_in(message: str | bytes, device: str) -> Reading:
    content: Any = json.loads(message)
    if not isinstance(content, dict):
        raise ValueError('A reading is an object such as {"at": 1936785600000, "value": 21.5}.')
    content = cast("dict[str, Any]", content)
    return parse_reading(device, content.get("at"), content.get("value"))


# Browsers follow them: by a websocket or, where there is none, by an event stream.


@pages.websocket("/live")
async def live() -> None:
    await websocket.accept()  # `send` would do it too, but the first reading may be long in coming
    async for batch in feed().follow(websocket.args.get("after", type=int), LIMIT):
        await websocket.send_json(_as_message(batch))


@pages.sse("/events", retry=1000)
async def events() -> AsyncIterator[Event]:
    # A browser that reconnects says by itself which event was the last it has seen.
    after = request.last_event_id or request.args.get("after", "")
    async for batch in feed().follow(int(after) if after.isdecimal() else None, LIMIT):
        yield Event(_as_message(batch), id=batch.readings[-1].id)


def _as_message(batch: Batch) -> dict[str, Any]:
    return {"readings": batch.readings, "lost": batch.lost}


# What was: for the page, and for other programs.


@pages.get("/api/devices")
async def devices() -> dict[str, Any]:
    connected = feed().connected
    return {
        "devices": [
            {**device, "connected": connected[device["device"]] > 0}
            for device in await feed().store.devices()
        ]
    }


@pages.get("/api/readings")
async def readings() -> dict[str, Any]:
    since, limit = request.args.get("since", 0, int), request.args.get("limit", 500, int)
    if not 1 <= limit <= LIMIT:
        abort(400, f"The limit is between 1 and {LIMIT}, not {limit}.")
    found = await feed().store.latest(request.args.get("device"), since, limit)
    return {"readings": [reading._asdict() for reading in found]}


# Files in and out, both of any size.


@pages.post("/import")
async def import_file() -> dict[str, Any]:
    request.max_content_length = LARGEST_IMPORT
    async for part in request.parts():
        if part.filename is not None:
            return await import_csv(part, feed().insert)
    raise UnusableFileError("There is no file in this form.")


@pages.get("/export.csv")
async def export_file() -> tuple[AsyncIterator[str], dict[str, str]]:
    every = feed().store.every()

    async def lines() -> AsyncIterator[str]:
        yield ",".join(HEADER) + "\n"
        async for reading in every:
            yield f"{reading.device},{reading.at},{reading.value}\n"

    return lines(), {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="readings.csv"',
    }


@pages.errorhandler(UnusableFileError)
async def unusable_file(error: UnusableFileError) -> tuple[dict[str, str], int]:
    return {"error": str(error)}, 400


@pages.errorhandler(HTTPException)
async def problem(error: HTTPException) -> tuple[dict[str, str | None], int]:
    return {"error": error.description}, error.code or 500
