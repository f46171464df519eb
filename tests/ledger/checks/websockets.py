"""The ledger, 15 to 21: websockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from quart import Quart, abort, get_flashed_messages, request, session, websocket
from quart.sessions import SecureCookieSessionInterface
from wire import Event, Records, Wire, ask, connect, dial, on_quart, text


def app_with(view: Any) -> Quart:
    app = Quart(__name__)
    app.add_websocket("/", "view", view)
    return app


async def ended(app: Quart, *messages: Event, **options: Any) -> Wire:
    """What came of a websocket whose handler ends by itself."""
    async with dial(app, "/", *messages, **options) as wire:
        await asyncio.wait({wire.task})
    return wire


async def check_15_an_unhandled_error_closes_with_1011() -> None:
    async def view() -> None:
        await websocket.accept()
        raise ValueError("it broke")

    wire = await ended(app_with(view))
    assert wire.code == 1011, wire.code


async def check_15_abort_after_accept_closes_with_1008() -> None:
    async def view() -> None:
        await websocket.accept()
        abort(403)

    wire = await ended(app_with(view))
    assert wire.code == 1008, wire.code


async def left(*messages: Event, **details: Any) -> list[Any]:
    """What a handler receives, with pauses, whose client has sent *messages* and left at once."""
    seen: list[Any] = []

    async def view() -> None:
        await websocket.accept()
        try:
            while True:
                seen.append(await websocket.receive())
                await asyncio.sleep(0.05)
        except BaseException as error:
            seen.append(error)
            raise

    async with dial(app_with(view), "/", *messages) as wire:
        wire.leave(**details)
        await asyncio.wait({wire.task}, timeout=2)
    return seen


async def check_16_queued_messages_are_received_before_the_disconnect() -> None:
    seen = await left(text("one"), text("two"), code=1000)
    assert seen[:-1] == ["one", "two"], seen


async def check_16_the_disconnect_carries_code_and_reason() -> None:
    (error,) = await left(code=4001, reason="enough")
    found = getattr(error, "code", None), getattr(error, "reason", None)
    assert found == (4001, "enough"), repr(error)


@on_quart(fails_on=(), why="here it is the same")
async def check_16_the_disconnect_is_a_cancelled_error() -> None:
    (error,) = await left(code=1000)
    assert isinstance(error, asyncio.CancelledError), repr(error)


async def empty_frame(**frame: Any) -> None:
    seen: list[Any] = []

    async def view() -> None:
        seen.append(await websocket.receive())

    wire = await ended(app_with(view), {"type": "websocket.receive", **frame})
    assert wire.error is None, repr(wire.error)
    assert seen == [b""], seen


async def check_17_an_empty_binary_frame_is_received() -> None:
    await empty_frame(bytes=b"")


async def check_17_an_empty_binary_frame_beside_no_text_is_received() -> None:
    await empty_frame(bytes=b"", text=None)


async def check_18_messages_are_read_ahead_within_bounds() -> None:
    def messages() -> Iterator[Event]:
        yield {"type": "websocket.connect"}
        for _ in range(200):
            yield text("message")

    async def view() -> None:
        await websocket.receive()
        await asyncio.sleep(0.3)

    async with connect(app_with(view), "/", messages(), kind="websocket") as wire:
        await asyncio.wait({wire.task})
    assert wire.pulled <= 20, f"{wire.pulled} events were pulled, and one message received"


async def check_18_body_events_are_read_ahead_within_bounds() -> None:
    async def view() -> str:
        await anext(aiter(request.body))
        await asyncio.sleep(0.3)
        return "done"

    app = Quart(__name__)
    app.add_url_rule("/", "view", view, methods=["POST"])
    wire = await ask(app, "/", (b"piece" for _ in range(200)), method="POST")
    assert wire.body == b"done", wire.error
    assert wire.pulled <= 20, f"{wire.pulled} events were pulled, and one piece read"


@on_quart(fails_on=("0.21",))
async def check_19_a_url_value_preprocessor_does_not_break_websockets() -> None:
    async def view() -> None:
        await websocket.send("hello")

    app = app_with(view)
    app.url_value_preprocessor(lambda endpoint, values: None)
    wire = await ended(app)
    assert "websocket.send" in wire.types, wire.sent


@on_quart(fails_on=("0.21",))
async def check_19_flashed_messages_do_not_break_websockets() -> None:
    async def view() -> None:
        await websocket.send(str(get_flashed_messages()))

    app = app_with(view)
    app.secret_key = "a secret of the tests"
    wire = await ended(app)
    assert "websocket.send" in wire.types, wire.sent


async def check_20_a_handler_that_never_accepts_rejects() -> None:
    async def view() -> None:
        return None

    async with dial(app_with(view)) as wire:
        await asyncio.wait({wire.task}, timeout=1)
    assert wire.types, "nothing was sent at all"


class SyncSessions(SecureCookieSessionInterface):
    """Stores nothing, but says so in a plain method."""

    saved: list[bool]

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        self.saved.append(True)


async def check_21_a_synchronous_save_session_works_for_websockets() -> None:
    async def view() -> None:
        session["name"] = "value"
        await websocket.send("hello")

    app = app_with(view)
    app.secret_key = "a secret of the tests"
    app.session_interface = SyncSessions()
    app.session_interface.saved = saved = []
    records = Records(app)
    await ended(app)
    assert saved, "it was not called"
    assert not records.messages, records.messages
