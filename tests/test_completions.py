"""What an editor offers after `request.` and its like: asked from pyright's language server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

pytest.importorskip("pyright")

PROGRAM = """\
from pottle import Pottle, Response, ServerSentEvent, current_app, g, request, session, websocket
from pottle.testing import PottleClient

app = Pottle(__name__)


@app.get("/")
async def index(response: Response, event: ServerSentEvent, client: PottleClient):
    {expression}
"""
EXPECTED = {
    "request.": "args form files get_json get_data headers cookies method body parts url_rule"
    " last_event_id disconnected max_content_length",
    "request.args.": "get getlist to_dict",
    "websocket.": "receive send accept close receive_json send_json headers args close_code",
    "session.": "get pop permanent modified",
    "current_app.": "config logger add_background_task shutdown_event",
    "app.": "get post route websocket sse before_request while_serving test_client cli json",
    "client.": "get post websocket sse session_transaction request",
    "response.": "set_cookie headers status_code get_data get_json call_on_close",
    "(await request.form).": "get getlist",
    "(await request.files)['x'].": "filename save content_type",
    "event.": "data event id retry",
}


class LanguageServer:
    """Speaks the Language Server Protocol with a process, one question at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("pyright-langserver"), "--stdio"],
            cwd=folder,
            env={
                **os.environ,
                "PYRIGHT_PYTHON_GLOBAL_NODE": "1",
                "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.ask(
            "initialize",
            processId=os.getpid(),
            rootUri=folder.as_uri(),
            workspaceFolders=[{"uri": folder.as_uri(), "name": folder.name}],
            capabilities={"workspace": {"configuration": True, "workspaceFolders": True}},
        )
        self.send(method="initialized", params={})

    @property
    def pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout

    def send(self, **message: Any) -> None:
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        out, _ = self.pipes
        out.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        out.flush()

    def receive(self) -> dict[str, Any]:
        _, source = self.pipes
        length = 0
        while line := source.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(source.read(length))
        return message

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        while True:
            message = self.receive()
            if "method" in message:
                self._answer(message)
            elif message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]

    def _answer(self, message: dict[str, Any]) -> None:
        """Answer what the server asks in between: only its settings matter."""
        if "id" not in message:
            return
        result: Any = None
        if message["method"] == "workspace/configuration":
            settings = {"pythonPath": sys.executable}
            result = [
                settings if item.get("section") == "python" else {}
                for item in message["params"]["items"]
            ]
        self.send(id=message["id"], result=result)

    def complete(self, expression: str) -> set[str]:
        """The names that are offered behind *expression*."""
        text = PROGRAM.format(expression=expression)
        *before, last = text.rstrip("\n").split("\n")
        uri = (self.folder / f"program_{self.number}.py").as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": document})
        result = self.ask(
            "textDocument/completion",
            textDocument={"uri": uri},
            position={"line": len(before), "character": len(last)},
        )
        items = result["items"] if isinstance(result, dict) else result or []
        return {item["label"] for item in items}

    def stop(self) -> None:
        self.ask("shutdown")
        self.send(method="exit")
        self.process.communicate(timeout=10)


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    if shutil.which("node") is None:
        pytest.skip("pyright runs on Node.js, which is not on the PATH")
    server = LanguageServer(tmp_path_factory.mktemp("editor"))
    yield server
    server.stop()


@pytest.mark.parametrize("expression", EXPECTED)
def test_an_editor_completes(expression, editor):
    offered = editor.complete(expression)
    missing = set(EXPECTED[expression].split()) - offered
    assert not missing, f"{sorted(missing)} not among {sorted(offered)}"
