"""Applications of many routes: the paths of an imagined API, the same for every peer and every run."""

from __future__ import annotations

from random import Random

COUNTS = (10, 1_000, 10_000)
#: The number of requests that go round, spread over all routes.
REQUESTS = 500

SHAPES = (
    "/{name}/<int:id>",
    "/{area}/{name}/<int:id>",
    "/{area}/{name}/<int:id>/{action}",
)
ACTIONS = ("edit", "history", "comments", "owner", "state")


def make_paths(count: int) -> list[str]:
    """*count* different paths in three shapes, a hundred or so in each area."""
    random = Random(count)  # nothing is secret here
    paths = []
    for number in range(count):
        path = SHAPES[number % len(SHAPES)].format(
            area=f"area{random.randrange(max(1, count // 100))}",
            name=f"resource{number}",
            action=random.choice(ACTIONS),
        )
        paths.append(path)
    return paths


def make_requests(paths: list[str]) -> list[tuple[str, int]]:
    """Paths to ask for, with the number that stands in each."""
    random = Random(len(paths))  # nothing is secret here
    numbers = [random.randrange(1, 100_000) for _ in range(REQUESTS)]
    return [(random.choice(paths).replace("<int:id>", str(one)), one) for one in numbers]
