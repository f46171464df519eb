"""What a run found out, with what it ran on: kept as JSON, from which tables and charts are made."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.measure import Series

PACKAGES = (
    *("pottle", "quart", "flask", "starlette", "fastapi", "litestar", "blacksheep", "falcon"),
    *("sanic", "aiohttp", "robyn", "emmett55", "uvicorn", "granian", "hypercorn", "gunicorn"),
    *("uvloop", "httptools", "websockets", "werkzeug", "jinja2", "pydantic", "msgspec", "orjson"),
)


@dataclass(frozen=True)
class Results:
    """The series of a run, and what has to be known about it."""

    quick: bool
    date: str
    machine: str
    python: str
    packages: dict[str, str]
    tools: dict[str, str]
    series: list[Series]

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(one.group for one in self.series))

    def of_group(self, group: str) -> list[Series]:
        return [one for one in self.series if one.group == group]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        values = json.loads(path.read_text())
        values["series"] = [Series(**one) for one in values["series"]]
        return cls(**values)


def results_of(series: list[Series], *, quick: bool) -> Results:
    """*series*, with this machine, this Python and the versions that are installed."""
    return Results(
        quick=quick,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=describe_machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: found for name in PACKAGES if (found := package_version(name))},
        tools={name: found for name in ("wrk", "h2load") if (found := tool_version(name))},
        series=series,
    )


def describe_machine() -> str:
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{processor()}, {cores} cores, {memory:.0f} GiB of memory, {system}"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def tool_version(name: str) -> str:
    """What a tool says of its version."""
    path = shutil.which(name)
    if path is None:
        return ""
    flag = "-v" if name == "wrk" else "--version"
    done = subprocess.run(
        [path, flag], capture_output=True, text=True, check=False
    )  # tools found by name
    found = re.search(r"\d+\.[\d.]*\d", done.stdout + done.stderr)
    return found[0] if found else ""
