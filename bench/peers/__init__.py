"""The peers: one module for each framework, all serving the application that bench.application says.

A module offers `NAME`, `app`, and `SERVERS`: the argument list that starts each of its servers, the
best one first, in which `{port}` is to be replaced. Where hooks or sessions can only be had for a whole
application, `APPS` has one for each such path, so that the others need not pay. `many_routes(paths)`
builds an application of many routes, each path with one `<int:id>`, which is answered as JSON.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

NAMES = (
    "pottle",
    "bare",
    "quart",
    "flask",
    "starlette",
    "fastapi",
    "litestar",
    "blacksheep",
    "falcon",
    "sanic",
    "aiohttp",
    "robyn",
    "emmett55",
    "bare_rsgi",
)


def load(name: str) -> ModuleType:
    return importlib.import_module(f"bench.peers.{name}")


def uvicorn(target: str) -> list[str]:
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", target, "--port", "{port}", *quiet]


def granian(target: str, interface: str = "asgi") -> list[str]:
    quiet = ["--no-access-log", "--log-level", "warning"]
    served = ["--interface", interface, "--workers", "1", "--loop", "uvloop", "--port", "{port}"]
    return [sys.executable, "-m", "granian", *served, *quiet, target]


def hypercorn(target: str) -> list[str]:
    served = ["--bind", "127.0.0.1:{port}", "--worker-class", "uvloop", "--log-level", "warning"]
    return [sys.executable, "-m", "hypercorn", *served, target]


def asgi_servers(name: str) -> dict[str, list[str]]:
    """The servers that any ASGI application runs on."""
    target = f"bench.peers.{name}:app"
    return {
        "granian": granian(target),
        "uvicorn": uvicorn(target),
        "hypercorn": hypercorn(target),
    }
