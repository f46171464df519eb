"""A secret key that can be guessed is told of, once, where it matters.

Kind: a setting that is dangerous in production and says nothing.
"""

from __future__ import annotations

import logging

import pytest

from pottle import Pottle

LONG = "0123456789abcdef"


def make_app(**config: object) -> Pottle:
    app = Pottle(__name__)
    app.config.update(config)

    @app.get("/")
    async def index():
        return ""

    return app


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"SECRET_KEY": LONG[:15]}, "SECRET_KEY has 15 bytes"),
        ({"SECRET_KEY": b"dev"}, "SECRET_KEY has 3 bytes"),
        ({"SECRET_KEY": LONG, "SECRET_KEY_FALLBACKS": ["old"]}, "SECRET_KEY_FALLBACKS has 3 bytes"),
    ],
)
async def test_a_short_key_is_told_of_once_in_production(config, told, caplog):
    app = make_app(**config)
    client = app.test_client()
    await client.get("/")
    app.config["ANYTHING"] = "new"  # so that the plan is compiled anew
    await client.get("/")
    (message,) = warnings(caplog)
    assert told in message
    assert "secrets.token_hex()" in message


@pytest.mark.parametrize(
    "config",
    [
        {"SECRET_KEY": LONG},
        {"SECRET_KEY": "ä" * 8},
        {"SECRET_KEY": None},
        {"SECRET_KEY": "dev", "DEBUG": True},
        {"SECRET_KEY": "dev", "TESTING": True},
    ],
)
async def test_nothing_is_said_of_long_ones_and_during_development(config, caplog):
    await make_app(**config).test_client().get("/")
    assert warnings(caplog) == []


async def test_each_application_is_told_of(caplog):
    for _ in range(2):
        await make_app(SECRET_KEY="dev").test_client().get("/")
    assert len(warnings(caplog)) == 2
