"""The words that cases are written in: an application, steps, and how the results may differ.

A case is data: nothing of it runs in the process of the tests. The source is a module; what every
one of them begins with is `BEGIN`, unless the case is `bare`. In the source and in the code of steps
there are `note(...)`, which records, `show(response)`, `kind(error)`, `here` (the folder of the case),
and in steps `client`, too.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any

BEGIN = """\
import asyncio
from quart import *
from quart import Quart, Blueprint, Response
from quart import websocket as websocket

app = Quart(__name__)
app.secret_key = "a secret of the tests"
"""

#: Wait for the next message of the application.
RECV = ["recv"]


def closing(code: int = 1000) -> list[Any]:
    """The client closes."""
    return ["close", code]


#: What stands for a value that one side does not have.
ABSENT = "<absent>"


@dataclass(frozen=True)
class Differs:
    """Where and why Pottle answers otherwise.

    *why* is "ledger N", which must be in brackets in docs/differences.md, or a phrase that must
    stand there. *pottle* has exactly the places that differ, with what Pottle gives. *on* limits it
    to the versions of Quart that begin so.
    """

    why: str
    pottle: dict[str, Any]
    on: str = ""


@dataclass(frozen=True)
class Case:
    id: str
    source: str
    steps: tuple[dict[str, Any], ...]
    files: dict[str, str] = field(default_factory=dict)
    differs: tuple[Differs, ...] = ()
    bare: bool = False
    #: Whether headers are compared that differ for a whole class of answers, and would hide what the
    #: case is about: Quart 0.23 sends `Vary: Cookie` with everything, Pottle where the session was
    #: touched [6]; Pottle sends `Accept-Ranges` with all files [22].
    ambient: bool = False

    @property
    def module(self) -> str:
        return ("" if self.bare else BEGIN) + textwrap.dedent(self.source)

    def difference(self, version: str) -> Differs | None:
        """What is declared for Quart *version*."""
        return next((each for each in self.differs if version.startswith(each.on)), None)


def case(
    id_: str,
    source: str,
    *steps: str | dict[str, Any],
    files: dict[str, str] | None = None,
    differs: Differs | tuple[Differs, ...] = (),
    bare: bool = False,
    ambient: bool = False,
) -> Case:
    """A step that is a string is a request: "GET /path"."""
    made = tuple(step if isinstance(step, dict) else _request(step) for step in steps)
    declared = (differs,) if isinstance(differs, Differs) else differs
    return Case(id_, source, made, files or {}, declared, bare, ambient)


def _request(line: str) -> dict[str, Any]:
    method, _, target = line.partition(" ")
    return http(method, target)


def http(
    method: str, target: str, headers: Any = (), body: Any = None, **more: Any
) -> dict[str, Any]:
    """A request as ASGI has it; *body* is text, or a list for its pieces."""
    pieces = [body] if isinstance(body, str) else body
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    call = {"method": method, "target": target, "headers": pairs, "body": pieces, **more}
    return {"how": "http", "call": call}


def post(target: str, body: Any = "", type_: str | None = None, **more: Any) -> dict[str, Any]:
    headers = {"content-type": type_} if type_ else {}
    size = None if isinstance(body, list) else len(body.encode("latin-1"))
    if size is not None:
        headers["content-length"] = str(size)
    return http("POST", target, {**headers, **more.pop("headers", {})}, body, **more)


def form(target: str, body: str, **more: Any) -> dict[str, Any]:
    return post(target, body, "application/x-www-form-urlencoded", **more)


def multipart(target: str, *parts: str, **more: Any) -> dict[str, Any]:
    """Each part is a head, an empty line and a body."""
    body = "".join(f"--bound\r\n{_lines(part)}\r\n" for part in parts) + "--bound--\r\n"
    return post(target, body, "multipart/form-data; boundary=bound", **more)


def _lines(part: str) -> str:
    return part.replace("\r\n", "\n").replace("\n", "\r\n")


def ws(target: str, *talk: Any, **more: Any) -> dict[str, Any]:
    """A websocket; see `runner.websocket`."""
    items = [
        ["bytes", item.decode("latin-1")] if isinstance(item, bytes) else item for item in talk
    ]
    pairs = list(dict(more.pop("headers", {})).items())
    call = {"target": target, "talk": items, "headers": pairs, **more}
    return {"how": "websocket", "call": call}


def code(source: str) -> dict[str, Any]:
    """The body of a coroutine function, whose result is recorded."""
    return {"how": "code", "code": textwrap.dedent(source)}


def plain_code(source: str) -> dict[str, Any]:
    """The body of a function that runs outside of an event loop."""
    return {"how": "plain", "code": textwrap.dedent(source)}


def page(step: int, title: str, text: str, status: bool = False) -> dict[str, Any]:
    """The places of an error page with another text, in the record of *step*.

    With *status* the status differs, too.
    """
    heading = title.partition(" ")[2]
    body = f"<!doctype html>\n<html lang=en>\n<title>{title}</title>\n<h1>{heading}</h1>\n<p>{text}</p>\n"
    places = {f"{step}.headers.content-length.0": str(len(body)), f"{step}.body": body}
    return places | ({f"{step}.status": int(title.split()[0])} if status else {})
