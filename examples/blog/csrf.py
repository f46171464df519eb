"""Forms that other sites make a browser send are refused: they do not know the token of the session.

A dozen lines are easier to read than an extension here. Flask-WTF would do the same under the bridge
to Flask, and is the better choice where forms are many and its fields and validators are wanted.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from pottle import abort, request, session

if TYPE_CHECKING:
    from pottle import Pottle

FIELD = "csrf_token"


def csrf_token() -> str:
    """The token of this session, for a hidden field of each form."""
    if FIELD not in session:
        session[FIELD] = secrets.token_urlsafe(32)
    return str(session[FIELD])


async def check_csrf() -> None:
    """A hook before each request: whatever may change something has to bring the token."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    given = (await request.form).get(FIELD, "")
    if not hmac.compare_digest(given.encode(), str(session.get(FIELD, "")).encode()) or not given:
        abort(
            400, "This form is too old, or comes from somewhere else. Load the page and try again."
        )


def register_csrf(app: Pottle) -> None:
    """Protect all forms of *app*; in templates, ``csrf_token()`` gives the token."""
    app.before_request(check_csrf)
    app.add_template_global(csrf_token)
