"""The cheaper code of templates does what jinja's own asynchronous code does, errors included.

Every template here is rendered in an environment of jinja's and in one of ours; what comes out, piece
by piece and as a whole, what is called in which order, and where in the template an error is found
must be the same.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import re
import traceback
from typing import Any, cast

import jinja2
import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.compiler import CodeGenerator
from jinja2.nativetypes import NativeEnvironment
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment, SecurityError
from markupsafe import Markup

from pottle import Pottle
from pottle.jinja import AsyncEnvironment, Globals, cheaper
from pottle.templating import render_template
from template_cases import (
    BAD,
    GOOD,
    SHARED,
    Loud,
    Thing,
    failing_filter,
    load,
    surroundings,
    waited_for,
    waiting,
)


def environment(base: Any, **options: Any) -> Any:
    extensions = [f"jinja2.ext.{name}" for name in ("do", "i18n", "loopcontrols", "debug")]
    made = base(
        **{
            "autoescape": True,
            "enable_async": True,
            "extensions": extensions,
            "loader": jinja2.FunctionLoader(load),
            **options,
        }
    )
    made.install_null_translations()  # type: ignore[attr-defined, unused-ignore]
    made.filters.update(waiting=waiting, failing_filter=failing_filter)
    made.tests["waited_for"] = waited_for
    return made


async def outcome(environment: Any, name: str) -> list[Any]:
    """All that can be told of rendering *name*: as a whole, and in pieces."""
    told: list[Any] = []
    for whole in (True, False):
        log: list[Any] = []
        try:
            template = environment.get_template(name)
            if whole:
                told.append(await template.render_async(surroundings(log)))
            else:
                pieces = [piece async for piece in template.generate_async(surroundings(log))]
                told.append([(type(piece), piece) for piece in pieces])
        except Exception as error:
            told.append((type(error), str(error), places(error)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        told.append(log)
    return [re.sub(" at 0x[0-9a-f]+", "", repr(each)) for each in told]


async def differences(jinjas: Any, ours: Any) -> dict[str, tuple[list[Any], list[Any]]]:
    both = {
        name: (await outcome(jinjas, name), await outcome(ours, name)) for name in {**GOOD, **BAD}
    }
    return {name: (jinja, our) for name, (jinja, our) in both.items() if jinja != our}


def places(error: Exception) -> list[tuple[str, int | None, str]]:
    """Where in templates, and in the functions here, *error* was on its way."""
    frames = traceback.extract_tb(error.__traceback__)
    return [
        (frame.filename, frame.lineno, frame.name)
        for frame in frames
        if frame.filename.startswith("/templates/") or frame.filename == __file__
    ]


OPTIONS: dict[str, dict[str, Any]] = {
    "escaping": {},
    "plain": {"autoescape": False},
    "by name": {"autoescape": lambda name: name != "loops"},
    "finalize": {"finalize": lambda value: "(none)" if value is None else value},
    "not optimized": {"optimized": False},
    "strict": {"undefined": jinja2.StrictUndefined},
    "debugging": {"undefined": jinja2.DebugUndefined},
    "chaining": {"undefined": jinja2.ChainableUndefined},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
async def test_it_does_what_jinja_does(options: dict[str, Any]) -> None:
    jinjas, ours = (environment(base, **options) for base in (jinja2.Environment, AsyncEnvironment))
    assert await differences(jinjas, ours) == {}
    if options:
        return
    for name in {**SHARED, **GOOD}:
        # Each of them was recognised, so that this was a comparison.
        functions = [
            ours.get_template(name).root_render_func,
            *ours.get_template(name).blocks.values(),
        ]
        assert all(inspect.iscoroutinefunction(function.joined) for function in functions), name
        assert all(inspect.isasyncgenfunction(function) for function in functions), name


async def test_the_cases_are_what_they_say() -> None:
    """What should render does so with jinja, and what should fail fails."""
    made = environment(jinja2.Environment)
    for name in {**GOOD, **BAD}:
        failed = (await outcome(made, name))[0].startswith("(<class")
        assert failed is (name in BAD), name


#: Environments with methods of their own, each on top of jinja's and under ours.
class Counting(jinja2.Environment):
    """Sees each look-up, whichever way."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return f"{super().getattr(obj, attribute)}!"


class OwnGenerator(CodeGenerator):
    def visit_TemplateData(self, node: Any, frame: Any) -> None:
        self.write(repr(node.data.upper()))

    def _output_child_to_const(self, node: Any, frame: Any, finalize: Any) -> str:
        return super()._output_child_to_const(node, frame, finalize).upper()


class Generating(jinja2.Environment):
    code_generator_class = OwnGenerator


class OwnContext(jinja2.runtime.Context):
    def resolve_or_missing(self, key: str) -> Any:
        return "own" if key == "who" else super().resolve_or_missing(key)


class Resolving(jinja2.Environment):
    context_class = OwnContext


class Concatenating(jinja2.Environment):
    @staticmethod
    def concat(pieces: Any) -> str:  # type: ignore[override]
        return "-".join(pieces)


BASES = [
    Concatenating,
    Generating,
    ImmutableSandboxedEnvironment,
    NativeEnvironment,
    Resolving,
    SandboxedEnvironment,
]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("first", [True, False])
async def test_environments_of_other_kinds(base: Any, first: bool) -> None:
    both = (AsyncEnvironment, base) if first else (base, AsyncEnvironment)
    mixed = type("Mixed", both, {})
    assert await differences(environment(base), environment(mixed)) == {}


async def test_overridden_look_ups_are_asked() -> None:
    class Ours(AsyncEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            return f"{super().getattr(obj, attribute)}!"

    template = environment(Ours).from_string("{{ row.name }} {{ thing.name }}")
    assert await template.render_async(row={"name": 1}, thing=Thing()) == "1! &lt;thing&gt;!"


async def test_a_sandbox_stays_closed() -> None:
    class Ours(AsyncEnvironment, SandboxedEnvironment):
        pass

    made = environment(Ours)
    for source in ("{{ f.__globals__ }}", "{{ row.__class__ }}"):
        assert await made.from_string(source).render_async(f=load, row={}) == ""
    with pytest.raises(SecurityError):
        await made.from_string("{{ row.__class__.__mro__ }}").render_async(row={})


# Escaping


#: Templates that show the same value, each in an environment of jinja's and in ours.
SHOWING = [
    [environment(base).from_string(source) for base in (jinja2.Environment, AsyncEnvironment)]
    for source in ("{{ v }}", "{{ v }}{{ v }}", "{% macro m(v) %}{{ v }}{% endmacro %}{{ m(v) }}")
]

values = st.one_of(
    st.text(),
    st.text("<>&'\"ab é\0"),
    st.text().map(Markup),
    st.text().map(Loud),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(),
    st.decimals(),
    st.dates(),
    st.lists(st.text("<&")),
    st.dictionaries(st.text("<&"), st.text("<&")),
)


@given(values)
def test_values_are_escaped_as_ever(value: Any) -> None:
    async def run() -> None:
        for jinjas, ours in SHOWING:
            assert await ours.render_async(v=value) == await jinjas.render_async(v=value)

    asyncio.run(run())


@pytest.mark.parametrize("change", ["gone", "other"])
async def test_escaping_without_what_markupsafe_keeps_for_itself(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    if hasattr(markupsafe, "_escape_inner"):
        if change == "gone":
            monkeypatch.delattr(markupsafe, "_escape_inner")
        else:
            monkeypatch.setattr(markupsafe, "_escape_inner", lambda text: text)
    # The module has the original by its name.
    template = environment(AsyncEnvironment).from_string("{{ v }}")
    assert cast(Any, template.root_render_func).__globals__["p_escapes"].get(str) is None
    monkeypatch.undo()
    assert await template.render_async(v="<b>") == "&lt;b&gt;"


# Globals


async def test_globals_may_change_between_renderings() -> None:
    made = environment(AsyncEnvironment)
    template = made.from_string("{{ a }}{{ b }}{{ c }}", globals={"b": "template"})
    made.globals.update(a="environment", b="environment")
    assert await template.render_async() == "environmenttemplate"
    made.globals["a"] = "changed"
    assert await template.render_async(c="argument") == "changedtemplateargument"
    del made.globals["a"]
    template.globals["c"] = "later"
    assert await template.render_async(b="argument") == "argumentlater"
    assert [piece async for piece in template.generate_async(b="x")] == ["", "x", "later"]
    assert "b" in template.globals
    assert set(template.globals) == {*made.globals, "b", "c"} == template.globals.keys()
    assert list(template.globals) == list(
        jinja2.Environment.make_globals(made, template.globals.maps[0])
    )


async def test_contexts_are_as_jinja_makes_them() -> None:
    seen: list[Any] = []

    @jinja2.pass_context
    def look(context: Any) -> str:
        seen.append(
            (list(context.parent), context.get_all(), sorted(context.globals_keys), context.name)
        )
        return ""

    for base in (jinja2.Environment, AsyncEnvironment):
        made = base(enable_async=True, loader=jinja2.DictLoader({"p": "{{ look() }}"}))
        made.globals.update(look=look, g=1)
        source = "{% set a = 1 %}{{ look() }}{% for x in [1] %}{% set y = 2 %}{{ look() }}{% include 'p' %}"
        source += "{% endfor %}{% import 'p' as p %}{% import 'p' as p with context %}"
        await made.from_string(source, globals={"t": 2}).render_async({"v": 3, "g": 4})
    half = len(seen) // 2
    assert len(seen) == 10
    for jinjas, ours in zip(seen[:half], seen[half:], strict=True):
        assert str(ours) == str(jinjas)


async def test_imports_see_new_globals() -> None:
    """The module of an imported template is kept, unless the importing one has globals of its own."""
    for base in (jinja2.Environment, AsyncEnvironment):
        made = base(enable_async=True, loader=jinja2.DictLoader({"m": "{% set v = own %}"}))
        source = "{% import 'm' as m %}{{ m.v }}"
        for own in ("one", "two"):
            assert await made.from_string(source, globals={"own": own}).render_async() == own
        assert await made.from_string(source).render_async() == ""


def test_globals_that_are_made_otherwise() -> None:
    class Ours(AsyncEnvironment):
        def make_globals(self, d: Any) -> Any:
            return {**self.globals, **(d or {}), "made": "otherwise"}

    made = environment(Ours)
    assert asyncio.run(made.from_string("{{ made }}").render_async()) == "otherwise"
    assert Globals({"a": 1}, {"a": 2, "b": 3}).flat() == {"a": 1, "b": 3}


# Code


class Cache(jinja2.BytecodeCache):
    def __init__(self) -> None:
        self.codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Any) -> None:
        if (code := self.codes.get(bucket.key)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Any) -> None:
        self.codes[bucket.key] = bucket.bytecode_to_string()


@pytest.mark.parametrize("bases", [(jinja2.Environment, AsyncEnvironment)] * 2)
@pytest.mark.parametrize("turned", [False, True])
async def test_a_bytecode_cache_may_be_shared(bases: tuple[Any, Any], turned: bool) -> None:
    cache = Cache()
    expected = await outcome(environment(jinja2.Environment), "inheritance")
    for base in reversed(bases) if turned else bases:
        for _ in range(2):
            made = environment(base, bytecode_cache=cache)
            assert await outcome(made, "inheritance") == expected
    assert len(cache.codes) == 3


async def test_what_is_not_known_stays() -> None:
    class Generator(CodeGenerator):
        def visit_Block(self, node: Any, frame: Any) -> None:
            self.writeline("sent = yield 'odd'")

    class Ours(AsyncEnvironment):
        code_generator_class = Generator

    template = environment(Ours).from_string("a{% block b %}{% endblock %}c")
    assert not hasattr(template.root_render_func, "joined")
    assert await template.render_async() == "aoddc"
    assert [piece async for piece in template.generate_async()] == ["a", "odd", "c"]
    source = "x = await auto_await(y)"
    assert ast.unparse(cheaper(source, "file")) == source


async def test_templates_may_be_deep() -> None:
    cases = "".join(f"{{% elif v == {n} %}}{n}" for n in range(600))
    template = environment(AsyncEnvironment).from_string(f"{{% if v < 0 %}}{cases}{{% endif %}}")
    assert await template.render_async(v=599) == "599"


def test_plain_code_is_left_alone() -> None:
    made = environment(AsyncEnvironment, enable_async=False)
    template = made.from_string("{{ row.name }}{{ text }}")
    assert template.render(row={"name": "<"}, text=">") == "&lt;&gt;"
    assert "p_plain" not in cast(Any, template.root_render_func).__globals__
    with pytest.raises(RuntimeError, match="async mode"):
        asyncio.run(template.render_async())


async def test_many_at_the_same_time() -> None:
    async def later(value: Any) -> Any:
        await asyncio.sleep(0.001 * (value % 3))
        return value

    source = "{% for x in xs %}{{ later(x) }},{{ n }};{% endfor %}"
    template = environment(AsyncEnvironment).from_string(source)
    rendered = await asyncio.gather(
        *(template.render_async(xs=range(n), n=n, later=later) for n in range(20))
    )
    assert rendered == ["".join(f"{x},{n};" for x in range(n)) for n in range(20)]


async def test_pieces_do_not_wait_for_one_another() -> None:
    ready = asyncio.Event()

    async def later() -> str:
        await ready.wait()
        return "late"

    pieces = (
        environment(AsyncEnvironment).from_string("early{{ later() }}").generate_async(later=later)
    )
    assert await anext(pieces) == "early"
    ready.set()
    assert [piece async for piece in pieces] == ["late"]


async def test_a_cancelled_rendering_is_tidied_up() -> None:
    log: list[Any] = []
    template = environment(AsyncEnvironment).from_string(
        "{% for x in arriving(3) %}{{ never() }}{% endfor %}"
    )
    never = asyncio.get_running_loop().create_future
    task = asyncio.ensure_future(template.render_async(surroundings(log), never=never))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    await asyncio.sleep(0.01)
    assert log == [("arriving", 0), "closed"]


async def test_an_application_has_it() -> None:
    app = Pottle("some_app", root_path="/")
    template = app.jinja_env.from_string("{{ g.name }}")
    assert inspect.iscoroutinefunction(cast(Any, template.root_render_func).joined)
    async with app.app_context():
        assert await render_template(template, g={"name": "<b>"}) == "&lt;b&gt;"
