"""What a view may return, what becomes of it, and what is said of everything else."""

from __future__ import annotations

import json
from collections import OrderedDict
from http import HTTPStatus

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response as WSGIResponse

from pottle import Pottle, Response, make_response
from pottle.errors import ResultError
from pottle.json.provider import DefaultJSONProvider

HTML = "text/html; charset=utf-8"
JSON = "application/json"


class Text(str):
    pass


class Chunks:
    """An async iterable that is no generator."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.chunks:
            raise StopAsyncIteration
        return self.chunks.pop(0)


def generator():
    yield "a"
    yield b"b"


async def async_generator():
    yield "a"
    yield b"b"


def _app(make, **config) -> Pottle:
    app = Pottle(__name__)
    app.config.update({"TESTING": True, **config})

    @app.route("/")
    async def index():
        return make()

    return app


async def _answer(make, **config):
    return await _app(make, **config).test_client().get("/")


VALUES = {
    "str": (lambda: "häh", "häh".encode(), HTML),
    "empty str": (lambda: "", b"", HTML),
    "str subclass": (lambda: Text("x"), b"x", HTML),
    "bytes": (lambda: b"\x00\xff", b"\x00\xff", HTML),
    "bytearray": (lambda: bytearray(b"x"), b"x", HTML),
    "dict": (lambda: {"b": 1, "a": 2}, b'{"a":2,"b":1}\n', JSON),
    "dict subclass": (lambda: OrderedDict(b=1), b'{"b":1}\n', JSON),
    "list": (lambda: [1, "x"], b'[1,"x"]\n', JSON),
    "generator": (generator, b"ab", HTML),
    "async generator": (async_generator, b"ab", HTML),
    "async iterable": (lambda: Chunks("a", b"b"), b"ab", HTML),
    "iterator": (lambda: iter(["a", b"b"]), b"ab", HTML),
    "response": (lambda: Response("x", mimetype="text/plain"), b"x", "text/plain; charset=utf-8"),
    "werkzeug response": (lambda: WSGIResponse("x", mimetype="a/b"), b"x", "a/b"),
    "response without body": (lambda: SansIOResponse(mimetype="a/b"), b"", "a/b"),
}


@pytest.mark.parametrize(("make", "body", "content_type"), VALUES.values(), ids=VALUES.keys())
async def test_values(make, body, content_type):
    response = await _answer(make)
    assert (response.status_code, response.content_type) == (200, content_type)
    assert await response.get_data() == body


@pytest.mark.parametrize(("make", "body", "content_type"), VALUES.values(), ids=VALUES.keys())
async def test_values_in_a_tuple(make, body, content_type):
    response = await _answer(lambda: (make(), 418, {"X-Tuple": "yes"}))
    assert (response.status_code, response.content_type) == (418, content_type)
    assert response.headers["X-Tuple"] == "yes"
    assert await response.get_data() == body


@pytest.mark.parametrize(("make", "body", "content_type"), VALUES.values(), ids=VALUES.keys())
async def test_make_response_takes_the_same_and_can_be_awaited(make, body, content_type):
    app = Pottle(__name__)
    async with app.app_context():
        response = app.make_response(make())
        assert type(response) is Response
        assert await response is response
        assert response.content_type == content_type
        assert await response.get_data() == body


async def test_known_lengths_are_sent():
    for make, length in ((lambda: "hä", 3), (lambda: b"", 0), (lambda: {"a": 1}, 8)):
        assert (await _answer(make)).content_length == length
    assert (await _answer(generator)).content_length is None


async def test_http_exceptions_are_answers():
    response = await _answer(lambda: NotFound("not here"))
    assert response.status_code == 404
    assert b"not here" in await response.get_data()
    response = await _answer(lambda: (Forbidden(), 410, {"X-Why": "gone"}))
    assert (response.status_code, response.headers["X-Why"]) == (410, "gone")


async def test_an_exception_that_holds_a_response_is_that_response():
    response = await _answer(lambda: HTTPException(response=WSGIResponse("held", 402)))
    assert (response.status_code, await response.get_data()) == (402, b"held")


class TestStatus:
    @pytest.mark.parametrize(
        "status", [201, "201 CREATED", "201", b"201 CREATED", HTTPStatus.CREATED]
    )
    async def test_spellings(self, status):
        response = await _answer(lambda: ("x", status))
        assert (response.status_code, response.status) == (201, "201 CREATED")

    async def test_of_the_programs_own(self):
        assert (await _answer(lambda: ("x", "299 Fine"))).status_code == 299
        app = _app(lambda: "")
        async with app.app_context():
            assert app.make_response(("x", "299 Fine")).status == "299 Fine"

    async def test_overrides_that_of_a_response(self):
        assert (await _answer(lambda: (Response("x", 202), 203))).status_code == 203
        assert (await _answer(lambda: (Response("x", 202), {"X": "y"}))).status_code == 202
        assert (await _answer(lambda: (Response("x", 202), None, {"X": "y"}))).status_code == 202

    @pytest.mark.parametrize("status", [3.5, "abc", "", 0, 99, 1000, True, object, {"X": "y"}])
    async def test_that_is_none(self, status):
        with pytest.raises(ResultError, match=r"'index' returned the status .*201 CREATED"):
            await _answer(lambda: ("x", status, {}))


class TestHeaders:
    @pytest.mark.parametrize(
        "headers",
        [
            {"X-A": ["1", "2"]},
            [("X-A", "1"), ("X-A", "2")],
            (("X-A", "1"), ("X-A", "2")),
            Headers([("X-A", "1"), ("X-A", "2")]),
        ],
    )
    async def test_spellings(self, headers):
        assert (await _answer(lambda: ("x", headers))).headers.getlist("X-A") == ["1", "2"]
        response = await _answer(lambda: ("x", 201, headers))
        assert (response.status_code, response.headers.getlist("X-A")) == (201, ["1", "2"])

    async def test_numbers(self):
        assert (await _answer(lambda: ("x", {"X-A": 5}))).headers["X-A"] == "5"

    @pytest.mark.parametrize("headers", [{}, [], (), None])
    async def test_none(self, headers):
        assert (await _answer(lambda: ("x", 201, headers))).status_code == 201

    async def test_override_those_of_a_response(self):
        response = await _answer(lambda: ("x", {"content-type": "text/plain"}))
        assert response.headers.getlist("Content-Type") == ["text/plain"]
        response = await _answer(lambda: (Response("x", headers={"X-A": "1"}), {"X-A": "2"}))
        assert response.headers.getlist("X-A") == ["2"]

    @pytest.mark.parametrize("headers", [5, "text/plain", ["x"], {"X-A": "a\nb"}])
    async def test_that_are_none(self, headers):
        with pytest.raises(ResultError, match=r"'index' returned the headers .*list of pairs"):
            await _answer(lambda: ("x", 200, headers))


async def _never_awaited():
    raise AssertionError


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("make", "telling"),
        [
            (lambda: None, "'index' returned None.*missing `return`"),
            (lambda: (None, 200), "'index' returned None"),
            (lambda: 404, r"'index' returned the number 404.*abort\(404\)"),
            (lambda: HTTPStatus.NOT_FOUND, r"'index' returned the number 404.*\('', 404\)"),
            (lambda: 5, "'index' returned an object of type int"),
            (lambda: True, "'index' returned an object of type bool"),
            (lambda: 1.5, "'index' returned an object of type float.*Return str, bytes"),
            (object, "'index' returned an object of type object"),
            (lambda: NotFound, "'index' returned an object of type type"),
            (_never_awaited, "'index' returned a coroutine.*`return await"),
            (lambda: ("x",), r"'index' returned a tuple of 1.*\(body, status, headers\)"),
            (lambda: ("x", 200, {}, 4), "'index' returned a tuple of 4"),
            (lambda: (), "'index' returned a tuple of 0"),
        ],
    )
    async def test_says_which_view_and_why(self, make, telling):
        with pytest.raises(ResultError, match=telling):
            await _answer(make)

    async def test_is_a_500_in_production(self, caplog):
        response = await _answer(lambda: None, TESTING=False)
        assert response.status_code == 500
        assert "'index' returned None" in caplog.text

    async def test_can_be_handled(self):
        app = _app(lambda: None)

        @app.errorhandler(TypeError)
        async def handle(error):
            raise AssertionError("Flask makes the response after the handlers had their turn")

        with pytest.raises(TypeError):
            await app.test_client().get("/")

    async def test_without_a_view_there_is_no_name(self):
        app = _app(lambda: "")

        @app.errorhandler(404)
        async def nothing(error):
            return None

        with pytest.raises(ResultError, match="A view, hook or error handler returned None"):
            await app.test_client().get("/nowhere")
        async with app.app_context():
            with pytest.raises(ResultError, match="A view, hook or error handler returned None"):
                app.make_response(None)

    async def test_json_that_cannot_be_written_is_an_error_of_the_view(self, caplog):
        response = await _answer(lambda: {"a": object()}, TESTING=False)
        assert response.status_code == 500
        assert "not JSON serializable" in caplog.text


class TestHelper:
    """`pottle.make_response`: Flask's plain call, and Quart's awaited one."""

    async def test_both_spellings(self):
        app = _app(lambda: "")

        @app.route("/plain")
        async def plain():
            response = make_response("x", 201)
            response.headers["X-A"] = "1"
            return response

        @app.route("/awaited")
        async def awaited():
            return await make_response("x", 201, {"X-A": "1"})

        @app.route("/thread")
        def thread():
            return make_response("x", 201, {"X-A": "1"})

        @app.route("/nothing")
        async def nothing():
            return make_response()

        for path in ("/plain", "/awaited", "/thread"):
            response = await app.test_client().get(path)
            assert (response.status_code, response.headers["X-A"]) == (201, "1")
        response = await app.test_client().get("/nothing")
        assert (response.status_code, await response.get_data()) == (200, b"")


class TestOwnClasses:
    async def test_response_class_takes_all_results(self):
        class Plain(Response):
            default_mimetype = "text/plain"

        for make in (
            lambda: "x",
            lambda: b"x",
            lambda: ("x", 201),
            generator,
            lambda: {"a": 1},
            NotFound,
            lambda: Response("x"),
            lambda: WSGIResponse("x"),
        ):
            app = _app(make)
            app.response_class = Plain
            seen = []

            @app.after_request
            async def look(response, seen=seen):
                seen.append(type(response))
                return response

            response = await app.test_client().get("/")
            assert seen == [Plain]
            assert isinstance(response, Plain)

    async def test_response_class_with_an_init_of_its_own(self):
        class Marked(Response):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.headers["X-Marked"] = "yes"

        for make in (lambda: "x", lambda: {"a": 1}, generator):
            app = _app(make)
            app.response_class = Marked
            assert (await app.test_client().get("/")).headers["X-Marked"] == "yes"

    async def test_response_class_may_come_late(self):
        class Plain(Response):
            default_mimetype = "text/plain"

        app = _app(lambda: "x")
        assert (await app.test_client().get("/")).mimetype == "text/html"
        app.response_class = Plain
        assert (await app.test_client().get("/")).mimetype == "text/plain"

    async def test_json_provider(self):
        class Wrapped(DefaultJSONProvider):
            mimetype = "application/vnd.api+json"

            def dumps(self, obj, **kwargs):
                return super().dumps({"data": obj}, **kwargs)

        app = _app(lambda: {"a": 1})
        assert await (await app.test_client().get("/")).get_data() == b'{"a":1}\n'
        app.json = Wrapped(app)
        response = await app.test_client().get("/")
        assert response.content_type == "application/vnd.api+json"
        assert json.loads(await response.get_data()) == {"data": {"a": 1}}

    async def test_json_settings_may_change_at_any_time(self):
        app = _app(lambda: {"b": "ä", "a": 1})
        assert await (await app.test_client().get("/")).get_data() == b'{"a":1,"b":"\\u00e4"}\n'
        app.json.sort_keys = False
        app.json.ensure_ascii = False
        assert await (await app.test_client().get("/")).get_data() == '{"b":"ä","a":1}\n'.encode()
