"""What runs the documentation: a page that is right passes, and each way to be wrong is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import docs_runner
from docs_pages import commands, problems, read_page

LANGUAGES = {"python", "console", "bash"}

RIGHT = """\
# A page

<!-- setup:
from pathlib import Path
Path("given.txt").write_text("given")
-->
```python
from pathlib import Path

text = Path("given.txt").read_text()


async def test_text():
    assert text == "given"
```

<!-- check:
assert text
-->

<!-- file: app.py -->
```python
from pottle import Pottle

app = Pottle(__name__)


@app.get("/")
async def index():
    return "Hello"
```

<!-- check:
from app import app
-->

<!-- requests:
GET / -> 200 Hello
GET /x -> 404
-->

<!-- serve: GET / -> 200 Hello -->
```console
$ pottle run
$ uvicorn app:app
$ POTTLE_APP=app pottle serve --port 5001
```

<!-- run -->
```console
$ curl http://127.0.0.1:5001/
Hello
$ echo one two three
one ... three
```

```{literalinclude} page.md
:lines: 1
```
"""


def run(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "page.md"
    path.write_text(page)
    return subprocess.run(
        [sys.executable, "-W", "error", docs_runner.__file__, str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def found(text: str, folder: Path) -> list[str]:
    path = folder / "page.md"
    path.write_text(text)
    return list(problems(read_page(path), LANGUAGES))


def test_a_page_that_is_right_passes(tmp_path):
    done = run(RIGHT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert found(RIGHT, tmp_path) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('"given.txt").read', '"taken.txt").read', "FileNotFoundError"),
        ('assert text == "given"', 'assert text == "taken"', "AssertionError"),
        ("assert text\n", "assert not text\n", "AssertionError"),
        ("async def index():", "async def index()", "SyntaxError"),
        ("GET /x -> 404", "GET /x -> 200", "GET /x -> 200: 404 NOT FOUND"),
        ("GET / -> 200 Hello\nGET", "GET / -> 200 Bye\nGET", "GET / -> 200 Bye: Hello"),
        ("serve: GET / -> 200 Hello", "serve: GET / -> 200 Bye", "GET / -> 200 Bye: 200 Hello"),
        ("pottle run", "pottle run --fast", "No such option"),
        ("uvicorn app:app", "uvicorn app:web", "does not answer"),
        ("curl http://127.0.0.1:5001/", "curl http://127.0.0.1:5001/x", "404 Not Found"),
        ("one ... three", "one ... four", "one two three"),
        ("echo one two three\none ... three", "false", "$ false"),
    ],
)
def test_a_block_that_is_wrong_fails(right, wrong, told, tmp_path):
    assert right in RIGHT
    done = run(RIGHT.replace(right, wrong), tmp_path)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("```console\n$ ls\n```", "say what becomes of these commands"),
        ("```bash\nls\n```", "say what becomes of these commands"),
        ("<!-- run -->\n<!-- serve: GET / -> 200 -->\n```console\n$ ls\n```", "by one of"),
        ("<!-- not run: -->\n```console\n$ ls\n```", "without a reason"),
        ("<!-- run by: scripts/none -->\n```console\n$ ls\n```", "there is no file scripts/none"),
        (
            "<!-- run by: scripts/test -->\n```console\n$ nothing such\n```",
            "does not contain 'nothing such'",
        ),
        ("```cobol\nSTOP RUN.\n```", "'cobol' is no language"),
        ("```{literalinclude} none.py\n```", "there is no file none.py"),
    ],
)
def test_a_block_that_says_too_little_is_found(block, told, tmp_path):
    [problem] = found(block + "\n", tmp_path)
    assert told in problem


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("```python\n1\n", "never closed"),
        ("<!-- run -->\ntext\n", "without a block"),
        ("<!-- rum -->\n", "nothing known"),
        ("```{code-block} python\n1\n```\n", "plain fence"),
        ("<!-- run -->\n```{figure} x.png\n```\n", "before a directive"),
    ],
)
def test_a_page_that_cannot_be_read_is_refused(page, told, tmp_path):
    with pytest.raises(ValueError, match=told):
        found(page, tmp_path)


def test_what_a_command_of_another_script_proves(tmp_path):
    assert found("<!-- run by: .ci/run -->\n```console\n$ scripts/test\n```\n", tmp_path) == []


def test_commands_are_told_from_what_they_show(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(
        "```console\n$ one  # why\n1\n2\n$ two \\\n    three\n```\n\n```bash\nfour\nfive\n```\n"
    )
    console, script = read_page(path).blocks
    assert list(commands(console)) == [("one", "1\n2\n"), ("two      three", "")]
    assert list(commands(script)) == [("four\nfive\n", "")]
