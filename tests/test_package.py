"""The package as others get it: built, installed into an empty environment, imported, run."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

import pottle
from processes import served

ROOT = Path(__file__).parents[1]
#: Registries, and absolute paths of one machine (but not the path of a URL).
NOT_IN_FILES = re.compile(
    r"pypi[.]org|files[.]pythonhosted|registry[.]npmjs|(?<![\w.~])/(root|work)/"
)
#: What is loaded when it is needed, and not with `import pottle`.
LATE = [
    "uvicorn",
    "hypercorn",
    "granian",
    "click",
    "jinja2",
    "redis",
    "dotenv",
    "watchfiles",
    "pytest",
]
BUILDING = 300  # seconds

PROGRAM = """
from pottle import Pottle, render_template_string

app = Pottle(__name__)

@app.get("/")
async def index():
    return await render_template_string("served by {{ version }}", version=__import__("pottle").__version__)
"""


def run(*command, **options):
    """Run *command* to its end; what it prints, if it ends well."""
    options = {"cwd": ROOT, "capture_output": True, "text": True, "check": False, **options}
    done = subprocess.run([str(word) for word in command], timeout=BUILDING, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source distribution, the wheel being built from the latter."""
    folder = tmp_path_factory.mktemp("dist")
    alone = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    run(sys.executable, "-m", "build", *alone, "--outdir", folder)
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.mark.timeout(BUILDING)
def test_wheel_has_the_package_and_nothing_else(built):
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name) for name in archive.namelist()}
    sources = ROOT / "src"
    expected = {
        path.relative_to(sources)
        for path in sources.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {name for name in names if not name.parts[0].endswith(".dist-info")}
    assert found == expected
    assert Path("pottle/py.typed") in found


@pytest.mark.timeout(BUILDING)
def test_source_distribution_can_be_tested(built):
    _, source = built
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "constraints.txt",
        "scripts/test",
        "tests/conftest.py",
        "examples/dashboard/templates/index.html",
    } <= names


@pytest.mark.timeout(BUILDING)
def test_wheel_works_in_an_empty_environment(built, tmp_path):
    wheel, _ = built
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    run(scripts / "python", "-m", "pip", "install", "--quiet", "-c", "constraints.txt", wheel)
    assert f"Pottle {pottle.__version__}" in run(scripts / "pottle", "--version", cwd=tmp_path)
    (tmp_path / "app.py").write_text(PROGRAM)
    with served(str(scripts / "pottle"), "serve", "--port", "0", cwd=tmp_path) as process:
        answer = httpx.get(process.ready().url, trust_env=False)
        assert answer.text == f"served by {pottle.__version__}"
        assert process.stop() == 0, process.text


def test_import_is_light():
    code = f"import sys, pottle; print([name for name in {LATE} if name in sys.modules])"
    assert run(sys.executable, "-c", code) == "[]\n"


@pytest.mark.parametrize("name", pottle.__all__)
def test_public_names_resolve(name):
    assert getattr(pottle, name) is not None


def test_public_names_are_sorted_and_single():
    assert list(pottle.__all__) == sorted(set(pottle.__all__))


def test_unknown_names_are_errors():
    with pytest.raises(AttributeError, match="no attribute 'render_tomplate'"):
        _ = pottle.render_tomplate


def test_files_name_no_machine_and_no_registry():
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    assert "pyproject.toml" in names
    found: list[str] = []
    for path in (ROOT / name for name in names if name):
        if path.is_file():
            text = path.read_bytes().decode(errors="replace")
            found += [
                f"{path.relative_to(ROOT)}: {match[0]}" for match in NOT_IN_FILES.finditer(text)
            ]
    assert found == []
