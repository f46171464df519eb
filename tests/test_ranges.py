"""Conditional requests and ranges: RFC 9110 sections 13 and 14."""

from __future__ import annotations

import email
import email.policy
from io import BytesIO

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.sansio.request import Request

from pottle.wrappers import Response
from pottle.wrappers.bodies import IterableBody, ResponseBody
from pottle.wrappers.ranges import MAX_RANGES, precondition_status, select_ranges

DATA = b"0123456789"
EARLIER = "Mon, 01 Jan 2024 00:00:00 GMT"
MODIFIED = "Tue, 02 Jan 2024 00:00:00 GMT"
LATER = "Wed, 03 Jan 2024 00:00:00 GMT"


def asked(method="GET", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "http", ("test", 80), "", "/", b"", Headers(names), None)


async def served(response, method="GET", **headers):
    return await response.make_conditional(asked(method, **headers), True, len(DATA))


def digits(**kwargs):
    response = Response(DATA, mimetype="text/plain", **kwargs)
    response.set_etag("v1")
    response.headers["Last-Modified"] = MODIFIED
    return response


async def parts_of(response):
    """The parts of a multipart/byteranges answer, read by the standard library's parser."""
    head = f"Content-Type: {response.content_type}\r\n\r\n".encode()
    raw = await response.get_data()
    assert response.content_length == len(raw)
    message = email.message_from_bytes(head + raw, policy=email.policy.HTTP)
    assert not message.defects
    return [
        (part["Content-Range"], part.get_content_type(), part.get_payload(decode=True))
        for part in message.iter_parts()
    ]


class TestSelection:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("bytes=0-2", [(0, 3)]),
            ("bytes=5-", [(5, 10)]),
            ("bytes=-3", [(7, 10)]),
            ("bytes=-30", [(0, 10)]),
            ("bytes=8-100", [(8, 10)]),
            ("bytes=8-99999999999999999999999999", [(8, 10)]),
            ("BYTES=0-0", [(0, 1)]),
            ("bytes= 0-0 ,\t 2-2", [(0, 1), (2, 3)]),
            ("bytes=,,0-0,", [(0, 1)]),
            ("bytes=7-8,0-1", [(7, 9), (0, 2)]),
            ("bytes=-1,0-0", [(9, 10), (0, 1)]),
            ("bytes=0-0,20-30", [(0, 1)]),
            # What overlaps or touches is one range, where the first of them stood.
            ("bytes=0-3,2-5", [(0, 6)]),
            ("bytes=0-3,4-5", [(0, 6)]),
            ("bytes=6-7,0-1,1-3", [(6, 8), (0, 4)]),
            ("bytes=0-,0-,0-", [(0, 10)]),
        ],
    )
    def test_selected(self, header, expected):
        assert select_ranges(header, 10) == expected

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=--1",
            "bytes=5-2",
            "bytes=0-0,5-2",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1_0-2",
            "bytes=²-3",
            "bytes=0 - 1",
            "items=0-1",
            "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 2 * MAX_RANGES + 2, 2)),
            "bytes=" + "," * 100_000 + "0-0",
            "bytes=" + "9" * 10_000 + "-",
        ],
    )
    def test_ignored(self, header):
        assert select_ranges(header, 1000) is None

    def test_as_many_ranges_as_are_allowed(self):
        header = "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 2 * MAX_RANGES, 2))
        assert len(select_ranges(header, 1000)) == MAX_RANGES

    def test_nothing_can_be_selected_from_nothing(self):
        assert select_ranges("bytes=0-0", 0) is None

    @pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20,30-40", "bytes=-0"])
    def test_unsatisfiable(self, header):
        with pytest.raises(RequestedRangeNotSatisfiable) as caught:
            select_ranges(header, 10)
        assert caught.value.get_response().headers["Content-Range"] == "bytes */10"


class TestPreconditions:
    @pytest.mark.parametrize(
        ("method", "request_headers", "response_headers", "expected"),
        [
            ("GET", {}, {"ETag": '"a"'}, None),
            ("GET", {"If-None-Match": '"a"'}, {"ETag": '"a"'}, 304),
            ("HEAD", {"If-None-Match": '"b", "a"'}, {"ETag": '"a"'}, 304),
            ("PUT", {"If-None-Match": '"a"'}, {"ETag": '"a"'}, 412),
            ("GET", {"If-None-Match": 'W/"a"'}, {"ETag": '"a"'}, 304),
            ("GET", {"If-None-Match": '"a"'}, {"ETag": 'W/"a"'}, 304),
            ("GET", {"If-None-Match": '"b"'}, {"ETag": '"a"'}, None),
            ("GET", {"If-None-Match": '"b"'}, {}, None),
            ("GET", {"If-None-Match": "*"}, {}, 304),
            ("GET", {"If-Modified-Since": MODIFIED}, {"Last-Modified": MODIFIED}, 304),
            ("GET", {"If-Modified-Since": LATER}, {"Last-Modified": MODIFIED}, 304),
            ("GET", {"If-Modified-Since": EARLIER}, {"Last-Modified": MODIFIED}, None),
            ("GET", {"If-Modified-Since": "nonsense"}, {"Last-Modified": MODIFIED}, None),
            ("GET", {"If-Modified-Since": LATER}, {}, None),
            ("POST", {"If-Modified-Since": LATER}, {"Last-Modified": MODIFIED}, None),
            # If-None-Match makes If-Modified-Since void, whatever comes of it.
            (
                "GET",
                {"If-None-Match": '"b"', "If-Modified-Since": LATER},
                {"ETag": '"a"', "Last-Modified": MODIFIED},
                None,
            ),
            (
                "GET",
                {"If-None-Match": '"b"', "If-Modified-Since": LATER},
                {"Last-Modified": MODIFIED},
                None,
            ),
            (
                "GET",
                {"If-None-Match": '"a"', "If-Modified-Since": EARLIER},
                {"ETag": '"a"', "Last-Modified": MODIFIED},
                304,
            ),
            ("GET", {"If-Match": '"a"'}, {"ETag": '"a"'}, None),
            ("GET", {"If-Match": '"b", "a"'}, {"ETag": '"a"'}, None),
            ("GET", {"If-Match": "*"}, {"ETag": '"a"'}, None),
            ("GET", {"If-Match": '"b"'}, {"ETag": '"a"'}, 412),
            ("GET", {"If-Match": 'W/"a"'}, {"ETag": '"a"'}, 412),
            ("GET", {"If-Match": '"a"'}, {"ETag": 'W/"a"'}, 412),
            ("GET", {"If-Match": '"a"'}, {}, 412),
            ("GET", {"If-Unmodified-Since": MODIFIED}, {"Last-Modified": MODIFIED}, None),
            ("GET", {"If-Unmodified-Since": EARLIER}, {"Last-Modified": MODIFIED}, 412),
            ("GET", {"If-Unmodified-Since": "nonsense"}, {"Last-Modified": MODIFIED}, None),
            ("GET", {"If-Unmodified-Since": EARLIER}, {}, None),
            # If-Match makes If-Unmodified-Since void, and comes before If-None-Match.
            (
                "GET",
                {"If-Match": '"a"', "If-Unmodified-Since": EARLIER},
                {"ETag": '"a"', "Last-Modified": MODIFIED},
                None,
            ),
            ("GET", {"If-Match": '"a"', "If-None-Match": '"a"'}, {"ETag": '"a"'}, 304),
            ("GET", {"If-Match": '"b"', "If-None-Match": '"a"'}, {"ETag": '"a"'}, 412),
        ],
    )
    def test_status(self, method, request_headers, response_headers, expected):
        status = precondition_status(method, Headers(request_headers), Headers(response_headers))
        assert status == expected


class TestConditional:
    async def test_not_modified_has_no_body_and_the_right_headers(self):
        response = digits(headers={"Cache-Control": "max-age=5", "Vary": "Accept"})
        response.headers["Content-Language"] = "en"
        assert await served(response, If_None_Match='"v1"') is response
        assert response.status == "304 NOT MODIFIED"
        assert await response.get_data() == b""
        assert {name.lower() for name, _ in response.headers} == {
            "accept-ranges",
            "cache-control",
            "etag",
            "last-modified",
            "vary",
        }

    async def test_a_condition_that_fails_leaves_no_body(self):
        response = digits(headers={"Content-Encoding": "gzip"})
        await served(response, If_Match='"v2"')
        assert response.status_code == 412
        assert await response.get_data() == b""
        assert response.content_length == 0
        assert response.headers["ETag"] == '"v1"'
        assert "Content-Encoding" not in response.headers

    async def test_a_stream_that_is_not_sent_is_closed(self):
        class Source:
            closed = False

            def __iter__(self):
                return iter([b"x"])

            def close(self):
                self.closed = True

        source = Source()
        response = Response(source, headers={"ETag": '"v1"'})
        await served(response, If_None_Match='"v1"')
        assert response.status_code == 304
        assert source.closed

    async def test_the_condition_comes_before_the_range(self):
        response = digits()
        await served(response, If_None_Match='"v1"', Range="bytes=0-1")
        assert response.status_code == 304

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    async def test_other_methods_are_left_alone(self, method):
        response = digits()
        await served(response, method, If_None_Match='"v1"', Range="bytes=0-1")
        assert response.status_code == 200
        assert "Accept-Ranges" not in response.headers
        assert await response.get_data() == DATA

    @pytest.mark.parametrize("status", [404, 302, 500])
    async def test_only_a_successful_answer_is_conditional(self, status):
        response = digits(status=status)
        await served(response, If_None_Match='"v1"', Range="bytes=0-1")
        assert response.status_code == status
        assert await response.get_data() == DATA

    async def test_a_range_applies_to_200_only(self):
        response = digits(status=201)
        await served(response, Range="bytes=0-1")
        assert response.status_code == 201


class TestRanges:
    @pytest.mark.parametrize(
        ("header", "content_range", "data"),
        [
            ("bytes=2-4", "bytes 2-4/10", b"234"),
            ("bytes=-3", "bytes 7-9/10", b"789"),
            ("bytes=5-", "bytes 5-9/10", b"56789"),
            ("bytes=0-", "bytes 0-9/10", DATA),
            ("bytes=0-2,1-4", "bytes 0-4/10", b"01234"),
            ("bytes=1-1,90-", "bytes 1-1/10", b"1"),
        ],
    )
    async def test_one_part(self, header, content_range, data, tmp_path):
        path = tmp_path / "digits"
        path.write_bytes(DATA)

        async def stream():
            for at in range(0, 10, 4):
                yield DATA[at : at + 4]

        sources = [
            DATA,
            Response.file_body_class(path),
            Response.io_body_class(BytesIO(DATA)),
            [b"0", b"", b"12345", "678", b"9"],
            (bytes([byte]) for byte in DATA),
            stream(),
            Replayable(),
            Plain(),
        ]
        for source in sources:
            response = Response(source)
            await served(response, Range=header)
            assert response.status == "206 PARTIAL CONTENT"
            assert response.headers["Content-Range"] == content_range
            assert response.headers["Accept-Ranges"] == "bytes"
            assert response.content_length == len(data)
            assert response.headers.getlist("Content-Type") == ["text/html; charset=utf-8"]
            assert await response.get_data() == data, source

    async def test_several_parts(self, tmp_path):
        path = tmp_path / "digits"
        path.write_bytes(DATA)
        sources = [
            DATA,
            Response.file_body_class(path, buffer_size=2),
            Response.io_body_class(BytesIO(DATA), buffer_size=1),
            (bytes([byte]) for byte in DATA),
            Replayable(),
            Plain(),
        ]
        for source in sources:
            response = Response(source, mimetype="text/plain")
            await served(response, Range="bytes=7-8,0-1,-1,50-")
            assert response.status_code == 206
            assert "Content-Range" not in response.headers
            assert response.mimetype == "multipart/byteranges"
            assert await parts_of(response) == [
                ("bytes 7-9/10", "text/plain", b"789"),
                ("bytes 0-1/10", "text/plain", b"01"),
            ]

    async def test_parts_without_a_type(self):
        response = Response(DATA)
        del response.headers["Content-Type"]
        await served(response, Range="bytes=0-0,2-2")
        raw = await response.get_data()
        assert raw.count(b"Content-Type") == 0
        assert raw.count(b"Content-Range: bytes ") == 2

    async def test_parts_that_are_not_read_to_the_end_release_the_body(self, tmp_path):
        path = tmp_path / "digits"
        path.write_bytes(DATA)
        body = Response.file_body_class(path, buffer_size=1)
        response = Response(body)
        await served(response, Range="bytes=0-3,6-8")
        async with response.response as chunks:
            iterator = aiter(chunks)
            assert (await anext(iterator)).startswith(b"\r\n--")
            assert await anext(iterator) == b"0"
            assert body.file is not None
        assert body.file is None
        await response.response.__aexit__(None, None, None)

    async def test_parts_that_were_never_asked_for_have_nothing_to_release(self):
        response = Response(DATA)
        await served(response, Range="bytes=0-0,2-2")
        await response.response.__aexit__(None, None, None)
        assert len(await parts_of(response)) == 2

    @pytest.mark.parametrize("header", ["items=0-1", "bytes=a-b", "bytes=3-1", "nonsense"])
    async def test_a_header_that_means_nothing_is_ignored(self, header):
        response = digits()
        await served(response, Range=header)
        assert response.status_code == 200
        assert response.headers["Accept-Ranges"] == "bytes"
        assert await response.get_data() == DATA

    async def test_beyond_the_end(self):
        with pytest.raises(RequestedRangeNotSatisfiable) as caught:
            await served(digits(), Range="bytes=10-")
        assert caught.value.get_response().headers["Content-Range"] == "bytes */10"

    async def test_a_range_is_for_get(self):
        """RFC 9110 section 14.2: GET is the one method that ranges are defined for."""
        response = digits()
        await served(response, "HEAD", Range="bytes=0-1")
        assert response.status_code == 200
        assert response.content_length == 10
        assert response.headers["Accept-Ranges"] == "bytes"

    async def test_no_ranges_unless_offered(self):
        response = await digits().make_conditional(asked(Range="bytes=0-1"), False, 10)
        assert response.status_code == 200
        assert "Accept-Ranges" not in response.headers

    async def test_no_ranges_of_an_unknown_length(self):
        response = await digits().make_conditional(asked(Range="bytes=0-1"), True)
        assert response.status_code == 200
        assert response.headers["Accept-Ranges"] == "bytes"

    async def test_another_unit_is_announced_but_not_served(self):
        response = await digits().make_conditional(asked(Range="bytes=0-1"), "none", 10)
        assert response.status_code == 200
        assert response.headers["Accept-Ranges"] == "none"

    @pytest.mark.parametrize(
        ("if_range", "status"),
        [
            ('"v1"', 206),
            ('"v0"', 200),
            ('W/"v1"', 200),
            ("*", 200),
            (MODIFIED, 206),
            (EARLIER, 200),
            (LATER, 200),
            ("nonsense", 200),
        ],
    )
    async def test_if_range(self, if_range, status):
        response = await served(digits(), Range="bytes=0-1", If_Range=if_range)
        assert response.status_code == status
        assert await response.get_data() == (b"01" if status == 206 else DATA)

    async def test_if_range_never_matches_a_weak_tag_or_nothing(self):
        response = Response(DATA, headers={"ETag": 'W/"v1"'})
        await served(response, Range="bytes=0-1", If_Range='"v1"')
        assert response.status_code == 200
        await served(response, Range="bytes=0-1", If_Range=MODIFIED)
        assert response.status_code == 200

    async def test_a_part_of_an_iterable_stops_reading_its_source(self):
        read = []

        def source():
            for at in range(10):
                read.append(at)
                yield DATA[at : at + 1]

        response = Response(source())
        await served(response, Range="bytes=1-2")
        assert await response.get_data() == b"12"
        assert read == [0, 1, 2]

    async def test_a_part_of_an_iterable_needs_a_length_to_count_from(self):
        with pytest.raises(ValueError, match="max_size"):
            await IterableBody([DATA]).make_conditional(2, None)
        with pytest.raises(ValueError, match="max_size"):
            await IterableBody([DATA]).make_conditional(-2, None)
        body = IterableBody([DATA])
        assert await body.make_conditional(-2, None, 10) == 10
        assert await Response(body).get_data() == b"89"

    @pytest.mark.parametrize("part", [(10, None), (5, 5), (7, 3)])
    async def test_a_body_refuses_a_part_that_it_has_not(self, part):
        for body in (Response(DATA).response, Response.io_body_class(BytesIO(DATA))):
            with pytest.raises(RequestedRangeNotSatisfiable):
                await body.make_conditional(*part)


class Plain(ResponseBody):
    """A body of a user's own that knows no parts."""

    async def __aenter__(self):
        async def chunks():
            yield DATA[:3]
            yield DATA[3:].decode()

        return chunks()

    async def __aexit__(self, *_):
        pass


class Replayable(ResponseBody):
    """A body of a user's own that has parts."""

    begin, end = 0, len(DATA)

    async def __aenter__(self):
        async def chunks():
            yield DATA[self.begin : self.end]

        return chunks()

    async def __aexit__(self, *_):
        pass

    async def make_conditional(self, begin, end):
        self.begin, self.end = begin, end
        return len(DATA)
