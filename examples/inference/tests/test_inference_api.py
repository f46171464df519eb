"""The inference API with its real classifier, as its clients see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inference.app import create_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDER = Path(create_app.__code__.co_filename).parent
BLANK = [[0] * 8 for _ in range(8)]


def but(row, column, value):
    """A blank image with another value in one place."""
    image = [list(values) for values in BLANK]
    image[row][column] = value
    return image


async def samples(client, count):
    response = await client.get(f"/samples?count={count}")
    return (await response.get_json())["samples"]


async def test_a_digit_is_recognized(client):
    for sample in await samples(client, 5):
        response = await client.post("/predict", json={"image": sample["image"]})
        answer = await response.get_json()
        assert answer["digit"] == sample["digit"]
        assert len(answer["probabilities"]) == 10
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "an object with the key 'image' and no other"),
        ({"image": BLANK, "colour": 1}, "no other"),
        ({"image": "seven"}, "The image is a list, not 'seven'."),
        ({"image": BLANK[1:]}, "The image has 7 rows and not 8."),
        ({"image": [*BLANK[1:], [0] * 9]}, "The image, row 7 has 9 values and not 8."),
        ({"image": [*BLANK[1:], 0]}, "The image, row 7 is a list, not 0."),
        ({"image": but(2, 5, 17)}, "row 2, column 5 is 17; values are from 0 to 16."),
        ({"image": but(0, 0, -1)}, "row 0, column 0 is -1; values are"),
        ({"image": but(0, 0, float("nan"))}, "is nan; values are"),
        ({"image": but(0, 0, True)}, "is True and no number."),
        ({"image": but(0, 0, "9" * 99)}, "and no number."),
    ],
)
async def test_what_is_no_image_is_refused_with_the_reason(client, content, problem):
    response = await client.post("/predict", json=content)
    assert response.status_code == 400
    error = (await response.get_json())["error"]
    assert problem in error
    assert len(error) < 100


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * (513 * 1024), "application/json", 413),
    ],
)
async def test_what_is_no_json_is_refused(client, body, content_type, status):
    response = await client.post("/predict", data=body, content_type=content_type)
    assert response.status_code == status
    assert "error" in await response.get_json()


async def test_many_images_are_answered_by_a_stream(client):
    known = await samples(client, 50)
    content = {"images": [sample["image"] for sample in known]}
    async with client.sse("/predict/many", method="POST", json=content) as stream:
        *results, end = [event async for event in stream]
    assert {event.event for event in results} == {"result"}
    assert [event.json()["index"] for event in results] == list(range(50))
    right = [event.json()["digit"] == known[event.json()["index"]]["digit"] for event in results]
    assert sum(right) >= 45
    assert (end.event, end.json()) == ("end", {"done": 50})


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ([], "There are 0 images; send 1 to 500 at a time."),
        ([BLANK] * 501, "There are 501 images"),
        ([BLANK, BLANK[1:]], "Image 1 has 7 rows"),
        (7, "'images' is a list"),
    ],
)
async def test_what_are_no_images_is_refused_before_the_stream_begins(client, images, problem):
    response = await client.post("/predict/many", json={"images": images})
    assert response.status_code == 400
    assert problem in (await response.get_json())["error"]


async def test_metrics_are_in_the_format_of_prometheus(client):
    await client.post("/predict", json={"image": BLANK})
    response = await client.get("/metrics")
    assert response.content_type.startswith("text/plain; version=0.0.4")
    text = await response.get_data(as_text=True)
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values['inference_requests_total{outcome="answered"}']) >= 1
    assert float(values["inference_batch_images_count"]) >= 1
    assert float(values["event_loop_lag_max_seconds"]) >= 0
    assert float(values["inference_waiting_images"]) == 0


async def test_health(client):
    for path, status in [("live", "alive"), ("ready", "ready")]:
        response = await client.get(f"/health/{path}")
        assert await response.get_json() == {"status": status}


async def test_the_page_needs_nothing_from_elsewhere(client):
    response = await client.get("/")
    assert response.headers["Content-Security-Policy"] == "default-src 'self'"
    page = await response.get_data(as_text=True)
    urls = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(urls) == 3
    for url in urls:
        assert (await client.get(url)).status_code == 200
    for file in [*FOLDER.glob("static/*"), *FOLDER.glob("templates/*")]:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, file
