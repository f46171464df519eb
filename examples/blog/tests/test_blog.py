"""The example blog: posts, pages, the feed, errors, its command."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from blog.app import create_app
from blog.store import SAMPLE
from pottle import Pottle
from pottle.testing.plugin import LiveServers

FOLDER = Path(__file__).parents[1]
ATOM = "{http://www.w3.org/2005/Atom}"


async def test_blog_begins_with_some_posts(visitor: Any) -> None:
    page = await visitor.page("/")
    places = [page.index(f">{title}</a>") for title, _ in SAMPLE]
    assert places == sorted(places, reverse=True)
    assert "Log in" in page
    assert "Write" not in page


async def test_post_is_written_and_read(user: Any, visitor: Any) -> None:
    url = await user.write("Tea & milk", "One.\r\n\r\n<script>alert(1)</script>\r\nThree.")
    assert "Your post is published." in await user.page(url)
    page = await visitor.page(url)
    assert "Your post is published." not in page
    assert "<h1>Tea &amp; milk</h1>" in page
    assert page.count('<p class="text">') == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nThree." in page
    assert "grace" in page
    assert "Change this post" not in page
    assert ">Tea &amp; milk</a>" in await visitor.page("/")


async def test_flashed_message_is_shown_once(user: Any) -> None:
    url = await user.write()
    assert "Your post is published." in await user.page(url)
    assert "Your post is published." not in await user.page(url)


@pytest.mark.parametrize(
    ("title", "body", "wrong"),
    [
        (" ", "text", "A title has"),
        ("x" * 101, "text", "A title has"),
        ("title", " \r\n ", "A text has"),
        ("title", "x" * 20_001, "A text has"),
    ],
)
async def test_what_is_no_post_comes_back_with_a_word(
    user: Any, title: str, body: str, wrong: str
) -> None:
    response = await user.send("/write", {"title": title, "body": body})
    page = await response.get_data(as_text=True)
    assert response.status_code == 422
    assert wrong in page
    assert 'role="alert"' in page
    assert body.strip() in page


async def test_missing_field_is_a_bad_request(user: Any) -> None:
    assert (await user.send("/write", {"title": "title"})).status_code == 400


async def test_own_post_is_changed(user: Any) -> None:
    url = await user.write("Before", "One.")
    assert 'value="Before"' in await user.page(f"{url}/edit")
    response = await user.send(f"{url}/edit", {"title": "After", "body": "Two."})
    assert response.location == url
    page = await user.page(url)
    assert ("After" in page, "Before" in page, "Two." in page) == (True, False, True)


async def test_wrong_change_comes_back_and_changes_nothing(user: Any) -> None:
    url = await user.write("Before", "One.")
    response = await user.send(f"{url}/edit", {"title": "", "body": "Two."})
    assert response.status_code == 422
    assert "Two." in await response.get_data(as_text=True)
    assert "Before" in await user.page(url)


async def test_own_post_is_deleted(user: Any) -> None:
    url = await user.write()
    response = await user.send(f"{url}/delete", {}, on=f"{url}/edit")
    assert response.location == "/"
    await user.page(url, 404)


@pytest.mark.parametrize("action", ["edit", "delete"])
async def test_post_of_somebody_else_is_left_alone(user: Any, action: str) -> None:
    response = await user.send(f"/posts/1/{action}", {"title": "x", "body": "x"}, on="/write")
    assert response.status_code == 403
    assert "somebody else" in await response.get_data(as_text=True)
    await user.page("/posts/1/edit", 403)
    assert "<h1>Hello</h1>" in await user.page("/posts/1")


async def test_posts_come_page_by_page(user: Any) -> None:
    for number in range(9):
        await user.write(f"Post {number}")
    seen: list[str] = []
    for url, last in ("/", False), ("/page/2", False), ("/page/3", True):
        page = await user.page(url)
        seen += re.findall(r'<h2><a href="[^"]+">(.+?)</a></h2>', page)
        assert ('rel="next"' in page) is not last
        assert ('rel="prev"' in page) is (url != "/")
    titles = [title for title, _ in SAMPLE] + [f"Post {number}" for number in range(9)]
    assert seen == titles[::-1]
    await user.page("/page/4", 404)


async def test_first_page_has_one_url(visitor: Any) -> None:
    response = await visitor.client.get("/page/1")
    assert (response.status_code, response.location) == (308, "http://localhost/")


# The feed


async def test_feed_has_the_newest_posts(user: Any) -> None:
    await user.write("Tea & milk", "<b>")
    response = await user.client.get("/feed.xml")
    assert response.mimetype == "application/atom+xml"
    feed = ElementTree.fromstring(await response.get_data())
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == len(SAMPLE) + 1
    assert entries[0].findtext(f"{ATOM}title") == "Tea & milk"
    assert entries[0].findtext(f"{ATOM}content") == "<b>"
    assert entries[0].findtext(f"{ATOM}author/{ATOM}name") == "grace"
    id = entries[0].findtext(f"{ATOM}id") or ""
    assert id.startswith("http://localhost/posts/")
    await user.page(id.removeprefix("http://localhost"))
    for name in "title", "id", "updated":
        assert feed.findtext(f"{ATOM}{name}")


async def test_feed_is_sent_again_only_when_there_is_something_new(user: Any) -> None:
    etag = (await user.client.get("/feed.xml")).headers["ETag"]
    headers = {"If-None-Match": etag}
    assert (await user.client.get("/feed.xml", headers=headers)).status_code == 304
    await user.write()
    assert (await user.client.get("/feed.xml", headers=headers)).status_code == 200


# Errors, headers, settings


@pytest.mark.parametrize(
    "url", ["/nothing", "/posts/999", "/page/0", "/posts/99999999999999999999"]
)
async def test_what_is_not_there_has_a_page(visitor: Any, url: str) -> None:
    page = await visitor.page(url, 404)
    assert "<h1>Not Found</h1>" in page
    assert "All posts" in page


async def test_bug_has_a_page_that_tells_nothing(
    running: Pottle, visitor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("blog.store.Store.post", broken)
    page = await visitor.page("/posts/1", 500)
    assert "Internal Server Error" in page
    assert "secret" not in page


async def test_pages_need_nothing_from_elsewhere(visitor: Any) -> None:
    response = await visitor.client.get("/")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    page = await response.get_data(as_text=True)
    for url in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        assert (await visitor.client.get(url)).status_code == 200
    for file in [*FOLDER.glob("static/*"), *FOLDER.rglob("templates/**/*.html")]:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"\w+://|<script|style=|onclick", text), file


def test_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BLOG_TITLE", "Another blog")
    monkeypatch.setenv("BLOG_DATABASE", str(tmp_path / "blog.sqlite3"))
    assert create_app().config["TITLE"] == "Another blog"


def test_secret_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    config = {"DATABASE": str(tmp_path / "blog.sqlite3")}
    first, second = create_app(config), create_app(config)
    assert first.secret_key == second.secret_key
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert create_app({**config, "SECRET_KEY": "given"}).secret_key == "given"


# The command


def test_command_makes_the_database(app: Pottle) -> None:
    runner = app.test_cli_runner()
    result = runner.invoke(args=["init-db"])
    assert (result.exit_code, "a new database with 3 posts" in result.output) == (0, True)
    assert Path(app.config["DATABASE"]).exists()


def test_command_refuses_where_there_is_a_database(app: Pottle) -> None:
    runner = app.test_cli_runner()
    runner.invoke(args=["init-db"])
    before = Path(app.config["DATABASE"]).stat().st_ino
    result = runner.invoke(args=["init-db"])
    assert result.exit_code == 1
    assert "--force" in result.output
    assert Path(app.config["DATABASE"]).stat().st_ino == before
    assert runner.invoke(args=["init-db", "--force"]).exit_code == 0


async def test_posts_stay_over_a_restart(app: Pottle) -> None:
    for _ in range(2):
        async with app.test_app() as running:
            page = await (await running.test_client().get("/")).get_data(as_text=True)
            assert page.count("<article") == len(SAMPLE)


# A server


def test_it_is_served(live_server: LiveServers) -> None:
    with httpx.Client(
        base_url=live_server.url("/"), trust_env=False, follow_redirects=True
    ) as client:

        def send(url: str, **fields: str) -> httpx.Response:
            found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(url).text)
            assert found
            return client.post(url, data={**fields, "csrf_token": found[1]})

        page = send("/auth/register", name="grace", password="correct horse")
        assert "Welcome, grace." in page.text
        page = send("/write", title="From a real client", body="Text.")
        assert "<h1>From a real client</h1>" in page.text
        assert client.get("/page/1").url.path == "/"
