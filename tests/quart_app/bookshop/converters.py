"""What stands for a book in a URL."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class ISBNConverter(BaseConverter):
    """Thirteen digits, with or without dashes."""

    regex = r"\d[\d-]{11,16}\d"

    def to_python(self, value: str) -> str:
        return value.replace("-", "")

    def to_url(self, value: str) -> str:
        return f"{value[:3]}-{value[3:]}"
