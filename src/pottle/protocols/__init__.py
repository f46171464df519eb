"""The protocols that servers speak to an application."""

from __future__ import annotations
