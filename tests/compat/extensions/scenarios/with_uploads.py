"""quart-uploads: photos come in, get names of their own, and go out again."""

from __future__ import annotations

from io import BytesIO
from urllib.parse import urlsplit

import pytest
from quart import Quart, request
from quart.datastructures import FileStorage
from quart_uploads import UploadNotAllowed, UploadSet, configure_uploads
from quart_uploads.file_ext import FileExtensions


@pytest.fixture
async def app(tmp_path):
    app = Quart(__name__)
    app.config["UPLOADED_PHOTOS_DEST"] = str(tmp_path / "photos")
    photos = UploadSet("photos", FileExtensions.Images)
    configure_uploads(app, photos)

    @app.post("/<owner>")
    async def upload(owner):
        photo = (await request.files)["photo"]
        name = await photos.save(photo, folder=request.args.get("folder"))
        return {"owner": owner, "name": name, "url": photos.url(name)}

    @app.errorhandler(UploadNotAllowed)
    async def not_allowed(_):
        return "This is no photo.", 400

    async with app.test_app():
        yield app


def photo(name, data=b"..."):
    return {"photo": FileStorage(BytesIO(data), filename=name)}


async def test_a_photo_comes_in_and_goes_out(app, tmp_path):
    client = app.test_client()
    response = await client.post("/ann", files=photo("Sun Rise.JPG", b"the sun"))
    answer = await response.get_json()
    assert (answer["owner"], answer["name"]) == ("ann", "Sun_Rise.jpg")
    assert (tmp_path / "photos/Sun_Rise.jpg").read_bytes() == b"the sun"
    response = await client.get(urlsplit(answer["url"]).path)
    assert await response.get_data() == b"the sun"
    assert response.mimetype == "image/jpeg"


async def test_names_do_not_clash(app):
    client = app.test_client()
    names = [
        (await (await client.post("/ann", files=photo("a.png"))).get_json())["name"]
        for _ in range(3)
    ]
    assert names == ["a.png", "a_1.png", "a_2.png"]


async def test_folders(app, tmp_path):
    await app.test_client().post("/ann?folder=sea", files=photo("a.png", b"the sea"))
    assert (tmp_path / "photos/sea/a.png").read_bytes() == b"the sea"


async def test_what_is_no_photo_is_refused(app, tmp_path):
    response = await app.test_client().post("/ann", files=photo("virus.exe"))
    assert response.status_code == 400
    assert not (tmp_path / "photos").exists()


async def test_there_is_nothing_else(app):
    client = app.test_client()
    assert (await client.get("/_uploads/photos/none.png")).status_code == 404
    assert (await client.get("/_uploads/secrets/none.png")).status_code == 404
