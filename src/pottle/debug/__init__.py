"""What a developer sees when a program fails: a page with the traceback, in development only.

Nothing of this is in the way of a request in production; it is imported by the server that runs an
application in debug mode.
"""

from __future__ import annotations

from .middleware import DebugMiddleware as DebugMiddleware
from .middleware import traceback_response as traceback_response
