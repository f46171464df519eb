"""The debug page: it tells a developer everything, and whatever it tells is text."""

from __future__ import annotations

import json
import logging
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from pottle import Pottle, abort
from pottle.debug import DebugMiddleware, traceback_response
from pottle.debug.page import render_page, render_text
from pottle.errors import ClientDisconnected

SCRIPT = "<script>alert('x')</script>"


class Page(HTMLParser):
    """The elements and the text of a page; raises for an element that the page never has."""

    ELEMENTS = frozenset(
        "html head meta title style body header main footer section h1 h2 p pre code div span ol li"
        " details summary dl dt dd".split()
    )

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.ELEMENTS, f"an element of someone else's: {tag}"
        self.attributes += attrs
        self.texts.setdefault(tag, []).append("")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.texts[tag][-1] += data

    def local(self, name: str) -> list[str]:
        return [
            value
            for found, value in zip(self.texts["dt"], self.texts["dd"], strict=True)
            if found == name
        ]


def caught(function: Any, *args: Any) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def fail(message: object, **variables: Any) -> Any:
    raise ValueError(message)


class Strange:
    """An object that says what it is told to, or fails when it is asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __repr__(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    __str__ = __repr__


def test_the_page_tells_type_message_source_and_locals() -> None:
    def view() -> None:
        number = 42
        fail("it broke", reason=number)

    html = render_page(caught(view), "GET /path")
    page = Page(html)
    assert page.texts["title"] == ["ValueError: it broke"]
    assert page.texts["h1"] == ["ValueError"]
    assert page.texts["header"] == ["GET /path"]
    assert "42" in page.local("number")
    assert page.local("variables") == ["{'reason': 42}"]
    assert any("raise ValueError(message)" in text for text in page.texts["code"])
    names = page.texts["summary"]
    assert names[0].startswith("fail ")  # the frame that failed comes first
    assert names[1].startswith("test_the_page_tells_type_message_source_and_locals.<locals>.view ")
    assert "Traceback (most recent call last)" in page.texts["pre"][-1]


def test_the_failing_line_is_marked() -> None:
    html = render_page(caught(fail, "x"))
    (marked,) = re.findall(r'<li class="here"><code>([^<]*raise[^<]*)</code>', html)
    assert marked.strip() == "raise ValueError(message)"


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    error = caught(fail, text)
    error.add_note(text)
    page = Page(render_page(error, text))
    assert page.texts["h1"] == ["ValueError"]


@pytest.mark.parametrize(
    "hostile",
    [
        SCRIPT,
        Markup(SCRIPT),
        Strange(SCRIPT),
        Strange(Markup(SCRIPT)),
        {SCRIPT: SCRIPT},
        {"nested": [Strange(Markup(SCRIPT))]},
        f"</style></title>{SCRIPT}",
    ],
)
def test_hostile_values_are_escaped(hostile: object) -> None:
    def view(value: object) -> None:
        error = ValueError(hostile)
        error.add_note(str(hostile))
        raise error

    html = render_page(caught(view, hostile), SCRIPT)
    Page(html)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_hostile_names_are_escaped() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def f(): raise KeyError('k')", f"{SCRIPT}.py", "exec"), namespace)
    namespace["f"].__code__ = namespace["f"].__code__.replace(co_qualname=SCRIPT)
    kind = type(SCRIPT, (Exception,), {"__module__": Markup("<b>")})

    def view() -> None:
        try:
            namespace["f"]()
        except KeyError as error:
            raise kind("x") from error

    html = render_page(caught(view))
    Page(html)
    assert "<script" not in html
    assert "<b>" not in html


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = render_page(caught(fail, "x"))
    page = Page(html)
    assert not {"src", "href", "onclick", "style"} & {name for name, _ in page.attributes}
    assert "url(" not in html
    assert "@import" not in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert "prefers-color-scheme: dark" in html


# Chains


def test_cause_and_context() -> None:
    def cause() -> None:
        try:
            fail("first")
        except ValueError as error:
            raise KeyError("second") from error

    def context() -> None:
        try:
            cause()
        except KeyError:
            raise TypeError("third")  # noqa: B904 - the implicit context is what is tested

    page = Page(render_page(caught(context)))
    assert page.texts["h1"] == ["TypeError", "KeyError", "ValueError"]
    relations = [text for text in page.texts["p"] if text.startswith("It")]
    assert relations == ["It came up while this was handled", "Its direct cause"]


def test_a_suppressed_context_is_left_out() -> None:
    def view() -> None:
        try:
            fail("hidden")
        except ValueError:
            raise KeyError("shown") from None

    assert Page(render_page(caught(view))).texts["h1"] == ["KeyError"]


def test_a_chain_in_a_circle_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert Page(render_page(one)).texts["h1"] == ["ValueError", "ValueError"]


def test_groups_show_their_members() -> None:
    def view() -> None:
        raise ExceptionGroup(
            "several",
            [caught(fail, "a"), ExceptionGroup("inner", [caught(fail, "b")]), KeyError("c")],  # type: ignore[list-item]
        )

    page = Page(render_page(caught(view)))
    kinds = ["ExceptionGroup", "ValueError", "ExceptionGroup", "ValueError", "KeyError"]
    assert page.texts["h1"] == kinds


def test_a_large_group_is_cut() -> None:
    group = ExceptionGroup("many", [ValueError(number) for number in range(30)])
    page = Page(render_page(group))
    assert len(page.texts["h1"]) == 21
    assert "and 10 more exceptions" in page.texts["p"]


@pytest.mark.parametrize("notes", [["a note"], "a note", ["a note", 3]])
def test_notes(notes: Any) -> None:
    error = ValueError("x")
    error.__notes__ = notes
    assert "a note" in Page(render_page(error)).texts["pre"]


def test_async_frames_are_there() -> None:
    async def inner() -> None:
        deep = "in here"
        fail(deep)

    async def outer() -> None:
        await inner()

    page = Page(render_page(caught(outer().send, None)))
    summaries = " ".join(page.texts["summary"])
    assert "inner" in summaries
    assert "outer" in summaries
    assert page.local("deep") == ["'in here'"]


def test_deep_recursion_is_cut() -> None:
    def again() -> None:
        again()

    page = Page(render_page(caught(again)))
    assert len(page.texts["summary"]) == 50
    assert any(re.fullmatch(r"\d+ more frames", text) for text in page.texts["p"])


def test_frames_of_libraries_are_closed() -> None:
    html = render_page(caught(re.compile, "("))
    assert '<details class="frame library" open>' in html  # the frame that failed is open
    assert '<details class="frame library">' in html
    assert '<details class="frame" open>' in html


def test_what_libraries_did_in_between_is_folded_up() -> None:
    """Their frames are one line, between the last one and those of the program."""
    html = render_page(caught(json.loads, "[1,"))
    failed, folded, own = (
        html.index('<details class="frame library" open>'),
        html.index('<details class="folded">\n<summary>2 frames of libraries</summary>'),
        html.index('<details class="frame" open>'),
    )
    assert failed < folded < own
    assert html[folded:own].count('<details class="frame library">') == 2


def test_a_syntax_error_shows_its_line() -> None:
    page = Page(render_page(caught(compile, "a = = 1", "config.py", "exec")))
    assert "a = = 1" in page.texts["pre"][-1]


# Values


@pytest.mark.parametrize("error", [ValueError("no"), RecursionError(), AttributeError()])
def test_a_broken_repr_is_survived(error: Exception) -> None:
    def view(value: object) -> None:
        inside = [value]
        fail(value, inside=inside)

    page = Page(render_page(caught(view, Strange(error))))
    assert page.local("value") == ["<Strange object whose repr() fails>"]
    assert page.local("inside") == ["[<Strange object whose repr() fails>]"]
    assert page.texts["pre"][0] == "<ValueError whose str() fails>"


def test_a_repr_that_is_no_text_is_survived() -> None:
    page = Page(render_page(caught(fail, Strange(3))))
    assert page.local("message") == ["<Strange object whose repr() fails>"]


def test_secrets_are_masked() -> None:
    class Config(dict[str, Any]):
        pass

    def login(password: str, form: Any, config: Any) -> None:
        api_key = access_token = password
        fail("no", SECRET_KEY=[api_key, access_token])

    hidden = "hunter" + str(2)  # in two parts, since the page shows these lines
    form = {"name": "ada", "user_password": hidden, "deep": {"Authorization": hidden}}
    config = Config(SECRET_KEY=hidden, DEBUG=True)

    def view(token: str = hidden) -> None:
        login(token, form, config)

    html = render_page(caught(view))
    assert hidden not in html
    page = Page(html)
    assert page.local("password") == page.local("api_key") == ["******"]
    shown, *_ = page.local("form")
    assert shown == "{'name': 'ada', 'user_password': ******, 'deep': {'Authorization': ******}}"
    assert page.local("config")[0] == "{'SECRET_KEY': ******, 'DEBUG': True}"
    assert page.local("variables") == ["{'SECRET_KEY': ******}"]


def test_large_values_are_cut() -> None:
    recursive: dict[str, Any] = {}
    recursive["self"] = recursive
    values = {
        "text": "x" * 10**6,
        "data": b"y" * 10**6,
        "items": list(range(10**5)),
        "pairs": dict.fromkeys(range(10**4)),
        "number": 10**10000,
        "recursive": recursive,
        "object": Strange("z" * 10**6),
    }
    error = caught(fail, "m" * 10**6)
    html = render_page(error)
    assert "more characters)" in html
    assert len(html) < 200_000

    def view(
        text: Any, data: Any, items: Any, pairs: Any, number: Any, recursive: Any, object: Any
    ) -> None:
        fail("x")

    page = Page(render_page(caught(view, *values.values())))
    shown = {name: page.local(name)[0] for name in values}
    assert all(len(value) < 2100 for value in shown.values()), shown
    assert shown["data"].endswith("(999600 more bytes)")
    assert shown["pairs"].endswith("…}")
    assert shown["recursive"].endswith("{…}}}}}")
    assert shown["number"] == "<int object whose repr() fails>"


def test_many_variables_are_cut() -> None:
    names = [f"v{number}" for number in range(150)]
    namespace: dict[str, Any] = {}
    source = "def f():\n" + "".join(f"  {name} = 1\n" for name in names) + "  raise KeyError('k')\n"
    exec(source, namespace)
    page = Page(render_page(caught(namespace["f"])))
    assert "50 more" in page.texts["dd"]


def test_an_error_without_traceback() -> None:
    page = Page(render_page(ValueError()))
    assert page.texts["title"] == ["ValueError"]
    assert "summary" not in page.texts


# The response


async def test_traceback_response() -> None:
    response = await traceback_response(caught(fail, SCRIPT))
    html = await response.get_data(as_text=True)
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "&lt;script&gt;" in html
    Page(html)


async def test_what_cannot_be_encoded_is_told() -> None:
    response = await traceback_response(caught(fail, "\ud800"))
    assert "\\ud800" in await response.get_data(as_text=True)


async def test_an_error_that_breaks_the_page_is_told_as_text() -> None:
    class Hostile(Exception):
        @property
        def __notes__(self) -> Any:
            raise KeyError("no notes")

    error = caught(lambda: (_ for _ in ()).throw(Hostile("still told")))
    response = await traceback_response(error)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "still told" in await response.get_data(as_text=True)


# The middleware


class Caller:
    """A server's side of one exchange with an ASGI application."""

    def __init__(self, kind: str = "http", accept: str | None = "text/html") -> None:
        headers = [] if accept is None else [(b"accept", accept.encode())]
        self.scope: dict[str, Any] = {"type": kind, "path": "/<b>", "headers": headers}
        if kind == "http":
            self.scope["method"] = "GET"
        self.events: list[Any] = []

    async def receive(self) -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, event: Any) -> None:
        self.events.append(event)

    async def call(self, app: Any) -> Caller:
        await DebugMiddleware(app)(self.scope, self.receive, self.send)
        return self

    @property
    def body(self) -> str:
        return b"".join(event.get("body", b"") for event in self.events).decode()

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.events[0]["headers"])


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError(SCRIPT)


async def test_an_error_becomes_a_page_and_is_logged_once(caplog: Any) -> None:
    caller = await Caller().call(broken)
    start, body = caller.events
    assert (start["type"], start["status"]) == ("http.response.start", 500)
    assert caller.headers[b"content-type"] == b"text/html; charset=utf-8"
    assert caller.headers[b"content-length"] == str(len(body["body"])).encode()
    assert "LookupError" in Page(caller.body).texts["h1"]
    assert "GET /&lt;b&gt;" in caller.body
    (record,) = caplog.records
    assert record.name == "pottle.error"
    assert record.getMessage() == "Exception on GET /<b>"
    assert record.exc_info[0] is LookupError


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("application/json, TEXT/HTML;q=0.1", True),
        ("text/*", True),
        ("text/html;q=0", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        (None, False),
    ],
)
async def test_html_is_for_whom_names_it(accept: str | None, html: bool) -> None:
    caller = await Caller(accept=accept).call(broken)
    kind = b"text/html" if html else b"text/plain"
    assert caller.headers[b"content-type"] == kind + b"; charset=utf-8"
    assert caller.body.startswith(
        "<!doctype html>" if html else "Traceback (most recent call last)"
    )


async def test_an_early_hint_is_no_answer_yet() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.early_hint", "links": []})
        raise LookupError("late")

    caller = await Caller().call(app)
    assert [event["type"] for event in caller.events] == [
        "http.response.early_hint",
        "http.response.start",
        "http.response.body",
    ]


async def test_an_error_after_the_start_passes_through(caplog: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError("too late")

    caller = Caller()
    with pytest.raises(LookupError, match="too late"):
        await caller.call(app)
    assert len(caller.events) == 1
    assert caplog.records == []


async def test_a_websocket_is_rejected(caplog: Any) -> None:
    caller = await Caller("websocket").call(broken)
    (event,) = caller.events
    assert event["type"] == "websocket.close"
    assert event["code"] == 1011
    (record,) = caplog.records
    assert record.getMessage() == "Exception on WEBSOCKET /<b>"


async def test_an_error_in_an_accepted_websocket_passes_through() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise LookupError("later")

    caller = Caller("websocket")
    with pytest.raises(LookupError):
        await caller.call(app)
    assert [event["type"] for event in caller.events] == ["websocket.accept"]


async def test_the_lifespan_is_left_alone() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert (await Caller("lifespan").call(app)).events == [{"type": "lifespan.startup.complete"}]
    caller = Caller("lifespan")
    with pytest.raises(LookupError):
        await caller.call(broken)
    assert caller.events == []


async def test_all_else_passes_through() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 204, "headers": []})

    caller = await Caller().call(app)
    assert caller.events == [{"type": "http.response.start", "status": 204, "headers": []}]


async def test_leaving_is_no_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ClientDisconnected

    caller = Caller()
    with pytest.raises(ClientDisconnected):
        await caller.call(app)
    assert caller.events == []


async def test_the_log_of_the_application_is_used(caplog: Any) -> None:
    class App:
        logger = logging.getLogger("an application")
        __call__ = staticmethod(broken)

    await Caller().call(App())
    assert [record.name for record in caplog.records] == ["an application"]


def test_attributes_are_those_of_the_application() -> None:
    class App:
        name = "inner"

    middleware = DebugMiddleware(App())  # type: ignore[arg-type]
    assert middleware.name == "inner"
    with pytest.raises(AttributeError, match="nothing"):
        _ = middleware.nothing
    with pytest.raises(AttributeError, match="app"):
        _ = DebugMiddleware.__new__(DebugMiddleware).app


def test_the_text_is_what_python_prints() -> None:
    error = caught(fail, "x")
    assert render_text(error).endswith("ValueError: x\n")


# Through an application


async def test_the_page_of_an_application(caplog: Any) -> None:
    app = Pottle(__name__)
    app.debug = True

    @app.get("/<word>")
    async def view(word: str) -> None:
        raise LookupError(word)

    @app.get("/missing")
    async def missing() -> None:
        abort(404)

    app.asgi_app = DebugMiddleware(app.asgi_app)
    client = app.test_client()
    response = await client.get(f"/{SCRIPT.replace('/', '')}", headers={"Accept": "text/html"})
    assert response.status_code == 500
    page = Page(await response.get_data(as_text=True))
    assert page.texts["h1"] == ["LookupError"]
    assert "'<script>alert('x')<script>'" in page.local("word")[0].replace('"', "'")
    assert len([record for record in caplog.records if record.exc_info]) == 1
    assert (await client.get("/missing")).status_code == 404
