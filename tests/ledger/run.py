"""Runs every check of the ledger on the `quart` that is there, and prints what came of each as JSON.

usage: run.py [--pottle] [--limit SECONDS] [NAME...]

With `--pottle`, `quart` is Pottle. This file and the checks need nothing but that module.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import json
import sys
import time
from importlib.metadata import version
from typing import Any

SECTIONS = ("security", "errors", "websockets", "http", "client")


def run(check: Any, limit: float) -> dict[str, Any]:
    """Run one check in a loop of its own, which takes away whatever the check leaves behind."""

    async def limited() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        async with asyncio.timeout(limit):
            await check()

    begun = time.perf_counter()
    failed: BaseException | None = None
    try:
        asyncio.run(limited())
    except BaseException as error:
        failed = error
    return {
        "error": None if failed is None else type(failed).__name__,
        "message": str(failed or ""),
        "seconds": round(time.perf_counter() - begun, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pottle", action="store_true")
    parser.add_argument("--limit", type=float, default=20)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.pottle:
        importlib.import_module("pottle.compat.as_quart")
    results = {
        name: run(check, options.limit)
        for section in SECTIONS
        for name, check in inspect.getmembers(importlib.import_module(f"checks.{section}"))
        if name.startswith("check_") and (not options.names or name in options.names)
    }
    implementation = importlib.import_module("quart").Quart.__module__.partition(".")[0]
    json.dump(
        {"is": implementation, "version": version(implementation), "results": results}, sys.stdout
    )


if __name__ == "__main__":
    main()
