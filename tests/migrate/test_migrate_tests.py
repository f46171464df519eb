"""What becomes of the tests of an application, and of their configuration."""

from __future__ import annotations

import pytest

APP = """
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "index"
"""
NEEDED = (
    'tests are coroutine functions now: install pytest-asyncio, and set asyncio_mode = "auto" in the'
    " configuration of pytest"
)


def assert_become(migrated, before, after):
    result = migrated({"app.py": APP, "test_app.py": before})
    expected = migrated({"expected.py": after})["expected.py"]
    assert result["test_app.py"] == expected
    return [note for note in result.notes if NEEDED not in note]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'assert client.get("/").data == b"a"',
            'assert await (await client.get("/")).data == b"a"',
        ),
        (
            'assert b"a" in client.get("/").data',
            'assert b"a" in await (await client.get("/")).data',
        ),
        (
            'assert client.get("/").status_code == 200',
            'assert (await client.get("/")).status_code == 200',
        ),
        (
            'assert client.get("/").json["a"] == 1',
            'assert (await (await client.get("/")).json)["a"] == 1',
        ),
        (
            'assert client.get("/").get_json() == 1',
            'assert await (await client.get("/")).get_json() == 1',
        ),
        (
            'assert client.get("/").text == "a"',
            'assert await (await client.get("/")).get_data(as_text=True) == "a"',
        ),
        (
            'assert client.get("/").text.strip()',
            'assert (await (await client.get("/")).get_data(as_text=True)).strip()',
        ),
        ('assert client.get("/").location', 'assert (await client.get("/")).location'),
        ('client.open("/", method="PUT")', 'await client.open("/", method="PUT")'),
        (
            'rv = client.post("/", data={})\n    rv.data',
            'rv = await client.post("/", data={})\n    await rv.data',
        ),
        ('client.set_cookie("a", "b")', 'client.set_cookie("a", "b")'),
    ],
)
def test_the_client(migrated, before, after):
    head = "from app import app\n\n\n{}def test_it():\n    client = app.test_client()\n    {}\n"
    kind = "" if before == after else "async "
    assert assert_become(migrated, head.format("", before), head.format(kind, after)) == []


def test_fixtures_and_helpers(migrated):
    notes = assert_become(
        migrated,
        """
        import pytest
        from app import app as application
        from flask import g, session


        @pytest.fixture(name="app")
        def fixture_app():
            with application.app_context():
                yield application


        @pytest.fixture
        def client(app):
            with app.test_client() as client:
                yield client


        @pytest.fixture
        def runner(app):
            return app.test_cli_runner()


        class Actions:
            def __init__(self, client):
                self._client = client

            def login(self, name="ann"):
                return self._client.post("/login", data={"name": name})


        @pytest.fixture
        def actions(client):
            return Actions(client)


        @pytest.fixture
        def fetch(client):
            def do(path):
                return client.get(path)

            return do


        def check(response, code):
            assert response.status_code == code
            assert response.data


        @pytest.mark.parametrize("path", ["/"])
        def test_it(client, actions, fetch, path):
            check(fetch(path), 200)
            with client:
                actions.login().get_json()
                assert session["user"] == g.user
            with client.session_transaction() as stored:
                stored["user"] = 1


        def test_runner(runner):
            runner.invoke(args=["x"])


        class TestMore:
            def test_it(self, app):
                with app.test_request_context("/"), pytest.raises(KeyError):
                    app.preprocess_request()
        """,
        """
        import pytest
        from app import app as application
        from pottle import g, session


        @pytest.fixture(name="app")
        async def fixture_app():
            async with application.app_context():
                yield application


        @pytest.fixture
        async def client(app):
            async with app.test_client() as client:
                yield client


        @pytest.fixture
        def runner(app):
            return app.test_cli_runner()


        class Actions:
            def __init__(self, client):
                self._client = client

            async def login(self, name="ann"):
                return await self._client.post("/login", data={"name": name})


        @pytest.fixture
        def actions(client):
            return Actions(client)


        @pytest.fixture
        def fetch(client):
            async def do(path):
                return await client.get(path)

            return do


        async def check(response, code):
            assert response.status_code == code
            assert await response.data


        @pytest.mark.parametrize("path", ["/"])
        async def test_it(client, actions, fetch, path):
            await check(await fetch(path), 200)
            async with client:
                await (await actions.login()).get_json()
                assert session["user"] == g.user
            async with client.session_transaction() as stored:
                stored["user"] = 1


        def test_runner(runner):
            runner.invoke(args=["x"])


        class TestMore:
            async def test_it(self, app):
                async with app.test_request_context("/"):
                    with pytest.raises(KeyError):
                        await app.preprocess_request()
        """,
    )
    assert notes == []


def test_fixtures_of_conftest_files(migrated):
    result = migrated(
        {
            "app.py": APP,
            "tests/conftest.py": (
                "import pytest\nfrom app import app\n\n\n"
                "@pytest.fixture\ndef client():\n    return app.test_client()\n"
            ),
            "tests/deep/test_a.py": "def test_a(client):\n    client.get('/')\n",
            "tests/deep/conftest.py": "",
            "test_b.py": "def test_b(client):\n    client.get('/')\n",
        }
    )
    assert "async def test_a(client):\n    await client.get" in result["tests/deep/test_a.py"]
    assert "async" not in result["test_b.py"]


def test_fixtures_with_a_wide_scope_are_reported(migrated):
    result = migrated(
        {
            "pytest.ini": "[pytest]\nasyncio_mode = auto\n",
            "conftest.py": (
                "import pytest\nfrom flask import Flask\n\n\n@pytest.fixture(scope='module')\n"
                "def app():\n    app = Flask('a')\n    with app.app_context():\n        yield app\n"
            ),
        }
    )
    assert result.notes == [
        (
            "conftest.py:6: the fixture app() is a coroutine function now: pytest-asyncio wants a loop_scope"
            " for it, and for the tests that use it"
        )
    ]


def test_a_with_statement_of_several_lines(migrated):
    notes = assert_become(
        migrated,
        """
        import pytest
        from app import app


        def test_it():
            with (
                pytest.raises(KeyError),
                pytest.raises(ValueError),
                app.app_context(),
                app.test_client() as client,
            ):
                client.get("/")
        """,
        """
        import pytest
        from app import app


        async def test_it():
            with pytest.raises(KeyError), pytest.raises(ValueError):
                async with app.app_context(), app.test_client() as client:
                    await client.get("/")
        """,
    )
    assert notes == []


def test_fixtures_that_give_several_things(migrated):
    notes = assert_become(
        migrated,
        """
        import pytest
        from app import app


        @pytest.fixture
        def both():
            yield app, app.test_client()


        def test_it(both):
            _, client = both
            client.get("/")
            both[1].get("/")
        """,
        """
        import pytest
        from app import app


        @pytest.fixture
        def both():
            yield app, app.test_client()


        async def test_it(both):
            _, client = both
            await client.get("/")
            await both[1].get("/")
        """,
    )
    assert notes == []


def test_responses_are_not_entered(migrated):
    notes = assert_become(
        migrated,
        """
        from app import app


        def test_it():
            client = app.test_client()
            # The first.
            with client.get("/") as response:
                # Its code.
                assert response.status_code == 200
            with client.get("/"):
                assert client
        """,
        """
        from app import app


        async def test_it():
            client = app.test_client()
            # The first.
            response = await client.get("/")
            # Its code.
            assert response.status_code == 200
            await client.get("/")
            assert client
        """,
    )
    assert notes == []


def test_stand_ins_follow_what_they_stand_for(migrated):
    result = migrated(
        {
            "app.py": (
                "from flask import render_template\n\n\n"
                "def page():\n    return render_template('a')\n\n\ndef other():\n    return ''\n"
            ),
            "test_app.py": (
                "import app\n\n\ndef test_it(monkeypatch):\n"
                "    def one():\n        return 'one'\n\n    def two():\n        return 'two'\n\n"
                "    def three():\n        return 'three'\n\n"
                "    monkeypatch.setattr('app.page', one)\n"
                "    monkeypatch.setattr(app, 'page', two)\n"
                "    monkeypatch.setattr(app, 'other', three)\n"
            ),
        }
    )
    assert "async def one" in result["test_app.py"]
    assert "async def two" in result["test_app.py"]
    assert "    def three" in result["test_app.py"]
    assert "    async def" not in result["test_app.py"].partition("three")[2]


UNITTEST = """
import unittest

from app import app


class IndexTest(unittest.{base}):
    def setUp(self):
        self.client = app.test_client()

    {kind}def test_index(self):
        response = {wait}self.client.get("/")
        self.assertEqual({wait}response.data, b"index")

    {kind}def test_again(self):
        {wait}self.client.get("/")
"""


def test_unittest_is_left(migrated):
    code = UNITTEST.format(base="TestCase", kind="", wait="")
    result = migrated({"app.py": APP, "test_app.py": code})
    assert result["test_app.py"] == code.lstrip()
    assert len(result.notes) == 1
    assert result.notes[0].startswith(
        "test_app.py:6: IndexTest: unittest.TestCase runs plain methods only"
    )


def test_asynchronous_unittest(migrated):
    before = UNITTEST.format(base="IsolatedAsyncioTestCase", kind="", wait="")
    after = UNITTEST.format(base="IsolatedAsyncioTestCase", kind="async ", wait="await ")
    assert assert_become(migrated, before, after) == []


def test_what_pottles_client_has_not(migrated):
    result = migrated(
        {
            "app.py": APP,
            "test_app.py": (
                "from app import app\n\n\ndef test_it():\n    client = app.test_client()\n"
                "    client.get('/', environ_base={})\n    getattr(client, 'get')('/')\n"
            ),
        }
    )
    assert "test_app.py:6: Pottle's test client has no argument 'environ_base'" in result.notes
    assert "test_app.py:7: 'getattr(client, 'get')('/')' may have to be awaited" in result.notes


TESTS = {
    "app.py": APP,
    "test_app.py": "from app import app\n\n\ndef test_it():\n    app.test_client().get('/')\n",
}
LINES = 'asyncio_mode = "auto"\nasyncio_default_fixture_loop_scope = "function"\n'


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (
            "pyproject.toml",
            '[project]\nname = "a"\n\n[tool.pytest.ini_options]\n# Ours.\naddopts = "-q"\n',
            f'[project]\nname = "a"\n\n[tool.pytest.ini_options]\n{LINES}# Ours.\naddopts = "-q"\n',
        ),
        (
            "pytest.ini",
            "[pytest]\naddopts = -q\n",
            "[pytest]\n" + LINES.replace('"', "") + "addopts = -q\n",
        ),
        ("setup.cfg", "[tool:pytest]\n", "[tool:pytest]\n" + LINES.replace('"', "")),
        ("tox.ini", "[tox]\n\n[pytest]\n", "[tox]\n\n[pytest]\n" + LINES.replace('"', "")),
    ],
)
def test_the_configuration_of_pytest(migrated, name, before, after):
    result = migrated({**TESTS, name: before})
    assert result[name] == after
    assert result.notes == [f"{name}:1: tests are coroutine functions now: install pytest-asyncio"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project]\nname = "a"\n'),
        ("pyproject.toml", "[tool.pytest]\nini_options = {}\n"),
        ("pyproject.toml", "no toml\n"),
        ("pytest.ini", "no ini\n"),
        ("setup.cfg", "[metadata]\n"),
    ],
)
def test_a_configuration_that_is_not_understood(migrated, name, text):
    result = migrated({**TESTS, name: text})
    assert result[name] == text
    assert result.notes == [f".:1: {NEEDED}"]


def test_a_configuration_that_is_there_already(migrated):
    text = '[tool.pytest.ini_options]\nasyncio_mode = "strict"\n'
    result = migrated({**TESTS, "pyproject.toml": text})
    assert result["pyproject.toml"] == text
    assert result.notes == []
