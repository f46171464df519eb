"""Finding the application that a user names, and saying why it cannot be found."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pottle import Pottle
from pottle.cli import (
    NoAppException,
    ScriptInfo,
    find_app_by_string,
    find_best_app,
    locate_app,
    prepare_import,
)
from pottle.cli.loading import AppFailure, load_by_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder; what a test imports is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def module(**names: object) -> ModuleType:
    made = ModuleType("made")
    vars(made).update(names)
    return made


APP = Pottle("an_app")
OTHER = Pottle("another_app")


def create_app(name: str = "made", *, number: int = 0) -> Pottle:
    return Pottle(f"{name}_{number}")


def needs_more(name: str) -> Pottle:
    return Pottle(name)


def fails() -> Pottle:
    return Pottle(name="no such argument")  # type: ignore[call-arg]


async def asynchronous() -> Pottle:
    return APP


class TestFindBestApp:
    @pytest.mark.parametrize(
        "names",
        [
            {"app": APP, "other": OTHER},
            {"application": APP, "other": OTHER},
            {"anything": APP},
            {"app": "no application", "anything": APP},
            {"create_app": lambda: APP},
            {"make_app": lambda: APP},
            {"anything": APP, "create_app": lambda: OTHER},
        ],
    )
    def test_found(self, names: dict[str, object]) -> None:
        assert find_best_app(module(**names)) is APP

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ({}, "no Pottle application and no factory in module 'made'"),
            ({"create_app": 5}, "no Pottle application and no factory"),
            ({"one": APP, "two": OTHER}, "several applications: one, two. .*--app made:one"),
            ({"create_app": needs_more}, "made:create_app does not take these arguments: missing"),
            ({"create_app": lambda: 5}, r"made:create_app\(\) is no Pottle application but an int"),
            ({"create_app": asynchronous}, "is asynchronous"),
        ],
    )
    def test_not_found(self, names: dict[str, object], message: str) -> None:
        with pytest.raises(NoAppException, match=message) as caught:
            find_best_app(module(**names))
        assert caught.value.exit_code == 2

    def test_an_error_in_the_factory_is_told_with_its_place(self) -> None:
        with pytest.raises(AppFailure, match=r"TypeError in .*test_cli_loading.py:") as caught:
            find_best_app(module(create_app=fails))
        assert caught.value.exit_code == 1
        assert "no such argument" in caught.value.details
        assert "cli/loading.py" not in caught.value.details


class TestFindAppByString:
    NAMES = {
        "app": APP,
        "create_app": create_app,
        "needs_more": needs_more,
        "partial": __import__("functools").partial(needs_more, "partly"),
        "number": 5,
        "fails": fails,
    }

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("app", "an_app"),
            (" app ", "an_app"),
            ("create_app", "made_0"),
            ("create_app()", "made_0"),
            ("create_app('x', number=3)", "x_3"),
            ("needs_more( 'a b' )", "a b"),
            ("partial()", "partly"),
        ],
    )
    def test_found(self, text: str, name: str) -> None:
        assert find_app_by_string(module(**self.NAMES), text).import_name == name

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("nope", "Module 'made' has no 'nope'. It has: app."),
            ("number", "made:number is no Pottle application but an int"),
            ("number()", "'number' in module 'made' cannot be called"),
            ("needs_more", "does not take these arguments: missing a required argument: 'name'"),
            ("needs_more('a', 'b')", "too many positional arguments"),
            ("create_app(wrong=1)", "unexpected keyword argument 'wrong'"),
            ("create_app(app)", "must be literals"),
            ("app.cli", "neither a name nor a call"),
            ("app.factory()", "must be a simple name"),
            ("app(", "neither a name nor a call"),
        ],
    )
    def test_not_found(self, text: str, message: str) -> None:
        with pytest.raises(NoAppException) as caught:
            find_app_by_string(module(**self.NAMES), text)
        assert message in caught.value.message

    def test_no_hint_where_there_is_no_app(self) -> None:
        with pytest.raises(NoAppException, match=r"has no 'app'\.$"):
            find_app_by_string(module(), "app")

    def test_a_factory_that_leaves(self) -> None:
        def leaves() -> None:
            sys.exit("no configuration")

        with pytest.raises(
            AppFailure, match=r"SystemExit in .* while calling made:leaves: no conf"
        ):
            find_app_by_string(module(leaves=leaves), "leaves")

    def test_a_factory_may_say_it_in_its_own_words(self) -> None:
        def refuses() -> None:
            raise NoAppException("Set DATABASE first.")

        with pytest.raises(NoAppException, match=r"^Set DATABASE first.$"):
            find_app_by_string(module(refuses=refuses), "refuses")


@pytest.mark.parametrize(
    ("path", "name", "root"),
    [
        ("file.py", "file", "."),
        ("file", "file", "."),
        ("a.dotted.name", "a.dotted.name", "."),
        ("folder/file.py", "file", "folder"),
        ("package", "package", "."),
        ("package/__init__.py", "package", "."),
        ("package/inner/deep.py", "package.inner.deep", "."),
    ],
)
def test_prepare_import(tmp_path: Path, path: str, name: str, root: str) -> None:
    (tmp_path / "folder").mkdir()
    for package in ("package", "package/inner"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    assert prepare_import(path) == name
    assert sys.path[0] == str((tmp_path / root).resolve())
    length = len(sys.path)
    prepare_import(path)
    assert len(sys.path) == length


class TestLoadByPath:
    SOURCE = "from pottle import Pottle\napp = Pottle('{}')\nother = Pottle('other')\n"

    def test_a_name_in_a_file_in_a_package(self, tmp_path: Path) -> None:
        (tmp_path / "shop").mkdir()
        (tmp_path / "shop" / "__init__.py").touch()
        (tmp_path / "shop" / "web.py").write_text(self.SOURCE.format("web"))
        assert load_by_path("shop/web.py:other").import_name == "other"
        assert load_by_path("shop.web").import_name == "web"
        assert load_by_path(str(tmp_path / "shop" / "web.py")).import_name == "web"

    def test_the_usual_files_in_their_order(self, tmp_path: Path) -> None:
        with pytest.raises(NoAppException, match=r"No application was named. Use the option --app"):
            load_by_path(None)
        for name in ("asgi", "wsgi", "app"):
            (tmp_path / f"{name}.py").write_text(self.SOURCE.format(name))
            assert ScriptInfo().load_app().import_name == name

    def test_a_module_that_is_not_there(self) -> None:
        for name in ("no_such_module", "no_such.module"):
            with pytest.raises(NoAppException, match=f"There is no module '{name}'") as caught:
                load_by_path(name)
            assert caught.value.exit_code == 2

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("\nimport not_there", "ModuleNotFoundError in broken.py:2 while importing 'broken'"),
            ("x = 1\ny = (\n", "SyntaxError in broken.py:2 while importing 'broken': '('"),
            ("raise ValueError", "ValueError in broken.py:1 while importing 'broken'"),
            ("raise SystemExit(3)", "SystemExit in broken.py:1 while importing 'broken': 3"),
        ],
    )
    def test_a_module_that_fails(self, tmp_path: Path, source: str, message: str) -> None:
        (tmp_path / "broken.py").write_text(source)
        with pytest.raises(AppFailure) as caught:
            load_by_path("broken")
        assert caught.value.message.startswith(message)
        assert "importlib" not in caught.value.details

    def test_a_failure_without_a_frame_of_the_user(self) -> None:
        sys.modules["made_up"] = None  # type: ignore[assignment] # Python's way to forbid an import
        try:
            with pytest.raises(NoAppException, match="There is no module 'made_up'"):
                load_by_path("made_up")
        finally:
            del sys.modules["made_up"]

    def test_app_run_in_the_module_does_not_serve(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "runs.py").write_text(self.SOURCE.format("runs") + "app.run()\n")
        assert locate_app(prepare_import("runs"), None).import_name == "runs"
        assert "app.run() does nothing under the pottle command" in capfd.readouterr().err
        assert "POTTLE_RUN_FROM_CLI" not in os.environ

    def test_loading_while_loading(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POTTLE_RUN_FROM_CLI", "true")
        (tmp_path / "inner.py").write_text(self.SOURCE.format("inner"))
        load_by_path("inner")
        assert os.environ["POTTLE_RUN_FROM_CLI"] == "true"


class TestScriptInfo:
    def test_loads_once(self) -> None:
        calls: list[Pottle] = []

        def create() -> Pottle:
            calls.append(Pottle("once"))
            return calls[-1]

        info = ScriptInfo(create_app=create)
        assert info.load_app() is info.load_app() is calls[0]
        assert len(calls) == 1

    @pytest.mark.parametrize("flag", [True, False])
    def test_debug_mode(self, monkeypatch: pytest.MonkeyPatch, flag: bool) -> None:
        monkeypatch.setenv("POTTLE_DEBUG", "1" if flag else "0")
        app = Pottle("flagged")
        app.debug = not flag
        assert ScriptInfo(create_app=lambda: app, set_debug_flag=False).load_app().debug is not flag
        assert ScriptInfo(create_app=lambda: app).load_app().debug is flag
