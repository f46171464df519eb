"""Quart's module and names, where Pottle has others or none: shims, and a table of where they are."""

from __future__ import annotations
