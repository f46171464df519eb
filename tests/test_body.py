"""The body of a request: read once, in one way, within its limits, and never ahead of need."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

from peer import Peer, call, calling, http_scope, piece
from pottle import Pottle, request
from pottle.errors import BodyConsumedError, ClientDisconnected
from pottle.wrappers import Request
from pottle.wrappers.body import Body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n0123456789\r\n--b--\r\n'
)
FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'


def app_for(view: Callable[[], Awaitable[Any]], **config: Any) -> Pottle:
    app = Pottle(__name__)
    app.config.update(config)
    app.add_url_rule("/", "view", view, methods=["GET", "POST", "PUT", "DELETE"])
    return app


async def result_of(view: Callable[[], Awaitable[Any]], method: str = "POST", **sent: Any) -> Any:
    """What *view* gives, called within a request that has the body *sent*."""
    results = []

    async def outer() -> str:
        results.append(await view())
        return ""

    answer = await app_for(outer).test_client().open("/?q=1", method=method, **sent)
    assert answer.status_code == 200, await answer.get_data()
    return results[0]


def post_scope(headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return http_scope(method="POST", headers=pairs, **changes)


# Whole


async def test_get_data() -> None:
    async def view() -> Any:
        return (
            await request.get_data(),
            await request.get_data(as_text=True),
            await request.data,
            await request.body,
            [chunk async for chunk in request.stream],
        )

    seen = await result_of(view, data=b"a\xff")
    assert seen == (b"a\xff", "a\ufffd", b"a\xff", b"a\xff", [b"a\xff"])


async def test_an_empty_body_can_be_read_in_every_way_again_and_again() -> None:
    async def view() -> Any:
        pieces = [chunk async for chunk in request.body]
        pieces += [chunk async for chunk in request.body]
        data = await request.get_data()
        pieces += [chunk async for chunk in request.body]
        return pieces, data, await request.get_data(as_text=True)

    assert await result_of(view) == ([], b"", "")


async def test_data_that_is_not_cached_is_gone() -> None:
    async def view() -> Any:
        return await request.get_data(cache=False), await request.get_data()

    assert await result_of(view, data=b"abc") == (b"abc", b"")


async def test_readers_at_the_same_time_share_one_reading() -> None:
    async def streamed() -> bytes:
        return b"".join([chunk async for chunk in request.body])

    async def view() -> Any:
        return await asyncio.gather(
            request.get_data(), request.get_data(), streamed(), request.get_json()
        )

    seen: list[Any] = []

    async def outer() -> str:
        seen.extend(await view())
        return ""

    async with calling(app_for(outer), post_scope(JSON)) as peer:
        await asyncio.sleep(0)
        peer.put(piece(b"[1"))
        await asyncio.sleep(0)
        peer.put(piece(b", 2]", False))
    assert seen == [b"[1, 2]", b"[1, 2]", b"[1, 2]", [1, 2]]


async def test_reading_that_was_given_up_goes_on_where_it_was() -> None:
    async def view() -> Any:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await request.get_data()
        peer.put(piece(b"bc", False))
        return await request.get_data()

    async with calling(app_for(view), post_scope(), piece(b"a")) as peer:
        pass
    assert peer.body == b"abc"


async def test_streaming_after_reading_was_given_up() -> None:
    async def view() -> Any:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await request.get_data()
        peer.put(piece(b"bc", False))
        return b"|".join([chunk async for chunk in request.body])

    async with calling(app_for(view), post_scope(), piece(b"a")) as peer:
        pass
    assert peer.body == b"a|bc"


async def test_another_reader_takes_over_from_one_that_gives_up() -> None:
    async def view() -> Any:
        first = asyncio.create_task(request.get_data())
        await asyncio.sleep(0)
        second = asyncio.create_task(request.get_data())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        peer.put(piece(b"b", False))
        return await second

    async with calling(app_for(view), post_scope(), piece(b"a")) as peer:
        pass
    assert peer.body == b"ab"


# As a stream


async def test_a_body_in_pieces_is_whole() -> None:
    async def view() -> bytes:
        return b"|".join([chunk async for chunk in request.body])

    events = [piece(b"a"), piece(b""), piece(b"b"), piece(b"", False)]
    assert (await call(app_for(view), post_scope(), *events)).body == b"a|b"


async def test_a_stream_can_be_left_and_gone_on_with() -> None:
    async def view() -> Any:
        async for chunk in request.body:
            first = chunk
            break
        return first + b"|" + b"".join([chunk async for chunk in request.body])

    answer = await call(app_for(view), post_scope(), piece(b"a"), piece(b"b"), piece(b"c", False))
    assert answer.body == b"a|bc"


@pytest.mark.parametrize(
    "again",
    [
        lambda: request.get_data(),
        lambda: request.get_json(force=True),
        lambda: request.body.read(),
        lambda: anext(aiter(request.body)),
    ],
    ids=["get_data", "get_json", "read", "iteration"],
)
async def test_a_body_that_was_streamed_is_not_there_again(again: Any) -> None:
    async def view() -> str:
        async for _ in request.body:
            pass
        with pytest.raises(BodyConsumedError, match="already read as a stream"):
            await again()
        return "said so"

    answer = await call(app_for(view), post_scope(), piece(b"1"), piece(b"2", False))
    assert answer.body == b"said so"


async def test_the_rest_of_a_stream_is_not_taken_for_the_whole() -> None:
    async def view() -> str:
        async for _ in request.body:
            break
        with pytest.raises(BodyConsumedError):
            await request.get_data()
        with pytest.raises(BodyConsumedError):
            _ = await request.form
        return "said so"

    answer = await call(app_for(view), post_scope(FORM), piece(b"a=1"), piece(b"&b=2", False))
    assert answer.body == b"said so"


async def test_a_body_without_a_connection() -> None:
    body = Body(None, 5)
    body.set_complete()
    assert await body == b""
    body.set_result(b"12345")
    assert await body == b"12345"
    assert [chunk async for chunk in body] == [b"12345"]
    body.max_content_length = 4
    with pytest.raises(RequestEntityTooLarge):
        await body
    body.set_result(b"1")
    assert await body.read() == b"1"
    body.clear()
    assert await body.read() == b""


async def test_a_test_context_has_the_body_it_was_given() -> None:
    app = Pottle(__name__)
    async with app.test_request_context("/", method="POST", json={"a": 1}):
        assert await request.get_json() == {"a": 1}
        assert await request.get_data() == await request.data
    async with app.test_request_context("/", method="POST", form={"a": "1"}):
        assert (await request.form)["a"] == "1"


# Pulled, ledger 18


async def test_nothing_is_read_for_a_view_that_does_not_ask() -> None:
    async def view() -> str:
        return "unread"

    peer = await call(app_for(view), post_scope(), piece(b"a"))
    assert (peer.body, peer.asked) == (b"unread", 0)


async def test_the_body_is_read_as_the_view_goes() -> None:
    asked: list[int] = []

    async def view() -> str:
        asked.extend([peer.asked async for _ in request.body])
        return ""

    events = [piece(b"x") for _ in range(9)]
    async with calling(app_for(view), post_scope(), *events, piece(b"x", False)) as peer:
        pass
    assert asked == list(range(1, 11))


async def test_at_most_one_event_is_read_ahead_of_a_view_that_does_something_else() -> None:
    go_on = asyncio.Event()
    asked: list[int] = []

    async def view() -> bytes:
        chunks = aiter(request.body)
        first = await anext(chunks)
        await go_on.wait()
        asked.append(peer.asked)
        return first + b"".join([chunk async for chunk in chunks])

    events = [piece(b"%d" % number) for number in range(5)]
    app = app_for(view, READ_AHEAD_MESSAGES=1)
    async with calling(app, post_scope(), *events, piece(b"", False)) as peer:
        async with asyncio.timeout(5):
            while peer.asked < 2:
                await asyncio.sleep(0.01)
        for _ in range(20):
            await asyncio.sleep(0)
        go_on.set()
    assert asked == [2]
    assert peer.body == b"01234"


@pytest.mark.parametrize("body", [b"late", None])
async def test_what_the_watch_reads_is_handed_over(body: bytes | None) -> None:
    """The view asks while the watch for the client's leaving is in `receive` already."""

    async def view() -> bytes:
        await asyncio.sleep(0.15)  # longer than it takes the watch to begin
        assert peer.asked == 1
        if body is not None:
            asyncio.get_running_loop().call_soon(peer.put, piece(body, False))
        return await request.get_data()

    app = app_for(view, BODY_TIMEOUT=None if body else 0.05)
    async with calling(app, post_scope()) as peer:
        pass
    assert (peer.status, peer.body if body else None) == (200 if body else 408, body)


async def test_parts_read_no_further_than_the_part() -> None:
    asked: list[int] = []

    async def view() -> str:
        async for part in request.parts():
            asked.extend([peer.asked async for _ in part])
        return ""

    head, data = FILE.split(b"0123456789")
    events = [piece(head), *(piece(b"x" * 200) for _ in range(5)), piece(data, False)]
    async with calling(app_for(view), post_scope(MULTIPART), *events) as peer:
        pass
    assert asked == [2, 3, 4, 5, 6]


# Limits, ledger 3 and 4


async def by_iteration() -> Any:
    return [chunk async for chunk in request.body]


async def by_get_data() -> Any:
    return await request.get_data()


async def by_get_json() -> Any:
    return await request.get_json(force=True, silent=True)


async def by_form() -> Any:
    return await request.form


async def by_files() -> Any:
    return await request.files


async def by_parts() -> Any:
    async for part in request.parts():
        await part.read()


WAYS = [
    (by_iteration, {}, b"x" * 100),
    (by_get_data, {}, b"x" * 100),
    (by_get_json, JSON, b'"' + b"x" * 98 + b'"'),
    (by_form, FORM, b"a=" + b"x" * 98),
    (by_form, MULTIPART, FILE),
    (by_files, MULTIPART, FILE),
    (by_parts, MULTIPART, FILE),
]


@pytest.mark.parametrize(("read", "headers", "body"), WAYS)
async def test_413_at_the_first_byte_over(
    read: Callable[[], Awaitable[Any]], headers: dict[str, str], body: bytes
) -> None:
    """In pieces and without Content-Length; what comes after that byte is never read."""

    async def view() -> str:
        await read()
        return "read"

    async def send(limit: int) -> Peer:
        app = app_for(view, MAX_CONTENT_LENGTH=limit)
        pieces = [piece(body[at : at + 1]) for at in range(len(body))]
        return await call(app, post_scope(headers), *pieces, piece(b"", False))

    assert (await send(len(body))).body == b"read"
    over = await send(len(body) - 1)
    assert over.status == 413
    assert over.asked == len(body)
    over = await send(10)
    assert over.status == 413
    assert over.asked == 11


@pytest.mark.parametrize(("read", "headers", "body"), WAYS)
async def test_413_before_the_first_byte_where_the_length_is_announced(
    read: Callable[[], Awaitable[Any]], headers: dict[str, str], body: bytes
) -> None:
    async def view() -> str:
        await read()
        return "read"

    async def send(limit: int | None) -> Peer:
        app = app_for(view, MAX_CONTENT_LENGTH=limit)
        announced = {**headers, "Content-Length": str(len(body))}
        return await call(app, post_scope(announced), piece(body, False))

    over = await send(len(body) - 1)
    assert (over.status, over.asked) == (413, 0)
    assert (await send(len(body))).body == b"read"
    assert (await send(None)).body == b"read"


@pytest.mark.parametrize(("read", "headers", "body"), WAYS)
async def test_one_request_may_have_a_limit_of_its_own(
    read: Callable[[], Awaitable[Any]], headers: dict[str, str], body: bytes
) -> None:
    limit: int | None = None

    async def view() -> str:
        if limit is None:
            _ = request.body  # made already: the setter reaches it
        request.max_content_length = limit
        assert request.max_content_length == limit
        await read()
        return "read"

    async def send(of_the_app: int | None, of_the_request: int | None) -> int:
        nonlocal limit
        limit = of_the_request
        app = app_for(view, MAX_CONTENT_LENGTH=of_the_app)
        return (
            await call(app, post_scope(headers), piece(body[:5]), piece(body[5:], False))
        ).status

    assert await send(10, None) == 200
    assert await send(10, len(body)) == 200
    assert await send(None, len(body) - 1) == 413
    assert await send(len(body), len(body) - 1) == 413


async def test_a_413_stays_one() -> None:
    """An error handler that looks at the body gets the same answer, and no half of it."""

    async def view() -> bytes:
        return await request.get_data()

    app = app_for(view, MAX_CONTENT_LENGTH=3)

    @app.errorhandler(413)
    async def too_large(error: RequestEntityTooLarge) -> tuple[str, int]:
        assert "limit of 3 bytes" in str(error)
        for again in (by_get_data, by_iteration, by_form):
            with pytest.raises(RequestEntityTooLarge):
                await again()
        request.max_content_length = 100
        with pytest.raises(BodyConsumedError):
            await request.get_data()
        return "too much", 413

    answer = await call(app, post_scope(FORM), piece(b"1"), piece(b"234", False))
    assert (answer.status, answer.body) == (413, b"too much")


async def test_an_urlencoded_form_is_bounded_in_memory() -> None:
    async def view() -> Any:
        return dict(await request.form)

    async def send(limit: int | None, length: bool) -> Peer:
        app = app_for(view, MAX_FORM_MEMORY_SIZE=limit)
        headers = {**FORM, "Content-Length": "10"} if length else FORM
        return await call(app, post_scope(headers), piece(b"a=12345"), piece(b"678", False))

    assert (await send(10, True)).status == 200
    assert (await send(10, False)).status == 200
    assert (await send(None, False)).status == 200
    over = await send(6, False)
    assert (over.status, over.asked) == (413, 1)
    over = await send(9, True)
    assert (over.status, over.asked) == (413, 0)


async def test_limits_of_forms_for_one_request() -> None:
    async def view() -> Any:
        assert request.max_form_memory_size == 500_000
        assert request.max_form_parts == 1000
        request.max_form_memory_size = 3
        request.max_form_parts = 1
        assert (request.max_form_memory_size, request.max_form_parts) == (3, 1)
        return dict(await request.form)

    client = app_for(view).test_client()
    assert (await client.post("/", form={"a": "1"})).status_code == 200
    assert (await client.post("/", form={"a": "12"})).status_code == 413
    twice = FIELD.replace(b"--b--\r\n", b"") + FIELD
    assert (await client.post("/", data=FIELD, headers=MULTIPART)).status_code == 200
    assert (await client.post("/", data=twice, headers=MULTIPART)).status_code == 413


# Time, ledger 23


@pytest.mark.parametrize("read", [by_iteration, by_get_data, by_parts])
async def test_a_silent_client_is_a_408(read: Callable[[], Awaitable[Any]]) -> None:
    async def view() -> str:
        await read()
        return "read"

    app = app_for(view, BODY_TIMEOUT=0.05)
    answer = await call(app, post_scope(MULTIPART), piece(FILE[:10]))
    assert answer.status == 408


async def test_the_time_out_of_one_request_can_be_set() -> None:
    async def view() -> str:
        assert request.body_timeout is None
        request.body_timeout = 0.05
        assert request.body.timeout == 0.05
        request.body_timeout = 0.06
        assert request.body.timeout == request.body_timeout == 0.06
        await request.get_data()
        return "read"

    answer = await call(app_for(view, BODY_TIMEOUT=None), post_scope(MULTIPART), piece(FILE[:10]))
    assert answer.status == 408


async def test_the_time_out_bounds_idleness_and_not_the_whole() -> None:
    async def view() -> str:
        loop = asyncio.get_running_loop()
        start = loop.time()
        length = 0
        async for chunk in request.body:
            length += len(chunk)
            loop.call_later(0.05, peer.put, piece(b"x", length < 13))
        assert loop.time() - start > 0.5
        return str(length)

    app = app_for(view, BODY_TIMEOUT=0.5)
    async with calling(app, post_scope(), piece(b"x")) as peer:
        pass
    assert (peer.status, peer.body) == (200, b"14")


async def test_a_408_tells_what_was_waited_for_and_may_be_tried_again() -> None:
    async def view() -> Any:
        with pytest.raises(RequestTimeout, match=r"within 0\.05 seconds"):
            await request.get_data()
        request.body.timeout = None
        peer.put(piece(b"b", False))
        return await request.get_data()

    async with calling(app_for(view, BODY_TIMEOUT=0.05), post_scope(), piece(b"a")) as peer:
        pass
    assert peer.body == b"ab"


class OfGranian:
    """What `receive` of granian gives: an iterator that can be awaited, and has no `throw`."""

    def __init__(self, peer: Peer) -> None:
        self.task = asyncio.ensure_future(peer.receive())
        self.step = self.task.__await__()

    def __await__(self) -> OfGranian:
        return self

    def __iter__(self) -> OfGranian:
        return self

    def __next__(self) -> Any:
        return next(self.step)


@pytest.mark.parametrize(("events", "status"), [(2, 200), (1, 408)])
async def test_a_receive_that_is_no_coroutine(events: int, status: int) -> None:
    async def view() -> Any:
        return await request.get_data()

    app = app_for(view, BODY_TIMEOUT=0.05)
    peer = Peer(*[piece(b"a"), piece(b"b", False)][:events])
    asked: list[OfGranian] = []

    def receive() -> Any:
        asked.append(OfGranian(peer))
        return asked[-1]

    await app(post_scope(), receive, peer.send)
    assert peer.status == status
    assert status == 408 or peer.body == b"ab"
    await asyncio.wait({each.task for each in asked if each.task.cancel()} or {asked[0].task})


async def test_no_time_out() -> None:
    async def view() -> Any:
        assert request.body.timeout is None
        return await request.get_data()

    async with calling(app_for(view, BODY_TIMEOUT=None), post_scope()) as peer:
        await asyncio.sleep(0)
        peer.put(piece(b"late", False))
    assert peer.body == b"late"


# The client leaves


@pytest.mark.parametrize("read", [by_iteration, by_get_data, by_form, by_parts])
async def test_a_client_that_leaves_within_its_body(read: Callable[[], Awaitable[Any]]) -> None:
    seen: list[BaseException] = []
    torn_down: list[Any] = []

    async def view() -> str:
        try:
            await read()
        except asyncio.CancelledError as error:
            seen.append(error)
            raise
        return "never"

    app = app_for(view)
    app.teardown_request(lambda exc: torn_down.append(exc))
    peer = await call(app, post_scope(MULTIPART), piece(FILE[:20]), {"type": "http.disconnect"})
    assert isinstance(seen[0], ClientDisconnected)
    assert torn_down == seen
    assert peer.sent == []


async def test_whoever_catches_it_gets_it_again() -> None:
    async def view() -> str:
        for _ in range(3):
            with pytest.raises(ClientDisconnected, match="before the end of the request body"):
                await request.get_data()
        return "said so"

    peer = await call(app_for(view), post_scope(), piece(b"a"), {"type": "http.disconnect"})
    assert peer.body == b"said so"


# JSON


async def test_get_json() -> None:
    async def view() -> Any:
        first = await request.get_json()
        return first, await request.json is first, await request.get_json(cache=False) is first

    value, again, fresh = await result_of(view, json={"a": ["é", None]})
    assert value == {"a": ["é", None]}
    assert again
    assert not fresh


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/jsonx"])
async def test_what_is_not_sent_as_json_is_a_415(content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    async def view() -> Any:
        return await request.get_json(silent=True), await request.get_json(force=True)

    assert await result_of(view, data=b"[1]", headers=headers) == (None, [1])

    async def refuse() -> Any:
        return await request.get_json()

    answer = await app_for(refuse).test_client().post("/", data=b"[1]", headers=headers)
    assert answer.status_code == 415
    assert "Content-Type" in await answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": \xff}', b"\xff\xfe\xff", b"\xc3", b"nope", b"[" * 100_000 + b"]" * 100_000],
    ids=range(7),
)
async def test_what_is_no_json_is_a_400(body: bytes) -> None:
    async def view() -> Any:
        return await request.get_json()

    app = app_for(view)
    answer = await app.test_client().post("/", data=body, headers=JSON)
    assert answer.status_code == 400
    assert "Failed to decode JSON" not in await answer.get_data(as_text=True)
    app.config["DEBUG"] = True
    answer = await app.test_client().post("/", data=body, headers=JSON)
    assert answer.status_code == 400
    assert "Failed to decode JSON: " in await answer.get_data(as_text=True)

    async def silent() -> Any:
        return [await request.get_json(silent=True) for _ in range(2)]

    assert await result_of(silent, data=body, headers=JSON) == [None, None]

    async def silent_then_not() -> Any:
        assert await request.get_json(silent=True) is None
        assert await request.get_json(silent=True, cache=False) is None
        with pytest.raises(BadRequest):
            await request.get_json()
        return await request.get_json(silent=True)

    assert await result_of(silent_then_not, data=body, headers=JSON) is None


async def test_on_json_loading_failed_may_give_a_value() -> None:
    errors: list[ValueError | None] = []

    class Lenient(Request):
        def on_json_loading_failed(self, error: ValueError | None) -> Any:
            errors.append(error)
            return {"instead": len(errors)}

    async def view() -> Any:
        return [
            await request.get_json(),
            await request.get_json(),
            await request.get_json(cache=False),
            await request.get_json(silent=True),
        ]

    app = app_for(view)
    app.request_class = Lenient
    client = app.test_client()
    answer = await client.post("/", data=b"{", headers=JSON)
    first, cached, fresh, silent = await answer.get_json()
    assert (first, cached, fresh, silent) == ({"instead": 1}, {"instead": 1}, {"instead": 2}, None)
    assert [isinstance(error, ValueError) for error in errors] == [True, True]

    errors.clear()
    answer = await client.post("/", data=b"{")
    assert [item and item["instead"] for item in await answer.get_json()] == [1, 2, 3, None]
    assert errors == [None, None, None]


async def test_json_is_read_by_the_provider_of_the_application() -> None:
    async def view() -> Any:
        return {"seen": await request.get_json()}

    app = app_for(view)
    app.json.loads = lambda text, **kwargs: text.decode().upper()  # type: ignore[method-assign]
    answer = await app.test_client().post("/", data=b"abc", headers=JSON)
    assert b'"ABC"' in await answer.get_data()


# Forms


async def test_form_files_and_values() -> None:
    async def view() -> Any:
        files = await request.files
        return (
            (await request.form).to_dict(),
            {name: file.read() for name, file in files.items()},
            list((await request.values).items(multi=True)),
            await request.get_data(),
            await request.data,
            await request.get_data(as_text=True, parse_form_data=True),
        )

    seen = await result_of(view, data=FIELD, headers=MULTIPART)
    assert seen == ({"a": "1"}, {}, [("q", "1"), ("a", "1")], b"", b"", "")
    seen = await result_of(view, data=FILE, headers=MULTIPART)
    assert seen[:2] == ({}, {"f": b"0123456789"})
    seen = await result_of(view, data=b"q=2&a=1", headers=FORM)
    assert seen[0] == {"q": "2", "a": "1"}
    assert seen[2] == [("q", "1"), ("q", "2"), ("a", "1")]
    # As in Quart: who verifies a signature needs the body itself.
    assert seen[3:] == (b"q=2&a=1", b"q=2&a=1", "q=2&a=1")
    seen = await result_of(view, data=b"text", headers={"Content-Type": "text/plain"})
    assert seen == ({}, {}, [("q", "1")], b"text", b"text", "text")


@pytest.mark.parametrize(("headers", "body"), [(FORM, b"a=1"), (MULTIPART, FIELD)])
async def test_data_first_and_the_form_then(headers: dict[str, str], body: bytes) -> None:
    async def view() -> Any:
        return await request.get_data(), dict(await request.form), await request.get_data()

    assert await result_of(view, data=body, headers=headers) == (body, {"a": "1"}, body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_values_of_requests_that_should_have_no_body(method: str) -> None:
    async def view() -> Any:
        return (await request.values).to_dict()

    app = app_for(view)
    seen: list[Any] = []

    @app.route("/v", methods=["GET"])
    async def values() -> str:
        seen.append((await request.values).to_dict())
        return ""

    await app.test_client().open("/v?q=1", method=method, data=b"a=1", headers=FORM)
    assert seen == [{"q": "1"}]


@pytest.mark.parametrize(("headers", "body"), [(FORM, b"a=1"), (MULTIPART, FIELD)])
async def test_form_and_files_may_be_asked_for_at_once(
    headers: dict[str, str], body: bytes
) -> None:
    async def form() -> Any:
        return await request.form

    async def files() -> Any:
        return await request.files

    async def view() -> str:
        first, second, third = await asyncio.gather(form(), files(), form())
        assert first is third
        return f"{first.to_dict()} {len(second)}"

    async with calling(app_for(view), post_scope(headers), piece(body[:2])) as peer:
        await asyncio.sleep(0)
        peer.put(piece(body[2:], False))
    assert peer.body == b"{'a': '1'} 0"


async def test_a_form_that_failed_fails_again() -> None:
    async def view() -> str:
        with pytest.raises(BadRequest) as first:
            _ = await request.form
        with pytest.raises(BadRequest) as second:
            _ = await request.files
        assert first.value is second.value
        return "twice"

    answer = await call(app_for(view), post_scope(MULTIPART), piece(FILE[:30], False))
    assert answer.body == b"twice"


async def test_files_are_closed_at_the_end() -> None:
    kept: list[Any] = []

    async def view() -> str:
        kept.append((await request.files)["f"])
        assert not kept[0].stream.closed
        return ""

    app = app_for(view)
    answer = await app.test_client().post("/", data=FILE, headers=MULTIPART)
    assert answer.status_code == 200
    assert kept[0].stream.closed


async def test_files_are_closed_although_the_view_fails() -> None:
    kept: list[Any] = []

    async def view() -> str:
        kept.append((await request.files)["f"])
        raise RuntimeError("as it should")

    app = app_for(view)
    answer = await app.test_client().post("/", data=FILE, headers=MULTIPART)
    assert answer.status_code == 500
    assert kept[0].stream.closed
