"""Which functions become coroutine functions: helpers, classes, decorators, commands."""

from __future__ import annotations


def test_helpers_and_their_callers(becomes):
    becomes(
        """
        from flask import Blueprint, request

        bp = Blueprint("a", __name__)


        def name():
            return request.form["name"]


        def greeting(punctuation="!"):
            return f"Hello {name()}{punctuation}"


        def shout(text):
            return text.upper()


        @bp.post("/")
        def view():
            return shout(greeting())
        """,
        """
        from pottle import Blueprint, request

        bp = Blueprint("a", __name__)


        async def name():
            return (await request.form)["name"]


        async def greeting(punctuation="!"):
            return f"Hello {await name()}{punctuation}"


        def shout(text):
            return text.upper()


        @bp.post("/")
        async def view():
            return shout(await greeting())
        """,
    )


def test_helpers_in_other_modules(migrated):
    result = migrated(
        {
            "shop/__init__.py": "",
            "shop/forms.py": "from flask import request\n\n\ndef amount():\n    return request.form\n",
            "shop/a.py": "from .forms import amount as get\n\n\ndef a():\n    return get()\n",
            "shop/b.py": "from shop import forms\n\n\ndef b():\n    return forms.amount()\n",
            "shop/c.py": "import shop.forms\n\n\ndef c():\n    return shop.forms.amount()\n",
            "other.py": "def amount(): ...\n\n\ndef d():\n    return amount()\n",
        }
    )
    assert "async def a():\n    return await get()" in result["shop/a.py"]
    assert "async def b():\n    return await forms.amount()" in result["shop/b.py"]
    assert "async def c():\n    return await shop.forms.amount()" in result["shop/c.py"]
    assert "async" not in result["other.py"]
    assert result.notes == []


def test_nested_functions(becomes):
    becomes(
        """
        from flask import Flask, render_template


        def create_app():
            app = Flask(__name__)

            def render(name):
                return render_template(name)

            @app.route("/")
            def index():
                return render("index.html")

            @app.route("/plain")
            def plain():
                return "plain"

            return app
        """,
        """
        from pottle import Pottle, render_template


        def create_app():
            app = Pottle(__name__)

            async def render(name):
                return await render_template(name)

            @app.route("/")
            async def index():
                return await render("index.html")

            @app.route("/plain")
            def plain():
                return "plain"

            return app
        """,
    )


def test_classes_of_the_project(becomes):
    becomes(
        """
        from flask import render_template


        class Page:
            def __init__(self, name):
                self.name = name

            def render(self):
                return render_template(self.name)


        class Special(Page):
            def render(self):
                return "special"

            def twice(self):
                return super().render() + self.render()


        class Site:
            def __init__(self):
                self.page = Page("a")

            def show(self, page: Page):
                return self.page.render() + page.render()
        """,
        """
        from pottle import render_template


        class Page:
            def __init__(self, name):
                self.name = name

            async def render(self):
                return await render_template(self.name)


        class Special(Page):
            async def render(self):
                return "special"

            async def twice(self):
                return await super().render() + await self.render()


        class Site:
            def __init__(self):
                self.page = Page("a")

            async def show(self, page: Page):
                return await self.page.render() + await page.render()
        """,
    )


def test_class_based_views(becomes):
    becomes(
        """
        from flask import Flask, render_template, request
        from flask.views import MethodView, View

        app = Flask(__name__)


        class Show(View):
            def __init__(self, template):
                self.template = template

            def items(self):
                return []

            def dispatch_request(self):
                return render_template(self.template, items=self.items())


        class Things(MethodView):
            init_every_request = False

            def get(self):
                return "things"

            def post(self):
                return self.add(request.get_json())

            def add(self, thing):
                return {"added": thing, "by": request.form}


        class More(Things):
            def dispatch_request(self, **kwargs):
                return super().dispatch_request(**kwargs)


        app.add_url_rule("/", view_func=Show.as_view("show", "show.html"))
        app.add_url_rule("/things", view_func=More.as_view("things"))
        """,
        """
        from pottle import Pottle, render_template, request
        from pottle.views import MethodView, View

        app = Pottle(__name__)


        class Show(View):
            def __init__(self, template):
                self.template = template

            def items(self):
                return []

            async def dispatch_request(self):
                return await render_template(self.template, items=self.items())


        class Things(MethodView):
            init_every_request = False

            def get(self):
                return "things"

            async def post(self):
                return await self.add(await request.get_json())

            async def add(self, thing):
                return {"added": thing, "by": await request.form}


        class More(Things):
            async def dispatch_request(self, **kwargs):
                return await super().dispatch_request(**kwargs)


        app.add_url_rule("/", view_func=Show.as_view("show", "show.html"))
        app.add_url_rule("/things", view_func=More.as_view("things"))
        """,
    )


DECORATOR = """
from functools import wraps

from {home} import {name}, abort, request, session

app = {name}(__name__)


def login_required(view):
    @wraps(view)
    {kind}def wrapped(*args, **kwargs):
        if "user" not in session:
            abort(401)
        return {call}(*args, **kwargs)

    return wrapped


@app.post("/form")
@login_required
{kind}def form():
    return {form}
"""
BEFORE = DECORATOR.format(home="flask", name="Flask", kind="", call="view", form="request.form")
AFTER = DECORATOR.format(
    home="pottle", name="Pottle", kind="async ", call="await view", form="await request.form"
)


def test_a_decorator_of_async_views_only(becomes):
    becomes(BEFORE, AFTER)


def test_a_decorator_of_plain_views_only(migrated):
    result = migrated(BEFORE.replace("return request.form", "return 'plain'"))
    assert "async" not in result.code


PLAIN = """

@app.get("/plain")
@login_required
def plain():
    return "plain"
"""


def test_a_decorator_of_both(becomes):
    after = AFTER.replace("await view(", "await current_app.ensure_async(view)(")
    after = after.replace(
        "from pottle import Pottle", "from pottle import current_app\nfrom pottle import Pottle"
    )
    becomes(BEFORE + PLAIN, after + PLAIN)


def test_a_decorator_that_knows_ensure_sync(migrated):
    before = BEFORE.replace("view(*", "current_app.ensure_sync(view)(*")
    result = migrated(before.replace("request, session", "request, session, current_app"))
    assert "return await current_app.ensure_async(view)(*args, **kwargs)" in result.code
    assert result.code.count("current_app") == 2


def test_a_decorator_with_arguments_that_waits_itself(becomes):
    becomes(
        """
        import functools

        from flask import Flask, request

        app = Flask(__name__)


        def needs(field):
            def decorate(view):
                @functools.wraps(view)
                def checked(**kwargs):
                    if field not in request.form:
                        return "missing", 400
                    return view(**kwargs)

                return checked

            return decorate


        @app.post("/")
        @needs("name")
        def view():
            return "ok"


        def caller():
            return view()
        """,
        """
        import functools

        from pottle import current_app
        from pottle import Pottle, request

        app = Pottle(__name__)


        def needs(field):
            def decorate(view):
                @functools.wraps(view)
                async def checked(**kwargs):
                    if field not in await request.form:
                        return "missing", 400
                    return await current_app.ensure_async(view)(**kwargs)

                return checked

            return decorate


        @app.post("/")
        @needs("name")
        def view():
            return "ok"


        async def caller():
            return await view()
        """,
    )


def test_a_decorator_of_class_based_views(migrated):
    result = migrated(
        """
        from functools import wraps

        from flask import Flask
        from flask.views import View

        app = Flask(__name__)


        def loud(view):
            @wraps(view)
            def wrapped(**kwargs):
                return view(**kwargs).upper()

            return wrapped


        class Hello(View):
            decorators = [loud]

            def dispatch_request(self):
                return "hello"
        """
    )
    assert (
        "async def wrapped(**kwargs):\n        return (await view(**kwargs)).upper()" in result.code
    )
    assert "    def dispatch_request" in result.code


def test_a_decorator_that_is_not_understood_is_reported(migrated):
    result = migrated(
        """
        from flask import Flask, request

        app = Flask(__name__)


        class Loud:
            def __init__(self, view):
                self.view = view
                self.__name__ = view.__name__

            def __call__(self):
                return self.view().upper()


        def registry(view, views=[]):
            views.append(view)
            return view


        def apply(cache):
            return cache


        @app.post("/")
        @registry
        def view():
            return request.form
        """
    )
    assert result.notes == [
        "app.py:26: view() is a coroutine function now, and registry() around it may not await it"
    ]


def test_extension_decorators(migrated):
    result = migrated(
        """
        from elsewhere import cache, cached, manager
        from flask import Flask, request

        app = Flask(__name__)


        @app.get("/")
        @cached(60)
        def view():
            return helper() or loader()


        @cache.memoize()
        def helper():
            return request.form


        @manager.user_loader
        def loader():
            return request.json
        """
    )
    assert "\ndef view" in result.code
    assert result.notes == [
        (
            "app.py:15: 'request.form' has to be awaited; helper() stays a plain function: it is decorated"
            " with 'cache.memoize', which may call it and does not await it"
        ),
        (
            "app.py:20: 'request.json' has to be awaited; loader() stays a plain function: it is decorated"
            " with 'manager.user_loader', which may call it and does not await it"
        ),
    ]


def test_methods_that_another_package_may_call_are_left(migrated):
    result = migrated(
        """
        from flask import request
        from flask_restful import Resource


        class Thing(Resource):
            def post(self):
                return request.json
        """
    )
    assert "await" not in result.code
    assert "its class derives from flask_restful.Resource" in result.notes[0]


def test_functions_that_are_handed_on_are_reported(migrated):
    result = migrated(
        """
        from threading import Thread

        from flask import Flask, render_template

        app = Flask(__name__)


        def page():
            return render_template("page.html")


        def method(thing):
            return thing.produce()


        class Maker:
            def produce(self):
                return page()


        app.add_url_rule("/", view_func=page)
        app.register_error_handler(404, page)
        Thread(target=page).start()
        pages = {"page": page}
        """
    )
    handed_on = "page() is a coroutine function now: whoever calls it from here has to await it"
    assert result.notes == [
        (
            "app.py:13: if this calls Maker.produce(), it has to be awaited: that is a coroutine function"
            " now"
        ),
        f"app.py:23: {handed_on}",
        f"app.py:24: {handed_on}",
    ]


def test_generators(migrated):
    result = migrated(
        """
        from flask import Flask, Response, render_template, stream_with_context

        app = Flask(__name__)


        def rows():
            for number in range(3):
                yield render_template("row.html", number=number)


        @app.get("/")
        def table():
            return Response(stream_with_context(rows()))


        def both():
            for row in rows():
                print(row)
            return [row for row in rows()]


        def wrong():
            return list(rows()), sum(1 for row in rows())
        """
    )
    assert 'yield await render_template("row.html"' in result.code
    assert "\ndef table" in result.code
    assert "    async for row in rows():" in result.code
    assert "[row async for row in rows()]" in result.code
    assert "sum([1 async for row in rows()])" in result.code
    assert result.notes == ["app.py:23: 'rows()' is an asynchronous generator now"]


def test_commands(migrated):
    result = migrated(
        """
        import click
        from flask import Flask, current_app, render_template
        from flask.cli import with_appcontext

        app = Flask(__name__)


        @app.cli.command("one")
        def one():
            click.echo(render_template("a"))


        @click.command("two")
        @with_appcontext
        def two():
            click.echo(current_app.name)


        @click.command("three")
        @click.argument("name")
        def three(name):
            click.echo(current_app.name)


        @click.command("four")
        def four():
            click.echo(render_template("a"))


        app.cli.add_command(two)
        app.cli.add_command(three)
        """
    )
    assert "async def one():\n    click.echo(await render_template" in result.code
    assert "@with_appcontext\ndef two" in result.code
    assert '@click.argument("name")\n@with_appcontext\ndef three' in result.code
    assert result.code.count("import with_appcontext") == 1
    assert result.notes == [
        (
            "app.py:26: the command four() is a coroutine function now: where it needs the application,"
            " decorate it with pottle.cli.with_appcontext"
        )
    ]


def test_a_connection_in_g_may_go_between_threads(migrated):
    result = migrated(
        """
        import sqlite3

        from flask import Flask, g, request

        app = Flask(__name__)


        def get_db():
            if "db" not in g:
                g.db = sqlite3.connect("a.db", timeout=3)
            return g.db


        def other():
            return sqlite3.connect("b.db")


        @app.post("/")
        def view():
            get_db().execute("...", request.form)
            return ""
        """
    )
    assert 'sqlite3.connect("a.db", timeout=3, check_same_thread=False)' in result.code
    assert 'sqlite3.connect("b.db")' in result.code
    assert result.notes == [
        (
            "app.py:15: parts of one request may run in different threads: if they share this connection,"
            " pass check_same_thread=False"
        ),
        (
            "app.py:19: runs on the event loop now, and blocks it while it waits for sqlite3: view(). Wrap"
            " the calls with pottle.run_sync, or use an asynchronous library"
        ),
    ]


def test_what_blocks_is_said_once_for_each_file(migrated):
    result = migrated(
        """
        import requests
        from flask import Flask, render_template
        from flask_sqlalchemy import SQLAlchemy

        app = Flask(__name__)
        db = SQLAlchemy(app)


        class User(db.Model):
            id = db.Column(db.Integer, primary_key=True)


        @app.get("/a")
        def a():
            return render_template("a", users=User.query.all())


        @app.get("/b")
        def b():
            return render_template("b", text=requests.get("http://localhost").text)


        @app.get("/c")
        def c():
            return {"users": User.query.count()}
        """
    )
    assert "\ndef c" in result.code
    assert "await User" not in result.code
    assert result.notes == [
        (
            "app.py:14: runs on the event loop now, and blocks it while it waits for flask_sqlalchemy,"
            " requests: a(), b(). Wrap the calls with pottle.run_sync, or use an asynchronous library"
        )
    ]


def test_after_request_and_contexts(becomes):
    becomes(
        """
        from flask import Flask, after_this_request, current_app

        app = Flask(__name__)


        @app.after_request
        def log(response):
            print(response.get_data(as_text=True))
            return response


        @app.get("/")
        def view():
            @after_this_request
            def sign(response):
                response.headers["X-Signed"] = "yes"
                return response

            return "signed"


        def work():
            with app.app_context():
                return current_app.name


        def by_hand():
            context = app.test_request_context("/")
            context.push()
            context.pop()
        """,
        """
        from pottle import Pottle, after_this_request, current_app

        app = Pottle(__name__)


        @app.after_request
        async def log(response):
            print(await response.get_data(as_text=True))
            return response


        @app.get("/")
        def view():
            @after_this_request
            def sign(response):
                response.headers["X-Signed"] = "yes"
                return response

            return "signed"


        async def work():
            async with app.app_context():
                return current_app.name


        async def by_hand():
            context = app.test_request_context("/")
            await context.push()
            await context.pop()
        """,
    )
