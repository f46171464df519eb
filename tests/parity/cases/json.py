"""JSON: the provider, what is written, how it can be changed."""

from __future__ import annotations

from ..case import Case, Differs, case, code, post

CASES: list[Case] = [
    case(
        "types",
        """
        from datetime import datetime, date, timezone, timedelta
        from decimal import Decimal
        from uuid import UUID
        from dataclasses import dataclass
        from enum import Enum, IntEnum
        @dataclass
        class Point:
            x: int
            y: list
        class Html:
            def __html__(self): return "<b>"
        class Color(str, Enum):
            RED = "red"
        class Number(IntEnum):
            ONE = 1
        VALUES = {
            "datetime": datetime(2020, 1, 2, 3, 4, 5), "aware": datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "date": date(2020, 1, 2), "decimal": Decimal("1.50"), "uuid": UUID(int=7), "dataclass": Point(1, [2]),
            "html": Html(), "str-enum": Color.RED, "int-enum": Number.ONE, "nan": float("nan"), "inf": float("inf"), "big": 10**20, "tuple": (1, 2), "keys": {1: "a", None: "b", True: "c"} and {"1": "a"}, "unicode": "é\\u2028</script>",
            "nested": {"b": {"d": 1, "c": 2}, "a": [{"z": 1, "y": 2}]}, "float": 1.0, "empty": {}, "int-keys": {2: "a", 1: "b"},
        }
        @app.route("/<name>")
        async def view(name): return jsonify(VALUES[name])
        @app.route("/dict/<name>")
        async def in_dict(name): return {"value": VALUES[name]}
    """,
        *(
            f"GET /{name}"
            for name in "datetime aware date decimal uuid dataclass html str-enum int-enum nan inf big tuple keys unicode nested float empty int-keys".split()
        ),
        "GET /dict/datetime",
        "GET /dict/tuple",
    ),
    case(
        "types-refused",
        """
        @app.route("/<name>")
        async def view(name):
            return jsonify({"object": object(), "set": {1}, "bytes": b"x", "complex": 1j, "mixed-keys": {1: 1, "a": 2}}[name])
    """,
        *(f"GET /{name}" for name in "object set bytes complex mixed-keys".split()),
    ),
    case(
        "provider-options",
        """
        app.json.ensure_ascii = False
        app.json.sort_keys = False
        app.json.compact = False
        app.json.mimetype = "application/x-json"
        @app.route("/")
        async def view(): return {"b": "é", "a": 1}
        @app.route("/jsonify")
        async def view2(): return jsonify(b="é", a=1)
    """,
        "GET /",
        "GET /jsonify",
    ),
    case(
        "debug-is-indented",
        """
        app.debug = True
        @app.route("/")
        async def view(): return {"b": [1, 2], "a": 1}
    """,
        "GET /",
    ),
    case(
        "compact",
        """
        app.debug = True
        app.json.compact = True
        @app.route("/")
        async def view(): return {"b": [1, 2], "a": 1}
    """,
        "GET /",
    ),
    case(
        "own-provider",
        """
        from quart.json.provider import DefaultJSONProvider, JSONProvider
        class Mine(DefaultJSONProvider):
            @staticmethod
            def default(value):
                return "mine " + type(value).__name__
        class MyApp(Quart):
            json_provider_class = Mine
        app = MyApp(__name__)
        @app.route("/")
        async def view(): return {"x": object(), "y": {1}}
        class Raw(JSONProvider):
            def dumps(self, obj, **kwargs):
                note("dumps", sorted(kwargs))
                return "raw"
            def loads(self, s, **kwargs):
                note("loads", s)
                return ["loaded"]
        @app.post("/load")
        async def load(): return str(await request.get_json())
    """,
        "GET /",
        code("app.json = Raw(app)"),
        "GET /",
        post("/load", "{}", "application/json"),
        differs=Differs(
            "A JSON provider is given the bytes of a body, as in Flask",
            {"3.notes.0.1": "bytes: {}"},
        ),
    ),
    case(
        "functions",
        """
        from quart import json
        import io
    """,
        code("return [json.dumps({'b': 1, 'a': 'é'}), json.loads('[1]'), json.loads(b'{}')]"),
        code("""
        async with app.app_context():
            out = io.StringIO()
            json.dump({"b": 1, "a": (1,)}, out)
            return [json.dumps({"b": 1, "a": "é"}), out.getvalue(), json.load(io.StringIO("[2]")), json.dumps([1, 2], indent=1), json.loads("1.5", parse_float=str)]
    """),
        code("""
        from datetime import date
        return [json.dumps(date(2020, 1, 1)), app.json.dumps({"b": 1, "a": 2}), app.json.loads("[1]")]
    """),
        code("""
        out = io.StringIO()
        json.dump([1], out)
        return out.getvalue()
    """),
    ),
    case("jsonify-outside", "", code("jsonify(a=1)")),
    case(
        "provider-response",
        "",
        code("""
        async with app.app_context():
            found = []
            for args, kwargs in (((), {}), ((1,), {}), ((1, 2), {}), ((), {"a": 1})):
                response = app.json.response(*args, **kwargs)
                found.append([response.mimetype, await response.get_data(as_text=True)])
            try:
                app.json.response(1, a=2)
            except TypeError:
                found.append("TypeError")
            return found
    """),
    ),
    case(
        "tagged-serializer",
        """
        from quart.json.tag import TaggedJSONSerializer, JSONTag
        from datetime import datetime, timezone
        from uuid import UUID
        serializer = TaggedJSONSerializer()
    """,
        code("""
        values = [(1, 2), b"x", {"a": (1,)}, UUID(int=1), datetime(2020, 1, 1, tzinfo=timezone.utc), {" t": 1}, {" t": (1,)}, [[(1,)]], "x", None, {"b": 1, "a": 2}]
        return [[serializer.dumps(v), serializer.loads(serializer.dumps(v)) == v] for v in values]
    """),
        code("""
        class TagSet(JSONTag):
            __slots__ = ()
            key = " s"
            def check(self, value): return isinstance(value, set)
            def to_json(self, value): return sorted(value)
            def to_python(self, value): return set(value)
        serializer.register(TagSet)
        return [serializer.dumps({"x": {2, 1}}), serializer.loads(serializer.dumps({"x": {2, 1}}))]
    """),
    ),
    case(
        "request-and-response",
        """
        @app.post("/")
        async def view():
            data = await request.get_json()
            return {"got": data, "type": type(data).__name__}
    """,
        *(
            post("/", body, "application/json")
            for body in ('{"a": 1}', "[]", "null", '"x"', "1.50", "true")
        ),
        code("""
        response = await client.post("/", json={"a": [1]})
        return [await response.get_json(), await response.json, response.is_json]
    """),
    ),
]
