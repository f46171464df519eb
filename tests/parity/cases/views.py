"""Class-based views."""

from __future__ import annotations

from ..case import Case, Differs, case, code

CASES: list[Case] = [
    case(
        "method-view",
        """
        from quart.views import MethodView
        class Items(MethodView):
            async def get(self, id=None): return f"get {id}"
            async def post(self): return "post", 201
            def put(self, id): return f"put {id}"
            async def delete(self, id): return "", 202
            async def other(self): return "no method"
        view = Items.as_view("items")
        app.add_url_rule("/items", view_func=view, methods=["GET", "POST"])
        app.add_url_rule("/items/<int:id>", view_func=view, methods=["GET", "PUT", "DELETE"])
        app.add_url_rule("/all", "all", Items.as_view("all"))
    """,
        "GET /items",
        "POST /items",
        "PUT /items",
        "GET /items/1",
        "PUT /items/1",
        "DELETE /items/1",
        "POST /items/1",
        "HEAD /items/1",
        "OPTIONS /items",
        "OPTIONS /all",
        "PATCH /all",
        code(
            "return [sorted(view.methods), view.view_class.__name__, view.__name__, sorted(Items.methods)]"
        ),
    ),
    case(
        "view",
        """
        from quart.views import View
        class Hello(View):
            methods = ["GET", "POST"]
            def __init__(self, greeting="hello", *, mark="."):
                self.greeting, self.mark = greeting, mark
            async def dispatch_request(self, name):
                return f"{self.greeting} {name}{self.mark}"
        class Sync(View):
            def dispatch_request(self): return "sync " + request.path
        app.add_url_rule("/hello/<name>", view_func=Hello.as_view("hello"))
        app.add_url_rule("/bye/<name>", view_func=Hello.as_view("bye", "bye", mark="!"))
        app.add_url_rule("/sync", view_func=Sync.as_view("sync"))
        class Nothing(View): pass
        app.add_url_rule("/nothing", view_func=Nothing.as_view("nothing"))
    """,
        "GET /hello/a",
        "POST /hello/a",
        "PUT /hello/a",
        "GET /bye/a",
        "GET /sync",
        "GET /nothing",
    ),
    case(
        "decorators",
        """
        from quart.views import View, MethodView
        import functools
        def mark(text):
            def decorator(f):
                @functools.wraps(f)
                async def inner(*args, **kwargs):
                    note(text)
                    return await f(*args, **kwargs)
                return inner
            return decorator
        class Hello(View):
            decorators = [mark("one"), mark("two")]
            async def dispatch_request(self): return "hello"
        class Items(MethodView):
            decorators = [mark("method")]
            async def get(self): return "get"
        app.add_url_rule("/", view_func=Hello.as_view("hello"))
        app.add_url_rule("/m", view_func=Items.as_view("items"))
    """,
        "GET /",
        "GET /m",
        code(
            "return [Hello.as_view('x').__name__, Hello.as_view('x').__module__ == Hello.__module__, Hello.as_view('x').__doc__]"
        ),
    ),
    case(
        "init-every-request",
        """
        from quart.views import View
        class Counter(View):
            def __init__(self): self.n = 0
            async def dispatch_request(self):
                self.n += 1
                return str(self.n)
        class Kept(Counter):
            init_every_request = False
        app.add_url_rule("/new", view_func=Counter.as_view("new"))
        app.add_url_rule("/kept", view_func=Kept.as_view("kept"))
    """,
        "GET /new",
        "GET /new",
        "GET /kept",
        "GET /kept",
    ),
    case(
        "inheritance",
        """
        from quart.views import MethodView
        class Base(MethodView):
            async def get(self): return "base get"
        class Derived(Base):
            async def post(self): return "derived post"
        class Head(Base):
            async def head(self): return "", 299
        app.add_url_rule("/", view_func=Derived.as_view("derived"))
        app.add_url_rule("/head", view_func=Head.as_view("head"))
    """,
        "GET /",
        "POST /",
        "HEAD /",
        "HEAD /head",
        code("return [sorted(Base.methods), sorted(Derived.methods), sorted(Head.methods)]"),
    ),
    case(
        "automatic-options",
        """
        from quart.views import MethodView, View
        class Off(MethodView):
            provide_automatic_options = False
            async def get(self): return "get"
        class Own(MethodView):
            async def get(self): return "get"
            async def options(self): return "own options"
        app.add_url_rule("/off", view_func=Off.as_view("off"))
        app.add_url_rule("/own", view_func=Own.as_view("own"))
    """,
        "OPTIONS /off",
        "OPTIONS /own",
        "GET /off",
    ),
    case(
        "in-blueprints",
        """
        from quart.views import MethodView
        class Items(MethodView):
            async def get(self): return request.endpoint + url_for(".items")
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        bp.add_url_rule("/items", view_func=Items.as_view("items"))
        app.register_blueprint(bp)
    """,
        "GET /bp/items",
    ),
    case(
        "method-without-handler",
        """
        from quart.views import MethodView
        class Items(MethodView):
            methods = ["GET", "POST"]
            async def get(self): return "get"
        app.add_url_rule("/", view_func=Items.as_view("items"))
    """,
        "POST /",
        "GET /",
        differs=Differs(
            "The log says in other words",
            {"0.logged.0": "ERROR Exception on request POST / (NotImplementedError)"},
        ),
    ),
]
