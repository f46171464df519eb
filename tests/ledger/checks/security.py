"""The ledger, 1 to 6: what must not get out, and what must not get in."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quart import Quart, request, session
from quart.debug import traceback_response
from quart.sessions import SecureCookieSessionInterface
from wire import Records, Wire, ask, on_quart

# Put together here, because the debug page shows the source as well.
SECRET = "".join(["open", " ", "sesame"])
SCRIPT = "".join(["<", "script", ">"])
FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=edge"}
JSON = {"content-type": "application/json"}


def fail() -> Any:
    password = SECRET
    raise RuntimeError(f"the password has {len(password)} characters")


async def index() -> str:
    return "hello"


def app_with(view: Any = index, **config: Any) -> Quart:
    app = Quart(__name__)
    app.config.update(config)
    app.add_url_rule("/", "view", view, methods=["GET", "POST"])
    return app


async def bare_500(app: Quart) -> None:
    records = Records(app)
    answer = await ask(app)
    assert answer.status == 500, answer.status
    assert SECRET.encode() not in answer.body, "the page shows a local variable"
    assert records.messages or answer.error, "nobody has logged the error"


@on_quart(fails_on=("0.21",))
async def check_01_an_error_in_a_teardown_function_shows_nothing() -> None:
    app = app_with()

    @app.teardown_request
    async def teardown(exc: BaseException | None) -> None:
        fail()

    await bare_500(app)


@on_quart(fails_on=("0.21",))
async def check_01_an_error_in_open_session_shows_nothing() -> None:
    class Broken(SecureCookieSessionInterface):
        async def open_session(self, app: Any, request: Any) -> Any:
            fail()

    app = app_with()
    app.session_interface = Broken()
    await bare_500(app)


@on_quart(fails_on=("0.21",))
async def check_01_an_error_in_the_handler_for_500_shows_nothing() -> None:
    async def view() -> str:
        raise ValueError("first")

    app = app_with(view)

    @app.errorhandler(500)
    async def handler(error: Exception) -> Any:
        fail()

    await bare_500(app)


async def debug_page(message: str) -> bytes:
    class Tag:
        __repr__ = __str__ = lambda self: SCRIPT

    try:
        local = Tag()
        raise ValueError(message + type(local).__name__)
    except ValueError as error:
        response = await traceback_response(error)
    page = await response.get_data()
    assert b"ValueError" in page, "this is not the debug page"
    return page


async def check_02_the_debug_page_escapes_local_values() -> None:
    page = await debug_page("it broke")
    assert SCRIPT.encode() not in page, "a local value is not escaped"


async def check_02_the_debug_page_escapes_the_message() -> None:
    page = await debug_page(SCRIPT[:-1] + " src=x>")
    assert SCRIPT[:-1].encode() + b" src" not in page, "the message is not escaped"


async def by_iteration() -> str:
    return str(sum([len(chunk) async for chunk in request.body]))


async def by_get_data() -> str:
    return str(len(await request.get_data()))


async def by_form() -> str:
    return str([*(await request.form), *(await request.files)])


def post(app: Quart, body: Any, headers: dict[str, str] | None = None) -> Any:
    return ask(app, "/", body, method="POST", headers=headers or {})


async def check_03_max_content_length_holds_for_iteration() -> None:
    answer = await post(app_with(by_iteration, MAX_CONTENT_LENGTH=10), [b"123456"] * 5)
    assert answer.status == 413, answer.status


async def check_03_max_content_length_holds_for_multipart_files() -> None:
    begin = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    body = [begin, *[b"x" * 100] * 10, b"\r\n--edge--\r\n"]
    answer = await post(app_with(by_form, MAX_CONTENT_LENGTH=300), body, MULTIPART)
    assert answer.status == 413, answer.status


async def check_03_get_data_ends_at_the_first_byte_over() -> None:
    taken: list[int] = []

    def body() -> Iterator[bytes]:
        for number in range(500):
            taken.append(number)
            yield b"123456"

    answer = await post(app_with(by_get_data, MAX_CONTENT_LENGTH=10), body())
    assert answer.status == 413, answer.status
    assert len(taken) <= 3, f"{len(taken)} pieces were taken"


async def check_03_a_request_can_lower_its_limit() -> None:
    async def view() -> str:
        request.max_content_length = 5
        return await by_get_data()

    answer = await post(app_with(view), [b"123456"])
    assert answer.status == 413, answer.status


async def check_03_a_request_can_raise_its_limit() -> None:
    async def view() -> str:
        request.max_content_length = 50
        return await by_get_data()

    answer = await post(app_with(view, MAX_CONTENT_LENGTH=5), [b"123456"])
    assert (answer.status, answer.body) == (200, b"6"), answer.status


async def check_04_urlencoded_forms_keep_to_max_form_memory_size() -> None:
    answer = await post(app_with(by_form, MAX_FORM_MEMORY_SIZE=10), [b"a=" + b"x" * 50], FORM)
    assert answer.status == 413, answer.status


async def check_04_a_truncated_multipart_body_is_refused() -> None:
    begin = b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nb'
    answer = await post(app_with(by_form), [begin], MULTIPART)
    assert answer.status == 400, (answer.status, answer.body)


async def check_04_one_bad_byte_does_not_empty_a_form() -> None:
    answer = await post(app_with(by_form), [b"good=1&bad=\xff"], FORM)
    assert b"good" in answer.body, (answer.status, answer.body)


async def check_04_json_that_is_not_utf_8_is_a_bad_request() -> None:
    async def view() -> Any:
        return await request.get_json()

    answer = await post(app_with(view), [b'{"a": "\xff"}'], JSON)
    assert answer.status == 400, answer.status


async def check_05_an_untrusted_host_is_refused() -> None:
    app = app_with(TRUSTED_HOSTS=["example.org"])
    answer = await ask(app, headers={"host": "example.com"})
    assert answer.status == 400, answer.status


async def check_05_a_server_name_does_not_shut_out_other_hosts() -> None:
    answer = await ask(app_with(SERVER_NAME="example.org"), headers={"host": "example.com"})
    assert answer.status == 200, answer.status


def vary(answer: Wire) -> str:
    return answer.headers.get("vary", "")


@on_quart(fails_on=("0.21",))
async def check_06_a_session_that_was_only_read_varies_by_cookie() -> None:
    async def view() -> str:
        return session.get("name", "nobody")

    answer = await ask(app_with(view, SECRET_KEY="key"))
    assert answer.body == b"nobody", answer.body
    assert vary(answer) == "Cookie", vary(answer)


@on_quart(fails_on=("0.23",))
async def check_06_an_answer_without_a_session_does_not_vary() -> None:
    answer = await ask(app_with(SECRET_KEY="key"))
    assert vary(answer) == "", vary(answer)


@on_quart(fails_on=("0.23",))
async def check_06_a_static_file_does_not_vary() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread((Path(folder) / "a.txt").write_text, "text")
        app = Quart(__name__, static_folder=folder, static_url_path="/static")
        app.secret_key = "key"
        answer = await ask(app, "/static/a.txt")
    assert answer.body == b"text", answer.body
    assert vary(answer) == "", vary(answer)
