"""Static files, `send_file`, `send_from_directory`, conditional requests."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, http

FILES = {
    "static/a.css": "body {}",
    "static/sub/b.js": "let x;",
    "static/c.txt": "0123456789",
    "static/noext": "x",
    "secret.txt": "secret",
    "static/a b.txt": "space",
}

CASES: list[Case] = [
    case(
        "static",
        "",
        "GET /static/a.css",
        "GET /static/sub/b.js",
        "HEAD /static/c.txt",
        "GET /static/none.css",
        "GET /static/",
        "GET /static/sub",
        "GET /static/../secret.txt",
        "GET /static/%2e%2e/secret.txt",
        "GET /static/a%20b.txt",
        "GET /static/noext",
        "POST /static/a.css",
        "OPTIONS /static/a.css",
        "GET /static//a.css",
        "GET /static/sub/../a.css",
        files=FILES,
    ),
    case(
        "static-options",
        """
        app = Quart(__name__, static_folder="assets", static_url_path="/files")
    """,
        "GET /files/a.css",
        "GET /static/a.css",
        "GET /assets/a.css",
        code(
            "return [app.static_url_path, app.static_folder.endswith('assets'), app.has_static_folder]"
        ),
        files={"assets/a.css": "x"},
    ),
    case(
        "static-none",
        """
        app = Quart(__name__, static_folder=None)
    """,
        "GET /static/a.css",
        code(
            "return [app.static_url_path, app.static_folder, app.has_static_folder, list(app.view_functions)]"
        ),
        code("""
        try:
            await app.send_static_file("x")
        except RuntimeError:
            return "RuntimeError"
    """),
        files=FILES,
    ),
    case(
        "static-root",
        """
        app = Quart(__name__, static_url_path="")
        @app.route("/")
        async def index():
            return "index"
    """,
        "GET /a.css",
        "GET /",
        "GET /none",
        files=FILES,
    ),
    case(
        "conditional",
        "",
        http("GET", "/static/c.txt", {"if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT"}),
        http("GET", "/static/c.txt", {"if-modified-since": "Tue, 31 Dec 2019 00:00:00 GMT"}),
        http("GET", "/static/c.txt", {"if-none-match": '"x"'}),
        code("""
        tag = (await client.get("/static/c.txt")).headers["etag"]
        note(tag)
        return await show(await client.get("/static/c.txt", headers={"if-none-match": tag}))
    """),
        files=FILES,
        differs=Differs(
            "| 304 | with `Content-Type` |",
            {
                "0.headers.content-type": ABSENT,
                "3.value.headers.content-type": ABSENT,
                "3.value.headers.content-length": ABSENT,
            },
        ),
    ),
    case(
        "range",
        "",
        http("GET", "/static/c.txt", {"range": "bytes=2-4"}),
        http("GET", "/static/c.txt", {"range": "bytes=5-"}),
        http("GET", "/static/c.txt", {"range": "bytes=0-100"}),
        files=FILES,
    ),
    case(
        "accept-ranges",
        "",
        "GET /static/c.txt",
        files=FILES,
        ambient=True,
        differs=Differs(
            "ledger 22", {"0.headers.accept-ranges": ["bytes"], "0.headers.vary": ABSENT}
        ),
    ),
    case(
        "range-odd",
        "",
        *(
            code(f"""
        r = await client.get("/static/c.txt", headers={{"range": "{units}"}})
        return [r.status_code, r.headers.get("content-range"), r.headers.get("content-type").split(";")[0]]
    """)
            for units in ("bytes=-3", "bytes=20-30", "bytes=0-1,3-4", "lines=1-2", "rubbish")
        ),
        files=FILES,
        differs=Differs(
            "ledger 22",
            {
                "0.value.0": 206,
                "0.value.1": "bytes 7-9/10",
                "0.value.2": "text/plain",
                "0.logged": ABSENT,
                "1.value.1": "bytes */10",
                "2.value.0": 206,
                "2.value.2": "multipart/byteranges",
                "3.value.0": 200,
                "3.value.2": "text/plain",
                "4.value.0": 200,
                "4.value.1": None,
                "4.value.2": "text/plain",
            },
        ),
    ),
    case(
        "max-age",
        """
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    """,
        "GET /static/a.css",
        files=FILES,
    ),
    case(
        "max-age-timedelta-and-none",
        "",
        code(
            "from datetime import timedelta; app.config['SEND_FILE_MAX_AGE_DEFAULT'] = timedelta(minutes=2); return [app.get_send_file_max_age('x'), app.send_file_max_age_default if hasattr(app, 'send_file_max_age_default') else None]"
        ),
        code(
            "app.config['SEND_FILE_MAX_AGE_DEFAULT'] = None; return app.get_send_file_max_age('x')"
        ),
        code("app.config['SEND_FILE_MAX_AGE_DEFAULT'] = 5; return app.get_send_file_max_age('x')"),
    ),
    case(
        "max-age-by-name",
        """
        class Mine(Quart):
            def get_send_file_max_age(self, filename):
                return 5 if filename.endswith("css") else super().get_send_file_max_age(filename)
        app = Mine(__name__)
    """,
        "GET /static/a.css",
        "GET /static/c.txt",
        files=FILES,
    ),
    case(
        "send-file",
        """
        from pathlib import Path
        from io import BytesIO
        @app.route("/path")
        async def path(): return await send_file(here / "static" / "a.css")
        @app.route("/relative")
        async def relative(): return await send_file("static/a.css")
        @app.route("/str")
        async def str_(): return await send_file(str(here / "static/noext"))
        @app.route("/mimetype")
        async def mimetype(): return await send_file(here / "static/noext", mimetype="text/x-own")
        @app.route("/attachment")
        async def attachment(): return await send_file(here / "static/a.css", as_attachment=True)
        @app.route("/named")
        async def named(): return await send_file(here / "static/a.css", as_attachment=True, attachment_filename="other.txt")
        @app.route("/quotes")
        async def quotes(): return await send_file(here / "static/a.css", as_attachment=True, attachment_filename='a "b".txt')
        @app.route("/notags")
        async def notags(): return await send_file(here / "static/a.css", add_etags=False)
        @app.route("/timeout")
        async def timeout(): return await send_file(here / "static/a.css", cache_timeout=7)
        @app.route("/modified")
        async def modified():
            from datetime import datetime
            return await send_file(here / "static/a.css", last_modified=datetime(2019, 1, 2))
        @app.route("/none")
        async def none(): return await send_file(here / "nothing")
        @app.route("/conditional")
        async def conditional(): return await send_file(here / "static/c.txt", conditional=True)
        @app.route("/unconditional")
        async def unconditional(): return await send_file(here / "static/c.txt", conditional=False)
    """,
        *(
            f"GET /{name}"
            for name in "path relative str mimetype attachment named quotes notags timeout modified none conditional unconditional".split()
        ),
        "HEAD /path",
        http("GET", "/unconditional", {"range": "bytes=1-2"}),
        http("GET", "/conditional", {"range": "bytes=1-2"}),
        http("GET", "/path", {"if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT"}),
        files=FILES,
    ),
    case(
        "send-file-names",
        """
        @app.route("/unicode")
        async def unicode(): return await send_file(here / "static/a.css", as_attachment=True, attachment_filename="ü €.txt")
    """,
        "GET /unicode",
        files=FILES,
        differs=Differs(
            "| A file name that is not ASCII | sent as it is |",
            {
                "0.headers.content-disposition.0": "attachment; filename=\"u .txt\"; filename*=UTF-8''%C3%BC%20%E2%82%AC.txt"
            },
        ),
    ),
    case(
        "send-file-without-age",
        """
        from io import BytesIO
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = None
        @app.route("/io")
        async def io_(): return await send_file(BytesIO(b"in memory"), mimetype="text/plain")
        @app.route("/zero")
        async def zero(): return await send_file(here / "static/a.css", cache_timeout=0)
    """,
        "GET /io",
        "GET /zero",
        "GET /static/a.css",
        files=FILES,
        differs=Differs(
            "| `Cache-Control` of files without an age | `public` | `no-cache`",
            {
                "0.headers.cache-control.0": "no-cache",
                "1.headers.cache-control.0": "no-cache, max-age=0",
                "2.headers.cache-control.0": "no-cache",
            },
        ),
    ),
    case(
        "send-from-directory",
        """
        @app.route("/d/<path:name>")
        async def view(name): return await send_from_directory(here / "static", name)
        @app.route("/a/<path:name>")
        async def attached(name): return await send_from_directory("static", name, as_attachment=True, mimetype="text/x", attachment_filename="n.x", cache_timeout=3)
    """,
        "GET /d/a.css",
        "GET /d/sub/b.js",
        "GET /d/../secret.txt",
        "GET /d/none",
        "GET /d/sub",
        "GET /a/a.css",
        "GET /d/%2e%2e/secret.txt",
        files=FILES,
    ),
    case(
        "blueprint-static",
        """
        bp = Blueprint("bp", __name__, static_folder="bpstatic", url_prefix="/bp")
        two = Blueprint("two", __name__, static_folder="bpstatic", static_url_path="/two-files")
        app.register_blueprint(bp)
        app.register_blueprint(two)
        @app.route("/")
        async def index(): return url_for("bp.static", filename="a.css") + url_for("two.static", filename="a.css") + url_for("static", filename="a.css")
    """,
        "GET /",
        "GET /bp/bpstatic/a.css",
        "GET /two-files/a.css",
        "GET /bp/bpstatic/none",
        code("return [bp.has_static_folder, bp.static_url_path, bp.get_send_file_max_age('x')]"),
        files={"bpstatic/a.css": "bp"},
    ),
    case(
        "send-static-file",
        """
        @app.route("/favicon.ico")
        async def favicon(): return await app.send_static_file("a.css")
        @app.route("/current")
        async def current(): return await current_app.send_static_file("none")
    """,
        "GET /favicon.ico",
        "GET /current",
        files=FILES,
    ),
    case(
        "mime-types",
        "",
        *(
            f"GET /static/f.{e}"
            for e in "html js json png svg txt xml woff2 wasm pdf mjs css map webp".split()
        ),
        files={
            f"static/f.{e}": "x"
            for e in "html js json png svg txt xml woff2 wasm pdf mjs css map webp".split()
        },
    ),
    case(
        "open-resource",
        "",
        code("""
        async with await app.open_resource("static/a.css") as file:
            return await file.read()
    """),
        code("""
        async with await app.open_resource("static/a.css", "r") as file:
            return await file.read()
    """),
        code("await app.open_resource('x', 'w')"),
        code("""
        async with await app.open_resource("none") as file:
            pass
    """),
        code("""
        bp = Blueprint("bp", __name__)
        async with await bp.open_resource("static/a.css") as file:
            return [line async for line in file]
    """),
        files=FILES,
    ),
    case(
        "instance-resource",
        """
        app = Quart(__name__, instance_path=str(here / "inst"))
    """,
        code("""
        async with await app.open_instance_resource("a.txt") as file:
            return [await file.read(), app.instance_path == str(here / "inst")]
    """),
        files={"inst/a.txt": "instance"},
    ),
    case(
        "paths",
        "",
        code(
            "return [app.root_path == str(here), app.instance_path == str(here / 'instance'), app.import_name == app.name, app.name.startswith('parity')]"
        ),
        code("return [Quart('x', root_path='/tmp').root_path]"),
        code("Quart('x', instance_path='relative')"),
        code("return Blueprint('b', __name__).root_path == str(here)"),
    ),
    case(
        "file-path-to-path",
        """
        from quart.utils import file_path_to_path
    """,
        code("from pathlib import Path; return [str(file_path_to_path('a', Path('b'), 'c'))]"),
    ),
    case(
        "last-modified-and-etag",
        "",
        code("""
        r = await client.get("/static/c.txt")
        return [r.headers["etag"], r.headers["last-modified"], r.last_modified.isoformat(), r.get_etag()]
    """),
        files=FILES,
    ),
]
