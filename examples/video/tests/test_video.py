"""The example video: what browsers and programs see of it, without a browser."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import av
import pytest
from werkzeug.exceptions import UnsupportedMediaType

from video import sample
from video.app import HERE
from video.library import LEFT_BEHIND, Video, suffix_for


def names(folder):
    return sorted(path.name for path in folder.iterdir())


async def upload(client, content, name="My film.webm", content_type="video/webm"):
    return await client.post(
        "/videos", query_string={"name": name}, data=content, content_type=content_type
    )


async def error_of(response):
    return (await response.get_json())["error"]


@pytest.fixture
async def url(client, webm):
    """The URL of a video that was uploaded."""
    response = await upload(client, webm)
    return f"/videos/{(await response.get_json())['name']}"


# The upload


async def test_upload_is_whole_and_in_the_library(client, folder, webm):
    response = await upload(client, webm)
    assert response.status_code == 201
    answer = await response.get_json()
    assert response.headers["Location"] == answer["page"] == f"/watch/{answer['name']}"
    assert (folder / answer["name"]).read_bytes() == webm
    assert names(folder) == [answer["name"]]
    page = await (await client.get("/")).get_data(as_text=True)
    assert "<b>My film</b>" in page
    assert "2.6 MB" in page


async def test_uploads_with_the_same_name_stand_beside_each_other(client, folder, webm):
    first = await (await upload(client, webm)).get_json()
    second = await (await upload(client, webm)).get_json()
    assert names(folder) == sorted([first["name"], second["name"]])


async def test_suffix_comes_from_the_content_and_not_from_the_name(client):
    mp4 = b"\0\0\0\x20ftypisom" + bytes(100)
    response = await upload(client, mp4, "film.webm", "video/webm")
    name = (await response.get_json())["name"]
    assert name.endswith(".mp4")
    assert (await client.get(f"/videos/{name}")).mimetype == "video/mp4"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.webm", "passwd"),
        ("..", "video"),
        ("<script>.webm", "script"),
        ("x" * 300 + ".webm", "x" * 80),
    ],
)
async def test_name_of_a_client_leads_nowhere(client, folder, webm, name, stem):
    response = await upload(client, webm, name)
    assert response.status_code == 201
    assert [name.rpartition("-")[0] for name in names(folder)] == [stem]


async def test_what_is_no_video_is_refused_at_its_first_bytes(client, folder):
    path = "/videos?name=film.mp4"
    headers = {"Content-Type": "video/mp4", "Content-Length": "1000000"}
    async with client.request(path, method="POST", headers=headers) as connection:
        await connection.send(b"GIF89a" + bytes(100))  # nothing more is asked for
        response = await connection.as_response()
    assert response.status_code == 415
    assert "neither an MP4 nor a WebM" in await error_of(response)
    assert names(folder) == []


async def test_short_and_empty_files_are_refused(client, folder):
    assert (await upload(client, b"tiny")).status_code == 415
    headers = {"Content-Type": "video/webm", "Content-Length": "0"}
    assert (await client.post("/videos?name=film.webm", headers=headers)).status_code == 415
    assert names(folder) == []


async def test_types_that_forms_can_send_are_refused(client, webm):
    for content_type in "text/plain", "multipart/form-data; boundary=x", None:
        response = await upload(client, webm, content_type=content_type)
        assert response.status_code == 415


async def test_too_large_video_is_refused_before_it_is_read(make_app, folder):
    async with make_app(LARGEST=1000).test_app() as running:
        headers = {"Content-Type": "video/webm", "Content-Length": "1001"}
        path = "/videos?name=film.webm"
        client = running.test_client()
        async with client.request(path, method="POST", headers=headers) as connection:
            response = await connection.as_response()
        assert response.status_code == 413
        assert "1,001 bytes, and 1,000 are allowed" in await error_of(response)
    assert names(folder) == []


async def test_video_without_a_length_is_refused(client):
    async with client.request(
        "/videos?name=film.webm", method="POST", headers={"Content-Type": "video/webm"}
    ) as connection:
        response = await connection.as_response()
    assert response.status_code == 411


async def test_video_without_a_name_is_a_bad_request(client, webm):
    response = await client.post("/videos", data=webm, content_type="video/webm")
    assert response.status_code == 400


async def test_full_library_refuses_with_507(make_app, folder, webm):
    async with make_app(QUOTA=len(webm) * 2 - 1).test_app() as running:
        client = running.test_client()
        assert (await upload(client, webm)).status_code == 201
        response = await upload(client, webm)
        assert response.status_code == 507
        assert "has room for" in await error_of(response)
    assert len(names(folder)) == 1


async def test_space_is_kept_for_uploads_that_are_under_way(make_app, folder, webm):
    async with make_app(QUOTA=len(webm) * 2 - 1).test_app() as running:
        client = running.test_client()
        headers = {"Content-Type": "video/webm", "Content-Length": str(len(webm))}
        path = "/videos?name=first.webm"
        async with client.request(path, method="POST", headers=headers) as connection:
            await connection.send(webm[:1000])
            await appears(folder, "*.part")
            assert (await upload(client, webm)).status_code == 507
            await connection.send(webm[1000:])
            await connection.send_complete()
            assert (await connection.as_response()).status_code == 201


async def appears(folder, pattern):
    """Wait until a file with such a name is there, in turns of the event loop."""
    async with asyncio.timeout(10):
        while not list(folder.glob(pattern)):
            await asyncio.sleep(0)


async def test_client_that_leaves_leaves_nothing_behind(client, folder, webm):
    headers = {"Content-Type": "video/webm", "Content-Length": str(len(webm))}
    path = "/videos?name=film.webm"
    async with client.request(path, method="POST", headers=headers) as connection:
        await connection.send(webm[: len(webm) // 2])
        await appears(folder, "*.part")
        await connection.disconnect()
    assert names(folder) == []


async def test_connection_that_breaks_leaves_nothing_behind(make_app, folder, webm, live_server):
    server = live_server(make_app())
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(
        b"POST /videos?name=film.webm HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: video/webm\r\nContent-Length: %d\r\n\r\n" % len(webm)
    )
    writer.write(webm[: len(webm) // 2])
    await writer.drain()
    await appears(folder, "*.part")
    writer.transport.abort()
    async with asyncio.timeout(10):
        while names(folder):
            await asyncio.sleep(0)
    assert await reader.read() == b""


async def test_what_a_killed_process_has_left_is_removed_after_a_day(make_app, folder):
    folder.mkdir()
    for name, age in ("old.part", LEFT_BEHIND + 60), ("new.part", 60):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    async with make_app().test_app():
        assert names(folder) == ["new.part"]


# The videos


async def test_part_of_a_video(client, url, webm):
    response = await client.get(url, headers={"Range": "bytes=1000-1999"})
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes 1000-1999/{len(webm)}"
    assert await response.get_data() == webm[1000:2000]


async def test_range_behind_the_end_tells_the_length(client, url, webm):
    response = await client.get(url, headers={"Range": f"bytes={len(webm)}-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(webm)}"


async def test_video_may_be_kept_by_the_browser(client, url):
    whole = await client.get(url)
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.mimetype == "video/webm"
    again = await client.get(url, headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status_code == 304


async def test_range_of_another_version_gives_all_of_it(client, url, webm):
    headers = {"Range": "bytes=0-9", "If-Range": '"another"'}
    response = await client.get(url, headers=headers)
    assert response.status_code == 200
    assert response.content_length == len(webm)


async def test_unfinished_upload_and_other_files_are_not_sent(client, folder):
    for name in "abc.part", "notes.txt":
        (folder / name).write_text("secret")
        for path in f"/videos/{name}", f"/watch/{name}":
            assert (await client.get(path)).status_code == 404
    assert (await client.get("/videos/..%2fconftest.py")).status_code == 404


# The pages


async def test_player_page_plays_the_video(client, url):
    page = await client.get(url.replace("/videos/", "/watch/"))
    text = await page.get_data(as_text=True)
    assert f'src="{url}"' in text
    assert "<h1>My film</h1>" in text


async def test_page_about_a_missing_video_leads_home(client):
    response = await client.get("/watch/nothing.webm")
    assert response.status_code == 404
    assert "the library</a>" in await response.get_data(as_text=True)


async def test_nothing_from_elsewhere_and_no_guessed_types(client, url):
    for path in "/", url, "/nothing":
        response = await client.get(path)
        assert response.headers["Content-Security-Policy"] == "default-src 'self'"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_empty_library_says_so(client):
    assert "No videos yet." in await (await client.get("/")).get_data(as_text=True)


# The small parts


def test_titles():
    assert Video("My_film-0123456789ab.webm", 1, 0).title == "My film"
    assert Video("sample.webm", 1, 0).title == "sample"


def test_matroska_that_is_no_webm_is_refused():
    with pytest.raises(UnsupportedMediaType):
        suffix_for(b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska" + bytes(40))


# The sample


def test_sample_has_a_whole_picture_each_second(tmp_path):
    path = tmp_path / "sample.webm"
    subprocess.run([sys.executable, HERE / "sample.py", path], check=True)
    assert names(tmp_path) == ["sample.webm"]
    assert suffix_for(path.read_bytes()[:64]) == ".webm"
    with av.open(path) as container:
        whole = [
            packet.pts * packet.time_base for packet in container.demux() if packet.is_keyframe
        ]
        assert container.duration == sample.SECONDS * 1_000_000
    assert whole == list(range(sample.SECONDS))


async def test_sample_that_cannot_be_made_is_no_obstacle(make_app, folder, monkeypatch, caplog):
    monkeypatch.setattr("video.app.HERE", folder / "nowhere")
    async with make_app(SAMPLE=True).test_app() as running:
        page = await running.test_client().get("/")
        assert "No videos yet." in await page.get_data(as_text=True)
    assert "There is no sample video" in caplog.text
