"""Pictures: what is uploaded is not trusted, but read as a picture and written anew.

So whatever else was in the file is gone, what the camera noted about place and time among it, and a file
that only says it is a picture does not get in. Reading and writing takes long enough to be felt, so it
runs in a thread.
"""

from __future__ import annotations

import secrets
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from pottle import Blueprint, Response, current_app, run_sync, send_from_directory

if TYPE_CHECKING:
    from pottle.datastructures import FileStorage

images = Blueprint("images", __name__, url_prefix="/images")

#: The readers that may be tried on a file. Pillow has many more, some of them for odd formats.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MOST_PIXELS = 40_000_000
LARGEST = (1600, 1600)


class UnusableImageError(Exception):
    """The file is no picture that can be used; the text is for the one who sent it."""


@images.get("/<name>")
async def image(name: str) -> Response:
    """A picture. Names are never used again, so a browser may keep it for good."""
    response: Response = await send_from_directory(
        current_app.config["IMAGES"], name, mimetype="image/webp", max_age=365 * 24 * 3600
    )
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


async def save_image(file: FileStorage) -> str:
    """Keep the picture in *file*; the name that it has here. Raises `UnusableImageError`."""
    folder = Path(current_app.config["IMAGES"])
    name: str = await run_sync(_save)(file, folder)
    return name


async def remove_image(name: str | None) -> None:
    """Delete the picture of this name, if there is one."""
    if name is not None:
        await run_sync(Path(current_app.config["IMAGES"], name).unlink)(missing_ok=True)


def _save(file: FileStorage, folder: Path) -> str:
    try:
        with Image.open(BytesIO(file.read()), formats=FORMATS) as picture:
            # Known from the head of the file: a small file can hold a picture that fills the memory.
            if picture.width * picture.height > MOST_PIXELS:
                raise UnusableImageError("The picture has too many pixels.")
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail(LARGEST)
            name = f"{secrets.token_hex(16)}.webp"
            folder.mkdir(parents=True, exist_ok=True)
            upright.convert("RGBA").save(folder / name, "WEBP", quality=82)
    except Image.DecompressionBombError:
        raise UnusableImageError("The picture has too many pixels.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise UnusableImageError(
            "This is no picture that can be read: use JPEG, PNG, WebP or GIF."
        ) from None
    return name
