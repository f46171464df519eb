"""Templates: rendering, context, filters, loaders, autoescaping, streaming."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, ws

CASES: list[Case] = [
    case(
        "render",
        """
        @app.route("/")
        async def view():
            return await render_template("page.html", name="<me>", items=[1, 2])
        @app.route("/text")
        async def text_():
            return await render_template("page.txt", name="<me>")
        @app.route("/string")
        async def string():
            return await render_template_string("{{ name }} {{ name|safe }}{% if true %}!{% endif %}", name="<b>")
        @app.route("/list")
        async def list_():
            return await render_template(["none.html", "page.txt"], name="x")
        @app.route("/none")
        async def none():
            return await render_template("none.html")
        @app.route("/object")
        async def object_():
            return await render_template(app.jinja_env.get_template("page.txt"), name="x")
    """,
        "GET /",
        "GET /text",
        "GET /string",
        "GET /list",
        "GET /none",
        "GET /object",
        files={
            "templates/page.html": "{% extends 'base.html' %}{% block body %}<p>{{ name }}</p>{% for item in items %}{{ loop.index }}={{ item }};{% endfor %}{% endblock %}",
            "templates/base.html": "<html>{% block body %}{% endblock %}{% include 'part.html' %}</html>",
            "templates/part.html": "part of {{ name }}\n",
            "templates/page.txt": "text {{ name }}",
        },
    ),
    case(
        "autoescape",
        """
        @app.route("/<name>")
        async def view(name):
            return await render_template(name, v="<b>&'\\"")
        @app.route("/none")
        async def none():
            return str([app.select_jinja_autoescape(n) for n in (None, "a.html", "a.HTML", "a.txt", "a.svg", "a.xml", "a.xhtml", "a.htm", "a", "a.html.j2")])
    """,
        *(f"GET /a.{e}" for e in "html htm xml xhtml svg txt js".split()),
        "GET /none",
        files={f"templates/a.{e}": "{{ v }}" for e in "html htm xml xhtml svg txt js".split()},
    ),
    case(
        "standard-context",
        """
        @app.route("/x/<a>")
        async def view(a):
            g.x = "of g"
            session["s"] = "of session"
            return await render_template_string("{{ request.path }} {{ g.x }} {{ session.s }} {{ config.TESTING }} {{ url_for('view', a=1) }} {{ get_flashed_messages() }} {{ request.args.q }} {{ request.endpoint }} {{ config['DEBUG'] }}")
        @app.websocket("/ws")
        async def ws_():
            await websocket.send(await render_template_string("{{ websocket.path if websocket is defined else 'no websocket' }} {{ request is defined }} {{ g is defined }} {{ session is defined }} {{ config.TESTING }}"))
    """,
        "GET /x/1?q=%3Cb%3E",
        ws("/ws"),
        code(
            "async with app.app_context():\n    g.x = 1\n    return await render_template_string('{{ g.x }} {{ request is defined }} {{ session is defined }} {{ config.TESTING }}')"
        ),
        differs=Differs(
            "In a template of a websocket there is `websocket`, too.",
            {"1.messages.1.sent": "/ws True True True False"},
        ),
    ),
    case(
        "context-processors",
        """
        @app.context_processor
        async def one():
            note("one")
            return {"a": "app", "b": "app", "c": "app"}
        @app.context_processor
        def two():
            return {"b": "app2", "func": lambda x: x * 2}
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        @bp.context_processor
        async def three():
            return {"c": "bp"}
        @bp.app_context_processor
        async def four():
            return {"d": "bp for app"}
        async def view():
            return await render_template_string("{{ a }} {{ b }} {{ c }} {{ d }} {{ func(2) }}", a="own")
        app.add_url_rule("/", "view", view)
        bp.add_url_rule("/", "view", view)
        app.register_blueprint(bp)
    """,
        "GET /",
        "GET /bp/",
    ),
    case(
        "context-processor-returns-nothing",
        """
        @app.context_processor
        async def one():
            return None
        @app.route("/")
        async def view():
            return await render_template_string("x")
    """,
        "GET /",
    ),
    case(
        "filters",
        """
        @app.template_filter()
        def shout(s): return s.upper()
        @app.template_filter("quiet")
        def q(s): return s.lower()
        @app.template_test()
        def even2(n): return n % 2 == 0
        @app.template_test("odd2")
        def o(n): return n % 2 == 1
        @app.template_global()
        def twice(n): return n * 2
        @app.template_global("thrice")
        def t(n): return n * 3
        app.add_template_filter(lambda s: s[::-1], "reverse2")
        app.add_template_test(lambda s: True, "always")
        app.add_template_global(lambda: 5, "five")
        @app.template_filter(name="named")
        def n(s): return "named " + s
        @app.route("/")
        async def view():
            return await render_template_string("{{ 'a'|shout }} {{ 'B'|quiet }} {{ 2 is even2 }} {{ 2 is odd2 }} {{ twice(2) }} {{ thrice(2) }} {{ 'abc'|reverse2 }} {{ 1 is always }} {{ five() }} {{ 'x'|named }}")
    """,
        "GET /",
    ),
    case(
        "async-in-templates",
        """
        @app.template_filter()
        async def slow(s):
            await asyncio.sleep(0)
            return s + "!"
        async def items():
            for n in range(3):
                yield n
        @app.context_processor
        async def context():
            return {"items": items, "value": value}
        async def value():
            return "awaited"
        @app.route("/")
        async def view():
            return await render_template_string("{{ 'a'|slow }} {% for n in items() %}{{ n }}{% endfor %} {{ value() }}")
    """,
        "GET /",
    ),
    case(
        "blueprint-filters",
        """
        bp = Blueprint("bp", __name__)
        @bp.app_template_filter()
        def shout(s): return s.upper()
        @bp.app_template_test("always")
        def t(s): return True
        @bp.app_template_global()
        def five(): return 5
        bp.add_app_template_filter(lambda s: "f" + s, "effed")
        bp.add_app_template_test(lambda s: False, "never")
        bp.add_app_template_global(lambda: 6, "six")
        app.register_blueprint(bp)
        @app.route("/")
        async def view():
            return await render_template_string("{{ 'a'|shout }}{{ 1 is always }}{{ five() }}{{ 'x'|effed }}{{ 1 is never }}{{ six() }}")
    """,
        "GET /",
    ),
    case(
        "blueprint-templates",
        """
        one = Blueprint("one", __name__, template_folder="one", url_prefix="/one")
        two = Blueprint("two", __name__, template_folder="two", url_prefix="/two")
        for bp in (one, two):
            async def view(name):
                return await render_template(name)
            bp.add_url_rule("/<name>", "view", view)
            app.register_blueprint(bp)
    """,
        "GET /one/both.txt",
        "GET /two/both.txt",
        "GET /two/two.txt",
        "GET /one/two.txt",
        "GET /one/app.txt",
        "GET /one/none.txt",
        files={
            "one/both.txt": "one both",
            "two/both.txt": "two both",
            "two/two.txt": "two two",
            "two/app.txt": "two app",
            "templates/app.txt": "app app",
        },
    ),
    case(
        "json-filter",
        """
        @app.route("/")
        async def view():
            return await render_template_string("{{ v|tojson }} <a x='{{ v|tojson }}'> {{ v|tojson(indent=2) }}", v={"b": "</script>&'", "a": [1, None]})
    """,
        "GET /",
    ),
    case(
        "jinja-options",
        """
        app.jinja_options = {"trim_blocks": True, "variable_start_string": "[[", "variable_end_string": "]]"}
        @app.route("/")
        async def view():
            return await render_template_string("{% if 1 %}\\nx [[ v ]]\\n{% endif %}\\ny", v="<")
    """,
        "GET /",
    ),
    case(
        "jinja-env",
        """
        app.jinja_env.trim_blocks = True
        app.jinja_env.globals["mine"] = "global"
        @app.route("/")
        async def view():
            return await render_template_string("{{ mine }}{% if true %}\\nx{% endif %}")
    """,
        "GET /",
        code(
            "return [app.jinja_env.autoescape is not None, bool(app.jinja_env.auto_reload), app.jinja_env.is_async, app.jinja_env.policies['json.dumps_function'] is not None, type(app.jinja_env).__name__, sorted(k for k in app.jinja_env.globals if k not in ('range', 'dict', 'lipsum', 'cycler', 'joiner', 'namespace'))]"
        ),
    ),
    case(
        "auto-reload",
        "",
        code("return [app.config['TEMPLATES_AUTO_RELOAD'], bool(app.jinja_env.auto_reload)]"),
        code("app.debug = True; return app.jinja_env.auto_reload"),
        code(
            "app.config['TEMPLATES_AUTO_RELOAD'] = True; app.debug = False; return app.jinja_env.auto_reload"
        ),
        code(
            "app2 = Quart('x'); app2.config['TEMPLATES_AUTO_RELOAD'] = True; return app2.jinja_env.auto_reload"
        ),
    ),
    case(
        "own-environment",
        """
        from quart.templating import Environment
        class Mine(Environment):
            pass
        app.jinja_environment = Mine
        @app.route("/")
        async def view():
            return type(app.jinja_env).__name__ + await render_template_string("{{ 1 }}")
    """,
        "GET /",
    ),
    case(
        "own-loader",
        """
        from jinja2 import DictLoader
        class Mine(Quart):
            def create_global_jinja_loader(self):
                return DictLoader({"a.html": "from dict {{ v }}"})
        app = Mine(__name__)
        @app.route("/")
        async def view():
            return await render_template("a.html", v="<")
    """,
        "GET /",
    ),
    case(
        "jinja-loader",
        "",
        code(
            "return [type(app.jinja_loader).__name__, app.template_folder, [p.endswith('templates') for p in app.jinja_loader.searchpath], type(app.create_global_jinja_loader()).__name__]"
        ),
        code("return Quart('x', template_folder=None).jinja_loader"),
        code("return sorted(app.jinja_env.list_templates())"),
        files={"templates/a/b.html": "", "templates/c.html": ""},
    ),
    case(
        "template-errors",
        """
        @app.route("/undefined")
        async def undefined():
            return await render_template_string("[{{ nope }}]")
        @app.route("/attribute")
        async def attribute():
            return await render_template_string("{{ nope.x }}")
        @app.route("/syntax")
        async def syntax():
            return await render_template_string("{% if %}")
    """,
        "GET /undefined",
        "GET /attribute",
        "GET /syntax",
    ),
    case(
        "signals",
        """
        from quart.signals import template_rendered, before_render_template
        @template_rendered.connect_via(app)
        async def rendered(sender, template, context, **extra):
            note("rendered", template.name, context["v"], sorted(extra))
        @before_render_template.connect_via(app)
        async def before(sender, template, context, **extra):
            note("before", template.name)
            context["v"] = "changed"
        @app.route("/")
        async def view():
            return await render_template("a.html", v="original")
        @app.route("/string")
        async def string():
            return await render_template_string("{{ v }}", v="original")
    """,
        "GET /",
        "GET /string",
        files={"templates/a.html": "a {{ v }}"},
    ),
    case(
        "stream",
        """
        @app.route("/")
        async def view():
            return await stream_template("a.txt", items=[1, 2, 3])
        @app.route("/string")
        async def string():
            return await stream_template_string("{% for i in items %}{{ i }} {{ request.path }};{% endfor %}", items=[1, 2])
    """,
        "GET /",
        "GET /string",
        files={"templates/a.txt": "{% for item in items %}{{ item }},{% endfor %}"},
    ),
    case(
        "macros",
        """
        @app.route("/")
        async def view():
            return await render_template("a.html")
    """,
        "GET /",
        files={
            "templates/a.html": "{% from 'm.html' import m with context %}{{ m('x') }}{% import 'm.html' as mm %}{{ mm.m('y') }}{% call mm.c() %}body{% endcall %}",
            "templates/m.html": "{% macro m(v) %}[{{ v }} {{ request.path }}]{% endmacro %}{% macro c() %}<{{ caller() }}>{% endmacro %}",
        },
    ),
    case(
        "template-attribute",
        """
        @app.route("/")
        async def view():
            macro = await get_template_attribute("m.html", "value")
            return macro
    """,
        code("""
        async with app.app_context():
            found = get_template_attribute("m.html", "value")
            return await found if asyncio.iscoroutine(found) else found
    """),
        files={"templates/m.html": "{% set value = 'x' %}"},
        differs=Differs(
            "| `get_template_attribute` | fails in the asynchronous environment | works |",
            {"0.raised": ABSENT, "0.value": "x"},
        ),
    ),
    case(
        "explain",
        """
        app.config["EXPLAIN_TEMPLATE_LOADING"] = True
        @app.route("/")
        async def view():
            return await render_template("a.txt")
    """,
        code("return (await client.get('/')).status_code"),
        files={"templates/a.txt": "a"},
    ),
    case(
        "update-template-context",
        "",
        code("""
        async with app.test_request_context("/x"):
            g.a = 1
            return (await render_template_string("{{ request.path }}{{ g.a }}{{ v }}", v=None))
    """),
    ),
]
