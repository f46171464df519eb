"""What stands under the name `quart` in this process, as JSON: run by test_surface in one of its own.

The descriptions of Quart are in `data`: the names of its modules, and of each public class and function
the members and signatures. Here the same is told of what the alias gives.
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path

DATA = sorted(Path(__file__).with_name("data").glob("quart-*.json"))


def parameters(function):
    """Each parameter as name, kind and whether it has a default; None where there is no telling."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return [
        [parameter.name, parameter.kind.name, parameter.default is not parameter.empty]
        for parameter in signature.parameters.values()
    ]


def member(cls, name, instance):
    """What *name* is: "attribute", or a list of the parameters it is called with; None: not there."""
    if not hasattr(cls, name):
        return "attribute" if hasattr(instance, name) else None
    value = getattr(cls, name)
    if inspect.isdatadescriptor(value) or not callable(value):
        return "attribute"
    return parameters(value) or "callable"


def find(path):
    """The object with the dotted name *path*, whose beginning is a module."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module or "quart"), name, None)


def instances():
    """Of classes that set attributes when an instance is made."""
    from quart import Blueprint, Quart

    return {"quart.Quart": Quart("surface"), "quart.Blueprint": Blueprint("surface", __name__)}


def describe(specification, made):
    modules = {
        module: sorted(name for name in names if hasattr(import_module(module), name))
        for module, names in specification["modules"].items()
    }
    classes = {
        path: {
            name: parameters(find(path))
            if name == "()"
            else member(find(path), name, made.get(path))
            for name in members
        }
        for path, members in specification["classes"].items()
    }
    functions = {path: parameters(find(path)) for path in specification["functions"]}
    return {"modules": modules, "classes": classes, "functions": functions}


if __name__ == "__main__":
    import_module("pottle.compat.as_quart")
    made = instances()
    found = {path.stem: describe(json.loads(path.read_text()), made) for path in DATA}
    json.dump(found, sys.stdout)
