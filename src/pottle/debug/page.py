"""The page about an exception: its chain, its frames with source and local variables, as HTML.

Whatever an exception, a source line or a variable says was said by someone else, perhaps by the
client: all of it goes through `cut`, which makes plain text of it, and `Markup.format`, which
escapes plain text. What is secret is masked before that (see `secrets`), and what cannot be shown
without failing is said to be so.
"""

from __future__ import annotations

import linecache
import sysconfig
import traceback
from itertools import groupby, islice
from pathlib import Path
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from .secrets import MASKED, Secrets, is_secret
from .style import STYLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType, TracebackType

    Frame = tuple[FrameType, int]

#: Source lines before and after the one that failed.
LINES_AROUND = 5
#: Frames of one exception that are shown from either end; recursion has a thousand.
FRAMES_AT_ENDS = 25
#: Local variables of one frame, exceptions of one group, and exceptions on one page.
MAX_LOCALS, MAX_GROUP, MAX_ERRORS = 100, 20, 50
#: Characters of a message or note, of a source line, of a value, and of any name.
MAX_TEXT, MAX_LINE, MAX_VALUE, MAX_NAME = 10_000, 500, 2_000, 500
#: Characters of a value that are looked at for secrets; far fewer are shown.
MAX_SCANNED = 10_000

#: Where code lies that is not the developer's own.
_LIBRARIES = (
    "<frozen",
    str(Path(__file__).parents[1]),
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
)

_PAGE = Markup(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    "<header><p>{where}</p></header>\n<main>\n{errors}"
    "<section>\n<h2>As text</h2>\n<pre>{text}</pre>\n</section>\n</main>\n"
    "<footer><p>You see this page because the application runs in debug mode. It shows what"
    " nobody else should see: never run an application for others in this mode.</p></footer>\n"
    "</body>\n</html>\n"
)
_ERROR = Markup(
    '<section{anchor}>\n{relation}<h1>{name}</h1>\n<pre class="message">{message}</pre>\n'
    "{notes}{frames}{group}</section>\n"
)
_RELATION = Markup('<p class="relation">{}</p>\n')
_NOTE = Markup('<pre class="note">{}</pre>\n')
_GAP = Markup('<p class="gap">{} more frames</p>\n')
_FOLDED = Markup(
    '<details class="folded">\n<summary>{} frames of libraries</summary>\n{}</details>\n'
)
_FRAME = Markup(
    '<details class="frame{kind}"{open}>\n<summary><code>{name}</code> '
    "<span>{filename}:{line}</span></summary>\n{source}{variables}</details>\n"
)
_SOURCE = Markup('<ol class="source" start="{}">{}</ol>\n')
_LINE = Markup("<li{}><code>{}</code></li>")
_VARIABLES = Markup('<dl class="locals">{}</dl>\n')
_VARIABLE = Markup("<dt>{}</dt><dd>{}</dd>")
_GROUP = Markup('<div class="group">\n{}</div>\n')


def render_text(error: BaseException, secrets: Secrets | None = None) -> str:
    """The traceback of *error* as Python prints it, but without *secrets*."""
    secrets = secrets or Secrets()
    try:
        parts = traceback.format_exception(error)
    except Exception:  # boundary: attributes of anyone's exception class
        frames = traceback.format_tb(error.__traceback__)
        parts = [*frames, f"{type(error).__name__}: {say(error, secrets)}\n"]
    return "".join(secrets.mask(part, code=part.startswith('  File "')) for part in parts)


def render_page(error: BaseException, where: str = "", secrets: Secrets | None = None) -> str:
    """A whole HTML page about *error*, which happened at *where* (such as ``GET /path``).

    None of *secrets* is on it, nor what has the name of a secret.
    """
    secrets = secrets or Secrets()
    message = say(error, secrets)
    title = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return str(
        _PAGE.format(
            title=cut(title, MAX_LINE),
            style=Markup(STYLE),  # noqa: S704 - ours, and no value is put into it
            where=cut(secrets.mask(where), MAX_NAME),
            errors=_join(_errors(error, secrets, seen=set())),
            text=cut(render_text(error, secrets), 10 * MAX_TEXT),
        )
    )


def _join(parts: Iterator[Markup]) -> Markup:
    return Markup("").join(parts)


# Exceptions


def _errors(error: BaseException, secrets: Secrets, seen: set[int]) -> Iterator[Markup]:
    """The sections for *error* and for what led to it, the latest first."""
    current: BaseException | None = error
    relation = ""
    while current is not None and id(current) not in seen and len(seen) < MAX_ERRORS:
        seen.add(id(current))
        yield _section(current, relation, secrets, seen)
        if current.__cause__ is not None:
            relation, current = "Its direct cause", current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            relation, current = "It came up while this was handled", current.__context__
        else:
            current = None


def _section(error: BaseException, relation: str, secrets: Secrets, seen: set[int]) -> Markup:
    members = _members(error)
    return _ERROR.format(
        anchor=Markup(' class="earlier"') if relation else "",
        relation=_RELATION.format(relation) if relation else "",
        name=_qualified_name(type(error)),
        message=say(error, secrets),
        notes=_join(_NOTE.format(say(note, secrets)) for note in _notes(error)[:MAX_GROUP]),
        frames=_join(_frames(error.__traceback__, secrets)),
        group=_group(members, secrets, seen) if members else "",
    )


def _notes(error: BaseException) -> list[Any]:
    notes: Any = getattr(error, "__notes__", [])
    return notes if type(notes) is list else [notes]  # pyright: ignore[reportUnknownVariableType]  # of anything


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # of any kind


def _group(members: tuple[BaseException, ...], secrets: Secrets, seen: set[int]) -> Markup:
    parts = [part for member in members[:MAX_GROUP] for part in _errors(member, secrets, seen)]
    if len(members) > MAX_GROUP:
        parts.append(_RELATION.format(f"and {len(members) - MAX_GROUP} more exceptions"))
    return _GROUP.format(_join(iter(parts)))


def _qualified_name(kind: type) -> str:
    module = kind.__module__
    plain = module in ("builtins", "__main__")
    return cut(kind.__qualname__ if plain else f"{module}.{kind.__qualname__}", MAX_NAME)


def say(value: object, secrets: Secrets) -> str:
    """What *value* says, as far as it can be made to say it, without *secrets*."""
    try:
        return cut(secrets.mask(str(value)), MAX_TEXT)
    except Exception:  # boundary: a `__str__` of anyone's
        return f"<{type(value).__name__} whose str() fails>"


def cut(text: str, limit: int) -> str:
    """*text*, shortened to *limit* characters with a word on how much is missing.

    The result is an exact `str`: a `__repr__` may return `Markup`, which nothing would escape.
    """
    text = str.__str__(text)
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


# Frames


def _frames(tb: TracebackType | None, secrets: Secrets) -> Iterator[Markup]:
    """The frames, the one that failed first; of very many only those at both ends.

    What libraries have done in between is folded up.
    """
    frames = list(traceback.walk_tb(tb))[::-1]
    left_out = max(0, len(frames) - 2 * FRAMES_AT_ENDS)
    begin = FRAMES_AT_ENDS if left_out else len(frames)
    yield from _folded(frames[:begin], secrets, starts_with_error=True)
    if left_out:
        yield _GAP.format(left_out)
        yield from _folded(frames[begin + left_out :], secrets, starts_with_error=False)


def _folded(frames: list[Frame], secrets: Secrets, starts_with_error: bool) -> Iterator[Markup]:
    is_last = starts_with_error
    for library, run in groupby(frames, lambda frame: _is_library(frame[0])):
        shown = list(run)
        if is_last:
            yield _frame(*shown.pop(0), secrets, library=library, is_open=True)
            is_last = False
        parts = [_frame(*frame, secrets, library=library, is_open=not library) for frame in shown]
        joined = _join(iter(parts))
        yield _FOLDED.format(len(parts), joined) if library and len(parts) > 1 else joined


def _is_library(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_LIBRARIES)


def _frame(frame: FrameType, line: int, secrets: Secrets, library: bool, is_open: bool) -> Markup:
    code = frame.f_code
    return _FRAME.format(
        kind=" library" if library else "",
        open=Markup(" open") if is_open else "",
        name=cut(code.co_qualname, MAX_NAME),
        filename=cut(code.co_filename, MAX_NAME),
        line=line,
        source=_source(frame, line, secrets),
        variables=_variables(frame.f_locals, secrets),
    )


def _source(frame: FrameType, line: int, secrets: Secrets) -> Markup:
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    first = max(1, line - LINES_AROUND)
    shown = lines[first - 1 : line + LINES_AROUND]
    if not shown:
        return Markup("")
    items = (
        _LINE.format(
            Markup(' class="here"') if number == line else "",
            cut(secrets.mask(text.rstrip("\r\n"), code=True), MAX_LINE) or " ",
        )
        for number, text in enumerate(shown, first)
    )
    return _SOURCE.format(first, _join(items))


# Local variables


class _Representation(Repr):
    """Short representations of anything: large values cut, secrets masked, failures told."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self.secrets = secrets
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxdeque = self.maxarray = 20
        self.maxstring = self.maxother = self.maxlong = 400

    def repr1(self, x: Any, level: int) -> str:
        try:
            if issubclass(type(x), dict):
                return self.repr_dict(x, level)
            return super().repr1(x, level)
        except Exception:  # boundary: a `__repr__` of anyone's
            return f"<{type(x).__name__} object whose repr() fails>"

    def repr_instance(self, x: Any, level: int) -> str:
        return self._masked(repr(x), "characters", str)

    def repr_str(self, x: str, level: int) -> str:
        return self._masked(x, "characters", repr)

    def repr_bytes(self, x: bytes, level: int) -> str:
        return self._masked(x.decode("latin-1"), "bytes", lambda text: repr(text.encode("latin-1")))

    def _masked(self, text: str, unit: str, show: Callable[[str], str]) -> str:
        """The beginning of *text* without secrets; masked first, or half of one could stay."""
        masked = self.secrets.mask(text[:MAX_SCANNED])
        left_out = len(masked) - self.maxother + len(text[MAX_SCANNED:])
        if left_out <= 0:
            return show(masked)
        return f"{show(masked[: self.maxother])}… ({left_out} more {unit})"

    def repr_tuple(self, x: tuple[Any, ...], level: int) -> str:
        return self._masked_pair(x, level) or super().repr_tuple(x, level)

    def repr_list(self, x: list[Any], level: int) -> str:
        return self._masked_pair(x, level) or super().repr_list(x, level)

    def _masked_pair(self, x: Any, level: int) -> str:
        """*x* as a name and a value that nobody should read, such as a header; or nothing."""
        if len(x) != 2 or not is_secret(x[0]):
            return ""
        begin, end = "()" if isinstance(x, tuple) else "[]"
        return f"{begin}{self.repr1(x[0], level - 1)}, {MASKED}{end}"

    def repr_dict(self, x: Mapping[Any, Any], level: int) -> str:
        if level <= 0:
            return "{…}"
        parts = [
            f"{self.repr1(key, level - 1)}: {self.named(key, value, level - 1)}"
            for key, value in islice(x.items(), self.maxdict)
        ]
        if len(x) > self.maxdict:
            parts.append("…")
        return f"{{{', '.join(parts)}}}"

    def named(self, name: Any, value: Any, level: int) -> str:
        """*value*, unless *name* says that nobody should read it."""
        if is_secret(name):
            return MASKED
        return self.repr1(value, level)


def _variables(variables: Mapping[str, Any], secrets: Secrets) -> Markup:
    if not variables:
        return Markup("")
    representation = _Representation(secrets)
    items = [
        _VARIABLE.format(
            cut(name, MAX_NAME),
            cut(representation.named(name, value, representation.maxlevel), MAX_VALUE),
        )
        for name, value in islice(variables.items(), MAX_LOCALS)
    ]
    if len(variables) > MAX_LOCALS:
        items.append(_VARIABLE.format("…", f"{len(variables) - MAX_LOCALS} more"))
    return _VARIABLES.format(_join(iter(items)))
