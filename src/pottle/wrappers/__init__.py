"""Requests, responses and websockets as values: they know no application and push no context."""

from __future__ import annotations

from .base import BaseRequestWebsocket
from .body import Body
from .request import Request
from .response import Response
from .websocket import Websocket

__all__ = ["BaseRequestWebsocket", "Body", "Request", "Response", "Websocket"]
