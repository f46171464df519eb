"""`send_file` and `send_from_directory`: a file on disk, or a file object, as a response.

Both speak Quart's words for their arguments and Flask's. All that touches the disk happens in one
hop into a thread; the bytes themselves are read when the response is sent.
"""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple, cast
from urllib.parse import quote
from zlib import adler32

from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable
from werkzeug.security import safe_join

from .active import current
from .awaitables import must_await
from .errors import ContextError
from .sync import call_in_thread
from .typing import FilePath
from .wrappers import Response
from .wrappers.bodies import ResponseBody

DEFAULT_MIMETYPE = "application/octet-stream"

MaxAge = int | Callable[[str | None], int | None]


class Found(NamedTuple):
    """What there is to send: a file object, or a regular file at a path."""

    body: ResponseBody
    size: int | None
    path: Path | None = None
    modified: float | None = None
    close: Callable[[], None] | None = None


@must_await("send_file(...)", "response")
async def send_file(
    filename_or_io: FilePath | IO[bytes] | Found | None = None,
    mimetype: str | None = None,
    as_attachment: bool = False,
    attachment_filename: str | None = None,
    add_etags: bool = True,
    cache_timeout: int | None = None,
    conditional: bool | None = None,
    last_modified: datetime | float | None = None,
    *,
    path_or_file: FilePath | IO[bytes] | None = None,
    download_name: str | None = None,
    etag: bool | str | None = None,
    max_age: MaxAge | None = None,
) -> Response:
    """The response that sends a file. Never hand in a path that came from a client.

    Arguments:
        filename_or_io: a path, relative to the working directory, or a binary file object, which is
            sent from its beginning and, unless it is a `io.BytesIO`, closed afterwards. Flask's
            name for it: *path_or_file*.
        mimetype: the media type; guessed from the name by default, ``application/octet-stream``
            where that fails.
        as_attachment: whether a browser is to save the file rather than show it.
        attachment_filename: the name to save it by; that of the file by default. Flask's name for
            it: *download_name*, which is also sent where *as_attachment* is false.
        add_etags: whether to send an ``ETag`` made of path, size and modification time. Flask's
            name for it: *etag*, which may also be the tag itself.
        cache_timeout: seconds that the file may be cached, or with Flask's name *max_age* a function
            of the path that says so; what `get_send_file_max_age` of the application says of a path
            by default. With None or 0 from there, the client has to ask again each time.
        conditional: whether to answer conditions and ranges of the request with 304, 412, 206
            or 416. False by default, as in Quart, but true where one of Flask's names is used.
        last_modified: the time to send instead of that of the file; a number is a POSIX timestamp.

    Raises `OSError` where there is no such regular file, `ValueError` for a text file and where no
    media type can be guessed, `TypeError` where an argument is given by both its names, and
    `ContextError` outside of an application context.
    """
    if conditional is None:
        flasks = (path_or_file, download_name, etag, max_age)
        conditional = any(word is not None for word in flasks)
    source = _either("filename_or_io", filename_or_io, "path_or_file", path_or_file)
    name = _either("attachment_filename", attachment_filename, "download_name", download_name)
    age = _either("cache_timeout", cache_timeout, "max_age", max_age)

    app = _context().app
    found = source if isinstance(source, Found) else await _find(app, source)
    if name is None and found.path is not None:
        name = found.path.name
    mimetype, encoding = _media_type(mimetype, name)

    response = _make_response(app, found, mimetype)
    if encoding is not None and not as_attachment:  # A browser would unpack what it is to save.
        response.headers["Content-Encoding"] = encoding
    if as_attachment or download_name is not None:
        _set_disposition(response, "attachment" if as_attachment else "inline", name)
    _set_validators(response, found, last_modified, add_etags if etag is None else etag)
    _set_caching(response, app, age, found.path)
    if conditional:
        await _make_conditional(response, found)
    return response


@must_await("send_from_directory(...)", "response")
async def send_from_directory(
    directory: FilePath,
    file_name: FilePath | None = None,
    *,
    mimetype: str | None = None,
    as_attachment: bool = False,
    attachment_filename: str | None = None,
    add_etags: bool = True,
    cache_timeout: int | None = None,
    conditional: bool = True,
    last_modified: datetime | float | None = None,
    path: FilePath | None = None,
    download_name: str | None = None,
    etag: bool | str | None = None,
    max_age: MaxAge | None = None,
) -> Response:
    """The response that sends a file from below *directory*, safe with a name from a client.

    Arguments:
        directory: where the file must lie; relative to the working directory. Links that lead out
            of it are followed.
        file_name: the path below it, as the client sent it. Flask's name for it: *path*.

    The other arguments are those of `send_file`. Raises `NotFound` (404) if the name leads out of
    the directory, or to no regular file.
    """
    name: FilePath = _either("file_name", file_name, "path", path)
    joined = safe_join(os.fspath(directory), os.fspath(name))
    if joined is None:
        raise NotFound
    try:
        found = await _find(_context().app, joined)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise NotFound from error
    return await send_file(
        found,
        mimetype,
        as_attachment,
        attachment_filename,
        add_etags,
        cache_timeout,
        conditional,
        last_modified,
        download_name=download_name,
        etag=etag,
        max_age=max_age,
    )


def _context() -> Any:
    context = current.get(None)
    if context is None:
        raise ContextError(
            "A file is sent with the settings of the active application, and none is active here."
            " Call this while a request is handled, or within `async with app.app_context()`."
        )
    return context


def _either(quarts: str, one: Any, flasks: str, other: Any) -> Any:
    """The argument that was given by one of two names, or None."""
    if one is not None and other is not None:
        raise TypeError(f"{quarts} and {flasks} are two names of one argument: give one of them.")
    return other if one is None else one


# What there is


async def _find(app: Any, source: Any) -> Found:
    body_classes: type[Response] = app.response_class
    if isinstance(source, (str, os.PathLike)):
        path = Path(cast("FilePath", source))
        return await call_in_thread(_find_path, path, body_classes)
    if isinstance(source, BytesIO):
        body = body_classes.io_body_class(source)
        return Found(body, body.size)
    if not hasattr(source, "read"):
        raise TypeError(
            "The file to send is given as a path or as a binary file object, not as"
            f" {type(source).__name__}. Bytes can be put into an io.BytesIO."
        )
    return await call_in_thread(_find_stream, source, body_classes)


def _find_path(path: Path, body_classes: type[Response]) -> Found:
    """Look at a path; this blocks."""
    if not mimetypes.inited:
        mimetypes.init()  # Reads the tables of the system, which belongs in a thread, too.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(code, "Only a regular file can be sent", str(path))
    return Found(body_classes.file_body_class(path), status.st_size, path, status.st_mtime)


def _find_stream(stream: Any, body_classes: type[Response]) -> Found:
    """Look at a file object; this blocks."""
    body = body_classes.io_body_class(stream)
    return Found(body, body.size, close=getattr(stream, "close", None))


def _media_type(mimetype: str | None, name: str | None) -> tuple[str, str | None]:
    """The media type, and the content encoding if both are guessed from the name."""
    if mimetype is not None:
        return mimetype, None
    if name is None:
        raise ValueError(
            "The media type of a file object cannot be guessed: pass `mimetype`, or a file name as"
            " `attachment_filename`."
        )
    guessed, encoding = mimetypes.guess_type(name)
    return guessed or DEFAULT_MIMETYPE, encoding


# What is said of it


def _make_response(app: Any, found: Found, mimetype: str) -> Response:
    if found.path is not None and app.config["USE_X_SENDFILE"]:
        response: Response = app.response_class(mimetype=mimetype)
        response.headers["X-Sendfile"] = str(found.path.absolute())
        return response
    response = app.response_class(found.body, mimetype=mimetype)
    if found.size is not None:
        response.content_length = found.size
    if found.close is not None:
        response.call_on_close(found.close)
    return response


def _set_disposition(response: Response, how: str, name: str | None) -> None:
    """Set ``Content-Disposition`` (RFC 6266), a name beyond ASCII as RFC 8187 has it."""
    names: dict[str, str] = {}
    if name is not None and name.isascii():
        names["filename"] = name
    elif name is not None:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        names["filename"] = plain
        names["filename*"] = "UTF-8''" + quote(name, safe="!#$&+-.^_`|~")
    response.headers.set("Content-Disposition", how, **names)


def _set_validators(
    response: Response, found: Found, modified: datetime | float | None, etag: bool | str
) -> None:
    if modified is None:
        modified = found.modified
    if isinstance(modified, datetime):
        response.last_modified = modified
    elif modified is not None:
        response.last_modified = datetime.fromtimestamp(modified, tz=UTC)
    if isinstance(etag, str):
        response.set_etag(etag)
    elif etag and found.path is not None:
        check = adler32(os.fsencode(found.path))
        response.set_etag(f"{found.modified}-{found.size}-{check}")


def _set_caching(response: Response, app: Any, age: MaxAge | None, path: Path | None) -> None:
    name = None if path is None else str(path)
    seconds: int | None
    if callable(age):
        seconds = age(name)
    elif age is None and name is not None:
        seconds = app.get_send_file_max_age(name)
    else:
        seconds = age
    if seconds is not None and seconds > 0:
        response.cache_control.public = True
    else:
        response.cache_control.no_cache = True
    if seconds is not None:
        response.cache_control.max_age = seconds
        response.expires = datetime.now(UTC) + timedelta(seconds=seconds)


async def _make_conditional(response: Response, found: Found) -> None:
    """Apply the conditions of the request, if there is one."""
    context = _context()
    if not context.has_request:
        return
    # The server in front that honours X-Sendfile serves the ranges itself.
    size = None if "X-Sendfile" in response.headers else found.size
    try:
        await response.make_conditional(
            context.request, accept_ranges=size is not None, complete_length=size
        )
    except RequestedRangeNotSatisfiable:
        await response.close()
        raise
    if response.status_code == 304:
        response.headers.pop("X-Sendfile", None)  # Some servers would send the file all the same.
