"""`install_as_flask`: the name ``flask.Flask`` becomes that of an application run by Pottle.

Only that one name is changed, in the modules of Flask that have it. Everything else of Flask stays what
it is, and works on the context that the bridge shows it. It has to be done before the application, and
whatever subclasses ``flask.Flask``, is imported.
"""

from __future__ import annotations

import sys


def install_as_flask() -> None:
    """Make ``flask.Flask`` an application class that Pottle runs, from now on. Twice is no error."""
    import flask

    from .application import Flask

    original = Flask.__mro__[1]
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if (name == "flask" or name.startswith("flask.")) and (
            module.__dict__.get("Flask") is original
        ):
            module.Flask = Flask  # type: ignore[attr-defined]
    assert flask.Flask is Flask
