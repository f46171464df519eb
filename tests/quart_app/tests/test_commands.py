from __future__ import annotations

from typing import Any

import pytest
from bookshop import create_app


@pytest.fixture
def runner() -> Any:
    app = create_app({"SHOP_NAME": "Another"})
    app.store.seed()
    return app.test_cli_runner()


@pytest.mark.parametrize(("options", "count"), [([], 3), (["--cheap"], 2)])
def test_a_group_of_commands(runner: Any, options: list[str], count: int) -> None:
    result = runner.invoke(args=["books", "list", *options])
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) == count
    assert "9780141439518 Pride and Prejudice" in result.output


def test_commands_of_the_application(runner: Any) -> None:
    assert runner.invoke(args=["seed"]).output == "3 books\n"
    assert runner.invoke(args=["find", "crime"]).output == "Crime and Punishment\n"


def test_commands_of_a_blueprint(runner: Any) -> None:
    assert runner.invoke(args=["orders", "count"]).output == "0\n"


def test_a_missing_argument(runner: Any) -> None:
    result = runner.invoke(args=["find"])
    assert result.exit_code == 2
    assert "Missing argument 'TEXT'" in result.output


def test_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSHOP_SHOP_NAME", "From the environment")
    monkeypatch.setenv("BOOKSHOP_LIMITS__DAYS", "3")
    app = create_app()
    assert app.config["SHOP_NAME"] == "From the environment"
    assert app.config["LIMITS"] == {"DAYS": 3}
    assert create_app({"SHOP_NAME": "Given"}).config["SHOP_NAME"] == "Given"
    assert app.config.get_namespace("API_") == {"token": "token"}


def test_what_the_application_knows_of_itself() -> None:
    app = create_app()
    assert app.name == "bookshop"
    assert sorted(app.blueprints) == [
        "account",
        "api",
        "api.v1",
        "catalogue",
        "catalogue.books",
        "catalogue.pages",
        "live",
        "orders",
    ]
    rules = {rule.rule: rule for rule in app.url_map.iter_rules()}
    assert rules["/books/<isbn:isbn>"].endpoint == "catalogue.books.show"
    assert rules["/live/chat"].websocket
    assert rules["/<language>/about"].methods == {"GET", "HEAD", "OPTIONS"}
