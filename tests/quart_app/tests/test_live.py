from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bookshop import Shop
from bookshop.live import chat, news
from quart import websocket_finished
from quart.testing.connections import WebsocketResponseError


async def reached(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_chat_is_for_users(client: Any) -> None:
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/live/chat") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 401


async def test_everybody_hears_what_is_said(user: Any, app: Shop) -> None:
    other = app.test_client()
    async with other.session_transaction() as session:
        session["user"] = "bob"
    app.store.users["bob"] = "bob"
    async with user.websocket("/live/chat") as ann, other.websocket("/live/chat") as bob:
        await reached(lambda: len(chat.subscribers) == 2)
        await ann.send("hello")
        assert await ann.receive() == "ann: hello"
        assert await bob.receive() == "ann: hello"
        await bob.send("hi")
        assert await ann.receive() == "bob: hi"
    await reached(lambda: not chat.subscribers)


async def test_haggling_in_json(client: Any) -> None:
    async with client.websocket("/live/prices/9780486280615") as connection:
        for price, accepted in ((4, False), (6, True)):
            await connection.send_json({"price": price})
            assert await connection.receive_json() == {
                "isbn": "9780486280615",
                "accepted": accepted,
            }


async def test_a_websocket_that_does_not_exist(client: Any) -> None:
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/live/nowhere") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 404


async def test_a_page_is_no_websocket(client: Any) -> None:
    assert (await client.get("/live/chat")).status_code == 400


async def test_news_are_server_sent_events(client: Any) -> None:
    headers = {"Accept": "text/event-stream"}
    async with client.request("/live/news", headers=headers) as connection:
        await connection.send_complete()
        assert await connection.receive() == b"retry: 1000\n\n"
        assert connection.status_code == 200
        assert connection.headers["Content-Type"] == "text/event-stream"
        assert connection.headers["Cache-Control"] == "no-cache"
        await reached(lambda: news.subscribers)
        for item in ("a sale", "it is over"):
            response = await client.post("/live/news", data=item)
            assert response.status_code == 202
            assert await connection.receive() == f"event: news\ndata: {item}\n\n".encode()
        await connection.disconnect()
    await reached(lambda: not news.subscribers)


async def test_news_are_nothing_else(client: Any) -> None:
    response = await client.get("/live/news", headers={"Accept": "text/html"})
    assert response.status_code == 406


async def test_the_end_of_a_websocket_is_signalled(client: Any, app: Shop) -> None:
    seen: list[str] = []

    @app.websocket("/once")
    async def once() -> None:
        from quart import websocket

        await websocket.send(websocket.args.get("word", ""))

    async def receiver(sender: Any, **_: Any) -> None:
        seen.append(sender.name)

    with websocket_finished.connected_to(receiver, app):
        async with client.websocket("/once?word=hello") as connection:
            assert await connection.receive() == "hello"
            await reached(lambda: seen)
    assert seen == ["bookshop"]
