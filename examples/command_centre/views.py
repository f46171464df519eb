"""For operators: the page, its live events, and the API that gives commands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import HTTPException

from pottle import Blueprint, abort, current_app, render_template, request, url_for
from pottle import ServerSentEvent as Event

from .centre import Centre, centre
from .simulate import run_devices_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .devices import Device

pages = Blueprint("pages", __name__)

LONGEST_TIMEOUT = 300.0  # seconds
LONGEST_WAIT = 30.0
PAGE = 500  # devices in one answer


@pages.get("/")
async def index() -> str:
    return await render_template("index.html", simulate=current_app.config["SIMULATE"])


# What is


@pages.get("/api/devices")
async def devices() -> dict[str, Any]:
    after = request.args.get("after", "")
    group = request.args.get("group")
    found = sorted(
        id
        for id, device in centre().devices.connected.items()
        if id > after and group in (None, device.group)
    )
    rows = [centre().devices.connected[id].row() for id in found[:PAGE]]
    return {**centre().counts(), "devices": rows, "more": len(found) > PAGE}


@pages.sse("/events", retry=1000)
async def events() -> AsyncIterator[Event]:
    here = centre()
    with here.watches.open() as watch:  # opened first, so that nothing falls in between
        everything = set(here.devices.connected)
        yield Event(_update(here, everything, set(here.commands.known)) | {"all": True})
        while True:
            yield Event(_update(here, *await watch.next()))


def _update(here: Centre, devices: set[str], commands: set[int]) -> dict[str, Any]:
    connected, known = here.devices.connected, here.commands.known
    return {
        **here.counts(),
        "devices": [connected[id].row() for id in sorted(devices) if id in connected],
        "gone": sorted(id for id in devices if id not in connected),
        "commands": [known[id].summary() for id in sorted(commands) if id in known],
    }


# What shall be


@pages.post("/api/commands")
async def give() -> tuple[dict[str, Any], int, dict[str, str]]:
    """``{"name": "blink", "arguments": ..., "to": "all" | {"group": ...} | {"device": ...}}``."""
    wanted: Any = await request.get_json()  # 415 for other content: no foreign form can do this
    if not isinstance(wanted, dict):
        abort(400, "A command is an object with a name and a to.")
    order = cast(dict[str, Any], wanted)
    name, timeout = order.get("name"), order.get("timeout", current_app.config["TIMEOUT"])
    if not isinstance(name, str) or not 1 <= len(name) <= 40:
        abort(400, "The name of a command has 1 to 40 characters.")
    if not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST_TIMEOUT:
        abort(400, f"The timeout is more than 0 and at most {LONGEST_TIMEOUT:.0f} seconds.")
    to, found = _devices_for(order.get("to"))
    command = centre().commands.give(name, order.get("arguments"), to, found, timeout)
    location = url_for("pages.command", id=command.id)
    return command.summary(), 202, {"Location": location}


def _devices_for(to: Any) -> tuple[str, list[Device]]:
    """What the devices are called that a command is for, and these devices."""
    connected = centre().devices.connected
    match to:
        case "all":
            name, found = "all", list(connected.values())
        case {"group": str(name)}:
            found = [device for device in connected.values() if device.group == name]
        case {"device": str(name)}:
            found = [connected[name]] if name in connected else []
        case _:
            abort(400, 'The to is "all", {"group": ...} or {"device": ...}.')
    if not found:
        abort(404, "No such device is connected.")
    return name, found


@pages.get("/api/commands/<int:id>")
async def command(id: int) -> dict[str, Any]:
    """How a command stands; with ``?wait=<seconds>`` as soon as it is finished."""
    if (found := centre().commands.known.get(id)) is None:
        abort(404, f"There is no command {id}; only the last ones are remembered.")
    wait = request.args.get("wait", 0.0, float)
    try:
        async with asyncio.timeout(max(0.0, min(wait, LONGEST_WAIT))):
            await found.finished.wait()
    except TimeoutError:
        pass
    return found.details()


@pages.post("/api/simulate")
async def simulate() -> tuple[dict[str, Any], int]:
    """Connect simulated devices, to have something to look at. They end with the process."""
    count = int(current_app.config["SIMULATE"])
    if not count or current_app.background_tasks:
        abort(409, "Devices are simulated already, or shall not be.")
    # Where this request has come in, and not what its Host header says, which anybody can write.
    host, port = cast(tuple[str, int], request.scope["server"])
    url = f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"
    stop, secret = current_app.shutdown_event, current_app.config["SECRET"]
    current_app.add_background_task(run_devices_until, stop, url, secret, count)
    return {"simulated": count}, 202


@pages.errorhandler(HTTPException)
async def problem(error: HTTPException) -> tuple[dict[str, str | None], int]:
    return {"error": error.description}, error.code or 500
