"""Eight extensions for Flask on asynchronous views, and beside a websocket, in one application."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import flask
import pytest
import uvloop
from flask_caching import Cache
from flask_cors import cross_origin
from flask_httpauth import HTTPBasicAuth
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import generate_csrf
from wtforms import StringField
from wtforms.validators import DataRequired

import pottle
from pottle.datastructures import FileStorage

USERS = 20


class NameForm(FlaskForm):
    name = StringField(validators=[DataRequired()])


def make_app(way: str, folder: Any) -> Any:
    app = pottle.Pottle(__name__)
    app.secret_key = "a key for tests, which is longer than thirty-two bytes"
    app.config.update(
        CACHE_TYPE="SimpleCache",
        FLASK_BRIDGE=True,
        FLASK_SYNC_IN=way,
        JWT_SECRET_KEY="another key for tests, which is long enough",
        PROPAGATE_EXCEPTIONS=True,
        RATELIMIT_STORAGE_URI="memory://",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/shop.sqlite",
        # As many as requests at once: who waits for a connection on the event loop waits for ever.
        SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 2 * USERS},
        THREADS=4,
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    login = LoginManager(app)
    csrf = CSRFProtect(app)
    cache = Cache(app)
    limiter = Limiter(get_remote_address, app=app)
    basic = HTTPBasicAuth()
    db = SQLAlchemy(app)
    JWTManager(app)

    class User(db.Model, UserMixin):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(50))

    @login.user_loader
    def load(number):
        return db.session.get(User, int(number))

    @basic.verify_password
    def verify(user, password):
        return user if password == f"{user}'s password" else None

    @app.post("/login/<int:number>")
    async def log_in(number):
        await asyncio.sleep(0)
        login_user(db.session.get(User, number))
        return "welcome"

    @app.get("/me")
    @login_required
    async def me():
        before = current_user.name
        await asyncio.sleep(0)
        return [before, current_user.name, flask.request.args["n"], pottle.request.args["n"]]

    @app.get("/me/plain")
    @login_required
    def me_plain():
        return [current_user.name, current_user.name, flask.request.args["n"], flask.g.n]

    @app.before_request
    def note():
        flask.g.n = flask.request.args.get("n")

    @app.get("/users")
    async def users():
        await asyncio.sleep(0)
        return [user.name for user in db.session.scalars(db.select(User).order_by(User.id))]

    @app.post("/form")
    async def form():
        form = NameForm(meta={"csrf": False})
        return {
            "valid": form.validate_on_submit(),
            "name": form.name.data,
            "ours": (await pottle.request.form).get("name"),
        }

    @app.get("/token")
    async def token():
        return generate_csrf()

    @app.post("/protected")
    async def protected():
        csrf.protect()
        form, files = await pottle.request.form, await pottle.request.files
        return {"name": form["name"], "size": sum(len(f.read()) for f in files.values())}

    @app.get("/shared")
    @cross_origin(origins="https://example.org")
    async def shared():
        await asyncio.sleep(0)
        return "shared"

    made = iter(range(100))

    @app.get("/cached")
    @cache.cached(timeout=60, query_string=True)
    async def cached():
        await asyncio.sleep(0)
        return str(next(made))

    @app.get("/limited")
    @limiter.limit("2/minute")
    async def limited():
        await asyncio.sleep(0)
        return "here you are"

    @app.get("/jwt")
    @jwt_required()
    async def identified():
        await asyncio.sleep(0)
        return get_jwt_identity()

    @app.get("/jwt/<who>")
    async def make_token(who):
        return create_access_token(who)

    @app.get("/basic")
    @basic.login_required
    async def authenticated():
        await asyncio.sleep(0)
        return basic.current_user()

    @app.websocket("/ws")
    async def ws():
        while True:
            message = await pottle.websocket.receive()
            await pottle.websocket.send(f"{current_user.name}: {message}")

    with app.app_context():
        db.create_all()
        for number in range(1, USERS + 1):
            db.session.add(User(id=number, name=f"user {number}"))
        db.session.commit()
    return app


@pytest.fixture(params=["auto", "thread", "greenlet"])
def app(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    app = make_app(request.param, tmp_path)
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


async def text(response: Any) -> str:
    assert response.status_code == 200, await response.get_data(as_text=True)
    found: str = await response.get_data(as_text=True)
    return found


async def logged_in(app: Any) -> list[Any]:
    clients = [app.test_client() for _ in range(USERS)]
    for number, client in enumerate(clients, start=1):
        assert await text(await client.post(f"/login/{number}")) == "welcome"
    return clients


async def twenty_at_once(app: Any) -> None:
    async with app.test_app():
        clients = await logged_in(app)
        for path in ("/me", "/me/plain"):
            answers = await asyncio.gather(
                *[client.get(f"{path}?n={n}") for n, client in enumerate(clients, start=1)]
            )
            assert [await answer.get_json() for answer in answers] == [
                [f"user {n}", f"user {n}", str(n), str(n)] for n in range(1, USERS + 1)
            ]
        answers = await asyncio.gather(*[client.get("/users") for client in clients])
        for answer in answers:
            assert len(await answer.get_json()) == USERS
        answers = await asyncio.gather(
            *[client.post("/form", form={"name": f"name {n}"}) for n, client in enumerate(clients)]
        )
        assert [await answer.get_json() for answer in answers] == [
            {"valid": True, "name": f"name {n}", "ours": f"name {n}"} for n in range(USERS)
        ]
        answers = await asyncio.gather(
            *[
                client.get("/basic", auth=(f"u{n}", f"u{n}'s password"))
                for n, client in enumerate(clients)
            ]
        )
        assert [await text(answer) for answer in answers] == [f"u{n}" for n in range(USERS)]
        tokens = [await text(await client.get(f"/jwt/u{n}")) for n, client in enumerate(clients)]
        answers = await asyncio.gather(
            *[
                client.get("/jwt", headers={"Authorization": f"Bearer {token}"})
                for client, token in zip(clients, tokens, strict=True)
            ]
        )
        assert [await text(answer) for answer in answers] == [f"u{n}" for n in range(USERS)]


def test_twenty_at_once_on_uvloop_with_four_threads(app):
    uvloop.run(asyncio.wait_for(twenty_at_once(app), 60))


async def test_login_beside_a_websocket(app):
    clients = await logged_in(app)
    async with clients[0].websocket("/ws") as first, clients[1].websocket("/ws") as second:
        await first.send("hello")
        await second.send("hello")
        assert await first.receive() == "user 1: hello"
        assert await second.receive() == "user 2: hello"
    assert (await app.test_client().get("/me?n=1")).status_code == 401


async def test_csrf_then_the_form(app):
    client = app.test_client()
    token = await text(await client.get("/token"))
    form = {"name": "ada", "csrf_token": token}
    response = await client.post("/protected", form=form)
    assert await response.get_json() == {"name": "ada", "size": 0}
    photo = FileStorage(io.BytesIO(b"x" * 300_000), "photo.png")
    response = await client.post("/protected", form=form, files={"photo": photo})
    assert await response.get_json() == {"name": "ada", "size": 300_000}
    response = await client.post("/protected", form={"name": "ada"})
    assert response.status_code == 400
    assert b"CSRF token is missing" in await response.get_data()


async def test_csrf_by_its_own_hook_and_a_streamed_body(app):
    """The plain hook reads the form before the view awaits it; the body arrives in pieces."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = True
    client = app.test_client()
    token = await text(await client.get("/token"))
    head = (
        '--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + token + "\r\n"
        '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nada\r\n'
        '--b\r\nContent-Disposition: form-data; name="photo"; filename="p.png"\r\n\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with client.request("/protected", method="POST", headers=headers) as connection:
        await connection.send(head.encode())
        for _ in range(100):
            await connection.send(b"x" * 1000)
        await connection.send(b"\r\n--b--\r\n")
        await connection.send_complete()
    response = await connection.as_response()
    assert await response.get_json() == {"name": "ada", "size": 100_000}


async def test_cors_caching_and_limits(app):
    client = app.test_client()
    response = await client.get("/shared", headers={"Origin": "https://example.org"})
    assert await text(response) == "shared"
    assert response.headers["Access-Control-Allow-Origin"] == "https://example.org"
    assert [await text(await client.get("/cached")) for _ in range(3)] == ["0"] * 3
    assert await text(await client.get("/cached?other=1")) == "1"
    assert [(await client.get("/limited")).status_code for _ in range(3)] == [200, 200, 429]


async def test_who_is_not_known(app):
    client = app.test_client()
    assert (await client.get("/basic", auth=("a", "wrong"))).status_code == 401
    assert (await client.get("/jwt")).status_code == 401
