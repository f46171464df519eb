"""Who somebody is: registering, logging in and out, and views that only users may see."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, ParamSpec
from urllib.parse import urlsplit

from werkzeug.security import check_password_hash, generate_password_hash

from pottle import (
    Blueprint,
    ResponseReturnValue,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    run_sync,
    session,
    url_for,
)

from .store import NO_PASSWORD, NameTakenError, store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")

auth = Blueprint("auth", __name__, url_prefix="/auth")

NAME = re.compile(r"[A-Za-z0-9_-]{2,30}")
SHORTEST, LONGEST = 10, 200  # of passwords

# Both take some hundredths of a second, on purpose, in which nobody else would be served.
hash_password = run_sync(generate_password_hash)
check_password = run_sync(check_password_hash)


@auth.before_app_request
async def load_user() -> None:
    """`g.user` is who is logged in, or None."""
    id = session.get("user_id")
    g.user = await store().user(id) if id is not None else None


def login_required(
    view: Callable[P, ResponseReturnValue | Awaitable[ResponseReturnValue]],
) -> Callable[P, Awaitable[ResponseReturnValue]]:
    """Have strangers log in before they get to *view*, which may be a coroutine function or a plain one."""

    @functools.wraps(view)
    async def for_users(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if g.user is None:
            flash("Log in first.", "info")
            # A form that was sent is lost, so that they come back to the page and not to its answer.
            path = request.full_path if request.method == "GET" else url_for("posts.index")
            return redirect(url_for("auth.login", next=path))
        answer: ResponseReturnValue = await current_app.ensure_async(view)(*args, **kwargs)
        return answer

    return for_users


@auth.get("/register")
async def register() -> str:
    """The form for a new user."""
    return await render_template("auth/register.html", name="")


@auth.post("/register")
async def add_user() -> ResponseReturnValue:
    """A new user, who is logged in at once."""
    form = await request.form
    name, password = form["name"].strip(), form["password"]
    if wrong := _what_is_wrong(name, password):
        return await _again("auth/register.html", name, wrong)
    try:
        id = await store().add_user(name, await hash_password(password))
    except NameTakenError:
        return await _again("auth/register.html", name, "This name is taken.")
    _log_in(id)
    flash(f"Welcome, {name}.")
    return redirect(url_for("posts.index"))


@auth.get("/login")
async def login() -> str:
    """The form to log in."""
    return await render_template("auth/login.html", name="")


@auth.post("/login")
async def check_login() -> ResponseReturnValue:
    """Log in."""
    form = await request.form
    name, password = form["name"].strip(), form["password"][:LONGEST]
    user = await store().user_called(name)
    known = NO_PASSWORD if user is None else user.password_hash
    # For a name that nobody has it takes as long, so that the time does not tell which there are.
    right = await check_password(known if known != NO_PASSWORD else await _decoy(), password)
    if user is None or known == NO_PASSWORD or not right:
        return await _again("auth/login.html", name, "Name or password is wrong.")
    _log_in(user.id)
    flash(f"Welcome back, {user.name}.")
    return redirect(_here(request.args.get("next", "")) or url_for("posts.index"))


@auth.post("/logout")
async def logout() -> ResponseReturnValue:
    """Log out."""
    session.clear()
    flash("You are logged out.")
    return redirect(url_for("posts.index"))


def _what_is_wrong(name: str, password: str) -> str | None:
    if not NAME.fullmatch(name):
        return "A name has 2 to 30 letters, digits, dashes and underscores."
    if not SHORTEST <= len(password) <= LONGEST:
        return f"A password has {SHORTEST} to {LONGEST} characters."
    return None


async def _again(template: str, name: str, wrong: str) -> tuple[str, int]:
    flash(wrong, "error")
    return await render_template(template, name=name), 422


def _log_in(id: int) -> None:
    session.clear()  # with a new token for forms: an old one may be known to somebody
    session["user_id"] = id
    session.permanent = True


def _here(url: str) -> str | None:
    """*url* if it is a path of this site, so that nobody is sent elsewhere by a link to the login."""
    parts = urlsplit(url.replace("\\", "/"))
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    return url if ours and not url.startswith(("//", "/\\")) else None


async def _decoy() -> str:
    hashes: dict[str, str] = current_app.extensions.setdefault("decoy", {})
    if "hash" not in hashes:
        hashes["hash"] = await hash_password("nobody has this one")
    return hashes["hash"]
