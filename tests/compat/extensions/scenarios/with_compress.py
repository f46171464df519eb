"""quart-compress: large answers are compressed, small ones and other types are not."""

from __future__ import annotations

import gzip

import brotli
import pytest
from quart import Quart, Response
from quart_compress import Compress

TEXT = "tea and milk, " * 200


@pytest.fixture(params=["gzip", "br"])
def app(request):
    app = Quart(__name__)
    app.config["COMPRESS_ALGORITHM"] = request.param
    Compress(app)

    @app.get("/large")
    async def large():
        return TEXT, {"Vary": "Cookie"}

    @app.get("/small")
    async def small():
        return "tea"

    @app.get("/image")
    async def image():
        return Response(b"x" * 1000, mimetype="image/png")

    @app.get("/stream")
    async def stream():
        async def pieces():
            for _ in range(200):
                yield "tea and milk, "

        return pieces(), {"Content-Type": "text/html"}

    return app


@pytest.mark.parametrize("path", ["/large", "/stream"])
async def test_what_is_large_is_compressed(app, path):
    algorithm = app.config["COMPRESS_ALGORITHM"]
    response = await app.test_client().get(path, headers={"Accept-Encoding": algorithm})
    assert response.headers["Content-Encoding"] == algorithm
    assert "accept-encoding" in response.vary
    body = await response.get_data()
    assert response.headers["Content-Length"] == str(len(body))
    unpack = {"gzip": gzip.decompress, "br": brotli.decompress}[algorithm]
    assert unpack(body).decode() == TEXT


@pytest.mark.parametrize("path", ["/small", "/image"])
async def test_the_rest_is_not(app, path):
    headers = {"Accept-Encoding": app.config["COMPRESS_ALGORITHM"]}
    response = await app.test_client().get(path, headers=headers)
    assert "Content-Encoding" not in response.headers


async def test_nobody_gets_what_was_not_asked_for(app):
    response = await app.test_client().get("/large")
    assert "Content-Encoding" not in response.headers
    assert await response.get_data(as_text=True) == TEXT
