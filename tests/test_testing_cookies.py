"""The cookie jar of the test client, by RFC 6265 section 5."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import dump_cookie, http_date

from pottle.testing.cookies import (
    CookieJar,
    default_path,
    domain_match,
    parse_cookie_date,
    parse_set_cookie,
    path_match,
)

NOW = 1_700_000_000.0


@pytest.fixture
def jar():
    return CookieJar(clock=lambda: NOW)


def sent(jar, url):
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return jar.header(scheme, host, slash + path)


def test_a_cookie_without_domain_goes_to_its_host_only(jar):
    jar.extract("example.com:5000", "/", ["a=1"])
    assert sent(jar, "http://example.com/") == "a=1"
    assert sent(jar, "http://EXAMPLE.com:80/x") == "a=1"
    assert sent(jar, "http://www.example.com/") == ""
    assert sent(jar, "http://notexample.com/") == ""
    (cookie,) = jar
    assert (cookie.name, cookie.domain, cookie.origin_only) == ("a", "example.com", True)


@pytest.mark.parametrize("domain", ["example.com", ".example.com", ".EXAMPLE.com"])
def test_a_cookie_with_domain_goes_to_the_names_below(jar, domain):
    jar.extract("www.example.com", "/", [f"a=1; Domain={domain}"])
    assert sent(jar, "http://example.com/") == "a=1"
    assert sent(jar, "http://deep.www.example.com/") == "a=1"
    assert sent(jar, "http://badexample.com/") == ""
    (cookie,) = jar
    assert (cookie.domain, cookie.origin_only) == ("example.com", False)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "other.com"),
        ("example.com", "www.example.com"),
        ("example.com", "com"),
        ("www.localhost", "localhost"),
        ("127.0.0.1", "0.0.1"),
    ],
)
def test_a_cookie_for_a_domain_that_is_not_the_hosts_is_ignored(jar, host, domain):
    jar.extract(host, "/", [f"a=1; Domain={domain}"])
    assert len(jar) == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:5000"])
def test_a_domain_that_has_none_below_it_means_the_host(jar, host):
    jar.extract(host, "/", [f"a=1; Domain={host.removesuffix(':5000').strip('[]')}"])
    (cookie,) = jar
    assert cookie.origin_only
    assert jar.header("http", host, "/") == "a=1"
    assert jar.header("http", "x." + host, "/") == ""


def test_the_last_attribute_counts_and_an_empty_domain_does_not(jar):
    jar.extract("a.example.com", "/", ["a=1; Domain=nowhere.com; Domain=example.com; Domain="])
    (cookie,) = jar
    assert cookie.domain == "example.com"


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/foo", "/", True),
        ("/foo", "/foo", True),
        ("/foo/", "/foo", True),
        ("/foo/bar", "/foo", True),
        ("/foo/bar", "/foo/", True),
        ("/foo", "/foo/", False),
        ("/foobar", "/foo", False),
        ("/fo", "/foo", False),
        ("/Foo", "/foo", False),
    ],
)
def test_path_match(jar, path, cookie_path, matches):
    assert path_match(path, cookie_path) is matches
    jar.extract("localhost", "/", [f"a=1; Path={cookie_path}"])
    assert (jar.header("http", "localhost", path) == "a=1") is matches


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "/"), ("/foo", "/"), ("/foo/", "/foo"), ("/foo/bar", "/foo"), ("", "/"), ("x/y", "/")],
)
def test_default_path(jar, path, expected):
    assert default_path(path) == expected
    jar.extract("localhost", path, ["a=1", "b=1; Path=relative", "c=1; Path="])
    assert [cookie.path for cookie in jar] == [expected] * 3


def test_domain_match_does_not_cut_addresses():
    assert domain_match("10.0.0.1", "10.0.0.1")
    assert not domain_match("10.0.0.1", "0.0.1")


def test_a_secure_cookie_goes_over_secure_connections(jar):
    jar.extract("example.com", "/", ["a=1; Secure"])
    assert sent(jar, "https://example.com/") == "a=1"
    assert sent(jar, "wss://example.com/") == "a=1"
    assert sent(jar, "http://example.com/") == ""
    assert sent(jar, "ws://example.com/") == ""


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "[::1]:8000"])
def test_a_secure_cookie_goes_to_this_machine(jar, host):
    jar.extract(host, "/", ["a=1; secure"])
    assert jar.header("http", host, "/") == "a=1"


def test_longer_paths_first_then_older_cookies(jar):
    jar.extract("localhost", "/", ["a=1", "b=2; Path=/x/y", "c=3; Path=/x", "d=4"])
    assert jar.header("http", "localhost", "/x/y") == "b=2; c=3; a=1; d=4"
    # A new value keeps the place of the old one.
    jar.extract("localhost", "/", ["a=5"])
    assert jar.header("http", "localhost", "/") == "a=5; d=4"


def test_the_same_name_lives_apart_per_domain_and_path(jar):
    jar.extract("www.example.com", "/", ["a=1", "a=2; Domain=example.com", "a=3; Path=/x"])
    assert len(jar) == 3
    assert sent(jar, "http://example.com/") == "a=2"
    assert sent(jar, "http://www.example.com/x") == "a=3; a=1; a=2"


@pytest.mark.parametrize(
    ("attributes", "expires"),
    [
        ("Max-Age=60", NOW + 60),
        ("Max-Age=060", NOW + 60),
        ("max-age = 60 ", NOW + 60),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", NOW + 60),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", NOW + 60),
        ("Max-Age=x", None),
        ("Max-Age=+60", None),
        ("Max-Age=6.5", None),
        ("Max-Age=", None),
        ("Expires=never", None),
        (f"Expires={http_date(NOW + 5)}", NOW + 5),
        (f"Expires={http_date(NOW + 5)}; Expires=never", NOW + 5),
        ("Unknown; ;;=; Max-Age=1", NOW + 1),
    ],
)
def test_expiry(jar, attributes, expires):
    jar.extract("localhost", "/", [f"a=1; {attributes}"])
    (cookie,) = jar
    assert cookie.expires == expires


@pytest.mark.parametrize(
    "attributes",
    ["Max-Age=0", "Max-Age=-1", "Max-Age=-99999999999", f"Expires={http_date(NOW)}"],
)
def test_a_cookie_that_has_expired_is_taken_out(jar, attributes):
    jar.extract("localhost", "/", ["a=1", "b=2"])
    jar.extract("localhost", "/", [f"a=; {attributes}"])
    assert jar.header("http", "localhost", "/") == "b=2"
    jar.extract("localhost", "/elsewhere/", [f"b=; {attributes}"])
    assert len(jar) == 1, "another path is another cookie"


def test_a_cookie_ends_when_its_time_is_up():
    now = NOW
    jar = CookieJar(clock=lambda: now)
    jar.extract("localhost", "/", ["a=1; Max-Age=10"])
    now = NOW + 9
    assert len(jar) == 1
    now = NOW + 10
    assert len(jar) == 0
    assert jar.header("http", "localhost", "/") == ""


@pytest.mark.parametrize("header", ["", ";", "novalue", "=1", " =1; Path=/", "novalue; Path=/"])
def test_what_is_no_cookie_is_ignored(jar, header):
    jar.extract("localhost", "/", [header])
    assert len(jar) == 0


@pytest.mark.parametrize(
    ("header", "key", "value"),
    [
        ("a=", "a", ""),
        (" a \t=\t 1 2 ;x", "a", "1 2"),
        ("a=b=c", "a", "b=c"),
        ('a="1, 2"', "a", '"1, 2"'),
    ],
)
def test_name_and_value(header, key, value):
    cookie = parse_set_cookie(header, "localhost", "/", NOW)
    assert cookie is not None
    assert (cookie.key, cookie.value) == (key, value)


def test_attributes_that_are_only_kept(jar):
    jar.extract("localhost", "/", ["a=1; HttpOnly; SameSite=strict"])
    (cookie,) = jar
    assert cookie.http_only
    assert cookie.same_site == "Strict"


def test_get_and_clear(jar):
    jar.extract("www.example.com", "/", ["a=1; Domain=example.com; Path=/x"])
    assert jar.get("a", "example.com", "/x").value == "1"
    assert jar.get("a", "www.example.com", "/x") is None
    assert jar.get("a", "example.com") is None
    jar.clear()
    assert list(jar) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", (1994, 11, 6, 8, 49, 37)),
        ("1994 november 6th 8:9:7", (1994, 11, 6, 8, 9, 7)),
        ("08:49:37 6 Nov 70", (1970, 11, 6, 8, 49, 37)),
        ("08:49:37 6 Nov 69", (2069, 11, 6, 8, 49, 37)),
        ("08:49:37utc 6 Nov 1601", (1601, 11, 6, 8, 49, 37)),
        ("08:49:37 6 Nov 1600", None),
        ("08:49:60 6 Nov 1994", None),
        ("24:00:00 6 Nov 1994", None),
        ("08:49:37 31 Nov 1994", None),
        ("08:49:37 0 Nov 1994", None),
        ("08:49 6 Nov 1994", None),
        ("08:49:037 6 Nov 1994", None),
        ("08:49:37 Nov 1994", None),
        ("08:49:37 6 1994", None),
        ("08:49:37 6 Nov", None),
        ("08:49:37 6 Nov 19940", None),
        ("", None),
    ],
)
def test_cookie_dates(text, expected):
    assert parse_cookie_date(text) == (
        None if expected is None else datetime(*expected, tzinfo=UTC).timestamp()
    )


@given(st.integers(min_value=0, max_value=253402300799))
def test_every_http_date_is_a_cookie_date(timestamp):
    assert parse_cookie_date(http_date(timestamp)) == timestamp


@given(st.text(), st.text(max_size=20), st.text(max_size=20))
def test_nothing_that_a_server_sends_is_an_error(header, host, path):
    jar = CookieJar()
    jar.extract(host, path, [header])
    jar.header("http", host, path)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=50))
def test_any_value_comes_back_as_the_application_set_it(value):
    jar = CookieJar()
    jar.extract("localhost", "/", [dump_cookie("a", value)])
    (cookie,) = jar
    assert cookie.decoded_value == value
    assert jar.header("http", "localhost", "/") == f"a={cookie.value}"
