"""Who a visitor is: registration, login and logout with a session cookie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from blinker import Namespace
from quart import (
    Blueprint,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from quart.views import MethodView

blueprint = Blueprint("account", __name__, url_prefix="/account")
user_logged_in = Namespace().signal("user-logged-in")


def login_required(view: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(view)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if g.user is None:
            await flash("Please log in first.", "warning")
            return redirect(url_for("account.login", next=request.path))
        return await current_app.ensure_async(view)(*args, **kwargs)

    return wrapper


class Login(MethodView):
    async def get(self) -> str:
        return await render_template("login.html")

    async def post(self) -> Any:
        form = await request.form
        name = form["name"]
        store = current_app.store
        if name not in store.passwords or store.passwords[name] != form["password"]:
            await flash("Wrong name or password.", "error")
            return await render_template("login.html"), 401
        session.clear()
        session["user"] = name
        session.permanent = "remember" in form
        await user_logged_in.send_async(current_app._get_current_object(), name=name)
        await flash(f"Welcome, {name}!")
        return redirect(request.args.get("next") or url_for("catalogue.index"))


blueprint.add_url_rule("/login", view_func=Login.as_view("login"))


@blueprint.post("/register")
async def register() -> Any:
    form = await request.form
    store = current_app.store
    if form["name"] in store.passwords:
        return "That name is taken.", 409
    store.passwords[form["name"]] = form["password"]
    store.users[form["name"]] = form["name"]
    return redirect(url_for(".login"), code=303)


@blueprint.post("/logout")
async def logout() -> Any:
    session.clear()
    return redirect(url_for("catalogue.index"))


@blueprint.get("/")
@login_required
async def show() -> Any:
    return await render_template("account.html", name=g.user)
