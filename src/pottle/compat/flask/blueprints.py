"""Our blueprints where Flask is imported: extensions ask whether something is a `flask.Blueprint`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import flask


@lru_cache(maxsize=32)
def bridged(cls: Any) -> Any:
    """A class that is *cls*, one of our classes of blueprints, and also passes for one of Flask's."""
    if issubclass(cls, flask.Blueprint):
        return cls
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls, flask.Blueprint), names)
