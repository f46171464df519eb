"""Runs all cases on both frameworks, and tells where the records differ.

`python -m parity.compare [WORD...]` from `tests/` prints the differences of the cases whose ids have
a WORD in them, in the form in which a case declares them; `-v` prints the records, too.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from pprint import pformat
from typing import Any

import quart_env

from . import cases as areas
from .case import ABSENT, Case, Differs
from .older import OLDER

RUNNER = Path(__file__).with_name("runner.py")
#: All files that an application has are from the first of January 2020.
MTIME = 1577836800
PATIENCE = 150

Records = dict[str, list[dict[str, Any]]]


def all_cases() -> list[Case]:
    """Every case of every area, with the name of the area before its id."""
    found: list[Case] = []
    for module in pkgutil.iter_modules(areas.__path__):
        area = importlib.import_module(f"{areas.__name__}.{module.name}")
        for each in area.CASES:
            name = f"{module.name}-{each.id}"
            older = (OLDER[name],) if name in OLDER else ()
            found.append(replace(each, id=name, differs=(*older, *each.differs)))
    ids = [each.id for each in found]
    assert not OLDER.keys() - ids, "Differences are declared for cases that there are not"
    twice = {each for each in ids if ids.count(each) > 1}
    assert not twice, f"Two cases have the same id: {twice}"
    return found


def record(chosen: list[Case], full_lane: bool = False) -> tuple[Records, Records]:
    """What Quart and Pottle do with *chosen*, by the ids of the cases."""
    runs = {
        "quart": [str(quart_env.quart_python())],
        "pottle": [sys.executable, "--alias", *(["--full-lane"] if full_lane else [])],
    }
    with tempfile.TemporaryDirectory(prefix="parity") as folder, ThreadPoolExecutor() as pool:
        work = Path(folder).resolve()
        _write(work, chosen)
        for _ in pool.map(lambda side: _run(side, work, *runs[side]), runs):
            pass
        return _read(work / "quart.json", chosen), _read(work / "pottle.json", chosen)


def _run(side: str, work: Path, python: str, *options: str) -> None:
    """Have one process work through all cases; what it wrote last tells which one broke it."""
    # What would change the applications; and coverage of Pottle is none of the other process.
    unwanted = {"QUART", "FLASK", "POTTLE", "PYTHONPATH"}
    if side == "quart":
        unwanted.add("COVERAGE")
    environment = {k: v for k, v in os.environ.items() if k.split("_")[0] not in unwanted}
    told = work / f"{side}.stderr"
    with told.open("w") as stderr:
        ended = subprocess.run(
            [python, "-P", str(RUNNER), str(work), *options],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            timeout=PATIENCE,
        )
    if os.environ.get("PARITY_TRACE"):
        print(told.read_text())
    if ended.returncode:
        raise RuntimeError(f"The cases broke {side}:\n{told.read_text()[-3000:]}")


def _read(path: Path, chosen: list[Case]) -> Records:
    found = json.loads(path.read_text())
    records: Records = {}
    for number, each in enumerate(chosen):
        records[each.id] = found[str(number)]
        if not each.ambient:
            _forget_ambient(records[each.id])
    return records


def _forget_ambient(value: Any) -> None:
    """Take the cookie out of each Vary header, and Accept-Ranges away: see `Case.ambient`."""
    if isinstance(value, dict) and value.get("accept-ranges") == ["bytes"]:
        del value["accept-ranges"]
    if isinstance(value, dict) and isinstance(value.get("vary"), list):
        value["vary"] = [name for name in value["vary"] if name != "cookie"]
        if not value["vary"]:
            del value["vary"]
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _forget_ambient(each)


def _write(work: Path, chosen: list[Case]) -> None:
    for number, each in enumerate(chosen):
        for name, content in {**each.files, "app.py": each.module}.items():
            path = work / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
            os.utime(path, (MTIME, MTIME))
    (work / "cases.json").write_text(
        json.dumps({str(number): each.steps for number, each in enumerate(chosen)})
    )
    (work / "moment").write_text(str(time.time()))


def differences(quart: Any, pottle: Any, place: str = "") -> dict[str, Any]:
    """The places where the two differ, with what Pottle has there."""
    if quart == pottle:
        return {}
    if isinstance(quart, dict) and isinstance(pottle, dict):
        pairs = [
            (key, quart.get(key, ABSENT), pottle.get(key, ABSENT)) for key in {**quart, **pottle}
        ]
    elif isinstance(quart, list) and isinstance(pottle, list) and len(quart) == len(pottle):
        pairs = [(str(i), a, b) for i, (a, b) in enumerate(zip(quart, pottle, strict=True))]
    else:
        return {place: pottle}
    found: dict[str, Any] = {}
    for key, a, b in pairs:
        found.update(differences(a, b, f"{place}.{key}" if place else str(key)))
    return found


def _at(value: Any, place: str) -> Any:
    for key in place.split(".") if place else ():
        value = value[int(key)] if isinstance(value, list) else value.get(key, ABSENT)
    return value


def is_declared(found: dict[str, Any], declared: Differs | None) -> bool:
    """Whether *found* is exactly what is *declared*; an ellipsis there stands for any value."""
    expected = declared.pottle if declared else {}
    return found.keys() == expected.keys() and all(
        value in (found[place], ...) for place, value in expected.items()
    )


def main(words: list[str]) -> None:
    verbose = "-v" in words
    wanted = [word for word in words if not word.startswith("-")]
    chosen = [each for each in all_cases() if not wanted or any(word in each.id for word in wanted)]
    began = time.perf_counter()
    quart, pottle = record(chosen)
    version, bad = quart_env.quart_version(), 0
    for each in chosen:
        found = differences(quart[each.id], pottle[each.id])
        declared = each.difference(version)
        good = is_declared(found, declared)
        bad += not good
        if verbose or not good:
            print(
                "===",
                each.id,
                "" if good else "DIFFERS" if declared is None else "DECLARED OTHERWISE",
            )
            if verbose:
                print("quart ", pformat(quart[each.id], width=150, sort_dicts=False))
                print("pottle", pformat(pottle[each.id], width=150, sort_dicts=False))
            for place, value in found.items():
                print(
                    f"  {place!r}\n      quart  {_at(quart[each.id], place)!r}\n      pottle {value!r}"
                )
    seconds = time.perf_counter() - began
    print(f"{len(chosen)} cases, {bad} to explain, {seconds:.1f} s, Quart {version}")


if __name__ == "__main__":
    main(sys.argv[1:])
