"""A store that is full drops what nobody has come back for, and says so."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pottle import Pottle, session
from pottle.sessions import MemoryStore, ServerSideSessionInterface

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.name == "pottle.sessions"]


def make_app(store: MemoryStore) -> Pottle:
    app = Pottle(__name__)
    ServerSideSessionInterface(store).init_app(app)

    @app.post("/login")
    async def login() -> str:
        session["user"] = "ann"
        return ""

    @app.get("/whoami")
    async def whoami() -> str:
        return str(session.get("user"))

    return app


async def test_visitors_without_a_cookie_log_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore(max_records=5)
    app = make_app(store)
    ann = app.test_client()
    await ann.post("/login")
    assert (await ann.get("/whoami")).status_code == 200
    for _ in range(20):
        await app.test_client().post("/login")
    assert await (await ann.get("/whoami")).get_data(as_text=True) == "ann"
    assert len(store) == 5
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get("kept"),
        lambda store: store.touch("kept", 60),
        lambda store: store.set("kept", b"x", 60),
        lambda store: store.swap("kept", b"x", b"x", 60),
    ],
    ids=["get", "touch", "set", "swap"],
)
async def test_what_was_used_again_stays(use: Callable[[MemoryStore], object]) -> None:
    store = MemoryStore(max_records=3)
    await store.set("kept", b"x", 60)
    await use(store)
    for number in range(10):
        await store.set(str(number), b"x", 60)
    assert await store.get("kept") == b"x"
    assert (await store.get("8"), await store.get("9")) == (b"x", b"x")


async def test_of_those_in_use_the_longest_not_written_go() -> None:
    store = MemoryStore(max_records=3)
    for id in "abc":
        await store.set(id, b"x", 60)
        await store.touch(id, 60)
    await store.touch("a", 60)
    await store.set("new", b"x", 60)
    assert [await store.get(id) for id in ("a", "b", "c", "new")] == [b"x", None, b"x", b"x"]


async def test_who_comes_to_a_store_full_of_others_can_stay() -> None:
    store = MemoryStore(max_records=100)
    for number in range(100):
        await store.set(str(number), b"x", 60)
        await store.get(str(number))
    for number in range(100, 110):
        await store.set(str(number), b"x", 60)
    assert await store.get("100") == b"x"
    assert (len(store), await store.get("0"), await store.get("10")) == (100, None, b"x")


async def test_bytes_are_bounded() -> None:
    store = MemoryStore(max_bytes=1000)
    for number in range(50):
        await store.set(f"{number:02}", b"x" * 98, 60)
        await store.set(f"{number:02}", b"x" * 98, 60)  # counted once
    assert len(store) == 10
    await store.set("49", b"x" * 198, 60)
    assert len(store) == 9
    for number in range(50):
        await store.delete(f"{number:02}")
    await store.set("large", b"x" * 2000, 60)
    assert await store.get("large") == b"x" * 2000
    await store.set("small", b"x", 60)
    assert (len(store), await store.get("small")) == (1, b"x")
    with pytest.raises(ValueError, match="at least one byte"):
        MemoryStore(max_bytes=0)


async def test_dropped_records_are_told_of_once_in_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    store = MemoryStore(max_records=2, clock=clock)
    for number in range(12):
        await store.set(str(number), b"x", 600)
    assert len(warnings(caplog)) == 1
    clock.now = 60
    await store.set("more", b"x", 600)
    assert len(warnings(caplog)) == 2
    assert "10 were dropped" in warnings(caplog)[1]


async def test_what_has_expired_goes_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    store = MemoryStore(max_records=2, clock=clock)
    for number in range(5):
        await store.set(str(number), b"x", 1)
        await store.get(str(number))
        clock.now += 2
    assert len(store) == 1
    assert warnings(caplog) == []
