"""Requests with an ordinary answer, on the short way (no hooks) and on the long one."""

from __future__ import annotations

import asyncio
import time

from pottle import Blueprint, current_app, g, request, session

from .census import expect, owner, visit

bare = Blueprint("bare", __name__)
hooked = Blueprint("hooked", __name__, url_prefix="/hooked")
LONG = 3600  # seconds; nobody waits so long
LARGE = bytes(8 << 20)


@bare.get("/control")
async def control():
    with visit("control"):
        return "fine"


@bare.get("/small")
async def small():
    with visit("small"):
        await asyncio.sleep(0.002)
        return {"user": request.args["user"]}


@bare.get("/whose")
async def whose():
    """Tells what `g` held before, as the next request on a connection would find it."""
    with visit("pipelined"):
        had = g.get("user")
        g.user = request.args["user"]
        await asyncio.sleep(0.02)
        return {"had": had, "user": g.user}


@bare.post("/upload")
async def upload():
    with visit("upload"):
        return {"bytes": len(await request.get_data())}


@bare.post("/upload-in-pieces")
async def upload_in_pieces():
    with visit("upload in pieces"):
        return {"bytes": sum([len(chunk) async for chunk in request.body])}


@bare.post("/form")
async def form():
    with visit("form"):
        fields, files = await request.form, await request.files
        size = len(files["file"].read())
        return {"name": fields["name"], "bytes": size}


@bare.get("/large")
async def large():
    with visit("large"):
        return LARGE


@bare.get("/plain")
def plain():
    with visit("plain view"):
        time.sleep(0.005)
        return {"user": request.args["user"]}


@bare.get("/slow")
async def slow():
    with visit("slow"):
        await asyncio.sleep(LONG)
        return ""


async def later(user: str) -> None:
    expect(not list(g), "background task: g was not empty at the beginning")
    g.user = user
    await asyncio.sleep(0.1)
    expect(g.user == user, "background task: g did not stay its own")


@bare.post("/background")
async def background():
    with visit("background"):
        current_app.add_background_task(later, request.args["user"])
        return "", 202


@hooked.before_request
async def remember():
    expect(not list(g), "before hook: g was not empty at the beginning")
    expect(owner.get() == 0, "before hook: a ContextVar did not have its default at the beginning")
    g.seen = request.args.get("user")


@hooked.teardown_request
async def compare(error: BaseException | None) -> None:
    expect(g.get("seen") == request.args.get("user"), "teardown: g was another request's")


@hooked.get("/small")
async def hooked_small():
    await asyncio.sleep(0.002)
    return {"user": g.seen}


@hooked.post("/login/<user>")
async def login(user: str):
    session["user"] = user
    session["count"] = 0
    return user


@hooked.post("/count")
async def count():
    session["count"] += 1
    await asyncio.sleep(0.002)
    return {"user": session["user"], "count": session["count"]}


@hooked.post("/logout")
async def logout():
    session.clear()
    return ""
