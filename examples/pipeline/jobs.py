"""The jobs: what goes through the pipeline now, and what has become of the last ones.

The head of an answer is sent before its end is known. Whoever wants to know whether it was complete,
and what its checksum is, asks for the job afterwards.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncGenerator
from typing import Any

from werkzeug.exceptions import HTTPException, ServiceUnavailable

from .processes import StageError
from .stages import Chunks, Stage, chained

KEPT = 100  # jobs that are remembered when they have ended
RETRY_AFTER = 5  # seconds


class Job:
    """One file on its way through some stages; *largest* is how many bytes may come out."""

    def __init__(self, stages: list[Stage], largest: int) -> None:
        self.id = secrets.token_urlsafe(12)
        self.state = "running"  # then "done", "failed" or "given up"
        self.error: str | None = None
        self.received = 0
        self.sent = 0
        self._stages = stages
        self._largest = largest
        self._digest = hashlib.sha256()

    async def run(self, body: Chunks) -> AsyncGenerator[bytes]:
        """What becomes of *body*."""
        try:
            async with chained(self._count(body), self._stages) as result:
                async for piece in result:
                    self._digest.update(piece)  # a millisecond for a piece of a MiB
                    self.sent += len(piece)
                    if self.sent > self._largest:
                        raise StageError(f"The result has more than {self._largest:,} bytes.")
                    yield piece
            self.state = "done"
        except (StageError, HTTPException) as error:
            self.state = "failed"
            self.error = getattr(error, "description", None) or str(error)
            raise
        finally:
            if self.state == "running":  # the client has left, or takes nothing
                self.state = "given up"

    async def _count(self, body: Chunks) -> AsyncGenerator[bytes]:
        async for chunk in body:
            self.received += len(chunk)
            yield chunk

    @property
    def sha256(self) -> bytes:
        """The checksum of what came out until now."""
        return self._digest.digest()

    def report(self) -> dict[str, Any]:
        """What can be said about this job."""
        return {
            "state": self.state,
            "error": self.error,
            "received": self.received,
            "sent": self.sent,
            "sha256": self.sha256.hex() if self.state == "done" else None,
        }


class Jobs:
    """The jobs of this process, of which *most* may run at the same time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: dict[str, Job] = {}

    def start(self, stages: list[Stage], largest: int) -> Job:
        """A new job. Raises `ServiceUnavailable` (503) when there are too many."""
        running = sum(job.state == "running" for job in self._jobs.values())
        if running >= self._most:
            raise ServiceUnavailable(
                f"{running} files are under way already. Try again in some seconds.",
                retry_after=RETRY_AFTER,
            )
        ended = [job.id for job in self._jobs.values() if job.state != "running"]
        for id in ended[:-KEPT]:
            del self._jobs[id]
        job = Job(stages, largest)
        self._jobs[job.id] = job
        return job

    def get(self, id: str) -> Job | None:
        """The job with that id, unless it was forgotten."""
        return self._jobs.get(id)
