"""The folder of videos: what is in it, and how a new one gets in, whole or not at all.

A video is one file, called `TITLE-TOKEN.webm` or `.mp4`. The token makes the name unique, so nothing
is ever overwritten and a browser may keep what it has. While it arrives it is called `TOKEN.part`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.utils import secure_filename

from pottle import run_sync
from pottle.files import AsyncFile, open_file

SUFFIXES = {".mp4": "video/mp4", ".webm": "video/webm"}
HEAD = 64  # bytes that tell what a file is
PIECE = 1024**2  # bytes that are written at once: each time is a hop into a thread
LEFT_BEHIND = 24 * 3600  # seconds after which an unfinished upload is nobody's any more
LONGEST_TITLE = 80


class LibraryFullError(HTTPException):
    """There is no room for one more video."""

    code = 507


class Video(NamedTuple):
    """A video in the library."""

    name: str
    size: int
    added: float  # seconds since 1970

    @property
    def title(self) -> str:
        """What the video is called on the pages."""
        stem = re.sub(r"-[0-9a-f]{12}$", "", Path(self.name).stem)
        return stem.replace("_", " ")

    @property
    def mimetype(self) -> str:
        """Its media type."""
        return SUFFIXES[Path(self.name).suffix]


class Library:
    """The videos in *folder*, which together may have *quota* bytes."""

    def __init__(self, folder: Path, quota: int) -> None:
        self.folder = folder
        self._quota = quota
        self._expected = 0  # bytes of the videos that are arriving

    @run_sync
    def prepare(self) -> None:
        """Make the folder, and remove what a process that was killed has left in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("*.part"):
            if time.time() - path.stat().st_mtime > LEFT_BEHIND:
                path.unlink(missing_ok=True)

    @run_sync
    def videos(self) -> list[Video]:
        """All videos, the newest first."""
        found = [
            Video(path.name, (status := path.stat()).st_size, status.st_mtime)
            for path in self.folder.iterdir()
            if path.suffix in SUFFIXES
        ]
        return sorted(found, key=lambda video: video.added, reverse=True)

    async def find(self, name: str) -> Video | None:
        """The video called *name*, or None."""
        return next((video for video in await self.videos() if video.name == name), None)

    async def add(self, title: str, size: int, chunks: AsyncIterable[bytes]) -> Video:
        """Take in a video of *size* bytes, and answer what it has become.

        Raises `LibraryFullError` before anything was read, and `UnsupportedMediaType` as soon as the
        first bytes say that it is no video. Whatever is raised, nothing stays behind.
        """
        token = secrets.token_hex(6)
        unfinished = self.folder / f"{token}.part"
        async with self._room_for(size):
            try:
                async with open_file(unfinished, "xb") as file:
                    suffix = await _write(file, chunks)
                stem = secure_filename(title)[:LONGEST_TITLE] or "video"
                path = self.folder / f"{stem}-{token}{suffix}"
                await run_sync(unfinished.rename)(path)
            finally:
                await run_sync(unfinished.unlink)(missing_ok=True)
        return Video(path.name, size, time.time())

    @asynccontextmanager
    async def _room_for(self, size: int) -> AsyncGenerator[None]:
        """Keep *size* bytes within the block, for others arrive at the same time."""
        used = sum(video.size for video in await self.videos())
        free = (await run_sync(shutil.disk_usage)(self.folder)).free
        room = min(self._quota - used, free) - self._expected
        if size > room:
            raise LibraryFullError(
                f"The video has {size:,} bytes, but the library has room for {max(room, 0):,} only."
                " Remove a video, or give it more room by VIDEO_QUOTA."
            )
        self._expected += size
        try:
            yield
        finally:
            self._expected -= size


async def _write(file: AsyncFile[bytes], chunks: AsyncIterable[bytes]) -> str:
    """Write *chunks* into *file*, in large pieces; answers the suffix for what it is."""
    suffix = ""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if not suffix and len(waiting) >= HEAD:
            suffix = suffix_for(bytes(waiting[:HEAD]))
        if len(waiting) >= PIECE:
            await file.write(bytes(waiting))
            waiting.clear()
    suffix = suffix or suffix_for(bytes(waiting))
    await file.write(bytes(waiting))
    await file.flush()
    # On the disk before it gets its name, or a power cut could leave an empty file under it.
    await run_sync(os.fsync)(file.wrapped.fileno())
    return suffix


def suffix_for(head: bytes) -> str:
    """The suffix for the video that begins with *head*. What a client calls a file proves nothing."""
    if head[4:8] == b"ftyp":
        return ".mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head:
        return ".webm"
    raise UnsupportedMediaType(
        "This is neither an MP4 nor a WebM file, by its first bytes. Convert it, for example with"
        " ffmpeg, and send it again."
    )
