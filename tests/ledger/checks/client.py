"""The ledger, 32: the test client."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from quart import Quart, Response, redirect, request, websocket
from wire import on_quart


def app_with(view: Any, kind: str = "http") -> Quart:
    app = Quart(__name__)
    if kind == "websocket":
        app.add_websocket("/", "view", view)
    else:
        app.add_url_rule("/", "view", view)
        app.add_url_rule("/<path:rest>", "rest", view)
    return app


async def receive_ends(view: Any, **config: Any) -> None:
    app = app_with(view, "websocket")
    app.config.update(config)
    with contextlib.suppress(Expected):
        async with app.test_client().websocket("/") as connection:
            task = asyncio.create_task(connection.receive())
            await asyncio.wait({task}, timeout=1)
    assert task.done(), "receive() hangs"
    assert task.cancelled() or task.exception(), "there was nothing to receive"


@on_quart(fails_on=("0.23",))
async def check_32_receive_ends_when_the_application_has_closed() -> None:
    async def view() -> None:
        await websocket.accept()
        await websocket.close(1000)

    await receive_ends(view)


class Expected(Exception):
    """What an application of a check raises."""


async def check_32_receive_ends_when_the_application_has_failed() -> None:
    async def view() -> None:
        await websocket.accept()
        raise Expected

    await receive_ends(view, PROPAGATE_EXCEPTIONS=True)


async def check_32_close_closes() -> None:
    seen: list[Any] = []

    async def view() -> None:
        try:
            await websocket.receive()
        except BaseException as error:
            seen.append(getattr(error, "code", None))
            raise

    async with app_with(view, "websocket").test_client().websocket("/") as connection:
        await connection.close(4000)
        for _ in range(20):
            await asyncio.sleep(0.01)
            if seen:
                break
        assert seen == [4000], seen


async def check_32_subprotocols_are_offered() -> None:
    async def view() -> None:
        await websocket.send(",".join(websocket.requested_subprotocols))

    client = app_with(view, "websocket").test_client()
    async with client.websocket("/", subprotocols=["soap", "json"]) as connection:
        got = await connection.receive()
    assert got == "soap,json", repr(got)


@on_quart(error="TimeoutError", why="it goes on for ever")
async def check_32_redirect_loops_end() -> None:
    seen: list[int] = []

    async def view() -> Any:
        seen.append(1)
        return redirect("/")

    try:
        await app_with(view).test_client().get("/", follow_redirects=True)
    except TimeoutError:
        raise
    except Exception:
        assert len(seen) < 100, len(seen)
        return
    raise AssertionError("a loop has no answer")


@on_quart(error="TypeError", why="it looks for a ? in a location that is None")
async def check_32_not_modified_is_no_redirect() -> None:
    client = app_with(lambda: Response("", 304)).test_client()
    response = await client.get("/", follow_redirects=True)
    assert response.status_code == 304, response.status_code


async def cookie(page: str, host: str = "localhost", **attributes: Any) -> str:
    """The cookies that are sent to *host* and *page* after one was set by `localhost`."""

    async def view(rest: str = "") -> Response:
        response = Response(request.headers.get("cookie", "none"))
        if request.path == "/set":
            response.set_cookie("name", "value", **attributes)
        return response

    client = app_with(view).test_client()
    await client.get("/set")
    response = await client.get(page, headers={"host": host})
    return await response.get_data(as_text=True)


async def check_32_cookies_keep_to_their_domain() -> None:
    assert await cookie("/") == "name=value"
    found = await cookie("/", host="example.org")
    assert found == "none", found


async def check_32_cookies_keep_to_their_path() -> None:
    assert await cookie("/inner/page", path="/inner") == "name=value"
    found = await cookie("/outer", path="/inner")
    assert found == "none", found
