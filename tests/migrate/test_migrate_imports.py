"""Where names come from after the migration."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from flask import Flask\n\napp = Flask(__name__)",
            "from pottle import Pottle\n\napp = Pottle(__name__)",
        ),
        (
            "from flask import Flask as F\n\napp = F('a')",
            "from pottle import Pottle as F\n\napp = F('a')",
        ),
        (
            "from flask.app import Flask\n\nFlask('a')",
            "from pottle.app import Pottle\n\nPottle('a')",
        ),
        ("import flask\n\napp = flask.Flask('a')", "import pottle\n\napp = pottle.Pottle('a')"),
        (
            "import flask as f\n\napp = f.Flask('a')\nf.g.x",
            "import pottle as f\n\napp = f.Pottle('a')\nf.g.x",
        ),
        ("import os, flask\n\nflask.g", "import os, pottle\n\npottle.g"),
        ("import flask.json\n\nflask.json.dumps(1)", "import pottle.json\n\npottle.json.dumps(1)"),
        ("import flask.views as v\n\nv.MethodView", "import pottle.views as v\n\nv.MethodView"),
        ("from flask import json\n\njson.dumps(1)", "from pottle import json\n\njson.dumps(1)"),
        ("from flask.views import MethodView, View", "from pottle.views import MethodView, View"),
        (
            "from flask.cli import AppGroup, FlaskGroup\n\nFlaskGroup()",
            "from pottle.cli import AppGroup, PottleGroup\n\nPottleGroup()",
        ),
        ("from flask.cli import with_appcontext", "from pottle.cli import with_appcontext"),
        (
            "from flask.testing import FlaskClient\n\nx: FlaskClient",
            "from pottle.testing import PottleClient\n\nx: PottleClient",
        ),
        (
            "from flask.typing import ResponseReturnValue",
            "from pottle.typing import ResponseReturnValue",
        ),
        (
            "from flask.json.provider import DefaultJSONProvider",
            "from pottle.json.provider import DefaultJSONProvider",
        ),
        (
            "from flask import Flask\n\ndef f(app: 'Flask | None') -> Flask: ...",
            "from pottle import Pottle\n\ndef f(app: 'Pottle | None') -> Pottle: ...",
        ),
        (
            "from flask import Flask\n\nclass App(Flask): pass",
            "from pottle import Pottle\n\nclass App(Pottle): pass",
        ),
        (
            "def f():\n    from flask import Flask\n    return Flask('a')",
            "def f():\n    from pottle import Pottle\n    return Pottle('a')",
        ),
        ("import flask; flask.g", "import pottle; pottle.g"),
        (
            "from flask_login import login_user\nfrom flask_sqlalchemy import SQLAlchemy",
            "from flask_login import login_user\nfrom flask_sqlalchemy import SQLAlchemy",
        ),
    ],
)
def test_imports(migrated, before, after):
    result = migrated(before + "\n")
    assert result.code == after + "\n"
    assert result.notes == []


@pytest.mark.parametrize(
    ("before", "after", "lacking"),
    [
        (
            "from flask import Flask, sansio\n\nFlask(sansio)",
            "from pottle import Pottle\nfrom flask import sansio\n\nPottle(sansio)",
            "flask.sansio",
        ),
        (
            "# Why.\nfrom flask.cli import (\n    ScriptInfo,\n    CertParamType,\n)  # end",
            "# Why.\nfrom pottle.cli import (\n    ScriptInfo,\n)  # end\nfrom flask.cli import (\n    CertParamType,\n)",
            "flask.cli.CertParamType",
        ),
        (
            "import flask\n\nflask.g, flask.__version__",
            "import flask, pottle\n\npottle.g, flask.__version__",
            "flask.__version__",
        ),
        (
            "import flask as f\n\nf.g, f.__version__",
            "import flask as f, pottle\n\npottle.g, f.__version__",
            "flask.__version__",
        ),
    ],
)
def test_what_pottle_lacks_is_still_flasks(migrated, before, after, lacking):
    result = migrated(before + "\n")
    assert result.code == after + "\n"
    assert len(result.notes) == 1
    assert f"Pottle has no '{lacking}': it is still imported from Flask" in result.notes[0]


def test_everything_imported_at_once_is_left(migrated):
    result = migrated("from flask import *\n\napp = Flask(__name__)\n")
    assert result.code.startswith("from flask import *")
    assert "say which names are meant" in result.notes[0]


def test_a_name_that_is_taken_or_passed_on_stays(migrated):
    result = migrated(
        {
            "pack/__init__.py": "",
            "pack/base.py": "from flask import Flask, g\n\nFlask\n",
            "pack/main.py": "from .base import Flask, g\n\napp = Flask(__name__)\n",
            "taken.py": "from flask import Flask\n\nPottle = Flask\n",
        }
    )
    assert result["pack/base.py"] == "from pottle import Pottle as Flask, g\n\nFlask\n"
    assert result["pack/main.py"] == "from .base import Flask, g\n\napp = Flask(__name__)\n"
    assert result["taken.py"] == "from pottle import Pottle as Flask\n\nPottle = Flask\n"


def test_names_are_followed_through_the_project(migrated):
    result = migrated(
        {
            "pack/__init__.py": "from .parts import *\n",
            "pack/parts.py": "import flask as web\n\nasked = web.request\n",
            "pack/views.py": (
                "from pack import asked\nfrom . import parts\n\n\n"
                "def one():\n    return asked.form\n\n\ndef two():\n    return parts.asked.json\n"
            ),
        }
    )
    assert result["pack/parts.py"] == "import pottle as web\n\nasked = web.request\n"
    assert "async def one():\n    return await asked.form" in result["pack/views.py"]
    assert "async def two():\n    return await parts.asked.json" in result["pack/views.py"]
