"""Whatever a client puts into a request, it is one line of a log and no command of the terminal."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from peer import PATIENCE, http_scope, websocket_scope
from pottle import Pottle
from pottle.debug import DebugMiddleware
from pottle.logging import default_handler
from processes import POTTLE, served

FORGED = "[2026-01-01 00:00:00,000] ERROR in app: all is lost"
HOSTILE = [
    f"/a\n{FORGED}",
    f"/a\r{FORGED}",
    f"/a\r\n{FORGED}",
    f"/a\x0b{FORGED}",
    f"/a\x85{FORGED}",
    f"/a\u2028{FORGED}",
    "/a\x1b[2J\x1b]0;title\x07",
    "/a\x9b2J",
    "/a\x00b",
    "/a\x7f\x08\x08",
    "/a\u202etxt.exe",
    "/a\ud800",
]


def failing() -> Pottle:
    app = Pottle(__name__)

    @app.before_request
    async def fail() -> None:
        raise ValueError(f"cannot read\n{FORGED}\x1b[2J")

    @app.before_websocket
    async def fail_too() -> None:
        raise ValueError(f"cannot read\n{FORGED}\x1b[2J")

    return app


def lines(records: list[logging.LogRecord]) -> list[str]:
    """What the default handler writes for *records*, as a terminal would show it."""
    return "\n".join(map(default_handler.format, records)).split("\n")


def assert_no_forgery(written: list[str], records: list[logging.LogRecord]) -> None:
    assert sum(line.startswith("[") for line in written) == len(records)
    assert all(line.isprintable() for line in written)


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
@pytest.mark.parametrize(("kind", "debug"), [("http", False), ("http", True), ("websocket", False)])
async def test_a_path_that_is_logged(
    path: str, kind: str, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = failing()
    app.debug = debug
    scope = http_scope(path) if kind == "http" else websocket_scope(path)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request" if kind == "http" else "websocket.connect"}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await (DebugMiddleware(app) if debug else app)(scope, receive, send)
    assert sent
    (record,) = caplog.records
    assert "\\" in record.getMessage()
    assert record.getMessage().isprintable()
    assert_no_forgery(lines(caplog.records), caplog.records)


async def test_what_prints_is_logged_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    await failing().test_client().get("/über/文/%5Cn")
    assert caplog.records[0].getMessage() == "Exception on request GET /über/文/\\n"


def test_an_error_that_says_what_the_client_sent() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(default_handler.formatter)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError(f"cannot read\n{FORGED}\x1b[2J")
    except ValueError:
        logger.exception("Exception on request GET /")
    written = stream.getvalue()
    assert [line for line in written.splitlines() if line.startswith("[")] == [
        written.splitlines()[0]
    ]
    assert "\x1b" not in written
    assert "\\x1b[2J" in written


APP = """
from pottle import Pottle
app = Pottle(__name__)

@app.route("/<path:path>")
async def any(path):
    return "here"
"""


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_a_line_of_the_access_log(server: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = (*POTTLE, "serve", "--port", "0", "--server", server, "--access-log")
    with served(*command, cwd=tmp_path) as process, httpx.Client(trust_env=False) as client:
        url = process.ready().url
        for path in HOSTILE[:-1]:  # no URL can carry the last one
            assert client.get(f"{url}{quote(path)}", timeout=PATIENCE).status_code < 500
        client.get(f"{url}/end", timeout=PATIENCE)
        process.line("/end")
        access = process.output[1:]
        assert len(access) == len(HOSTILE)
        assert all(line.isprintable() for line in access)
