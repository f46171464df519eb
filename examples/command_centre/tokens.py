"""Who is a device: each has a token that is made of its id and one secret of the server."""

from __future__ import annotations

import hmac
import re
import secrets
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


def make_token(secret: str, device: str) -> str:
    """The token of *device*: nobody can make one without the secret, and nothing is to be stored."""
    return hmac.digest(secret.encode(), device.encode(), "sha256").hex()


def is_token(secret: str, device: str, token: str) -> bool:
    """Whether *token* is the one of *device*; takes the same time whether it is or not."""
    return hmac.compare_digest(make_token(secret, device).encode(), token.encode())


def read_secret(path: Path) -> str:
    """The secret in the file at *path*, which is made on the first time, for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text()
