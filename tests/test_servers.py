"""Real servers, in processes of their own unless the test is about running in this one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import ipaddress
import os
import signal
import socket
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pottle import Pottle
from pottle.lifespan import Times
from pottle.servers import (
    ServerError,
    Settings,
    reloader,
    run,
    run_task,
    runner,
    serve,
    sockets,
    workers,
)
from pottle.servers.shutdown import Serving, Shutdown
from processes import POTTLE, served

if TYPE_CHECKING:
    from pathlib import Path

SERVERS = ("uvicorn", "hypercorn", "granian")

ECHO = """\
from pottle import Pottle, websocket

app = Pottle(__name__)


@app.websocket("/ws")
async def ws():
    while True:
        data = await websocket.receive()
        await websocket.send(f"Echo: {data}")
"""

HELLO = """\
import os

from pottle import Pottle, request

app = Pottle(__name__)


@app.get("/")
async def index():
    return f"{request.scheme} {request.http_version}"


@app.get("/pid")
async def pid():
    return str(os.getpid())


@app.get("/fail")
async def fail():
    detail = "shown in debug mode only"
    raise RuntimeError("as it should")
"""


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(HELLO)
    return tmp_path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(cert_file), str(key_file)


# What the framework promises


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("serve", "--server", "uvicorn"),
        ("serve", "--server", "hypercorn"),
        ("serve", "--server", "granian"),
    ],
    ids=" ".join,
)
def test_echo_over_a_websocket(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    with served(*POTTLE, "--app", "echo", *command, "--port", "0", cwd=tmp_path) as server:
        server.ready()
        with connect(f"ws://127.0.0.1:{server.port}/ws") as ws:
            for word in ("one", "two"):
                ws.send(word)
                assert ws.recv() == f"Echo: {word}"
        assert server.stop() == 0


async def test_echo_for_an_asynchronous_client(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    with served(*POTTLE, "--app", "echo", "run", "--port", "0", cwd=tmp_path) as server:
        await asyncio.to_thread(server.ready)
        async with connect_async(f"ws://127.0.0.1:{server.port}/ws") as ws:
            await ws.send("hello")
            assert await ws.recv() == "Echo: hello"


@pytest.mark.parametrize("name", SERVERS)
def test_access_log(hello: Path, name: str) -> None:
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--port", "0", "--access-log")
    with served(*command, cwd=hello) as server:
        server.ready()
        assert httpx.get(server.url + "/").text == "http 1.1"
        assert "200" in server.line("GET / HTTP/1.1")
        assert name in server.text
        assert server.stop() == 0


@pytest.mark.parametrize("name", SERVERS)
def test_no_access_log_and_no_debug_page_in_production(hello: Path, name: str) -> None:
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--port", "0")
    with served(*command, cwd=hello, env={"POTTLE_DEBUG": "1"}) as server:
        server.ready()
        answer = httpx.get(server.url + "/fail")
        assert answer.status_code == 500
        assert "shown in debug" not in answer.text
        assert server.stop() == 0
        assert "no debug mode" in server.output[0]
        assert "RuntimeError: as it should" in server.text  # logged all the same
        assert "HTTP/1.1" not in server.text


def test_debug_page_in_debug_mode_only(hello: Path) -> None:
    def fail(*options: str) -> httpx.Response:
        command = (*POTTLE, "--app", "hello", "run", "--no-reload", "--port", "0", *options)
        with served(*command, cwd=hello) as server:
            return httpx.get(server.ready().url + "/fail", headers={"Accept": "text/html"})

    shown = fail("--debug")
    assert shown.status_code == 500
    assert "shown in debug" in shown.text
    assert "shown in debug" not in fail("--debug", "--no-debugger").text
    assert "as it should" not in fail().text


@pytest.mark.parametrize("name", SERVERS)
def test_https(hello: Path, certificate: tuple[str, str], name: str) -> None:
    cert, key = certificate
    context = ssl.create_default_context(cafile=cert)
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--port", "0")
    with served(*command, "--certfile", cert, "--keyfile", key, cwd=hello) as server:
        server.ready()
        assert server.url.startswith("https://")
        assert httpx.get(server.url, verify=context).text == "https 1.1"
        with httpx.Client(verify=context, http2=True) as client:
            expected = "https 1.1" if name == "uvicorn" else "https 2"
            assert client.get(server.url).text == expected
        assert server.stop() == 0


@pytest.mark.parametrize("name", ["hypercorn", "granian"])
def test_http2_can_be_refused(hello: Path, certificate: tuple[str, str], name: str) -> None:
    cert, key = certificate
    context = ssl.create_default_context(cafile=cert)
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--port", "0", "--no-http2")
    with served(*command, "--certfile", cert, "--keyfile", key, cwd=hello) as server:
        with httpx.Client(verify=context, http2=True) as client:
            assert client.get(server.ready().url).text == "https 1.1"
        assert server.stop() == 0


async def test_http3(hello: Path, certificate: tuple[str, str]) -> None:
    cert, key = certificate
    command = (*POTTLE, "--app", "hello", "serve", "--server", "hypercorn", "--port", "0")
    with served(*command, "--http3", "--certfile", cert, "--keyfile", key, cwd=hello) as server:
        await asyncio.to_thread(server.ready)
        context = ssl.create_default_context(cafile=cert)
        async with httpx.AsyncClient(verify=context) as client:
            answer = await client.get(server.url)
        assert f'h3=":{server.port}"' in answer.headers["alt-svc"]
        assert await get_http3(server.port, cert) == b"https 3"
        assert await asyncio.to_thread(server.stop) == 0


async def get_http3(port: int, cafile: str) -> bytes:
    from aioquic.asyncio import QuicConnectionProtocol
    from aioquic.asyncio import connect as connect_quic
    from aioquic.h3.connection import H3Connection
    from aioquic.h3.events import DataReceived
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.events import QuicEvent

    class Client(QuicConnectionProtocol):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            self.http = H3Connection(self._quic)
            self.body = b""
            self.ended = asyncio.Event()

        def quic_event_received(self, event: QuicEvent) -> None:
            for received in self.http.handle_event(event):
                if isinstance(received, DataReceived):
                    self.body += received.data
                if getattr(received, "stream_ended", False):
                    self.ended.set()

        def get(self) -> None:
            stream = self._quic.get_next_available_stream_id()
            headers = [
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":authority", b"127.0.0.1"),
                (b":path", b"/"),
            ]
            self.http.send_headers(stream, headers, end_stream=True)
            self.transmit()

    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], cafile=cafile)
    async with connect_quic(
        "127.0.0.1", port, configuration=configuration, create_protocol=Client
    ) as client:
        client.get()
        await client.ended.wait()
        return client.body


@pytest.mark.parametrize("name", SERVERS)
def test_unix_socket(hello: Path, name: str) -> None:
    path = hello / "s"
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--uds", str(path))
    with served(*command, cwd=hello) as server:
        server.ready()
        assert server.url == f"unix:{path}"
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            assert client.get("http://there/").text == "http 1.1"
        assert server.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("name", ["uvicorn", "hypercorn"])
def test_open_socket_of_the_parent(hello: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--fd")
        fd = listener.fileno()
        with served(*command, str(fd), cwd=hello, pass_fds=(fd,)) as server:
            server.ready()
            port = listener.getsockname()[1]
            assert server.port == port
            assert httpx.get(f"http://127.0.0.1:{port}/").text == "http 1.1"
            assert server.stop() == 0


def test_open_unix_socket_of_the_parent(hello: Path, tmp_path: Path) -> None:
    """It is the parent's, who made it: its file stays."""
    path = tmp_path / "parent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        command = (*POTTLE, "--app", "hello", "serve", "--fd", str(listener.fileno()))
        with served(*command, cwd=hello, pass_fds=(listener.fileno(),)) as server:
            assert server.ready().url == f"unix:{path}"
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
                assert client.get("http://there/").text == "http 1.1"
            assert server.stop() == 0
        assert path.exists()


# Worker processes


@pytest.mark.parametrize("name", SERVERS)
def test_workers_are_replaced_when_they_die(hello: Path, name: str) -> None:
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--workers", "2")
    with served(*command, "--port", "0", cwd=hello) as server:
        server.ready()
        assert "2 workers" in server.text
        pid = httpx.get(server.url + "/pid").text
        assert int(pid) != server.process.pid
        os.kill(int(pid), signal.SIGKILL)
        line = server.line("Starting another")
        assert f"Worker {pid} ended with exit code -9; 1 others go on" in line
        assert httpx.get(server.url + "/pid").text != pid
        assert server.stop() == 0


def test_a_worker_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    command = (*POTTLE, "--app", "broken", "serve", "--workers", "3", "--port", "0")
    with served(*command, cwd=tmp_path) as server:
        assert server.end() == 1
    assert server.text.count("Error: ModuleNotFoundError in broken.py:1") == 1
    assert server.output[-1] == "Error: A worker failed to start (exit code 1)."


def test_workers_end_when_the_parent_is_killed(hello: Path) -> None:
    command = (*POTTLE, "--app", "hello", "serve", "--workers", "2", "--port", "0")
    with served(*command, cwd=hello) as server:
        server.ready()
        server.process.kill()
        # The pipe of the output is closed when the last process that has it has ended.
        assert server.end() == -signal.SIGKILL


def test_a_worker_serves_until_the_pipe_is_closed() -> None:
    import multiprocessing

    app = make_app()
    settings, listening = sockets.claim(Settings(port=0))
    assert listening is not None
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(
        target=workers.work, args=(lambda: app, settings, listening, theirs), daemon=True
    )
    thread.start()
    assert ours.poll(20)
    assert ours.recv() == Times.of(app.config).total
    assert ours.poll(20)
    assert ours.recv() is True
    assert httpx.get(settings.url(settings.port)).text == "here"
    ours.close()
    thread.join(20)
    assert not thread.is_alive()
    theirs.close()
    listening.close()


def test_a_worker_that_ends_first_does_not_mind_the_pipe() -> None:
    import multiprocessing

    ours, theirs = multiprocessing.Pipe()

    async def end_first() -> None:
        app = make_app()
        serving = Serving(app, lambda: None, track=False)
        workers.follow(theirs, Shutdown(app, serving))

    asyncio.run(end_first())
    ours.close()
    deadline = time.monotonic() + 10
    while any(thread.name == workers.WATCHER for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    theirs.close()


# In this process


def make_app() -> Pottle:
    app = Pottle(__name__)

    @app.get("/")
    async def index() -> str:
        return "here"

    return app


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def get(url: str) -> str:
    """The text at *url*, as soon as somebody answers there."""
    async with httpx.AsyncClient() as client:
        while True:
            try:
                return (await client.get(url)).text
            except httpx.ConnectError:
                await asyncio.sleep(0.01)


async def test_run_task_until_the_trigger() -> None:
    app, port, trigger = make_app(), free_port(), asyncio.Event()
    task = asyncio.create_task(app.run_task(port=port, shutdown_trigger=trigger.wait))
    assert await get(f"http://127.0.0.1:{port}/") == "here"
    trigger.set()
    await task


async def test_a_refused_websocket_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    app, port, trigger = make_app(), free_port(), asyncio.Event()

    @app.websocket("/no")
    async def no() -> tuple[str, int]:
        return "not you", 403

    task = asyncio.create_task(app.run_task(port=port, shutdown_trigger=trigger.wait))
    await get(f"http://127.0.0.1:{port}/")
    with pytest.raises(InvalidStatus, match="403"):
        async with connect_async(f"ws://127.0.0.1:{port}/no", proxy=None):
            pass
    trigger.set()
    await task
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_run_task_until_an_awaitable_and_with_debug() -> None:
    app, port = make_app(), free_port()
    trigger: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(run_task(app, port=port, debug=True, shutdown_trigger=trigger))
    assert await get(f"http://127.0.0.1:{port}/") == "here"
    assert app.debug
    trigger.set_result(None)
    await task


async def test_run_task_is_shut_down_when_cancelled() -> None:
    app, port, ended = make_app(), free_port(), []

    @app.after_serving
    async def after() -> None:
        ended.append(True)

    task = asyncio.create_task(app.run_task(port=port))
    assert await get(f"http://127.0.0.1:{port}/") == "here"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_run_task_until_a_signal_and_the_handlers_are_put_back() -> None:
    app, port = make_app(), free_port()
    before = signal.getsignal(signal.SIGTERM)
    task = asyncio.create_task(app.run_task(port=port))
    assert await get(f"http://127.0.0.1:{port}/") == "here"
    os.kill(os.getpid(), signal.SIGTERM)
    await task
    assert signal.getsignal(signal.SIGTERM) is before


async def test_run_task_on_a_unix_socket(tmp_path: Path) -> None:
    path, trigger = tmp_path / "s", asyncio.Event()
    task = asyncio.create_task(make_app().run_task(f"unix:{path}", shutdown_trigger=trigger.wait))
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    async with httpx.AsyncClient(transport=transport) as client:
        while not path.exists():
            await asyncio.sleep(0.01)
        assert (await client.get("http://there/")).text == "here"
    trigger.set()
    await task


async def test_run_task_on_an_open_socket() -> None:
    trigger = asyncio.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    task = asyncio.create_task(
        make_app().run_task(f"fd://{listener.detach()}", shutdown_trigger=trigger.wait)
    )
    assert await get(f"http://127.0.0.1:{port}/") == "here"
    trigger.set()
    await task


@pytest.mark.parametrize("own_loop", [False, True])
def test_run_in_a_thread(own_loop: bool) -> None:
    """Neither signals nor reloader there, and nothing complains."""
    app, port = make_app(), free_port()
    app.config["SERVER_NAME"] = f"127.0.0.1:{port}"
    loop = asyncio.new_event_loop() if own_loop else None
    loops = []

    @app.before_serving
    async def before() -> None:
        loops.append(asyncio.get_running_loop())

    def serve() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            app.run(loop=loop)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert asyncio.run(get(f"http://127.0.0.1:{port}/")) == "here"
    assert own_loop == (loops[0] is loop)

    for task in asyncio.all_tasks(loops[0]):
        if "uvicorn" not in repr(task) and "_serve" in repr(task):
            loops[0].call_soon_threadsafe(task.cancel)
    thread.join(20)
    assert not thread.is_alive()
    if loop is not None:
        loop.close()


async def test_a_server_that_breaks_off() -> None:
    """Whatever it raises comes out, and the application is shut down."""
    app, ended = make_app(), []

    @app.after_serving
    async def after() -> None:
        ended.append(True)

    settings, listening = sockets.claim(Settings(port=0))
    assert listening is not None
    listening.close()
    with pytest.raises((OSError, ValueError)):
        await runner.serve_on(app, settings, listening, announce=lambda: None, signals=False)
    assert ended == [True]


def test_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = []

    async def look() -> None:
        loops.append(type(asyncio.get_running_loop()).__module__)

    runner.run_loop(look())
    monkeypatch.setitem(sys.modules, "uvloop", None)
    runner.run_loop(look())
    assert loops[0].startswith("uvloop")
    assert loops[1].startswith("asyncio")


def test_run_says_which_arguments_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POTTLE_RUN_FROM_CLI", "true")
    with pytest.warns(UserWarning, match="knows no threaded, processes") as caught:
        make_app().run(threaded=True, processes=2)
    assert caught[0].filename == __file__
    assert "app.run() does nothing under the pottle command" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flag", "argument", "expected"),
    [
        ("1", None, True),
        ("no", None, False),
        ("1", False, False),
        ("", True, True),
        ("", None, False),
    ],
)
def test_debug_mode_of_run(
    monkeypatch: pytest.MonkeyPatch, flag: str, argument: bool | None, expected: bool
) -> None:
    monkeypatch.setenv("POTTLE_DEBUG", flag)
    app = make_app()
    app.debug = False

    @app.before_serving
    async def stop() -> None:
        raise RuntimeError("seen enough")

    with pytest.raises(ServerError, match="failed to start"):
        run(app, port=0, debug=argument, use_reloader=False)
    assert app.debug is expected


@pytest.mark.parametrize("name", SERVERS)
def test_failed_start_up(tmp_path: Path, name: str) -> None:
    (tmp_path / "failing.py").write_text(
        "from pottle import Pottle\n"
        "app = Pottle(__name__)\n"
        "@app.before_serving\n"
        "async def connect():\n"
        "    raise RuntimeError('no database')\n"
    )
    command = (*POTTLE, "--app", "failing", "serve", "--server", name, "--port", "0")
    with served(*command, cwd=tmp_path) as server:
        assert server.end() == 1
    assert server.output[-1].startswith("Error: The application failed to start:")
    assert "no database" in server.output[-1]
    assert "Running" not in server.text


@pytest.mark.parametrize("name", SERVERS)
def test_failed_shutdown(tmp_path: Path, name: str) -> None:
    (tmp_path / "failing.py").write_text(
        "from pottle import Pottle\n"
        "app = Pottle(__name__)\n"
        "@app.after_serving\n"
        "async def disconnect():\n"
        "    raise RuntimeError('not saved')\n"
    )
    command = (*POTTLE, "--app", "failing", "serve", "--server", name, "--port", "0")
    with served(*command, cwd=tmp_path) as server:
        assert server.ready().stop() == 1
    assert server.output[-1].startswith("Error: The application failed to shut down:")
    assert "not saved" in server.output[-1]


def test_serve_in_this_process_needs_what_it_is_told() -> None:
    with pytest.raises(ServerError, match="no server called 'gunicorn'"):
        serve(make_app, Settings(server="gunicorn"))


# What cannot be served


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "At least one worker"),
        ({"certfile": "nope.pem"}, "certificate file nope.pem does not exist"),
        ({"keyfile": __file__}, "give both"),
        ({"certfile": __file__}, "cannot be used"),
        ({"http2": True}, "uvicorn has no HTTP/2"),
        ({"http3": True}, "uvicorn has no HTTP/3"),
        ({"http3": True, "server": "hypercorn"}, "always encrypted"),
        ({"fd": 3, "server": "granian"}, "binds its own"),
        ({"uds": "s", "server": "granian", "workers": 2}, "cannot share"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_settings_that_do_not_fit(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ServerError, match=message):
        Settings(**settings).check()  # type: ignore[arg-type]


def test_http3_runs_over_udp_only(certificate: tuple[str, str]) -> None:
    cert, key = certificate
    settings = Settings(server="hypercorn", http3=True, certfile=cert, keyfile=key, uds="s")
    with pytest.raises(ServerError, match="over UDP"):
        settings.check()


@pytest.mark.parametrize(
    ("missing", "settings", "message"),
    [
        ("granian", {"server": "granian"}, r"pip install 'pottle\[granian\]'"),
        ("aioquic", {"server": "hypercorn", "http3": True}, "needs aioquic"),
    ],
)
def test_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[str, str],
    missing: str,
    settings: dict[str, object],
    message: str,
) -> None:
    with monkeypatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
            patch.delitem(sys.modules, name)
        real = list(sys.meta_path)

        class Filter:
            @staticmethod
            def find_spec(name: str, path: object = None, target: object = None) -> object:
                if name.partition(".")[0] == missing:
                    return None
                for finder in real:
                    if (spec := finder.find_spec(name, path, target)) is not None:
                        return spec
                return None

        patch.setattr(sys, "meta_path", [Filter])
        with pytest.raises(ServerError, match=message):
            Settings(certfile=certificate[0], keyfile=certificate[1], **settings).check()  # type: ignore[arg-type]


def test_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=f"Port {port} on 127.0.0.1 is taken"):
            run(make_app(), port=port, use_reloader=False)


def test_taken_udp_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        settings = Settings(port=other.getsockname()[1], http3=True)
        with pytest.raises(ServerError, match="is taken"):
            sockets.bind(settings)


def test_addresses_that_are_not_there() -> None:
    with pytest.raises(ServerError, match=r"Cannot listen on 'no.such.host.invalid' port 0"):
        sockets.bind(Settings(host="no.such.host.invalid", port=0))
    with pytest.raises(ServerError, match=r"Cannot listen on 192.0.2.1 port 0"):
        sockets.bind(Settings(host="192.0.2.1", port=0))
    with pytest.raises(ServerError, match="There is no port 70000"):
        sockets.bind(Settings(port=70000))
    with pytest.raises(ServerError, match="File descriptor 9999 is no open socket"):
        sockets.bind(Settings(fd=9999))


def test_a_port_for_the_administrator_only() -> None:
    refused = OSError(errno.EACCES, "Permission denied")
    assert "choose one above 1023" in sockets._why_not("127.0.0.1", 80, refused)


def test_every_interface() -> None:
    listening = sockets.bind(Settings(host="", port=0))
    try:
        with socket.create_connection(("127.0.0.1", listening.port)):
            pass
    finally:
        listening.close()
    assert Settings(host="::1").url(80) == "http://[::1]:80"


def test_unix_sockets_that_are_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ServerError, match="exists and is no socket"):
        sockets.bind(Settings(uds=str(file)))
    with pytest.raises(ServerError, match="Cannot listen on unix:"):
        sockets.bind(Settings(uds=str(tmp_path / "no" / "folder")))
    path = str(tmp_path / "s")
    first = sockets.bind(Settings(uds=path))
    with pytest.raises(ServerError, match="Another program listens"):
        sockets.bind(Settings(uds=path))
    first.close()  # as after a kill: the file stays
    sockets.bind(Settings(uds=path)).close()


# The reloader

PROGRAM = """\
import sys

from pottle import Pottle

app = Pottle(__name__)


@app.get("/")
async def index():
    return "first"


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), debug=True)
    print("afterwards")
"""


def test_reload_by_run(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with served(sys.executable, "program.py", str(free_port()), cwd=tmp_path) as server:
        server.ready()
        assert "debug mode" in server.text
        assert httpx.get(server.url).text == "first"
        program.write_text(PROGRAM.replace("first", "second"))
        assert "Changed: program.py" in server.line("Changed")
        server.ready()
        assert httpx.get(server.url).text == "second"
        assert server.stop(signal.SIGINT) == 0
        assert server.output[-1] == "afterwards"


def test_reload_by_command_survives_a_syntax_error(hello: Path) -> None:
    program = hello / "hello.py"
    extra = hello / "extra.cfg"
    extra.touch()
    command = (*POTTLE, "--app", "hello", "--debug", "run", "--port", str(free_port()))
    with served(*command, "--extra-files", str(extra), cwd=hello) as server:
        server.ready()
        program.write_text(HELLO + "\nx = (\n")
        server.line("SyntaxError in hello.py:")
        server.line("exit code 1. Waiting for a change")
        program.write_text(HELLO)
        server.ready()
        assert httpx.get(server.url).text == "http 1.1"
        extra.write_text("changed")
        assert "Changed: extra.cfg" in server.line("Changed")
        server.ready()
        assert server.stop() == 0


def test_reload_ends_with_the_program(tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text(
        "import os, signal\n"
        "from pottle import Pottle\n"
        "app = Pottle(__name__)\n"
        "@app.get('/end')\n"
        "async def end():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return 'ended'\n"
    )
    command = (*POTTLE, "--app", "ending", "run", "--reload", "--port", str(free_port()))
    with served(*command, cwd=tmp_path) as server:
        assert httpx.get(server.ready().url + "/end").text == "ended"
        assert server.end() == 0


def test_reload_of_an_application_elsewhere(hello: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    command = (*POTTLE, "--app", "../hello.py", "run", "--reload", "--port", str(free_port()))
    with served(*command, cwd=tmp_path / "elsewhere") as server:
        server.ready()
        (hello / "hello.py").write_text(HELLO.replace("request.scheme", "'changed'"))
        server.line("Changed")
        assert httpx.get(server.ready().url).text == "changed 1.1"


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(
        "import signal, sys\n"
        "from pottle import Pottle\n"
        "app = Pottle(__name__)\n"
        "@app.after_serving\n"
        "async def stay():\n"
        "    import time\n"
        "    print('stuck', flush=True)\n"
        "    time.sleep(1000)\n"
    )
    command = (*POTTLE, "--app", "stuck", "run", "--reload", "--port", str(free_port()))
    with served(*command, cwd=tmp_path) as server:
        server.ready()
        server.send(signal.SIGTERM)
        server.line("stuck")
        assert server.end() == 0


def test_no_reloader_outside_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python"])
    assert not reloader.possible()
