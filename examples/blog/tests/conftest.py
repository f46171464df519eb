"""A blog for each test, a client of it, and a user who is logged in."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from blog.app import create_app
from pottle import Pottle
from pottle.testing import PottleClient

PASSWORD = "correct horse"


class Visitor:
    """A browser, as far as a test needs one: it sends forms with the token that the page has."""

    def __init__(self, client: PottleClient) -> None:
        self.client = client

    async def page(self, url: str, status: int = 200) -> str:
        """The page at *url*."""
        response = await self.client.get(url)
        text = await response.get_data(as_text=True)
        assert response.status_code == status, text
        return str(text)

    async def token(self, url: str) -> str:
        """The token in the forms of the page at *url*."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', await self.page(url))
        assert found, url
        return found[1]

    async def send(
        self, url: str, form: dict[str, str], files: Any = None, on: str | None = None
    ) -> Any:
        """Fill in the form of the page *on* and send it to *url*; they are mostly the same."""
        fields = {**form, "csrf_token": await self.token(on or url)}
        return await self.client.post(url, form=fields, files=files)

    async def register(self, name: str) -> None:
        """Become the user *name*, logged in."""
        form = {"name": name, "password": PASSWORD}
        response = await self.send("/auth/register", form)
        assert response.status_code == 302

    async def write(self, title: str = "A title", body: str = "A text.", files: Any = None) -> str:
        """Write a post; its URL."""
        response = await self.send("/write", {"title": title, "body": body}, files)
        assert response.status_code == 302, await response.get_data(as_text=True)
        return str(response.location)


@pytest.fixture
def app(tmp_path: Path) -> Pottle:
    folder = tmp_path / "instance"
    return create_app(
        {
            "DATABASE": str(folder / "blog.sqlite3"),
            "IMAGES": str(folder / "images"),
            "PROPAGATE_EXCEPTIONS": False,
        }
    )


@pytest.fixture
async def running(app: Pottle) -> AsyncGenerator[Pottle]:
    async with app.test_app():
        yield app


@pytest.fixture
def visitor(running: Pottle) -> Visitor:
    """Somebody who is not logged in."""
    return Visitor(running.test_client())


@pytest.fixture
async def user(running: Pottle) -> Visitor:
    """Somebody who is logged in, as "grace"."""
    visitor = Visitor(running.test_client())
    await visitor.register("grace")
    return visitor
