"""Errors as problems (RFC 9457): whatever goes wrong is answered with `application/problem+json`."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from pottle import Response, request

from .database import UnavailableError
from .models import FieldError, Problem

if TYPE_CHECKING:
    from pottle import Pottle

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2  # seconds

log = logging.getLogger(__name__)


class ProblemError(Exception):
    """Raise it to answer with a problem."""

    def __init__(self, status: int, detail: str, *errors: FieldError) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, list(errors)

    def as_response(self) -> Response:
        """The answer."""
        problem = Problem(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
        )
        text = problem.model_dump_json(exclude_none=True, exclude_defaults=True)
        return Response(text, self.status, mimetype=MEDIA_TYPE)


def wrong_field(name: str, detail: str) -> ProblemError:
    """The problem that one field of the body or one parameter of the query makes."""
    return ProblemError(422, "The request cannot be used as it is.", _field_error([name], detail))


def register_problems(app: Pottle) -> None:
    """Have *app* answer every error with a problem."""
    app.register_error_handler(ProblemError, ProblemError.as_response)
    app.register_error_handler(ValidationError, invalid)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(TimeoutError, unavailable)
    app.register_error_handler(UnavailableError, unavailable)


async def invalid(error: ValidationError) -> Response:
    """What the models do not accept."""
    found = [_field_error(list(each["loc"]), each["msg"]) for each in error.errors()]
    return ProblemError(422, "The request cannot be used as it is.", *found).as_response()


async def http_error(error: HTTPException) -> Response:
    """What `abort` raises, routing and Pottle itself; 500 is among it, for whatever else there is."""
    code = error.code or 500
    response = ProblemError(code, error.description or "").as_response()
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value  # such as Allow, of 405
    return response


async def unavailable(error: Exception) -> Response:
    """The database is gone, or too slow. The log says which; a client can only try again."""
    log.error("%s %s: %s: %s", request.method, request.path, type(error).__name__, error)
    response = ProblemError(503, "The database does not answer. Try again later.").as_response()
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _field_error(location: list[str | int], detail: str) -> FieldError:
    if request.method in {"GET", "HEAD"}:
        return FieldError(detail=detail, parameter=str(location[0]))
    # In a JSON pointer a slash within a name is ~1, and a tilde ~0.
    names = (str(name).replace("~", "~0").replace("/", "~1") for name in location)
    return FieldError(detail=detail, pointer="#" + "".join(f"/{name}" for name in names))
