"""The example pipeline: its stages by themselves, and what clients see of them."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import json
import sys

import av
import pytest

from pipeline import processes, stages
from pipeline.jobs import KEPT, Jobs
from pipeline.processes import StageError, through
from pipeline.stages import STAGES, chained, in_pieces
from pottle.testing.connections import IncompleteResponseError

SLEEPER = "import sys, time; sys.stdout.write('up'); sys.stdout.flush(); time.sleep(600)"


async def given(*chunks):
    for chunk in chunks:
        yield chunk


async def result_of(names, *chunks):
    """What becomes of *chunks* by the stages that *names* means."""
    chosen = [STAGES[name] for name in names.split("+")]
    async with chained(given(*chunks), chosen) as result:
        return b"".join([piece async for piece in result])


async def error_of(response):
    return (await response.get_json())["error"]


async def report_on(client, response):
    path = response.headers["Link"].partition("<")[2].partition(">")[0]
    return await (await client.get(path)).get_json()


def newest(app):
    """The job that was started last, if there is one."""
    return next(reversed(app.extensions["jobs"]._jobs.values()), None)


def cut(content, size):
    return [content[start : start + size] for start in range(0, len(content), size)]


def samples(flac):
    with av.open(io.BytesIO(flac)) as container:
        return b"".join(bytes(frame.planes[0]) for frame in container.decode(audio=0))


# The stages


async def test_pieces_are_large_and_complete():
    pieces = [piece async for piece in in_pieces(given(*cut(bytes(range(250)), 7)), 100)]
    assert b"".join(pieces) == bytes(range(250))
    assert [len(piece) for piece in pieces] == [105, 105, 40]


async def test_gzip():
    content = b"again and again " * 200_000
    assert gzip.decompress(await result_of("gzip", *cut(content, 65_536))) == content
    assert gzip.decompress(await result_of("gzip")) == b""


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_rows_become_lines_wherever_they_are_cut(size, monkeypatch):
    monkeypatch.setattr(stages, "PIECE", size)
    text = '\ufeffname,said\r\nada,"a ""b"",\nc"\r\nbob,é\r\neve,'
    lines = (await result_of("jsonl", *cut(text.encode(), size))).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"name": "ada", "said": 'a "b",\nc'},
        {"name": "bob", "said": "é"},
        {"name": "eve", "said": ""},
    ]


async def test_many_rows():
    text = "number\n" + "".join(f"{number}\n" for number in range(5000))
    lines = (await result_of("jsonl", text.encode())).splitlines()
    assert [json.loads(line)["number"] for line in lines] == [str(n) for n in range(5000)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n1,2,3\n", "Row 2 has 3 fields and not 2."),
        (b"a,b\n\xff,2\n", "no text in UTF-8"),
        (b'a,b\n"1,2\n', "Behind row 0"),
        (b"a" * 300_000, "A row has more than 262144 bytes"),
    ],
)
async def test_what_is_no_table_is_refused(content, message):
    with pytest.raises(StageError, match=message):
        await result_of("jsonl", content)


async def test_sound_becomes_flac_without_a_loss(song):
    flac = await result_of("flac", *cut(song, 5000))
    assert flac.startswith(b"fLaC")
    assert samples(flac) == song[44:]


async def test_what_is_no_sound_is_refused():
    with pytest.raises(StageError, match="no sound that can be read"):
        await result_of("flac", b"name,said\n" * 1000)


async def test_stages_follow_one_another():
    compressed = await result_of("jsonl+gzip", b"a\n1\n")
    assert gzip.decompress(compressed) == b'{"a": "1"}\n'


async def test_every_stage_is_closed_with_the_pipeline():
    closed = []

    def noting(name):
        async def run(chunks):
            try:
                async for chunk in chunks:
                    yield chunk
            finally:
                closed.append(name)

        return STAGES["gzip"]._replace(run=run)

    async with chained(given(b"1", b"2"), [noting("first"), noting("second")]) as result:
        assert await anext(aiter(result)) == b"1"
    assert closed == ["second", "first"]


# Programs


async def test_program_takes_and_gives():
    echo = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    content = bytes(range(256)) * 10_000
    pieces = [
        piece async for piece in through(given(*cut(content, 9999)), sys.executable, "-c", echo)
    ]
    assert b"".join(pieces) == content


async def test_program_that_reads_only_the_beginning_is_no_error():
    head = "import sys; sys.stdout.write(sys.stdin.read(3))"
    pieces = through(given(*[b"x" * 100_000] * 50), sys.executable, "-c", head)
    assert [piece async for piece in pieces] == [b"xxx"]


async def test_complaints_of_a_program_are_told():
    complain = "import sys; sys.exit('x' * 1000 + 'too bad')"
    with pytest.raises(StageError, match=r"^x{493}too bad$"):
        async for _ in through(given(b""), sys.executable, "-c", complain):
            pass


async def test_program_is_gone_when_its_output_is_not_wanted_any_more(monkeypatch):
    started = []
    create = asyncio.create_subprocess_exec

    async def note(*args, **kwargs):
        started.append(await create(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    pieces = through(given(b""), sys.executable, "-c", SLEEPER)
    assert await anext(pieces) == b"up"
    assert started[0].returncode is None
    await pieces.aclose()
    assert started[0].returncode == -9


async def test_program_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(processes, "SILENCE", 0.5)
    pieces = through(given(b""), sys.executable, "-c", SLEEPER)
    with pytest.raises(TimeoutError):
        async for _ in pieces:
            pass


async def test_program_does_not_take_a_half_for_the_whole():
    async def broken():
        yield b"half"
        raise ConnectionAbortedError("gone")

    at_end = "import sys; sys.stdout.write(sys.stdin.read() + ' is all')"
    pieces = through(broken(), sys.executable, "-c", at_end)
    with pytest.raises(ConnectionAbortedError):
        await anext(pieces)  # and it was not "half is all"


# In one exchange


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_result_and_report(client, method):
    response = await client.open("/pipe/jsonl", method=method, data="a,b\n1,2\n")
    content = await response.get_data()
    assert response.status_code == 200
    assert response.mimetype == "application/jsonl"
    assert content == b'{"a": "1", "b": "2"}\n'
    report = await report_on(client, response)
    assert report == {
        "state": "done",
        "error": None,
        "received": 8,
        "sent": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


async def test_answer_begins_while_the_request_still_arrives(client):
    piece = b"".join(b"%d\n" % number for number in range(300_000))
    async with client.request("/pipe/jsonl", method="PUT") as connection:
        await connection.send(b"number\n" + piece)
        assert (await connection.receive()).startswith(b'{"number": "0"}\n')
        await connection.send(b"the last\n")
        await connection.send_complete()
        response = await connection.as_response()
    assert (await response.get_data()).endswith(b'{"number": "the last"}\n')


async def test_what_is_wrong_at_the_beginning_has_a_status(client):
    response = await client.put("/pipe/jsonl", data=b"\xff\xfe")
    assert response.status_code == 422
    assert await error_of(response) == "This is no text in UTF-8."


async def test_what_is_wrong_later_breaks_off_and_is_reported(client):
    async with client.request("/pipe/jsonl", method="PUT") as connection:
        await connection.send(b"a\n" + b"1\n" * 1_000_000)
        await connection.send(b"1,2\n")
        await connection.send_complete()
        with pytest.raises(IncompleteResponseError):
            await connection.as_response()
    job = newest(client.app)
    assert job.report()["state"] == "failed"
    assert job.report()["error"] == "Row 1000001 has 2 fields and not 1."
    assert job.report()["sha256"] is None


async def test_client_that_leaves_is_given_up(client):
    async with client.request("/pipe/gzip", method="PUT") as connection:
        await connection.send(b"x" * 2_000_000)
        await connection.receive()
        await connection.disconnect()
    job = newest(client.app)
    assert job.state == "given up"


@pytest.mark.parametrize("names", ["nothing", "gzip+nothing", "+", "gzip+gzip+gzip+gzip+gzip"])
async def test_unknown_and_too_many_stages(client, names):
    response = await client.put(f"/pipe/{names}", data=b"x")
    assert response.status_code == 404
    assert "gzip, jsonl, flac" in await error_of(response)


async def test_upload_has_a_limit(make_app):
    client = make_app({"LARGEST": 1000}).test_client()
    assert (await client.put("/pipe/gzip", data=b"x" * 1001)).status_code == 413
    assert (await client.put("/pipe/gzip", data=b"x" * 1000)).status_code == 200


async def test_result_has_a_limit(make_app):
    client = make_app({"LARGEST": 1000}).test_client()
    table = b"a_long_name\n" + b"1\n" * 100
    response = await client.put("/pipe/jsonl", data=table)
    assert response.status_code == 422
    assert await error_of(response) == "The result has more than 1,000 bytes."


async def test_too_many_jobs_are_told_to_come_back(make_app):
    client = make_app({"JOBS": 1}).test_client()
    async with client.request("/pipe/gzip", method="PUT") as connection:
        await connection.send(b"x" * 2_000_000)
        await connection.receive()
        response = await client.put("/pipe/gzip", data=b"x")
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        await connection.send_complete()
        await connection.as_response()
    assert (await client.put("/pipe/gzip", data=b"x")).status_code == 200


async def test_old_jobs_are_forgotten(client):
    jobs = Jobs(2)
    first = jobs.start([], 10)
    first.state = "done"
    for _ in range(KEPT + 1):
        assert jobs.get(first.id) is first
        jobs.start([], 10).state = "done"
    jobs.start([], 10)
    assert jobs.get(first.id) is None
    assert (await client.get(f"/jobs/{first.id}")).status_code == 404


# By the form


def form(name, content, filename="table.csv"):
    return {"form": {"stages": name}, "files": {"file": (io.BytesIO(content), filename)}}


async def test_form_answers_with_a_download(client):
    response = await client.post("/form", **form("jsonl+gzip", b"a\n1\n"))
    content = await response.get_data()
    assert gzip.decompress(content) == b'{"a": "1"}\n'
    assert response.headers["Content-Disposition"] == "attachment; filename=table.jsonl.gz"
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"


async def test_form_answers_what_is_wrong_wherever_it_is(client):
    response = await client.post("/form", **form("jsonl", b"a\n" + b"1\n" * 1_000_000 + b"1,2\n"))
    assert response.status_code == 422
    assert await error_of(response) == "Row 1000001 has 2 fields and not 1."


async def test_form_that_is_not_complete(client):
    response = await client.post("/form", files={"file": (io.BytesIO(b"x"), "table.csv")})
    assert response.status_code == 400
    assert "Send two fields" in await error_of(response)


async def test_form_has_a_time_limit(make_app):
    client = make_app({"TIMEOUT": 0.01}).test_client()
    boundary = {"Content-Type": "multipart/form-data; boundary=cut"}
    async with client.request("/form", method="POST", headers=boundary) as connection:
        await connection.send(
            b'--cut\r\nContent-Disposition: form-data; name="stages"\r\n\r\ngzip\r\n'
            b'--cut\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhalf'
        )
        response = await connection.as_response()
    assert response.status_code == 503


# On a real server


async def test_client_that_takes_nothing_is_given_up(make_app, live_server):
    app = make_app({"RESPONSE_TIMEOUT": 0.3})
    server = live_server(app)
    _, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(
        b"PUT /pipe/jsonl HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    )

    async def send():  # all of it before anything is read, as browsers do
        while True:
            writer.write(b"1\n" * 100_000)
            await writer.drain()

    sending = asyncio.create_task(send())
    async with asyncio.timeout(20):
        while (job := newest(app)) is None or job.state == "running":
            await asyncio.sleep(0.01)
    assert job.state == "given up"
    assert job.received < 100_000_000  # nothing was read that could not be written
    sending.cancel()
    await asyncio.wait({sending})
    writer.transport.abort()


async def test_page_names_the_stages(client):
    page = await (await client.get("/")).get_data(as_text=True)
    for name in STAGES:
        assert f'<option value="{name}">' in page
    assert "http://localhost/pipe/flac" in page
