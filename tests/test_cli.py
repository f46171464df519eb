"""The `pottle` command and the commands of applications."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

import pottle.cli.groups
from pottle import Blueprint, Pottle, current_app, g
from pottle.cli import AppGroup, PottleGroup, ScriptInfo, cli, load_dotenv, with_appcontext
from processes import run_command

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """\
import asyncio

import click

from pottle import Blueprint, Pottle, current_app

app = Pottle(__name__)


@app.get("/")
async def index():
    return ""


@app.cli.command()
@click.argument("name")
async def greet(name):
    '''Greet somebody.'''
    await asyncio.sleep(0)
    click.echo(f"Hello {name} from {current_app.name}")


@app.shell_context_processor
def names():
    return {"answer": 42}
"""


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine or of another test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in list(os.environ):
        if name.startswith("POTTLE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("POTTLE_DEBUG", "")  # put back after a test whose command sets it


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


@pytest.fixture
def app() -> Pottle:
    return Pottle(__name__)


def invoke(app: Pottle, *args: str, **kwargs: Any) -> Any:
    """The `pottle` command with *app*, in this process."""
    obj = ScriptInfo(create_app=lambda: app)
    return CliRunner().invoke(cli, args, obj=obj, catch_exceptions=False, **kwargs)


# The command itself


def test_help_lists_the_commands_of_the_application(shop: Path) -> None:
    shown = run_command("--app", "shop", "--help", cwd=shop)
    assert shown.returncode == 0
    for name in ("run", "serve", "routes", "shell", "greet    Greet somebody."):
        assert f"  {name}" in shown.stdout
    by_environment = run_command(cwd=shop, env={"POTTLE_APP": "shop"})
    assert "Greet somebody." in by_environment.stdout + by_environment.stderr


def test_help_without_an_application(tmp_path: Path) -> None:
    shown = run_command("--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "Run a production server." in shown.stdout
    assert shown.stderr.startswith("Error: No application was named.")


def test_version() -> None:
    shown = CliRunner().invoke(cli, ["--version"])
    assert shown.output.splitlines() == [
        f"Python {sys.version.split()[0]}",
        f"Pottle {version('pottle')}",
        f"Werkzeug {version('werkzeug')}",
    ]


def test_console_script(shop: Path) -> None:
    code = "import sys; sys.argv[1:] = ['--app', 'shop', 'greet', 'Ann']; from pottle.cli import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "Hello Ann from shop\n"


def test_click_is_not_needed_to_import_pottle() -> None:
    code = "import sys, pottle; sys.exit(any(m in sys.modules for m in ('click', 'uvicorn')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--app", "nope", "run"), 2, "Error: There is no module 'nope'"),
        (("--app", "shop:nope", "run"), 2, "Error: Module 'shop' has no 'nope'. It has: app."),
        (
            ("--app", "broken", "serve"),
            1,
            "Error: ZeroDivisionError in broken.py:1 while importing",
        ),
        (
            ("--app", "shop", "serve", "--certfile", "no.pem"),
            1,
            "Error: The certificate file no.pem",
        ),
        (("--app", "shop", "run", "--port", "99999"), 1, "Error: There is no port 99999"),
        (("--app", "shop", "dance"), 2, "Error: No such command 'dance'"),
        (("--app", "broken", "dance"), 1, "Error: ZeroDivisionError in broken.py:1"),
        (("--app", "nope", "dance"), 2, "Error: 'dance' is no command of 'pottle', and no app"),
        (("routes", "--app", "nope"), 2, "Error: There is no module 'nope'"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(
    shop: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    (shop / "broken.py").write_text("1 / 0\n")
    shown = run_command(*args, cwd=shop)
    assert shown.returncode == code
    assert shown.stderr.splitlines()[-1].startswith(message)
    assert "click" not in shown.stderr
    assert shown.stdout == ""


def test_completion_needs_no_application(tmp_path: Path) -> None:
    ctx = cli.make_context("pottle", [], resilient_parsing=True)
    assert cli.get_command(ctx, "no-such-command") is None


def test_a_group_of_ones_own(app: Pottle) -> None:
    group = PottleGroup(
        name="manage",
        create_app=lambda: app,
        add_version_option=False,
        params=[click.Option(["--colour"])],
        callback=lambda colour: click.echo(colour),
    )

    @group.command()
    def name() -> None:
        click.echo(current_app.name)

    shown = CliRunner().invoke(group, ["--colour", "red", "name"], catch_exceptions=False)
    assert shown.output.split() == ["red", app.name]
    assert "--version" not in CliRunner().invoke(group, ["--help"]).output
    assert CliRunner().invoke(group, ["run", "--help"]).exit_code == 0
    refused = CliRunner().invoke(group, ["serve", "--workers", "2"])
    assert refused.exit_code == 2
    assert "named with --app" in refused.output
    bare = PottleGroup(add_default_commands=False)
    assert bare.commands == {}


# Options


def test_debug_option(app: Pottle, monkeypatch: pytest.MonkeyPatch) -> None:
    @app.cli.command()
    def show() -> None:
        click.echo(str(current_app.debug))

    assert invoke(app, "--debug", "show").output == "True\n"
    monkeypatch.setenv("POTTLE_DEBUG", "1")
    fresh = Pottle("fresh")
    fresh.cli.add_command(app.cli.commands["show"])
    assert invoke(fresh, "show").output == "True\n"
    assert invoke(fresh, "--no-debug", "show").output == "False\n"


def test_app_option_after_the_command(shop: Path) -> None:
    assert "index" in run_command("routes", "--app", "shop", cwd=shop).stdout


def test_variables_for_the_options_of_commands(shop: Path) -> None:
    shown = run_command("--app", "shop", "run", cwd=shop, env={"POTTLE_RUN_PORT": "99999"})
    assert shown.stderr == "Error: There is no port 99999: ports go up to 65535.\n"


# Commands of the application


def test_asynchronous_command(shop: Path) -> None:
    assert run_command("--app", "shop", "greet", "Bob", cwd=shop).stdout == "Hello Bob from shop\n"


@pytest.mark.parametrize("asynchronous", [True, False])
def test_commands_run_in_the_application_context(app: Pottle, asynchronous: bool) -> None:
    torn_down: list[BaseException | None] = []

    @app.teardown_appcontext
    async def teardown(error: BaseException | None) -> None:
        torn_down.append(error)

    if asynchronous:

        @app.cli.command("work")
        @click.option("--times", default=1)
        async def work(times: int) -> None:
            g.name = current_app.name * times
            await asyncio.sleep(0)
            click.echo(g.name)
    else:

        @app.cli.command("work")
        @click.option("--times", default=1)
        def work(times: int) -> None:
            g.name = current_app.name * times
            click.echo(g.name)

    result = app.test_cli_runner().invoke(args=["work", "--times", "2"], catch_exceptions=False)
    assert result.output == app.name * 2 + "\n"
    assert torn_down == [None]


async def test_commands_can_be_tested_in_an_asynchronous_test(app: Pottle) -> None:
    @app.cli.command()
    async def work() -> None:
        await asyncio.sleep(0)
        click.echo(current_app.name)

    @app.cli.command("plain", with_appcontext=False)
    async def plain() -> None:
        click.echo("plain")

    runner = app.test_cli_runner()
    assert runner.invoke(args=["work"], catch_exceptions=False).output == app.name + "\n"
    assert runner.invoke(args=["plain"], catch_exceptions=False).output == "plain\n"


def test_a_plain_command_may_run_an_event_loop(app: Pottle) -> None:
    @app.cli.command()
    def work() -> None:
        async def main() -> str:
            return current_app.name

        click.echo(asyncio.run(main()))

    assert app.test_cli_runner().invoke(args=["work"]).output == app.name + "\n"


def test_without_the_context(app: Pottle) -> None:
    @app.cli.command(with_appcontext=False)
    async def apart() -> None:
        await asyncio.sleep(0)
        click.echo(str(bool(current_app)))

    assert app.test_cli_runner().invoke(args=["apart"]).output == "False\n"


def test_a_command_that_fails(app: Pottle) -> None:
    torn_down: list[BaseException | None] = []
    app.teardown_appcontext(torn_down.append)

    @app.cli.command()
    async def fail() -> None:
        raise RuntimeError("broken")

    result = app.test_cli_runner().invoke(args=["fail"])
    assert isinstance(result.exception, RuntimeError)
    assert torn_down == [result.exception]


def test_commands_made_with_click_alone(app: Pottle) -> None:
    @click.command()
    @with_appcontext
    async def inside() -> None:
        click.echo(current_app.name)

    @click.command()
    @with_appcontext()
    def inside_too() -> None:
        click.echo(current_app.name)

    @click.command()
    async def outside() -> None:
        click.echo("outside")

    for command in (inside, inside_too, outside):
        app.cli.add_command(command)
    runner = app.test_cli_runner()
    outputs = [runner.invoke(args=[name]).output for name in ("inside", "inside-too", "outside")]
    assert outputs == [f"{app.name}\n", f"{app.name}\n", "outside\n"]


def test_commands_that_invoke_one_another(app: Pottle) -> None:
    @app.cli.command()
    async def inner() -> str:
        g.calls = g.get("calls", 0) + 1
        return f"inner {g.calls}"

    @app.cli.command()
    @click.pass_context
    async def outer(ctx: click.Context) -> None:
        await ctx.invoke(inner)
        click.echo(await ctx.invoke(inner))

    @app.cli.command()
    @click.pass_context
    def plain(ctx: click.Context) -> None:
        ctx.invoke(inner)
        click.echo(ctx.invoke(inner))

    runner = app.test_cli_runner()
    for name in ("outer", "plain"):
        assert runner.invoke(args=[name], catch_exceptions=False).output == "inner 2\n"


def test_groups_of_commands(app: Pottle) -> None:
    @app.cli.group()
    def database() -> None:
        click.echo("opened")

    @database.command
    async def create() -> None:
        click.echo(current_app.name)

    assert isinstance(database, AppGroup)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["database", "create"]).output == f"opened\n{app.name}\n"


def test_commands_of_blueprints(app: Pottle) -> None:
    news = Blueprint("news", __name__)
    merged = Blueprint("merged", __name__, cli_group=None)
    named = Blueprint("named", __name__, cli_group="other")
    for blueprint in (news, merged, named):

        @blueprint.cli.command(f"{blueprint.name}-work")
        async def work() -> None:
            click.echo(current_app.name)

        app.register_blueprint(blueprint)
    runner = app.test_cli_runner()
    for args in (["news", "news-work"], ["merged-work"], ["other", "named-work"]):
        assert runner.invoke(args=args).output == f"{app.name}\n", args


# Commands of packages


def test_entry_points(app: Pottle, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "flask.commands": [],
        "pottle.commands": [
            EntryPoint("tool", f"{__name__}:tool", "pottle.commands"),
            EntryPoint("broken", "no_such_package:command", "pottle.commands"),
        ],
    }
    monkeypatch.setattr(pottle.cli.groups, "entry_points", lambda group: points[group])
    group = PottleGroup(create_app=lambda: app)
    runner = CliRunner()
    shown = runner.invoke(group, ["tool"])
    assert shown.stdout == "at work\n"
    assert "The command 'broken' of the entry point 'no_such_package:command'" in shown.stderr
    assert "tool" in runner.invoke(group, ["--help"]).output


@click.command()
def tool() -> None:
    click.echo("at work")


# Files with environment variables


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ABCD":
        monkeypatch.setenv(f"DOTENV_{name}", "set")  # to be restored
        monkeypatch.delenv(f"DOTENV_{name}")


def env(*names: str) -> list[str | None]:
    return [os.environ.get(f"DOTENV_{name}") for name in names]


@pytest.mark.usefixtures("variables")
def test_load_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_dotenv()
    (tmp_path / ".env").write_text("DOTENV_A=env\nDOTENV_B=env\nDOTENV_D=env\n")
    (tmp_path / ".pottleenv").write_text("DOTENV_B=pottleenv\nDOTENV_C=pottleenv\n")
    (tmp_path / "own").write_text("DOTENV_A=own\n")
    monkeypatch.setenv("DOTENV_D", "before")
    assert load_dotenv("own")
    assert env("A", "B", "C", "D") == ["own", "env", "pottleenv", "before"]


@pytest.mark.usefixtures("variables")
def test_load_one_file_only(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOTENV_A=env\n")
    assert not load_dotenv("not there", load_defaults=False)
    assert env("A") == [None]


@pytest.mark.usefixtures("variables")
def test_files_are_read_before_a_command(
    app: Pottle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DOTENV_A=env\nDOTENV_B=env\n")
    (tmp_path / "own").write_text("DOTENV_B=own\n")
    group = PottleGroup(create_app=lambda: app)
    runner = CliRunner()
    assert runner.invoke(group, ["-e", "own", "routes"]).exit_code == 0
    assert env("A", "B") == ["env", "own"]
    monkeypatch.delenv("DOTENV_A")
    quiet = PottleGroup(create_app=lambda: app, load_dotenv=False)
    assert runner.invoke(quiet, ["routes"]).exit_code == 0
    assert env("A") == [None]
    monkeypatch.setenv("POTTLE_SKIP_DOTENV", "1")
    assert runner.invoke(group, ["routes"]).exit_code == 0
    assert env("A") == [None]


def test_without_python_dotenv(
    app: Pottle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    assert not load_dotenv()
    assert capsys.readouterr().err == ""
    (tmp_path / ".env").touch()
    assert not load_dotenv()
    assert "python-dotenv is not installed" in capsys.readouterr().err
    shown = CliRunner().invoke(PottleGroup(create_app=lambda: app), ["-e", ".env", "routes"])
    assert shown.exit_code == 2
    assert "python-dotenv must be installed" in shown.output


# Routes


@pytest.fixture
def routed() -> Pottle:
    app = Pottle(__name__, static_folder=None)
    app.add_url_rule("/zoo", "animals", methods=["GET", "POST"])
    app.add_url_rule("/<int:number>/a", "zulu", methods=["DELETE"])

    @app.websocket("/live")
    async def live() -> None: ...

    return app


def test_routes(routed: Pottle) -> None:
    assert invoke(routed, "routes").output == (
        "Endpoint  Methods    Rule\n"
        "--------  ---------  ---------------\n"
        "animals   GET, POST  /zoo\n"
        "live      WS         /live\n"
        "zulu      DELETE     /<int:number>/a\n"
    )


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("endpoint", ["animals", "live", "zulu"]),
        ("rule", ["zulu", "live", "animals"]),
        ("methods", ["zulu", "animals", "live"]),
        ("domain", ["animals", "zulu", "live"]),
        ("match", ["animals", "zulu", "live"]),
    ],
)
def test_sorted_routes(routed: Pottle, sort: str, expected: list[str]) -> None:
    lines = invoke(routed, "routes", "--sort", sort).output.splitlines()[2:]
    assert [line.split()[0] for line in lines] == expected


def test_all_methods(routed: Pottle) -> None:
    shown = invoke(routed, "routes", "--all-methods").output
    assert "GET, HEAD, OPTIONS, POST" in shown


def test_routes_with_domains() -> None:
    app = Pottle(__name__, static_folder=None)
    app.add_url_rule("/", "plain")
    app.add_url_rule("/", "sub", subdomain="api")
    assert invoke(app, "routes", "-s", "domain").output.splitlines()[0].split() == [
        "Endpoint", "Methods", "Subdomain", "Rule",
    ]  # fmt: skip
    app = Pottle(__name__, static_folder=None, host_matching=True)
    app.add_url_rule("/", "one", host="example.com")
    lines = invoke(app, "routes").output.splitlines()
    assert lines[0].split() == ["Endpoint", "Methods", "Host", "Rule"]
    assert lines[2].split() == ["one", "GET", "example.com", "/"]


def test_no_routes() -> None:
    app = Pottle(__name__, static_folder=None)
    assert invoke(app, "routes").output == "No routes were registered.\n"


# The shell


def shell(folder: Path, *lines: str, **env: str) -> subprocess.CompletedProcess[str]:
    code = "\n".join(lines) + "\n"
    return run_command("--app", "shop", "shell", cwd=folder, env=env, stdin=code)


def test_shell(shop: Path) -> None:
    shown = shell(
        shop,
        "from pottle import current_app",
        "answer + 1",
        "import asyncio",
        "await asyncio.sleep(0, current_app.name)",
        "queue = asyncio.Queue()",
        "task = asyncio.create_task(queue.get())",
        "queue.put_nowait('from a task')",
        "await task",
    )
    assert shown.returncode == 0
    assert "43" in shown.stdout
    assert "'shop'" in shown.stdout
    assert "'from a task'" in shown.stdout
    assert "App: shop" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_shell_lives_on_after_errors(shop: Path) -> None:
    shown = shell(shop, "1 / 0", "await undefined", "raise KeyboardInterrupt", "f)", "answer")
    assert "ZeroDivisionError" in shown.stderr
    assert "NameError" in shown.stderr
    assert "KeyboardInterrupt" in shown.stderr
    assert "SyntaxError" in shown.stderr
    assert "42" in shown.stdout
    assert "cli/" not in shown.stderr


def test_shell_can_be_left(shop: Path) -> None:
    shown = shell(shop, "raise SystemExit(3)", "print('never')")
    assert shown.returncode == 3
    assert "never" not in shown.stdout


def test_shell_reads_the_start_up_file(shop: Path) -> None:
    (shop / "startup.py").write_text("prepared = 'by the start-up file'\nanswer = 0\n")
    shown = shell(shop, "prepared", "answer", PYTHONSTARTUP="startup.py")
    assert "'by the start-up file'" in shown.stdout
    assert "42" in shown.stdout
    assert "43" not in shell(shop, "answer", PYTHONSTARTUP="not_there.py").stdout


def test_shell_completes_names_at_a_terminal(app: Pottle, monkeypatch: pytest.MonkeyPatch) -> None:
    readline = pytest.importorskip("readline")
    from pottle.cli.shell import _set_up_readline

    called: list[bool] = []
    monkeypatch.setattr(sys, "__interactivehook__", lambda: called.append(True), raising=False)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    before = readline.get_completer()
    try:
        _set_up_readline({"an_unusual_name": 1})
        assert readline.get_completer()("an_unus", 0) == "an_unusual_name"
        monkeypatch.setitem(sys.modules, "readline", None)
        _set_up_readline({})
    finally:
        readline.set_completer(before)
    assert called == [True, True]
    monkeypatch.delattr(sys, "__interactivehook__")
    _set_up_readline({})
    assert called == [True, True]
