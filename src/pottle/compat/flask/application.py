"""`flask.Flask`, run by Pottle: what the name stands for after `install_as_flask`.

Registration, configuration and all that Flask's users subclass are Flask's own; what happens between a
request and its answer is Pottle's. So async views, websockets and event streams stand beside views that
were written for Flask, and both WSGI and ASGI servers can call the application.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine
from typing import Any, cast

import flask
from flask.testing import EnvironBuilder
from werkzeug.exceptions import HTTPException

from ...app import Pottle
from ...config import DEFAULT_CONFIG, Config
from ...ctx import AppContext
from ...routing import PottleMap, PottleRule
from ...utils import mark_coroutine_function
from ...wrappers import Response
from .context import FlaskContext, face_of, outer_context
from .request import SHARES
from .wsgi import request_from

#: Untyped: what is spelled one way there and the other way here meets in the class below.
_Flask: Any = flask.Flask


class Flask(_Flask, Pottle):  # type: ignore[misc]
    """A Flask application on Pottle's engine."""

    config_class = Config
    default_config = {**DEFAULT_CONFIG, **_Flask.default_config, "FLASK_BRIDGE": True}  # noqa: RUF012
    url_map_class = PottleMap
    url_rule_class = PottleRule
    #: Outside of an event loop, too, the steps below are plain calls, as they are in Flask.
    plain_calls = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.prepare_serving()
        for when in ("before", "after", "teardown"):
            setattr(self, f"{when}_websocket_funcs", {})
        _Flask.__init__(self, *args, **kwargs)

    # Between a request and its answer.
    create_url_adapter = Pottle.create_url_adapter
    raise_routing_exception = Pottle.raise_routing_exception
    full_dispatch_request = Pottle.full_dispatch_request
    preprocess_request = Pottle.preprocess_request
    dispatch_request = Pottle.dispatch_request
    finalize_request = Pottle.finalize_request
    process_response = Pottle.process_response
    handle_user_exception = Pottle.handle_user_exception
    handle_http_exception = Pottle.handle_http_exception
    handle_exception = Pottle.handle_exception
    make_default_options_response = Pottle.make_default_options_response
    update_template_context = Pottle.update_template_context
    do_teardown_request = Pottle.do_teardown_request
    ensure_sync = Pottle.ensure_sync
    async_to_sync = Pottle.async_to_sync
    run = Pottle.run

    async def do_teardown_appcontext(
        self, ctx: AppContext, exc: BaseException | None = None
    ) -> None:
        # Of a request that has taken over an application context: that one is not at its end.
        if outer_context(ctx) is None:
            await Pottle.do_teardown_appcontext(self, ctx, exc)

    def make_response(self, rv: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # Flask's signature
        """As Flask's; and what only Pottle knows, such as an asynchronous stream, as Pottle's."""
        result: Any = rv
        value: Any = result[0] if isinstance(rv, tuple) and rv else result
        if isinstance(result, HTTPException):
            # Flask has it called by WSGI, and so a stream made of it.
            result = value = result.get_response(flask.request.environ)
        ours: Any = (AsyncIterable, Coroutine, Response)
        if isinstance(value, ours):
            return Pottle.make_response(self, result)
        return _Flask.make_response(self, result)

    def log_exception(self, *args: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # Flask's signature
        """Log the error *args* end with; the context may stand in front of it."""
        _Flask.log_exception(self, args[-1])

    # Contexts, as Flask's users push them.

    def app_context(self) -> FlaskContext:
        return face_of(AppContext(self))

    def request_context(self, environ: Any) -> FlaskContext:  # pyright: ignore[reportIncompatibleMethodOverride]  # Flask's signature
        request: Any = environ
        if isinstance(environ, dict):
            request = request_from(self, cast("dict[str, Any]", environ))
        return face_of(AppContext(self, request=request))

    def test_request_context(self, *args: Any, **kwargs: Any) -> FlaskContext:
        builder = EnvironBuilder(self, *args, **kwargs)
        try:
            return self.request_context(builder.get_environ())
        finally:
            builder.close()

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> Any:
        """Flask's test client, whose requests use the application context that the test is in."""
        client: Any = _Flask.test_client(self, use_cookies, **kwargs)
        if hasattr(client, "environ_base"):
            client.environ_base[SHARES] = True
        return client

    # Calls of servers.
    wsgi_app: Any = Pottle.wsgi_app  # pyright: ignore[reportIncompatibleMethodOverride]  # the same

    @mark_coroutine_function  # as servers for ASGI expect
    def __call__(self, *args: Any) -> Any:
        if len(args) == 2:
            self._got_first_request = True
            return self.wsgi_app(*args)
        self._got_first_request |= args[0]["type"] != "lifespan"
        return Pottle.__call__(self, *args)


Flask.seal()
