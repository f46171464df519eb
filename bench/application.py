"""What every peer serves: the data, the requests that ask for it, and the answers that are right.

Peers import the data from here, so that nobody answers more or less than another. A peer without a
feature (a session, say) leaves the route out, and the case has a note instead of a figure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

TEXT = "Hello, World!"
#: Signs the sessions.
SECRET = "only for a benchmark"  # there is nothing to keep secret
TEMPLATES = Path(__file__).with_name("templates")

PIECE = b"x" * 1024
PIECES = 100

#: The names of the query parameters, each of which is read by itself.
QUERY = tuple(f"field{number}" for number in range(20))
FORM = ("name", "email", "city", "remark")

#: What the template shows: a value that has to be escaped, twenty rows and one link.
TITLE = "Tom & <Jerry>"
ROWS = [{"id": number, "name": f"Row {number}"} for number in range(20)]

QUERY_VALUES = {name: f"value {number}" for number, name in enumerate(QUERY)}
FORM_VALUES = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "city": "London",
    "remark": "First & foremost: it works",
}
ECHO = {
    "id": 4711,
    "name": "Ada Lovelace",
    "tags": ["analytical", "engine"],
    "address": {"city": "London", "zip": "W1"},
    "active": True,
}

#: What a browser sends with a request; the host comes from the address.
HEADERS = (
    ("host", "127.0.0.1:8000"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br"),
    ("referer", "http://127.0.0.1:8000/"),
    ("cookie", "theme=dark; consent=yes"),
    ("connection", "keep-alive"),
)

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Case:
    """A request, and how its answer is checked."""

    name: str
    path: str
    expected: Callable[[int, bytes], bool]
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    #: The path to ask for the session's cookie before, if there has to be one.
    login: str = ""


def answers_text(text: str) -> Callable[[int, bytes], bool]:
    return lambda status, body: status == 200 and body == text.encode()


def answers_json(value: object) -> Callable[[int, bytes], bool]:
    return lambda status, body: status == 200 and json.loads(body) == value


def page(link: str = "/user/7", title: str = "Tom &amp; &lt;Jerry&gt;") -> str:
    """The page without its white space, in which the engines of templates differ."""
    rows = "".join(f"<tr><td>{row['id']}</td><td>{row['name']}</td></tr>" for row in ROWS)
    return f'<!doctypehtml><title>{title}</title><ahref="{link}">{title}</a><table>{rows}</table>'


def answers_page(status: int, body: bytes) -> bool:
    shown = b"".join(body.split()).decode()
    return status == 200 and shown == "".join(page().split())


TEXT_CASE = Case("text", "/text", answers_text(TEXT))
CASES = (
    TEXT_CASE,
    Case("JSON", "/json", answers_json({"message": TEXT})),
    Case("int parameter", "/user/4711", answers_json({"id": 4711})),
    Case(
        "JSON echo",
        "/echo",
        answers_json(ECHO),
        method="POST",
        body=json.dumps(ECHO).encode(),
        content_type="application/json",
    ),
    Case(
        "20 query parameters", "/query", answers_json(QUERY_VALUES), query=urlencode(QUERY_VALUES)
    ),
    Case(
        "form",
        "/form",
        answers_json(FORM_VALUES),
        method="POST",
        body=urlencode(FORM_VALUES).encode(),
        content_type=FORM_TYPE,
    ),
    Case("session read", "/session", answers_text("ada"), login="/login"),
    Case("five hooks", "/hooks", answers_text(TEXT)),
    Case("template page", "/page", answers_page),
    Case("error answer", "/error", lambda status, _: status == 404),
    Case(
        "stream of 100 pieces",
        "/stream",
        lambda status, body: status == 200 and body == PIECE * PIECES,
    ),
)
