"""The name `quart` for Pottle, in processes of its own: nothing of it stays in this one.

"Installed" is a small package `quart` on the path, with metadata.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pottle.compat import QUART_VERSION, path_entry
from pottle.compat.quart.names import MODULES

INSTALLED_VERSION = "9.9"


def run(*arguments, path=(), cwd=None, code=0):
    """What a Python with *arguments* prints; *path* is its PYTHONPATH."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    environment.pop("POTTLE_AS_QUART", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=cwd,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def installed(tmp_path):
    """A folder in which Quart is installed."""
    folder = tmp_path / "site"
    (folder / "quart").mkdir(parents=True)
    (folder / "quart" / "__init__.py").write_text("class Quart: pass\n")
    (folder / "quart" / "app.py").write_text("")
    (folder / "quart-9.9.dist-info").mkdir()
    metadata = f"Metadata-Version: 2.1\nName: Quart\nVersion: {INSTALLED_VERSION}\n"
    (folder / "quart-9.9.dist-info" / "METADATA").write_text(metadata)
    return folder


def test_the_name_is_the_implementing_module():
    assert not run(
        "-c",
        f"""
import pottle.compat.as_quart, sys
from importlib import import_module

for name, implementing in {MODULES!r}.items():
    quart_name = f"quart.{{name}}".rstrip(".")
    assert import_module(quart_name) is sys.modules[quart_name] is sys.modules[implementing], name
    parent, _, child = quart_name.rpartition(".")
    if parent:
        assert getattr(sys.modules[parent], child) is sys.modules[implementing], name
""",
    )


ORDERS = {
    "as listed": list(MODULES),
    "backwards": list(reversed(MODULES)),
    "deepest first": sorted(MODULES, key=lambda name: (-name.count("."), name)),
    "by name": sorted(MODULES, key=lambda name: name.rpartition(".")[2]),
}


@pytest.mark.parametrize("order", ORDERS)
def test_modules_in_any_order(order):
    names = [f"quart.{name}".rstrip(".") for name in ORDERS[order]]
    statements = "\n".join(f"import {name}" for name in names)
    assert not run("-c", f"import pottle.compat.as_quart\n{statements}\nquart.app.Quart")


@pytest.mark.parametrize(
    "name", ["", "asgi", "cli", "json.tag", "testing.client", "views", "wrappers.request"]
)
def test_one_module_alone(name):
    module = f"quart.{name}".rstrip(".")
    assert not run(
        "-c",
        f"import pottle.compat.as_quart\nimport {module} as module\n"
        f"assert module.__name__ == {MODULES[name]!r}\nfrom quart import Quart, websocket",
    )


def test_the_usual_imports():
    assert not run(
        "-c",
        """
import pottle.compat.as_quart
from quart import Quart, websocket, render_template
from quart.app import Quart as AppQuart
from quart.views import MethodView
import pottle, quart, quart.testing
assert Quart is AppQuart is pottle.Pottle
assert websocket is pottle.websocket
assert quart.testing.QuartClient is pottle.testing.PottleClient
""",
    )


def test_a_module_that_quart_has_not():
    said = run("-c", "import pottle.compat.as_quart\nimport quart.nowhere", code=1)
    assert "ModuleNotFoundError: No module named 'quart.nowhere'" in said
    said = run("-c", "import pottle.compat.as_quart\nfrom quart import nothing", code=1)
    assert "ImportError: cannot import name 'nothing'" in said


def test_the_version():
    assert (
        run(
            "-c",
            """
import pottle.compat.as_quart
from importlib.metadata import PackageNotFoundError, distribution, version
print(version("quart"), version("Quart"), distribution("quart").metadata["Name"])
print(distribution("quart").locate_file("x").name)
assert version("pottle") != version("quart")
try:
    version("quart-nothing")
except PackageNotFoundError:
    print("no other")
""",
        )
        == f"{QUART_VERSION} {QUART_VERSION} Quart\nx\nno other\n"
    )


def test_it_goes_before_an_installed_quart(installed):
    program = """
import pottle.compat.as_quart
import quart, quart.app
from importlib.metadata import version
print(quart.__name__, quart.app.__name__, version("quart"))
"""
    assert run("-c", program, path=[installed]) == f"pottle pottle.app {QUART_VERSION}\n"
    assert run("-c", program.replace("pottle.compat.as_quart", "os"), path=[installed]) == (
        f"quart quart.app {INSTALLED_VERSION}\n"
    )


def test_twice_is_no_error():
    assert not run(
        "-c",
        """
import sys
from pottle import Pottle
from pottle.compat import install_as_quart
from pottle.compat.quart.alias import AliasFinder
from pottle.compat.quart.application import stand_in

install_as_quart()
import quart
before = dict(vars(Pottle))
install_as_quart()
stand_in()
import pottle.compat.as_quart
assert sum(type(finder) is AliasFinder for finder in sys.meta_path) == 1
assert sys.modules["quart"] is quart
assert dict(vars(Pottle)) == before
""",
    )


def test_it_refuses_when_quart_was_there_before(installed):
    said = run("-c", "import quart\nimport pottle.compat.as_quart", path=[installed], code=1)
    assert "SetupError: Quart itself was imported already" in said


def test_a_refusal_changes_nothing(installed):
    program = """
import quart, sys
from pottle.compat import install_as_quart
before = list(sys.meta_path)
try:
    install_as_quart()
except ValueError:
    assert sys.meta_path == before and sys.modules["quart"] is quart
    import quart.app
    print(quart.app.__name__)
"""
    assert run("-c", program, path=[installed]) == "quart.app\n"


def test_an_offer_is_taken_only_without_quart(installed):
    program = """
from pottle.compat import offer_as_quart
offer_as_quart(print)
offer_as_quart(print)
import quart
print(quart.__name__, quart.Quart.__name__)
"""
    said = " * Quart is not installed: the application gets Pottle under the name 'quart'.\n"
    assert run("-c", program) == f"{said}pottle Pottle\n"
    assert run("-c", program, path=[installed]) == "quart Quart\n"


def test_processes_get_it_by_their_path(installed):
    assert run("-c", "import quart; print(quart.__name__)", path=[path_entry(), installed]) == (
        "pottle\n"
    )
    versions = run("-m", "quart", "--version", path=[path_entry(), installed])
    assert "Pottle" in versions
    assert run("-m", "quart", "--version", path=[path_entry()]) == versions


def test_a_command_by_the_path(tmp_path):
    (tmp_path / "app.py").write_text(
        "from quart import Quart\napp = Quart(__name__)\n"
        "@app.cli.command()\nasync def hello():\n    print('hello from', app.name)\n"
    )
    assert run("-m", "quart", "hello", path=[path_entry()], cwd=tmp_path) == "hello from app\n"


def test_unittest_by_the_path(tmp_path):
    (tmp_path / "test_it.py").write_text(
        """
import unittest
from quart import Quart
from quart.testing import QuartClient


class TestIt(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        app = Quart(__name__)

        @app.route("/")
        async def index():
            return "index"

        client = app.test_client()
        self.assertIsInstance(client, QuartClient)
        self.assertEqual(await (await client.get("/")).get_data(as_text=True), "index")
"""
    )
    run("-m", "unittest", path=[path_entry()], cwd=tmp_path)


def test_as_a_plugin_of_pytest(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import quart\n\ndef test_it():\n    assert quart.__name__ == 'pottle'\n"
    )
    plugin = ["-p", "pottle.compat.as_quart", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    assert "1 passed" in run("-m", "pytest", *plugin, "test_it.py", cwd=tmp_path)


def test_pickles_and_modules_of_objects():
    assert not run(
        "-c",
        """
import pottle.compat.as_quart
import inspect, pickle
import quart, quart.ctx, quart.helpers, quart.testing

for thing in (
    quart.Quart,
    quart.Quart.handle_user_exception,
    quart.Request,
    quart.helpers.url_for,
    quart.ctx.RequestContext,
    quart.testing.QuartClient,
):
    assert pickle.loads(pickle.dumps(thing)) is thing
    assert inspect.getmodule(thing).__name__ == thing.__module__
    assert inspect.getsource(inspect.getmodule(thing))
assert inspect.getmodule(quart.Quart) is quart.app
error = quart.testing.connections.WebsocketDisconnectError(1000)
assert pickle.loads(pickle.dumps(error)).code == 1000
""",
    )


def test_pottle_without_the_alias_knows_nothing_of_it():
    assert not run(
        "-c",
        f"""
import sys
from importlib import import_module
from pottle import Pottle, Websocket

for name in {sorted(set(MODULES.values()) - {"pottle.compat.quart.asgi"})!r}:
    module = import_module(name)
    assert not [word for word in vars(module) if "Quart" in word], name
import pottle.cli
assert not [name for name in sys.modules if name.startswith(("quart", "pottle.compat"))]
for owner, name in (
    (Pottle, "asgi_http_class"),
    (Pottle, "while_serving_gens"),
    (Pottle, "_check_setup_finished"),
    (Websocket, "buffer"),
    (sys.modules["pottle.ctx"], "RequestContext"),
    (sys.modules["pottle.ctx"].AppContext, "auto_pop"),
    (sys.modules["pottle.globals"], "_cv_request"),
):
    assert not hasattr(owner, name), name
assert sys.modules["pottle.utils"].ENVIRONMENT_PREFIXES == ["POTTLE"]
""",
    )


def test_the_version_by_the_path(installed):
    program = "from importlib.metadata import version; print(version('quart'))"
    assert run("-c", program, path=[path_entry(), installed]) == f"{QUART_VERSION}\n"


def test_programs_that_start_themselves_again(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
import pottle.compat.as_quart, os, sys
from pathlib import Path
from quart.utils import restart, run_reloader

marks = Path(__file__).with_name("marks")
if os.environ.get("QUART_RUN_MAIN") != "true":
    run_reloader()
marks.write_text(marks.read_text() + "x" if marks.exists() else "x")
turns = len(marks.read_text())
print(turns, sys.argv[1])
sys.stdout.flush()
if turns == 2:
    restart()
sys.exit({1: 0, 3: 0, 4: int(sys.argv[1])}[turns])
"""
    )
    assert run(program, "3") == "1 3\n2 3\n3 3\n4 3\n"
    (tmp_path / "marks").unlink()
    run(program, "5", code=5)
