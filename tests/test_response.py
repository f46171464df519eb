"""`pottle.wrappers.Response` and its bodies."""

from __future__ import annotations

import asyncio
import contextvars
import io
import json
import pickle
import tempfile
import threading
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound, abort
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response as WSGIResponse
from werkzeug.wsgi import FileWrapper

from pottle import Pottle
from pottle.wrappers import Response
from pottle.wrappers.bodies import (
    BUFFER_SIZE,
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    encode_chunk,
)


async def chunks_of(body):
    async with body as chunks:
        return [chunk async for chunk in chunks]


class TestConstruction:
    @pytest.mark.parametrize(
        ("body", "data"),
        [
            ("grün", "grün".encode()),
            (b"\xff", b"\xff"),
            (bytearray(b"ab"), b"ab"),
            ("", b""),
            (None, b""),
        ],
    )
    async def test_data(self, body, data):
        response = Response(body)
        assert type(response.response) is DataBody
        assert await response.get_data() == data
        assert response.content_length == len(data)
        assert response.headers.to_wsgi_list() == [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(data))),
        ]

    async def test_a_stream_has_no_length(self):
        response = Response(str(n) for n in range(3))
        assert response.content_length is None
        assert await response.get_data() == b"012"

    @pytest.mark.parametrize(
        ("status", "code", "line"),
        [
            (None, 200, "200 OK"),
            (201, 201, "201 CREATED"),
            ("201 CREATED", 201, "201 CREATED"),
            ("299 Odd", 299, "299 Odd"),
            ("204", 204, "204 NO CONTENT"),
            (HTTPStatus.CREATED, 201, "201 CREATED"),
            (599, 599, "599 UNKNOWN"),
        ],
    )
    def test_status(self, status, code, line):
        response = Response(status=status)
        assert response.status_code == code
        assert response.status == line
        response = Response()
        response.status = 200 if status is None else status
        assert response.status_code == code

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-One": 1, "X-Two": ["a", "b"]},
            [("X-One", "1"), ("X-Two", "a"), ("X-Two", "b")],
            Headers([("X-One", "1"), ("X-Two", "a"), ("X-Two", "b")]),
        ],
    )
    def test_headers(self, headers):
        response = Response("x", headers=headers)
        assert response.headers["X-One"] == "1"
        assert response.headers.getlist("X-Two") == ["a", "b"]
        assert response.content_type == "text/html; charset=utf-8"
        assert response.content_length == 1

    def test_a_headers_object_is_used_itself(self):
        headers = Headers()
        assert Response("x", headers=headers).headers is headers

    def test_headers_cannot_be_split(self):
        with pytest.raises(ValueError, match="newline"):
            Response("x", headers={"X": "a\r\nSet-Cookie: b=c"})

    def test_types(self):
        assert Response(mimetype="text/plain").content_type == "text/plain; charset=utf-8"
        assert Response(mimetype="image/png").content_type == "image/png"
        assert Response(content_type="text/plain; x=y").content_type == "text/plain; x=y"
        assert Response(mimetype="a/b", content_type="c/d").content_type == "c/d"
        given = {"content-type": "a/b"}
        assert Response(headers=given).headers.getlist("Content-Type") == ["a/b"]
        assert Response(headers=given, mimetype="c/d").headers.getlist("Content-Type") == ["c/d"]

    def test_a_class_without_a_default_type(self):
        class Bare(Response):
            default_mimetype = None
            default_status = 202

        assert Bare("x").headers.to_wsgi_list() == [("Content-Length", "1")]
        assert Bare().status_code == 202

    def test_the_length_is_that_of_the_body_or_of_the_head_that_it_describes(self):
        assert Response("abc", headers={"Content-Length": "99"}).content_length == 3
        assert Response(headers={"Content-Length": "99"}).content_length == 99

        class Manual(Response):
            automatically_set_content_length = False

        assert Manual("abc").content_length is None
        assert Manual().content_length is None
        response = Manual()
        response.set_data("abc")
        assert response.content_length is None

    def test_what_cannot_be_a_body(self):
        with pytest.raises(TypeError, match="int cannot be the body of a response"):
            Response(3)

    async def test_awaiting_gives_the_response_itself(self):
        response = Response("x")
        assert await response is response

    def test_what_the_engine_reads(self):
        response = Response()
        assert response.timeout is ...
        assert response.keep_alive is None
        assert response.keep_alive_chunk == b""
        assert response.long_lived is False
        response.timeout = None
        assert Response().timeout is ...

    async def test_body_classes_can_be_replaced(self):
        class Shouting(DataBody):
            def __init__(self, data):
                super().__init__(data.upper())

        class Loud(Response):
            data_body_class = Shouting

        assert await Loud("abc").get_data() == b"ABC"


class TestData:
    async def test_set_data(self):
        response = Response("a")
        response.set_data("grün")
        assert await response.get_data() == "grün".encode()
        assert await response.get_data(as_text=True) == "grün"
        assert response.headers.getlist("Content-Length") == ["5"]
        response.data = b"xy"
        assert await response.data == b"xy"
        assert response.content_length == 2

    async def test_a_stream_that_was_read_can_be_sent_still(self):
        response = Response(iter(["a", "b"]))
        assert await response.get_data() == b"ab"
        assert await response.get_data() == b"ab"
        assert response.content_length == 2
        assert await chunks_of(response.response) == [b"ab"]

    async def test_reading_without_keeping(self):
        class Streaming(Response):
            implicit_sequence_conversion = False

        response = Streaming(iter(["a", "b"]))
        assert await response.get_data() == b"ab"
        assert await response.get_data() == b""

    async def test_a_character_may_be_split_between_chunks(self):
        response = Response([b"\xc3", b"\xbc"])
        assert await response.get_data(as_text=True) == "ü"

    async def test_make_sequence_keeps_a_length_that_was_given(self):
        response = Response(iter(["a"]), headers={"Content-Length": "7"})
        await response.make_sequence()
        assert type(response.response) is DataBody
        assert response.content_length == 7
        await response.freeze()
        assert response.content_length == 1

    async def test_a_frozen_response_can_be_pickled(self):
        response = Response(iter(["a"]))
        await response.freeze()
        assert await pickle.loads(pickle.dumps(response)).get_data() == b"a"

    async def test_iter_encode(self):
        assert [chunk async for chunk in Response(["a", b"b"]).iter_encode()] == [b"a", b"b"]

    async def test_json(self):
        response = Response('{"a": 1}', mimetype="application/json")
        assert response.is_json
        assert await response.get_json() == {"a": 1}
        assert await response.json == {"a": 1}
        assert await Response("{}", mimetype="application/problem+json").json == {}
        assert await Response("[1]").get_json() is None
        assert await Response("[1]").get_json(force=True) == [1]

    async def test_silent_is_silent(self):
        response = Response("{", mimetype="application/json")
        assert await response.get_json(silent=True) is None
        with pytest.raises(ValueError):
            await response.get_json()

    async def test_json_module(self):
        class Loud(Response):
            class json_module:
                loads = staticmethod(lambda data: json.loads(data.upper()))

        assert await Loud('"a"', mimetype="application/json").json == "A"

    async def test_etags(self):
        response = Response("abc")
        await response.add_etag()
        etag = response.headers["ETag"]
        assert response.get_etag() == (etag.strip('"'), False)
        response.set_data("abcd")
        await response.add_etag()
        assert response.headers["ETag"] == etag
        await response.add_etag(overwrite=True, weak=True)
        assert response.headers["ETag"] != etag
        assert response.get_etag()[1] is True

    def test_cookies(self):
        response = Response()
        response.set_cookie("a", "b", max_age=3, secure=True, samesite="None", partitioned=True)
        response.delete_cookie("c", path="/x")
        set_a, delete_c = response.headers.getlist("Set-Cookie")
        assert set_a.startswith("a=b; Expires=")
        assert set_a.endswith("; Max-Age=3; Secure; Path=/; SameSite=None; Partitioned")
        assert "Max-Age=0" in delete_c
        assert "Path=/x" in delete_c
        assert response.max_cookie_size == 4093
        with pytest.warns(UserWarning, match="too large"):
            response.set_cookie("a", "b" * 5000)

    def test_headers_as_attributes(self):
        response = Response()
        response.last_modified = datetime(2024, 1, 1, tzinfo=UTC)
        response.access_control_allow_credentials = True
        response.cache_control.max_age = 3
        response.vary.add("Accept")
        assert response.headers["Last-Modified"] == "Mon, 01 Jan 2024 00:00:00 GMT"
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert response.headers["Cache-Control"] == "max-age=3"
        assert response.headers["Vary"] == "Accept"
        assert repr(response) == "<Response [200 OK]>"


class TestForceType:
    async def test_an_http_error(self):
        response = Response.force_type(NotFound().get_response())
        assert type(response) is Response
        assert response.status == "404 NOT FOUND"
        assert b"Not Found" in await response.get_data()
        assert response.headers.getlist("Content-Type") == ["text/html; charset=utf-8"]
        assert response.content_length == len(await response.get_data())

    async def test_a_wsgi_response_with_cookies_and_a_status_of_its_own(self):
        given = WSGIResponse(["a", b"b"], "299 Odd", {"X-One": "1"})
        given.set_cookie("c", "d")
        response = Response.force_type(given)
        assert response.status == "299 Odd"
        assert response.headers["X-One"] == "1"
        assert response.headers["Set-Cookie"] == "c=d; Path=/"
        assert response.content_type == "text/plain; charset=utf-8"
        assert response.content_length == 2
        assert await response.get_data() == b"ab"

    async def test_no_header_is_added(self):
        given = WSGIResponse(b"")
        given.headers.clear()
        given.automatically_set_content_length = False
        assert "Content-Type" not in Response.force_type(given).headers

    async def test_a_streamed_wsgi_response_is_closed(self):
        happened = []

        def stream():
            try:
                yield "a"
                yield b"b"
            finally:
                happened.append("generator")

        given = WSGIResponse(stream())
        given.call_on_close(lambda: happened.append("function"))
        response = Response.force_type(given)
        assert type(response.response) is IterableBody
        async with response.response as chunks:
            assert await anext(aiter(chunks)) == b"a"
        await response.close()
        assert happened == ["generator", "function"]

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_the_source_of_a_wsgi_response_is_closed_once(self, method):
        """As PEP 3333 says of iterables."""
        app = Pottle(__name__)
        closed = []

        class Source:
            def __iter__(self):
                return iter((b"a", b"b"))

            def close(self):
                closed.append(self)

        @app.get("/")
        async def view():
            return WSGIResponse(Source())

        response = await app.test_client().open("/", method=method)
        assert await response.get_data() == (b"ab" if method == "GET" else b"")
        assert len(closed) == 1

    async def test_a_file_wrapper(self):
        file = io.BytesIO(b"x" * (BUFFER_SIZE + 1))
        given = WSGIResponse(FileWrapper(file), direct_passthrough=True)
        response = Response.force_type(given)
        assert [len(chunk) for chunk in await chunks_of(response.response)] == [BUFFER_SIZE, 1]
        await response.close()
        assert file.closed

    async def test_a_wsgi_response_around_a_body_of_ours(self):
        body = IterableBody(["a"])
        given = WSGIResponse(body, direct_passthrough=True)
        assert Response.force_type(given).response is body

    async def test_a_sansio_response(self):
        response = Response.force_type(SansIOResponse(204, {"X-One": "1"}))
        assert response.status_code == 204
        assert response.headers["X-One"] == "1"
        assert await response.get_data() == b""

    async def test_ours(self):
        class Special(Response):
            pass

        special = Special("x")
        assert Response.force_type(special) is special
        plain = Response("x")
        plain.timeout = 3
        made = Special.force_type(plain)
        assert made is plain
        assert type(made) is Special
        assert made.timeout == 3

    def test_what_is_no_response(self):
        def app(environ, start_response):
            return []

        with pytest.raises(TypeError, match="function cannot become a Response"):
            Response.force_type(app, {})

    def test_it_can_be_aborted_with(self):
        with pytest.raises(Exception) as caught:
            abort(Response("x", 418))
        assert caught.value.get_response().status_code == 418


class TestClose:
    async def test_functions_run_once_plain_ones_in_a_thread(self):
        ran = []
        response = Response()

        @response.call_on_close
        def plain():
            ran.append(threading.current_thread() is threading.main_thread())

        @response.call_on_close
        async def coroutine():
            ran.append("async")

        response.call_on_close(lambda: coroutine())
        await response.close()
        await response.close()
        assert ran == [False, "async", "async"]
        await Response().close()

    async def test_one_error_is_raised_as_it_is_after_all_have_run(self):
        ran = []
        response = Response()

        @response.call_on_close
        def fails():
            raise KeyError("a")

        response.call_on_close(lambda: ran.append(1))
        with pytest.raises(KeyError, match="a"):
            await response.close()
        assert ran == [1]

    async def test_several_errors_are_a_group(self):
        response = Response()

        async def fails():
            raise KeyError("a")

        response.call_on_close(fails)
        response.call_on_close(fails)
        with pytest.raises(ExceptionGroup) as caught:
            await response.close()
        assert len(caught.value.exceptions) == 2


class TestIterableBody:
    def test_chunks(self):
        assert encode_chunk("ü") == b"\xc3\xbc"
        assert encode_chunk(bytearray(b"a")) == b"a"
        assert encode_chunk(memoryview(b"ab")[1:]) == b"b"

    async def test_another_chunk_is_named(self):
        with pytest.raises(TypeError, match=r"gave dict: \{'a': 1\}"):
            await Response([{"a": 1}]).get_data()

    async def test_every_kind_of_iterable(self):
        class Iterable:
            def __iter__(self):
                return iter("ab")

        class AsyncIterable:
            def __aiter__(self):
                self.left = ["a", "b"]
                return self

            async def __anext__(self):
                if not self.left:
                    raise StopAsyncIteration
                return self.left.pop(0)

        class Both(AsyncIterable):
            def __iter__(self):
                raise AssertionError("the async way is there")

        async def agenerator():
            yield "a"
            yield "b"

        def generator():
            yield "a"
            yield "b"

        sources = [
            ["a", "b"],
            ("a", "b"),
            iter(["a", "b"]),
            {"a": 1, "b": 2},
            Iterable(),
            AsyncIterable(),
            Both(),
            agenerator(),
            generator(),
            map(str.lower, "AB"),
        ]
        for source in sources:
            assert await chunks_of(IterableBody(source)) == [b"a", b"b"], source
        assert [chunk async for chunk in IterableBody(["a"])] == [b"a"]
        assert await chunks_of(DataBody(b"ab")) == [b"ab"]
        assert await chunks_of(DataBody(b"")) == []

    async def test_a_list_needs_no_thread_and_a_generator_does(self):
        threads = []

        class Items(list):
            def __iter__(self):
                threads.append(threading.current_thread())
                return super().__iter__()

        def generator():
            threads.append(threading.current_thread())
            yield "a"

        await chunks_of(IterableBody(Items("a")))
        await chunks_of(IterableBody(generator()))
        assert threads[0] is threading.main_thread()
        assert threads[1] is not threading.main_thread()

    async def test_a_generator_has_one_context_there_and_back(self):
        variable = contextvars.ContextVar("variable", default=0)
        variable.set(1)

        def generator():
            for _ in range(3):
                yield str(variable.get())
                variable.set(variable.get() + 1)

        assert await chunks_of(IterableBody(generator())) == [b"1", b"2", b"3"]
        assert variable.get() == 4

    @pytest.mark.parametrize("read", [0, 1, 2])
    @pytest.mark.parametrize("kind", ["sync", "async"])
    async def test_generators_are_closed_however_much_was_read(self, kind, read):
        closed = []

        def generator():
            try:
                yield "a"
                yield "b"
            finally:
                closed.append(threading.current_thread() is threading.main_thread())

        async def agenerator():
            try:
                yield "a"
                yield "b"
            finally:
                await asyncio.sleep(0)
                closed.append(True)

        source = generator() if kind == "sync" else agenerator()
        body = IterableBody(source)
        async with body as chunks:
            iterator = aiter(chunks)
            for _ in range(read):
                await anext(iterator)
        assert len(closed) == (1 if read else 0)
        with pytest.raises(StopIteration if kind == "sync" else StopAsyncIteration):
            await anext(source) if kind == "async" else next(source)
        await body.aclose()
        assert closed == ([kind == "async"] if read else [])

    async def test_what_can_be_closed_is_even_if_nobody_began_to_read(self):
        class Source:
            closed = 0

            def __iter__(self):
                return self

            def __next__(self):
                raise StopIteration

            def close(self):
                self.closed += 1

        class AsyncSource:
            closed = 0

            def __aiter__(self):
                async def nothing():
                    return
                    yield

                return type("Bare", (), {"__anext__": nothing().__anext__})()

            async def aclose(self):
                self.closed += 1

        source, async_source = Source(), AsyncSource()
        async with IterableBody(source), IterableBody(async_source):
            pass
        assert (source.closed, async_source.closed) == (1, 1)

    async def test_an_error_goes_to_whoever_reads_and_the_source_is_closed(self):
        closed = []

        def generator():
            try:
                yield "a"
                raise KeyError("x")
            finally:
                closed.append(1)

        with pytest.raises(KeyError):
            await chunks_of(IterableBody(generator()))
        assert closed == [1]

    async def test_cancelling_closes_the_source(self):
        closed = asyncio.Event()
        waiting = asyncio.Event()

        async def forever():
            try:
                yield "a"
                waiting.set()
                await asyncio.Event().wait()
            finally:
                closed.set()

        task = asyncio.create_task(chunks_of(IterableBody(forever())))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed.is_set()


class TestFileBody:
    async def test_pieces(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"x" * (2 * BUFFER_SIZE + 1))
        assert BUFFER_SIZE >= 256 * 1024
        body = FileBody(path)
        assert (body.path, body.file_path, body.size) == (path, path, 2 * BUFFER_SIZE + 1)
        assert (body.begin, body.end) == (0, body.size)
        assert [len(chunk) for chunk in await chunks_of(body)] == [BUFFER_SIZE, BUFFER_SIZE, 1]
        assert len(await chunks_of(FileBody(str(path), buffer_size=BUFFER_SIZE * 2))) == 2

    async def test_an_empty_file(self, tmp_path):
        path = tmp_path / "file"
        path.touch()
        assert await chunks_of(FileBody(path)) == []

    async def test_the_file_is_closed_however_much_was_read(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"abc")
        body = FileBody(path, buffer_size=1)
        async with body:
            file = body.file
        assert file.closed
        async with body as chunks:
            file = body.file
            assert await anext(aiter(chunks)) == b"a"
        assert file.closed
        with pytest.raises(RuntimeError, match="async with"):
            await anext(aiter(body))

    async def test_the_last_piece_closes_the_file_at_once(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"abc")
        body = FileBody(path)
        async with body as chunks:
            assert body.file is None
            assert [chunk async for chunk in chunks] == [b"abc"]

    async def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            FileBody(tmp_path / "missing")
        path = tmp_path / "file"
        path.write_bytes(b"abc")
        body = FileBody(path)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            await chunks_of(body)

    async def test_a_file_that_becomes_shorter_is_an_error_not_a_short_answer(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"abcdef")
        body = FileBody(path, buffer_size=2)
        path.write_bytes(b"abcd")
        with pytest.raises(OSError, match="2 bytes that were announced are missing"):
            await chunks_of(body)
        path.write_bytes(b"")
        with pytest.raises(OSError, match="6 bytes"):
            await chunks_of(body)
        assert body.file is None

    async def test_a_file_that_grows_is_sent_as_announced(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"abc")
        body = FileBody(path)
        path.write_bytes(b"abcdef")
        assert await chunks_of(body) == [b"abc"]


class TestIOBody:
    async def test_bytes_io_is_sent_whole_and_left_where_it_stands(self):
        stream = io.BytesIO(b"abcde")
        stream.seek(2)
        body = IOBody(stream, buffer_size=2)
        assert (body.size, body.begin, body.end) == (5, 0, 5)
        assert await chunks_of(body) == [b"ab", b"cd", b"e"]
        assert stream.tell() == 2

    async def test_one_bytes_io_serves_several_at_once(self):
        stream = io.BytesIO(b"abcde")
        first, second = aiter(IOBody(stream, buffer_size=2)), aiter(IOBody(stream, buffer_size=3))
        assert [await anext(it) for it in (first, second, first, second)] == [
            b"ab",
            b"abc",
            b"cd",
            b"de",
        ]

    async def test_a_file(self):
        with tempfile.TemporaryFile() as file:
            file.write(b"abcde")
            assert await chunks_of(IOBody(file, buffer_size=4)) == [b"abcd", b"e"]
            assert not file.closed
            body = IOBody(file)
            assert await body.make_conditional(1, 3) == 5
            assert await chunks_of(body) == [b"bc"]

    async def test_what_cannot_seek_is_sent_from_where_it_stands(self):
        class Pipe:
            left = b"abc"

            def read(self, size):
                got, self.left = self.left[:size], self.left[size:]
                return got

        body = IOBody(Pipe(), buffer_size=2)
        assert body.size is None
        with pytest.raises(ValueError, match="cannot seek"):
            await body.make_conditional(0, 1)
        assert await chunks_of(body) == [b"ab", b"c"]

    def test_text_is_refused(self):
        with pytest.raises(ValueError, match="binary mode"):
            IOBody(io.StringIO("a"))
        with tempfile.NamedTemporaryFile("w+") as file:
            with pytest.raises(ValueError, match="binary mode"):
                IOBody(file)
