"""JSON by msgspec: what is written as by the standard provider, and every way in which it is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from pottle import Pottle, jsonify, request
from pottle.json.msgspec import MsgspecProvider


def make_app() -> Pottle:
    app = Pottle(__name__, static_folder=None)
    app.json = MsgspecProvider(app)
    return app


async def answer(app: Pottle, value: Any) -> bytes:
    @app.get("/")
    async def view() -> Any:
        return value

    response = await app.test_client().get("/")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    return await response.get_data()


class Name(str):
    pass


class Number(int):
    pass


@dataclass
class Point:
    y: int
    x: int


class Colour(Enum):
    RED = "red"


class Shape(msgspec.Struct):
    sides: int


IDENTIFIER = UUID("00000000-0000-0000-0000-000000000001")


@pytest.mark.parametrize(
    "value",
    [
        {"message": "Hello, World!"},
        {"a": [1, 2.5, None, True, {"b": []}]},
        [],
        {},
        {"total": Decimal("1.10"), "who": IDENTIFIER},
        {"text": Markup("<b>")},
        {"name": Name("x"), "number": Number(3)},
        ["tuple", (1, 2)],
        {"number": 2**70},
    ],
)
async def test_as_the_standard_provider(value: Any) -> None:
    standard = Pottle(__name__, static_folder=None)
    assert await answer(make_app(), value) == await answer(standard, value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": 2}, '{"b":1,"a":2}'),
        ({2: "b", 1: "a"}, '{"2":"b","1":"a"}'),
        (["é\u2028"], '["é\u2028"]'),
        ([float("nan"), float("inf")], "[null,null]"),
        ([1e300], "[1e300]"),
        ([date(2026, 1, 2)], '["2026-01-02"]'),
        ([datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)], '["2026-01-02T03:04:05Z"]'),
        ([Point(y=1, x=2)], '[{"y":1,"x":2}]'),
        ([Colour.RED], '["red"]'),
        ([{7}, frozenset([8])], "[[7],[8]]"),
        ([b"x"], '["eA=="]'),
        ([Shape(3)], '[{"sides":3}]'),
    ],
)
async def test_differences_in_writing(value: Any, written: str) -> None:
    assert await answer(make_app(), value) == f"{written}\n".encode()


async def test_differences_in_reading() -> None:
    app = make_app()

    @app.post("/")
    async def view() -> Any:
        return jsonify(await request.get_json())

    client = app.test_client()
    headers = {"Content-Type": "application/json"}
    for body in (b"NaN", b"1e999", b"\xef\xbb\xbf1", '"é"'.encode("utf-16"), b'"\\ud800"', b"[1,]"):
        assert (await client.post("/", data=body, headers=headers)).status_code == 400
    response = await client.post("/", data=' {"é": 1, "a": [2]} '.encode(), headers=headers)
    assert await response.get_data() == '{"é":1,"a":[2]}\n'.encode()


async def test_settings() -> None:
    app = make_app()
    value = {"b": 1, "a": [2]}
    assert await answer(app, value) == b'{"b":1,"a":[2]}\n'
    client = app.test_client()
    app.json.sort_keys = True  # type: ignore[attr-defined]  # of the provider chosen above
    assert await (await client.get("/")).get_data() == b'{"a":[2],"b":1}\n'
    app.debug = True
    indented = b'{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'
    assert await (await client.get("/")).get_data() == indented
    app.json.compact = True  # type: ignore[attr-defined]  # see above
    assert await (await client.get("/")).get_data() == b'{"a":[2],"b":1}\n'


async def test_a_default_of_ones_own() -> None:
    class Provider(MsgspecProvider):
        @staticmethod
        def default(value: Any) -> Any:
            if isinstance(value, complex):
                return [value.real, value.imag]
            return MsgspecProvider.default(value)

    app = make_app()
    app.json = Provider(app)
    assert await answer(app, [1 + 2j, Markup("x")]) == b'[[1.0,2.0],"x"]\n'


async def test_an_encode_of_ones_own() -> None:
    class Provider(MsgspecProvider):
        def encode(self, value: Any) -> bytes:
            return b"mine:" + super().encode(value)

    app = make_app()
    app.json = Provider(app)
    assert await answer(app, [1]) == b"mine:[1]\n"


def test_dumps_and_loads() -> None:
    provider = MsgspecProvider(make_app())
    assert provider.dumps({"b": 1, "a": 2}) == '{"b":1,"a":2}'
    assert provider.dumps({"b": 1, "a": 2}, sort_keys=True) == '{"a":2,"b":1}'
    assert provider.dumps([1], indent=4) == "[\n    1\n]"
    assert provider.loads("[1]") == provider.loads(b"[1]") == [1]
    with pytest.raises(TypeError, match="not separators"):
        provider.dumps([], separators=(",", ":"))
    with pytest.raises(TypeError, match="does not take parse_float"):
        provider.loads("1", parse_float=Decimal)
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        provider.dumps([object()])
    with pytest.raises(TypeError, match="str keys"):
        provider.dumps({1: 2}, sort_keys=True)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
)


@given(VALUES)
def test_what_is_written_is_read_again_by_both(value: Any) -> None:
    app = make_app()
    mine, standard = MsgspecProvider(app), app.json_provider_class(app)
    assert standard.loads(mine.dumps(value)) == mine.loads(standard.dumps(value)) == value
