"""Every kind of client. Importing this registers them."""

from __future__ import annotations

from . import leaving, requests, streams, websockets

__all__ = ["leaving", "requests", "streams", "websockets"]
