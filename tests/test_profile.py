"""The table of costs in the documentation is the one that the profile makes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from pottle import Pottle, sync

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _as_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pottle, "bare_lane", True)
    monkeypatch.setattr(sync, "finders", [])  # one is there when Flask was bridged before


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the table is of CPython 3.13")
async def test_the_calls_in_the_table() -> None:
    spec = importlib.util.spec_from_file_location("profile_of_pottle", ROOT / "bench/profile.py")
    assert spec is not None
    assert spec.loader is not None
    profile = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(profile)
    lines = profile.table(*await profile.profile(rounds=1))
    page = (ROOT / "docs/performance.md").read_text().splitlines()
    shown = page[page.index(lines[0]) :][: len(lines)]
    assert [our_calls(line) for line in shown] == [our_calls(line) for line in lines]


def our_calls(line: str) -> list[str]:
    """The cells of the layers; without the time, the sum, and what libraries and the loop do."""
    _, name, _, _, *layers, _, _ = (cell.strip() for cell in line.split("|"))
    return [name, *layers]
