"""Runs the cases on whatever `quart` is in this process, and writes down what was seen.

``python -P runner.py WORK [--alias] [--full-lane]``: WORK/cases.json has the cases, each in a folder
below WORK of its own with its `app.py`; the records go to WORK/<pid>.json. Only the standard library
and `quart` are imported here, since the process may have nothing else. Both frameworks are driven by
the same ASGI calls. What is normalised is written at `plain`, `kind`, `headers_of` and `without_now`.
"""

from __future__ import annotations

import asyncio
import email.utils
import importlib
import importlib.util
import json
import logging
import os
import re
import sys
import textwrap
import time
import traceback
from pathlib import Path
from typing import Any

#: Seconds after which a step counts as hanging.
PATIENCE = 5.0
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{4} \d\d:\d\d:\d\d GMT")


def kind(error: BaseException | type[BaseException]) -> str:
    """The nearest class of *error* that is no framework's own.

    That is what an `except` can name without knowing the framework. What is named in both
    frameworks is compared by name in the cases themselves.
    """
    cls = error if isinstance(error, type) else type(error)
    ours = ("quart", "flask", "pottle")
    return next(each.__name__ for each in cls.__mro__ if each.__module__.split(".")[0] not in ours)


def plain(value: Any) -> Any:
    """*value* as JSON has it; bytes and sets, which it has not, in a readable form."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return f"bytes: {bytes(value).decode('latin-1')}"
    if isinstance(value, BaseException):
        return kind(value)
    if isinstance(value, type):
        return value.__name__
    if type(value) is dict:
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if hasattr(value, "items") and callable(value.items):
        try:
            items = value.items(multi=True)  # werkzeug's dictionaries with several values
        except TypeError:
            items = value.items()
        return [[plain(key), plain(item)] for key, item in items]
    if isinstance(value, set | frozenset):
        return sorted((plain(each) for each in value), key=repr)
    if isinstance(value, list | tuple) or hasattr(value, "__iter__"):
        return [plain(each) for each in value]
    return repr(value)


def without_now(value: str) -> str:
    """Dates that are reckoned from the time of the call, as the distance from it in minutes.

    The two processes do not run at the same second. All files are from 2020 and so keep theirs.
    """

    def distance(found: re.Match[str]) -> str:
        moment = email.utils.parsedate_to_datetime(found[0].replace("-", " "))
        minutes = round((moment.timestamp() - real_time()) / 60)
        return found[0] if moment.year in range(1970, 2022) else f"<now + {minutes} min>"

    return _DATE.sub(distance, value)


def headers_of(pairs: Any) -> dict[str, list[str]]:
    """Values by name: RFC 9110 section 5.3, names differ by more than case and their order is free."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        name, value = (v.decode("latin-1") if isinstance(v, bytes) else v for v in (name, value))
        found.setdefault(name.lower(), []).append(without_now(value))
    if "vary" in found:  # a list of names in any order; in one line or in several
        names = {name.strip().lower() for value in found["vary"] for name in value.split(",")}
        found["vary"] = sorted(names)
    if "allow" in found:  # the same
        found["allow"] = sorted(m.strip() for value in found["allow"] for m in value.split(","))
    return dict(sorted(found.items()))


def text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"bytes: {body.decode('latin-1')}"


class Case:
    """One application, alive for the steps of one case."""

    def __init__(self, folder: Path) -> None:
        self.notes: list[Any] = []
        self.logged: list[str] = []
        name = f"parity_{folder.name}"
        spec = importlib.util.spec_from_file_location(name, folder / "app.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        self.names = module.__dict__
        self.names.update(
            note=self.note, kind=kind, show=show, plain=plain, here=folder, Http=http, ws=websocket
        )
        os.chdir(folder)
        logger = logging.getLogger(name)
        logger.addHandler(_Notebook(self.logged))
        spec.loader.exec_module(module)
        self.app: Any = self.names.get("app")
        if self.app is not None and "client" not in self.names:
            self.names["client"] = self.app.test_client()

    def note(self, *values: Any) -> None:
        self.notes.append(plain(values[0] if len(values) == 1 else values))

    def run(self, loop: asyncio.Runner, step: dict[str, Any]) -> dict[str, Any]:
        self.notes.clear()
        self.logged.clear()
        record: dict[str, Any] = {}
        try:
            record.update(self.take(loop, step))
        except TimeoutError:
            record["raised"] = "hangs"
        except BaseException as error:
            record["raised"] = kind(error)
            if os.environ.get("PARITY_TRACE"):
                traceback.print_exc()
        if self.notes:
            record["notes"] = list(self.notes)
        if self.logged:
            record["logged"] = list(self.logged)
        return record

    def take(self, loop: asyncio.Runner, step: dict[str, Any]) -> dict[str, Any]:
        how = step["how"]
        if how == "http":
            return loop.run(_patiently(http(self.app, **step["call"])))
        if how == "websocket":
            return loop.run(_patiently(websocket(self.app, **step["call"])))
        function = self.compiled(step["code"], is_async=how == "code")
        if how == "code":
            return {"value": plain(loop.run(_patiently(function())))}
        return {"value": plain(function())}

    def compiled(self, code: str, is_async: bool) -> Any:
        head = "async def step():\n" if is_async else "def step():\n"
        names: dict[str, Any] = {}
        source = head + textwrap.indent(textwrap.dedent(code), "    ")
        exec(compile(source, "step", "exec", dont_inherit=True), self.names, names)
        return names["step"]


class _Notebook(logging.Handler):
    """Keeps level, message and the error of what the application logs."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname} {record.getMessage()}"
        if record.exc_info and record.exc_info[1]:
            line += f" ({kind(record.exc_info[1])})"
        self.lines.append(line)


async def _patiently(coroutine: Any) -> Any:
    return await asyncio.wait_for(coroutine, PATIENCE)


async def show(response: Any) -> dict[str, Any]:
    """A response of a test client."""
    body = {"body": text(await response.get_data(as_text=False))}
    headers = headers_of(response.headers.items())
    return {"status": response.status_code, "headers": headers, **body}


async def http(
    app: Any,
    method: str = "GET",
    target: str = "/",
    headers: Any = (),
    body: list[str] | None = None,
    leave: bool = False,
    stall: bool = False,
    scope: dict[str, Any] | None = None,
    chunks: bool = False,
) -> dict[str, Any]:
    """One request. *body* is sent in the pieces given (latin-1); after them a client that is said to
    *leave* does so, and one that is said to *stall* sends no more although more should come."""
    pieces = [piece.encode("latin-1") for piece in body or [""]]
    events = [
        {"type": "http.request", "body": piece, "more_body": leave or stall or number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    if leave:
        events.append({"type": "http.disconnect"})
    sent: list[dict[str, Any]] = []
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop(0)
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    raised = await _called(
        app, _scope("http", target, headers, scope, method=method), receive, send
    )
    start = [m for m in sent if m["type"] == "http.response.start"]
    parts = [m.get("body", b"") for m in sent if m["type"] == "http.response.body"]
    record: dict[str, Any] = dict(raised)
    if start:
        record["status"] = start[0]["status"]
        record["headers"] = headers_of(start[0].get("headers", ()))
    # How an answer is divided into ASGI messages is no fact of HTTP, but the empty last one, if
    # missing, is: the connection is then cut.
    if method != "HEAD":  # what is sent here never reaches the client: every server drops it
        record["body"] = [text(part) for part in parts if part] if chunks else text(b"".join(parts))
    if start and not ended.is_set():
        record["unfinished"] = True
    pushed = [m for m in sent if m["type"] not in ("http.response.start", "http.response.body")]
    if pushed:
        record["other"] = [[m["type"], m.get("path")] for m in pushed]
    return record


async def websocket(
    app: Any,
    target: str = "/",
    talk: list[Any] = (),
    headers: Any = (),
    subprotocols: list[str] = (),
    scope: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A conversation: *talk* has what the client sends, `["recv"]` to wait for a message of the
    application and `["close", code]`; without that the application has to come to an end itself."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    sent: list[dict[str, Any]] = []
    news = asyncio.Event()
    inbox.put_nowait({"type": "websocket.connect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        news.set()
        if message["type"] in {"websocket.close", "websocket.http.response.body"}:
            inbox.put_nowait({"type": "websocket.disconnect", "code": message.get("code", 1006)})

    async def converse() -> None:
        read = 0
        for item in talk:
            if item == ["recv"]:
                while len(sent) <= read:
                    news.clear()
                    await news.wait()
                read += 1
            elif isinstance(item, list) and item[0] == "close":
                inbox.put_nowait({"type": "websocket.disconnect", "code": item[1], "reason": ""})
                return
            elif isinstance(item, list):  # ["bytes", "latin-1"]
                data = item[1].encode("latin-1")
                inbox.put_nowait({"type": "websocket.receive", "bytes": data, "text": None})
            else:
                inbox.put_nowait({"type": "websocket.receive", "text": item, "bytes": None})

    extra = {"subprotocols": list(subprotocols)}
    made = _scope("websocket", target, headers, scope, **extra)
    client = asyncio.create_task(converse())
    try:
        raised = await _called(app, made, inbox.get, send)
    finally:
        client.cancel()
    return {**raised, "messages": _joined([_message(message) for message in sent])}


def _joined(messages: list[Any]) -> list[Any]:
    """The body of a rejection in one message: as with HTTP, how it is divided says nothing."""
    body = "".join(
        m.get("body", "") for m in messages if m.get("type") == "websocket.http.response.body"
    )
    kept = [m for m in messages if m.get("type") != "websocket.http.response.body"]
    return [*kept, {"rejection": body}] if len(kept) < len(messages) else kept


def _message(message: dict[str, Any]) -> Any:
    kept = {key: value for key, value in message.items() if value not in (None, [], "", b"")}
    if "headers" in kept:
        kept["headers"] = headers_of(kept["headers"])
    if kept["type"] == "websocket.send":
        data = message.get("bytes")
        kept = {"sent": message.get("text") if data is None else plain(data)}
    if isinstance(kept.get("body"), bytes):
        kept["body"] = text(kept["body"])
    return kept


async def _called(app: Any, scope: dict[str, Any], receive: Any, send: Any) -> dict[str, Any]:
    try:
        await asyncio.wait_for(app(scope, receive, send), PATIENCE / 2)
    except TimeoutError:
        return {"raised": "hangs"}
    except (Exception, asyncio.CancelledError) as error:
        if os.environ.get("PARITY_TRACE"):
            traceback.print_exc()
        return {"raised": kind(error)}
    return {}


def _scope(type_: str, target: str, headers: Any, changes: Any, **more: Any) -> dict[str, Any]:
    from urllib.parse import unquote

    path, _, query = target.partition("?")
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if not any(name == b"host" for name, _ in pairs):
        pairs.insert(0, (b"host", b"localhost"))
    made = {
        "type": type_,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws" if type_ == "websocket" else "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": pairs,
        "client": ("10.0.0.1", 5000),
        "server": ("localhost", 80),
        "extensions": {},
        **more,
    }
    made.update(changes or {})
    return made


def run_case(folder: Path, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    environment, path = dict(os.environ), list(sys.path)
    try:
        try:
            case = Case(folder)
        except Exception as error:
            if os.environ.get("PARITY_TRACE"):
                traceback.print_exc()
            return [{"raised": kind(error), "while": "the application is made"}]
        with asyncio.Runner() as loop:
            return [case.run(loop, step) for step in steps]
    finally:
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path


real_time = time.time


def main(work: Path, alias: bool, full_lane: bool) -> None:
    if alias:
        importlib.import_module("pottle.compat.as_quart")
    import quart

    if full_lane:
        quart.Quart.bare_lane = False  # type: ignore[attr-defined]
    cases = json.loads((work / "cases.json").read_text())
    # Both processes sign with the same moment, so that cookies are compared byte by byte.
    moment = float((work / "moment").read_text())
    time.time = lambda: moment
    records = {}
    for folder, steps in cases.items():
        print(folder, file=sys.stderr, flush=True)
        records[folder] = run_case(work / folder, steps)
    out = work / ("pottle.json" if alias else "quart.json")
    out.write_text(json.dumps(records))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), "--alias" in sys.argv, "--full-lane" in sys.argv)
