"""The hot path; see README.md beside this file for what may not enter."""

from __future__ import annotations
