"""One server in one process: from an application and settings to the exit of the event loop."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pottle.servers import reloader, sockets
from pottle.servers.descriptors import accept_failures_told
from pottle.servers.logs import say
from pottle.servers.settings import ConnectionLimits, ServerError, Settings
from pottle.servers.shutdown import Ending, Serving, Shutdown, signals_handled
from pottle.servers.watchdog import EXIT_OVERDUE, Watchdog, leave, watched
from pottle.utils import environment, is_loopback

if TYPE_CHECKING:
    from pottle.app import Pottle
    from pottle.servers.sockets import Listening
    from pottle.typing import ASGIApp

Trigger = Callable[[], Awaitable[Any]] | Awaitable[Any]

#: Set while a command loads the application: `app.run()` at module level must not serve then.
LOADED_BY_COMMAND = "POTTLE_RUN_FROM_CLI"


def run(
    app: Pottle,
    host: str | None = None,
    port: int | None = None,
    debug: bool | None = None,
    use_reloader: bool = True,
    loop: asyncio.AbstractEventLoop | None = None,
    ca_certs: str | None = None,
    certfile: str | None = None,
    keyfile: str | None = None,
    **kwargs: Any,
) -> None:
    """Serve *app* for development and block until it is stopped.

    *host* and *port* default to those of SERVER_NAME, then to 127.0.0.1 and 5000. *debug* sets
    ``app.debug``; else POTTLE_DEBUG does, if it is set. The reloader starts the program anew when
    its files change. Outside of the main thread there are neither signals nor reloader. *loop* is
    left open, by whoever gave it to be closed. Raises `ServerError` if the address is taken.

    What does not end in the time of the shutdown is left behind by ending the process, with exit code
    70; not so outside of the main thread and in a *loop* of somebody else.
    """
    if kwargs:
        warnings.warn(
            f"app.run() knows no {', '.join(kwargs)}: what a server offers beyond its arguments"
            " is an option of `pottle serve`, or of the server's own command.",
            stacklevel=3,
        )
    if os.environ.get(LOADED_BY_COMMAND) == "true":
        say("app.run() does nothing under the pottle command: put it under __name__ == '__main__'.")
        return
    settings = _development(app, host, port, ca_certs, certfile, keyfile)
    if use_reloader and reloader.possible():
        reloader.start(settings)
        return
    reloader.end_with_parent()
    _set_debug(app, debug)
    develop(app, settings, debug_page=app.debug, loop=loop)


def develop(
    app: Pottle,
    settings: Settings,
    *,
    debug_page: bool,
    loop: asyncio.AbstractEventLoop | None = None,
    to_the_end: bool = False,
) -> None:
    """Serve *app* for development in this process, with the page for errors if *debug_page*.

    With *to_the_end* nothing comes behind it, and the end of the process is watched over as well.
    """
    if loop is not None:
        run_loop(_serve(app, settings, debug_page=debug_page), loop=loop, debug=app.debug)
        return
    with watched(to_the_end=to_the_end) as watchdog:
        run_loop(_serve(app, settings, debug_page=debug_page, watchdog=watchdog), debug=app.debug)


async def run_task(
    app: Pottle,
    host: str = "127.0.0.1",
    port: int = 5000,
    debug: bool | None = None,
    ca_certs: str | None = None,
    certfile: str | None = None,
    keyfile: str | None = None,
    shutdown_trigger: Trigger | None = None,
) -> None:
    """Serve *app* in the running event loop, until *shutdown_trigger* (or a function of it) is done.

    Without a trigger the signals of the process end it. Cancelling the task is a shutdown as well.
    *host* may be ``unix:PATH`` or ``fd:NUMBER``. The process is never ended by force: what does not
    end in the time of the shutdown is named in the log and left running, and this raises `ServerError`.
    """
    if debug is not None:
        app.debug = debug
    settings = _development(app, host, port, ca_certs, certfile, keyfile)
    await _serve(app, settings, debug_page=app.debug, trigger=shutdown_trigger)


def serve_one(app: Pottle, settings: Settings, *, to_the_end: bool = False) -> None:
    """Serve *app* for production in this process, until a signal ends it; see `develop`."""
    settings.check()
    app.debug = False
    with watched(to_the_end=to_the_end) as watchdog:
        run_loop(_serve(app, settings, watchdog=watchdog))


def run_loop(
    work: Coroutine[Any, Any, None],
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    debug: bool = False,
) -> None:
    """Run *work* in *loop*, or in an event loop of its own: uvloop's where it is installed."""
    if loop is not None:
        loop.set_debug(debug)
        loop.run_until_complete(work)
    else:
        # None, unlike False, leaves PYTHONASYNCIODEBUG its say.
        with asyncio.Runner(debug=debug or None, loop_factory=_loop_factory()) as runner:
            runner.run(work)


async def _serve(
    app: Pottle,
    settings: Settings,
    *,
    debug_page: bool = False,
    trigger: Trigger | None = None,
    watchdog: Watchdog | None = None,
) -> None:
    settings.check()
    settings, listening = sockets.claim(settings)

    def announce() -> None:
        mode = " in debug mode" if app.debug else ""
        say(
            f" * Running on {settings.url(settings.port)} with {settings.server}{mode}"
            " (press Ctrl+C to stop)"
        )
        if (debug_page or app.debug) and not _is_local(settings, listening):
            say(
                " * WARNING: debug mode on an address that others can reach. It is for one developer on"
                " one machine: listen on 127.0.0.1, or serve with 'pottle serve'. The debug page is"
                " only shown to this machine and on the hosts that TRUSTED_HOSTS names."
            )

    try:
        await serve_on(
            app,
            settings,
            listening,
            announce=announce,
            debug_page=debug_page,
            trigger=trigger,
            signals=trigger is None,
            watchdog=watchdog,
        )
    finally:
        if listening is not None:
            listening.close()
        sockets.forget(settings)


async def serve_on(
    app: Pottle,
    settings: Settings,
    listening: Listening | None,
    *,
    announce: Callable[[], None],
    debug_page: bool = False,
    trigger: Trigger | None = None,
    signals: bool = True,
    watchdog: Watchdog | None = None,
    begin: Callable[[Shutdown], None] | None = None,
) -> None:
    """Serve *app* on bound sockets; *announce* is called when it has started.

    Ends after *trigger* or, with *signals*, after a signal, or when *begin* has it requested. Raises `ServerError` if the
    application fails to start or to shut down. With a *watchdog*, the process ends here if something
    did not end in its time.
    """
    server = import_module(f"pottle.servers.{settings.server}")
    asgi: ASGIApp = import_module("pottle.debug").DebugMiddleware(app) if debug_page else app
    settings = replace(settings, limits=ConnectionLimits.from_config(app.config))
    if settings.grace is not None:
        app.config["SHUTDOWN_TIMEOUT"] = settings.grace
    serving = Serving(asgi, announce, track=server.TRACK_CALLS)
    shutdown = Shutdown(app, serving, watchdog)
    ending = Ending(app, shutdown, serving)
    if begin is not None:
        begin(shutdown)
    work = server.serve(serving, settings, listening, shutdown)
    waiting = asyncio.ensure_future(_wait_for(trigger, shutdown)) if trigger is not None else None
    try:
        handled = _handled(shutdown, watchdog) if signals else nullcontext()
        with handled, accept_failures_told(app.logger):
            await ending.serve(work)
    except Exception:  # each server has errors of its own for what the application failed at
        if serving.failure is None:
            raise
    finally:
        if waiting is not None:
            waiting.cancel()
    if watchdog is not None and ending.overdue:
        if listening is not None:
            listening.close()
        sockets.forget(settings)
        watchdog.end_within(shutdown.times.cleanup)
        await ending.stragglers_ended()
        leave(EXIT_OVERDUE)
    if ending.overdue:
        raise ServerError(f"The shutdown did not get to its end. {' '.join(ending.overdue)}")
    if serving.failure is not None:
        raise ServerError(f"The application {serving.failure}")


def _is_local(settings: Settings, listening: Listening | None) -> bool:
    """Whether only this machine can reach the server."""
    if settings.fd is not None and listening is not None:
        name: Any = listening.stream.getsockname()  # a path, or an address and a port
        return isinstance(name, str) or is_loopback(name[0])
    return settings.uds is not None or is_loopback(settings.host)


@contextmanager
def _handled(shutdown: Shutdown, watchdog: Watchdog | None) -> Generator[None]:
    """The signals, until the server has ended; with a *watchdog* for as long as that watches."""
    handled = signals_handled(shutdown)
    if watchdog is None:
        with handled:
            yield
    else:
        watchdog.attach()
        watchdog.exits.enter_context(handled)
        yield


async def _wait_for(trigger: Trigger, shutdown: Shutdown) -> None:
    try:
        await (trigger() if callable(trigger) else trigger)
    finally:
        shutdown.request()


def _development(
    app: Pottle,
    host: str | None,
    port: int | None,
    ca_certs: str | None,
    certfile: str | None,
    keyfile: str | None,
) -> Settings:
    named_host, _, named_port = (app.config.get("SERVER_NAME") or "").partition(":")
    settings = Settings(
        host=host if host is not None else named_host or "127.0.0.1",
        port=port if port is not None else int(named_port or 5000),
        ca_certs=ca_certs,
        certfile=certfile,
        keyfile=keyfile,
        access_log=True,
    )
    kind, colon, rest = settings.host.partition(":")
    if colon and kind == "unix":
        return replace(settings, uds=rest)
    if colon and kind == "fd":
        return replace(settings, fd=int(rest.removeprefix("//")))
    return settings


def _set_debug(app: Pottle, debug: bool | None) -> None:
    flag = environment("DEBUG")
    if debug is not None:
        app.debug = debug
    elif flag:
        app.debug = flag.lower() not in ("0", "false", "no")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for every system
        return None
    return uvloop.new_event_loop
