from __future__ import annotations

import copy
import errno
import json
import pickle
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from pottle.config import DEFAULT_CONFIG, Config, ConfigAttribute
from pottle.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

DEBUG_SETTING = "from the module"
lower = "left out"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path, {"TESTING": False})


def test_defaults_are_copied() -> None:
    config = Config("/", DEFAULT_CONFIG)
    config["DEBUG"] = True
    assert DEFAULT_CONFIG["DEBUG"] is None
    assert Config("/") == {}


def test_from_object_takes_upper_case_only(config: Config) -> None:
    class Base:
        HOST = "localhost"

    class Settings(Base):
        PORT = 80
        lower = 1

        @property
        def URL(self) -> str:
            return f"{self.HOST}:{self.PORT}"

    config.from_object(Settings())
    assert config == {"TESTING": False, "HOST": "localhost", "PORT": 80, "URL": "localhost:80"}


def test_from_object_by_import_name(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_for_config.py").write_text("class Production:\n    KEY = 1\nTOP = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    config.from_object("made_for_config")
    config.from_object("made_for_config:Production")
    assert (config["TOP"], config["KEY"]) == (2, 1)
    with pytest.raises(ImportError):
        config.from_object("made_for_config.Missing")


def test_from_pyfile(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "settings.cfg"
    file.write_text("import os\nKEY = 'é'\nlower = 1\nPLACE = __file__\n", encoding="utf-8")
    assert config.from_pyfile("settings.cfg")
    assert config == {"TESTING": False, "KEY": "é", "PLACE": str(file)}
    assert config.from_pyfile(file)


def test_a_mistake_in_a_pyfile_names_the_file(config: Config, tmp_path: Path) -> None:
    (tmp_path / "settings.cfg").write_text("KEY = (")
    with pytest.raises(SyntaxError) as caught:
        config.from_pyfile("settings.cfg", silent=True)
    assert caught.value.filename == str(tmp_path / "settings.cfg")


@pytest.mark.parametrize("name", ["missing.cfg", ".", "settings.cfg/inner"])
def test_a_missing_file_says_how_the_path_was_resolved(
    config: Config, tmp_path: Path, name: str
) -> None:
    (tmp_path / "settings.cfg").touch()
    with pytest.raises(OSError) as caught:
        config.from_pyfile(name)
    message = str(caught.value)
    assert "Unable to load configuration file" in message
    assert f"{name!r} was resolved from the root path {str(tmp_path)!r}" in message
    assert caught.value.errno in {errno.ENOENT, errno.EISDIR, errno.ENOTDIR}
    assert config.from_pyfile(name, silent=True) is False
    assert config.from_file(name, load=json.load, silent=True) is False


def test_a_missing_absolute_file(config: Config, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the path is absolute"):
        config.from_file(tmp_path / "missing.json", load=json.load)


def test_silent_does_not_hide_other_errors(config: Config, tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        config.from_pyfile("x" * 5000, silent=True)
    assert caught.value.errno == errno.ENAMETOOLONG


def test_from_file_as_text_and_binary(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"KEY": [1], "lower": 2}')
    (tmp_path / "b.toml").write_bytes(b"OTHER = 'x'\n")
    assert config.from_file("a.json", load=json.load)
    assert config.from_file("b.toml", load=tomllib.load, text=False)
    assert config == {"TESTING": False, "KEY": [1], "OTHER": "x"}


def test_from_envvar(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_SETTINGS", raising=False)
    with pytest.raises(RuntimeError, match="'SOME_SETTINGS' is not set"):
        config.from_envvar("SOME_SETTINGS")
    assert config.from_envvar("SOME_SETTINGS", silent=True) is False
    (tmp_path / "settings.cfg").write_text("KEY = 1")
    monkeypatch.setenv("SOME_SETTINGS", "settings.cfg")
    assert config.from_envvar("SOME_SETTINGS") is True
    assert config["KEY"] == 1
    monkeypatch.setenv("SOME_SETTINGS", "missing.cfg")
    assert config.from_envvar("SOME_SETTINGS", silent=True) is False


def test_from_mapping(config: Config) -> None:
    assert config.from_mapping({"A": 1, "b": 2}, C=3, d=4) is True
    assert config.from_mapping() is True
    assert config == {"TESTING": False, "A": 1, "C": 3}


def test_from_prefixed_env(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POTTLE_FLASK_BRIDGE")  # which the suite has set
    config["MAP"] = {"kept": 0}
    for name, value in {
        "POTTLE_A": "text",
        "POTTLE_B": "3",
        "POTTLE_LIST": '["x"]',
        "POTTLE_MAP__one": "1",
        "POTTLE_MAP__two__three": "true",
        "POTTLE_NEW__DEEP__KEY": "null",
        "NOT_POTTLE_C": "1",
        "POTTLER": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert config.from_prefixed_env() is True
    assert config == {
        "TESTING": False,
        "A": "text",
        "B": 3,
        "LIST": ["x"],
        "MAP": {"kept": 0, "one": 1, "two": {"three": True}},
        "NEW": {"DEEP": {"KEY": None}},
    }


def test_from_prefixed_env_with_prefix_and_loads(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "7")
    config.from_prefixed_env("OTHER", loads=str)
    assert config["KEY"] == "7"


def test_from_prefixed_env_does_not_reach_into_a_text(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POTTLE_A", "text")
    monkeypatch.setenv("POTTLE_A__B", "1")
    with pytest.raises(SetupError, match="'POTTLE_A__B' reaches into 'A'"):
        config.from_prefixed_env()


def test_get_namespace() -> None:
    config = Config("/", {"MAIL_HOST": "h", "MAIL_PORT": 25, "OTHER": 1})
    assert config.get_namespace("MAIL_") == {"host": "h", "port": 25}
    assert config.get_namespace("MAIL_", lowercase=False) == {"HOST": "h", "PORT": 25}
    assert config.get_namespace("MAIL_", trim_namespace=False, lowercase=False) == {
        "MAIL_HOST": "h",
        "MAIL_PORT": 25,
    }


def _in_place_or(config: Config) -> None:
    config |= {"X": 2}
    assert type(config) is Config


@pytest.mark.parametrize(
    ("mutate", "after"),
    [
        (lambda c: c.__setitem__("X", 2), {"A": 1, "X": 2}),
        (lambda c: c.__delitem__("A"), {}),
        (lambda c: c.update({"X": 2}, Y=3), {"A": 1, "X": 2, "Y": 3}),
        (lambda c: c.update([("X", 2)]), {"A": 1, "X": 2}),
        (_in_place_or, {"A": 1, "X": 2}),
        (lambda c: c.setdefault("X", 2), {"A": 1, "X": 2}),
        (lambda c: c.pop("A"), {}),
        (lambda c: c.pop("missing", None), {"A": 1}),
        (lambda c: c.popitem(), {}),
        (lambda c: c.clear(), {}),
        (lambda c: c.from_mapping(X=2), {"A": 1, "X": 2}),
        (lambda c: c.from_object(type("S", (), {"X": 2, "Y": 3})), {"A": 1, "X": 2, "Y": 3}),
    ],
)
def test_every_mutation_is_told_once(mutate: Any, after: dict[str, Any]) -> None:
    config = Config("/", {"A": 1})
    mutate(config)
    assert config == after

    config = Config("/", {"A": 1})
    seen: list[dict[str, Any]] = []
    config.on_change = lambda: seen.append(dict(config))
    mutate(config)
    assert seen == [after]


def test_a_nested_value_from_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POTTLE_MAP__ONE", "1")
    config = Config("/", {"MAP": {}})
    seen: list[Any] = []
    config.on_change = lambda: seen.append(copy.deepcopy(config["MAP"]))
    config.from_prefixed_env()
    assert seen[-1] == {"ONE": 1}


@pytest.mark.parametrize(
    "make", [copy.copy, copy.deepcopy, lambda config: pickle.loads(pickle.dumps(config))]
)
def test_copies_do_not_tell(make: Any) -> None:
    config = Config("/somewhere", {"A": [1]})
    seen: list[int] = []
    config.on_change = lambda: seen.append(1)
    other = make(config)
    assert type(other) is Config
    assert other == config
    assert other.root_path == "/somewhere"
    assert other.on_change is None
    other["B"] = 1
    assert seen == []
    assert "B" not in config


def test_repr() -> None:
    assert repr(Config("/", {"A": 1})) == "<Config {'A': 1}>"


def test_config_attribute() -> None:
    class Carrier:
        key = ConfigAttribute[str]("KEY")
        number = ConfigAttribute("NUMBER", int)

        def __init__(self) -> None:
            self.config: dict[str, Any] = {"KEY": "a", "NUMBER": "3"}

    carrier = Carrier()
    assert (carrier.key, carrier.number) == ("a", 3)
    carrier.key = "b"
    assert carrier.config["KEY"] == "b"
    assert Carrier.key.__name__ == "KEY"
