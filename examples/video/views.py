"""What can be asked of the streamer: the library, the player, the videos themselves, the upload."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from werkzeug.exceptions import (
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from pottle import (
    Blueprint,
    Response,
    abort,
    current_app,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from pottle.typing import ResponseReturnValue

from .library import Library

pages = Blueprint("pages", __name__)

YEAR = 365 * 24 * 3600  # seconds


def library() -> Library:
    """The library of the application that is asked; see `app.create_app`."""
    return cast("Library", current_app.extensions["library"])


@pages.get("/")
async def index() -> str:
    largest: int = current_app.config["LARGEST"]
    return await render_template("index.html", videos=await library().videos(), largest=largest)


@pages.get("/watch/<name>")
async def watch(name: str) -> str:
    video = await library().find(name)
    if video is None:
        abort(404)
    return await render_template("watch.html", video=video)


@pages.get("/videos/<name>")
async def file(name: str) -> Response:
    video = await library().find(name)
    if video is None:  # an upload that is not whole yet, for example
        abort(404)
    response = await send_from_directory(
        library().folder, video.name, mimetype=video.mimetype, max_age=YEAR
    )
    response.cache_control.public = True
    response.cache_control.immutable = True  # another video has another name
    return response


@pages.post("/videos")
async def upload() -> ResponseReturnValue:
    size = _checked_size(current_app.config["LARGEST"])
    request.max_content_length = size
    title = Path(request.args["name"]).stem
    video = await library().add(title, size, request.body)
    page = url_for(".watch", name=video.name)
    return {"name": video.name, "page": page}, 201, {"Location": page}


def _checked_size(largest: int) -> int:
    """The size of the video that is to come; refuses what can be refused before it comes."""
    if not request.mimetype.startswith("video/"):
        # Also keeps out forms on other sites: they cannot send this type without asking first.
        raise UnsupportedMediaType("Send the video itself, as video/mp4 or video/webm.")
    if request.content_length is None:
        raise LengthRequired("Say how large the video is, by the header Content-Length.")
    if request.content_length > largest:
        raise RequestEntityTooLarge(
            f"The video has {request.content_length:,} bytes, and {largest:,} are allowed."
        )
    return request.content_length


@pages.app_errorhandler(HTTPException)
async def problem(error: HTTPException) -> ResponseReturnValue:
    if request.method == "POST":
        return {"error": error.description}, error.code or 500
    if error.code == 404:
        return await render_template("missing.html"), 404
    return error  # as it is: the answer 416 to a range has headers that a player needs
