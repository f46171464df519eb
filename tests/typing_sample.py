"""A user's program, checked by mypy strict and pyright strict: what editors and checkers see."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pottle import (
    Blueprint,
    EventStream,
    Pottle,
    Response,
    ServerSentEvent,
    abort,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
    websocket,
)

app = Pottle(__name__)
api = Blueprint("api", __name__, url_prefix="/api")


@app.get("/")
async def index() -> str:
    name: str = request.args.get("name", "world")
    session["seen"] = True
    g.user = name
    return await render_template("index.html", name=name)


@app.post("/items/<int:number>")
async def create(number: int) -> tuple[dict[str, int], int]:
    if not request.is_json:
        abort(415)
    data = await request.get_json()
    current_app.logger.info("created %s", data)
    return {"number": number}, 201


@api.route("/upload", methods=["PUT"])
async def upload() -> Response:
    total = 0
    async for chunk in request.body:
        total += len(chunk)
    response = make_response(jsonify(total=total))
    response.headers["X-Total"] = str(total)
    return response


@app.get("/old")
async def old() -> Response:
    return redirect(url_for("index"))


async def ticks() -> AsyncIterator[ServerSentEvent]:
    for number in range(3):
        yield ServerSentEvent({"number": number}, id=str(number))


@app.get("/events")
async def events() -> EventStream:
    return EventStream(ticks(), keep_alive=5)


@app.websocket("/ws")
async def echo() -> None:
    await websocket.accept(subprotocol="chat")
    async for message in websocket:
        await websocket.send(message)


@app.errorhandler(404)
async def missing(error: Exception) -> tuple[str, int]:
    return "nothing here", 404


@app.before_request
async def before() -> None:
    g.started = True


app.register_blueprint(api)
