"""What scripts/compat runs, as data: tests of extensions, and small applications of ours that use them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """One row of the table.

    *own* says that the tests are those in the extension's source distribution; otherwise they are in
    `scenarios/with_<name>.py`. In *options* for pytest, ``{redis}`` is a host, port and database.
    """

    name: str
    distribution: str
    own: bool = False
    options: tuple[str, ...] = ()
    #: Tests for what Pottle does otherwise on purpose (docs/differences.md).
    differs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return (
            f"{self.name}: its own tests" if self.own else f"{self.distribution}: our application"
        )


SUITES = (
    Suite("quart-auth", "quart-auth", own=True),
    Suite("quart-schema", "quart-schema", own=True),
    Suite("quart-db", "quart-db", own=True),
    Suite("quart-cors", "quart-cors", own=True),
    Suite("quart-rate-limiter", "quart-rate-limiter", own=True),
    Suite(
        "quart-rate-limiter (Redis)",
        "quart-rate-limiter",
        own=True,
        options=("--redis-host", "{redis}"),
    ),
    Suite("quart-tasks", "quart-tasks", own=True),
    Suite("quart-compress", "quart-compress", own=True, options=("-p", "nose_setup")),
    Suite(
        "quart-dishka",
        "quart-dishka",
        own=True,
        # Looks into the `g` of an application context around the request, as Quart 0.21 has it.
        differs=("test_before_request_adds_container_to_quart_g",),
    ),
    Suite("cors", "quart-cors"),
    Suite("rate_limiter", "quart-rate-limiter"),
    Suite("session", "quart-session"),
    Suite("wtf", "quart-wtforms"),
    Suite("babel", "quart-babel"),
    Suite("jwt_extended", "quart-jwt-extended"),
    Suite("compress", "quart-compress"),
    Suite("uploads", "quart-uploads"),
    Suite("tasks", "quart-tasks"),
    Suite("sentry", "sentry-sdk"),
    Suite("dishka", "quart-dishka"),
    Suite("injector", "quart-injector"),
)
