"""Helpers, exported names, odds and ends."""

from __future__ import annotations

from ..case import Case, Differs, case, code

MODULES = "app asgi blueprints cli config ctx datastructures debug formparser globals helpers json json.provider json.tag logging routing sessions signals templating testing testing.app testing.client testing.connections testing.utils typing utils views wrappers wrappers.base wrappers.request wrappers.response wrappers.websocket".split()

CASES: list[Case] = [
    case(
        "modules",
        """
        import importlib
    """,
        *(
            code(f"return importlib.import_module('quart.{name}').__name__ != ''")
            for name in MODULES
        ),
    ),
    case(
        "names-of-the-package",
        """
        import quart
        NAMES = '''Quart Blueprint Request Response Websocket Config ResponseReturnValue Markup abort after_this_request after_this_websocket app appcontext_popped appcontext_pushed appcontext_tearing_down before_render_template
            copy_current_app_context copy_current_request_context copy_current_websocket_context current_app escape flash g get_flashed_messages get_template_attribute got_request_exception
            got_websocket_exception has_app_context has_request_context has_websocket_context json jsonify make_push_promise make_response message_flashed redirect render_template
            render_template_string request request_finished request_started request_tearing_down send_file send_from_directory session signals_available stream_template stream_template_string stream_with_context
            template_rendered url_for websocket websocket_finished websocket_started websocket_tearing_down'''.split()
    """,
        code(
            "return [name for name in NAMES if name != 'app' and name not in ('Config', 'escape', 'after_this_websocket') and not hasattr(quart, name)]"
        ),
    ),
    case(
        "globals-used",
        """
        @app.route("/")
        async def view():
            return jsonify(str(request.url_rule), current_app.name == app.name, request.endpoint)
    """,
        "GET /",
    ),
    case(
        "get-flashed-outside",
        "",
        code("get_flashed_messages()"),
        code(
            "async with app.test_request_context('/'):\n    await flash('x')\n    return get_flashed_messages()"
        ),
    ),
    case(
        "utils",
        """
        from quart.utils import run_sync, run_sync_iterable, file_path_to_path, cancel_tasks, encode_headers, decode_headers
        import functools
        async def coroutine(): pass
        def plain_(): pass
    """,
        code(
            "from werkzeug.datastructures import Headers; return [encode_headers(Headers({'X-A': 'b'})), [[k.lower(), v] for k, v in decode_headers([(b'x-a', b'b'), (b'x-a', b'c')])]]"
        ),
        code("return [item async for item in run_sync_iterable(iter([1, 2]))]"),
        code("return await run_sync(lambda x, y=1: x + y)(1, y=2)"),
        code("""
            async def forever(): await asyncio.sleep(10)
            task = asyncio.create_task(forever())
            await asyncio.sleep(0)
            await cancel_tasks({task})
            return task.cancelled()
        """),
    ),
    case(
        "run-sync-refuses-coroutines",
        """
        from quart.utils import run_sync
        async def coroutine(): pass
    """,
        code("""
        try:
            run_sync(coroutine)
        except Exception as error:
            return "refused"
        return "taken"
    """),
        differs=Differs("`run_sync` refuses a coroutine function", {"0.value": "refused"}),
    ),
    case(
        "datastructures",
        """
        from quart.datastructures import FileStorage
        from io import BytesIO
    """,
        code(
            "f = FileStorage(BytesIO(b'abc'), 'a.txt', 'f', 'text/plain'); await f.save(here / 'out'); return [(here / 'out').read_text(), f.filename, f.name, f.content_type, f.mimetype]"
        ),
        code(
            "f = FileStorage(BytesIO(b'abc'), 'a.txt', 'f', 'text/plain'); await f.save(here / 'out', 1); return (here / 'out').read_text()"
        ),
    ),
    case(
        "form-parser",
        """
        from quart.formparser import FormDataParser, MultiPartParser
        from quart.wrappers.request import Body
        async def put(body, data):
            result = body.put(data) if hasattr(body, "put") else body.append(data)
            if result is not None:
                await result
    """,
        code("""
        body = Body(None, None)
        await put(body, b"a=1&b=2")
        body.set_complete()
        form, files = await FormDataParser().parse(body, "application/x-www-form-urlencoded", 7)
        return [list(form.items()), list(files.items())]
    """),
        code("""
        body = Body(None, None)
        await put(body, b'--b\\r\\nContent-Disposition: form-data; name="x"\\r\\n\\r\\nvalue\\r\\n--b--\\r\\n')
        body.set_complete()
        form, files = await FormDataParser().parse(body, "multipart/form-data", None, {"boundary": "b"})
        return [list(form.items()), list(files.items())]
    """),
    ),
    case(
        "body",
        """
        from quart.wrappers.request import Body
        async def put(body, data):
            result = body.put(data) if hasattr(body, "put") else body.append(data)
            if result is not None:
                await result
    """,
        code("""
        body = Body(None, None)
        await put(body, b"one"); await put(body, b"two"); body.set_complete()
        return [part async for part in body]
    """),
        code("""
        body = Body(None, 4)
        await put(body, b"12345")
        body.set_complete()
        try:
            await body
        except Exception as error:
            return kind(error)
    """),
        code("body = Body(3, 10); await put(body, b'abc'); body.set_complete(); return await body"),
        code("return await Body(20, 10)"),
        code("body = Body(None, None); body.set_result(b'abc'); return await body"),
        code("""
        body = Body(None, None)
        async def feed():
            for part in (b"a", b"b"):
                await asyncio.sleep(0)
                await put(body, part)
            body.set_complete()
        task = asyncio.create_task(feed())
        return b"".join([part async for part in body])
    """),
    ),
    case(
        "routing-classes",
        """
        from quart.routing import QuartMap, QuartRule
    """,
        code(
            "return [QuartRule('/x', endpoint='x', websocket=True).websocket, QuartRule('/x', endpoint='x').provide_automatic_options, sorted(QuartMap().converters)]"
        ),
    ),
    case(
        "helpers-module",
        "from quart.helpers import get_debug_flag, get_load_dotenv, make_response, make_push_promise, flash, get_flashed_messages, url_for, stream_with_context, find_package, send_from_directory, send_file, abort, redirect\n",
        code("return [get_debug_flag(), get_load_dotenv(), get_load_dotenv(False)]"),
        code(
            "prefix, path = find_package(app.import_name); return [prefix, str(path) == str(here)]"
        ),
    ),
    case(
        "ctx-module",
        "from quart.ctx import after_this_request, after_this_websocket, copy_current_app_context, copy_current_request_context, copy_current_websocket_context, has_app_context, has_request_context, has_websocket_context, AppContext\n",
        code("async with app.app_context() as ctx:\n    return isinstance(ctx, AppContext)"),
    ),
    case(
        "typing-module",
        "from quart.typing import ResponseReturnValue, BeforeRequestCallable, AfterRequestCallable, TeardownCallable, RouteCallable, WebsocketCallable, FilePath, StatusCode, HeadersValue, ResponseValue, ResponseTypes, TemplateFilterCallable, TestClientProtocol, TestAppProtocol, Event, ASGIHTTPProtocol\n",
        code("return True"),
    ),
    case(
        "wrappers-module",
        "from quart.wrappers import BaseRequestWebsocket, Body, Request, Response, Websocket\nfrom quart.wrappers.response import ResponseBody, DataBody, FileBody, IOBody, IterableBody\n",
        code(
            "return [issubclass(Request, BaseRequestWebsocket), issubclass(Websocket, BaseRequestWebsocket), issubclass(DataBody, ResponseBody)]"
        ),
    ),
    case(
        "globals-module",
        "from quart.globals import current_app, g, request, session, websocket, app_ctx, _cv_app\n",
        code("return True"),
    ),
    case(
        "testing-module",
        "from quart.testing import QuartClient, QuartCliRunner, TestApp, WebsocketResponseError, make_test_body_with_headers, make_test_headers_path_and_query_string, make_test_scope, no_op_push, sentinel\nfrom quart.testing.connections import TestHTTPConnection, TestWebsocketConnection\n",
        code("return [issubclass(WebsocketResponseError, Exception), QuartClient.__name__ != '']"),
    ),
    case(
        "isinstance-of-werkzeug",
        """
        from werkzeug.sansio.response import Response as Sans
        from werkzeug.sansio.request import Request as SansRequest
        @app.route("/")
        async def view(): return jsonify(isinstance(Response("x"), Sans), isinstance(request._get_current_object(), SansRequest))
    """,
        "GET /",
    ),
    case(
        "app-methods",
        "",
        code("""
        names = '''add_background_task add_template_filter add_template_global add_template_test add_url_rule add_websocket after_request after_serving after_websocket app_context asgi_app auto_find_instance_path before_request
            before_serving before_websocket context_processor create_global_jinja_loader create_jinja_environment create_url_adapter delete dispatch_request dispatch_websocket do_teardown_appcontext do_teardown_request
            do_teardown_websocket endpoint ensure_async errorhandler finalize_request finalize_websocket full_dispatch_request full_dispatch_websocket get get_send_file_max_age handle_background_exception handle_exception
            handle_http_exception handle_request handle_url_build_error handle_user_exception handle_websocket handle_websocket_exception inject_url_defaults iter_blueprints log_exception make_aborter make_config
            make_default_options_response make_response make_shell_context open_instance_resource open_resource patch post postprocess_websocket preprocess_request preprocess_websocket process_response put redirect register_blueprint
            register_error_handler request_context route run run_task select_jinja_autoescape send_static_file shell_context_processor shutdown startup sync_to_async teardown_appcontext teardown_request teardown_websocket template_filter
            template_global template_test test_app test_cli_runner test_client test_request_context trap_http_exception update_template_context url_defaults url_for url_value_preprocessor websocket websocket_context while_serving'''.split()
        return [name for name in names if not hasattr(app, name)]
    """),
    ),
    case(
        "ensure-sync-names",
        "",
        code("return [hasattr(app, 'ensure_async'), hasattr(app, 'sync_to_async')]"),
    ),
]
