"""What is registered may be edited in any way a list or dictionary can be: the plan hears of it."""

from __future__ import annotations

import copy
import pickle
from collections import defaultdict

import pytest

from pottle import Pottle
from pottle.registry import HookTable, WatchedDict, WatchedList


class Ear:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.times = 0

    def hear(self) -> None:
        self.times += 1


LIST_EDITS = {
    "append": lambda it: it.append(4),
    "clear": lambda it: it.clear(),
    "extend": lambda it: it.extend([4]),
    "insert": lambda it: it.insert(0, 4),
    "pop": lambda it: it.pop(),
    "remove": lambda it: it.remove(1),
    "reverse": lambda it: it.reverse(),
    "sort": lambda it: it.sort(reverse=True),
    "set item": lambda it: it.__setitem__(0, 4),
    "set slice": lambda it: it.__setitem__(slice(None), [4]),
    "delete item": lambda it: it.__delitem__(0),
    "+=": lambda it: it.__iadd__([4]),
    "*=": lambda it: it.__imul__(2),
}

DICT_EDITS = {
    "clear": lambda it: it.clear(),
    "pop": lambda it: it.pop("a"),
    "popitem": lambda it: it.popitem(),
    "setdefault": lambda it: it.setdefault("c", 3),
    "update": lambda it: it.update(c=3),
    "set item": lambda it: it.__setitem__("c", 3),
    "delete item": lambda it: it.__delitem__("a"),
    "|=": lambda it: it.__ior__({"c": 3}),
}


@pytest.mark.parametrize("edit", LIST_EDITS.values(), ids=LIST_EDITS.keys())
def test_a_list_tells_of_each_edit_and_does_it(edit):
    ear, plain = Ear(), [1, 2, 3]
    watched = WatchedList(ear.hear, plain)
    assert ear.times == 0
    result, expected = edit(watched), edit(plain)
    assert watched == plain
    assert result == expected
    assert ear.times == 1


@pytest.mark.parametrize("edit", DICT_EDITS.values(), ids=DICT_EDITS.keys())
def test_a_dictionary_tells_of_each_edit_and_does_it(edit):
    ear, plain = Ear(), {"a": 1, "b": 2}
    watched = WatchedDict(ear.hear)
    watched.update(plain)
    ear.times = 0
    result, expected = edit(watched), edit(plain)
    assert watched == plain
    assert result == expected
    assert ear.times == 1


def test_an_edit_that_fails_raises_as_ever():
    ear = Ear()
    with pytest.raises(ValueError, match="not in list"):
        WatchedList(ear.hear).remove(1)
    with pytest.raises(KeyError):
        del WatchedDict(ear.hear)["a"]


def test_edits_keep_their_names_and_signatures():
    assert WatchedList.append.__name__ == "append"
    assert WatchedDict.update.__doc__ == dict.update.__doc__


class TestHookTable:
    def test_makes_the_list_that_is_asked_for(self):
        ear = Ear()
        table = HookTable(ear.hear)
        table[None].append(1)
        table["shop"].append(2)
        assert table == {None: [1], "shop": [2]}
        assert table.get("other") is None
        assert ear.times == 2

    @pytest.mark.parametrize(
        "fill",
        [
            lambda table: table.__setitem__("shop", [1]),
            lambda table: table.update({"shop": [1]}),
            lambda table: table.update(shop=[1]),
            lambda table: table.update([("shop", [1])]),
            lambda table: table.__ior__({"shop": [1]}),
            lambda table: table.setdefault("shop", [1]),
            lambda table: table.setdefault("shop", []).append(1),
        ],
    )
    def test_lists_that_come_from_outside_are_watched_too(self, fill):
        ear = Ear()
        table = HookTable(ear.hear)
        fill(table)
        assert table == {"shop": [1]}
        assert ear.times > 0
        ear.times = 0
        table["shop"].append(2)
        assert table["shop"] == [1, 2]
        assert ear.times == 1

    def test_setdefault_leaves_what_is_there(self):
        table = HookTable(Ear().hear)
        table["shop"] = [1]
        assert table.setdefault("shop", [2]) is table["shop"]
        assert table["shop"] == [1]

    def test_in_place_or_is_the_table_itself(self):
        table = same = HookTable(Ear().hear)
        table |= {"shop": [1]}
        assert table is same


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda it: it.copy()])
def test_a_copy_is_plain_and_apart(duplicate):
    """Whoever copies a table to put it back later gets values, not the ear of the application."""
    app = Pottle(__name__, static_folder=None)
    app.before_request_funcs["shop"].append(print)
    app.view_functions["shop"] = print
    views, hooks = duplicate(app.view_functions), duplicate(app.before_request_funcs["shop"])
    table = duplicate(app.before_request_funcs)
    assert type(views) is dict
    assert type(hooks) is list
    assert type(table) is dict
    assert (views["shop"], hooks, table) == (print, [print], {"shop": [print]})
    views.clear()
    hooks.clear()
    table.clear()
    assert app.view_functions["shop"] is print
    assert app.before_request_funcs["shop"] == [print]


def test_a_pickle_is_plain():
    ear = Ear()
    watched = WatchedDict(ear.hear)
    watched["list"] = WatchedList(ear.hear, [1, 2])
    again = pickle.loads(pickle.dumps(watched))
    assert again == {"list": [1, 2]}
    assert (type(again), type(again["list"])) == (dict, list)


class TestAssignment:
    """A table that is assigned as a whole is watched as the one that it replaces was."""

    @pytest.mark.parametrize("kind", [dict, lambda value: defaultdict(list, value)])
    async def test_of_hooks(self, kind):
        app = _app()
        seen = []
        app.before_request_funcs = kind({None: [_appends(seen, "assigned")]})
        await _get(app)
        app.before_request_funcs[None].append(_appends(seen, "added"))
        await _get(app)
        app.before_request_funcs["other"].append(_appends(seen, "never"))
        await _get(app)
        assert seen == ["assigned", "assigned", "added", "assigned", "added"]

    async def test_of_views(self):
        app = _app()
        app.view_functions = {"index": _says("assigned")}
        assert await _get(app) == "assigned"
        app.view_functions["index"] = _says("replaced")
        assert await _get(app) == "replaced"

    async def test_of_teardown_functions(self):
        app = _app()
        seen = []
        app.teardown_appcontext_funcs = [_appends(seen, "assigned")]
        await _get(app)
        app.teardown_appcontext_funcs.insert(0, _appends(seen, "inserted"))
        await _get(app)
        assert seen == ["assigned", "assigned", "inserted"]

    async def test_of_the_table_of_another_application(self):
        other, app = _app(), _app()
        seen = []
        other.before_request(_appends(seen, "shared"))
        app.before_request_funcs = other.before_request_funcs
        await _get(app)
        app.before_request(_appends(seen, "own"))
        await _get(app)
        await _get(other)
        assert seen == ["shared", "shared", "own", "shared"]


def _app() -> Pottle:
    app = Pottle(__name__)
    app.testing = True
    app.add_url_rule("/", "index", _says("index"))
    return app


def _says(text):
    async def view():
        return text

    return view


def _appends(seen, what):
    async def hook(*args):
        seen.append(what)

    return hook


async def _get(app):
    response = await app.test_client().get("/")
    return await response.get_data(as_text=True)
