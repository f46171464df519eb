"""``pottle routes``: a table of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pottle.cli.info import ScriptInfo, pass_script_info
from pottle.cli.options import alias_options, app_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.routing import Map, Rule

_SELF_ANSWERED = {"HEAD", "OPTIONS"}


@click.command("routes", short_help="Show the routes of the application.")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(("endpoint", "methods", "domain", "rule", "match")),
    default="endpoint",
    show_default=True,
    help="What to sort by; 'match' is the order in which rules are tried.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS, too.")
@pass_script_info
def routes_command(info: ScriptInfo, sort: str, all_methods: bool) -> None:
    """Show the endpoint, the methods and the rule of each route; WS is a websocket."""
    url_map: Map = info.load_app().url_map
    columns: dict[str, Callable[[Rule], str]] = {
        "Endpoint": lambda rule: str(rule.endpoint),
        "Methods": lambda rule: _methods(rule, all_methods),
        "Domain": lambda rule: _domain(rule, url_map),
        "Rule": lambda rule: rule.rule,
    }
    rules = list(url_map.iter_rules())
    if not rules:
        click.echo("No routes were registered.")
        return
    if sort != "match":
        rules.sort(key=columns[sort.title()])
    rows = [[show(rule) for show in columns.values()] for rule in rules]
    titles = list(columns)
    titles[2] = "Host" if url_map.host_matching else "Subdomain"
    if not any(row[2] for row in rows):
        rows = [[*row[:2], row[3]] for row in rows]
        del titles[2]
    _print_table(titles, rows)


def _methods(rule: Any, all_methods: bool) -> str:
    if rule.websocket:
        return "WS"
    methods: set[str] = set(rule.methods or ())
    return ", ".join(sorted(methods if all_methods else methods - _SELF_ANSWERED))


def _domain(rule: Rule, url_map: Map) -> str:
    return (rule.host if url_map.host_matching else rule.subdomain) or ""


def _print_table(titles: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, ["-" * width for width in widths], *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


routes_command.params[:0] = [app_option, *alias_options]
