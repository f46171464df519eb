"""Signals: which are sent, when, to whom; and that connecting late is early enough."""

from __future__ import annotations

import gc

import pytest

from pottle import Pottle, flash, g, render_template_string, request, signals, websocket
from pottle.active import changed
from pottle.signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_background_exception,
    got_request_exception,
    got_serving_exception,
    got_websocket_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    template_rendered,
    websocket_finished,
    websocket_received,
    websocket_sent,
    websocket_started,
    websocket_tearing_down,
)


def make_app(**config) -> Pottle:
    app = Pottle(__name__)
    app.secret_key = "s3"
    app.config.update({"TESTING": True, **config})

    @app.route("/")
    async def index():
        return "index"

    @app.route("/fail")
    async def fail():
        raise LookupError("fail")

    @app.websocket("/ws")
    async def ws():
        await websocket.send(await websocket.receive())

    @app.websocket("/ws/fail")
    async def ws_fail():
        raise LookupError("fail")

    return app


@pytest.fixture
def connect():
    """Connects receivers for the length of the test."""
    connected = []

    def connect(signal, receiver, **kwargs):
        signal.connect(receiver, weak=False, **kwargs)
        connected.append((signal, receiver))
        return receiver

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture(params=["async", "sync"])
def note(request, connect):
    """Connects a receiver that notes what the signal came with, spelled both ways."""

    def note(signal, seen, of=lambda values: values):
        def receive(sender, **values):
            if not isinstance(sender, Pottle):
                values["sender"] = sender
            seen.append((signal.name, of(values)))

        async def receive_async(sender, **values):
            receive(sender, **values)

        connect(signal, receive_async if request.param == "async" else receive)

    return note


async def get(app, path="/"):
    response = await app.test_client().get(path)
    return await response.get_data(as_text=True)


async def test_of_a_request(note):
    app, seen = make_app(), []
    for signal in (
        appcontext_pushed,
        appcontext_popped,
        appcontext_tearing_down,
        request_started,
        request_finished,
        request_tearing_down,
        websocket_started,
    ):
        note(signal, seen, of=sorted)
    app.url_value_preprocessor(lambda *_: seen.append("values"))
    app.before_request(lambda: seen.append("before"))
    app.after_request(lambda response: seen.append("after") or response)
    app.teardown_request(lambda _: seen.append("teardown"))
    app.teardown_appcontext(lambda _: seen.append("teardown context"))
    await get(app)
    assert seen == [
        ("appcontext-pushed", []),
        ("request-started", []),
        "values",
        "before",
        "after",
        ("request-finished", ["response"]),
        "teardown",
        ("request-tearing-down", ["exc"]),
        "teardown context",
        ("appcontext-tearing-down", ["exc"]),
        ("appcontext-popped", []),
    ]


async def test_of_a_websocket(note):
    app, seen = make_app(), []
    for signal in (
        appcontext_pushed,
        appcontext_popped,
        websocket_started,
        websocket_received,
        websocket_sent,
        websocket_finished,
        websocket_tearing_down,
        request_started,
    ):
        note(signal, seen, of=lambda values: dict(sorted(values.items())))
    app.before_websocket(lambda: seen.append("before"))
    async with app.test_client().websocket("/ws") as peer:
        await peer.send("hi")
        assert await peer.receive() == "hi"
    assert seen == [
        ("appcontext-pushed", {}),
        ("websocket-started", {}),
        "before",
        # the sender of these two is the message, as in Quart
        ("websocket-received", {"sender": "hi"}),
        ("websocket-sent", {"sender": "hi"}),
        ("websocket-finished", {"response": None}),
        ("websocket-tearing-down", {"exc": None}),
        ("appcontext-popped", {}),
    ]


@pytest.mark.parametrize("testing", [True, False])
async def test_of_errors(note, testing):
    app, seen = make_app(TESTING=testing), []
    for signal in (got_request_exception, got_websocket_exception):
        note(signal, seen, of=lambda values: repr(values["exception"]))
    for signal in (request_finished, request_tearing_down, websocket_tearing_down):
        note(signal, seen, of=lambda values: repr(values.get("exc")))
    try:
        await get(app, "/fail")
    except LookupError:
        assert testing
    finished = [] if testing else [("request-finished", "None")]
    error = "LookupError('fail')"
    assert seen == [
        ("got-request-exception", error),
        *finished,
        ("request-tearing-down", error),
    ]
    seen.clear()
    with pytest.raises(Exception):  # noqa: B017 - raised or rejected
        async with app.test_client().websocket("/ws/fail") as peer:
            await peer.receive()
    assert seen == [("got-websocket-exception", error), ("websocket-tearing-down", error)]


async def test_handled_errors_are_none(note):
    app, seen = make_app(), []
    note(got_request_exception, seen)
    app.errorhandler(LookupError)(lambda error: "handled")
    assert await get(app, "/fail") == "handled"
    await get(app, "/nowhere")
    assert seen == []


async def test_of_templates_and_messages(note):
    app, seen = make_app(), []
    note(before_render_template, seen, of=lambda values: values["context"]["x"])
    note(template_rendered, seen, of=lambda values: values["context"]["x"])
    note(message_flashed, seen)

    @app.route("/template")
    async def template():
        await flash("message", "category")
        return await render_template_string("{{ x }}", x=1)

    assert await get(app, "/template") == "1"
    assert seen == [
        ("message-flashed", {"message": "message", "category": "category"}),
        ("before-render-template", 1),
        ("template-rendered", 1),
    ]


async def test_of_background_tasks_and_serving(note):
    app, seen = make_app(), []
    note(got_background_exception, seen, of=lambda values: repr(values["exception"]))
    note(got_serving_exception, seen, of=lambda values: repr(values["exception"]))

    async def work():
        raise LookupError("work")

    @app.while_serving
    async def around():
        yield
        raise LookupError("serving")

    await app.startup()
    app.add_background_task(work)
    with pytest.raises(LookupError, match="serving"):
        await app.shutdown()
    assert seen == [
        ("got-background-exception", "LookupError('work')"),
        ("got-serving-exception", "LookupError('serving')"),
    ]


async def test_receivers_know_the_context(note):
    app, seen = make_app(), []
    note(request_started, seen, of=lambda values: request.path)
    note(request_tearing_down, seen, of=lambda values: g.get("x"))

    @app.route("/set")
    async def view():
        g.x = 1
        return ""

    await get(app, "/set")
    assert seen == [("request-started", "/set"), ("request-tearing-down", 1)]


async def test_the_sender_is_the_application(connect):
    app, other, senders = make_app(), make_app(), []

    async def note_sender(sender):
        senders.append(sender)

    connect(request_started, note_sender, sender=app)
    await get(other)
    await get(app)
    assert senders == [app]


class TestConnecting:
    async def test_after_the_first_request(self, connect):
        app, seen = make_app(), []
        await get(app)

        @request_started.connect
        async def receive(sender):
            seen.append("received")

        await get(app)
        assert seen == ["received"]
        request_started.disconnect(receive)
        await get(app)
        assert seen == ["received"]

    async def test_for_a_while(self):
        app, seen = make_app(), []

        def receive(sender, response):
            seen.append(response.status_code)

        await get(app)
        with request_finished.connected_to(receive):
            await get(app)
        await get(app)
        assert seen == [200]

    async def test_is_noticed_by_every_plan(self):
        app, other = make_app(), make_app()
        before = (app.plan, other.plan)
        assert (app.plan, other.plan) == before
        changed()
        assert app.plan is not before[0]
        assert other.plan is not before[1]

    async def test_costs_the_bare_lane_only_while_it_lasts(self, monkeypatch):
        monkeypatch.setattr(Pottle, "bare_lane", True)
        app = make_app()

        async def lane():
            async with app.test_request_context("/") as context:
                return "bare" if context.route.bare else "full"

        def receive(sender, **values):
            pass

        assert await lane() == "bare"
        for signal in (request_started, request_finished, request_tearing_down, appcontext_pushed):
            with signal.connected_to(receive):
                assert await lane() == "full"
            assert await lane() == "bare"
        with websocket_started.connected_to(receive):
            assert await lane() == "bare"

    async def test_a_receiver_may_vanish(self):
        app, seen = make_app(), []

        def connect():
            def receive(sender):
                seen.append("received")

            request_started.connect(receive)
            return receive

        receive = connect()
        await get(app)
        del receive
        gc.collect()
        await get(app)
        assert seen == ["received"]


def test_signals_are_named():
    named = {
        name: value
        for name, value in vars(signals).items()
        if isinstance(value, signals.NamedSignal)
    }
    assert len(named) == 18
    for name, signal in named.items():
        assert signal.name == name.replace("_", "-")
        assert signals._signals.signal(signal.name) is signal
    assert signals.signals_available
