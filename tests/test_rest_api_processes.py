"""The example REST API as its README has it: started by the command line."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from processes import PATIENCE, POTTLE, served

ROOT = Path(__file__).parents[1]
APP = ("--app", "examples/rest_api/app.py")


@pytest.mark.parametrize("command", [("run",), ("serve", "--workers", "2")])
def test_one_command_starts_it_and_a_signal_ends_it(tmp_path, command):
    env = {"REST_API_DATABASE": f"sqlite:{tmp_path}/catalogue.sqlite3"}
    with served(*POTTLE, *APP, *command, "--port", "0", cwd=ROOT, env=env) as process:
        url = process.ready().url
        for year in range(6):  # each by a connection of its own, so by either worker
            with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
                etag = client.get("/books/1").headers["ETag"]
                changed = client.patch(
                    "/books/1", json={"year": 1900 + year}, headers={"If-Match": etag}
                )
                assert changed.status_code == 200
                assert client.get("/books?q=Frankenstein").json()["items"] == [changed.json()]
                assert client.get("/openapi.json").json()["openapi"].startswith("3.")
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


def test_database_that_is_none_is_told(tmp_path):
    env = {"REST_API_DATABASE": "mysql://localhost/books"}
    with served(*POTTLE, *APP, "serve", "--port", "0", cwd=ROOT, env=env) as process:
        assert process.end() != 0
        assert "REST_API_DATABASE begins with 'mysql'" in process.text
