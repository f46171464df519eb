from __future__ import annotations

import asyncio
import io
import itertools
import os
import random
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser as WerkzeugParser

from pottle.datastructures import FileStorage
from pottle.errors import BodyConsumedError
from pottle.formparser import (
    SPOOL_SIZE,
    FormDataParser,
    MultiPartParser,
    Part,
    SpooledFile,
    default_stream_factory,
    iter_parts,
    parse_pairs,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
BOUNDARY = {"boundary": "BB"}
END = b"--BB--\r\n"


class Body:
    """A request body that comes in the given chunks and knows how many were taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.taken = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self.chunks:
            self.taken += 1
            return chunk
        raise StopAsyncIteration


def part(name: str, content: bytes | str = b"", filename: str | None = None, **more: str) -> bytes:
    """One part with its boundary before it."""
    content = content.encode() if isinstance(content, str) else content
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    for header, value in more.items():
        head += f"\r\n{header.replace('_', '-')}: {value}"
    return b"--BB\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def split(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


Flat = tuple[list[tuple[str, str]], list[tuple[str, Any, Any, bytes]]]


def flat(form: Any, files: Any) -> Flat:
    """The values of a parsed form, and its files closed."""
    contents: list[tuple[str, Any, Any, bytes]] = []
    for name, file in files.items(multi=True):
        contents.append((name, file.filename, sorted(file.headers), file.read()))
        file.close()
    return list(form.items(multi=True)), contents


async def parse(
    chunks: Iterable[bytes],
    mimetype: str = MULTIPART,
    options: dict[str, str] | None = None,
    **limits: Any,
) -> Flat:
    options = BOUNDARY if options is None else options
    parser = FormDataParser(**limits)
    return flat(*await parser.parse(Body(chunks), mimetype, None, options))


def werkzeug_parse(body: bytes, mimetype: str = MULTIPART) -> Flat:
    parser = WerkzeugParser(silent=False)
    _, form, files = parser.parse(io.BytesIO(body), mimetype, len(body), BOUNDARY)
    return flat(form, files)


SMALL = (
    b"a preamble\r\n"
    + part("field", "value")
    + part("field", "again\r\n--B not the boundary\r\n")
    + part("empty")
    + part("file", b"\x00\r\n\xff-\r", "a.bin", Content_Type="application/octet-stream")
    + part("file", b"", "empty.txt")
    + part("none", b"", "")
    + part("ünï", "☃", Content_Type="text/plain; charset=utf-8")
    + END
    + b"an epilogue"
)


# -- what is parsed


async def test_a_small_form() -> None:
    form, files = await parse([SMALL])
    assert form == [
        ("field", "value"),
        ("field", "again\r\n--B not the boundary\r\n"),
        ("empty", ""),
        ("ünï", "☃"),
    ]
    assert [(name, filename, content) for name, filename, _, content in files] == [
        ("file", "a.bin", b"\x00\r\n\xff-\r"),
        ("file", "empty.txt", b""),
        ("none", "", b""),
    ]


async def test_split_at_every_position() -> None:
    expected = werkzeug_parse(SMALL)
    for position in range(len(SMALL) + 1):
        assert await parse([SMALL[:position], SMALL[position:]]) == expected, position


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_split_into_equal_chunks(size: int) -> None:
    assert await parse(split(SMALL, size)) == werkzeug_parse(SMALL)


contents = st.binary() | st.lists(
    st.sampled_from([b"\r", b"\n", b"--", b"-", b"BB", b"\r\n--B", b"x", b"\xff"])
).map(b"".join)


@given(
    st.lists(
        st.tuples(
            st.text("abcäß☃ .-", min_size=1),
            st.none() | st.text("abcäß☃ .-", max_size=8),
            contents.filter(lambda content: b"--BB" not in content),
        ),
        max_size=4,
    ),
    st.lists(st.integers(0, 400), max_size=4),
)
@settings(max_examples=150, deadline=None)
async def test_any_form_however_it_is_split(
    fields: list[tuple[str, str | None, bytes]], cuts: list[int]
) -> None:
    body = b"".join(part(name, content, file) for name, file, content in fields) + END
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(places)]
    form, files = await parse(chunks)
    assert (form, files) == werkzeug_parse(body)
    assert sorted(content for *_, content in files) == sorted(
        content for _, file, content in fields if file is not None
    )


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('form-data; name="a"; filename="x \\"quoted\\" y.txt"', "a", 'x "quoted" y.txt'),
        ('form-data; name="a\\"b"; filename="semi;colon.txt"', 'a"b', "semi;colon.txt"),
        ('form-data; name="a"; filename="häßlich ☃.txt"', "a", "häßlich ☃.txt"),
        ("form-data; name=\"a\"; filename*=UTF-8''na%C3%AFve%20file.txt", "a", "naïve file.txt"),
        ("form-data; name=a; filename=plain.txt", "a", "plain.txt"),
        ('FORM-DATA; NAME="a"; FILENAME="x"', "a", "x"),
    ],
)
async def test_names_of_files(disposition: str, name: str, filename: str) -> None:
    head = f"--BB\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n".encode()
    _, files = await parse([head + END])
    assert [(file[0], file[1]) for file in files] == [(name, filename)]
    assert ([], files) == werkzeug_parse(head + END)


@pytest.mark.parametrize("padding", [b"", b" ", b" \t", b" " * 100])
async def test_padding_after_boundaries_at_every_split(padding: bytes) -> None:
    middle = b"--BB" + padding + b"\r\n"
    body = (
        (part("a", "one") + part("f", b"two \t- ", "f") + part("b", "three --")).replace(
            b"--BB\r\n", middle
        )
        + b"--BB--"
        + padding
        + b"\r\n"
    )
    for position in range(len(body) + 1):
        form, files = await parse([body[:position], body[position:]])
        assert form == [("a", "one"), ("b", "three --")], position
        assert files[0][3] == b"two \t- ", position


async def test_a_file_of_what_may_follow_boundaries() -> None:
    for content in (b" " * 200_000, b"-" * 200_000, b"\t -" * 50_000):
        _, files = await parse(split(part("f", content, "f") + END, 1000))
        assert files[0][3] == content


async def test_line_ends_of_other_clients() -> None:
    body = (part("a", "1") + part("b", "2", "f") + END).replace(b"\r\n", b"\n")
    assert (await parse([body]))[0] == [("a", "1")]
    assert await parse(split(body, 1)) == werkzeug_parse(body)


async def test_the_end_needs_no_line_end() -> None:
    assert (await parse([part("a", "1") + b"--BB--"]))[0] == [("a", "1")]


@pytest.mark.parametrize("body", [b"", END, b"--BB--"])
async def test_forms_without_parts(body: bytes) -> None:
    assert await parse([body]) == ([], [])
    assert await parse([]) == ([], [])


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("iso-8859-1", b"\xe9", "é"),
        ("ISO-8859-1", b"\xe9", "é"),
        ("ascii", b"a\xe9", "a\ufffd"),
        ("utf-8", b"a\xff", "a\ufffd"),
        ("utf-16", b"a\x00", "a\x00"),
        ("none-such", "é".encode(), "é"),
    ],
)
async def test_charsets_of_fields(charset: str, content: bytes, text: str) -> None:
    body = part("a", content, Content_Type=f"text/plain; charset={charset}") + END
    assert (await parse([body]))[0] == [("a", text)] == werkzeug_parse(body)[0]


async def test_bytes_that_do_not_decode_are_replaced() -> None:
    form, _ = await parse([part("a", b"\xff!") + part("b", "kept") + END])
    assert form == [("a", "\ufffd!"), ("b", "kept")]


async def test_many_parts() -> None:
    body = b"".join(part(f"f{n}", str(n)) for n in range(1000)) + END
    form, _ = await parse(split(body, 4096), max_form_parts=1000)
    assert form == [(f"f{n}", str(n)) for n in range(1000)]
    with pytest.raises(RequestEntityTooLarge, match="more than 999 parts"):
        await parse(split(body, 4096), max_form_parts=999)


async def test_other_types_are_no_forms() -> None:
    body = Body([b"a=1"])
    form, files = await FormDataParser().parse(body, "text/plain", 3)
    assert (list(form), list(files), body.taken) == ([], [], 0)


async def test_the_class_of_the_results() -> None:
    parser = FormDataParser(cls=ImmutableMultiDict)
    form, files = await parser.parse(Body([part("a", "1") + END]), MULTIPART, None, BOUNDARY)
    assert type(form) is type(files) is ImmutableMultiDict
    assert type(FormDataParser(cls=None).cls()) is not ImmutableMultiDict


async def test_a_form_type_of_ones_own() -> None:
    class Parser(FormDataParser):
        def get_parse_func(self, mimetype: str, options: dict[str, str]) -> Any:
            return lines if mimetype == "text/lines" else super().get_parse_func(mimetype, options)

    async def lines(parser: Parser, body: Any, mimetype: str, size: Any, options: Any) -> Any:
        text = b"".join([chunk async for chunk in body]).decode()
        return parser.cls(line.split(":") for line in text.splitlines()), parser.cls()

    form, _ = await Parser().parse(Body([b"a:1\n", b"b:2"]), "text/lines", None)
    assert form.to_dict() == {"a": "1", "b": "2"}
    form, _ = await Parser().parse(Body([b"a=1"]), URLENCODED, None)
    assert form.to_dict() == {"a": "1"}


# -- what is malformed or too large


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (part("a", "1"), "ends in the content of a part"),
        (part("a", "1")[:-2], "ends in the content of a part"),
        (part("a", "1") + b"--BB", "ends in the content of a part"),
        (part("a", "1") + b"--BB\r\n", "ends in the headers of a part"),
        (part("a", "1") + b"--BB\r\nContent-Dis", "ends in the headers of a part"),
        (part("a", "12345", "file")[:-4], "ends in the content of a part"),
        (b"something else", "ends before its first boundary"),
        (part("a", "1").replace(b"BB", b"CC") + b"--CC--\r\n", "ends before its first boundary"),
        (b"--BB\r\nX-Other: y\r\n\r\nv\r\n" + END, "no Content-Disposition header"),
        (b"--BB\r\n\r\nv\r\n" + END, "ends in the headers of a part"),
        (b"--BB\r\nContent-Disposition: form-data\r\n\r\nv\r\n" + END, "has no name"),
        (b'--BB\r\nContent-Disposition: form-data; name=""\r\n\r\nv\r\n' + END, "has no name"),
        (b'--BB\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nv\r\n' + END, "valid UTF-8"),
        (b"--BB\r\n" + b"X-Long: x\r\n" * 20_000, "more than 65536 bytes where"),
        (b"x" * 200_000, "more than 65536 bytes where"),
    ],
)
async def test_malformed_bodies_are_errors(body: bytes, message: str) -> None:
    for size in (13, 70_000):
        with pytest.raises(BadRequest) as caught:
            await parse(split(body, size))
        assert message in str(caught.value)
        assert await parse(split(body, size), silent=True) == ([], [])


@pytest.mark.parametrize("options", [{}, {"boundary": ""}, {"boundary": "Bé"}])
async def test_a_missing_boundary_is_an_error(options: dict[str, str]) -> None:
    with pytest.raises(BadRequest, match="'boundary'"):
        await parse([SMALL], options=options)
    with pytest.raises(BadRequest, match="'boundary'"):
        iter_parts(Body([SMALL]), options)
    assert await parse([SMALL], options=options, silent=True) == ([], [])


async def test_fields_are_bounded_and_files_are_not() -> None:
    body = part("a", "x" * 50) + part("b", "y" * 50) + part("c", b"z" * 500, "file") + END
    form, files = await parse(split(body, 20), max_form_memory_size=50)
    assert [len(value) for _, value in form] == [50, 50]
    assert len(files[0][3]) == 500
    with pytest.raises(RequestEntityTooLarge, match="'a' has more than 49 bytes"):
        await parse(split(body, 20), max_form_memory_size=49)


async def test_a_field_is_refused_at_the_first_byte_over() -> None:
    body = Body([part("a", "x" * 100)[:-2], *[b"y" * 100] * 100])
    with pytest.raises(RequestEntityTooLarge):
        await FormDataParser(max_form_memory_size=250).parse(body, MULTIPART, None, BOUNDARY)
    assert body.taken == 3


async def test_silent_hides_no_limit() -> None:
    with pytest.raises(RequestEntityTooLarge):
        await parse([SMALL], silent=True, max_form_parts=1)


# -- urlencoded


@pytest.mark.parametrize("mimetype", [URLENCODED, "application/x-url-encoded"])
@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"", []),
        (b"a=1&b=&c&a=2", [("a", "1"), ("a", "2"), ("b", ""), ("c", "")]),
        (b"a=%C3%A9+x&%C3%A9=1", [("a", "é x"), ("é", "1")]),
        ("a=é".encode(), [("a", "é")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a=%ff&b=2", [("a", "%FF"), ("b", "2")]),
        (b"a=\xff&b=2", [("a", "%FF"), ("b", "2")]),
    ],
)
async def test_urlencoded(mimetype: str, body: bytes, form: list[tuple[str, str]]) -> None:
    assert await parse(split(body, 1), mimetype) == (form, [])


async def test_urlencoded_is_bounded() -> None:
    assert (await parse([b"a=12", b"34"], URLENCODED, max_form_memory_size=6))[0] == [("a", "1234")]
    body = Body([b"a=1", b"234", b"5"] + [b"6"] * 100)
    with pytest.raises(RequestEntityTooLarge, match="The form has more than 6 bytes"):
        await FormDataParser(max_form_memory_size=6).parse(body, URLENCODED, None)
    assert body.taken == 3


@given(
    st.lists(st.sampled_from([*"a=&+%;é☃\0\ud800", "%C3", "%a9", "%FF", "%2", "%26"])).map("".join)
)
@settings(max_examples=300)
def test_fields_are_those_of_the_standard_library(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    quoted = "werkzeug.url_quote"
    assert parse_pairs(text) == parse_qsl(text, keep_blank_values=True, errors=quoted)


# -- parts as they stream


async def test_parts_are_read_when_they_are_asked_for() -> None:
    body = Body(
        [
            part("a", "12345")[:-4],
            b"45\r\n" + part("f", b"x" * 10, "f.bin")[:-12],
            *[b"y" * 10] * 5,
            b"\r\n" + END,
        ]
    )
    parts = iter_parts(body, BOUNDARY)
    assert body.taken == 0
    field = await anext(parts)
    assert (field.name, field.filename, body.taken) == ("a", None, 1)
    assert await field.text() == "12345"
    file = await anext(parts)
    assert (file.name, file.filename, body.taken) == ("f", "f.bin", 2)
    assert await anext(file) == b"y" * 10
    assert body.taken == 3
    assert [chunk async for chunk in file] == [b"y" * 10] * 4
    assert body.taken == 8
    assert [part async for part in parts] == []
    with pytest.raises(StopAsyncIteration):
        await anext(parts)


async def test_what_a_part_says_of_itself() -> None:
    body = (
        part("a", "1")
        + part("f", "2", "f.txt", Content_Type="text/PLAIN; charset=ascii", X_Other="y")
        + END
    )
    first, second = [part async for part in iter_parts(Body([body]), BOUNDARY)]
    assert (first.content_type, first.mimetype, first.charset) == (None, "", "utf-8")
    assert (second.content_type, second.mimetype, second.charset) == (
        "text/PLAIN; charset=ascii",
        "text/plain",
        "ascii",
    )
    assert second.headers["x-other"] == "y"
    assert repr(first) == "<Part 'a' filename=None>"
    assert repr(second) == "<Part 'f' filename='f.txt'>"


async def test_what_is_not_read_is_skipped() -> None:
    body = part("a", "1") + part("f", b"x" * 1000, "f") + part("b", "2") + END
    skipped: list[Part] = []
    read: dict[str, str] = {}
    async for each in iter_parts(Body(split(body, 30)), BOUNDARY):
        if each.name == "f":
            assert len(await anext(each)) <= 30
            skipped.append(each)
        else:
            read[each.name] = await each.text()
            assert await each.read() == b""
    assert read == {"a": "1", "b": "2"}
    with pytest.raises(BodyConsumedError, match="'f' was skipped"):
        await skipped[0].read()


async def test_limits_of_reading_a_part() -> None:
    async def first(**limits: Any) -> Part:
        body = part("a", "x" * 100) + part("f", b"y" * 100, "f") + END
        return await anext(iter_parts(Body(split(body, 40)), BOUNDARY, **limits))

    assert len(await (await first()).read()) == 100
    assert len(await (await first()).text(100)) == 100
    with pytest.raises(RequestEntityTooLarge):
        await (await first()).read(99)
    with pytest.raises(RequestEntityTooLarge):
        await (await first(max_form_memory_size=99)).text()
    assert len(await (await first(max_form_memory_size=99)).text(100)) == 100


async def test_a_file_part_is_not_bounded_as_a_field_is() -> None:
    body = part("f", b"y" * 100, "f") + END
    file = await anext(iter_parts(Body([body]), BOUNDARY, max_form_memory_size=10))
    assert len(await file.read()) == 100


async def test_too_many_parts_while_they_stream() -> None:
    parts = iter_parts(Body([part("a", "1") * 3 + END]), BOUNDARY, max_form_parts=2)
    await anext(parts)
    await anext(parts)
    with pytest.raises(RequestEntityTooLarge):
        await anext(parts)


async def test_small_pieces_do_not_pile_up_before_they_are_written() -> None:
    written: list[int] = []

    class File(io.BytesIO):
        def write(self, data: Any) -> int:
            written.append(body.taken)
            return super().write(data)

    body = Body(split(part("f", b"x" * 1000, "f") + END, 2))
    file = File()
    assert await (await anext(iter_parts(body, BOUNDARY))).save(file) == 1000
    assert file.getvalue() == b"x" * 1000
    assert written[0] < body.taken / 2


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
async def test_saving_a_part(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    body = part("f", content, "f.bin") + part("g", b"more", "g") + END
    parts = iter_parts(Body(split(body, 30_000)), BOUNDARY)
    assert await (await anext(parts)).save(tmp_path / "saved") == size
    assert (tmp_path / "saved").read_bytes() == content
    stream = io.BytesIO()
    assert await (await anext(parts)).save(stream) == 4
    assert stream.getvalue() == b"more"


async def test_saving_writes_in_threads(tmp_path: Path) -> None:
    threads: set[int] = set()

    class File(io.FileIO):
        def write(self, data: Any) -> int:
            threads.add(threading.get_ident())
            return super().write(data)

    body = part("f", b"x" * 600_000, "f") + END
    with File(tmp_path / "saved", "w") as file:
        await (await anext(iter_parts(Body([body]), BOUNDARY))).save(file)
    assert (tmp_path / "saved").stat().st_size == 600_000
    assert threads
    assert threading.get_ident() not in threads


async def test_a_file_whose_upload_breaks_off_is_removed(tmp_path: Path) -> None:
    body = part("f", b"x" * 600_000, "f")[:-10]
    parts = iter_parts(Body(split(body, 50_000)), BOUNDARY)
    with pytest.raises(BadRequest):
        await (await anext(parts)).save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


# -- files of a form


async def files_of(body: bytes, **options: Any) -> list[FileStorage]:
    parser = FormDataParser(**options)
    _, files = await parser.parse(Body(split(body, 65_536)), MULTIPART, len(body), BOUNDARY)
    return list(files.values())


@pytest.mark.parametrize(
    ("size", "on_disk"), [(0, False), (SPOOL_SIZE, False), (SPOOL_SIZE + 1, True)]
)
async def test_large_files_go_to_disk(size: int, on_disk: bool) -> None:
    content = random.Random(size).randbytes(size)
    (file,) = await files_of(part("f", content, "f") + END)
    assert isinstance(file.stream, SpooledFile)
    assert file.stream.on_disk is on_disk
    assert file.read() == content
    file.close()
    assert file.stream.closed


async def test_the_disk_is_written_to_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    rollover = SpooledFile.rollover

    def noting(self: SpooledFile) -> None:
        threads.append(threading.get_ident())
        rollover(self)

    monkeypatch.setattr(SpooledFile, "rollover", noting)
    (file,) = await files_of(part("f", bytes(2_000_000), "f") + END)
    file.close()
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_a_stream_factory_is_told_of_the_file(tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []

    def factory(*args: Any) -> Any:
        calls.append(args)
        return (tmp_path / "upload").open("w+b")

    body = part("f", b"abc", "f.txt", Content_Type="text/plain", Content_Length="3") + END
    (file,) = await files_of(body, stream_factory=factory)
    assert calls == [(len(body), "text/plain", "f.txt", 3)]
    assert file.read() == b"abc"
    file.close()
    assert (tmp_path / "upload").read_bytes() == b"abc"


async def test_a_failing_parse_leaves_no_file_open() -> None:
    opened: list[Any] = []

    def factory(*args: Any) -> Any:
        opened.append(default_stream_factory(*args))
        return opened[-1]

    body = part("f", bytes(1_000_000), "f") + part("g", b"cut off", "g")[:-5]
    with pytest.raises(BadRequest):
        await files_of(body, stream_factory=factory)
    assert [file.closed for file in opened] == [True, True]


async def test_an_error_of_the_body_goes_through_and_leaves_no_file_open() -> None:
    opened: list[Any] = []

    def factory(*args: Any) -> Any:
        opened.append(default_stream_factory(*args))
        return opened[-1]

    async def body() -> AsyncIterator[bytes]:
        yield part("f", b"x" * 100, "f")
        raise RequestEntityTooLarge

    with pytest.raises(HTTPException) as caught:
        await FormDataParser(stream_factory=factory).parse(body(), MULTIPART, None, BOUNDARY)
    assert caught.value.code == 413
    assert opened[0].closed


async def test_cancelling_closes_and_removes_what_was_begun(tmp_path: Path) -> None:
    opened: list[Any] = []

    def factory(*args: Any) -> Any:
        opened.append(default_stream_factory(*args))
        return opened[-1]

    waiting = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield part("f", bytes(600_000), "f")[:-2]
        waiting.set()
        await asyncio.Event().wait()

    async def save() -> None:
        await (await anext(iter_parts(body(), BOUNDARY))).save(tmp_path / "saved")

    parser = FormDataParser(stream_factory=factory)
    for work in (parser.parse(body(), MULTIPART, None, BOUNDARY), save()):
        task = asyncio.ensure_future(work)
        await waiting.wait()
        waiting.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [file.closed for file in opened] == [True]
    assert list(tmp_path.iterdir()) == []


async def test_the_multipart_parser_by_itself() -> None:
    class Storage(FileStorage):
        pass

    parser = MultiPartParser(file_storage_cls=Storage, buffer_size=10)
    body = Body(split(part("a", "1") + part("f", b"x" * 1000, "f") + END, 100))
    form, files = await parser.parse(body, b"BB", None)
    assert form.to_dict() == {"a": "1"}
    assert type(files["f"]) is Storage
    assert files["f"].read() == b"x" * 1000
    files["f"].close()


# -- FileStorage


async def test_save_and_load(tmp_path: Path) -> None:
    content = os.urandom(700_000)
    file = FileStorage(io.BytesIO(content), filename="name.bin", name="field")
    for destination in (tmp_path / "a", str(tmp_path / "b")):
        file.seek(0)
        await file.save(destination, buffer_size=1000)
        assert Path(destination).read_bytes() == content
    file.seek(699_999)
    await file.save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content[-1:]

    other = FileStorage()
    await other.load(tmp_path / "b", buffer_size=1000)
    assert other.filename == "b"
    assert other.read() == content


async def test_save_to_a_file_object_leaves_it_open() -> None:
    file = FileStorage(io.BytesIO(b"abc"))
    with tempfile.TemporaryFile() as target:
        await file.save(target)
        target.seek(0)
        assert target.read() == b"abc"


async def test_save_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await FileStorage(io.BytesIO(b"abc")).save(tmp_path / "missing" / "file")
