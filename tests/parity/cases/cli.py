"""Commands of the application."""

from __future__ import annotations

from ..case import Case, Differs, case, plain_code


def invoke(*args: str) -> dict[str, object]:
    return plain_code(f"""
        result = app.test_cli_runner().invoke(args={list(args)!r})
        return [result.exit_code, result.output, kind(result.exception) if result.exception else None]
    """)


def in_context(*outputs: str) -> Differs:
    places = {}
    for step, output in enumerate(outputs):
        places |= {f"{step}.value.0": 0, f"{step}.value.1": output, f"{step}.value.2": None}
    return Differs("commands are in an app context by default, as in Flask", places)


CASES: list[Case] = [
    case(
        "commands",
        """
        import click
        @app.cli.command("hello")
        @click.argument("name", default="you")
        @click.option("--loud", is_flag=True)
        def hello(name, loud):
            "Say hello."
            click.echo(f"hello {name}" + "!" * loud)
        @app.cli.command()
        def fails(): raise ValueError("x")
        @app.cli.command()
        def exits(): raise click.ClickException("stopped")
        @app.cli.group()
        def group(): "A group."
        @group.command("inner")
        def inner(): click.echo("inner")
        @app.cli.command("under_score")
        def under(): click.echo("under")
    """,
        invoke("hello"),
        invoke("hello", "me", "--loud"),
        invoke("fails"),
        invoke("exits"),
        invoke("group", "inner"),
        invoke("under_score"),
        invoke("hello", "--nope"),
    ),
    case(
        "app-context",
        """
        import click
        @app.cli.command("named")
        def named(): click.echo(current_app.name == app.name)
        @app.cli.command("config")
        def config(): click.echo(current_app.config["SECRET_KEY"])
    """,
        invoke("named"),
        invoke("config"),
        differs=in_context("True\n", "a secret of the tests\n"),
    ),
    case(
        "with-appcontext",
        """
        import click
        from quart.cli import with_appcontext, pass_script_info
        @click.command("explicit")
        @with_appcontext
        def explicit(): click.echo(current_app.name == app.name)
        app.cli.add_command(explicit)
        @click.command("info")
        @pass_script_info
        def info(script_info): click.echo(script_info.load_app() is app)
        app.cli.add_command(info)
    """,
        invoke("explicit"),
        invoke("info"),
    ),
    case(
        "async-with-asyncio-run",
        """
        import click
        @app.cli.command("work")
        def work():
            async def main():
                async with app.app_context():
                    click.echo(current_app.name == app.name)
            asyncio.run(main())
    """,
        invoke("work"),
    ),
    case(
        "runner",
        """
        import click
        @click.command()
        def plain(): click.echo("plain")
        @app.cli.command("env")
        def env():
            import os
            click.echo(os.environ.get("X_TEST"))
    """,
        plain_code(
            "r = app.test_cli_runner(); a = r.invoke(plain); b = r.invoke(args=['env'], env={'X_TEST': 'set'}); return [a.output, b.output]"
        ),
        plain_code("r = app.test_cli_runner(); return r.invoke(args=[]).exit_code in (0, 2)"),
    ),
    case(
        "own-runner-class",
        """
        from quart.testing import QuartCliRunner
        class Mine(QuartCliRunner):
            def invoke(self, *args, **kwargs):
                note("invoke")
                return super().invoke(*args, **kwargs)
        app.test_cli_runner_class = Mine
        import click
        @app.cli.command("hello")
        def hello(): click.echo("hello")
    """,
        invoke("hello"),
    ),
    case(
        "groups",
        """
        import click
        from quart.cli import AppGroup
        group = AppGroup("user")
        @group.command("create")
        @click.argument("name")
        def create(name): click.echo(f"{name} {current_app.name == app.name}")
        @group.group("sub")
        def sub(): pass
        @sub.command("deep")
        def deep(): click.echo("deep")
        app.cli.add_command(group)
    """,
        invoke("user", "create", "me"),
        invoke("user", "sub", "deep"),
        invoke("user", "none"),
        differs=in_context("me True\n"),
    ),
    case(
        "command-names",
        """
        @app.cli.command()
        def some_command(): pass
        @app.cli.command("given")
        def other(): pass
    """,
        plain_code("return sorted(app.cli.commands)"),
        plain_code("return [app.cli.name == app.name, type(app.cli).__name__]"),
    ),
    case(
        "script-info",
        """
        from quart.cli import ScriptInfo, NoAppException
        info = ScriptInfo(create_app=lambda *args: app)
    """,
        plain_code("return [info.load_app() is app, info.data]"),
        plain_code("return issubclass(NoAppException, __import__('click').UsageError)"),
    ),
    case(
        "module",
        "from quart.cli import AppGroup, QuartGroup, ScriptInfo, with_appcontext, pass_script_info, run_command, shell_command, routes_command, load_dotenv, NoAppException, main\n",
        plain_code(
            "return [run_command.name, shell_command.name, routes_command.name, issubclass(QuartGroup, AppGroup)]"
        ),
    ),
    case(
        "shell-context",
        """
        @app.shell_context_processor
        def more(): return {"x": 1}
    """,
        plain_code(
            "context = app.make_shell_context(); return [context['app'] is app, context['x'], 'g' in context]"
        ),
    ),
]
