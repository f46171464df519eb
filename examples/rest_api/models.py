"""What comes in and what goes out, said once: pydantic checks it, and the OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: PostgreSQL's `integer`; a larger number would be an error of the database, and so our fault.
LARGEST = 2**31 - 1

Number = Annotated[int, Field(ge=1, le=LARGEST)]
Year = Annotated[int, Field(ge=1, le=2100)]
#: One line. No control characters: PostgreSQL has no text with a NUL in it.
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]
Shelfmark = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}-[0-9]{1,5}$", max_length=10)]
Sort = Literal["title", "-title", "year", "-year"]


class Model(BaseModel):
    """A misspelled name is an error, not something to be dropped without a word."""

    model_config = ConfigDict(extra="forbid")


class AuthorIn(Model):
    name: Text


class Author(AuthorIn):
    id: Number


class Authors(Model):
    items: list[Author]


class BookIn(Model):
    title: Text
    author_id: Number
    year: Year
    shelfmark: Shelfmark


class BookPatch(Model):
    """The fields that are to change. What is not there stays as it is."""

    title: Text | None = None
    author_id: Number | None = None
    year: Year | None = None
    shelfmark: Shelfmark | None = None


class Book(BookIn):
    id: Number
    version: Number


class Books(Model):
    items: list[Book]


class BookQuery(Model):
    """What can be asked for: which books, in which order, how many, and after which one."""

    author_id: Number | None = None
    q: Text | None = Field(default=None, description="Words that the title contains.")
    year_from: Year | None = None
    year_to: Year | None = None
    sort: Sort = "title"
    limit: int = Field(default=20, ge=1, le=100)
    after: str | None = Field(
        default=None, max_length=1000, description="From the link to the next page."
    )


class FieldError(Model):
    detail: str
    pointer: str | None = Field(
        default=None, description="A JSON pointer into the body: `#/title`."
    )
    parameter: str | None = Field(default=None, description="A parameter of the query.")


class Problem(Model):
    """A problem as RFC 9457 has it."""

    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
