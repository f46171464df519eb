"""What can be asked of the pipeline: a file through it in one exchange, the same by a form."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO, Any, cast

from werkzeug.exceptions import BadRequest, HTTPException

from pottle import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    render_template,
    request,
    run_sync,
    send_file,
    url_for,
)
from pottle.typing import ResponseReturnValue

from .jobs import Job, Jobs
from .processes import StageError
from .stages import STAGES, Stage

pages = Blueprint("pages", __name__)

MOST_STAGES = 4


def jobs() -> Jobs:
    """The jobs of the application that is asked; see `app.create_app`."""
    return cast("Jobs", current_app.extensions["jobs"])


def stages_called(names: str) -> list[Stage]:
    """The stages that ``jsonl+gzip``, for example, means."""
    chosen = names.split("+")
    unknown = [name for name in chosen if name not in STAGES]
    if unknown or len(chosen) > MOST_STAGES:
        abort(404, f"Choose up to {MOST_STAGES} of these, joined by '+': {', '.join(STAGES)}.")
    return [STAGES[name] for name in chosen]


@pages.get("/")
async def index() -> str:
    return await render_template("index.html", stages=STAGES)


# In one exchange: the answer begins while the request still arrives.


@pages.route("/pipe/<names>", methods=["POST", "PUT"])  # PUT is what `curl -T` sends
async def pipe(names: str) -> Response:
    stages = stages_called(names)
    job = start(stages)
    result = job.run(request.body)
    try:
        # What can be told from the beginning of a file can still be an answer with a status.
        first = await anext(result, b"")
    except BaseException:
        await result.aclose()
        raise
    response = make_response(with_first(first, result))
    response.call_on_close(result.aclose)  # also if nobody ever asked for the first piece
    response.mimetype = stages[-1].mimetype
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would collect the answer otherwise
    response.headers["Link"] = f'<{url_for(".report", id=job.id)}>; rel="describedby"'
    return response


async def with_first(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """*first*, and then the *rest*."""
    yield first
    async for piece in rest:
        yield piece


def start(stages: list[Stage]) -> Job:
    """A new job for the request that is handled, whose body may be as large as the result."""
    largest: int = current_app.config["LARGEST"]
    request.max_content_length = largest
    return jobs().start(stages, largest)


@pages.get("/jobs/<id>")
async def report(id: str) -> dict[str, Any]:
    job = jobs().get(id)
    if job is None:
        abort(404, "There is no such job, or it was long ago.")
    return job.report()


# By a form: browsers send all of a request before they read anything of its answer.


@pages.post("/form")
async def form() -> Response:
    request.max_content_length = current_app.config["LARGEST"]
    stages: list[Stage] | None = None
    async for part in request.parts():
        if part.name == "stages":
            stages = stages_called(await part.text(100))
        elif part.name == "file" and part.filename and stages is not None:
            suffix = "".join(stage.suffix for stage in stages)
            job = start(stages)
            file = await kept(job.run(part), current_app.config["TIMEOUT"])
            return await as_download(file, Path(part.filename).stem + suffix, job)
    raise BadRequest("Send two fields: 'stages', and behind it 'file' with a file.")


async def kept(result: AsyncGenerator[bytes], timeout: float) -> IO[bytes]:
    """All of *result* in a temporary file, which has no name and is gone when it is closed."""
    file: IO[bytes] = await run_sync(tempfile.TemporaryFile)()
    try:
        async with asyncio.timeout(timeout):
            async for piece in result:
                await run_sync(file.write)(piece)
    except BaseException:
        await result.aclose()
        await run_sync(file.close)()
        raise
    return file


async def as_download(file: IO[bytes], name: str, job: Job) -> Response:
    """The answer that sends *file*; the checksum is known now, so it stands in the head (RFC 9530)."""
    response = await send_file(file, as_attachment=True, download_name=name, conditional=False)
    digest = base64.b64encode(job.sha256).decode()
    response.headers["Repr-Digest"] = f"sha-256=:{digest}:"
    response.headers["Cache-Control"] = "no-store"
    return response


# What goes wrong before an answer has begun. Afterwards the connection is broken off.


@pages.errorhandler(StageError)
async def unusable(error: StageError) -> ResponseReturnValue:
    return {"error": str(error)}, 422


@pages.errorhandler(TimeoutError)
async def too_slow(error: TimeoutError) -> ResponseReturnValue:
    return {"error": "This took too long, and was given up."}, 503


@pages.errorhandler(HTTPException)
async def problem(error: HTTPException) -> ResponseReturnValue:
    response = make_response({"error": error.description}, error.code)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
