"""A forgotten ``await`` is told where it was forgotten, and what is awaited otherwise goes on working."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import re
import sys
import warnings
from collections.abc import Coroutine
from io import BytesIO
from pathlib import Path

import pytest

from pottle import (
    Pottle,
    Request,
    jsonify,
    render_template,
    render_template_string,
    request,
    run_sync,
    send_file,
    send_from_directory,
    websocket,
)
from pottle.errors import MissingAwaitError, PottleError, ResultError

HERE = Path(__file__).resolve().relative_to(Path.cwd())
FORM = {"name": "ada"}
BODY = {"a": 1}


@pytest.fixture
def app(tmp_path: Path) -> Pottle:
    (tmp_path / "page.html").write_text("<p>{{ name }}</p>")
    app = Pottle(__name__, template_folder=str(tmp_path))
    app.testing = True
    return app


def line_of(function, mark):
    """Where a mark stands in the code of a function."""
    lines, start = inspect.getsourcelines(function)
    (found,) = (number for number, text in enumerate(lines, start) if f"# {mark}" in text)
    return f"{HERE} line {found}: "


# What is written by someone who knows Flask. In each, the line with the mistake is marked.


async def form_item():
    return request.form["name"]  # here


async def form_get():
    return request.form.get("name")  # here


async def form_loop():
    return [field for field in request.form]  # noqa: C416  # here


async def form_truth():
    if request.form:  # here
        return "a form"
    return "no form"


async def form_contains():
    return str("name" in request.form)  # here


async def form_keeps():
    form = request.form
    await asyncio.sleep(0)
    return form["name"]  # here


async def form_compared():
    return str(request.form == {})  # here


async def files_item():
    return request.files["f"].filename  # here


async def files_length():
    return str(len(request.files))  # here


async def values_item():
    return request.values["name"]  # here


async def data_decode():
    return request.data.decode()  # here


async def get_data_added():
    return b"<" + request.get_data()  # here


async def get_json_get():
    return request.get_json().get("a")  # here


async def get_json_options():
    return request.get_json(force=True, silent=True)["a"]  # here


async def get_json_formatted():
    return f"got {request.get_json()}"  # here


async def get_json_percent():
    return "got %s" % request.get_json()  # noqa: UP031  # here


async def get_json_into_jsonify():
    return jsonify(request.get_json())  # here


async def get_json_into_dict():
    return {"got": request.get_json()}  # here


async def json_item():
    return str(request.json["a"])  # here


async def json_called():
    return request.json()  # here


async def page_added():
    return render_template("page.html", name="ada") + "<hr>"  # here


async def page_after_text():
    return "<hr>" + render_template("page.html", name="ada")  # here


async def page_replaced():
    return render_template_string("{{ 1 }}").replace("1", "2")  # here


async def page_of_a_form():
    return await render_template("page.html", name=request.form)  # here


async def file_headers():
    response = send_file(BytesIO(b"x"), mimetype="text/plain")
    response.headers["X-Sent"] = "yes"  # here
    return response


async def file_status():
    response = send_from_directory(".", "x.txt")
    response.status_code = 203  # here
    return response


async def page_returned():
    return render_template("page.html", name="ada")  # here


async def page_returned_with_status():
    return render_template("page.html", name="ada"), 404  # here


async def json_returned():
    return request.get_json()  # here


async def form_returned():
    form = request.form  # here
    return form  # noqa: RET504


async def file_returned():
    return send_file(BytesIO(b"x"), mimetype="text/plain")  # here


def plain_form_item():
    return request.form["name"]  # here


def plain_page_added():
    return render_template("page.html", name="ada") + "<hr>"  # here


USED = {
    form_item: "form = await request.form; form['name']",
    form_get: "form = await request.form; form.get",
    form_loop: "form = await request.form; for ... in form",
    form_truth: "form = await request.form; if form",
    form_contains: "form = await request.form; 'name' in form",
    form_keeps: "form = await request.form; form['name']",
    form_compared: "form = await request.form; form == ...",
    files_item: "files = await request.files; files['f']",
    files_length: "files = await request.files; len(files)",
    values_item: "values = await request.values; values['name']",
    data_decode: "data = await request.data; data.decode",
    get_data_added: "data = await request.get_data(); ... + data",
    get_json_get: "data = await request.get_json(); data.get",
    get_json_options: "data = await request.get_json(); data['a']",
    get_json_formatted: "data = await request.get_json(); str(data)",
    get_json_percent: "data = await request.get_json(); ",
    get_json_into_jsonify: "data = await request.get_json()",
    get_json_into_dict: "data = await request.get_json()",
    json_item: "data = await request.json; data['a']",
    json_called: "data = await request.json",
    page_added: "page = await render_template(...); page + ...",
    page_after_text: "page = await render_template(...); ... + page",
    page_replaced: "page = await render_template_string(...); page.replace",
    page_of_a_form: "form = await request.form; render_template(..., name=form)",
    file_headers: "response = await send_file(...); response.headers",
    file_status: "response = await send_from_directory(...); response.status_code = ...",
    plain_form_item: (
        "form = await request.form; form['name'] (and make plain_form_item() an `async def`)"
    ),
    plain_page_added: (
        "page = await render_template(...); page + ... (and make plain_page_added() an `async def`)"
    ),
}
RETURNED = {
    page_returned: "`return await render_template(...)`",
    page_returned_with_status: "`return await render_template(...)`",
    json_returned: "`return await request.get_json()`",
    form_returned: "`return await request.form`",
    file_returned: "`return await send_file(...)`",
}


def _name(view):
    return view.__name__


@pytest.mark.parametrize("testing", [True, False], ids=["testing", "production"])
class TestViews:
    @pytest.mark.parametrize("view", USED, ids=_name)
    async def test_use_without_await(self, app: Pottle, view, testing, caplog):
        app.testing = testing
        app.post("/")(view)
        text = await self.error_of(app, view, caplog)
        assert line_of(view, "here") in text
        assert " has to be awaited before it is used" in text
        assert USED[view] in text

    @pytest.mark.parametrize("view", RETURNED, ids=_name)
    async def test_return_without_await(self, app: Pottle, view, testing, caplog):
        app.testing = testing
        app.post("/")(view)
        text = await self.error_of(app, view, caplog)
        assert f"The view for {view.__name__!r} returned " in text
        assert f"At {line_of(view, 'here')[:-2]}, write {RETURNED[view]}." in text

    async def error_of(self, app: Pottle, view, caplog) -> str:
        """What the developer reads; that no warning follows, pytest sees to it."""
        sent = {"json": BODY} if "json" in view.__name__ else {"form": FORM}
        client = app.test_client()
        if not app.testing:
            assert (await client.post("/", **sent)).status_code == 500
            return str(caplog.text)
        with pytest.raises((MissingAwaitError, ResultError)) as caught:
            await client.post("/", **sent)
        text = str(caught.value)
        del caught
        gc.collect()
        return text


async def test_an_error_says_where_the_value_was_made(app: Pottle):
    @app.post("/")
    async def view():
        form = request.form  # made
        return form["name"]  # here

    with pytest.raises(MissingAwaitError) as caught:
        await app.test_client().post("/", form=FORM)
    made = line_of(view, "made")[:-2]
    assert str(caught.value) == (
        f"{line_of(view, 'here')}request.form (made at {made}) has to be awaited before it is used: "
        "form = await request.form; form['name']"
    )


async def test_handlers_for_what_python_raised_before_go_on_working(app: Pottle):
    assert issubclass(MissingAwaitError, (PottleError, TypeError))

    @app.post("/attribute")
    async def attribute():
        with pytest.raises(AttributeError):
            return request.form.get("name")
        return "handled"

    @app.post("/item")
    async def item():
        with pytest.raises(TypeError):
            return request.form["name"]
        return "handled"

    for path in ("/attribute", "/item"):
        response = await app.test_client().post(path, form=FORM)
        assert await response.get_data() == b"handled"


async def test_a_handler_that_returns_a_page_without_await(app: Pottle):
    @app.errorhandler(404)
    async def missing(error):
        return render_template("page.html"), 404  # here

    with pytest.raises(ResultError, match=r"return await render_template\(\.\.\.\)") as caught:
        await app.test_client().get("/nowhere")
    assert line_of(missing, "here")[:-2] in str(caught.value)


async def test_a_coroutine_of_the_programs_own_that_is_returned(app: Pottle):
    async def helper():
        raise AssertionError

    @app.get("/")
    async def view():
        return helper()

    line = inspect.getsourcelines(view)[1]
    with pytest.raises(ResultError) as caught:
        await app.test_client().get("/")
    assert str(caught.value) == (
        "The view for 'view' returned a coroutine that was not awaited, of helper(). In the function "
        f"at {HERE} line {line}, write `return await helper()`."
    )


async def test_use_in_a_library_is_told_of_the_line_that_called_it(app: Pottle):
    @app.post("/")
    async def view():
        return "".join(json.JSONEncoder(default=str).iterencode(request.get_json()))  # here

    with pytest.raises(MissingAwaitError) as caught:
        await app.test_client().post("/", json=BODY)
    assert str(caught.value).startswith(line_of(view, "here"))


async def websocket_item():
    await websocket.accept()
    await websocket.send(websocket.receive()["x"])  # here


async def websocket_loads():
    await websocket.receive()
    await websocket.send(websocket.receive().upper())  # here


async def websocket_in_turn():
    for _ in range(3):
        await websocket.receive()
    message = websocket.receive()
    await websocket.send(message + "!")  # here


async def websocket_json():
    await websocket.send(websocket.receive_json()["x"])  # here


@pytest.mark.parametrize(
    ("handler", "fix"),
    [
        (websocket_item, "message = await websocket.receive(); message['x']"),
        (websocket_loads, "message = await websocket.receive(); message.upper"),
        (websocket_in_turn, "message = await websocket.receive(); message + ..."),
        (websocket_json, "data = await websocket.receive_json(); data['x']"),
    ],
)
async def test_websockets(app: Pottle, handler, fix):
    app.websocket("/")(handler)
    with pytest.raises(MissingAwaitError) as caught:
        async with app.test_client().websocket("/") as connection:
            for _ in range(4):
                await connection.send("{}")
            await connection.receive()
    assert str(caught.value).startswith(line_of(handler, "here"))
    assert str(caught.value).endswith(fix)


async def test_the_test_client(app: Pottle):
    client = app.test_client()

    async def test():
        return client.get("/").get_json()["a"]  # here

    with pytest.raises(MissingAwaitError) as caught:
        await test()
    assert str(caught.value) == (
        f"{line_of(test, 'here')}client.get(...) has to be awaited before it is used: "
        "response = await client.get(...); response.get_json"
    )

    def plain():
        assert client.post("/", json=BODY).status_code == 200  # here

    with pytest.raises(MissingAwaitError) as caught:
        plain()
    assert str(caught.value).startswith(line_of(plain, "here"))
    assert str(caught.value).endswith("response.status_code (and make plain() an `async def`)")


# What is legal.


async def _answer(app: Pottle, view) -> str:
    app.post("/")(view)
    response = await app.test_client().post("/", json=BODY)
    return await response.get_data(as_text=True)


async def _task():
    return await asyncio.create_task(request.get_json())


async def _future():
    return await asyncio.ensure_future(request.get_json())


async def _gather():
    found, form, data = await asyncio.gather(request.json, request.form, request.get_data())
    assert (form, data) == ({}, json.dumps(BODY).encode())
    return found


async def _wait_for():
    return await asyncio.wait_for(request.get_json(), 5)


async def _as_completed():
    (found,) = [await first for first in asyncio.as_completed([request.get_json()])]
    return found


async def _group():
    async with asyncio.TaskGroup() as group:
        task = group.create_task(request.get_json(), name="json")
        assert "_get_json" in repr(task)  # which asyncio asks for when it logs
        assert task.get_stack()
    return task.result()


async def _wait():
    done, _ = await asyncio.wait([asyncio.create_task(request.get_json())])
    return done.pop().result()


async def _later():
    waiting = request.get_json()
    await asyncio.sleep(0)
    return await waiting


async def _passed_on():
    async def given(waiting):
        return await waiting

    return await given(request.get_json())


async def _chosen():
    return await (request.get_json() if request.is_json else request.form)


async def _from_a_lambda():
    read = lambda: request.get_json()  # noqa: E731
    return await read()


async def _bound():
    read = request.get_json
    return await read()


async def _looked_for():
    one, other = request.get_json(), request.get_data()
    waiting = [other, one]
    assert waiting.index(one) == 1
    assert one in {one: 1}
    assert one != other
    other.close()
    return await one


async def _asked():
    waiting = request.get_json()
    assert inspect.isawaitable(waiting)
    assert inspect.iscoroutine(waiting)
    assert asyncio.iscoroutine(waiting)
    assert isinstance(waiting, Coroutine)
    assert not asyncio.isfuture(waiting)
    assert waiting.__name__ == "_get_json"
    assert waiting.__qualname__ == "Request._get_json"
    assert "Request._get_json" in repr(waiting)
    assert inspect.getcoroutinestate(waiting) == "CORO_CREATED"
    assert not hasattr(waiting, "get")
    assert getattr(waiting, "status_code", None) is None
    return await waiting


class Driver:
    """Drives a coroutine by hand, as a task does."""

    def __init__(self, driven):
        self.driven = driven

    def __await__(self):
        value = None
        try:
            while True:
                value = yield self.driven.send(value)
        except StopIteration as done:
            return done.value


async def _by_hand():
    return await Driver(request.get_json())


def _plain():
    return request.get_json()


@pytest.mark.parametrize(
    "view",
    [
        _task,
        _future,
        _gather,
        _wait_for,
        _as_completed,
        _group,
        _wait,
        _later,
        _passed_on,
        _chosen,
        _from_a_lambda,
        _bound,
        _looked_for,
        _asked,
        _by_hand,
        _plain,
    ],
    ids=_name,
)
async def test_what_is_awaited_in_another_way(app: Pottle, view):
    assert json.loads(await _answer(app, view)) == BODY


async def test_plain_functions_that_hand_on_what_has_to_be_awaited(app: Pottle):
    @app.get("/page")
    def page():
        return render_template("page.html", name="ada")

    @app.get("/file")
    def file():
        return send_file(BytesIO(b"x"), mimetype="text/plain")

    @app.before_request
    def check():
        return render_template_string("stop") if request.path == "/stop" else None

    client = app.test_client()
    for path, body in (("/page", b"<p>ada</p>"), ("/file", b"x"), ("/stop", b"stop")):
        assert await (await client.get(path)).get_data() == body

    async with app.app_context():
        assert await run_sync(lambda: render_template_string("{{ 1 + 1 }}"))() == "2"


async def test_a_template_awaits_by_itself(app: Pottle):
    @app.post("/")
    async def view():
        return await render_template_string(
            "{{ request.form.name }} {{ request.form['name'] }}"
            "{% for field in request.form %} {{ field }}{% endfor %}"
            "{% if request.files %} files{% endif %}"
        )

    response = await app.test_client().post("/", form=FORM)
    assert await response.get_data() == b"ada ada name"


async def test_awaiting_twice_is_pythons_error(app: Pottle):
    @app.post("/")
    async def view():
        waiting = request.get_json()
        assert await waiting == BODY
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await waiting
        return "done"

    assert await _answer(app, view) == "done"


async def test_what_is_dropped_is_reported_by_python(app: Pottle):
    @app.post("/")
    async def view():
        request.get_json()  # pyright: ignore[reportUnusedCoroutine]
        return "dropped"

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert await _answer(app, view) == "dropped"
        gc.collect()
    (warning,) = [entry for entry in caught if entry.category is RuntimeWarning]
    assert re.fullmatch(
        "coroutine 'Request._get_json' was never awaited.*", str(warning.message), re.DOTALL
    )


async def test_errors_and_cancellation_go_through(app: Pottle):
    @app.post("/")
    async def view():
        waiting = request.get_json()
        with pytest.raises(ZeroDivisionError):
            waiting.throw(ZeroDivisionError())
        task = asyncio.create_task(asyncio.wait_for(request.disconnected(), 5))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return "done"

    assert await _answer(app, view) == "done"


async def test_a_task_that_waits_for_the_body_can_be_cancelled(app: Pottle):
    cancelled = asyncio.Event()

    @app.post("/")
    async def view():
        task = asyncio.create_task(request.get_data())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        return await request.get_data()

    async with app.test_client().request("/", method="POST") as connection:
        await cancelled.wait()
        await connection.send(b"half")
        await connection.send(b"half")
        await connection.send_complete()
        response = await connection.as_response()
    assert await response.get_data() == b"halfhalf"


async def test_a_subclass_may_override_what_is_awaited(app: Pottle):
    class Signed(Request):
        async def get_data(self, *args, **kwargs):
            return b'{"signed": ' + await super().get_data(*args, **kwargs) + b"}"

    app.request_class = Signed

    @app.post("/")
    async def view():
        return await request.get_json()

    assert json.loads(await _answer(app, view)) == {"signed": BODY}


async def test_patched_methods_are_called(app: Pottle, monkeypatch: pytest.MonkeyPatch):
    async def patched(self, *args, **kwargs):
        return b'{"patched": true}'

    monkeypatch.setattr(Request, "get_data", patched)

    @app.post("/")
    async def view():
        return await request.get_json()

    assert json.loads(await _answer(app, view)) == {"patched": True}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a function cannot be marked before 3.12")
@pytest.mark.parametrize(
    "function",
    [
        Request.get_json,
        Request.get_data,
        render_template,
        render_template_string,
        send_file,
        send_from_directory,
        Pottle("x").test_client().get,
    ],
)
def test_they_are_coroutine_functions_still(function):
    assert inspect.iscoroutinefunction(function)
