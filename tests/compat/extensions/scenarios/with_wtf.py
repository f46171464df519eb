"""quart-wtf: a form with a token against forged requests, an upload, and a check that awaits."""

from __future__ import annotations

import asyncio
import re
from io import BytesIO

import pytest
from quart import Quart, render_template_string
from quart.datastructures import FileStorage
from quart_wtf import QuartForm
from quart_wtf.file import FileAllowed, FileField
from wtforms import StringField, ValidationError
from wtforms.validators import DataRequired

PAGE = """<form method=post>{{ form.csrf_token }}{{ form.name }}
{% for error in form.name.errors + form.photo.errors %}<p>{{ error }}</p>{% endfor %}</form>"""


class PetForm(QuartForm):
    name = StringField("Name", validators=[DataRequired("A pet has a name.")])
    photo = FileField("Photo", validators=[FileAllowed(["png"], "A photo is a PNG.")])

    async def async_validators_name(self, field):
        await asyncio.sleep(0)
        if field.data == "Rex":
            raise ValidationError("There is a Rex.")


@pytest.fixture
def app():
    app = Quart(__name__)
    app.secret_key = "only for this test"

    @app.route("/", methods=["GET", "POST"])
    async def pet():
        form = await PetForm.create_form()
        if await form.validate_on_submit():
            photo = form.photo.data
            return {"name": form.name.data, "photo": photo and photo.filename}
        return await render_template_string(PAGE, form=form)

    return app


async def token_of(client):
    page = await (await client.get("/")).get_data(as_text=True)
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


async def test_a_pet_is_taken_in(app):
    client = app.test_client()
    form = {"csrf_token": await token_of(client), "name": "Tom"}
    response = await client.post("/", form=form)
    assert await response.get_json() == {"name": "Tom", "photo": None}


@pytest.mark.parametrize(("name", "error"), [("", "A pet has a name."), ("Rex", "There is a Rex.")])
async def test_what_is_wrong_is_said(app, name, error):
    client = app.test_client()
    response = await client.post("/", form={"csrf_token": await token_of(client), "name": name})
    assert f"<p>{error}</p>" in await response.get_data(as_text=True)


async def test_without_a_token_nothing_is_taken(app):
    response = await app.test_client().post("/", form={"name": "Tom"})
    assert "<form" in await response.get_data(as_text=True)


@pytest.mark.parametrize(("filename", "taken"), [("tom.png", True), ("tom.exe", False)])
async def test_a_photo_comes_with_it(app, filename, taken):
    client = app.test_client()
    response = await client.post(
        "/",
        form={"csrf_token": await token_of(client), "name": "Tom"},
        files={"photo": FileStorage(BytesIO(b"..."), filename=filename)},
    )
    answer = await response.get_data(as_text=True)
    assert (filename in answer) is taken
    assert ("A photo is a PNG." in answer) is not taken
