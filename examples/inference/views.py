"""What can be asked: predictions one by one or as a stream, health, metrics, and the page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import HTTPException

from pottle import Blueprint, EventStream, current_app, render_template, request
from pottle import ServerSentEvent as Event

from .batcher import BusyError
from .images import Image, InvalidImageError, image_in, images_in
from .pool import ModelLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .classifier import Probabilities
    from .service import Service

pages = Blueprint("pages", __name__)

MOST_IMAGES = 500
#: Images of a stream that wait at the same time: half a batch, so that single ones find room in it.
CHUNK = 16

Problem = tuple[dict[str, str | None], int, dict[str, str]]


def service() -> Service:
    """The service of the application that is asked; see `app.create_app`."""
    return cast("Service", current_app.extensions["service"])


@pages.get("/")
async def index() -> str:
    return await render_template("index.html")


# Predictions.


@pages.post("/predict")
async def predict() -> dict[str, Any]:
    image = image_in(await request.get_json())
    (probabilities,) = await ask([image])
    return as_answer(probabilities)


@pages.post("/predict/many")
async def predict_many() -> EventStream:
    images = images_in(await request.get_json(), MOST_IMAGES)
    # Here an error is still an answer with a status; in the stream it is an event.
    service().batcher.check_room(images[:CHUNK])
    return EventStream(predictions(images))


async def predictions(images: list[Image]) -> AsyncIterator[Event]:
    """An event for each image when its result is there, and one at the end."""
    done = 0
    while done < len(images):
        try:
            answers = await ask(images[done : done + CHUNK])
        except BusyError as busy:  # requests with one image go first
            yield Event({"done": done, "retry_after": busy.retry_after}, event="waiting")
            await asyncio.sleep(busy.retry_after)
        except (TimeoutError, ModelLostError) as error:
            yield Event({"done": done, "error": str(error)}, event="failed")
            return
        else:
            for index, probabilities in enumerate(answers, done):
                yield Event({"index": index, **as_answer(probabilities)}, event="result")
            done += len(answers)
    yield Event({"done": done}, event="end")


async def ask(images: list[Image]) -> list[Probabilities]:
    """Ask the classifier, for as long as a request may take."""
    seconds: float = current_app.config["TIMEOUT"]
    with service().metrics.outcome():
        try:
            async with asyncio.timeout(seconds):
                return await service().batcher.submit(images)
        except TimeoutError:
            raise TimeoutError(f"There was no result after {seconds:g} s.") from None


def as_answer(probabilities: Probabilities) -> dict[str, Any]:
    return {
        "digit": max(range(10), key=probabilities.__getitem__),
        "probabilities": [round(probability, 4) for probability in probabilities],
    }


@pages.get("/samples")
async def samples() -> dict[str, Any]:
    """Images that the classifier was not trained with, and what they show."""
    count = min(request.args.get("count", 100, int), MOST_IMAGES)
    return {"samples": [sample._asdict() for sample in service().pool.samples[: max(count, 0)]]}


# For those who look after it. None of these waits for the classifier.


@pages.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "alive"}


@pages.get("/health/ready")
async def ready() -> tuple[dict[str, str], int]:
    if current_app.shutdown_event.is_set():
        return {"status": "shutting down"}, 503
    if not service().pool.ready:
        return {"status": "loading the model"}, 503
    return {"status": "ready"}, 200


@pages.get("/metrics")
async def metrics() -> tuple[str, dict[str, str]]:
    return service().metrics.text(), {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


# Errors are JSON, with the same key for what went wrong.


@pages.errorhandler(InvalidImageError)
async def invalid(error: InvalidImageError) -> Problem:
    return {"error": str(error)}, 400, {}


@pages.errorhandler(BusyError)
async def busy(error: BusyError) -> Problem:
    return {"error": str(error)}, 503, {"Retry-After": str(error.retry_after)}


@pages.errorhandler(ModelLostError)
async def lost(error: ModelLostError) -> Problem:
    return {"error": str(error)}, 500, {}


@pages.errorhandler(TimeoutError)
async def late(error: TimeoutError) -> Problem:
    return {"error": str(error)}, 504, {}


@pages.errorhandler(HTTPException)
async def problem(error: HTTPException) -> Problem:
    return {"error": error.description}, error.code or 500, {}
