"""What is known of Flask's and Pottle's objects: what a member gives, and whether it has to be awaited.

Tables only. A *kind* is a word for a sort of object, such as ``request``. A name with ``()`` behind it
is what calling it does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """What is known of one member or function.

    *gives* is the kind of its value. *awaited*: the value has to be awaited in Pottle.
    *problem* says why it cannot stay as it is. *code* takes its place, where the member has another
    name; ``{}`` is the object.
    """

    gives: str | None = None
    awaited: bool = False
    problem: str | None = None
    code: str | None = None


def _awaited(names: str, gives: str | None = None) -> dict[str, Fact]:
    return dict.fromkeys(names.split(), Fact(gives, awaited=True))


def _gives(gives: str, names: str) -> dict[str, Fact]:
    return dict.fromkeys(names.split(), Fact(gives))


def _lacking(of: str, names: str, hint: str) -> dict[str, Fact]:
    return {
        name: Fact(problem=f"Pottle's {of} has no '{name.removesuffix('()')}': {hint}")
        for name in names.split()
    }


_CONTEXT = Fact("context")
_RESOURCE = Fact("open file", awaited=True)
_RESPONSE = Fact("response")
_VERBS = "get() post() put() patch() delete() head() options() trace() open()"

_SCAFFOLD = {
    "cli": Fact("commands"),
    "json": Fact("json provider"),
    "open_resource()": _RESOURCE,
    **_awaited("send_static_file()", "response"),
}

MEMBERS: dict[str, dict[str, Fact]] = {
    "request": {
        **_awaited("values data json get_json() get_data() close()"),
        **_awaited("form", "form"),
        **_awaited("files", "files"),
        "stream": Fact("body"),
        **_lacking(
            "request",
            "environ input_stream is_multiprocess is_multithread is_run_once remote_user"
            " want_form_data_parsed",
            "it belongs to WSGI. What the server said is in 'request.scope'.",
        ),
    },
    "body": {
        **_awaited("read()"),
        **_lacking(
            "request body",
            "readline() readlines()",
            "iterate it with 'async for', or read it whole.",
        ),
    },
    "files": {
        **_gives("file", "[] get() pop()"),
        **_gives("files in a row", "getlist() values() iter"),
        "items()": Fact("files by name"),
    },
    "files in a row": _gives("file", "[] iter"),
    "file": _awaited("save() load()"),
    "open file": _awaited(
        "read() readline() readlines() write() writelines() seek() tell() truncate() flush() close()"
    ),
    "blueprint": _SCAFFOLD,
    "app": {
        **_SCAFFOLD,
        "open_instance_resource()": _RESOURCE,
        "config": Fact("config"),
        "app_context()": _CONTEXT,
        "request_context()": _CONTEXT,
        "test_request_context()": _CONTEXT,
        "test_client()": Fact("client"),
        "test_cli_runner()": Fact("runner"),
        "make_response()": _RESPONSE,
        "response_class()": _RESPONSE,
        **_awaited("dispatch_request() preprocess_request()"),
        **_awaited("full_dispatch_request() finalize_request()", "response"),
        **_awaited("make_default_options_response()", "response"),
        **_lacking(
            "application",
            "wsgi_app",
            "a middleware around it is one for WSGI. Use one for ASGI around 'app.asgi_app'.",
        ),
    },
    "config": {"from_prefixed_env()": Fact()},
    "context": _awaited("push() pop()"),
    "view": _awaited("dispatch_request()"),
    "client": {
        **_awaited(_VERBS, "response"),
        "session_transaction()": Fact("session"),
        **_lacking("test client", "run_wsgi_app() environ_base", "pass 'headers' or 'scope_base'."),
    },
    "response": {
        **_awaited("data json get_data() get_json() freeze() make_sequence() add_etag() close()"),
        **_awaited("make_conditional()", "response"),
        "text": Fact(awaited=True, code="{}.get_data(as_text=True)"),
        **_lacking("response", "iter_encoded()", "iterate 'iter_encode()' with 'async for'."),
        **_lacking("response", "stream", "give it an async generator as its body."),
        **_lacking("response", "request", "a test finds the URL in 'response.url'."),
    },
}

#: What Flask's functions and classes give when they are called.
CALLS: dict[str, Fact] = {
    "flask.Flask": Fact("app"),
    "flask.Blueprint": Fact("blueprint"),
    "flask.Request": Fact("request"),
    "flask.Response": _RESPONSE,
    "flask.make_response": _RESPONSE,
    "flask.jsonify": _RESPONSE,
    "flask.redirect": _RESPONSE,
    "flask.testing.FlaskClient": Fact("client"),
    "flask.testing.FlaskCliRunner": Fact("runner"),
    **_awaited("flask.render_template flask.render_template_string"),
    **_awaited("flask.send_file flask.send_from_directory", "response"),
}

#: The kind of Flask's proxies.
VALUES = {"flask.request": "request", "flask.current_app": "app", "flask.g": "g"}

#: The kind of an instance, by class: for annotations and for classes derived from these.
INSTANCES = {
    "flask.Flask": "app",
    "flask.Blueprint": "blueprint",
    "flask.Request": "request",
    "flask.Response": "response",
    "flask.testing.FlaskClient": "client",
    "flask.testing.FlaskCliRunner": "runner",
    "flask.views.View": "view",
    "flask.views.MethodView": "view",
    "unittest.TestCase": "test case",
    "unittest.case.TestCase": "test case",
    "unittest.IsolatedAsyncioTestCase": "async test case",
}

#: Kinds that are entered with `async with` wherever they come from.
ENTERED = frozenset({"context", "client", "session", "open file"})

#: Keyword arguments of Flask's test client that Pottle's has not.
CLIENT_ARGUMENTS_LACKING = frozenset(
    "buffered content_length environ_base environ_overrides errors_stream input_stream mimetype"
    " multiprocess multithread run_once url_scheme".split()
)

#: The methods of applications and blueprints that decorate or register a function; what is
#: registered may be a coroutine function.
REGISTERING = frozenset(
    "add_url_rule after_app_request after_request after_this_request app_context_processor"
    " app_errorhandler app_url_value_preprocessor before_app_first_request before_app_request"
    " before_first_request before_request context_processor endpoint errorhandler"
    " register_error_handler route teardown_app_request teardown_appcontext teardown_request"
    " url_value_preprocessor".split()
)
#: Those of them, for routes, whose names are too common to be known without their object.
VERBS = frozenset("delete get patch post put".split())
#: Those whose function has to stay a plain one.
PLAIN_ONLY = frozenset(
    "add_template_filter add_template_global add_template_test app_template_filter"
    " app_template_global app_template_test app_url_defaults shell_context_processor"
    " template_filter template_global template_test url_defaults".split()
)

#: Packages whose calls wait for something else. Prefixes of dotted names.
BLOCKING = (
    "MySQLdb flask_mail flask_pymongo flask_sqlalchemy httplib http.client mysql mongoengine peewee pony"
    " psycopg psycopg2 pymongo pymysql redis requests smtplib sqlalchemy sqlite3 subprocess time.sleep"
    " urllib.request"
).split()
