"""What differs from Quart 0.21 alone, which is compared where no Python 3.13 is found.

Only the places are said: what Pottle has there is held by the comparison with the newer Quart.
"""

from __future__ import annotations

from .case import Differs

NEWER = "Where Quart 0.21 and 0.23 differ from one another, Pottle goes with 0.23"
ORDER = "| `after_serving` functions |"


def at(why: str, *places: str) -> Differs:
    return Differs(why, dict.fromkeys(places, ...), on="0.21")


OLDER: dict[str, Differs] = {
    "blueprints-before-app-hooks": at("ledger 19", "2.messages", "2.notes", "2.logged"),
    "blueprints-before-app-serving": at(ORDER, "0.notes.3", "0.notes.4"),
    "contexts-context-attributes": at(
        NEWER,
        "0.status",
        "0.headers.content-length.0",
        "0.headers.content-type.0",
        "0.body",
        "0.logged",
    ),
    "contexts-pop-in-wrong-order": at(NEWER, "0.raised", "0.value"),
    "contexts-pushed-twice": at(NEWER, "0.raised", "0.value"),
    "errors-cancelled-error": at(
        "A `CancelledError` that a view raises by itself is an error like others",
        "0.status",
        "0.headers",
        "0.body",
        "0.logged",
    ),
    "errors-handler-500-fails": at("ledger 1", "0.headers.content-length.0", "0.body", "0.logged"),
    "errors-teardown-fails": at("ledger 1", "0.headers.content-length.0", "0.body", "0.logged"),
    "helpers-body": at(NEWER, "0.value"),
    "hooks-hook-tables": at("ledger 8", "0.value.teardown_websocket_funcs.bp"),
    "hooks-order-on-the-app": at(
        "ledger 19", "6.messages", "6.notes", "6.logged", "7.notes", "7.logged"
    ),
    "hooks-order-with-blueprints": at(
        "ledger 19",
        *(f"{step}.{what}" for step in (5, 6, 7) for what in ("messages", "notes", "logged")),
    ),
    "lifecycle-background-tasks": at(NEWER, "0.notes.0.4"),
    "lifecycle-order": at(ORDER, "0.notes.4.0", "0.notes.5.0"),
    "lifecycle-several": at(ORDER, "0.notes.5.1", "0.notes.6.1"),
    "sessions-attributes": at(NEWER, "0.headers.content-length.0", "0.body"),
    "sessions-vary": at("ledger 6", "1.headers.vary"),
    "static-accept-ranges": at("ledger 22", "0.headers.accept-ranges"),
    "streaming-timeout-of-the-whole": at("ledger 23", "0.body", "0.unfinished"),
    "websockets-return-without-accept": at("ledger 20", "0.messages"),
}
