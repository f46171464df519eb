"""Every public name of Quart 0.21 and 0.23 is there under the alias, and can be called as there.

The list of exceptions is the section "Names of Quart that are left out" of docs/differences.md: what
stands there must be missing, and what does not must be there.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pottle.compat.quart import names as names_module

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).with_name("data")
SPECIFICATIONS = {path.stem: json.loads(path.read_text()) for path in DATA.glob("quart-*.json")}
LEFT_OUT = frozenset(
    re.findall(
        r"`(quart[\w.]*)`(?=[^|\n]*\|[^|\n]*\|$)",
        (ROOT / "docs" / "differences.md")
        .read_text()
        .partition("\n## Names of Quart that are left out\n")[2]
        .partition("\n## ")[0],
        re.MULTILINE,
    )
)
#: What the descriptions say of members that are not called.
ATTRIBUTES = {
    "property",
    "cached_property",
    "header_property",
    "ConfigAttribute",
    "ImmutableDict",
    "NoneType",
    "SecureCookieSessionInterface",
    "TaggedJSONSerializer",
    "bool",
    "dict",
    "int",
    "list",
    "module",
    "str",
}
#: What a description does not tell, because a decorator stands before it.
UNTOLD = {
    ("quart.Blueprint", "()"): (
        "(name, import_name, static_folder=None, static_url_path=None, template_folder=None, "
        "url_prefix=None, subdomain=None, url_defaults=None, root_path=None, cli_group=None)"
    )
}
POSITIONAL = {"POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD"}
KEYWORD = {"KEYWORD_ONLY", "POSITIONAL_OR_KEYWORD"}


@pytest.fixture(scope="module")
def surface():
    """What is there, by version; looked at in a process where the alias is on."""
    program = Path(__file__).with_name("surface.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parsed(signature):
    """A signature as the descriptions have it, as a list of name, kind, and whether it has a default."""
    text = re.sub(r"= ?<[^>]*>", "= ...", signature)
    function = ast.parse(f"def f{text}: pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    several = [*arguments.posonlyargs, *arguments.args]
    defaults = [False] * (len(several) - len(arguments.defaults)) + [True] * len(arguments.defaults)
    found = [
        [
            argument.arg,
            "POSITIONAL_ONLY" if argument in arguments.posonlyargs else "POSITIONAL_OR_KEYWORD",
            default,
        ]
        for argument, default in zip(several, defaults, strict=True)
    ]
    if arguments.vararg:
        found.append([arguments.vararg.arg, "VAR_POSITIONAL", False])
    found += [
        [argument.arg, "KEYWORD_ONLY", default is not None]
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        found.append([arguments.kwarg.arg, "VAR_KEYWORD", False])
    return found


def objections(theirs, ours):
    """Why a call that *theirs* allows is not allowed by *ours*; nothing if all of them are."""
    kinds = {kind for _, kind, _ in ours}
    by_name = {name: (kind, default) for name, kind, default in ours}
    in_order = [name for name, kind, _ in ours if kind in POSITIONAL]
    for index, (name, kind, default) in enumerate(theirs):
        if kind in {"VAR_POSITIONAL", "VAR_KEYWORD"}:
            if kind not in kinds:
                yield f"takes no {'*' if kind == 'VAR_POSITIONAL' else '**'}{name}"
            continue
        there = in_order[index] if index < len(in_order) else None
        if kind in POSITIONAL and there is None and "VAR_POSITIONAL" not in kinds:
            yield f"{name} cannot be given by position {index}"
        if kind == "POSITIONAL_OR_KEYWORD" and there not in {None, name} and name != "self":
            yield f"position {index} is {there} and not {name}"
        if kind in KEYWORD and name != "self":
            known = by_name.get(name, ("", True))
            if known[0] not in KEYWORD and "VAR_KEYWORD" not in kinds:
                yield f"{name} cannot be given by its name"
            if default and not known[1]:
                yield f"{name} has no default"
    wanted = {name for name, _, _ in theirs}
    extra = [
        name
        for index, (name, kind, default) in enumerate(ours)
        if not default
        and kind in POSITIONAL | KEYWORD
        and name not in wanted
        and index >= len(theirs)
    ]
    if extra:
        yield f"needs {', '.join(extra)} too"


def cases(kind):
    return [
        pytest.param(version, path, id=f"{version}-{path}")
        for version, specification in sorted(SPECIFICATIONS.items())
        for path in specification[kind]
    ]


def test_there_is_something_to_compare():
    assert set(SPECIFICATIONS) == {"quart-0.21.0", "quart-0.23.1"}
    for specification in SPECIFICATIONS.values():
        assert len(specification["modules"]) > 30
        assert len(specification["classes"]) > 10
        assert len(specification["functions"]) > 40


@pytest.mark.parametrize(("version", "module"), cases("modules"))
def test_names_of_modules(surface, version, module):
    names = set(SPECIFICATIONS[version]["modules"][module])
    left_out = {name for name in names if f"{module}.{name}" in LEFT_OUT}
    assert names - set(surface[version]["modules"][module]) == left_out


@pytest.mark.parametrize(("version", "path"), cases("classes"))
def test_members_of_classes(surface, version, path):
    found = {}
    for name, theirs in SPECIFICATIONS[version]["classes"][path].items():
        theirs = UNTOLD.get((path, name), theirs)
        ours = surface[version]["classes"][path][name]
        wrong = list(wrong_with_member(theirs, ours))
        if (f"{path}.{name}" in LEFT_OUT) != bool(wrong):
            found[name] = wrong or "is listed as left out, but is there"
    assert found == {}


def wrong_with_member(theirs, ours):
    if ours is None:
        yield "is not there"
    elif theirs in ATTRIBUTES:
        if ours != "attribute":
            yield f"is {theirs} in Quart, and here it is called"
    elif theirs != "?":
        if ours == "attribute":
            yield "is called in Quart, and here it is an attribute"
        elif ours != "callable":
            yield from objections(parsed(theirs), ours)


@pytest.mark.parametrize(("version", "path"), cases("functions"))
def test_functions(surface, version, path):
    theirs = parsed(SPECIFICATIONS[version]["functions"][path])
    ours = surface[version]["functions"][path]
    assert ours is not None
    assert (f"{path}" in LEFT_OUT) == bool(list(objections(theirs, ours))), list(
        objections(theirs, ours)
    )


def test_only_names_of_quart_are_listed_as_left_out():
    known = {
        f"{path}.{name}"
        for specification in SPECIFICATIONS.values()
        for kind in ("modules", "classes")
        for path, names in specification[kind].items()
        for name in names
    } | {path for specification in SPECIFICATIONS.values() for path in specification["functions"]}
    assert LEFT_OUT <= known


@pytest.mark.parametrize(
    ("theirs", "ours", "fits"),
    [
        ("(a, b=1)", "(a, b=1, c=2)", True),
        ("(a, b=1)", "(a, b)", False),
        ("(a, b)", "(b, a)", False),
        ("(a)", "(a, b)", False),
        ("(a, *, b)", "(a, b)", True),
        ("(a, b)", "(a, *, b)", False),
        ("(a, /)", "(other)", True),
        ("(a)", "(other)", False),
        ("(a)", "(a, /)", False),
        ("(*args, **kwargs)", "(a=1)", False),
        ("(a, b=<object object at 0x7f>, **more)", "(*args, **kwargs)", True),
    ],
)
def test_the_comparison_itself(theirs, ours, fits):
    assert (not list(objections(parsed(theirs), parsed(ours)))) is fits


def test_the_table_of_names_has_nothing_that_is_not_needed():
    used = {name for names in names_module._LACKING.values() for name in names.split()}
    assert used == set(names_module._WHERE)
    for module, names in names_module._LACKING.items():
        own = vars(importlib.import_module(names_module.MODULES[module]))
        assert [name for name in names.split() if name in own] == []
