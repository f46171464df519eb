from __future__ import annotations

import asyncio
import io
import random
from typing import TYPE_CHECKING, Any

import pytest

from pottle import Pottle, request
from pottle.datastructures import FileStorage

if TYPE_CHECKING:
    from pathlib import Path

MULTIPART = {"Content-Type": "multipart/form-data; boundary=BB"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
END = b"--BB--\r\n"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    head = f'--BB\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


@pytest.fixture
def app() -> Pottle:
    app = Pottle(__name__)

    @app.post("/form")
    async def form() -> dict[str, Any]:
        fields = await request.form
        files = await request.files
        return {
            "form": fields.to_dict(flat=False),
            "files": {name: [file.filename, len(file.read())] for name, file in files.items()},
        }

    @app.post("/parts")
    async def parts() -> list[list[Any]]:
        found: list[list[Any]] = []
        async for each in request.parts():
            if each.filename is None:
                found.append([each.name, await each.text()])
            else:
                found.append([each.name, sum([len(chunk) async for chunk in each])])
        return found

    return app


async def test_a_form_with_fields_and_files(app: Pottle) -> None:
    response = await app.test_client().post(
        "/form",
        form={"a": "é", "b": "2"},
        files={"f": FileStorage(io.BytesIO(b"abc"), filename="ü.txt")},
    )
    assert response.status_code == 200
    assert await response.get_json() == {
        "form": {"a": ["é"], "b": ["2"]},
        "files": {"f": ["ü.txt", 3]},
    }


async def test_an_urlencoded_form(app: Pottle) -> None:
    response = await app.test_client().post(
        "/form", data=b"a=1&a=2&b=%E2%98%83", headers=URLENCODED
    )
    assert (await response.get_json())["form"] == {"a": ["1", "2"], "b": ["☃"]}


async def test_other_bodies_are_no_form(app: Pottle) -> None:
    response = await app.test_client().post("/form", data=b"a=1", headers={"Content-Type": "x/y"})
    assert await response.get_json() == {"form": {}, "files": {}}


@pytest.mark.parametrize("path", ["/form", "/parts"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (part("a", b"1"), MULTIPART),
        (part("f", b"1", "f")[:-2], MULTIPART),
        (part("a", b"1") + END, {"Content-Type": "multipart/form-data"}),
        (b"--BB\r\nX: y\r\n\r\n1\r\n" + END, MULTIPART),
    ],
)
async def test_a_malformed_body_is_400(
    app: Pottle, path: str, body: bytes, headers: dict[str, str]
) -> None:
    response = await app.test_client().post(path, data=body, headers=headers)
    assert response.status_code == 400
    assert b"multipart body" in await response.get_data()


async def test_limits_of_the_configuration_are_413(app: Pottle) -> None:
    client = app.test_client()
    small = part("a", b"x" * 10) + END
    app.config["MAX_FORM_MEMORY_SIZE"] = 10
    assert (await client.post("/form", data=small, headers=MULTIPART)).status_code == 200
    assert (
        await client.post("/form", data=b"a=" + b"x" * 8, headers=URLENCODED)
    ).status_code == 200
    app.config["MAX_FORM_MEMORY_SIZE"] = 9
    assert (await client.post("/form", data=small, headers=MULTIPART)).status_code == 413
    assert (await client.post("/parts", data=small, headers=MULTIPART)).status_code == 413
    assert (
        await client.post("/form", data=b"a=" + b"x" * 8, headers=URLENCODED)
    ).status_code == 413

    app.config["MAX_FORM_MEMORY_SIZE"] = None
    app.config["MAX_FORM_PARTS"] = 2
    three = part("a", b"1") * 3 + END
    assert (await client.post("/form", data=three, headers=MULTIPART)).status_code == 413
    assert (await client.post("/parts", data=three, headers=MULTIPART)).status_code == 413
    app.config["MAX_FORM_PARTS"] = 3
    assert (await client.post("/form", data=three, headers=MULTIPART)).status_code == 200

    app.config["MAX_CONTENT_LENGTH"] = len(three) - 1
    for path in ("/form", "/parts"):
        assert (await client.post(path, data=three, headers=MULTIPART)).status_code == 413


async def test_limits_of_one_request() -> None:
    app = Pottle(__name__)
    app.config["MAX_FORM_MEMORY_SIZE"] = 5
    app.config["MAX_FORM_PARTS"] = 1

    @app.post("/<int:size>/<int:parts>")
    async def form(size: int, parts: int) -> list[str]:
        request.max_form_memory_size = size
        request.max_form_parts = parts
        return sorted(await request.form)

    client = app.test_client()
    body = part("a", b"x" * 10) + part("b", b"y") + END
    response = await client.post("/10/2", data=body, headers=MULTIPART)
    assert await response.get_json() == ["a", "b"]
    assert (await client.post("/9/2", data=body, headers=MULTIPART)).status_code == 413
    assert (await client.post("/10/1", data=body, headers=MULTIPART)).status_code == 413


async def test_parts_arrive_while_the_client_still_sends() -> None:
    app = Pottle(__name__)
    arrived = asyncio.Event()

    @app.post("/")
    async def upload() -> dict[str, str]:
        contents: dict[str, str] = {}
        async for each in request.parts():
            contents[each.name] = await each.text()
            arrived.set()
        return contents

    async with app.test_client().request("/", method="POST", headers=MULTIPART) as connection:
        await connection.send(part("a", b"one") + part("f", b"two", "f")[:-2])
        await arrived.wait()
        await connection.send(b"three\r\n" + END)
        await connection.send_complete()
        response = await connection.as_response()
    assert await response.get_json() == {"a": "one", "f": "twothree"}


async def test_a_large_upload_is_saved(tmp_path: Path) -> None:
    app = Pottle(__name__)
    content = random.Random(1).randbytes(3_000_000)
    kept: list[FileStorage] = []

    @app.post("/saved")
    async def saved() -> str:
        file = (await request.files)["f"]
        kept.append(file)
        await file.save(tmp_path / "saved")
        return "saved"

    @app.post("/streamed")
    async def streamed() -> str:
        async for each in request.parts():
            await each.save(tmp_path / each.name)
        return "saved"

    client = app.test_client()
    body = part("f", content, "f.bin") + END
    for path, name in (("/saved", "saved"), ("/streamed", "f")):
        response = await client.post(path, data=body, headers=MULTIPART)
        assert await response.get_data() == b"saved"
        assert (tmp_path / name).read_bytes() == content
    assert kept[0].closed


async def test_files_are_closed_with_the_request(app: Pottle) -> None:
    kept: list[FileStorage] = []

    @app.post("/kept")
    async def keep() -> str:
        kept.extend((await request.files).values())
        raise RuntimeError

    body = part("f", b"1", "f") + END
    response = await app.test_client().post("/kept", data=body, headers=MULTIPART)
    assert response.status_code == 500
    assert [file.closed for file in kept] == [True]
