"""Programs made for Quart under the `pottle` command, in processes of their own.

"Installed" is a package `quart` on the path that cannot be imported: whoever gets past it got Pottle.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import httpx
import pytest
from websockets.sync.client import connect

from pottle.cli import exec as exec_module
from processes import PATIENCE, POTTLE, Served, run_command, served
from quart_env import EVERYWHERE, NEWEST, quart_python

SEED = """\
from quart import Quart, websocket

app = Quart(__name__)


@app.websocket("/ws")
async def ws():
    while True:
        data = await websocket.receive()
        await websocket.send(f"echo {data}")
"""

#: What follows after the seed where a test has to ask more of the application.
MORE = """

@app.get("/pid")
async def pid():
    import os

    return str(os.getpid())


@app.cli.command()
async def greet():
    print("Hello from", app.name)
"""

OFFERED = " * Quart is not installed: the application gets Pottle under the name 'quart'."

ROUTES = """\
Endpoint  Methods  Rule
--------  -------  -----------------------
static    GET      /static/<path:filename>
ws        WS       /ws
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine."""
    for name in list(os.environ):
        if name.startswith(("POTTLE_", "QUART_")):
            monkeypatch.delenv(name)


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A folder with the program, in an environment without Quart."""
    assert importlib.util.find_spec("quart") is None
    (tmp_path / "echo.py").write_text(SEED)
    return tmp_path


@pytest.fixture
def installed(echo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, in an environment that has a Quart, which nobody should import."""
    package = echo / "installed" / "quart"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('Quart itself was imported')\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return echo


def answers(server: Served) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/ws") as ws:
        for word in ("one", "two"):
            ws.send(word)
            assert ws.recv() == f"echo {word}"


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def offers_commands(folder: Path, group: str) -> None:
    """Install a package there that offers the command `planted`, and needs Quart."""
    (folder / "plants.py").write_text(
        "import click\nfrom quart import Quart\n\n"
        "@click.command()\ndef planted():\n    click.echo(Quart.__module__)\n"
    )
    metadata = folder / "plants-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plants\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\nplanted = plants:planted\n")


# What the framework promises


@pytest.mark.parametrize("command", [("run",), ("serve",)], ids=" ".join)
def test_the_seed_program_where_quart_is_not_installed(
    echo: Path, command: tuple[str, ...]
) -> None:
    with served(*POTTLE, "--app", "echo", *command, "--port", "0", cwd=echo) as server:
        answers(server.ready())
        assert server.stop() == 0
        assert server.output.count(OFFERED) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--app", "echo", "run", "--as-quart"),
        ("--as-quart", "--app", "echo", "run"),
        ("--app", "echo", "serve", "--as-quart"),
        ("--as-quart", "serve", "--app", "echo"),
    ],
    ids=" ".join,
)
def test_the_seed_program_where_quart_is_installed(installed: Path, words: tuple[str, ...]) -> None:
    with served(*POTTLE, *words, "--port", "0", cwd=installed) as server:
        answers(server.ready())
        assert server.stop() == 0
        assert OFFERED not in server.output


def test_the_environment_asks_for_the_alias(installed: Path) -> None:
    command = (*POTTLE, "--app", "echo", "run", "--port", "0")
    with served(*command, cwd=installed, env={"POTTLE_AS_QUART": "true"}) as server:
        answers(server.ready())


def test_an_installed_quart_is_used_unless_the_alias_is_asked_for(installed: Path) -> None:
    shown = run_command("--app", "echo", "routes", cwd=installed)
    assert shown.returncode == 1
    assert "RuntimeError" in shown.stderr
    assert shown.stderr.endswith("Quart itself was imported\n")


def test_beside_the_real_quart(echo: Path) -> None:
    python = quart_python(NEWEST if sys.version_info >= (3, 13) else EVERYWHERE)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    place = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    env = {"PYTHONPATH": place.stdout.strip()}
    (echo / "factory.py").write_text("from echo import app\ndef make_app():\n    return app\n")
    for name in ("echo", "echo:app", "factory:make_app"):
        shown = run_command("--app", name, "run", cwd=echo, env=env)
        assert shown.returncode == 2
        assert "is an application of Quart, which is installed here" in shown.stderr
        assert "Use the option --as-quart to run it on Pottle." in shown.stderr
        assert len(shown.stderr.splitlines()) == 1
    command = (*POTTLE, "--app", "echo", "run", "--as-quart", "--port", "0")
    with served(*command, cwd=echo, env=env) as server:
        answers(server.ready())


# Processes that a command starts


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "offered"])
def test_workers(request: pytest.FixtureRequest, asked: bool) -> None:
    folder: Path = request.getfixturevalue("installed" if asked else "echo")
    (folder / "echo.py").write_text(SEED + MORE)
    words = ("serve", "--workers", "2", "--port", "0", *(["--as-quart"] if asked else []))
    with served(*POTTLE, "--app", "echo", *words, cwd=folder) as server:
        answers(server.ready())
        workers: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while len(workers) < 2 and time.monotonic() < deadline:
            workers.add(httpx.get(f"{server.url}/pid").text)
        assert len(workers) == 2
        assert server.stop() == 0
        assert server.output.count(OFFERED) == (0 if asked else 1)


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "offered"])
def test_reload(request: pytest.FixtureRequest, asked: bool) -> None:
    folder: Path = request.getfixturevalue("installed" if asked else "echo")
    words = ("run", "--reload", "--port", free_port(), *(["--as-quart"] if asked else []))
    with served(*POTTLE, "--app", "echo", *words, cwd=folder) as server:
        answers(server.ready())
        (folder / "echo.py").write_text(SEED + MORE)
        assert "Changed: echo.py" in server.line("Changed")
        assert httpx.get(f"{server.ready().url}/pid").text.isdigit()
        answers(server)
        assert server.stop() == 0
        assert (OFFERED in server.output) is not asked


CHILDREN = """\
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

from quart import Quart

app = Quart(__name__)


def where():
    return Quart.__module__


@app.cli.command()
def started():
    code = "import quart; print(quart.Quart.__module__)"
    print(subprocess.check_output([sys.executable, "-c", code], text=True).strip())
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        print(pool.submit(where).result())
"""


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "offered"])
def test_processes_that_the_application_starts(request: pytest.FixtureRequest, asked: bool) -> None:
    folder: Path = request.getfixturevalue("installed" if asked else "echo")
    (folder / "children.py").write_text(CHILDREN)
    option = ["--as-quart"] if asked else []
    shown = run_command("--app", "children", *option, "started", cwd=folder)
    assert shown.stdout == "pottle.app\npottle.app\n", shown.stderr
    assert shown.stderr == ("" if asked else f"{OFFERED}\n")


# Other commands


def test_routes_shell_and_commands_of_the_application(installed: Path) -> None:
    assert run_command("--as-quart", "routes", "--app", "echo", cwd=installed).stdout == ROUTES
    assert run_command("--app", "echo", "routes", "--as-quart", cwd=installed).stdout == ROUTES
    script = "import quart\nquart.Quart.__module__\n"
    shell = run_command("--app", "echo", "shell", "--as-quart", cwd=installed, stdin=script)
    assert "'pottle.app'" in shell.stdout
    (installed / "echo.py").write_text(SEED + MORE)
    own = run_command("--app", "echo", "--as-quart", "greet", cwd=installed)
    assert own.stdout == "Hello from echo\n", own.stderr
    assert "  greet" in run_command("--app", "echo", "--as-quart", "--help", cwd=installed).stdout
    by_variable = run_command(cwd=installed, env={"POTTLE_AS_QUART": "1", "POTTLE_APP": "echo"})
    assert "  greet" in by_variable.stdout + by_variable.stderr


def test_versions(installed: Path) -> None:
    shown = run_command("--as-quart", "--version", cwd=installed)
    assert "Quart 0.23.1 (Pottle)" in shown.stdout.splitlines()
    assert "Quart" not in run_command("--version", cwd=installed).stdout


def test_a_refusal(echo: Path) -> None:
    shown = run_command("--app", "echo", "routes", cwd=echo, env={"POTTLE_AS_QUART": "0"})
    assert shown.returncode == 1
    assert shown.stderr.splitlines()[-1] == (
        "Error: ModuleNotFoundError in echo.py:1 while importing 'echo': No module named 'quart'"
    )


def test_too_late(echo: Path) -> None:
    package = echo / "quart"
    package.mkdir()
    (package / "__init__.py").touch()
    (echo / "manage.py").write_text(
        "import quart\nfrom pottle import Pottle\nfrom pottle.cli import PottleGroup\n"
        "PottleGroup(create_app=lambda: Pottle('late'))()\n"
    )
    command = [sys.executable, "manage.py", "--as-quart", "routes"]
    shown = subprocess.run(command, cwd=echo, capture_output=True, text=True)
    assert shown.returncode == 1
    assert shown.stderr.startswith("Error: Quart itself was imported already")
    assert len(shown.stderr.splitlines()) == 1


def test_the_factory_of_a_group_may_import_quart(installed: Path) -> None:
    (installed / "manage.py").write_text(
        "from pottle.cli import PottleGroup\n"
        "def create_app():\n    from echo import app\n    return app\n"
        "if __name__ == '__main__':\n    PottleGroup(create_app=create_app)()\n"
    )
    command = [sys.executable, "manage.py", "--as-quart", "routes"]
    shown = subprocess.run(command, cwd=installed, capture_output=True, text=True)
    assert shown.stdout == ROUTES, shown.stderr


def test_commands_of_packages_made_for_quart(
    echo: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    packages = tmp_path_factory.mktemp("packages")
    offers_commands(packages, "quart.commands")
    env = {"PYTHONPATH": str(packages)}
    asked = run_command("--as-quart", "planted", cwd=echo, env=env)
    assert asked.stdout == "pottle.app\n", asked.stderr
    offered = run_command("--app", "echo", "planted", cwd=echo, env=env)
    assert offered.stdout == "pottle.app\n", offered.stderr
    listed = run_command("--app", "echo", "--help", cwd=echo, env=env)
    assert "  planted" in listed.stdout
    by_name = run_command(
        "exec", "--as-quart", "--", "python", "-m", "quart", "planted", cwd=echo, env=env
    )
    assert by_name.stdout == "pottle.app\n", by_name.stderr
    (echo / "native.py").write_text("from pottle import Pottle\napp = Pottle(__name__)\n")
    native = run_command("--app", "native", "--help", cwd=echo, env=env)
    assert "planted" not in native.stdout + native.stderr


def test_commands_of_packages_made_for_pottle_may_import_quart(
    installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    packages = tmp_path_factory.mktemp("packages")
    offers_commands(packages, "pottle.commands")
    env = {"PYTHONPATH": f"{packages}{os.pathsep}{os.environ['PYTHONPATH']}"}
    shown = run_command("--as-quart", "planted", cwd=installed, env=env)
    assert shown.stdout == "pottle.app\n", shown.stderr


# `pottle exec`


def run_exec(
    *command: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run_command("exec", "--as-quart", "--", *command, cwd=cwd, env=env)


TESTS = """\
from importlib.metadata import version

import quart
from echo import app


async def conversation():
    async with app.test_client().websocket("/ws") as ws:
        await ws.send("hi")
        assert await ws.receive() == "echo hi"
    assert quart.Quart.__module__ == "pottle.app"
    assert version("quart") == "0.23.1"
"""


def test_pytest(installed: Path) -> None:
    (installed / "test_echo.py").write_text(
        TESTS + "\n\ndef test_echo():\n    import asyncio\n    asyncio.run(conversation())\n"
    )
    options = ("-q", "-p", "no:cacheprovider")
    for command in (("python", "-m", "pytest", *options), ("pytest", *options)):
        shown = run_exec(*command, cwd=installed)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert "1 passed" in shown.stdout
    without = run_command("exec", "--", "pytest", *options, cwd=installed)
    assert without.returncode != 0
    assert "Quart itself was imported" in without.stdout


def test_unittest(installed: Path) -> None:
    (installed / "test_echo.py").write_text(
        "import unittest\n" + TESTS + "\n\nclass Tests(unittest.IsolatedAsyncioTestCase):\n"
        "    async def test_echo(self):\n        await conversation()\n"
    )
    shown = run_exec("python", "-m", "unittest", "-v", cwd=installed)
    assert shown.returncode == 0, shown.stderr
    assert "Ran 1 test" in shown.stderr


def test_the_command_of_quart(installed: Path) -> None:
    shown = run_exec("python", "-m", "quart", "--version", cwd=installed)
    assert "Quart 0.23.1 (Pottle)" in shown.stdout.splitlines(), shown.stderr
    routes = run_exec("python", "-m", "quart", "routes", cwd=installed, env={"QUART_APP": "echo"})
    assert routes.stdout == ROUTES, routes.stderr
    wrong = run_exec("python", "-m", "quart", "run", "--nonsense", cwd=installed)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Usage: quart run")
    script = "import sys; sys.argv[1:] = ['--version']; from quart.cli import main; main()"
    console_script = run_exec("python", "-c", script, cwd=installed)
    assert "Quart 0.23.1 (Pottle)" in console_script.stdout


def test_variables_of_quart(echo: Path) -> None:
    (echo / ".env").write_text("QUART_APP=echo\n")
    (echo / ".quartenv").write_text("QUART_RUN_PORT=nonsense\n")
    command = ("exec", "--as-quart", "--", "python", "-m", "quart")
    assert run_command(*command, "routes", cwd=echo).stdout == ROUTES
    wrong = run_command(*command, "run", cwd=echo)
    assert "'nonsense' is not a valid integer" in wrong.stderr
    # What is set for Pottle counts first, and the files of Quart are read for its programs only.
    ours = run_command(*command, "routes", cwd=echo, env={"POTTLE_APP": "nope"})
    assert "There is no module 'nope'" in ours.stderr
    assert "No application was named" in run_command("routes", cwd=echo).stderr


@pytest.mark.parametrize(
    "command",
    [
        ("python", "-m", "quart", "--app", "echo", "run", "--port"),
        ("python", "-m", "quart", "--app", "echo", "--debug", "run", "--port"),
        ("python", "-m", "quart", "--app", "echo", "serve", "--workers", "2", "--port"),
        ("uvicorn", "--no-access-log", "echo:app", "--port"),
        ("hypercorn", "echo:app", "--bind"),
    ],
    ids=" ".join,
)
def test_servers(installed: Path, command: tuple[str, ...]) -> None:
    port = free_port()
    where = f"127.0.0.1:{port}" if command[-1] == "--bind" else port
    with served(*POTTLE, "exec", "--as-quart", *command, where, cwd=installed) as server:
        server.line("unning on http")
        server.port = int(port)
        answers(server)
        assert server.stop() in (0, -signal.SIGTERM)  # uvicorn's own command ends by the signal


def test_the_exit_code_is_that_of_the_command(tmp_path: Path) -> None:
    assert run_command("exec", "sh", "-c", "exit 7", cwd=tmp_path).returncode == 7
    killed = run_command("exec", "--", "sh", "-c", "kill -TERM $$", cwd=tmp_path)
    assert killed.returncode == -signal.SIGTERM


def test_the_command_is_the_process(tmp_path: Path) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
    with served(*POTTLE, "exec", "--", "python", "-c", code, cwd=tmp_path) as process:
        process.line(str(process.process.pid))
        process.send(signal.SIGINT)
        assert process.end() == -signal.SIGINT


def test_the_command_does_not_ignore_a_broken_pipe(tmp_path: Path) -> None:
    # A shell that began with SIGPIPE ignored cannot take it back, and would print an error.
    shown = run_command("exec", "--", "sh", "-c", "kill -PIPE $$; echo ignored", cwd=tmp_path)
    assert shown.returncode == -signal.SIGPIPE
    assert shown.stdout == ""


def test_without_the_alias_the_path_is_left_alone(tmp_path: Path) -> None:
    code = "import os; print(os.environ.get('PYTHONPATH'), os.environ.get('POTTLE_AS_QUART'))"
    for place in ("somewhere", f"here{os.pathsep}there"):
        shown = run_command(
            "exec", "--", "python", "-c", code, cwd=tmp_path, env={"PYTHONPATH": place}
        )
        assert shown.stdout == f"{place} None\n"
    twice = ("exec", "--as-quart", "--", "pottle", "--as-quart", "exec", "--", "python", "-c", code)
    shown = run_command(*twice, cwd=tmp_path, env={"PYTHONPATH": "somewhere"})
    path = shown.stdout.split()[0].split(os.pathsep)
    assert path[1:] == ["somewhere"]
    assert Path(path[0], "quart", "__init__.py").is_file()


def test_commands_that_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no program")
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    for command, code, message in (
        (["nonsense"], 127, "Error: There is no command 'nonsense'.\n"),
        (["quart"], 127, "Error: There is no command 'quart'. Use 'python -m quart'.\n"),
        (["./nonsense"], 127, "Error: There is no command './nonsense'.\n"),
        (["data"], 127, "Error: There is no command 'data'.\n"),
        (["./data"], 126, "Error: ./data cannot be started: Permission denied.\n"),
        (["./script"], 126, "Error: ./script cannot be started: No such file or directory.\n"),
    ):
        shown = run_command("exec", *command, cwd=tmp_path)
        assert (shown.returncode, shown.stderr) == (code, message)
    nothing = run_command("exec", "--as-quart", cwd=tmp_path)
    assert nothing.returncode == 2
    assert nothing.stderr.endswith("Error: Missing argument 'COMMAND...'.\n")


def test_where_a_process_cannot_be_replaced(tmp_path: Path) -> None:
    code = "import os, sys; sys.exit(int(os.environ['CODE']))"
    with pytest.raises(SystemExit) as caught:
        exec_module.wait_for_process(sys.executable, ("python", "-c", code), {"CODE": "3"})
    assert caught.value.code == 3


def test_help(tmp_path: Path) -> None:
    for words in ((), ("run",), ("serve",), ("routes",), ("shell",), ("exec",)):
        assert "--as-quart" in run_command(*words, "--help", cwd=tmp_path).stdout
    assert isinstance(exec_module.exec_command, click.Command)
