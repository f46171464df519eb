"""Flask's names and what Pottle calls them. No code is read or changed here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

#: What has another name in Pottle.
RENAMED = {
    "flask.Flask": "pottle.Pottle",
    "flask.app.Flask": "pottle.app.Pottle",
    "flask.cli.FlaskGroup": "pottle.cli.PottleGroup",
    "flask.testing.FlaskClient": "pottle.testing.PottleClient",
    "flask.testing.FlaskCliRunner": "pottle.testing.PottleCliRunner",
    "flask.typing.AfterRequestCallable": "pottle.typing.AfterCallable",
    "flask.typing.BeforeRequestCallable": "pottle.typing.BeforeCallable",
    "flask.typing.HeadersValue": "pottle.typing.Headerish",
    "flask.typing.TemplateContextProcessorCallable": "pottle.typing.TemplateContextCallable",
}
_FORMER = {new: old for old, new in RENAMED.items()}

#: Modules whose names Flask also offers at the top.
_BEHIND_THE_TOP = frozenset(
    "app blueprints config ctx globals helpers json signals templating wrappers".split()
)


def is_flask(dotted: str) -> bool:
    """Whether *dotted* is Flask itself, a module of it or a name in it."""
    return dotted == "flask" or dotted.startswith("flask.")


def canonical(dotted: str) -> str | None:
    """One name in Flask's spelling for what has several, also Pottle's; None if it is neither's."""
    dotted = _FORMER.get(dotted, dotted)
    if dotted == "pottle" or dotted.startswith("pottle."):
        dotted = "flask" + dotted.removeprefix("pottle")
    if not is_flask(dotted):
        return None
    parts = dotted.split(".")
    if len(parts) == 3 and parts[1] in _BEHIND_THE_TOP:
        top = f"flask.{parts[2]}"
        if parts[2] == "Flask" or _has("pottle", parts[2]):
            return top
    return dotted


@cache
def in_pottle(dotted: str) -> str | None:
    """What Flask's *dotted* is called in Pottle; None if Pottle has no such thing."""
    if dotted in RENAMED:
        return RENAMED[dotted]
    ours = "pottle" + dotted.removeprefix("flask")
    if ours == "pottle":
        return ours
    module, _, name = ours.rpartition(".")
    if name.startswith("_"):  # private, or about the package, as `__version__` is
        return None
    if is_module(ours) or (is_module(module) and _has(module, name)):
        return ours
    return None


@cache
def is_module(dotted: str) -> bool:
    """Whether there is a module called *dotted*."""
    try:
        return bool(dotted) and find_spec(dotted) is not None
    except ImportError:
        return False


def _has(module: str, name: str) -> bool:
    return hasattr(import_module(module), name)
