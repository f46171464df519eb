"""A lone surrogate that one client has sent, as JSON allows, is an error for nobody who gets to see it."""

from __future__ import annotations

from typing import Any

import pytest

from pottle import Pottle, Response, jsonify, render_template_string, request, websocket
from pottle.json.provider import DefaultJSONProvider

LONE = b'{"text": "a\\ud800b"}'
SEEN = "a\N{REPLACEMENT CHARACTER}b"


@pytest.fixture
def app() -> Pottle:
    app = Pottle(__name__, static_folder=None)
    said: list[str] = []

    @app.post("/say")
    async def say() -> str:
        said.append((await request.get_json())["text"])
        return "said"

    @app.get("/text")
    async def text() -> str:
        return said[0]

    @app.get("/response")
    async def response() -> Response:
        return Response(said[0])

    @app.get("/template")
    async def template() -> Any:
        return await render_template_string("{{ text }}", text=said[0])

    @app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> Any:
            yield said[0]

        return pieces()

    @app.get("/json")
    async def json() -> Any:
        return {"text": said[0]}

    @app.get("/jsonify")
    async def jsonified() -> Any:
        return jsonify(text=said[0])

    @app.sse("/events")
    async def events() -> Any:
        yield said[0]

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(said[0])
        await websocket.send_json(said[0])

    return app


@pytest.mark.parametrize("path", ["/text", "/response", "/template", "/stream"])
async def test_answers(app: Pottle, path: str) -> None:
    client = app.test_client()
    await client.post("/say", data=LONE, headers={"Content-Type": "application/json"})
    response = await client.get(path)
    assert (response.status_code, await response.get_data(as_text=True)) == (200, SEEN)


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("path", ["/json", "/jsonify"])
async def test_json(app: Pottle, path: str, escaped: bool) -> None:
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.ensure_ascii = escaped
    client = app.test_client()
    await client.post("/say", data=LONE, headers={"Content-Type": "application/json"})
    response = await client.get(path)
    assert response.status_code == 200
    assert (await response.get_json())["text"] == ("a\ud800b" if escaped else SEEN)


async def test_event_streams_and_websockets(app: Pottle) -> None:
    client = app.test_client()
    await client.post("/say", data=LONE, headers={"Content-Type": "application/json"})
    async with client.sse("/events") as events:
        assert (await anext(aiter(events))).data == SEEN
    async with client.websocket("/ws") as peer:
        assert await peer.receive() == SEEN
        assert "\\ud800" in str(await peer.receive())
