"""Clients that ask, wait for the answer and check that it is theirs."""

from __future__ import annotations

import json

import httpx

from ..load import kind
from ..wire import Connection, Target, connected, expect

MIB = 1 << 20


async def ask(connection: Connection, path: str, user: str) -> None:
    await connection.request(f"{path}?user={user}")
    answer = await connection.answer()
    expect(answer.status == 200, f"{path} answered {answer.status}")
    expect(json.loads(answer.body)["user"] == user, f"{path} gave the answer of somebody else")


async def post(target: Target, path: str, **options: object) -> httpx.Response:
    response = await target.http.post(path, **options)
    expect(response.status_code < 300, f"{path} answered {response.status_code}")
    return response


@kind("keep-alive", clients=3, pause=0.2)
async def keep_alive(target: Target) -> None:
    async with connected(target) as connection:
        for path in ("/small", "/hooked/small") * 4:
            await ask(connection, path, target.user())


@kind("pipelined", clients=2, pause=0.4)
async def pipelined(target: Target) -> None:
    users = [target.user() for _ in range(4)]
    request = "GET /whose?user={} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with connected(target) as connection:
        await connection.send("".join(request.format(user) for user in users).encode())
        for user in users:
            found = json.loads((await connection.answer()).body)
            expect(found["user"] == user, "a pipelined request got the answer of another")
            expect(found["had"] is None, "a pipelined request saw the user of the one before")


@kind("upload", clients=2, pause=0.8)
async def upload(target: Target) -> None:
    """Large bodies and small requests in turn, all on one connection."""
    async with connected(target) as connection:
        for path in ("/upload", "/upload-in-pieces"):
            size = target.random.randint(MIB, 3 * MIB)
            await connection.request(path, "POST", bytes(size))
            answer = await connection.answer()
            expect(answer.status == 200, f"an upload was answered by {answer.status}")
            expect(json.loads(answer.body) == {"bytes": size}, "an upload was not taken whole")
            await ask(connection, "/small", target.user())


@kind("multipart", pause=0.8)
async def multipart(target: Target) -> None:
    user, size = target.user(), target.random.randint(1000, MIB)
    response = await post(target, "/form", data={"name": user}, files={"file": bytes(size)})
    expect(response.json() == {"name": user, "bytes": size}, "a form was not taken whole")


@kind("plain views", clients=2, pause=0.3)
async def plain(target: Target) -> None:
    async with connected(target) as connection:
        await ask(connection, "/plain", target.user())
        await connection.request("/plain-rows")
        lines = (await connection.answer()).body.split()
        expect(len(lines) == 20, f"a plain generator gave {len(lines)} of 20 rows")


@kind("background task", pause=0.2)
async def background(target: Target) -> None:
    await post(target, f"/background?user={target.user()}")


@kind("session on the server", clients=2, pause=0.4)
async def session(target: Target) -> None:
    user = target.user()
    cookie = await log_in(target, f"/hooked/login/{user}")
    for count in (1, 2, 3):
        response = await post(target, "/hooked/count", headers={"Cookie": cookie})
        found = response.json()
        expect(found["user"] == user, "a session was another's")
        expect(found["count"] == count, f"a session counted {found['count']}, not {count}")
    await post(target, "/hooked/logout", headers={"Cookie": cookie})


@kind("session in a cookie, mounted", pause=0.4)
async def mounted(target: Target) -> None:
    user = target.user()
    cookie = await log_in(target, f"/mounted/login/{user}")
    response = await target.http.get("/mounted/who", headers={"Cookie": cookie})
    expect(response.text == user, "a session in a cookie was another's")


async def log_in(target: Target, path: str) -> str:
    """The cookie of a new session."""
    response = await post(target, path)
    return response.headers["set-cookie"].partition(";")[0]


@kind("rows", pause=0.3)
async def rows(target: Target) -> None:
    async with connected(target) as connection:
        await connection.request("/rows")
        lines = (await connection.answer()).body.split()
        expect(len(lines) == 20, f"a stream gave {len(lines)} of 20 rows")
        await ask(connection, "/small", target.user())
