"""quart-jwt-extended: signing in, who is asking, fresh tokens and new ones."""

from __future__ import annotations

import pytest
from quart import Quart, jsonify, request
from quart_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    fresh_jwt_required,
    get_jwt_claims,
    get_jwt_identity,
    jwt_optional,
    jwt_refresh_token_required,
    jwt_required,
)


@pytest.fixture
def app():
    app = Quart(__name__)
    app.config["JWT_SECRET_KEY"] = "only for this test, and long enough for the algorithm"
    manager = JWTManager(app)

    @manager.user_claims_loader
    def claims(identity):
        return {"admin": identity == "ann"}

    @app.post("/sign-in")
    async def sign_in():
        name = (await request.get_json())["name"]
        return jsonify(
            access=create_access_token(name, fresh=True), refresh=create_refresh_token(name)
        )

    @app.post("/refresh")
    @jwt_refresh_token_required
    async def refresh():
        return {"access": create_access_token(get_jwt_identity(), fresh=False)}

    @app.get("/me")
    @jwt_required
    async def me():
        return {"name": get_jwt_identity(), **get_jwt_claims()}

    @app.get("/perhaps")
    @jwt_optional
    async def perhaps():
        return {"name": get_jwt_identity()}

    @app.post("/password")
    @fresh_jwt_required
    async def password():
        return "changed"

    return app


async def sign_in(client, name="ann"):
    response = await client.post("/sign-in", json={"name": name})
    tokens = await response.get_json()
    return {kind: {"Authorization": f"Bearer {token}"} for kind, token in tokens.items()}


@pytest.mark.parametrize(("name", "admin"), [("ann", True), ("bob", False)])
async def test_who_is_asking(app, name, admin):
    client = app.test_client()
    response = await client.get("/me", headers=(await sign_in(client, name))["access"])
    assert await response.get_json() == {"name": name, "admin": admin}


async def test_without_a_token(app):
    client = app.test_client()
    response = await client.get("/me")
    assert response.status_code == 401
    assert await response.get_json() == {"msg": "Missing Authorization Header"}
    assert await (await client.get("/perhaps")).get_json() == {"name": None}


async def test_a_broken_token(app):
    headers = {"Authorization": "Bearer broken"}
    assert (await app.test_client().get("/me", headers=headers)).status_code == 422


async def test_a_new_token_is_not_fresh(app):
    client = app.test_client()
    signed_in = await sign_in(client)
    assert (await client.post("/password", headers=signed_in["access"])).status_code == 200
    response = await client.post("/refresh", headers=signed_in["refresh"])
    headers = {"Authorization": f"Bearer {(await response.get_json())['access']}"}
    assert (await client.get("/me", headers=headers)).status_code == 200
    assert (await client.post("/password", headers=headers)).status_code == 401
