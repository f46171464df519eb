"""The `pytest` plugin: the fixture ``live_server``. Loaded by every `pytest` run where Pottle is
installed, so that nothing is imported here before a test asks for the fixture.

    def test_index(live_server):                    # serves the fixture `app` of your tests
        assert httpx.get(live_server.url("/")).status_code == 200

    def test_other(live_server):                    # serves any application, as often as you like
        server = live_server(create_app())
        assert httpx.get(server.url("/")).status_code == 200
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .live import LiveServer


class LiveServers:
    """The value of the fixture: the server of the fixture ``app``, and a maker of others."""

    def __init__(self, app: Any = None) -> None:
        self._app = app
        self._default: LiveServer | None = None
        self._servers: list[LiveServer] = []

    def __call__(self, app: Any) -> LiveServer:
        """Start a server for *app* on a free port; it is stopped at the end of the test.

        Raises `pottle.testing.LifespanError` if *app* fails to start up.
        """
        from .live import LiveServer

        server = LiveServer(app).start()
        self._servers.append(server)
        return server

    @property
    def default(self) -> LiveServer:
        """The server of the fixture ``app``, started when it is first needed."""
        if self._default is None:
            if self._app is None:
                raise RuntimeError(
                    "There is no fixture 'app' to serve: define one, or call 'live_server(app)'."
                )
            self._default = self(self._app)
        return self._default

    @property
    def host(self) -> str:
        """The address that the application is served on."""
        return self.default.host

    @property
    def port(self) -> int:
        """The port that the application is served on."""
        return self.default.port

    def url(self, path: str = "/") -> str:
        """The URL of *path*, with ``http``."""
        return self.default.url(path)

    def ws_url(self, path: str = "/") -> str:
        """The URL of *path*, with ``ws``."""
        return self.default.ws_url(path)

    def stop(self) -> None:
        """Stop every server that was started, and raise the first error of one that failed to."""
        errors: list[Exception] = []
        while self._servers:
            try:
                self._servers.pop().stop()
            except Exception as error:  # raised below, when all are stopped
                errors.append(error)
        self._default = None
        if errors:
            raise errors[0]


@pytest.fixture
def live_server(request: pytest.FixtureRequest) -> Iterator[LiveServers]:
    """The application of the fixture ``app`` on a real server: `url(path)`, `ws_url(path)`, `host`,
    `port`. Called with an application, it serves that one instead.
    """
    try:
        app = request.getfixturevalue("app")
    except pytest.FixtureLookupError as error:
        if error.argname != "app":
            raise
        app = None
    servers = LiveServers(app)
    yield servers
    servers.stop()
