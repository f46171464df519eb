"""Servers for an application: uvicorn, Hypercorn and Granian behind the same few functions.

Nothing above imports this package; the application and the command line reach it by name. Each
server is one module with one coroutine, `serve`; what surrounds them (sockets, signals, the grace
period, workers, reloading) is written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pottle.servers.runner import run, run_task, serve_one
from pottle.servers.settings import SERVERS, ServerError, Settings
from pottle.servers.workers import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pottle.app import Pottle

__all__ = ["SERVERS", "ServerError", "Settings", "run", "run_task", "serve"]


def serve(load: Callable[[], Pottle], settings: Settings, *, to_the_end: bool = False) -> None:
    """Serve the application that *load* gives, for production, until a signal ends it.

    With several workers each of them calls *load* in a process of its own, so it must be picklable
    (a module-level function or a partial of one). With *to_the_end* nothing comes behind it, and the
    end of the process is watched over as well. Raises `ServerError` if it cannot be served.
    """
    settings.check()
    if settings.workers == 1:
        serve_one(load(), settings, to_the_end=to_the_end)
    else:
        Supervisor(load, settings).run()
