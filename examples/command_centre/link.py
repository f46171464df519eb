"""The websocket of a device.

A device connects to ``/devices/<id>?group=<group>`` with the header ``Authorization: Bearer <token>``.
It says ``{"state": {...}}``, ``{"pong": true}``, ``{"confirm": 17}`` and, when a command is carried
out, ``{"result": 17, "ok": true, "value": ...}``. It is told ``{"ping": true}`` and
``{"command": 17, "name": "blink", "arguments": ...}``.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, cast

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from pottle import Blueprint, Websocket, abort, current_app, websocket

from .centre import Centre, centre
from .devices import Device
from .tokens import NAME, is_token

link = Blueprint("link", __name__)

LARGEST_MESSAGE = 4096  # characters or bytes
TOO_BIG = 1009
BEARER = WWWAuthenticate("bearer")


@link.websocket("/devices/<id>")
async def device(id: str) -> None:
    group = websocket.args.get("group", "default")
    _let_in(id, group)
    await websocket.accept()
    here, this = centre(), _this_device(id, group)
    here.devices.add(this)
    try:
        async for message in websocket:
            this.seen = time.monotonic()
            this.messages += 1
            if len(message) > LARGEST_MESSAGE:
                await this.close(TOO_BIG, f"More than {LARGEST_MESSAGE} bytes.")
                return
            try:
                _take(here, this, message)
            except ValueError as error:
                this.send(json.dumps({"error": str(error)}), limit=1)
    finally:
        this.stop_sending()
        here.devices.remove(this)


def _this_device(id: str, group: str) -> Device:
    # The websocket itself and not the proxy, which is another one in each handler.
    socket = cast(Websocket, cast(Any, websocket)._get_current_object())
    handler = asyncio.current_task()
    assert handler is not None
    return Device(id, group, socket, handler)


def _let_in(id: str, group: str) -> None:
    """Refuse by an answer over HTTP whoever is no device of ours: nothing is accepted for them."""
    if not NAME.fullmatch(id) or not NAME.fullmatch(group):
        abort(400, "Ids and groups have 1 to 32 letters, digits, dashes and underscores.")
    scheme, _, token = websocket.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Send 'Authorization: Bearer <token>'.", www_authenticate=BEARER)
    if not is_token(current_app.config["SECRET"], id, token.strip()):
        abort(403, f"This is not the token of {id}.")
    if len(centre().devices.connected) >= current_app.config["MOST_DEVICES"]:
        abort(503, "There are as many devices as this process takes.")


def _take(here: Centre, this: Device, message: str | bytes) -> None:
    """What a device has to say. Raises `ValueError` with a message for whoever made the device."""
    content: Any = json.loads(message)
    if not isinstance(content, dict):
        raise ValueError('A message is an object such as {"state": {"temperature": 21.5}}.')
    said = cast(dict[str, Any], content)
    if isinstance(state := said.get("state"), dict):
        here.devices.report(this, cast(dict[str, Any], state))
    elif isinstance(id := said.get("confirm"), int):
        here.commands.confirm(this.id, id)
    elif isinstance(id := said.get("result"), int):
        here.commands.finish(this.id, id, said.get("ok") is True, said.get("value"))
    elif "pong" not in said:
        raise ValueError("A message has a state (an object), a confirm, a result or a pong.")
