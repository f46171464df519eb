"""The OpenAPI document, made from the views by spectree, an extension for Quart.

spectree imports `quart`. Pottle answers to that name, so that no Quart need be installed. What is
particular to this API, problems and preconditions, is added to the document here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from spectree import Response as Answers
from spectree import SpecTree

from pottle.compat import install_as_quart

from .models import Problem
from .problems import MEDIA_TYPE

install_as_quart()  # before SpecTree looks for its plugin

F = TypeVar("F", bound=Callable[..., Any])
Operation = dict[str, Any]


def _refuse(_: object, __: object, error: Exception | None, *more: object) -> None:
    """Raise what was wrong with a request, or with our answer, instead of answering by spectree."""
    if error is not None:
        raise error


def _broken(_: object, __: object, error: Exception | None, *more: object) -> None:
    if error is not None:  # or the handler for wrong requests would take it for one
        raise RuntimeError("The answer is not what the OpenAPI document promises.") from error


spec = SpecTree(
    "quart",
    title="A catalogue of books",
    version="1.0",
    mode="strict",
    before=_refuse,
    after=_broken,
    validation_error_model=Problem,
    naming_strategy=lambda model: str(getattr(model, "__name__")),
    nested_naming_strategy=lambda _, name: name,
)


def describe(
    answers: dict[int, type[BaseModel] | None],
    *problems: int,
    tag: str,
    query: type[BaseModel] | None = None,
    json: type[BaseModel] | None = None,
) -> Callable[[F], F]:
    """Check the request by *query* and *json*, and the answer by its status, and document both."""
    models: dict[str, Any] = {f"HTTP_{status}": model for status, model in answers.items()}
    models |= {f"HTTP_{status}": Problem for status in problems}
    validate = cast(Any, spec).validate  # which has no types of its own
    return cast(
        Callable[[F], F], validate(query=query, json=json, resp=Answers(**models), tags=[tag])
    )


def document() -> dict[str, Any]:
    """The OpenAPI document of the current application."""
    found: dict[str, Any] = spec.spec
    for operations in found["paths"].values():
        for operation in operations.values():
            _say_more(operation)
    return found


def _say_more(operation: Operation) -> None:
    """What spectree does not know of: it may be said twice, as the document is made once."""
    responses: dict[str, Any] = operation["responses"]
    for status, response in responses.items():
        content = response.get("content", {})
        if status >= "400" and "application/json" in content:
            content[MEDIA_TYPE] = content.pop("application/json")
    if "428" in responses and not any(each["in"] == "header" for each in operation["parameters"]):
        operation["parameters"].append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The ETag of the book that is to be changed.",
                "schema": {"type": "string", "examples": ['"1"']},
            }
        )
