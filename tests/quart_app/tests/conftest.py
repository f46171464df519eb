from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from bookshop import Shop, create_app


@pytest.fixture
async def app() -> AsyncIterator[Shop]:
    """The shop between start and shutdown."""
    app = create_app({"PROPAGATE_EXCEPTIONS": False})
    async with app.test_app():
        yield app


@pytest.fixture
async def client(app: Shop) -> Any:
    return app.test_client()


@pytest.fixture
async def user(client: Any) -> Any:
    """A client that is logged in."""
    form = {"name": "ann", "password": "secret"}
    await client.post("/account/register", form=form)
    response = await client.post("/account/login", form=form)
    assert response.status_code == 302
    await client.get("/")  # shows the welcome, once
    return client


@pytest.fixture
def token() -> dict[str, str]:
    return {"Authorization": "Bearer token"}
