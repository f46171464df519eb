"""Files that are opened, read and written in threads, so that a slow disk stops nobody else.

    async with open_file(path) as file:
        async for line in file:
            ...

Nothing here knows an application.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from .sync import call_in_thread
from .typing import FilePath
from .utils import file_path_to_path

if TYPE_CHECKING:
    from _typeshed import OpenBinaryMode, OpenTextMode

Data = TypeVar("Data", str, bytes)


class AsyncFile(Generic[Data]):
    """A file whose methods are those of `io` with an ``await`` before them.

    An async context manager, which closes it, and an async iterator of its lines. `wrapped` is the
    file object itself. The methods may not be called from two tasks at once.
    """

    def __init__(self, wrapped: IO[Data]) -> None:
        self.wrapped: IO[Data] = wrapped

    async def __aenter__(self) -> AsyncFile[Data]:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncFile[Data]:
        return self

    async def __anext__(self) -> Data:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def read(self, size: int = -1) -> Data:
        """At most *size* characters or bytes; all that is left where *size* is negative."""
        return await call_in_thread(self.wrapped.read, size)

    async def readline(self, size: int = -1) -> Data:
        """The next line with its end, or at most *size* of it; empty at the end of the file."""
        return await call_in_thread(self.wrapped.readline, size)

    async def readlines(self, hint: int = -1) -> list[Data]:
        """The lines that are left, or as many as hold *hint* characters or bytes."""
        return await call_in_thread(self.wrapped.readlines, hint)

    async def write(self, data: Data) -> int:
        """Write *data*; returns how much of it was written."""
        return await call_in_thread(self.wrapped.write, data)

    async def writelines(self, lines: Iterable[Data]) -> None:
        """Write each of *lines*; line ends are not added."""
        await call_in_thread(self.wrapped.writelines, lines)

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Go to *offset*, counted as `io.IOBase.seek` does; returns the new position."""
        return await call_in_thread(self.wrapped.seek, offset, whence)

    async def tell(self) -> int:
        """The current position."""
        return await call_in_thread(self.wrapped.tell)

    async def truncate(self, size: int | None = None) -> int:
        """Cut the file to *size* bytes, or to the current position; returns the new size."""
        return await call_in_thread(self.wrapped.truncate, size)

    async def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        await call_in_thread(self.wrapped.flush)

    async def close(self) -> None:
        """Flush and close the file. Closing it twice is no harm."""
        await call_in_thread(self.wrapped.close)

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self.wrapped.closed

    @property
    def name(self) -> str:
        """The path that the file was opened by."""
        return self.wrapped.name

    @property
    def mode(self) -> str:
        """The mode that the file was opened in."""
        return self.wrapped.mode

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.wrapped!r}>"


class Opening(Generic[Data]):
    """A file about to be opened: await it, or enter it with ``async with``."""

    def __init__(self, open_it: Callable[[], IO[Data]]) -> None:
        self._open_it: Callable[[], IO[Data]] = open_it
        self._file: AsyncFile[Data] | None = None

    def __await__(self) -> Generator[Any, None, AsyncFile[Data]]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncFile[Data]:
        return await self._open()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._file is not None:
            await self._file.close()

    async def _open(self) -> AsyncFile[Data]:
        def open_it() -> None:
            self._file = AsyncFile(self._open_it())

        try:
            await call_in_thread(open_it)
        except BaseException:
            # A cancelled wait comes here with the file open, and nobody else will close it.
            if self._file is not None:
                await self._file.close()
            raise
        return cast("AsyncFile[Data]", self._file)


@overload
def open_file(
    path: FilePath, mode: OpenTextMode = "r", encoding: str | None = None
) -> Opening[str]: ...


@overload
def open_file(
    path: FilePath, mode: OpenBinaryMode, encoding: str | None = None
) -> Opening[bytes]: ...


@overload
def open_file(path: FilePath, mode: str, encoding: str | None = None) -> Opening[Any]: ...


def open_file(path: FilePath, mode: str = "r", encoding: str | None = None) -> Opening[Any]:
    """Open the file at *path*, in a thread; *mode* and *encoding* are those of `open`.

    The result can be awaited, which gives the open `AsyncFile`, and entered with ``async with``,
    with or without having been awaited; leaving closes the file. Text is UTF-8 unless *encoding*
    says otherwise. Errors are those of `open`.
    """
    if encoding is None and "b" not in mode:
        encoding = "utf-8"
    return Opening(lambda: file_path_to_path(path).open(mode, encoding=encoding))
