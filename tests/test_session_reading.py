"""A session is read as werkzeug and itsdangerous read it, from whatever a client sends."""

from __future__ import annotations

import hashlib
import pickle
import time
import zlib
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import BadSignature, Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode, int_to_bytes
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.sansio.http import parse_cookie

import pottle
from pottle import Pottle, Request
from pottle.sessions import SecureCookieSessionInterface, session_json_serializer
from pottle.wrappers.base import read_cookie

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_700_000_000
MAX_AGE = 1000


# One cookie of many.


def make_request(*headers: str, cls: type[Request] = Request) -> Any:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"accept", b"*/*"), *((b"cookie", it.encode("latin-1")) for it in headers)],
    }
    request = object.__new__(cls)
    request.scope = scope
    return request


@pytest.mark.parametrize("name", ["s", "s s", ""])
def test_one_cookie_is_what_werkzeug_finds_in_every_short_header(name: str) -> None:
    for length in range(6):
        for signs in product('s=1; \t"', repeat=length):
            header = "".join(signs)
            assert read_cookie(make_request(header), name) == parse_cookie(header).get(name), header


cookie_names = st.just("s") | st.sampled_from(
    ["a", " s", "a b", "s\t", "s=", 's"', "s;", "é", "\n"]
)
cookie_tokens = ["s=1", "s", "=", ";", "; ", " ", "\t", 's="', '"', "\\", "é", "\n", "a b", "a=2"]
cookie_headers = st.lists(st.sampled_from(cookie_tokens), max_size=9).map("".join)


@given(st.lists(cookie_headers, max_size=3), cookie_names, st.booleans())
def test_one_cookie_is_what_werkzeug_finds(headers: list[str], name: str, decoded: bool) -> None:
    request = make_request(*headers)
    if decoded:
        assert request.headers.getlist("Cookie") == headers
    expected = parse_cookie(";".join(headers)).get(name)
    assert read_cookie(request, name) == expected
    assert request.cookies.get(name) == expected  # now they are all there
    assert read_cookie(request, name) == expected


def test_cookies_of_another_kind_are_asked() -> None:
    class Own(Request):
        @property
        def cookies(self) -> Any:
            return {"s": "own"}

    class LastCounts(MultiDict[str, str]):
        def __getitem__(self, key: str) -> str:
            return self.getlist(key)[-1]

    class Stored(Request):
        dict_storage_class: Any = LastCounts

    assigned = make_request("s=1")
    assigned.cookies = ImmutableMultiDict({"s": "assigned"})
    assert read_cookie(assigned, "s") == "assigned"
    assert read_cookie(make_request("s=1", cls=Own), "s") == "own"
    assert read_cookie(make_request("s=1; s=2", cls=Stored), "s") == "2"
    assert read_cookie(make_request("s=1; s=2"), "s") == "1"
    stand_in: Any = SimpleNamespace(cookies={"s": "plain"})
    assert read_cookie(stand_in, "s") == "plain"


async def test_request_may_be_the_proxy() -> None:
    app = Pottle(__name__)
    async with app.test_request_context("/", headers={"Cookie": "s=1; s=2"}):
        assert read_cookie(pottle.request, "s") == "1"


# The signed value.


class Bytes:
    """A serializer that writes no text."""

    loads = staticmethod(pickle.loads)
    dumps = staticmethod(pickle.dumps)


class Lenient:
    """A serializer that takes anything for a value."""

    loads = staticmethod(str)
    dumps = staticmethod(str)


class Interface(SecureCookieSessionInterface):
    """One whose settings a test chooses."""

    def __init__(self, **settings: Any) -> None:
        vars(self).update(settings)


def signing_of(interface: SecureCookieSessionInterface, keys: list[str | bytes]) -> Any:
    app = SimpleNamespace(secret_key=keys[-1], config={"SECRET_KEY_FALLBACKS": keys[:-1]})
    return interface.get_signing_serializer(app)


def plain_of(interface: SecureCookieSessionInterface, keys: list[str | bytes]) -> Any:
    """The same of itsdangerous alone."""
    settings = {
        "key_derivation": interface.key_derivation,
        "digest_method": interface.digest_method,
    }
    return URLSafeTimedSerializer(
        keys,  # type: ignore[arg-type]
        salt=interface.salt,
        serializer=interface.serializer,
        signer_kwargs=settings,
    )


def outcome(loads: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return loads(*args, **kwargs)
    except Exception as error:
        return type(error), str(error), getattr(error, "payload", None)


keys = st.one_of(st.sampled_from(["key", b"key", "ключ", b"\xff\x00"]), st.text(min_size=1))
interfaces = st.builds(
    Interface,
    salt=st.sampled_from(["cookie-session", "other", b"bytes", None]),
    key_derivation=st.sampled_from(["hmac", "concat", "django-concat", "none", None]),
    digest_method=st.sampled_from([SecureCookieSessionInterface.digest_method, hashlib.sha256]),
    serializer=st.sampled_from([session_json_serializer, Bytes]),
)
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(max_size=9))
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.sampled_from([" t", " di", " u", "a"]), st.text()), inner),
    ),
    max_leaves=8,
)
sessions = st.one_of(
    st.dictionaries(st.text(), values, max_size=4), st.just({"long": "long" * 99}), values
)
ages = st.sampled_from([-1, 0, 1, MAX_AGE - 1, MAX_AGE, MAX_AGE + 1, NOW])


@given(interfaces, st.lists(keys, min_size=1, max_size=3), sessions, ages, st.data())
def test_signed_values_are_read_alike(
    interface: Interface, some: list[str | bytes], items: Any, age: int, data: st.DataObject
) -> None:
    ours, theirs = signing_of(interface, some), plain_of(interface, some)
    signer = plain_of(interface, [data.draw(st.sampled_from(some))])
    with mock.patch("time.time", return_value=NOW - age + 0.5):
        value = signer.dumps(items)
    with mock.patch("time.time", return_value=NOW + 0.5):
        expected = outcome(theirs.loads, value, max_age=MAX_AGE)
        assert outcome(ours.loads, value, max_age=MAX_AGE) == expected
        assert outcome(ours.loads, value, MAX_AGE, False) == expected
        # What goes another way, since it asks for something else.
        ways: list[dict[str, Any]] = [
            {"max_age": None},
            {"max_age": MAX_AGE, "return_timestamp": True},
            {"max_age": MAX_AGE, "salt": "other"},
        ]
        for asked in ways:
            assert outcome(ours.loads, value, **asked) == outcome(theirs.loads, value, **asked)
        if 0 <= age <= MAX_AGE:
            assert expected == items
            # Nothing is left to itsdangerous here: that both agree says something.
            with mock.patch.object(URLSafeTimedSerializer, "loads", side_effect=AssertionError):
                assert ours.loads(value, max_age=MAX_AGE) == items


FORM = st.text(alphabet="abcdeyJZV.-_+/=09 \n;é", max_size=40)


@given(st.lists(keys, min_size=1, max_size=2), sessions, st.data())
def test_mutilated_values_are_refused_alike(
    some: list[str | bytes], items: Any, data: st.DataObject
) -> None:
    interface = SecureCookieSessionInterface()
    ours, theirs = signing_of(interface, some), plain_of(interface, some)
    value = theirs.dumps(items)
    begin = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(begin, min(len(value), begin + 3)))
    value = value[:begin] + data.draw(FORM) + value[end:]
    for form in (value, value.encode()):
        expected = outcome(theirs.loads, form, max_age=MAX_AGE)
        assert outcome(ours.loads, form, max_age=MAX_AGE) == expected


texts = [b"", b"{}", b'{"a":1}', b"null", b"[1]", b'{" u":"bad"}', '"é"'.encode(), b"\xff", b"{"]
payloads = st.one_of(
    st.sampled_from(texts).map(base64_encode),
    st.sampled_from(texts).map(lambda text: b"." + base64_encode(zlib.compress(text))),
    st.sampled_from(texts).map(lambda text: b"." + base64_encode(text)),
    FORM.map(str.encode),
)
stamps = st.one_of(
    st.integers(-2, 2).map(lambda off: base64_encode(int_to_bytes(NOW + off))),
    st.sampled_from([4, 5]).map(lambda n: base64_encode(b"\x00" * n + int_to_bytes(NOW))),
    st.binary(max_size=12).map(base64_encode),
    FORM.map(str.encode),
)


@settings(max_examples=300)
@given(
    payloads,
    stamps,
    st.sampled_from([MAX_AGE, -1, NOW * 2]),
    st.sampled_from([session_json_serializer, Lenient]),
)
def test_odd_values_under_a_true_signature_are_read_alike(
    payload: bytes, stamp: bytes, max_age: int, serializer: Any
) -> None:
    interface = Interface(serializer=serializer)
    ours, theirs = signing_of(interface, ["key"]), plain_of(interface, ["key"])
    signer = theirs.make_signer()
    with mock.patch("time.time", return_value=NOW + 0.5):
        for content in (payload + b"." + stamp, payload, b""):
            value = Signer.sign(signer, content)
            expected = outcome(theirs.loads, value, max_age=max_age)
            assert outcome(ours.loads, value, max_age=max_age) == expected


@pytest.mark.parametrize("settings", [{"key_derivation": "no such"}, {"salt": 5}])
def test_settings_that_make_no_sense_are_refused_alike(settings: dict[str, Any]) -> None:
    interface = Interface(**settings)
    value = plain_of(SecureCookieSessionInterface(), ["key"]).dumps({})

    def read(make: Callable[..., Any]) -> Any:
        return make(interface, ["key"]).loads(value, max_age=MAX_AGE)

    refusal = outcome(read, signing_of)
    assert refusal == outcome(read, plain_of)
    assert refusal[0] is TypeError


# What an application may put in the place of each part.


def make_app(interface: SecureCookieSessionInterface) -> Pottle:
    app = Pottle(__name__)
    app.secret_key = "key"
    app.session_interface = interface
    return app


@pytest.mark.parametrize(
    "settings",
    [
        {"salt": "other"},
        {"key_derivation": "concat"},
        {"digest_method": hashlib.sha256},
    ],
)
def test_settings_of_an_interface_are_honoured(settings: dict[str, Any]) -> None:
    interface = Interface(**settings)
    app = make_app(interface)
    items = {"user": "ada"}
    for signed_by, expected in ((interface, items), (SecureCookieSessionInterface(), {})):
        value = plain_of(signed_by, ["key"]).dumps(items)
        assert interface.load(app, make_request(f"session={value}")) == expected


def test_a_signing_serializer_of_ones_own_is_used() -> None:
    class Own(SecureCookieSessionInterface):
        def get_signing_serializer(self, app: Any) -> URLSafeTimedSerializer:
            return URLSafeTimedSerializer("own", signer=TimestampSigner)

    interface = Own()
    value = URLSafeTimedSerializer("own").dumps({"user": "ada"})
    assert interface.load(make_app(interface), make_request(f"session={value}")) == {"user": "ada"}
    theirs = plain_of(SecureCookieSessionInterface(), ["key"]).dumps({"user": "eve"})
    assert interface.load(make_app(interface), make_request(f"session={theirs}")) == {}


def test_a_key_that_was_taken_away_signs_nothing_any_more() -> None:
    interface = SecureCookieSessionInterface()
    ours = signing_of(interface, ["old", "new"])
    value = plain_of(interface, ["old"]).dumps({"user": "ada"})
    assert ours.loads(value, max_age=MAX_AGE) == {"user": "ada"}
    with pytest.raises(BadSignature):
        signing_of(interface, ["new"]).loads(value, max_age=MAX_AGE)


def test_time_is_that_of_the_clock() -> None:
    interface = SecureCookieSessionInterface()
    value = plain_of(interface, ["key"]).dumps({"user": "ada"})
    ours = signing_of(interface, ["key"])
    assert ours.loads(value, max_age=MAX_AGE) == {"user": "ada"}
    for wrong in (time.time() + MAX_AGE + 2, time.time() - 10):
        with (
            mock.patch("time.time", return_value=wrong),
            pytest.raises(BadSignature, match="Signature age"),
        ):
            ours.loads(value, max_age=MAX_AGE)
