"""Server-sent events: a stream of events as the answer to a request.

Values and a response only; whoever publishes events to many clients brings a queue of their own.
"""

from __future__ import annotations

from .events import EventStream as EventStream
from .events import ServerSentEvent as ServerSentEvent
from .events import event_view as event_view
