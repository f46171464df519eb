"""What scripts/flask-compat runs, as data: own tests of extensions, small applications of ours that use
extensions, whole applications with their tests; and what is known to fail on Pottle, each with its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

#: Flask itself, which the other sides are compared with.
FLASK = "flask"
#: Pottle, in the ways of running synchronous code: the values of FLASK_SYNC_IN.
WAYS = ("auto", "thread", "greenlet")
#: Pottle, after `pottle migrate` has changed the application and its tests.
MIGRATED = "migrated"


@dataclass(frozen=True)
class Suite:
    """One row of a table.

    The tests are those at the path *tests* in the folder *folder* of the distribution's source, or, if
    there is a *scenario*, those in `scenarios/with_<scenario>.py`. If it is an *application* by that
    name, it is migrated, too. *version* is only needed for what is not in constraints.txt. The tests may
    want a Redis on the port *redis*; files in *left_out* are not run, those in *left_out_on* not on these
    sides.
    """

    distribution: str
    tests: str = "tests"
    scenario: str = ""
    application: str = ""
    folder: str = "."
    version: str = ""
    redis: int | None = None
    left_out: tuple[str, ...] = ()
    left_out_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.application or self.scenario or self.distribution.lower()

    @property
    def title(self) -> str:
        if self.application:
            return self.application
        whose = "our application" if self.scenario else "its own tests"
        return f"{self.distribution}: {whose}"

    @property
    def sides(self) -> tuple[str, ...]:
        """Where its tests run."""
        return (FLASK, *WAYS, MIGRATED) if self.application else (FLASK, *WAYS)


@dataclass(frozen=True)
class Known:
    """Tests of one suite that pass on Flask and fail on Pottle, and why that is so.

    *tests* is a pattern with ``*`` for the tests' names, *sides* are where they fail.
    """

    suite: str
    tests: str
    cause: str
    sides: tuple[str, ...] = WAYS

    def among(self, tests: Iterable[str]) -> set[str]:
        """Those of the *tests* that it speaks of."""
        return {test for test in tests if fnmatchcase(test, self.tests)}


#: The ones that take longest stand first.
EXTENSIONS = (
    Suite("Flask-Security"),
    Suite("Flask-SQLAlchemy"),
    Suite("Flask-Smorest"),
    Suite("Flask-Limiter", redis=46379),
    Suite("Flask-Caching", redis=6360),
    Suite("Flask-CORS"),
    Suite("Flask-JWT-Extended"),
    Suite("Flask-Login"),
    Suite("Flask-WTF"),
    Suite("Flask-HTTPAuth"),
    Suite("flask-marshmallow"),
    Suite("Flask-Compress"),
    Suite("Flask-Talisman", tests="flask_talisman/talisman_test.py"),
    Suite("Flask-Moment"),
    Suite("Flask-Migrate", scenario="migrate"),
    Suite("Flask-Session", scenario="session"),
    Suite("Flask-Babel", scenario="babel"),
    Suite("Flask-Mail", scenario="mail"),
    Suite("Flask-Admin", scenario="admin"),
    Suite("Flask-RESTX", scenario="restx"),
    Suite("Flask-DebugToolbar", scenario="debugtoolbar"),
    Suite("Flask-Assets", scenario="assets"),
    Suite("Bootstrap-Flask", scenario="bootstrap"),
    Suite("Werkzeug", scenario="proxy_fix"),
)
APPLICATIONS = (
    Suite(
        "bepasty",
        application="bepasty",
        version="1.2.2",
        tests="src/bepasty/tests",
        left_out=("src/bepasty/tests/test_website.py",),
        left_out_on={
            "thread": ("src/bepasty/tests/test_rest_server.py",),
            MIGRATED: ("src/bepasty/tests/test_rest_server.py",),
        },
    ),
    Suite("Flask", application="flaskr", folder="examples/tutorial"),
    Suite("Flask", application="js_example", folder="examples/javascript"),
)
SUITES = EXTENSIONS + APPLICATIONS

KNOWN: tuple[Known, ...] = (
    Known(
        "flask-security",
        "*cl-sqla-session*",
        "these make a database in memory by SQLAlchemy alone, which is another one for each thread.",
        ("thread",),
    ),
    Known(
        "bepasty",
        "*test_rest_server::*",
        "not run; a helper waits for the end of all other threads, and those of the pool stay.",
        ("thread",),
    ),
    Known(
        "bepasty",
        "*test_rest_server::*",
        "not run; properties that make a request context would have to wait, which `pottle migrate`"
        " leaves to you, and a helper waits for the end of all other threads.",
        (MIGRATED,),
    ),
    Known(
        "bepasty",
        "*test_app::test_prefix",
        "WSGI middleware of its own around the application, which `pottle migrate` leaves to you.",
        (MIGRATED,),
    ),
)
