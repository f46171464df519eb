"""The documentation site: it builds without a warning, is whole, and stands on nothing but itself."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

# The first test builds the site.
pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

#: The modules that users import from. Their public names have to stand in the reference.
PUBLIC_MODULES = [
    *("pottle", "pottle.cli", "pottle.compat", "pottle.compat.flask", "pottle.config"),
    *("pottle.datastructures", "pottle.errors", "pottle.json", "pottle.json.msgspec"),
    *("pottle.json.provider", "pottle.json.tag", "pottle.routing", "pottle.servers"),
    *("pottle.sessions", "pottle.signals", "pottle.templating", "pottle.testing"),
    *("pottle.typing", "pottle.views", "pottle.wrappers"),
]
#: Names in them that are for the framework's own use.
INTERNAL = {
    *("BaseRequestWebsocket", "HasConfig", "FlaskConfig", "WatchedSignal", "WatchedNamespace"),
    *(
        "ANY",
        "annotations",
        "App",
        "F",
        "HasLoader",
        "T",
        "Templated",
        "create_environment",
        "default",
    ),
    *("http_method_funcs", "select_autoescape", "update_context"),
    *(
        "PassDict",
        "PassList",
        "TagBytes",
        "TagDateTime",
        "TagDict",
        "TagMarkup",
        "TagTuple",
        "TagUUID",
    ),
}
#: Attributes of classes that are for the framework's own use.
INTERNAL_ATTRIBUTES = {
    "Pottle": {
        *("bare_lane", "forget_plan", "json_encoder", "make_bridge", "mounts", "original_methods"),
        *("plain_calls", "plan", "planned_names", "prepare_serving", "seal"),
    },
    "Blueprint": {"forget_plan", "json_encoder"},
    "Request": set[str](),
    "Response": set[str](),
    "Websocket": set[str](),
}


def build(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the pages in *source* into *folder* as `scripts/docs` does, with the site's settings."""
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--quiet"]
    return subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", *options, "--conf-dir", str(DOCS)),
            *("--doctree-dir", str(folder / "doctrees"), str(source), str(folder / "html")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def built(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("site")
    return folder / "html", build(DOCS, folder)


@pytest.fixture(scope="session")
def site(built: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """The folder with the pages; with warnings, they are there all the same."""
    return built[0]


class PageReader(HTMLParser):
    """Collects the anchors of a page, where its links lead, and what a browser loads with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag in {"a", "area"} and "href" in given:
            self.links.append(given["href"])
        elif "href" in given:  # style sheets, icons, parts of drawings
            self.loaded.append(given["href"])
        self.loaded += [
            given[name] for name in ("src", "data", "poster", "action") if name in given
        ]
        if "srcset" in given:
            self.loaded += [piece.split()[0] for piece in given["srcset"].split(",")]
        self.loaded += re.findall(r"url\(\s*['\"]?([^'\")]+)", given.get("style", ""))


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, PageReader]:
    return {path: PageReader(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="session")
def names(site: Path) -> set[str]:
    """The names that have an anchor: what `objects.inv` has of Python."""
    head, packed = (site / "objects.inv").read_bytes().split(b"zlib.\n", 1)
    assert head.startswith(b"# Sphinx inventory version 2")
    lines = zlib.decompress(packed).decode().splitlines()
    return {line.split()[0] for line in lines if line.split()[1].startswith("py:")}


# It is whole.


def test_it_builds_without_a_warning(
    built: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    done = built[1]
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


def test_every_page_is_there(pages: dict[Path, PageReader], site: Path) -> None:
    sources = [path for path in DOCS.rglob("*") if path.suffix in {".md", ".rst"}]
    built = {path.relative_to(site).with_suffix("") for path in pages}
    assert {path.relative_to(DOCS).with_suffix("") for path in sources} <= built


def test_no_link_leads_nowhere(pages: dict[Path, PageReader], site: Path) -> None:
    broken = [
        f"{path.relative_to(site)}: {target}"
        for path, page in pages.items()
        for target in page.links + page.loaded
        if not urlsplit(target).scheme and not _is_found(target, path, pages)
    ]
    assert broken == [], "\n".join(broken)


def _is_found(target: str, path: Path, pages: dict[Path, PageReader]) -> bool:
    parts = urlsplit(target)
    found = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not found.is_file():
        return False
    return (
        not parts.fragment or found not in pages or unquote(parts.fragment) in pages[found].anchors
    )


def test_nothing_is_loaded_from_another_host(pages: dict[Path, PageReader], site: Path) -> None:
    loaded = {(path, target) for path, page in pages.items() for target in page.loaded}
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        loaded.update((path, target) for target in re.findall(r"url\(\s*['\"]?([^'\")]+)", text))
        loaded.update((path, target) for target in re.findall(r"@import\s+['\"]([^'\"]+)", text))
    assert loaded
    assert [
        f"{path.relative_to(site)}: {target}"
        for path, target in loaded
        if urlsplit(target).netloc or urlsplit(target).scheme not in {"", "data"}
    ] == []


def test_what_only_tests_read_is_not_in_the_pages(pages: dict[Path, PageReader]) -> None:
    for path in pages:
        assert "<!-- check" not in path.read_text(encoding="utf-8")


def test_the_search_finds_a_word(site: Path) -> None:
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    found = index["terms"]["microframework"]
    found = found if isinstance(found, list) else [found]
    assert "index" in [index["docnames"][number] for number in found]


# Every public name is in it.


def _public(module: ModuleType) -> Iterator[str]:
    """The names of *module* that are public: those it lists, or else those that it defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        yield from set(listed) - INTERNAL
        return
    for name, value in vars(module).items():
        if name.startswith("_") or name in INTERNAL or inspect.ismodule(value):
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            if value.__module__ == module.__name__:
                yield name
        elif module.__name__ in {"pottle.signals", "pottle.typing"}:
            yield name


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_every_public_name_is_in_the_reference(module_name: str, names: set[str]) -> None:
    module = importlib.import_module(module_name)
    public = set(_public(module))
    assert public
    missing = {
        name
        for name in public
        if not any(
            f"{other}.{name}" in names
            for other in PUBLIC_MODULES
            if getattr(importlib.import_module(other), name, None) is getattr(module, name)
            or other == module_name
        )
    }
    assert missing == set()


@pytest.mark.parametrize("class_name", INTERNAL_ATTRIBUTES)
def test_every_attribute_is_in_the_reference(class_name: str, names: set[str]) -> None:
    cls = getattr(importlib.import_module("pottle"), class_name)
    public = {name for name in dir(cls) if not name.startswith("_")}
    known = {name for name in public if f"pottle.{class_name}.{name}" in names}
    assert public - known == INTERNAL_ATTRIBUTES[class_name]


# What is wrong in a page fails the build.

INDEX = "# Pages\n\n```{toctree}\npage\nother\n```\n"
WRONG = {
    "a page that does not exist": ("page.md", "# Page\n\nSee [this](nowhere.md).\n"),
    "a heading that does not exist": ("page.md", "# Page\n\nSee [this](other.md#nothing).\n"),
    "a name that does not exist": ("page.rst", "Page\n====\n\nSee :func:`pottle.nothing`.\n"),
    "a file that does not exist": ("page.md", "# Page\n\n```{literalinclude} nothing.py\n```\n"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_reference_fails_the_build(what: str, tmp_path: Path) -> None:
    name, text = WRONG[what]
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text(INDEX)
    (source / "other.md").write_text("# Other\n\nNo link.\n")
    (source / name).write_text(text)
    done = build(source, tmp_path)
    assert done.returncode != 0
    assert name in done.stdout
    assert "nowhere" in done.stdout or "nothing" in done.stdout
