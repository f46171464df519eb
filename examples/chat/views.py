"""What can be asked of the chat: the page, the list of rooms, and the websocket of a room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from pottle import Blueprint, current_app, render_template, websocket

from .broker import Broker, CutOffError
from .hub import Hub, Member, TooSlowError
from .messages import (
    LONGEST_NAME,
    LONGEST_TEXT,
    Id,
    RefusedError,
    parse_draft,
    parse_id,
    parse_name,
    parse_room,
)
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import Coroutine

pages = Blueprint("pages", __name__)

LARGEST_MESSAGE = 16 * 1024  # bytes or characters; an honest client never sends as much
SLOWEST_SEND = 5.0  # seconds that a client may take to make room for one message
TOO_BIG, TRY_AGAIN_LATER = 1009, 1013  # close codes


def hub() -> Hub:
    """The rooms of the application that is asked; see `app.create_app`."""
    return cast(Hub, current_app.extensions["hub"])


@pages.get("/")
async def index() -> str:
    return await render_template("index.html", longest_name=LONGEST_NAME, longest_text=LONGEST_TEXT)


@pages.get("/api/rooms")
async def rooms() -> dict[str, Any]:
    found = hub().presence.rooms()
    return {"rooms": [{"room": room, "people": people} for room, people in found.items()]}


# Without the cancellation, what somebody said right before leaving is passed on still.
@pages.websocket("/rooms/<room>", cancel_on_disconnect=False)
async def enter(room: str) -> tuple[str, int] | None:
    """One client in one room: ``?name=ada``, and ``&after=<id>`` for who comes back."""
    try:
        parse_room(room)
        name = parse_name(websocket.args.get("name", ""))
        last = websocket.args.get("after")
        after = parse_id(last) if last else None
    except ValueError as error:
        return str(error), 400  # not accepted yet, so this is an answer by HTTP
    await websocket.accept()
    try:
        await _chat(room, name, after)
    except (TooSlowError, TimeoutError) as error:
        current_app.logger.info("%s in %s is too slow: %s", name, room, error)
        await _close(TRY_AGAIN_LATER, "You read too slowly.")
    return None


async def _chat(room: str, name: str, after: Id | None) -> None:
    with hub().join(room, name, after) as member:
        await _first_of(_listen(room, member), _talk(member))


async def _listen(room: str, member: Member) -> None:
    """Pass on what the client says, no faster than is allowed: what is not read waits there."""
    broker: Broker = current_app.extensions["broker"]
    pace = Pace(current_app.config["RATE"], current_app.config["BURST"])
    async for data in websocket:
        if len(data) > LARGEST_MESSAGE:
            await _close(TOO_BIG, f"More than {LARGEST_MESSAGE} bytes.")
            return
        if pause := pace.step():
            await asyncio.sleep(pause)
        try:
            draft = parse_draft(data, room, member.name)
        except RefusedError as error:
            await websocket.send_json(type="refused", key=error.key, error=str(error))
            continue
        try:
            await broker.publish(draft)
        except CutOffError:
            await websocket.send_json(type="delayed", key=draft.key)


async def _talk(member: Member) -> None:
    """Send what waits for the client, for ever."""
    while True:
        for text in await member.next():
            async with asyncio.timeout(SLOWEST_SEND):
                await websocket.send(text)


async def _first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all, until the first of them ends; its error, if there was one, is raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


async def _close(code: int, reason: str) -> None:
    """Close; the close frame stands behind what the client has not read, so do not wait long."""
    try:
        async with asyncio.timeout(1):
            await websocket.close(code, reason)
    except TimeoutError:
        pass
