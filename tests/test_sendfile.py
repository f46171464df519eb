"""`send_file` and `send_from_directory`, asked for over HTTP."""

from __future__ import annotations

import io
import os
import tempfile
from datetime import UTC, datetime

import pytest
from werkzeug.exceptions import NotFound

from pottle import Pottle
from pottle.errors import ContextError
from pottle.sendfile import send_file, send_from_directory
from pottle.wrappers import Response
from pottle.wrappers.bodies import FileBody

DATA = b"0123456789"
WRITTEN = 1_000_000_000
WRITTEN_DATE = "Sun, 09 Sep 2001 01:46:40 GMT"


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "digits.txt")


def written(path, data=DATA):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (WRITTEN, WRITTEN))
    return path


async def ask(view, headers=None, method="GET", **config):
    """The answer of an application with this one view."""
    app = Pottle(__name__)
    app.config.update(config)
    app.add_url_rule("/", "view", view)
    return await app.test_client().open("/", method=method, headers=headers or {})


async def sent(*args, **kwargs):
    """The answer of a view that calls `send_file` with these arguments."""

    async def view():
        return await send_file(*args, **kwargs)

    return await ask(view)


async def below(directory, name, headers=None, method="GET", **kwargs):
    """The answer of a view that calls `send_from_directory` with these arguments."""

    async def view():
        return await send_from_directory(directory, name, **kwargs)

    return await ask(view, headers, method)


class TestPath:
    async def test_headers_and_data(self, path):
        response = await sent(path)
        assert response.status_code == 200
        assert await response.get_data() == DATA
        assert response.content_type == "text/plain; charset=utf-8"
        assert response.content_length == 10
        assert response.headers["Last-Modified"] == WRITTEN_DATE
        assert response.headers["Cache-Control"] == "public, max-age=43200"
        assert response.expires > datetime.now(UTC)
        assert response.get_etag()[0].startswith("1000000000.0-10-")
        assert "Content-Disposition" not in response.headers
        assert "Content-Encoding" not in response.headers

    async def test_a_string_will_do(self, path):
        assert await (await sent(str(path))).get_data() == DATA

    async def test_it_need_not_be_conditional(self, path):
        async def view():
            return await send_file(path)

        response = await ask(view, {"Range": "bytes=0-1", "If-None-Match": "*"})
        assert response.status_code == 200
        assert "Accept-Ranges" not in response.headers

    @pytest.mark.parametrize(
        ("name", "mimetype", "encoding"),
        [
            ("a.html", "text/html", None),
            ("a.unheard-of", "application/octet-stream", None),
            ("a", "application/octet-stream", None),
            ("a.svgz", "image/svg+xml", "gzip"),
        ],
    )
    async def test_the_type_is_guessed_from_the_name(self, tmp_path, name, mimetype, encoding):
        response = await sent(written(tmp_path / name))
        assert response.mimetype == mimetype
        assert response.headers.get("Content-Encoding") == encoding

    async def test_an_attachment_is_to_be_saved_as_it_is(self, tmp_path):
        response = await sent(written(tmp_path / "a.tar.gz"), as_attachment=True)
        assert response.headers["Content-Disposition"] == "attachment; filename=a.tar.gz"
        assert "Content-Encoding" not in response.headers

    async def test_a_type_that_was_given(self, path):
        assert (await sent(path, "image/png")).content_type == "image/png"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("a b.txt", 'attachment; filename="a b.txt"'),
            ("grün.txt", "attachment; filename=grun.txt; filename*=UTF-8''gr%C3%BCn.txt"),
            ("日.txt", "attachment; filename=.txt; filename*=UTF-8''%E6%97%A5.txt"),
        ],
    )
    async def test_names(self, path, name, value):
        response = await sent(path, as_attachment=True, attachment_filename=name)
        assert response.headers["Content-Disposition"] == value

    async def test_without_a_tag(self, path):
        assert "ETag" not in (await sent(path, add_etags=False)).headers

    async def test_another_modification_time(self, path):
        response = await sent(path, last_modified=datetime(2024, 1, 1, tzinfo=UTC))
        assert response.headers["Last-Modified"] == "Mon, 01 Jan 2024 00:00:00 GMT"
        response = await sent(path, last_modified=86400.5)
        assert response.headers["Last-Modified"] == "Fri, 02 Jan 1970 00:00:00 GMT"

    async def test_for_how_long(self, path):
        response = await sent(path, cache_timeout=5)
        assert response.headers["Cache-Control"] == "public, max-age=5"
        response = await sent(path, cache_timeout=0)
        assert response.headers["Cache-Control"] == "no-cache, max-age=0"

    async def test_the_application_says_for_how_long(self, path):
        class Hour(Pottle):
            def get_send_file_max_age(self, filename):
                return None if filename.endswith(".html") else 3600

        app = Hour(__name__)

        @app.route("/<name>")
        async def view(name):
            return await send_from_directory(path.parent, name)

        client = app.test_client()
        response = await client.get("/digits.txt")
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        written(path.parent / "a.html")
        response = await client.get("/a.html")
        assert response.headers["Cache-Control"] == "no-cache"
        assert "Expires" not in response.headers

    async def test_what_is_no_file(self, path):
        app = Pottle(__name__)
        async with app.app_context():
            with pytest.raises(FileNotFoundError):
                await send_file(path.parent / "missing")
            with pytest.raises(IsADirectoryError):
                await send_file(path.parent)
            os.mkfifo(path.parent / "fifo")
            with pytest.raises(OSError, match="regular file"):
                await send_file(path.parent / "fifo")
            for thing in (None, 3, b"bytes"):
                with pytest.raises(TypeError, match="path or as a binary file object"):
                    await send_file(thing)

    async def test_outside_of_an_application(self, path):
        with pytest.raises(ContextError, match="app_context"):
            await send_file(path)
        with pytest.raises(ContextError, match="app_context"):
            await send_from_directory(path.parent, path.name)

    async def test_outside_of_a_request_nothing_is_conditional(self, path):
        app = Pottle(__name__)
        async with app.app_context():
            response = await send_file(path, conditional=True)
            assert type(response.response) is FileBody
            assert response.status_code == 200

    async def test_the_classes_of_the_application(self, path):
        class Body(FileBody):
            pass

        class Special(Response):
            file_body_class = Body

        app = Pottle(__name__)
        app.response_class = Special
        async with app.app_context():
            response = await send_file(path)
        assert type(response) is Special
        assert type(response.response) is Body


class TestFlasksWords:
    async def test_names(self, path):
        response = await sent(path_or_file=path, download_name="a.html", max_age=60, etag="v1")
        assert response.headers["Content-Disposition"] == "inline; filename=a.html"
        assert response.mimetype == "text/html"
        assert response.headers["Cache-Control"] == "public, max-age=60"
        assert response.headers["ETag"] == '"v1"'
        assert response.headers["Accept-Ranges"] == "bytes"

    async def test_they_make_it_conditional(self, path):
        async def view():
            return await send_file(path, etag=True)

        response = await ask(view, {"If-None-Match": "*"})
        assert response.status_code == 304

    async def test_an_age_that_depends(self, path):
        asked = []

        def age(name):
            asked.append(name)
            return 7

        assert (await sent(path, max_age=age)).cache_control.max_age == 7
        await sent(io.BytesIO(), "text/plain", max_age=age)
        assert asked == [str(path), None]

    async def test_no_tag(self, path):
        assert "ETag" not in (await sent(path, etag=False)).headers

    @pytest.mark.parametrize(
        "names",
        [
            {"attachment_filename": "a", "download_name": "a"},
            {"cache_timeout": 1, "max_age": 1},
            {"path_or_file": "a"},
        ],
    )
    async def test_one_name_is_enough(self, path, names):
        app = Pottle(__name__)
        async with app.app_context():
            with pytest.raises(TypeError, match="two names of one argument"):
                await send_file(path, **names)


class TestFileObjects:
    async def test_bytes_io(self):
        stream = io.BytesIO(DATA)
        stream.seek(5)
        for _ in range(2):
            response = await sent(stream, "text/plain")
            assert await response.get_data() == DATA
            assert response.content_length == 10
            assert response.headers["Cache-Control"] == "no-cache"
            assert "ETag" not in response.headers
        assert not stream.closed

    async def test_its_name_tells_the_type(self):
        response = await sent(io.BytesIO(DATA), attachment_filename="a.css")
        assert response.mimetype == "text/css"
        assert "Content-Disposition" not in response.headers
        response = await sent(io.BytesIO(DATA), "text/plain", as_attachment=True)
        assert response.headers["Content-Disposition"] == "attachment"

    async def test_a_file_is_closed_when_it_was_sent(self):
        with tempfile.TemporaryFile() as file:
            file.write(DATA)
            response = await sent(file, "text/plain")
            assert await response.get_data() == DATA
            assert response.content_length == 10
            assert file.closed

    async def test_a_file_is_closed_when_only_the_head_was_asked_for(self):
        with tempfile.TemporaryFile() as file:
            file.write(DATA)

            async def view():
                return await send_file(file, "text/plain")

            response = await ask(view, method="HEAD")
            assert response.content_length == 10
            assert file.closed

    async def test_a_file_is_closed_when_the_range_is_not_in_it(self):
        with tempfile.TemporaryFile() as file:
            file.write(DATA)

            async def view():
                return await send_file(file, "text/plain", conditional=True)

            response = await ask(view, {"Range": "bytes=10-"})
            assert response.status_code == 416
            assert file.closed

    async def test_what_cannot_seek_has_no_length(self):
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb") as other:
            other.write(DATA)
            other.close()
            response = await sent(pipe, "text/plain", conditional=True)
            assert await response.get_data() == DATA
            assert response.content_length is None
            assert "Accept-Ranges" not in response.headers

    async def test_ranges(self):
        async def view():
            return await send_file(io.BytesIO(DATA), "text/plain", conditional=True)

        response = await ask(view, {"Range": "bytes=-3"})
        assert response.status_code == 206
        assert await response.get_data() == b"789"

    async def test_a_type_is_needed_and_bytes_are(self):
        app = Pottle(__name__)
        async with app.app_context():
            with pytest.raises(ValueError, match="pass `mimetype`"):
                await send_file(io.BytesIO(DATA))
            with pytest.raises(ValueError, match="binary mode"):
                await send_file(io.StringIO("a"), "text/plain")


class TestSendfileByTheServer:
    async def test_header(self, path, monkeypatch):
        monkeypatch.chdir(path.parent)

        async def view():
            return await send_file(path.name, conditional=True)

        response = await ask(view, USE_X_SENDFILE=True)
        assert response.headers["X-Sendfile"] == str(path)
        assert await response.get_data() == b""
        assert response.mimetype == "text/plain"
        etag = response.headers["ETag"]

        response = await ask(view, {"Range": "bytes=0-1"}, USE_X_SENDFILE=True)
        assert response.status_code == 200
        assert "X-Sendfile" in response.headers

        response = await ask(view, {"If-None-Match": etag}, USE_X_SENDFILE=True)
        assert response.status_code == 304
        assert "X-Sendfile" not in response.headers

    async def test_file_objects_are_sent_all_the_same(self):
        async def view():
            return await send_file(io.BytesIO(DATA), "text/plain")

        response = await ask(view, USE_X_SENDFILE=True)
        assert await response.get_data() == DATA


class TestDirectory:
    async def test_below(self, path):
        written(path.parent / "sub" / "a.txt", b"a")
        assert await (await below(path.parent, "digits.txt")).get_data() == DATA
        assert await (await below(str(path.parent), "sub/a.txt")).get_data() == b"a"
        response = await below(
            path.parent, None, path="sub/a.txt", download_name="b.txt", as_attachment=True
        )
        assert response.headers["Content-Disposition"] == "attachment; filename=b.txt"

    @pytest.mark.parametrize(
        "name",
        [
            "../secret.txt",
            "sub/../../secret.txt",
            "/etc/passwd",
            "missing",
            "digits.txt/below",
            ".",
            "",
            "sub",
            "fifo",
            "null\0character",
            "x" * 5000,
        ],
    )
    async def test_not_found(self, tmp_path, name):
        directory = tmp_path / "public"
        written(tmp_path / "secret.txt")
        written(directory / "digits.txt")
        (directory / "sub").mkdir()
        os.mkfifo(directory / "fifo")
        assert (await below(directory, name)).status_code == 404
        app = Pottle(__name__)
        async with app.app_context():
            with pytest.raises(NotFound):
                await send_from_directory(directory, name)

    async def test_conditions(self, path):
        response = await below(path.parent, path.name)
        assert response.headers["Accept-Ranges"] == "bytes"
        etag = response.headers["ETag"]
        for headers, status in [
            ({"If-None-Match": etag}, 304),
            ({"If-Modified-Since": WRITTEN_DATE}, 304),
            ({"If-None-Match": '"other"', "If-Modified-Since": WRITTEN_DATE}, 200),
            ({"If-Match": '"other"'}, 412),
            ({"If-Unmodified-Since": "Sun, 09 Sep 2001 01:46:39 GMT"}, 412),
        ]:
            response = await below(path.parent, path.name, headers)
            assert response.status_code == status, headers
            assert await response.get_data() == (DATA if status == 200 else b"")

    async def test_without_conditions(self, path):
        response = await below(path.parent, path.name, {"If-None-Match": "*"}, conditional=False)
        assert response.status_code == 200

    async def test_ranges(self, path):
        response = await below(path.parent, path.name, {"Range": "bytes=2-4"})
        assert response.status_code == 206
        assert response.headers["Content-Range"] == "bytes 2-4/10"
        assert await response.get_data() == b"234"

        response = await below(path.parent, path.name, {"Range": "bytes=0-1,-2"})
        assert response.status_code == 206
        assert response.mimetype == "multipart/byteranges"
        body = await response.get_data()
        assert response.content_length == len(body)
        assert body.count(b"Content-Type: text/plain; charset=utf-8\r\n") == 2
        assert b"Content-Range: bytes 0-1/10\r\n\r\n01\r\n" in body
        assert b"Content-Range: bytes 8-9/10\r\n\r\n89\r\n" in body

        response = await below(path.parent, path.name, {"Range": "bytes=10-"})
        assert response.status_code == 416
        assert response.headers["Content-Range"] == "bytes */10"

        for header in ("bytes=1-0", "lines=1-2"):
            response = await below(path.parent, path.name, {"Range": header})
            assert response.status_code == 200
            assert await response.get_data() == DATA

    async def test_the_head_is_that_of_the_whole(self, path):
        response = await below(path.parent, path.name, {"Range": "bytes=0-1"}, method="HEAD")
        assert response.status_code == 200
        assert response.content_length == 10
        assert response.headers["Accept-Ranges"] == "bytes"
        assert await response.get_data() == b""

    async def test_an_empty_file(self, tmp_path):
        written(tmp_path / "empty.txt", b"")
        response = await below(tmp_path, "empty.txt", {"Range": "bytes=0-"})
        assert response.status_code == 200
        assert response.content_length == 0
        assert await response.get_data() == b""


class TestStatic:
    async def test_static_files_have_conditions_and_ranges(self, tmp_path):
        written(tmp_path / "static" / "digits.txt")
        app = Pottle(__name__, root_path=str(tmp_path))
        client = app.test_client()
        response = await client.get("/static/digits.txt")
        assert await response.get_data() == DATA
        assert response.headers["Accept-Ranges"] == "bytes"
        response = await client.get("/static/digits.txt", headers={"Range": "bytes=-1"})
        assert response.status_code == 206
        assert await response.get_data() == b"9"
        response = await client.get("/static/../pyproject.toml")
        assert response.status_code == 404


class TestResponsesOverHTTP:
    async def test_one_type_reaches_after_request(self):
        from werkzeug.wrappers import Response as WSGIResponse

        app = Pottle(__name__)
        kinds = []

        @app.after_request
        async def note(response):
            kinds.append(type(response))
            response.set_data(await response.get_data() + b"!")
            return response

        @app.route("/wsgi")
        async def wsgi():
            return WSGIResponse(iter(["a", "b"]), 201)

        client = app.test_client()
        response = await client.get("/wsgi")
        assert response.status_code == 201
        assert await response.get_data() == b"ab!"
        response = await client.get("/missing")
        assert response.status_code == 404
        assert (await response.get_data()).endswith(b"!")
        assert kinds == [Response, Response]

    async def test_call_on_close_runs_after_a_stream(self):
        happened = []
        app = Pottle(__name__)

        @app.route("/")
        async def view():
            async def stream():
                yield "a"
                happened.append("sent")

            response = Response(stream())
            response.call_on_close(lambda: happened.append("closed"))
            return response

        response = await app.test_client().get("/")
        assert await response.get_data() == b"a"
        assert happened == ["sent", "closed"]

    async def test_the_size_of_cookies_is_the_applications(self):
        app = Pottle(__name__)
        app.config["MAX_COOKIE_SIZE"] = 10
        async with app.app_context():
            assert Response().max_cookie_size == 10
