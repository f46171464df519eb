"""What the tests with the alias share. An extension imports nothing from Pottle, and neither do they."""

from __future__ import annotations

HTTP_SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "client": ("1.2.3.4", 5),
    "server": None,
    "extensions": {},
}


async def body_of(app, path="/", **options):
    return await (await app.test_client().get(path, **options)).get_data(as_text=True)
