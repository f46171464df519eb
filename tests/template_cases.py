"""Templates of every kind, and what they use: the cases of `test_templating_code`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import jinja2
from markupsafe import Markup

#: Templates that others extend, include and import.
SHARED = {
    "base": "<{% block head %}head of {{ who }}{% endblock %}|{% block body %}body{% endblock %}>{{ who }}",
    "middle": "{% extends 'base' %}{% block head %}[{{ super() }}]{% endblock %}",
    "part": "part of {{ who }}{% for x in numbers %}{{ x }}{% endfor %}",
    "waiting_part": "{{ later(who) }}{% for x in arriving(2) %}{{ x }}{% endfor %}",
    "macros": "{% set answer = 42 %}{% macro field(name, value='<', kind='te' ~ 'xt') %}"
    "<{{ kind }} {{ name }}={{ value }}{% if caller %}{{ caller(name) }}{% endif %}>{% endmacro %}",
    "scoped": "{% for x in numbers %}{% block item scoped %}{{ x }}{{ loop.index }}{% endblock %}{% endfor %}",
    "broken_base": "\n\n{% block body %}{% endblock %}",
    "broken_part": "\n\n\n{{ 1 // zero }}",
    "broken_macros": "{% macro bad() %}\n\n{{ 1 // zero() }}{% endmacro %}",
}

GOOD = {
    "text": "plain",
    "nothing": "",
    "escaping": "{{ text }} {{ markup }} {{ 5 }} {{ 2.5 }} {{ none }} {{ true }} {{ html }} {{ loud }}"
    "{{ numbers }} {{ row }} {{ thing }}",
    "safe": "{{ text | safe }} {{ text | e }} {{ text ~ markup }} {{ (text | e) ~ text }}",
    "no autoescape": "{% autoescape false %}{{ text }}{{ markup }}{% endautoescape %}{{ text }}",
    "volatile": "{% autoescape who == 'x' %}{{ text }}{{ later(text) }}{% endautoescape %}{{ text }}",
    "undefined": "{{ nothing }}{{ nothing is defined }}{% for x in nothing %}x{% else %}none{% endfor %}",
    "attributes": "{{ row.name }} {{ row['name'] }} {{ row.items }} {{ row.missing }} {{ row.get('id') }}"
    " {{ thing.name }} {{ thing.missing }} {{ thing.method(3) }} {{ numbers[0] }} {{ numbers[1:] }}"
    " {{ nested.deep.deeper }} {{ ordered.items }} {{ ordered.name }} {{ keyed.keys() | list }}",
    "awaiting": "{{ later(text) }} {{ later(later(1)) }} {{ thing.later('<') }} {{ promise() }}"
    "{{ later(thing).name }} {{ thing.soon.name }} {{ later(row).name }} {{ thing.pending }}",
    "filters": "{{ text | upper }} {{ text | waiting }} {{ numbers | map('string') | join('<') }}"
    "{{ arriving(3) | list }} {{ arriving(4) | join(text) }} {{ rows | map(attribute='name') | list }}"
    "{{ arriving(4) | map('string') | select | first }} {{ rows | groupby('odd') | list }}"
    "{{ arriving(3) | sum }} {{ numbers | batch(2) | list }} {{ rows | selectattr('odd') | list }}",
    "tests": "{{ 3 is odd }} {{ text is waited_for }} {% if 3 is waited_for %}yes{% else %}no{% endif %}",
    "conditions": "{% if later(0) %}a{% elif later('') %}b{% elif later(1) %}c{% else %}d{% endif %}"
    "{{ later('x') if later(1) else later('y') }} {{ 'z' if later(0) }}",
    "loops": "{% for x in numbers %}{{ x }},{% endfor %}{% for x in (1, 2) %}{{ x }}{% endfor %}"
    "{% for x in text %}{{ x }}{% endfor %}{% for x in generated(3) %}{{ x }}{% endfor %}"
    "{% for k, v in row.items() %}{{ k }}={{ v }};{% endfor %}{% for x in [] %}{% else %}empty{% endfor %}"
    "{% for k, (a, b) in pairs %}{{ k }}{{ a }}{{ b }}{% endfor %}{{ x }}",
    "arriving": "{% for x in arriving(3) %}{{ x }},{% endfor %}{% for x in arriving(0) %}{% else %}none"
    "{% endfor %}{% for k, v in later(pairs) %}{{ k }}{{ v }}{% endfor %}"
    "{% for a, b in arriving_pairs() %}{{ a }}{{ b }}{% endfor %}{% for x in later(numbers) %}{{ x }}{% endfor %}",
    "both ways": "{% for x in amphibian %}{{ x }}{% endfor %}",
    "nested loops": "{% for x in numbers %}{% for y in arriving(2) %}{% for z in numbers %}"
    "{{ x }}{{ y }}{{ z }} {% endfor %}{% endfor %}{% else %}none{% endfor %}",
    "filtered loops": "{% for x in numbers if x is odd %}{{ x }}{% else %}none{% endfor %}"
    "{% for x in arriving(5) if later(x) %}{{ x }}{{ loop.index }}{% endfor %}"
    "{% for x in numbers if x > 9 %}{% else %}none{% endfor %}",
    "loop variable": "{% for x in numbers %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.length }}"
    "{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.changed(x) }}"
    "{% endfor %}{% for x in arriving(3) %}{{ loop.index0 }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "recursive": "{% for x in tree recursive %}({{ x.name }}{{ loop.depth }}{{ loop(x.children) }}){% endfor %}",
    "breaks": "{% for x in numbers %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}"
    "{% for x in arriving(9) %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% else %}none{% endfor %}{{ note() }}",
    "variables": "{% set a = later(1) %}{% set b, c = 2, later(3) %}{{ a }}{{ b }}{{ c }}"
    "{% set block %}<{{ text }}{{ later(1) }}>{% endset %}{{ block }}"
    "{% set upper | upper %}{{ text }}{% endset %}{{ upper }}"
    "{% set ns = namespace(n=0) %}{% for x in numbers %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}",
    "with": "{% with a = later(1), b = text %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "filter block": "{% filter upper %}{{ text }}{{ later('y') }}{% for x in arriving(2) %}{{ x }}{% endfor %}{% endfilter %}",
    "macro": "{% macro m(a, b=text) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{{ later(a) }}{% endmacro %}"
    "{{ m(1) }}{{ m(text, 3, 4, c=5) }}{{ m(m(1)) }}{% for x in numbers %}{{ m(x) }}{% endfor %}",
    "call": "{% macro m(a) %}<{{ caller(a) }}>{% endmacro %}{% call(x) m(text) %}{{ x }}{{ later(x) }}{% endcall %}",
    "block in macro": "{% macro m() %}{% for x in arriving(2) %}{{ x }}{% endfor %}{% include 'part' %}{% endmacro %}{{ m() }}",
    "inheritance": "{% extends 'middle' %}{% block head %}{{ super() }}{{ later(who) }}{% endblock %}"
    "{% block body %}{{ self.head() }}{{ super() }}{% for x in numbers %}{{ x }}{% endfor %}{% endblock %}",
    "inheritance by name": "{% extends later(parent) %}{% block body %}{{ super.super }}{% endblock %}",
    "inheritance at times": "{% if who %}{% extends 'base' %}{% endif %}gone{% block body %}here{% endblock %}",
    "no inheritance": "{% if not who %}{% extends 'base' %}{% endif %}kept{% block body %}here{% endblock %}",
    "scoped blocks": "{% extends 'scoped' %}{% block item %}<{{ x }}{{ super() }}>{% endblock %}",
    "required": "{% extends 'base' %}{% block body required %}{% endblock %}",
    "include": "{% include 'part' %}{% for numbers in [[7], [8]] %}{% include 'part' %}{% endfor %}"
    "{% include 'part' without context %}{% include 'waiting_part' %}"
    "{% include ['none', 'part'] %}{% include 'none' ignore missing %}{% include later('part') %}",
    "import": "{% import 'macros' as m %}{{ m.field('n') }}{{ m.answer }}{% from 'macros' import field, answer as a %}"
    "{{ field(text, text) }}{{ a }}{% call(x) field('n') %}{{ x }}{% endcall %}{% from 'macros' import nobody %}{{ nobody }}",
    "import with context": "{% import 'part' as p with context %}{{ p }}{% from 'macros' import field with context %}{{ field(1) }}",
    "extensions": "{% do log.append(later('done')) %}{% trans %}hello {{ who }}{% endtrans %}"
    "{% trans n=numbers | length %}one{% pluralize %}{{ n }} of them{% endtrans %}",
    "called classes": "{{ range(3) | list }} {{ dict(a=1).a }} {{ cycler('a', 'b').next() }} {{ callable('<') }}",
    "marked": "{{ contextual('who') }}{% for x in numbers %}{% set y = x %}{{ contextual('y') }}{% endfor %}"
    "{{ evaluated() }}{{ environmental() }}{{ stopping() }}",
    "finalize": "{{ none }}{{ later(none) }}{{ 1 }}{{ text }}",
}

BAD = {
    "divided": "\n{{ 1 // later(0) }}",
    "in a loop": "{% for x in numbers %}\n\n{{ 1 // (x - 2) }}\n{% endfor %}",
    "in a loop that waits": "\n{% for x in arriving(3) %}\n{{ 1 // x }}\n{% endfor %}",
    "not to be looped over": "\n\n{% for x in 5 %}{% endfor %}",
    "not to be unpacked": "\n{% for a, b in numbers %}{% endfor %}",
    "while looping": "\n\n{% for x in failing() %}\n{{ x }}{% endfor %}",
    "while waiting": "\n\n{% for x in failing_later() %}\n{{ x }}{% endfor %}",
    "in a function": "\n{{ text }}\n{{ fail() }}",
    "in a coroutine": "\n{{ text }}\n{{ fail_later() }}",
    "while escaping": "{{ text }}\n{{ text }}{{\nunprintable }}",
    "in an attribute": "\n{{ nothing.more }}",
    "in a filter": "\n\n{{ text | failing_filter }}",
    "unknown filter": "\n{% if who %}{{ text | nobody }}{% endif %}",
    "syntax": "\n\n{% if %}",
    "in a block": "{% extends 'broken_base' %}\n{% block body %}\n{{ 1 // later(0) }}{% endblock %}",
    "in super": "{% extends 'middle' %}{% block head %}\n{{ super() }}{{ fail() }}{% endblock %}",
    "in an include": "\n\n{% include 'broken_part' %}",
    "in a macro": "\n{% from 'broken_macros' import bad with context %}\n{{ bad() }}",
    "in a test": "{% if text %}\n{% elif 1 %}{% endif %}\n{% if 1 // later(0) %}{% endif %}",
    "no template": "\n\n{% include 'none' %}",
    "twice": "{% extends 'base' %}\n{% extends 'base' %}",
    "assigned": "\n{% set row.name = 1 %}",
    "no iterator": "\n{{ text }}\n{{ ended_later() }}",
}


class Thing:
    name = "<thing>"

    def method(self, n: int) -> int:
        return n * 2

    async def later(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    @property
    def soon(self) -> Any:
        return self.later(self)

    @property
    def pending(self) -> Any:
        return asyncio.ensure_future(self.later("done"))

    def __str__(self) -> str:
        return "<a thing>"


class Awaitable:
    def __await__(self) -> Iterator[Any]:
        yield from asyncio.sleep(0).__await__()
        return "<kept>"


class Html:
    def __html__(self) -> str:
        return "<html>"


class Loud(str):
    def __html__(self) -> str:
        return self.upper()


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("not printable")


class Amphibian:
    def __iter__(self) -> Iterator[str]:
        return iter("sync")

    async def __aiter__(self) -> Any:
        for letter in "async":
            yield letter


class Calling:
    async def __call__(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return value


class Ordered(dict[str, Any]):
    items = "of the class"  # type: ignore[assignment]


def failing() -> Iterator[int]:
    yield 1
    raise KeyError("failing")


async def failing_later() -> Any:
    yield 1
    raise KeyError("failing")


def fail() -> None:
    raise LookupError("failed")


async def fail_later() -> None:
    await asyncio.sleep(0)
    raise LookupError("failed")


async def ended_later() -> None:
    raise StopAsyncIteration


def stopping() -> None:
    raise StopIteration


async def arriving_pairs() -> Any:
    yield 1, 2
    yield "<", ">"


@jinja2.pass_context
def contextual(context: Any, name: str) -> Any:
    return context[name]


@jinja2.pass_eval_context
async def evaluated(context: Any) -> Any:
    return context.autoescape


@jinja2.pass_environment
def environmental(environment: Any) -> Any:
    return environment.is_async


def noting(log: list[Any]) -> dict[str, Any]:
    """Functions that note in *log* that they were called."""

    async def later(value: Any) -> Any:
        log.append(("later", str(value)))
        await asyncio.sleep(0)
        return value

    async def arriving(count: int) -> Any:
        try:
            for n in range(count):
                await asyncio.sleep(0)
                log.append(("arriving", n))
                yield n
        finally:
            log.append("closed")

    def generated(count: int) -> Iterator[int]:
        for n in range(count):
            log.append(("generated", n))
            yield n

    def note() -> str:
        log.append("noted")
        return ""

    return {"arriving": arriving, "generated": generated, "later": later, "note": note}


LEAF = {"name": "leaf", "children": ()}
VALUES: dict[str, Any] = {
    "amphibian": Amphibian(),
    "callable": Calling(),
    "html": Html(),
    "keyed": {"keys": 1, 2: 3},
    "loud": Loud("<loud>"),
    "markup": Markup("<b>"),
    "nested": {"deep": {"deeper": "<deep>"}},
    "numbers": [1, 2, 3],
    "ordered": Ordered(name="<n>"),
    "pairs": {"a": ("1", 2), "b": "34"}.items(),
    "parent": "middle",
    "promise": Awaitable,
    "row": {"id": 1, "name": "<row>"},
    "rows": [{"name": n, "odd": n % 2} for n in range(4)],
    "text": "<&'\"> a",
    "thing": Thing(),
    "tree": [{"name": "<root>", "children": [LEAF, LEAF]}],
    "unprintable": Unprintable(),
    "who": "<you>",
    "zero": lambda: 0,
}
FUNCTIONS = (
    arriving_pairs,
    contextual,
    ended_later,
    environmental,
    evaluated,
    fail,
    fail_later,
    failing,
    failing_later,
    stopping,
)


def surroundings(log: list[Any]) -> dict[str, Any]:
    """What the templates use."""
    functions = {function.__name__: function for function in FUNCTIONS}
    return {**functions, **noting(log), **VALUES, "log": log}


async def waiting(value: Any) -> Any:
    await asyncio.sleep(0)
    return f"<{value}>"


async def waited_for(value: Any) -> bool:
    await asyncio.sleep(0)
    return value == 3


def failing_filter(value: Any) -> None:
    raise OverflowError(value)


def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
    source = {**SHARED, **GOOD, **BAD}.get(name)
    return None if source is None else (source, f"/templates/{name}", lambda: True)
