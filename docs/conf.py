"""How the documentation site is made: Sphinx, with pages in Markdown by MyST. `scripts/docs` builds it."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import roles
from sphinx import addnodes

import pottle

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "Pottle"
version = release = pottle.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_static", "_templates"]
nitpicky = True

# The anchors of headings are those that code hosts make, so that a link works in both places.
myst_heading_anchors = 6
myst_enable_extensions = ["colon_fence"]

add_module_names = False
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 80
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"

# The `$` of a console block is not copied, nor what the command prints.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

html_theme = "furo"
pygments_dark_style = "a11y-dark"
html_title = f"Pottle {release}"
html_static_path = ["_static"]
html_css_files = ["pottle.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_copyright = False
_LIGHT, _DARK = "#17605c", "#86d3ca"
html_theme_options = {
    "light_logo": "wordmark-light.svg",
    "dark_logo": "wordmark-dark.svg",
    "sidebar_hide_name": True,
    "light_css_variables": {
        "color-brand-primary": _LIGHT,
        "color-brand-content": _LIGHT,
        "color-brand-visited": _LIGHT,
        "color-api-name": _LIGHT,
        "color-api-pre-name": _LIGHT,
    },
    "dark_css_variables": {
        "color-brand-primary": _DARK,
        "color-brand-content": _DARK,
        "color-brand-visited": _DARK,
        "color-api-name": _DARK,
        "color-api-pre-name": _DARK,
    },
}


# What the API pages show of the code.

#: Classes whose instances are handed to the user: how they are made says nothing to a reader.
NOT_MADE_BY_USERS = {
    *("pottle.Request", "pottle.Websocket", "pottle.wrappers.Body", "pottle.ctx.AppContext"),
    *("pottle.formparser.Part", "pottle.formparser.Parts", "pottle.datastructures.FileStorage"),
    *("pottle.blueprints.BlueprintSetupState", "pottle.templating.TemplateStream"),
    *("pottle.testing.PottleClient", "pottle.testing.ReceivedEvent", "pottle.testing.TestApp"),
    *("pottle.testing.TestEventStream", "pottle.testing.TestHTTPConnection"),
    *("pottle.testing.TestWebsocketConnection", "pottle.wrappers.websocket.State"),
}


def hide_signature(app: Sphinx, what: str, name: str, *_: object) -> tuple[str, str] | None:
    return ("", "") if name in NOT_MADE_BY_USERS else None


def mark_awaited(app: Sphinx, domain: str, objtype: str, content: addnodes.desc_content) -> None:
    """Say `async` of what has to be awaited, where Sphinx does not see it behind a decorator."""
    if domain != "py" or objtype not in {"function", "method", "property"}:
        return
    for signature in content.parent.findall(addnodes.desc_signature):
        if signature.astext().startswith("async"):
            continue
        found: Any = importlib.import_module(signature["module"])
        for name in signature["fullname"].split("."):
            found = inspect.getattr_static(found, name, None) or getattr(found, name, None)
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(found, "fget", None) or found)):
            signature.insert(0, addnodes.desc_annotation("async ", "async "))


# The docstrings are plain prose, with names in single backticks. Such a name is shown as code, and
# leads to its entry where it is one of ours.

#: How docstrings call an instance, and the class that it is of.
INSTANCES = {
    "app": "Pottle",
    "request": "Request",
    "response": "Response",
    "websocket": "Websocket",
    "session": "sessions.SessionMixin",
}
#: What docstrings mean by these names, also within a class that has a method of the same name.
PROXIES = {"app_ctx", "current_app", "g", "request", "session", "websocket"}
default_role = "name"


def name_role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any, **__: Any
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    code = nodes.literal(rawtext, nodes.unescape(text))
    env = inliner.document.settings.env
    target = nodes.unescape(text).removesuffix("()")
    if not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", target):
        return [code], []
    reference = addnodes.pending_xref(
        rawtext,
        code,
        refdomain="py",
        reftype="obj",
        reftarget=target,
        refdoc=env.docname,
        prose=True,
    )
    if target in PROXIES:
        reference["reftarget"] = f"pottle.{target}"
    else:
        for key in ("py:module", "py:class"):
            reference[key] = env.ref_context.get(key)
    return [reference], []


def resolve_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, code: nodes.TextElement
) -> nodes.Node | None:
    """The node for a reference that Sphinx found no target for, or None: it is a fault."""
    if not node.get("prose"):
        # The types of other packages in signatures: their documentation is not here to link to.
        in_signature = _has_ancestor(node, addnodes.desc_signature)
        return code if in_signature else None
    python = env.domains.python_domain
    first, _, rest = node["reftarget"].partition(".")
    if rest:
        candidates = [f"pottle.{INSTANCES.get(first, first)}.{rest}"]
    else:
        # A class or a function of any module, where just one has this name.
        kinds = {"class", "exception", "function"}
        candidates = [
            name
            for name, entry in python.objects.items()
            if entry.objtype in kinds and not entry.aliased and name.rpartition(".")[2] == first
        ]
    if len(candidates) != 1 or candidates[0] not in python.objects:
        return code
    target: dict[str, Any] = {**node.attributes, "reftarget": candidates[0]}
    found = addnodes.pending_xref("", **target)
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", candidates[0], found, code)


def _has_ancestor(node: nodes.Node, kind: type[nodes.Node]) -> bool:
    parent = node.parent
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parent
    return parent is not None


def read_arguments(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn what stands below `Arguments:` in a docstring into fields, one for each argument."""
    if "Arguments:" not in lines:
        return
    start = lines.index("Arguments:")
    for index in range(start + 1, len(lines)):
        if lines[index] and not lines[index].startswith(" "):
            break
        lines[index] = re.sub(r"^    (\w+): ", r":param \1: ", lines[index])
    lines[start] = ""


# The pages


def drop_comments(app: Sphinx, doctree: nodes.document) -> None:
    """The comments in pages are for their tests."""
    for raw in list(doctree.findall(nodes.raw)):
        if raw.astext().lstrip().startswith("<!--"):
            raw.parent.remove(raw)


def setup(app: Sphinx) -> None:
    roles.register_local_role("name", name_role)
    app.connect("missing-reference", resolve_name)
    app.connect("autodoc-process-signature", hide_signature)
    app.connect("object-description-transform", mark_awaited)
    app.connect("autodoc-process-docstring", read_arguments)
    app.connect("doctree-read", drop_comments)
