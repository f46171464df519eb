"""What is awaited in a view, and how the code looks afterwards."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

PROPERTY = (
    "Form.name() stays a plain function: it is a property, and reading one that waits has to be written"
    " 'await x.name'"
)
VIEW = """\
from {home} import {name}, abort, flash, g, jsonify, make_response, redirect, render_template
from {home} import render_template_string, request, send_file, send_from_directory, session, url_for

app = {name}(__name__)


@app.route("/", methods=["GET", "POST"])
{kind} view():
{body}
"""


def view(body: str, migrated: bool) -> str:
    names = {"home": "flask", "name": "Flask", "kind": "def"}
    if migrated:
        names = {"home": "pottle", "name": "Pottle", "kind": "async def"}
    return VIEW.format(body=indent(dedent(body).strip("\n"), "    "), **names)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('name = request.form["name"]', 'name = (await request.form)["name"]'),
        ("form = request.form", "form = await request.form"),
        ('name = request.form.get("name", "")', 'name = (await request.form).get("name", "")'),
        ('if "x" in request.form: pass', 'if "x" in await request.form: pass'),
        ('name = (request.form)["name"]', 'name = (await request.form)["name"]'),
        ('request.values["x"]', '(await request.values)["x"]'),
        ("len(request.data)", "len(await request.data)"),
        ("value = request.json", "value = await request.json"),
        ('request.json["x"]["y"]', '(await request.json)["x"]["y"]'),
        ("request.get_json(force=True)", "await request.get_json(force=True)"),
        ('request.get_json()["x"]', '(await request.get_json())["x"]'),
        ("request.get_data(as_text=True)", "await request.get_data(as_text=True)"),
        ("request.stream.read()", "await request.stream.read()"),
        ("not request.json", "not await request.json"),
        ("request.json == {}", "await request.json == {}"),
        ("{**request.form}", "{**await request.form}"),
        ("dict(**request.json)", "dict(**await request.json)"),
        ("request.form or request.json", "await request.form or await request.json"),
        ('f"{request.form}"', 'f"{await request.form}"'),
        ("f\"{request.form['a']}\"", "f\"{(await request.form)['a']}\""),
        ("[x for x in request.form]", "[x for x in await request.form]"),
        ("[request.form[x] for x in 'ab']", "[(await request.form)[x] for x in 'ab']"),
        ("{x: request.form[x] for x in 'ab'}", "{x: (await request.form)[x] for x in 'ab'}"),
        ("any(x for x in request.form)", "any(x for x in await request.form)"),
        ("any(request.form[x] for x in 'ab')", "any([(await request.form)[x] for x in 'ab'])"),
        (
            "','.join(request.form[x] for x in 'ab')",
            "','.join([(await request.form)[x] for x in 'ab'])",
        ),
        ('return render_template("a.html", x=1)', 'return await render_template("a.html", x=1)'),
        (
            'return render_template_string("a"), 201',
            'return await render_template_string("a"), 201',
        ),
        ('make_response(render_template("a"))', 'make_response(await render_template("a"))'),
        ('return send_file("a.txt")', 'return await send_file("a.txt")'),
        ('return send_from_directory("a", "b")', 'return await send_from_directory("a", "b")'),
        ('send_file("a").headers["x"] = "y"', '(await send_file("a")).headers["x"] = "y"'),
        ('request.files["f"].save("x")', 'await (await request.files)["f"].save("x")'),
        ('request.files.get("f").save("x")', 'await (await request.files).get("f").save("x")'),
        ("print(jsonify(1).get_json())", "print(await jsonify(1).get_json())"),
        (
            'response = make_response("a")\nresponse.data',
            'response = make_response("a")\nawait response.data',
        ),
        (
            "response = make_response()\nresponse.data = request.data",
            "response = make_response()\nresponse.data = await request.data",
        ),
        ("app.preprocess_request()", "await app.preprocess_request()"),
        ("(x := request.json)", "(x := await request.json)"),
        ("request . form [ 'a' ]", "(await request . form) [ 'a' ]"),
    ],
)
def test_expressions(migrated, before, after):
    result = migrated(view(before, False))
    assert result.code == view(after, True)
    assert result.notes == []


@pytest.mark.parametrize(
    "body",
    [
        'return redirect(url_for("view"))',
        'flash("a")',
        'session["a"] = g.user',
        "return jsonify(a=1)",
        "abort(404)",
        'return make_response("a")',
        'request.args["a"]',
        "request.method, request.headers, request.cookies, request.path, request.is_json",
        'response = make_response("a")\nresponse.set_cookie("a", "b")\nresponse.headers["x"] = "y"',
        "lambda form: form.json",
    ],
)
def test_what_stays_plain(migrated, body):
    result = migrated(view(body, False))
    assert result.code == view(body, True).replace("async def", "def")
    assert result.notes == []
    assert result.functions == 0


def test_comments_and_layout_stay(becomes):
    becomes(
        '''
        from flask import (
            Flask,  # the class
            request,
        )

        app = Flask(__name__)  # ours


        # Above.
        @app.post("/")  # beside
        def view(  # odd
            x = 1,
        ):
            """A view."""
            name = (
                request.form  # the form
                .get("name")
            )
            return  name   # two blanks
        ''',
        '''
        from pottle import (
            Pottle,  # the class
            request,
        )

        app = Pottle(__name__)  # ours


        # Above.
        @app.post("/")  # beside
        async def view(  # odd
            x = 1,
        ):
            """A view."""
            name = (
                (await request.form)  # the form
                .get("name")
            )
            return  name   # two blanks
        ''',
    )


def test_uploaded_files(becomes):
    becomes(
        """
        from flask import Flask, request

        app = Flask(__name__)


        @app.post("/")
        def upload():
            file = request.files["one"]
            file.save("one")
            for other in request.files.getlist("many"):
                other.save(other.filename)
            for name, other in request.files.items():
                other.save(name)
            return file.filename
        """,
        """
        from pottle import Pottle, request

        app = Pottle(__name__)


        @app.post("/")
        async def upload():
            file = (await request.files)["one"]
            await file.save("one")
            for other in (await request.files).getlist("many"):
                await other.save(other.filename)
            for name, other in (await request.files).items():
                await other.save(name)
            return file.filename
        """,
    )


def test_resources(becomes):
    becomes(
        """
        from flask import Flask, current_app

        app = Flask(__name__)


        def schema():
            with current_app.open_resource("schema.sql") as file, open("x") as other:
                first = file.readline()
                for line in file:
                    print(line, other)
                return first + file.read().decode()


        def whole():
            return app.open_instance_resource("a", "r").read()
        """,
        """
        from pottle import Pottle, current_app

        app = Pottle(__name__)


        async def schema():
            async with current_app.open_resource("schema.sql") as file:
                with open("x") as other:
                    first = await file.readline()
                    async for line in file:
                        print(line, other)
                    return first + (await file.read()).decode()


        async def whole():
            return await (await app.open_instance_resource("a", "r")).read()
        """,
    )


def test_plain_views_stay_plain_and_hooks_too(migrated):
    text = """
    from flask import Flask, g, render_template

    app = Flask(__name__)


    @app.before_request
    def load_user():
        g.user = None


    @app.get("/plain")
    def plain():
        return "plain"


    @app.errorhandler(404)
    def missing(error):
        return render_template("404.html"), 404
    """
    result = migrated(text)
    assert "\ndef load_user" in result.code
    assert "\ndef plain" in result.code
    assert "async def missing" in result.code


def test_all_async(migrated):
    text = """
    from flask import Blueprint, g

    bp = Blueprint("a", __name__)


    @bp.before_request
    def load_user():
        g.user = None


    @bp.get("/plain")
    def plain():
        return helper()


    def helper():
        return "plain"
    """
    result = migrated(text, all_async=True)
    assert "async def load_user" in result.code
    assert "async def plain" in result.code
    assert "\ndef helper" in result.code
    assert result.functions == 2


def test_what_cannot_wait_is_left(migrated):
    result = migrated(
        """
        from flask import Flask, current_app, render_template, request

        app = Flask(__name__)
        names = [request.form]


        class Form:
            value = request.form

            def __init__(self):
                self.value = request.form

            @property
            def name(self):
                return request.form["name"]


        key = lambda: request.form


        @app.template_filter()
        def show(value):
            return render_template(value)


        def walk():
            yield from request.form


        def lazy():
            return (request.form[x] for x in "ab")
        """
    )
    assert "await" not in result.code
    assert result.functions == 0
    assert [note.partition("; ")[2] for note in result.notes] == [
        "no function is around it that could become a coroutine function",
        "it stands in the body of a class, where nothing can be awaited",
        "Form.__init__() stays a plain function: Python calls it by itself and does not await it",
        PROPERTY,
        "a lambda cannot wait: make it a function",
        "show() stays a plain function: what 'template_filter' registers has to be a plain function",
        "walk() stays a plain function: it has 'yield from', which no coroutine function may have",
        "a generator expression that waits is an asynchronous one: make it a list, or a loop",
    ]
    assert result.notes[0].startswith("app.py:4: 'request.form' has to be awaited;")


def test_what_pottle_has_not_is_reported(migrated):
    result = migrated(
        """
        from flask import Flask, request

        app = Flask(__name__)
        app.wsgi_app = print(app.wsgi_app)
        app.config.from_prefixed_env()


        @app.get("/")
        def view():
            read = request.get_json
            return request.environ["x"]
        """
    )
    assert [note.partition(": ")[2][:45] for note in result.notes] == [
        "Pottle's application has no 'wsgi_app': a mid",
        "Pottle reads variables that begin with POTTLE",
        "'request.get_json' is handed on: whoever call",
        "Pottle's request has no 'environ': it belongs",
    ]


def test_other_peoples_names_are_left_alone(stays):
    notes = stays(
        """
        from elsewhere import request, render_template


        def view(response, client):
            client.get("/")
            response.get_json()
            return render_template(request.form, response.data)
        """
    )
    assert notes == []


def test_a_shadowed_name_is_another_one(stays):
    notes = stays(
        """
        from pottle import request


        def view(request):
            return request.form
        """
    )
    assert notes == []


def test_line_ends_and_encoding_stay(migrated, tmp_path):
    source = "# -*- coding: latin-1 -*-\r\nfrom flask import Flask\r\nname = 'é'\r\n".encode(
        "latin-1"
    )
    (tmp_path / "other.py").write_bytes(source)
    migrated({})
    expected = source.replace(b"flask import Flask", b"pottle import Pottle")
    assert (tmp_path / "other.py").read_bytes() == expected


def test_a_file_that_is_no_python_is_skipped(migrated):
    result = migrated({"good.py": "import flask\n\nflask.g\n", "bad.py": "def (:\n"})
    assert result["good.py"] == "import pottle\n\npottle.g\n"
    assert result["bad.py"] == "def (:\n"
    assert len(result.notes) == 1
    assert result.notes[0].startswith("bad.py:1: skipped, for it is no valid Python: ")


def test_excluded_files(migrated):
    files = dict.fromkeys(
        ("a.py", "old/b.py", "c_test.py", "venv/d.py"), "import flask\n\nflask.g\n"
    )
    files["env/pyvenv.cfg"] = ""
    files["env/e.py"] = files["a.py"]
    result = migrated(files, exclude=("old", "*_test.py"))
    changed = [name for name in files if "pottle" in result[name]]
    assert changed == ["a.py"]
