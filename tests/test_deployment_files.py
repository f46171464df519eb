"""The files in docs/deploy: each is what it says, they agree with one another and with the page.

Where nginx, systemd's tools or PyYAML are there, they are asked; the program is stopped in earnest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pottle.config import DEFAULT_CONFIG
from pottle.servers.workers import KILL_WAIT
from processes import POTTLE, Served, served

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[1] / "docs" / "deploy"
PAGE = (DEPLOY.parent / "deployment.md").read_text(encoding="utf-8")
HTTP2_PAGE = (DEPLOY.parent / "http2.md").read_text(encoding="utf-8")
GRACE = DEFAULT_CONFIG["SHUTDOWN_TIMEOUT"] + DEFAULT_CONFIG["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"]

needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx")


class Proxied(NamedTuple):
    """The program behind nginx, and the ways to reach it."""

    server: Served
    client: httpx.Client
    websocket: str
    plain: int
    context: ssl.SSLContext


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application, as the Dockerfile and the unit have it."""
    shutil.copy(DEPLOY / "shop.py", tmp_path)
    (tmp_path / "static").mkdir()
    (tmp_path / "static/style.css").write_text("body { color: green }")
    return tmp_path


def options_of(command: str) -> list[str]:
    """The arguments of a command that starts pottle, which it has to understand."""
    from pottle.cli import cli

    program, *words = shlex.split(command)
    assert Path(program).name == "pottle"
    serve = cli.get_command(cli.make_context("pottle", ["serve"]), "serve")
    assert serve is not None
    with serve.make_context("serve", words[words.index("serve") + 1 :]) as context:
        assert not context.args
    return words


# The program.


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_program_drains_while_a_websocket_is_open(folder: Path, workers: str) -> None:
    drain = folder / "draining"
    command = (*POTTLE, "--app", "shop", "serve", "--port", "0", "--workers", workers)
    with served(*command, cwd=folder, env={"SHOP_DRAIN_FILE": str(drain)}) as server:
        server.ready()
        with connect(f"ws://127.0.0.1:{server.port}/echo") as ws:
            assert httpx.get(server.url + "/ready").text == "ready"
            drain.touch()  # what preStop does
            answer = httpx.get(server.url + "/ready")
            assert (answer.status_code, answer.text) == (503, "draining")
            assert httpx.get(server.url + "/live").status_code == 200
            ws.send("still here?")
            assert ws.recv(timeout=10) == "still here?"
            server.send(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                ws.recv(timeout=10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert server.end() == 0, server.text


async def test_the_program_is_not_ready_once_it_shuts_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("SHOP_DRAIN_FILE", str(folder / "draining"))
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    import shop  # type: ignore[import-not-found]  # in the folder

    try:
        async with shop.app.test_app() as app:
            client = app.test_client()
            assert (await client.get("/ready")).status_code == 200
            shop.app.begin_shutdown()
            assert (await client.get("/ready")).status_code == 503
    finally:
        del sys.modules["shop"]


# nginx.


def nginx_configuration(folder: Path, tls: int, plain: int, upstream: int) -> str:
    """The site with ports and folders of a test, in what stands around it."""
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{tls} ssl http2;",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        "/etc/ssl/shop/": f"{folder}/",
        "/srv/shop;": f"{folder};",
    }.items():
        assert site.count(old) == 1 or old == "/etc/ssl/shop/", old
        site = site.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # who may enter the folder of a test
    return (
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\ntypes {{ text/css css; }}\n{temporary}{site}}}\n"
    )


def test_nginx_file_has_what_the_page_speaks_of() -> None:
    text = re.sub(r"#.*", "", (DEPLOY / "nginx.conf").read_text(encoding="utf-8"))
    assert text.count("{") == text.count("}")
    for line in filter(None, map(str.strip, text.splitlines())):
        assert line.endswith(("{", "}", ";")), line
    size = re.search(r"client_max_body_size (\d+)m;", text)
    assert size is not None
    assert int(size[1]) * 1024**2 == DEFAULT_CONFIG["MAX_CONTENT_LENGTH"]
    silence = re.search(r"proxy_read_timeout (\d+)s;", text)
    assert silence is not None
    assert int(silence[1]) > 3 * 20  # a ping may be lost


@pytest.fixture
def proxied(folder: Path, unused_tcp_port_factory: Any) -> Iterator[Proxied]:
    """The program behind nginx, which ends cleanly after the test, as nginx does."""
    tls, plain = unused_tcp_port_factory(), unused_tcp_port_factory()
    make_certificate(folder)
    command = (*POTTLE, "--app", "shop", "serve", "--port", "0")
    drain = {"SHOP_DRAIN_FILE": str(folder / "draining")}
    with served(*command, cwd=folder, env=drain) as server:
        server.ready()
        conf = folder / "nginx.conf"
        conf.write_text(nginx_configuration(folder, tls, plain, server.port))
        with served("nginx", "-p", str(folder), "-c", str(conf), cwd=folder) as nginx:
            context = ssl.create_default_context(cafile=folder / "fullchain.pem")
            http2_context = ssl.create_default_context(cafile=folder / "fullchain.pem")
            transport = httpx.HTTPTransport(verify=http2_context, http2=True, retries=5)
            url = f"https://localhost:{tls}"
            with httpx.Client(transport=transport, base_url=url, timeout=30) as client:
                assert client.get("/live").status_code == 404  # nginx is up
                yield Proxied(server, client, f"wss://localhost:{tls}", plain, context)
            assert nginx.stop(signal.SIGQUIT) == 0, nginx.text
        assert server.process.poll() is not None or server.stop() == 0
        assert "Traceback" not in server.text


def make_certificate(folder: Path) -> None:
    """A certificate for localhost that signs itself, by the command that docs/http2.md shows."""
    (command,) = re.findall(r"\$ (openssl req [^`]*?)\n```", HTTP2_PAGE)
    subprocess.run(
        shlex.split(command.replace("\\\n", " ")), cwd=folder, check=True, capture_output=True
    )
    (folder / "cert.pem").rename(folder / "fullchain.pem")
    (folder / "key.pem").rename(folder / "privkey.pem")


@needs_nginx
def test_nginx_in_front(proxied: Proxied, folder: Path) -> None:
    client = proxied.client
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    answer = client.get("/", headers=forged)
    assert answer.http_version == "HTTP/2"
    assert answer.json() == {"client": "127.0.0.1", "scheme": "https", "host": "localhost"}
    moved = httpx.get(f"http://127.0.0.1:{proxied.plain}/x", headers={"Host": "shop.example.org"})
    assert (moved.status_code, moved.headers["Location"]) == (301, "https://shop.example.org/x")
    style = client.get("/static/style.css")
    assert (style.text, style.headers["Content-Type"]) == ("body { color: green }", "text/css")
    assert style.headers["Server"].startswith("nginx")
    assert style.headers["Cache-Control"] == "max-age=43200"
    assert client.get("/ready").status_code == 404


@needs_nginx
def test_nginx_lets_uploads_through_and_bounds_all_others(proxied: Proxied) -> None:
    data = bytes(range(256)) * 4 * 1024 * 40  # 40 MiB
    with httpx.Client(verify=proxied.context, base_url=proxied.client.base_url) as client:
        answer = client.post("/uploads/film", content=data, timeout=30).json()
        assert answer == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        assert client.post("/", content=data[: 17 * 1024**2]).status_code == 413


@needs_nginx
def test_nginx_holds_back_neither_events_nor_messages(proxied: Proxied) -> None:
    with connect(proxied.websocket + "/echo", ssl=proxied.context) as ws:
        with proxied.client.stream("GET", "/events") as stream:
            lines = stream.iter_lines()
            # One event is a few bytes, and the next comes a second later: buffered, none would come.
            assert [next(lines) for _ in range(3)] == ["data: 0", "", "data: 1"]
            ws.send("hello")
            assert ws.recv(timeout=10) == "hello"
            proxied.server.send(signal.SIGTERM)
            assert all(line.startswith("data: ") for line in lines if line)  # to a proper end
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert proxied.server.end() == 0


# systemd.


def unit(name: str) -> RawConfigParser:
    parser = RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as configparser has it
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


def test_units_agree_with_the_program_and_the_page() -> None:
    service = unit("shop.service")["Service"]
    words = options_of(service["ExecStart"])
    assert "--fd" in words
    assert int(service["TimeoutStopSec"]) > DEFAULT_CONFIG["SHUTDOWN_TIMEOUT"] + KILL_WAIT
    assert service["KillSignal"] == "SIGTERM"
    assert unit("shop.service")["Unit"]["Requires"] == "shop.socket"
    assert f"`TimeoutStopSec={service['TimeoutStopSec']}`" in PAGE
    listen = unit("shop.socket")["Socket"]["ListenStream"]
    assert f"server {listen};" in (DEPLOY / "nginx.conf").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    python = "/srv/shop/.venv/bin/pottle"
    for name in ("shop.service", "shop.socket"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(python, sys.executable))
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            tmp_path / "shop.service",
            tmp_path / "shop.socket",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "shop." in line]
    assert ours == []


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="there is no systemd-socket-activate"
)
def test_a_socket_of_systemd_is_served_on(folder: Path, unused_tcp_port: int) -> None:
    words = options_of(unit("shop.service")["Service"]["ExecStart"])
    command = ("systemd-socket-activate", "-l", f"127.0.0.1:{unused_tcp_port}", *POTTLE, *words)
    drain = {"SHOP_DRAIN_FILE": str(folder / "draining")}
    with served(*command, cwd=folder, env=drain) as server:
        server.line("Listening on")
        # The first connection has it started, and waits in the queue of the socket meanwhile.
        answer = httpx.get(f"http://127.0.0.1:{unused_tcp_port}/ready", timeout=30)
        assert answer.text == "ready"
        assert server.stop() == 0, server.text


# Containers.


def test_dockerfile() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    instructions = [tuple(line.split(maxsplit=1)) for line in lines]
    names = [name for name, _ in instructions]
    assert set(names) <= {
        *("FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "STOPSIGNAL"),
        *("HEALTHCHECK", "CMD"),
    }
    assert names[0] == "FROM"
    values = dict(instructions)
    assert values["USER"].isdigit()
    assert values["STOPSIGNAL"] == "SIGTERM"
    command = json.loads(values["CMD"])
    assert isinstance(command, list), "the exec form"
    port = options_of(shlex.join(command))[-1]
    assert values["EXPOSE"] == port
    check = json.loads(values["HEALTHCHECK"].partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    compile(check[2], "HEALTHCHECK", "exec")
    assert f":{port}/live" in check[2]


def test_kubernetes_file_agrees_with_the_program_and_the_page() -> None:
    yaml = pytest.importorskip("yaml")
    text = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
    deployment, service, budget = yaml.safe_load_all(text)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    *_, script = container["lifecycle"]["preStop"]["exec"]["command"]
    pause = int(re.findall(r"sleep (\d+)", script)[0])
    ready, live = container["readinessProbe"], container["livenessProbe"]
    assert ready["httpGet"]["path"] == "/ready"
    assert live["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/live"
    assert ready["periodSeconds"] * ready["failureThreshold"] < pause
    grace = pod["terminationGracePeriodSeconds"]
    assert grace > pause + GRACE + 1
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert f"touch {environment['SHOP_DRAIN_FILE']} " in script
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"]
    user = re.search(r"USER (\d+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert user is not None
    assert pod["securityContext"]["runAsUser"] == int(user[1])
    for number in (f"`terminationGracePeriodSeconds: {grace}`", f"`sleep {pause}`"):
        assert number in PAGE, number
