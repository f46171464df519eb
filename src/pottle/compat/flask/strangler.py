"""An old Flask application behind ours: one session for both, and URLs across.

Its routes move to ours one by one, until nothing is left of it. The old application stays what it is: a
`flask.Flask`, with its own contexts, called over WSGI (`pottle.mounting`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

import flask
from flask.sessions import SecureCookieSessionInterface as FlaskSessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BuildError, Map, MapAdapter, RequestRedirect

from ...active import current
from ...ctx import AppContext
from ...errors import SetupError
from ...sessions import SecureCookieSessionInterface
from ...typing import Scope
from ...wrappers import Request
from .request import environ_of
from .wsgi import request_from

#: What both have to agree on, for one to read and write the cookie of the other.
SESSION_KEYS = (
    "PERMANENT_SESSION_LIFETIME",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_PARTITIONED",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_SECURE",
)
#: What both frameworks leave unquoted in a fragment.
_ANCHOR_SAFE = "%!#$&'()*+,/:;=?@"
_APART = (
    "To keep the two apart, each with a session and URLs of its own, fall back to `{}.wsgi_app`, which"
    " is any WSGI application."
)


class UnknownEndpointError(BuildError):
    """Neither application has a URL for the endpoint. *ours* and *theirs* say why not."""

    def __init__(self, message: str, theirs: BuildError) -> None:
        super().__init__(theirs.endpoint, theirs.values, theirs.method, theirs.adapter)
        self.message = message

    def __str__(self) -> str:
        return self.message


class OldFlask:
    """The Flask application *old* that *app* falls back to."""

    def __init__(self, app: Any, old: flask.Flask) -> None:
        self.app = app
        self.old = old
        #: What one side has from the other; it may still be set there.
        self._copied: dict[str, Any] = {}
        self._check_static_files()
        self.share_session()
        app.url_build_error_handlers.append(self.build_for_app)
        old.url_build_error_handlers.append(self.build_for_old)  # type: ignore[arg-type]  # of a narrower error

    def takes(self, scope: Scope) -> bool:
        """Whether the old application has a route for the path and for the method of *scope*."""
        adapter = self._adapter_for(_request_of(scope))
        if adapter is None:
            return False
        try:
            adapter.match()
        except RequestRedirect:
            return True
        except HTTPException:
            return False
        return True

    def _adapter_for(self, connection: Any) -> MapAdapter | None:
        """What matches and builds the URLs of the old application for *connection*, one of ours."""
        if connection is not None:
            request = self.old.request_class(environ_of(connection), populate_request=False)
            return self.old.create_url_adapter(request)
        adapter: MapAdapter | None = self.old.create_url_adapter(None)
        return adapter or _bound(self.old.url_map, self.app.config)

    # Set-up.

    def _check_static_files(self) -> None:
        """Both have a route for static files, as a rule at the same path, where ours comes first."""
        app, old = self.app, self.old
        if (
            app.has_static_folder
            and old.has_static_folder
            and app.static_url_path == old.static_url_path
            and app.static_folder != old.static_folder
        ):
            raise SetupError(
                f"Both applications have static files at {old.static_url_path!r}, of different"
                f" folders: {app.static_folder!r} and {old.static_folder!r}. The latter would not be"
                " found any more. Give the new application static_folder=None, or another"
                " static_url_path."
            )

    def share_session(self) -> None:
        """Make one session of two: what one application has not set is taken from the other.

        Raises `SetupError` where both have set something, and not the same.
        """
        app: Any = self.app
        old: Any = self.old
        self._check_session_interfaces()
        contradictions: list[str] = []
        for key in SESSION_KEYS:
            ours, theirs = app.config[key], old.config.get(key)
            if _comparable(ours) == _comparable(theirs):
                continue
            if _is_unset(theirs, old.default_config.get(key), self._copied.get(key)):
                self._copied[key] = old.config[key] = ours
            elif _is_unset(ours, app.default_config[key], self._copied.get(key)):
                self._copied[key] = app.config[key] = theirs
            else:
                contradictions.append(key)
        paths = [each.session_interface.get_cookie_path(each) for each in (app, old)]
        if paths[0] != paths[1] and "SESSION_COOKIE_PATH" not in contradictions:
            contradictions.append("SESSION_COOKIE_PATH (or APPLICATION_ROOT)")
        if contradictions:
            raise SetupError(
                f"{app!r} and {old!r} are to have one session, but their configurations contradict"
                f" each other in {', '.join(contradictions)}. Set these alike, or on one side only. "
                + _APART.format(old.name)
            )

    def _check_session_interfaces(self) -> None:
        ours, theirs = self.app.session_interface, self.old.session_interface
        if ours is theirs or (
            isinstance(ours, SecureCookieSessionInterface)
            and isinstance(theirs, FlaskSessionInterface)
            and (ours.salt, ours.key_derivation) == (theirs.salt, theirs.key_derivation)
        ):
            return
        raise SetupError(
            f"{self.app!r} and {self.old!r} are to have one session, but keep it in different ways:"
            f" by {ours!r} and by {theirs!r}. Set app.session_interface to that of the old"
            " application. " + _APART.format(self.old.name)
        )

    # URLs. Each side asks the other's map, and never the other's `url_for`.

    def build_for_app(self, error: BuildError, endpoint: str, values: dict[str, Any]) -> str | None:
        """The URL of an *endpoint* that is still with the old application."""
        if _has(self.app.url_map, endpoint):
            return None
        context = current.get(None)
        adapter = self._adapter_for(None if context is None else context.connection)
        if adapter is None:
            return None
        return self._build(error, adapter, self.old.inject_url_defaults, endpoint, values)

    def build_for_old(self, error: BuildError, endpoint: str, values: dict[str, Any]) -> str | None:
        """The URL of an *endpoint* that has moved to the new application."""
        if _has(self.old.url_map, endpoint):
            return None
        app = self.app
        if flask.has_request_context():
            context = AppContext(app, request=request_from(app, flask.request.environ))
        else:
            context = AppContext(app)
            context.url_adapter = context.url_adapter or _bound(app.url_map, self.old.config)
        adapter = context.url_adapter
        assert adapter is not None  # Flask has asked for SERVER_NAME
        # What url_defaults functions of ours look at is ours.
        token = current.set(context)
        try:
            return self._build(error, adapter, app.inject_url_defaults, endpoint, values)
        finally:
            current.reset(token)

    def _build(
        self,
        error: BuildError,
        adapter: MapAdapter,
        complete: Callable[[str, dict[str, Any]], None],
        endpoint: str,
        values: dict[str, Any],
    ) -> str:
        values = dict(values)
        anchor, method, scheme, external = (
            values.pop(name, None) for name in ("_anchor", "_method", "_scheme", "_external")
        )
        complete(endpoint, values)
        try:
            url = adapter.build(
                endpoint,
                values,
                method=method,
                url_scheme=scheme,
                force_external=bool(external),
            )
        except BuildError as another:
            asked, other = self.app, self.old
            if adapter.map is self.app.url_map:
                asked, other = other, asked
            raise UnknownEndpointError(
                f"{error} (That is what {asked!r} says. {other!r} says: {another})", another
            ) from None
        return url if anchor is None else f"{url}#{quote(anchor, safe=_ANCHOR_SAFE)}"


def _request_of(scope: Scope) -> Request:
    request = Request.__new__(Request)
    request.scope = scope
    return request


def _bound(url_map: Map, config: Any) -> MapAdapter | None:
    """*url_map* for building outside of a request, by the *config* of the other application."""
    if config["SERVER_NAME"] is None:
        return None
    return url_map.bind(
        config["SERVER_NAME"],
        script_name=config["APPLICATION_ROOT"],
        url_scheme=config["PREFERRED_URL_SCHEME"],
    )


def _has(url_map: Map, endpoint: str) -> bool:
    try:
        url_map.iter_rules(endpoint)
    except KeyError:
        return False
    return True


def _is_unset(value: Any, default: Any, copied: Any) -> bool:
    return value is None or _comparable(value) in (_comparable(default), _comparable(copied))


def _comparable(value: Any) -> Any:
    """*value* so that what is spelled differently, and means the same, is equal."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (list, tuple)):
        return [_comparable(each) for each in cast("list[Any]", value)] or None
    return value
