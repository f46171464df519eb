"""Twice the path takes about twice the time to match, whatever variables the rules have."""

from __future__ import annotations

import time

import pytest

from pottle import Pottle
from pottle.routing import Missing, PottleMap, PottleRule, Tree
from pottle.routing.linear import longest

RULES = {
    "/<path:repo>/blob/<path:file>/raw": "blob/a/",
    "/three/<path:repo>/tree/<path:folder>/file/<path:file>/raw": "tree/file/",
    "/<path:a>/<path:b>/<path:c>/x": "a/",
    "/<path:repo>/commit/<int:number>/<path:file>/raw": "commit/1/",
    "/<path:a>/<b>/x": "a/",
    "/<path:a>.<b>/x": ".a",
    "/<a>.<b>.<c>.json": ".",
}


def seconds_to_match(rule: str, piece: str, length: int) -> float:
    """The least time of a few attempts to match a path that nearly fits *rule*."""
    url_map = PottleMap()
    url_map.add(PottleRule(rule, endpoint="e"))
    tree = Tree(url_map)
    start = "/three/" if rule.startswith("/three/") else "/"
    path = start + piece * (length // len(piece)) + "-"
    least = float("inf")
    for _ in range(5):
        began = time.process_time()
        assert isinstance(tree.match("", path, "GET"), Missing)
        least = min(least, time.process_time() - began)
    return least


@pytest.mark.parametrize("rule", RULES)
def test_twice_the_path_is_at_most_three_times_the_time(rule: str) -> None:
    short, long = (seconds_to_match(rule, RULES[rule], length) for length in (10_000, 20_000))
    assert long <= 3 * short + 0.001


@pytest.mark.parametrize("rule", RULES)
def test_no_path_with_a_line_feed_takes_longer(rule: str) -> None:
    short, long = (
        seconds_to_match(rule, "\n" + RULES[rule], length) for length in (10_000, 20_000)
    )
    assert long <= 3 * short + 0.001


async def test_what_stands_between_variables_is_found_at_its_first_place() -> None:
    app = Pottle(__name__)

    @app.get("/<path:repo>/blob/<path:file>/raw")
    async def raw(repo: str, file: str) -> list[str]:
        return [repo, file]

    client = app.test_client()
    long = "a/" * 20_000 + "a"
    for path, values in {
        "/a/blob/b/blob/c/raw": ["a", "b/blob/c"],
        "/a/blob//b/blob/c/raw": ["a/blob//b", "c"],  # no value begins with a slash
        "/blob/blob/blob/raw": ["blob", "blob"],
        f"/a/blob/{long}/raw": ["a", long],
        "/a/blob/%0Ab/raw": ["a", "\nb"],
        "/a/blob/b/raw/x": None,
    }.items():
        response = await client.get(path)
        assert (await response.get_json(silent=True)) == values


async def test_a_part_that_may_backtrack_takes_texts_of_a_limited_length() -> None:
    app = Pottle(__name__)

    @app.get("/<name>.<kind>")
    async def file(name: str, kind: str) -> list[str]:
        return [name, kind]

    client = app.test_client()
    most = longest(2)
    assert most > 4000
    assert (await client.get("/" + "a" * (most - 2) + ".b")).status_code == 200
    assert (await client.get("/" + "a" * (most - 1) + ".b")).status_code == 404
