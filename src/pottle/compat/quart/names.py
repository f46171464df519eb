"""Which module of Pottle stands for which of Quart's, and where names are that it lacks.

The names are those of the modules of Quart 0.21 and 0.23, also what these only import; which are left
out on purpose stands in docs/differences.md. Nothing of it is imported before the alias is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import resolve_name
from typing import Any

#: By Quart's module (without the leading ``quart.``), the implementing one.
MODULES: dict[str, str] = {
    "": "pottle",
    **{
        name: f"pottle.{name}"
        for name in (
            "app blueprints cli config ctx datastructures debug formparser globals helpers json "
            "json.provider json.tag logging routing sessions signals templating testing testing.app "
            "testing.client testing.connections testing.utils typing utils views wrappers "
            "wrappers.base wrappers.request wrappers.response wrappers.websocket"
        ).split()
    },
    # Until Quart 0.18. Who finds none (sentry-sdk) patches the one of Flask, which is not ours.
    "scaffold": "pottle.scaffold",
    "asgi": "pottle.compat.quart.asgi",
}

#: What has another name here, or stands in for something that Pottle does not need: by module, Quart's
#: name and ours. (Quart's scopes and events are typed dictionaries of Hypercorn.)
_OTHERS: dict[str, str] = {
    "asyncio": "Event",
    "builtins": (
        "HTTPResponseBodyEvent=dict HTTPResponseStartEvent=dict HTTPScope=dict LifespanScope=dict "
        "LifespanShutdownCompleteEvent=dict LifespanShutdownFailedEvent=dict "
        "LifespanStartupCompleteEvent=dict LifespanStartupFailedEvent=dict "
        "WebsocketAcceptEvent=dict WebsocketCloseEvent=dict WebsocketResponseBodyEvent=dict "
        "WebsocketResponseStartEvent=dict WebsocketScope=dict HeaderName=str"
    ),
    "click.core": "ParameterSource",
    "click.testing": "CliRunner",
    "contextlib": "AbstractAsyncContextManager",
    "contextvars": "ContextVar copy_context",
    "datetime": "UTC",
    "hashlib": "md5",
    "io": "BytesIO",
    "itsdangerous": "BadSignature URLSafeTimedSerializer",
    "jinja2": "Template",
    "logging": "DEBUG NOTSET",
    "operator": "attrgetter",
    "pottle.app": "App=Pottle Quart=Pottle",
    "pottle.blueprints": "SansioBlueprint=Blueprint",
    "pottle.cli": "AppGroup QuartGroup=PottleGroup ScriptInfo",
    "pottle.compat.quart.asgi": "ASGIHTTPConnection ASGILifespan ASGIWebsocketConnection",
    "pottle.compat.quart.contexts": (
        "RequestContext WebsocketContext _cv_request _cv_websocket request_ctx websocket_ctx"
    ),
    "pottle.compat.quart.tools": (
        "DEFAULT_MIMETYPE LocalQueueHandler MustReloadError observe_changes restart run_reloader "
        "setupmethod"
    ),
    "pottle.compat.quart.typing": (
        "AppOrBlueprintKey HeaderValue ResponseTypes ShellContextProcessorCallable "
        "TemplateFilterCallable TemplateGlobalCallable TemplateTestCallable "
        "ASGIHTTPProtocol ASGILifespanProtocol ASGIWebsocketProtocol TestAppProtocol "
        "TestClientProtocol TestHTTPConnectionProtocol TestWebsocketConnectionProtocol"
    ),
    "pottle.compat.quart.websocket": "Buffer",
    "pottle.config": "FlaskConfig=Config",
    "pottle.ctx": "_AppCtxGlobals=AppGlobals has_app_context has_request_context has_websocket_context",
    "pottle.datastructures": "FileStorage WerkzeugFileStorage=SyncFileStorage",
    "pottle.debug": "traceback_response",
    "pottle.errors": "ClientDisconnectedError=ClientDisconnected",
    "pottle.files": (
        "AiofilesContextManager=Opening AsyncBufferedIOBase=AsyncFile async_open=open_file"
    ),
    "pottle.globals": "_cv_app current_app g request session websocket",
    "pottle.helpers": "get_flashed_messages",
    "pottle.json": "dumps loads",
    "pottle.routing": "QuartMap=PottleMap QuartRule=PottleRule",
    "pottle.sendfile": "send_from_directory",
    "pottle.sessions": "SessionMixin",
    "pottle.signals": (
        "appcontext_tearing_down got_request_exception got_serving_exception "
        "got_websocket_exception request_finished request_started request_tearing_down "
        "websocket_finished websocket_started "
        "websocket_tearing_down"
    ),
    "pottle.templating": "Environment",
    "pottle.testing": (
        "QuartCliRunner=PottleCliRunner QuartClient=PottleClient TestApp "
        "make_test_body_with_headers make_test_headers_path_and_query_string make_test_scope "
        "no_op_push sentinel"
    ),
    "pottle.testing.connections": (
        "HTTPDisconnectError=IncompleteResponseError WebsocketDisconnectError=WebsocketClosed"
    ),
    "pottle.typing": (
        "ASGIReceiveCallable=Receive ASGISendCallable=Send AfterRequestCallable=AfterCallable "
        "AfterServingCallable=ServingCallable AfterWebsocketCallable=AfterCallable "
        "BeforeRequestCallable=BeforeCallable BeforeServingCallable=ServingCallable "
        "BeforeWebsocketCallable=BeforeCallable HeadersValue=Headerish "
        "TemplateContextProcessorCallable=TemplateContextCallable "
        "WhileServingCallable=ServingCallable "
        "StatusCode T T_after_serving=F T_after_websocket=F T_before_serving=F "
        "T_before_websocket=F T_shell_context_processor=F T_teardown=F T_template_filter=F "
        "T_template_global=F T_template_test=F T_websocket=F T_while_serving=F"
    ),
    "pottle.sync": "run_sync run_sync_iterable",
    "pottle.utils": ("P cancel_tasks file_path_to_path raise_task_exceptions"),
    "pottle.wrappers": "BaseRequestWebsocket Request Response Websocket",
    "pottle.wrappers.bodies": "ResponseBody",
    "pottle.wrappers.request": "SERVER_PUSH_HEADERS_TO_COPY=PUSHED_HEADERS",
    "queue": "Queue=SimpleQueue",
    "types": "ModuleType TracebackType",
    "werkzeug.datastructures": "Authorization ContentRange Headers ImmutableDict",
    "werkzeug.exceptions": (
        "BadRequestKeyError HTTPException InternalServerError NotFound RequestEntityTooLarge "
        "RequestTimeout RequestedRangeNotSatisfiable"
    ),
    "werkzeug.http": "is_resource_modified parse_etags",
    "werkzeug.routing": "MapAdapter RoutingException",
    "werkzeug.sansio.multipart": "Data Epilogue Field File MultipartDecoder NeedData",
    "werkzeug.urls": "iri_to_uri",
    "werkzeug.utils": "safe_join",
    "werkzeug.wrappers": "WerkzeugResponse=Response",
    "zlib": "adler32",
}
_WHERE: dict[str, str] = {
    name: f"{module}:{ours or name}"
    for module, names in _OTHERS.items()
    for name, _, ours in (word.partition("=") for word in names.split())
}

#: By Quart's module, the names that the implementing one lacks.
_LACKING: dict[str, str] = {
    "": "Quart",
    "app": (
        "_cv_app _cv_request _cv_websocket ASGIHTTPConnection ASGIHTTPProtocol ASGILifespan "
        "ASGILifespanProtocol ASGIWebsocketConnection ASGIWebsocketProtocol "
        "AiofilesContextManager App AppGroup Authorization BadRequestKeyError Environment Event "
        "HTTPException Headers ImmutableDict InternalServerError MustReloadError P Quart "
        "QuartCliRunner QuartClient QuartMap QuartRule RequestContext RoutingException "
        "StatusCode T T_after_serving T_after_websocket T_before_serving T_before_websocket "
        "T_shell_context_processor T_teardown T_template_filter T_template_global "
        "T_template_test T_websocket T_while_serving TestApp TestAppProtocol TestClientProtocol "
        "TracebackType WebsocketContext WerkzeugResponse appcontext_tearing_down async_open "
        "cancel_tasks file_path_to_path g get_flashed_messages got_request_exception "
        "got_serving_exception got_websocket_exception has_request_context "
        "has_websocket_context make_test_body_with_headers "
        "make_test_headers_path_and_query_string make_test_scope no_op_push observe_changes "
        "request request_ctx request_finished request_started request_tearing_down restart "
        "run_reloader run_sync send_from_directory sentinel session setupmethod websocket "
        "websocket_ctx websocket_finished websocket_started websocket_tearing_down"
    ),
    "asgi": (
        "ClientDisconnectedError HTTPResponseBodyEvent HTTPResponseStartEvent HTTPScope "
        "LifespanScope LifespanShutdownCompleteEvent LifespanShutdownFailedEvent "
        "LifespanStartupCompleteEvent LifespanStartupFailedEvent WebsocketAcceptEvent "
        "WebsocketCloseEvent WebsocketResponseBodyEvent WebsocketResponseStartEvent "
        "WebsocketScope WerkzeugResponse raise_task_exceptions traceback_response"
    ),
    "blueprints": (
        "AiofilesContextManager App AppGroup SansioBlueprint T_after_serving T_after_websocket "
        "T_before_serving T_before_websocket T_teardown T_websocket T_while_serving async_open "
        "current_app send_from_directory setupmethod"
    ),
    "cli": "ModuleType ParameterSource QuartGroup attrgetter",
    "config": "FlaskConfig",
    "ctx": (
        "_AppCtxGlobals _cv_app _cv_request _cv_websocket BaseRequestWebsocket HTTPException "
        "MapAdapter Request RequestContext SessionMixin Websocket WebsocketContext"
    ),
    "datastructures": "WerkzeugFileStorage async_open",
    "debug": "Response Template",
    "formparser": "Data Epilogue Field File MultipartDecoder NeedData",
    "globals": "_cv_request _cv_websocket ContextVar request_ctx websocket_ctx",
    "helpers": (
        "BytesIO DEFAULT_MIMETYPE NotFound ResponseBody TracebackType UTC WerkzeugResponse "
        "adler32 file_path_to_path request_ctx safe_join"
    ),
    "json": "current_app",
    "logging": "DEBUG LocalQueueHandler NOTSET Queue",
    "routing": "BaseRequestWebsocket QuartMap QuartRule",
    "sessions": (
        "BadSignature BaseRequestWebsocket Response URLSafeTimedSerializer UTC WerkzeugResponse"
    ),
    "templating": "current_app has_app_context has_request_context request_ctx",
    "testing": "CliRunner QuartCliRunner QuartClient ScriptInfo",
    "testing.app": "LifespanScope TestClientProtocol",
    "testing.client": (
        "Authorization FileStorage QuartClient Response SessionMixin TestHTTPConnectionProtocol "
        "TestWebsocketConnectionProtocol"
    ),
    "testing.connections": (
        "HTTPDisconnectError HTTPScope Response WebsocketDisconnectError WebsocketScope dumps loads"
    ),
    "testing.utils": "HTTPScope WebsocketScope iri_to_uri",
    "typing": (
        "ASGIHTTPProtocol ASGILifespanProtocol ASGIReceiveCallable ASGISendCallable "
        "ASGIWebsocketProtocol AbstractAsyncContextManager AfterRequestCallable "
        "AfterServingCallable AfterWebsocketCallable AppOrBlueprintKey BeforeRequestCallable "
        "BeforeServingCallable BeforeWebsocketCallable FileStorage HTTPScope HeaderName "
        "HeaderValue HeadersValue LifespanScope ResponseTypes ShellContextProcessorCallable "
        "TemplateContextProcessorCallable TemplateFilterCallable TemplateGlobalCallable "
        "TemplateTestCallable "
        "TestAppProtocol TestClientProtocol TestHTTPConnectionProtocol "
        "TestWebsocketConnectionProtocol TracebackType WebsocketScope WhileServingCallable"
    ),
    "utils": (
        "Event MustReloadError copy_context observe_changes restart run_reloader run_sync "
        "run_sync_iterable"
    ),
    "views": "request",
    "wrappers": "ClientDisconnectedError",
    "wrappers.base": "ClientDisconnectedError",
    "wrappers.request": (
        "ClientDisconnectedError HTTPScope RequestEntityTooLarge RequestTimeout "
        "SERVER_PUSH_HEADERS_TO_COPY current_app"
    ),
    "wrappers.response": (
        "AiofilesContextManager AsyncBufferedIOBase BytesIO ContentRange "
        "RequestedRangeNotSatisfiable TracebackType async_open current_app file_path_to_path "
        "is_resource_modified md5 parse_etags run_sync_iterable"
    ),
    "wrappers.websocket": "Buffer ClientDisconnectedError WebsocketScope",
}


def names_of(module: str) -> Iterator[tuple[str, Any]]:
    """The names that *module* of Quart's has beside those of the implementing one, and the objects.

    Its submodules are among them: Quart imports them all at once. They are imported by their names in
    Quart, so that they get what they lack, too.
    """
    for submodule in MODULES:
        parent, _, name = submodule.rpartition(".")
        if name and parent == module:
            yield name, import_module(f"quart.{submodule}")
    for name in _LACKING.get(module, "").split():
        yield name, resolve_name(_WHERE[name])
