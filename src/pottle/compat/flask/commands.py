"""Commands that packages offer for Flask (``flask.commands``) under the ``pottle`` command."""

from __future__ import annotations

from typing import Any

import flask.cli

from ...cli.info import ScriptInfo

_FlaskScriptInfo: Any = flask.cli.ScriptInfo


class FlaskScriptInfo(ScriptInfo, _FlaskScriptInfo):  # type: ignore[misc]  # of the same attributes
    """What a command of Flask's looks for to find the application."""


def adapt(info: Any) -> None:
    """Let Flask's commands find the application by *info*, which ours do already."""
    info.__class__ = FlaskScriptInfo
