"""The same websockets, event streams, uploads and downloads on several frameworks.

WS   /ws          gives every message back
WS   /feed        says "ready", then whatever is posted to /publish
POST /publish     has its body sent to everyone at /feed, by the way of the framework's documentation
GET  /events      EVENTS server-sent events, the loop having a turn after each
POST /upload      reads the body piece by piece and says how many bytes it had
POST /multipart   parses a form with one file, saves it to SAVED, and says its size
GET  /file        sends the file SENT
"""

from __future__ import annotations

import os
from collections.abc import Collection

from bench.peers import hypercorn, uvicorn

NAMES = ("pottle", "bare", "quart", "starlette")
EVENTS = 300
#: Where uploads go and downloads come from, of the process that starts the server.
SAVED = os.environ.get("BENCH_SAVED", "")
SENT = os.environ.get("BENCH_SENT", "")


def starters(peers: Collection[str]) -> dict[str, list[str]]:
    """The commands by subject: all of the *peers* on uvicorn, and Quart on its own server too."""
    targets = {name: f"bench.peers_streams.{name}:app" for name in NAMES if name in peers}
    commands = {f"{name}/uvicorn": uvicorn(target) for name, target in targets.items()}
    if "quart" in targets:
        commands["quart/hypercorn"] = hypercorn(targets["quart"])
    return commands
