"""The decoder against werkzeug's, which gets the whole body at once, and how it treats its memory."""

from __future__ import annotations

import itertools
import random
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest
from werkzeug.sansio import multipart as werkzeug

from pottle.multipart import MAX_HEADERS, MAX_LINE, OUTSIDE_LIMIT, Decoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

BREAKS = ["\r\n", "\n", "\r"]
HEAD = b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\n'

Found = list[tuple[str, str | None, list[tuple[str, str]], bytes]]


async def body_of(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def decode(chunks: Iterable[bytes], boundary: bytes = b"BB") -> Found:
    decoder = Decoder(body_of(chunks), boundary)
    found: Found = []
    while (head := await decoder.next_head()) is not None:
        content, more = await decoder.next_content()
        while more:
            piece, more = await decoder.next_content()
            content += piece
        found.append((head.name, head.filename, head.headers, content))
    return found


def decode_by_werkzeug(body: bytes, boundary: bytes = b"BB") -> Found:
    decoder = werkzeug.MultipartDecoder(boundary)
    decoder.receive_data(body)
    decoder.receive_data(None)
    found: Found = []
    while not isinstance(event := decoder.next_event(), werkzeug.Epilogue):
        if isinstance(event, (werkzeug.Field, werkzeug.File)):
            assert event.name
            found.append((event.name, getattr(event, "filename", None), [*event.headers], b""))
        elif isinstance(event, werkzeug.Data):
            found[-1] = (*found[-1][:3], found[-1][3] + event.data)
    return found


def split(body: bytes, *cuts: int) -> list[bytes]:
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(places)]


# -- what is decoded

text = st.text("aß☃ ;-=", min_size=1, max_size=5)
parameters = st.one_of(
    st.tuples(text, st.none()),
    st.tuples(text, text),
    st.tuples(st.sampled_from(["a%22b", 'a\\"b', "a\\\\b", "%41"]), st.none() | text),
).map(lambda it: f'form-data; name="{it[0]}"' + (f'; filename="{it[1]}"' if it[1] else ""))
headers = st.lists(
    st.sampled_from(["X-A: 1", "Content-Type: text/plain", "x:\t", "Folded: a{br} b", "Odd", " "]),
    max_size=2,
)
odd_bytes = st.lists(
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"\r\n",
            b"-",
            b"--",
            b"BB",
            b"\r\n--B",
            b"\r\n--BBx",
            b"\n--BB-",
            b" ",
            b"x",
        ]
    ),
    max_size=8,
).map(b"".join)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies as clients make them, and some that they do not."""
    br = draw(st.sampled_from(BREAKS))
    parts = [draw(st.sampled_from(["", f"preamble{br}", "--B"]))]
    result = parts[0].encode()
    for _ in range(draw(st.integers(0, 3))):
        padding = draw(st.sampled_from(["", " ", "\t ", "\v"]))
        lines = [f"Content-Disposition: {draw(parameters)}", *draw(headers)]
        head = br.join(line.replace("{br}", br) for line in lines)
        content = draw(odd_bytes)
        if br == "\r":
            content = content.lstrip(b"\n")  # which werkzeug has belong to the CR before it
        result += f"--BB{padding}{br}{head}{br}{br}".encode() + content + br.encode()
    return result + draw(st.sampled_from(["--BB--", f"--BB--{br}", "--BB-- epilogue"])).encode()


@given(bodies(), st.lists(st.integers(0, 1000), max_size=5))
@settings(max_examples=300, deadline=None)
async def test_it_finds_what_werkzeug_does(body: bytes, cuts: list[int]) -> None:
    expected: Found | None
    try:
        expected = decode_by_werkzeug(body)
    except ValueError:
        expected = None
    for chunks in ([body], split(body, *cuts), split(body, *range(len(body)))):
        try:
            found = await decode(chunks)
        except BadRequest:
            found = None
        assert found == expected


@pytest.mark.parametrize("br", [it.encode() for it in BREAKS])
async def test_every_cut(br: bytes) -> None:
    body = (
        b"pre\r\n--BB\r\n"
        + HEAD
        + b"a\r\n--B\r\n--BBx\r\n \r\n--BB \t\r\n"
        + HEAD
        + b"\r\n--BB--\r\n"
    ).replace(b"\r\n", br)
    expected = decode_by_werkzeug(body)
    assert [it[3].replace(br, b"\r\n") for it in expected] == [b"a\r\n--B\r\n--BBx\r\n ", b""]
    for first, second in itertools.combinations_with_replacement(range(len(body)), 2):
        assert await decode(split(body, first, second)) == expected


@pytest.mark.parametrize("boundary", [b"-", b"--", b"-B-", b"a.b*c", b"x" * 70, b" "])
async def test_any_boundary(boundary: bytes) -> None:
    rule = b"\r\n--" + boundary
    content = b"".join([rule[:size] for size in range(1, len(rule))]) + rule + b"x"
    body = (b"\r\n" + HEAD + content).join([rule[2:], rule, rule, rule + b"--"])
    expected = [("f", "f", [("Content-Disposition", HEAD.decode()[21:-4])], content)] * 3
    for size in (1, 7, 64, len(body)):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert await decode(chunks, boundary) == expected


# -- what it costs


async def test_content_is_not_copied() -> None:
    chunks = [random.Random(seed).randbytes(100_000) + b"." for seed in range(3)]
    decoder = Decoder(body_of([b"--BB\r\n" + HEAD, *chunks, b"\r\n--BB--"]), b"BB")
    assert await decoder.next_head() is not None
    for chunk in chunks:
        content, more = await decoder.next_content()
        assert content is chunk
        assert more
    assert await decoder.next_content() == (b"", False)


async def test_content_is_there_as_soon_as_it_is_certain() -> None:
    taken = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        for chunk in (b"--BB\r\n" + HEAD + b"one\r\n--", b"two\r", b"\n--BB", b" ", b"\r", b"\n"):
            taken += 1
            yield chunk

    decoder = Decoder(body(), b"BB")
    await decoder.next_head()
    assert await decoder.next_content() == (b"one", True)
    assert taken == 1
    assert await decoder.next_content() == (b"\r\n--two", True)
    assert taken == 2
    assert await decoder.next_content() == (b"", False)


@pytest.mark.parametrize("size", [1000, 10_000_000])
async def test_what_is_outside_of_parts_is_bounded(size: int) -> None:
    for outside in (OUTSIDE_LIMIT - 100, OUTSIDE_LIMIT + 100):
        preamble = b"x" * outside + b"\r\n--BB--"
        line = b"X: " + b"y" * (MAX_LINE - 3) + b"\r\n"
        lines = line * (MAX_HEADERS - 2 if outside < OUTSIDE_LIMIT else MAX_HEADERS)
        head = b"--BB\r\n" + HEAD[:-2] + lines + b"\r\n\r\n--BB--"
        for body in (preamble, head):
            chunks = [body[at : at + size] for at in range(0, len(body), size)]
            if outside < OUTSIDE_LIMIT:
                await decode(chunks)
            else:
                with pytest.raises(BadRequest, match="more than 65536 bytes where"):
                    await decode(chunks)


@pytest.mark.parametrize(
    "content",
    [b"\r\n--BBx", b"--BB", b"\r\n--B", b"--BB ", b"\r", b"\r\n--BB\r\n" + HEAD],
    ids=repr,
)
async def test_nothing_takes_longer_than_its_size(content: bytes) -> None:
    per_byte: list[float] = []
    for size in (20_000, 640_000):
        body = b"--BB\r\n" + HEAD + content * (size // len(content)) + b"\r\n--BB--"
        times: list[float] = []
        for _ in range(5):
            start = process_time()
            await decode([body])
            times.append(process_time() - start)
        per_byte.append(min(times) / size)
    assert per_byte[1] < per_byte[0] * 8
