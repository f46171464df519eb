from __future__ import annotations

import gc
import json as plain
import math
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.wrappers import Response

from pottle import Pottle, json, request
from pottle.active import current
from pottle.errors import ContextError
from pottle.json.provider import DefaultJSONProvider, JSONProvider
from pottle.json.tag import JSONTag, TaggedJSONSerializer

if TYPE_CHECKING:
    from collections.abc import Iterator


class App:
    """As much of an application as a provider knows."""

    response_class = Response

    def __init__(self, provider: type[JSONProvider] = DefaultJSONProvider) -> None:
        self.debug = False
        self.json = provider(self)


class Context:
    def __init__(self, app: App) -> None:
        self.app = app


@contextmanager
def active(app: App) -> Iterator[None]:
    token = current.set(Context(app))
    try:
        yield
    finally:
        current.reset(token)


@dataclass
class Point:
    x: int
    when: date | None = None


# What Flask 3.1 answers with for the same values.
BODIES: list[tuple[Any, bytes]] = [
    ({"b": 1, "a": [1, 2.5]}, b'{"a":[1,2.5],"b":1}\n'),
    (None, b"null\n"),
    ("é", b'"\\u00e9"\n'),
    (Decimal("1.0"), b'"1.0"\n'),
    (UUID(int=1), b'"00000000-0000-0000-0000-000000000001"\n'),
    (date(2020, 1, 2), b'"Thu, 02 Jan 2020 00:00:00 GMT"\n'),
    (datetime(2020, 1, 2, 3), b'"Thu, 02 Jan 2020 03:00:00 GMT"\n'),
    (Point(1, date(2020, 1, 2)), b'{"when":"Thu, 02 Jan 2020 00:00:00 GMT","x":1}\n'),
    (Markup("<b>"), b'"<b>"\n'),
    ([], b"[]\n"),
    ((1, (True, None)), b"[1,[true,null]]\n"),
    (math.nan, b"NaN\n"),
]


@pytest.mark.parametrize(("value", "body"), BODIES)
def test_bodies(value: Any, body: bytes) -> None:
    app = App()
    assert app.json.encode(value) == body
    response = app.json.response(value)
    assert response.get_data() == body
    assert response.mimetype == "application/json"


class Html:
    def __html__(self) -> str:
        return "<i>x</i>"


def test_html_is_its_text() -> None:
    assert App().json.encode(Html()) == b'"<i>x</i>"\n'


def test_debug_mode_is_for_reading() -> None:
    app = App()
    assert app.json.encode({"b": 1, "a": []}) == b'{"a":[],"b":1}\n'
    app.debug = True
    assert app.json.encode({"b": [1], "a": []}) == b'{\n  "a": [],\n  "b": [\n    1\n  ]\n}\n'


def test_settings_take_effect_when_they_are_changed() -> None:
    app = App()
    provider = app.json
    assert isinstance(provider, DefaultJSONProvider)
    value = {"b": "é", "a": 1}
    assert provider.encode(value) == b'{"a":1,"b":"\\u00e9"}\n'
    provider.ensure_ascii = False
    assert provider.encode(value) == '{"a":1,"b":"é"}\n'.encode()
    assert provider.dumps(value) == '{"a": 1, "b": "é"}'
    provider.sort_keys = False
    assert provider.encode(value) == '{"b":"é","a":1}\n'.encode()
    provider.compact = False
    assert provider.encode([1]) == b"[\n  1\n]\n"
    provider.mimetype = "application/vnd.api+json"
    assert provider.response(1).mimetype == "application/vnd.api+json"
    provider.compact = True
    provider.default = lambda value: "made"
    assert provider.encode([object()]) == b'["made"]\n'
    provider.dumps = lambda obj, **kwargs: f"{obj} {kwargs}"  # type: ignore[method-assign]
    assert provider.encode(1) == b"1 {'separators': (',', ':')}\n"


def test_an_overridden_default_is_used() -> None:
    class Provider(DefaultJSONProvider):
        @staticmethod
        def default(value: Any) -> Any:
            return {"z": 1} if isinstance(value, complex) else DefaultJSONProvider.default(value)

    app = App(Provider)
    assert app.json.encode([1j, UUID(int=0)]) == (
        b'[{"z":1},"00000000-0000-0000-0000-000000000000"]\n'
    )
    assert app.json.dumps(1j) == '{"z": 1}'


def test_an_overridden_dumps_is_used() -> None:
    class Provider(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return "<" + super().dumps(obj, **kwargs) + ">"

    assert App(Provider).json.response([1, 2]).get_data() == b"<[1,2]>\n"


def test_the_encoder_stands_for_response_unless_that_is_overridden() -> None:
    class Provider(DefaultJSONProvider):
        def response(self, *args: Any, **kwargs: Any) -> Any:
            return super().response({"data": args})

    class Preparing(DefaultJSONProvider):
        def _prepare_response_obj(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return [args, kwargs]

    plain_app, other_app, preparing_app = App(), App(Provider), App(Preparing)
    encode = plain_app.json.body_encoder()
    assert encode is not None
    assert encode({"a": 1}) == b'{"a":1}\n'
    assert other_app.json.body_encoder() is None
    assert preparing_app.json.body_encoder() is None
    plain_app.json.response = lambda value: value  # type: ignore[method-assign]
    assert plain_app.json.body_encoder() is None


def test_a_provider_for_another_library() -> None:
    class Provider(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return plain.dumps(obj, **kwargs)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return plain.loads(s, **kwargs)

    app = App(Provider)
    assert app.json.encode({"b": 1, "a": 2}) == b'{"b": 1, "a": 2}'
    response = app.json.response(a=1)
    assert (response.get_data(), response.mimetype) == (b'{"a": 1}', "application/json")
    with active(app):
        file = StringIO()
        json.dump([1], file)
        assert file.getvalue() == "[1]"
        assert json.load(BytesIO(b"[2]")) == [2]


def test_what_was_not_awaited_is_named() -> None:
    async def load() -> int:
        return 1

    app = App()
    with pytest.raises(TypeError, match=r"load\(\) was not awaited: write `await` in front"):
        app.json.encode({"number": load()})


def test_what_is_not_json() -> None:
    app = App()
    with pytest.raises(TypeError, match="type object is not JSON serializable"):
        app.json.encode({"a": object()})
    with pytest.raises(TypeError, match="type type is not JSON serializable"):
        app.json.encode(Point)
    with pytest.raises(TypeError):
        app.json.encode({1: 1, "a": 2})


def test_a_circle_is_told_from_a_deep_value_and_leaves_no_trace() -> None:
    app = App()
    circle: list[Any] = []
    circle.append(circle)
    for _ in range(2):
        with pytest.raises(ValueError, match="Circular"):
            app.json.encode(circle)
    circle[0] = 1
    assert app.json.encode(circle) == b"[1]\n"


def test_without_the_c_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    app = App()
    for value, body in BODIES:
        assert app.json.encode(value) == body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_encode_is_what_json_dumps_gives(value: Any) -> None:
    app = App()
    expected = plain.dumps(value, sort_keys=True, separators=(",", ":"))
    assert app.json.encode(value) == f"{expected}\n".encode()


def test_response_arguments() -> None:
    app = App()
    assert app.json.response().get_data() == b"null\n"
    assert app.json.response(1, 2).get_data() == b"[1,2]\n"
    assert app.json.response(b=1, a=2).get_data() == b'{"a":2,"b":1}\n'
    with pytest.raises(TypeError, match="keywords a, b"):
        app.json.response(1, a=2, b=3)


def test_the_provider_does_not_keep_the_application() -> None:
    app = App()
    provider = app.json
    del app
    gc.collect()
    with pytest.raises(ReferenceError):
        provider.response(1)


def test_the_module_without_an_application() -> None:
    assert json.dumps({"b": UUID(int=0), "a": "é"}) == (
        '{"b": "00000000-0000-0000-0000-000000000000", "a": "\\u00e9"}'
    )
    assert json.dumps(1, default=None, indent=2) == "1"
    file = StringIO()
    json.dump({"b": date(2020, 1, 2)}, file)
    assert file.getvalue() == '{"b": "Thu, 02 Jan 2020 00:00:00 GMT"}'
    assert json.loads(b"[1]") == [1]
    assert json.load(StringIO("[1]")) == [1]
    with pytest.raises(ContextError, match="app_context"):
        json.jsonify(1)


def test_the_module_with_an_application() -> None:
    with active(App()):
        assert json.dumps({"b": 1, "a": 2}) == '{"a": 2, "b": 1}'
        assert json.loads("[1]", parse_int=str) == ["1"]
        file = StringIO()
        json.dump({"b": 1, "a": 2}, file)
        file.seek(0)
        assert json.load(file) == {"a": 2, "b": 1}
        assert json.jsonify(a=1).get_data() == b'{"a":1}\n'


# What Flask 3.1 writes for the same values, and the values it reads back (None: the same).
TAGGED: list[tuple[Any, str, Any]] = [
    ({"a": 1, "b": [1, (2, "x")]}, '{"a":1,"b":[1,{" t":[2,"x"]}]}', None),
    ((), '{" t":[]}', None),
    ((1, (2,)), '{" t":[1,{" t":[2]}]}', None),
    (b"\x00\xff", '{" b":"AP8="}', None),
    (Markup("<b>é</b>"), '{" m":"<b>\\u00e9</b>"}', None),
    (Html(), '{" m":"<i>x</i>"}', Markup("<i>x</i>")),
    (UUID(int=5), '{" u":"00000000000000000000000000000005"}', None),
    (
        datetime(2024, 2, 29, 12, 30, 1, 999),
        '{" d":"Thu, 29 Feb 2024 12:30:01 GMT"}',
        datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
    ),
    (
        datetime(2024, 2, 29, 12, 30, 1, tzinfo=timezone(timedelta(hours=2))),
        '{" d":"Thu, 29 Feb 2024 10:30:01 GMT"}',
        None,
    ),
    ({" t": 1}, '{" di":{" t__":1}}', None),
    ({" t": (1,)}, '{" di":{" t__":{" t":[1]}}}', None),
    (
        {" di": {" b": b"x"}},
        '{" di":{" di__":{" di":{" b__":{" b":"eA=="}}}}}',
        None,
    ),
    ({" t__": 1}, '{" t__":1}', None),
    ({"z": 1, "a": None, "é": "☃"}, '{"z":1,"a":null,"\\u00e9":"\\u2603"}', None),
    ([{" d": 1, "b": 2}], '[{" d":1,"b":2}]', None),
    ({" x": 3}, '{" x":3}', None),
    (
        {"_flashes": [("message", "hi")], "_permanent": True, "n": 1.5},
        '{"_flashes":[{" t":["message","hi"]}],"_permanent":true,"n":1.5}',
        None,
    ),
    (date(2020, 1, 1), '"Wed, 01 Jan 2020 00:00:00 GMT"', "Wed, 01 Jan 2020 00:00:00 GMT"),
    ({}, "{}", None),
]


@pytest.mark.parametrize(("value", "text", "back"), TAGGED)
def test_tagged_values(value: Any, text: str, back: Any) -> None:
    serializer = TaggedJSONSerializer()
    assert serializer.dumps(value) == text
    read = serializer.loads(text)
    assert read == (value if back is None else back)
    assert type(read) is type(value if back is None else back)


def test_registering_a_tag() -> None:
    class TagOrdered(JSONTag):
        __slots__ = ()
        key = " od"

        def check(self, value: Any) -> bool:
            return isinstance(value, OrderedDict)

        def to_json(self, value: Any) -> Any:
            return [[key, self.serializer.tag(item)] for key, item in value.items()]

        def to_python(self, value: Any) -> Any:
            return OrderedDict(value)

    serializer = TaggedJSONSerializer()
    serializer.register(TagOrdered, index=0)
    value = {"o": OrderedDict([("b", (1,)), ("a", 2)])}
    text = serializer.dumps(value)
    assert text == '{"o":{" od":[["b",{" t":[1]}],["a",2]]}}'
    assert isinstance(serializer.loads(text)["o"], OrderedDict)

    with pytest.raises(KeyError, match="' od' is registered for TagOrdered"):
        serializer.register(TagOrdered)
    serializer.register(TagOrdered, force=True)
    assert serializer.tags[" od"] is serializer.order[-1]


@pytest.mark.parametrize("own_get_data", [False, True])
async def test_the_size_of_json_is_limited_in_its_own_right(own_get_data):
    app = Pottle(__name__)
    app.config["MAX_JSON_SIZE"] = 100
    if own_get_data:

        class Own(app.request_class):
            async def get_data(self, *args, **kwargs):
                return await super().get_data(*args, **kwargs)

        app.request_class = Own

    @app.post("/json")
    async def parsed():
        return {"parsed": await request.get_json(silent=True)}

    @app.post("/more")
    async def more():
        request.max_json_size = 101
        return {"parsed": await request.get_json()}

    @app.post("/data")
    async def data():
        return {"bytes": len(await request.get_data())}

    client = app.test_client()
    for path, size, status in [
        ("/json", 100, 200), ("/json", 101, 413), ("/more", 101, 200), ("/more", 102, 413),
        ("/data", 500, 200),
    ]:  # fmt: skip
        body = b'"' + b"x" * (size - 2) + b'"'
        response = await client.post(path, data=body, headers={"Content-Type": "application/json"})
        assert (path, size, response.status_code) == (path, size, status)
