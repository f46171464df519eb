"""What a form may make the server work: header lines of parts, and that twice the input is twice the work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pottle import Pottle, request
from pottle.formparser import parse_pairs

DISPOSITION = 'Content-Disposition: form-data; name="f"'


def make_app() -> Pottle:
    app = Pottle(__name__)

    @app.post("/form")
    async def form() -> list[list[Any]]:
        return [[name, value] for name, value in (await request.form).items(multi=True)]

    @app.post("/files")
    async def files() -> list[str | None]:
        return [file.filename for file in (await request.files).values()]

    @app.post("/parts")
    async def parts() -> list[list[str]]:
        return [[part.name, await part.text()] async for part in request.parts()]

    return app


async def post(path: str, *heads: str) -> tuple[int, Any]:
    """Send one part with the value ``v`` for each of *heads*; the status and the JSON."""
    body = "".join(f"--BB\r\n{head}\r\n\r\nv\r\n" for head in heads) + "--BB--\r\n"
    response = (
        await make_app()
        .test_client()
        .post(
            path, data=body.encode(), headers={"Content-Type": "multipart/form-data; boundary=BB"}
        )
    )
    return response.status_code, await response.get_json(silent=True)


@pytest.mark.parametrize("path", ["/form", "/parts"])
@pytest.mark.parametrize(
    "too_much",
    [
        pytest.param("\r\nX-More: x" * 16, id="header lines"),
        pytest.param("\r\na:" * 5000, id="empty header lines"),
        pytest.param("; a=b" * 17, id="parameters"),
        pytest.param(";" * 3000, id="empty parameters"),
        pytest.param('; a="' + "\\\\" * 2100 + '"', id="escapes"),
        pytest.param("; filename=" + "x" * 4100, id="a file name"),
        pytest.param("\r\n " * 1000 + "x" * 4000, id="a folded line"),
        pytest.param("\r\nContent-Type: text/plain" + '; a="b"' * 17, id="content type"),
        pytest.param("\r\nX-Other: " + "x" * 4100, id="any header"),
    ],
)
async def test_the_headers_of_a_part_are_bounded(path: str, too_much: str) -> None:
    assert (await post(path, DISPOSITION + too_much))[0] == 400


@pytest.mark.parametrize("path", ["/form", "/parts"])
async def test_what_clients_send_is_far_from_the_bounds(path: str) -> None:
    many = [f"{DISPOSITION}\r\nX-{number}: {number}" + "\r\nX-More: x" * 14 for number in range(50)]
    assert await post(path, *many) == (200, [["f", "v"]] * 50)
    quoted = 'Content-Disposition: form-data; name="' + ";" * 100 + '%22"'
    assert await post(path, quoted) == (200, [[";" * 100 + '"', "v"]])


async def test_the_longest_file_names_are_taken() -> None:
    name = "文" * 255
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    head = f"{DISPOSITION}; filename=\"{name}\"; filename*=UTF-8''{encoded}"
    assert await post("/files", head) == (200, [name])


# Twice the input, about twice the work, counted in lines of Python that ran.


FACTS: dict[str, tuple[str, str, Callable[[], object]]] = {
    "query": ("", "a=%41&", lambda: request.args),
    "cookies": ("Cookie", "a=b; ", lambda: request.cookies),
    "accept": ("Accept", "a/b;q=0.1,", lambda: request.accept_mimetypes.best_match(["x/y"])),
    "range": ("Range", "0-0,", lambda: request.range),
    "etags": ("If-None-Match", '"a", ', lambda: request.if_none_match.contains("b")),
    "content type": ("Content-Type", '; a="\\\\"', lambda: request.mimetype_params),
    "cache control": ("Cache-Control", "a=b, ", lambda: request.cache_control),
}


@pytest.mark.parametrize("name", FACTS)
async def test_twice_the_input_is_twice_the_work(name: str) -> None:
    header, text, look = FACTS[name]
    begin = {"Range": "bytes=", "Content-Type": "text/plain"}.get(header, "")

    async def work(times: int) -> int:
        text_sent = begin + text * times
        context = make_app().test_request_context(
            f"/?{text_sent}" if not header else "/", headers={header: text_sent} if header else {}
        )
        async with context:
            return lines_run(look)

    await work(10)  # imports and caches
    assert await work(4000) <= 2.2 * await work(2000)


def test_twice_the_form_is_twice_the_work() -> None:
    def work(times: int) -> int:
        return lines_run(lambda: parse_pairs("a=%41&" * times))

    assert work(4000) <= 2.2 * work(2000)


def lines_run(function: Callable[[], object]) -> int:
    """How many lines of Python *function* runs: its work, where a stopwatch would flicker."""
    lines = 0

    def count(frame: object, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        function()
    finally:
        sys.settrace(before)
    return lines


# Files: each large one holds a file descriptor.


FILE = f'{DISPOSITION}; filename="a.txt"'


async def test_the_files_of_a_form_are_bounded() -> None:
    assert await post("/files", *[FILE] * 100) == (200, ["a.txt"])
    assert (await post("/files", *[FILE] * 101))[0] == 413
    assert (await post("/form", *[FILE] * 101))[0] == 413
    assert (await post("/form", *[FILE] * 100, *[DISPOSITION] * 100))[0] == 200
    assert (await post("/parts", *[FILE] * 101))[0] == 200  # which makes no files


async def test_a_view_may_set_the_files_for_itself() -> None:
    app = Pottle(__name__)
    app.config["MAX_FORM_FILES"] = 1

    @app.post("/<int:most>")
    async def upload(most: int) -> str:
        if most:
            request.max_form_files = most
        return str(len((await request.files).getlist("f")))

    body = f"--BB\r\n{FILE}\r\n\r\nv\r\n" * 2 + "--BB--\r\n"
    for most, status in (0, 413), (1, 413), (2, 200):
        response = await app.test_client().post(
            f"/{most}",
            data=body.encode(),
            headers={"Content-Type": "multipart/form-data; boundary=BB"},
        )
        assert response.status_code == status


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file descriptors")
async def test_an_upload_without_a_file_descriptor_left_is_refused_for_now(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make_app().test_client()
    body = f"--BB\r\n{FILE}\r\n\r\n{'x' * 600_000}\r\n--BB--\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=BB"}
    assert (await client.post("/files", data=body, headers=headers)).status_code == 200
    with no_descriptors():
        response = await client.post("/files", data=body, headers=headers)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert [(entry.name, entry.exc_info) for entry in caplog.records] == [("pottle.uploads", None)]
    assert (await client.post("/files", data=body, headers=headers)).status_code == 200


@contextmanager
def no_descriptors() -> Iterator[None]:
    """No file can be opened meanwhile: those that are open already keep the descriptors."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("name", ["Content-Disposition", "Content-Type"])
async def test_quoted_strings_without_an_end(name: str) -> None:
    """Sixteen such parts once took five seconds of processor."""
    kind = 'form-data; name="f"' if name == "Content-Disposition" else "text/plain"
    evil = f'{name}: {kind}; x="{";" * 18}"; y="'
    evil += '\\"' * ((4090 - len(evil)) // 2)
    heads = [evil if kind != "text/plain" else f"{DISPOSITION}\r\n{evil}"] * 16
    before = time.process_time()
    status, _ = await post("/form", *heads)
    assert status in {200, 400}
    assert time.process_time() - before < 1
