"""Values that travel in requests: an uploaded file, headers.

Only what differs from werkzeug's is written here. Invariant: no disk is touched on the event loop
by anything that is awaited.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING

from werkzeug.datastructures import FileStorage as SyncFileStorage
from werkzeug.datastructures import Headers as Headers

from .sync import call_in_thread

if TYPE_CHECKING:
    from .typing import FilePath

PIECE = 256 * 1024  # bytes that a copy holds in memory


class FileStorage(SyncFileStorage):
    """An uploaded file: `name` of the field, `filename`, `headers`, and the content as `stream`.

    `read` and everything else of the stream is there directly and does not wait; the content is in
    memory or in a temporary file. Copying is awaited, and happens in a thread.
    """

    async def save(  # type: ignore[override] # the point of this class: saving is awaited
        self, destination: FilePath | IO[bytes], buffer_size: int = PIECE
    ) -> None:
        """Copy the content, from where the stream stands, to a path or to a binary file object.

        A file object stays open. At most *buffer_size* bytes are held in memory. A `filename` is
        what the client says: never use it as a path without `werkzeug.utils.secure_filename`.
        """
        await call_in_thread(_save, self.stream, destination, buffer_size)

    async def load(self, source: FilePath, buffer_size: int = PIECE) -> None:
        """Copy the file *source* into the stream, to be read next, and take over its name.

        At most *buffer_size* bytes are held in memory.
        """
        path = Path(source)
        await call_in_thread(_load, path, self.stream, buffer_size)
        self.filename = path.name


def _save(stream: IO[bytes], destination: FilePath | IO[bytes], buffer_size: int) -> None:
    if isinstance(destination, (str, os.PathLike)):
        with Path(destination).open("wb") as file:
            shutil.copyfileobj(stream, file, buffer_size)
    else:
        shutil.copyfileobj(stream, destination, buffer_size)


def _load(path: Path, stream: IO[bytes], buffer_size: int) -> None:
    start = stream.tell()
    with path.open("rb") as file:
        shutil.copyfileobj(file, stream, buffer_size)
    stream.seek(start)
