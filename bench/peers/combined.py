"""One application for Pottle and for Quart: a session, hooks, a link and a template in each request.

It is the same code for both; only the package that the names come from is another.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bench import application


def build(framework: ModuleType, application_class: type[Any]) -> Any:
    app = application_class(__name__, template_folder=str(application.TEMPLATES))
    app.secret_key = application.SECRET

    @app.before_request
    async def remember_user():
        framework.g.user = framework.session.get("user")

    @app.before_request
    async def forbid_strangers():
        if framework.g.user is None and framework.request.endpoint != "login":
            framework.abort(403)

    @app.after_request
    async def name_server(response):
        response.headers["X-Server"] = "bench"
        return response

    @app.after_request
    async def forbid_frames(response):
        response.headers["X-Frame-Options"] = "DENY"
        return response

    @app.get("/login")
    async def login():
        framework.session["user"] = "ada"
        return "welcome"

    @app.get("/user/<int:id>")
    async def user(id: int):
        return {"id": id}

    @app.get("/combined")
    async def combined():
        shown = {"title": "Welcome back", "name": framework.g.user}
        page = await framework.render_template("greeting.html", **shown)
        return page, {"Link": framework.url_for("user", id=7)}

    return app
