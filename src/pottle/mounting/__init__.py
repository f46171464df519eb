"""Other applications, ASGI and WSGI, below a prefix or behind all routes of ours.

`mounts` decides which application a request is for, `wsgi` calls one that knows no ASGI, `lifespan`
starts and stops those that do. What knows Flask is in `pottle.compat.flask.strangler`.
"""

from __future__ import annotations

from .mounts import Elsewhere, Mounts

__all__ = ["Elsewhere", "Mounts"]
