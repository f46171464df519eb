"""A user's program, checked by mypy strict and pyright strict: what editors and checkers see.

It uses what the tutorials use, in the way in which they do. It is checked and never run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
import pytest
from werkzeug.exceptions import HTTPException

from pottle import (
    Blueprint,
    ClientDisconnected,
    EventStream,
    PeerDisconnected,
    Pottle,
    Request,
    Response,
    ResponseReturnValue,
    ServerSentEvent,
    Websocket,
    WebsocketDisconnect,
    abort,
    after_this_request,
    current_app,
    flash,
    g,
    get_flashed_messages,
    got_request_exception,
    has_request_context,
    jsonify,
    make_response,
    redirect,
    render_template,
    render_template_string,
    request,
    run_sync,
    send_file,
    send_from_directory,
    session,
    stream_template,
    url_for,
    websocket,
)
from pottle.errors import PottleError
from pottle.json.provider import DefaultJSONProvider
from pottle.sessions import MemoryStore, ServerSideSessionInterface
from pottle.testing import PottleClient, WebsocketClosed, WebsocketResponseError
from pottle.views import MethodView

P = ParamSpec("P")


# An application factory, its configuration, its start-up.


class Shop(Pottle):
    json_provider_class = DefaultJSONProvider


def create_app(config: dict[str, object] | None = None) -> Shop:
    app = Shop(__name__, instance_relative_config=True)
    app.config.update(SECRET_KEY="typed", MAX_CONTENT_LENGTH=2**20)
    app.config.from_prefixed_env("SHOP")
    app.config.from_mapping(config or {})
    app.permanent_session_lifetime = timedelta(days=7)
    app.session_interface = ServerSideSessionInterface(MemoryStore())
    app.register_blueprint(api)
    app.register_blueprint(chat, url_prefix="/chat")
    app.add_url_rule("/class", view_func=ItemView.as_view("class"))

    @app.while_serving
    async def room() -> AsyncIterator[None]:
        app.extensions["room"] = Room()
        yield
        app.extensions.clear()

    return app


app = Pottle(__name__)
api = Blueprint("api", __name__, url_prefix="/api")
chat = Blueprint("chat", __name__)


# Views, and what they take.


@app.get("/")
async def index() -> str:
    name: str = request.args.get("name", "world")
    limit: int = request.args.get("limit", 10, type=int)
    tags: list[str] = request.args.getlist("tag")
    session["seen"] = True
    session.permanent = True
    g.user = name
    return await render_template("index.html", name=name, limit=limit, tags=tags)


@app.post("/items/<int:number>")
async def create(number: int) -> tuple[dict[str, int], int]:
    if not request.is_json:
        abort(415)
    data = await request.get_json()
    current_app.logger.info("created %s", data)
    return {"number": number}, 201


@app.post("/login")
async def login() -> Response:
    form = await request.form
    name: str = form["name"]
    session["name"] = name
    flash(f"Welcome, {name}.")
    return redirect(url_for("index", _external=True))


@app.post("/photos")
async def photos() -> ResponseReturnValue:
    files = await request.files
    photo = files["photo"]
    if not photo.filename:
        return {"error": "a name, please"}, 400
    await photo.save(Path("photos") / photo.filename)
    return "", 204, {"X-Photo": photo.filename}


@api.route("/upload", methods=["PUT"])
async def upload() -> Response:
    total = 0
    async for chunk in request.body:
        total += len(chunk)
    response = make_response(jsonify(total=total))
    response.headers["X-Total"] = str(total)
    response.set_cookie("seen", "yes", max_age=60, httponly=True, samesite="Lax")
    return response


@api.post("/parts")
async def parts() -> dict[str, int]:
    sizes: dict[str, int] = {}
    async for part in request.parts():
        size = 0
        async for chunk in part:
            size += len(chunk)
        sizes[part.name] = size
    return sizes


class ItemView(MethodView):
    async def get(self) -> ResponseReturnValue:
        return {"method": request.method}


# Answers of other kinds.


@app.get("/films/<path:name>")
async def film(name: str) -> Response:
    return await send_from_directory("films", name, conditional=True)


@app.get("/report")
async def report() -> Response:
    return await send_file("report.pdf", as_attachment=True, download_name="report.pdf")


@app.get("/rows.csv")
async def rows() -> ResponseReturnValue:
    async def generate() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return generate(), {"Content-Type": "text/csv"}


@app.get("/long")
async def long() -> AsyncIterator[str]:
    return await stream_template("long.html")


@app.get("/inline")
async def inline() -> str:
    messages = get_flashed_messages(with_categories=True)
    return await render_template_string("{{ messages }}", messages=messages)


@app.get("/plain")
def plain() -> str:
    return request.path


@app.get("/blocking", cancel_on_disconnect=False)
async def blocking() -> dict[str, str]:
    async with asyncio.timeout(5):
        text: str = await run_sync(Path("report.txt").read_text)()
    current_app.add_background_task(note, text)
    return {"text": text}


async def note(text: str) -> None:
    current_app.logger.info(text)


# Connections that stay open.


@dataclass
class Room:
    queues: set[asyncio.Queue[str]] = field(default_factory=set[asyncio.Queue[str]])

    def publish(self, message: str) -> None:
        for queue in self.queues:
            queue.put_nowait(message)


async def ticks() -> AsyncIterator[ServerSentEvent]:
    for number in range(3):
        yield ServerSentEvent({"number": number}, id=str(number))


@app.get("/events")
async def events() -> EventStream:
    return EventStream(ticks(), keep_alive=5)


@app.sse("/clock")
async def clock() -> AsyncIterator[dict[str, int] | str]:
    start = int(request.last_event_id or 0)
    try:
        yield {"start": start}
        yield "tick"
    except ClientDisconnected:
        raise


@app.websocket("/ws")
async def echo() -> None:
    await websocket.accept(subprotocol="chat")
    async for message in websocket:
        await websocket.send(message)


@app.post("/news")
async def spread() -> tuple[str, int]:
    peers: set[Websocket] = current_app.extensions["peers"]
    for peer in list(peers):
        try:
            await peer.send("news")
        except PeerDisconnected as left:
            current_app.logger.info("%s has left: %s", left.connection, left)
    return "", 204


@chat.websocket("/<name>")
async def talk(name: str) -> ResponseReturnValue | None:
    if not websocket.origin or "user" not in session:
        return "Who are you?", 401
    room: Room = current_app.extensions["room"]
    try:
        while True:
            data = await websocket.receive_json()
            room.publish(str(data))
            await websocket.send_json(room=name, text=data)
    except WebsocketDisconnect as left:
        current_app.logger.info("left with %s: %s", left.code, left.reason)
        raise
    finally:
        current_app.logger.debug("closed with %s", websocket.close_code)


@chat.before_websocket
async def check_origin() -> ResponseReturnValue | None:
    return None


# Errors, hooks, signals, decorators, commands.


@app.errorhandler(404)
async def missing(error: Exception) -> tuple[str, int]:
    return "nothing here", 404


@api.errorhandler(HTTPException)
async def any_error(error: HTTPException) -> ResponseReturnValue:
    return {"error": error.name, "description": error.description}, error.code or 500


@app.errorhandler(PottleError)
def ours(error: PottleError) -> ResponseReturnValue:
    return str(error), 500


@app.before_request
async def before() -> ResponseReturnValue | None:
    g.started = True
    return None


@app.after_request
async def after(response: Response) -> Response:
    response.headers["X-Frame-Options"] = "DENY"
    return response


@app.teardown_request
async def teardown(error: BaseException | None) -> None:
    g.pop("connection", None)


@app.template_filter()
def shout(text: str) -> str:
    return text.upper()


@app.context_processor
async def everywhere() -> dict[str, object]:
    return {"version": "1.0", "in_a_request": has_request_context()}


async def on_error(sender: Pottle, exception: BaseException, **extra: object) -> None:
    sender.logger.error("%r", exception)


got_request_exception.connect(on_error, app)


def login_required(
    view: Callable[P, Awaitable[ResponseReturnValue]],
) -> Callable[P, Awaitable[ResponseReturnValue]]:
    @wraps(view)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if "name" not in session:
            abort(401)
        return await view(*args, **kwargs)

    return wrapped


@app.get("/private/<int:number>")
@login_required
async def private(number: int) -> ResponseReturnValue:
    @after_this_request
    async def remember(response: Response) -> Response:
        response.set_cookie("visited", "yes")
        return response

    return {"number": number}


@app.cli.command("init-db")
@click.option("--force", is_flag=True)
async def init_db(force: bool) -> None:
    click.echo(f"{current_app.name}, {force}")


class MobileRequest(Request):
    @property
    def is_mobile(self) -> bool:
        return "Mobile" in (self.headers.get("User-Agent") or "")


app.request_class = MobileRequest


# Its tests.


async def check_requests() -> None:
    async with create_app({"TESTING": True}).test_app() as test_app:
        client: PottleClient = test_app.test_client()
        response = await client.post("/login", form={"name": "ada"}, follow_redirects=True)
        status: int = response.status_code
        text: str = await response.get_data(as_text=True)
        data: bytes = await response.get_data()
        assert status == 200
        assert text.encode() == data
        async with client.session_transaction() as stored:
            stored["name"] = "ada"


async def check_connections(client: PottleClient) -> None:
    async with client.websocket("/ws", subprotocols=["chat"]) as connection:
        await connection.send("hi")
        message: str | bytes = await connection.receive()
        assert message == "hi"
        with pytest.raises(WebsocketClosed) as closed:
            await connection.receive()
        assert closed.value.code == 1000
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket("/chat/lobby") as connection:
            await connection.receive()
    assert refused.value.response.status_code == 401
    async with client.sse("/clock") as stream:
        async for event in stream:
            assert event.json()
            assert event.id
    async with client.request("/rows.csv") as asked:
        await asked.send_complete()
        await asked.disconnect()


async def check_contexts() -> None:
    async with app.app_context():
        g.user = "ada"
    async with app.test_request_context("/?page=2", method="POST", json={}):
        assert request.args["page"] == "2"
    assert app.test_cli_runner().invoke(args=["init-db"]).exit_code == 0
