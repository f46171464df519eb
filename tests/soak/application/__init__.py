"""The application that is served: a view for each kind of traffic, and what it knows of itself."""

from __future__ import annotations

import signal

from pottle import Pottle
from pottle.sessions import MemoryStore, ServerSideSessionInterface

from . import census, mounted, requests, streams, structured, websockets

app = Pottle(__name__)
app.config.update(
    SECRET_KEY="a long key for the soak test",
    RESPONSE_TIMEOUT=3,
    BODY_TIMEOUT=5,
    SHUTDOWN_TIMEOUT=2,
    BACKGROUND_TASK_SHUTDOWN_TIMEOUT=2,
    THREADS=8,
)
app.config.from_prefixed_env("SOAK")
ServerSideSessionInterface(MemoryStore(max_records=500)).init_app(app)

app.register_blueprint(requests.bare)
app.register_blueprint(requests.hooked)
app.register_blueprint(structured.structured)
app.register_blueprint(streams.streams)
app.register_blueprint(websockets.sockets)
app.mount("/mounted", mounted.app)

#: Whoever finds the process not answering asks by this signal where it is.
signal.signal(signal.SIGUSR1, census.say_where)


@app.while_serving
async def watch_the_loop():
    async with census.watching_the_loop():
        yield


@app.get("/-/stats")
async def stats():
    return census.report()
