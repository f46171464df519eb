"""The example blog: registering, logging in, tokens of forms, pictures."""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pottle import Pottle

PASSWORD = "correct horse"


async def login(visitor: Any, name: str, password: str, query: str = "") -> Any:
    return await visitor.send(f"/auth/login{query}", {"name": name, "password": password})


async def test_user_registers_and_is_logged_in(visitor: Any) -> None:
    await visitor.register("linus")
    page = await visitor.page("/")
    assert "Welcome, linus." in page
    assert "Log out" in page
    assert "Write" in page


@pytest.mark.parametrize(
    ("name", "password", "wrong"),
    [
        ("x", PASSWORD, "A name has"),
        ("a b", PASSWORD, "A name has"),
        ("linus\n", "short", "A password has"),
        ("linus", "x" * 201, "A password has"),
        ("GRACE", PASSWORD, "taken"),
        ("ada", PASSWORD, "taken"),
    ],
)
async def test_who_cannot_register_is_told_why(
    user: Any, visitor: Any, name: str, password: str, wrong: str
) -> None:
    response = await visitor.send("/auth/register", {"name": name, "password": password})
    page = await response.get_data(as_text=True)
    assert response.status_code == 422
    assert wrong in page
    assert password not in page


async def test_user_logs_out_and_in_again(user: Any) -> None:
    response = await user.send("/auth/logout", {}, on="/")
    assert response.location == "/"
    page = await user.page("/")
    assert "You are logged out." in page
    assert "Log out" not in page
    assert (await login(user, "Grace", PASSWORD)).location == "/"
    assert "Welcome back, grace." in await user.page("/")


@pytest.mark.parametrize(
    ("name", "password"),
    [("grace", "wrong"), ("nobody", PASSWORD), ("ada", "!"), ("ada", ""), ("' OR 1=1 --", "x")],
)
async def test_wrong_name_and_wrong_password_are_told_alike(
    user: Any, visitor: Any, name: str, password: str
) -> None:
    response = await login(visitor, name, password)
    assert response.status_code == 422
    assert "Name or password is wrong." in await response.get_data(as_text=True)
    assert "Log out" not in await visitor.page("/")


async def test_password_is_kept_as_a_hash(user: Any, app: Pottle) -> None:
    found = await app.extensions["store"].user_called("grace")
    assert found.password_hash.startswith("scrypt:")
    assert PASSWORD.encode() not in Path(app.config["DATABASE"]).read_bytes()


@pytest.mark.parametrize("url", ["/write", "/posts/1/edit"])
async def test_strangers_log_in_first_and_come_back(user: Any, visitor: Any, url: str) -> None:
    response = await visitor.client.get(url)
    assert response.status_code == 302
    assert response.location.startswith("/auth/login?next=")
    assert "Log in first." in await visitor.page(response.location)
    fields = {"name": "grace", "password": PASSWORD}
    response = await visitor.send(response.location, fields)
    assert response.location.rstrip("?") == url


async def test_strangers_write_nothing(visitor: Any) -> None:
    form = {"title": "From a stranger", "body": "x"}
    for url in "/write", "/posts/1/edit", "/posts/1/delete":
        response = await visitor.send(url, form, on="/auth/login")
        assert response.location.startswith("/auth/login?next=")
    page = await visitor.page("/")
    assert "From a stranger" not in page
    assert ">Hello</a>" in page


@pytest.mark.parametrize(
    "next",
    [
        "https://example.org/",
        "//example.org",
        "/\\example.org",
        "\\\\example.org",
        "javascript:alert(1)",
        "example.org",
        "http:///x",
        "/%0d%0aX: 1",
    ],
)
async def test_login_leads_nowhere_else(user: Any, visitor: Any, next: str) -> None:
    fields = {"name": "grace", "password": PASSWORD, "csrf_token": ""}
    fields["csrf_token"] = await visitor.token("/auth/login")
    response = await visitor.client.post("/auth/login", query_string={"next": next}, form=fields)
    assert response.status_code == 302
    assert response.location == "/" or (
        response.location.startswith("/%") and "\n" not in response.location
    )


# Tokens of forms


@pytest.mark.parametrize("token", [None, "", "wrong", "ü"])
async def test_form_without_the_token_of_the_session_is_refused(
    user: Any, token: str | None
) -> None:
    form = {"title": "Forged", "body": "x"} | ({} if token is None else {"csrf_token": token})
    response = await user.client.post("/write", form=form)
    assert response.status_code == 400
    assert "comes from somewhere else" in await response.get_data(as_text=True)
    assert "Forged" not in await user.page("/")


async def test_token_of_another_session_is_refused(user: Any, visitor: Any) -> None:
    form = {"title": "Forged", "body": "x", "csrf_token": await visitor.token("/auth/login")}
    assert (await user.client.post("/write", form=form)).status_code == 400


async def test_session_begins_anew_with_the_login(user: Any) -> None:
    before = await user.token("/")
    await user.send("/auth/logout", {}, on="/")
    await login(user, "grace", PASSWORD)
    assert await user.token("/") != before


async def test_cookie_is_for_this_site_and_not_for_scripts(visitor: Any) -> None:
    response = await visitor.client.get("/auth/login")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


# Pictures


def picture(
    format: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any
) -> tuple[BytesIO, str]:
    file = BytesIO()
    Image.new("RGB", size, "teal").save(file, format, **options)
    file.seek(0)
    return file, f"../../picture.{format.lower()}"


def kept(app: Pottle) -> list[Path]:
    """The files of all pictures."""
    return sorted(Path(app.config["IMAGES"]).glob("*"))


async def shown(visitor: Any, url: str) -> str:
    """The URL of the picture on a page."""
    found = re.search(r'<img class="picture" src="([^"]+)"', await visitor.page(url))
    assert found
    return found[1]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_picture_is_shown(user: Any, visitor: Any, app: Pottle, format: str) -> None:
    url = await user.write(files={"image": picture(format)})
    response = await visitor.client.get(await shown(visitor, url))
    assert response.mimetype == "image/webp"
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    with Image.open(BytesIO(await response.get_data())) as image:
        assert (image.format, image.size) == ("WEBP", (40, 30))
    [file] = kept(app)
    assert re.fullmatch(r"[0-9a-f]{32}\.webp", file.name)


async def test_picture_is_made_smaller_and_loses_what_the_camera_wrote(
    user: Any, app: Pottle
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "a camera"
    await user.write(files={"image": picture("JPEG", (2000, 1000), exif=exif)})
    with Image.open(kept(app)[0]) as image:
        assert image.size == (800, 1600)
        assert not image.getexif()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='x'><script/></svg>",
        b"<?php",
        b"\x89PNG\r\n\x1a\n broken",
        b"BM" + b"x" * 99,
    ],
)
async def test_file_that_is_no_picture_is_refused(user: Any, app: Pottle, content: bytes) -> None:
    files = {"image": (BytesIO(content), "picture.png", "image/png")}
    response = await user.send("/write", {"title": "A title", "body": "A text."}, files)
    page = await response.get_data(as_text=True)
    assert response.status_code == 422
    assert "no picture that can be read" in page
    assert "A text." in page
    assert kept(app) == []


async def test_picture_that_is_cut_off_is_refused(user: Any, app: Pottle) -> None:
    file, name = picture("JPEG", (400, 400))
    files = {"image": (BytesIO(file.read()[:-300]), name)}
    response = await user.send("/write", {"title": "A title", "body": "A text."}, files)
    assert response.status_code == 422
    assert kept(app) == []


@pytest.mark.parametrize("size", [(7000, 7000), (20_000, 20_000)])
async def test_picture_that_would_fill_the_memory_is_refused(
    user: Any, app: Pottle, size: tuple[int, int]
) -> None:
    file, name = picture("PNG", (1, 1))
    head = bytearray(file.read())
    head[16:24] = size[0].to_bytes(4) + size[1].to_bytes(4)
    head[29:33] = zlib.crc32(head[12:29]).to_bytes(4)
    files = {"image": (BytesIO(bytes(head)), name)}
    response = await user.send("/write", {"title": "A title", "body": "A text."}, files)
    assert response.status_code == 422
    assert "too many pixels" in await response.get_data(as_text=True)


async def test_file_that_is_too_large_is_refused(user: Any) -> None:
    files = {"image": (BytesIO(b"x" * (5 * 1024 * 1024)), "picture.png")}
    response = await user.send("/write", {"title": "A title", "body": "A text."}, files)
    assert response.status_code == 413
    assert "All posts" in await response.get_data(as_text=True)


async def test_picture_is_replaced_removed_and_deleted_with_its_post(
    user: Any, app: Pottle
) -> None:
    form = {"title": "A title", "body": "A text."}
    url = await user.write(files={"image": picture()})
    [first] = kept(app)
    await user.send(f"{url}/edit", form)
    assert kept(app) == [first]
    await user.send(f"{url}/edit", form, {"image": picture("GIF")})
    [second] = kept(app)
    assert second != first
    await user.send(f"{url}/edit", {**form, "remove_image": "on"})
    assert kept(app) == []
    await user.send(f"{url}/edit", form, {"image": picture()})
    await user.send(f"{url}/delete", {}, on=f"{url}/edit")
    assert kept(app) == []


@pytest.mark.parametrize("name", ["../blog.sqlite3", "..%2Fsecret_key", "nothing.webp", "%00"])
async def test_only_pictures_are_served(user: Any, name: str) -> None:
    await user.write(files={"image": picture()})
    assert (await user.client.get(f"/images/{name}")).status_code == 404
