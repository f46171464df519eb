"""A second application below a path, with its session in a cookie."""

from __future__ import annotations

import asyncio

from pottle import Pottle, session

from .census import visit

app = Pottle(__name__)
app.config["SECRET_KEY"] = "another long key for the soak test"


@app.post("/login/<user>")
async def login(user: str):
    with visit("mounted login"):
        session["user"] = user
        await asyncio.sleep(0.002)
        return session["user"]


@app.get("/who")
async def who():
    with visit("mounted who"):
        await asyncio.sleep(0.002)
        return session.get("user", "nobody")
