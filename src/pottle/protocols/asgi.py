"""ASGI: the calls of a server become exchanges, and what the engine decides becomes messages.

https://asgi.readthedocs.io/en/latest/specs/ (HTTP and WebSocket 2.5, Lifespan 2.0)
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from werkzeug.exceptions import InternalServerError

from ..active import current
from ..engine import lifecycle
from ..engine.answer import (
    PIECE,
    begin_response,
    buffered,
    is_streamed,
    send_pieces,
    send_response,
    transmit,
)
from ..engine.drive import drive, drive_on
from ..engine.exchange import SERVICE_RESTART, Exchange
from ..engine.kinds import HTTP, WEBSOCKET
from ..engine.plan import Plan
from ..errors import ClientDisconnected
from ..mounting import Elsewhere
from ..signals import appcontext_pushed
from ..typing import Receive, Scope, Send
from ..wrappers import Response
from ..wrappers.websocket import State


async def http(plan: Plan, scope: Scope, receive: Receive, send: Send) -> None:
    """One HTTP request, from the head of the request to the last byte of the answer."""
    method: str = scope["method"]
    route = plan.static.get((method, scope["path"]))
    values: dict[str, Any] = {}
    problem = None
    if route is None or scope.get("root_path"):
        route, values, problem = plan.find(scope, HTTP, method)
        if isinstance(problem, Elsewhere):
            await problem.serve(receive, send)
            return
    exchange = Exchange(plan, scope, receive, send, route, values)
    exchange.token = token = current.set(exchange)
    if plan.bridge is not None:
        exchange.shown = plan.bridge.show(exchange)
    try:
        if problem is not None or not route.bare:
            exchange.problem = problem
            world = route.world
            work = _dispatch(exchange) if world is None else world(_in_world(exchange))
            await _answer(exchange, work)
            return
        # PERF: the first step of the view is taken right here. Most views return from it, and need
        # no driver, no inbox and no watch (bench: text).
        try:
            coroutine = route.view(**values) if values else route.view()  # type: ignore[misc]  # a bare route has a view
            if route.suspends:
                try:
                    waiting = coroutine.send(None)
                except StopIteration as done:
                    result = done.value
                else:
                    result = await drive_on(coroutine, waiting, exchange.inbox)
            else:
                result = await coroutine
        except BaseException as error:
            if lifecycle.leaving_in(error, exchange) is None:
                if not isinstance(error, (Exception, asyncio.CancelledError, ClientDisconnected)):
                    raise
                await _answer(exchange, lifecycle.conclude(exchange, None, error))
            return
        encoder = plan.encoders.get(result.__class__)
        if encoder is None or exchange.touched:
            await _answer(exchange, lifecycle.conclude(exchange, result, None))
            return
        # PERF: no Response object for a result whose answer follows from its type (bench: text).
        try:
            body = encoder[0](result)
        except Exception:
            await _answer(exchange, lifecycle.conclude(exchange, result, None))
            return
        length = b"%d" % len(body)
        if method == "HEAD":
            body = b""
        if plan.bridge is None:
            # PERF: `exchange.leave`, written out (bench: text).
            exchange.token = None
            current.reset(token)
        else:
            exchange.leave()
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [encoder[1], (b"content-length", length)],
                }
            )
            if len(body) > PIECE:
                await send_pieces(exchange, body, "http.response.body")
            else:
                await send({"type": "http.response.body", "body": body})
        except (OSError, ClientDisconnected):
            return  # the client is gone, says the server
    finally:
        inbox = exchange.made_inbox
        if inbox is not None:
            inbox.stop()
            if inbox.stalled is not None:
                _log_stalled(exchange)
        if exchange.token is not None:
            exchange.leave()
        request = exchange.made_request
        if request is not None and request.opened_files:
            await request.close()


async def websocket(plan: Plan, scope: Scope, receive: Receive, send: Send) -> None:
    """One websocket, from the handshake to the close frame."""
    route, values, problem = plan.find(scope, WEBSOCKET, "GET")
    if isinstance(problem, Elsewhere):
        await problem.serve(receive, send)
        return
    exchange = Exchange(plan, scope, receive, send, route, values)
    exchange.token = current.set(exchange)
    if plan.bridge is not None:
        exchange.shown = plan.bridge.show(exchange)
    live = plan.app.live_exchanges
    live.add(exchange)
    try:
        exchange.problem = problem
        if problem is None and route.bare:
            work = _bare_websocket(exchange)
        else:
            work = _dispatch(exchange)
        response, failure = await _live(exchange, work)
        await _close(exchange, response, failure)
        _pass_on(exchange, failure)
    finally:
        live.discard(exchange)
        exchange.inbox.stop()
        if exchange.inbox.stalled is not None:
            _log_stalled(exchange)
        if exchange.inbox.dropped:
            exchange.app.logger.warning(
                "%d messages to the websocket %s were dropped: its handler has received none for a"
                " minute, and no more than READ_AHEAD_MESSAGES are kept.",
                exchange.inbox.dropped,
                ascii(exchange.scope["path"]),
            )
        _leave(exchange)


async def _bare_websocket(exchange: Exchange) -> Response | None:
    try:
        result = await exchange.route.view(**exchange.view_args or {})
    except BaseException as error:
        left = lifecycle.leaving_in(error, exchange)
        if left is not None:
            lifecycle.note_leaving(exchange)
            if exchange.touched:
                await lifecycle.conclude(exchange, None, None)
            raise left from None
        if not isinstance(error, Exception):
            raise
        return await lifecycle.conclude(exchange, None, error)  # type: ignore[no-any-return]  # an override point
    if result is None and not exchange.touched:
        return None
    return await lifecycle.conclude(exchange, result, None)  # type: ignore[no-any-return]  # an override point


async def _in_world(exchange: Exchange) -> Response | None:
    """The full lane in one place, clean-up and all: what a thread has taken it also gives back."""
    response = None
    try:
        response = await _dispatch(exchange)
        if response is not None:
            response = Response.force_type(response)
    except BaseException as error:
        exchange.error = exchange.error or error
        raise
    finally:
        if exchange.route.tears_down and not (response is not None and is_streamed(response)):
            exchange.torn_down = True
            await exchange.teardown(exchange.error)
    return response


async def _dispatch(exchange: Exchange) -> Response | None:
    """The full lane: everything that stands around a view."""
    plan = exchange.plan
    if appcontext_pushed.receivers:
        await exchange.announce(appcontext_pushed)
    if not plan.session_is_lazy:
        await plan.open_session(exchange)
    handle = exchange.route.steps.handle
    if handle is None:
        return await lifecycle.handle(exchange)
    return await handle(exchange.connection)  # type: ignore[no-any-return]  # an override point


async def _live(
    exchange: Exchange, work: Coroutine[Any, Any, Response | None]
) -> tuple[Response | None, BaseException | None]:
    """Do the *work* under watch, stream its answer if it is a stream, and tear the context down.

    Gives the response, and the error that the work or the clean-up ended with.
    """
    response = None
    failure: BaseException | None = None
    try:
        # PERF: `drive`, written out: a websocket keeps its frames as long as it lives (bench: memory).
        try:
            waiting = work.send(None)
        except StopIteration as done:
            response = done.value
        else:
            response = await drive_on(work, waiting, exchange.inbox)
        if response is not None and not isinstance(response, Response):
            response = Response.force_type(response)
        if response is None or not is_streamed(response):
            pass
        elif exchange.route.kind is not HTTP:
            response = await drive(_buffer_refusal(exchange, response), exchange.inbox)
        else:
            # Whatever holds for the view: nobody wants what is made for a client that is gone.
            exchange.inbox.interrupt = True
            await drive(begin_response(exchange, response), exchange.inbox)
    except BaseException as error:
        left = lifecycle.leaving_in(error, exchange)
        failure = left or error
        if exchange.error is None:
            exchange.error = failure
        if exchange.answered and isinstance(error, Exception) and left is None:
            await _report(exchange, error)
    try:
        if exchange.route.tears_down and not exchange.torn_down:
            await exchange.teardown(exchange.error)
    except Exception as error:
        if failure is not None or exchange.answered:
            _log(exchange, error)
        failure = failure or error
    # Whatever the server does from here on, such as starting the next request of this connection, must
    # not happen in this context and so take it along.
    token = exchange.token
    if exchange.shown is None and token is not None:
        # PERF: `exchange.leave`, written out (bench: session).
        exchange.token = None
        current.reset(token)
    else:
        exchange.leave()
    return response, failure


async def _buffer_refusal(exchange: Exchange, response: Response) -> Response:
    """The *response* to refuse a websocket with, in one piece; errors in its source as over HTTP."""
    try:
        return await buffered(response)
    except Exception as error:
        exchange.error = error
        return await exchange.route.steps.handle_exception(exchange, error)  # type: ignore[no-any-return]  # an override point


async def _report(exchange: Exchange, error: Exception) -> None:
    """Tell of an error in the middle of a streamed answer, which no handler can answer any more."""
    await exchange.announce(exchange.route.kind.exception, exception=error)
    if not exchange.plan.propagate:
        _log(exchange, error)


def _log(exchange: Exchange, error: BaseException) -> None:
    exchange.app.log_exception(exchange, (type(error), error, error.__traceback__))


def _leave(exchange: Exchange) -> None:
    """Leave the context where that was not done on the way."""
    if exchange.token is not None:
        exchange.leave()


def _log_stalled(exchange: Exchange) -> None:
    exchange.app.logger.warning(
        "The client of %s %s took nothing for %g seconds (RESPONSE_TIMEOUT) and was given up.",
        exchange.scope.get("method", "websocket"),
        ascii(exchange.scope["path"]),
        exchange.inbox.stalled,
    )


async def _answer(exchange: Exchange, work: Coroutine[Any, Any, Response | None]) -> None:
    """The full lane of a request: the *work*, the clean-up, and the answer unless it was streamed."""
    response, failure = await _live(exchange, work)
    try:
        if exchange.end_of_answer is not None:
            await transmit(exchange, exchange.end_of_answer)
        if failure is not None and exchange.answered:
            # If half an answer went out, returning without its end makes every server abort the
            # connection; raising would only have the error logged again.
            _pass_on(exchange, failure)
            return
        if failure is not None:
            if lifecycle.leaving_in(failure, exchange) is not None:
                return
            _pass_on(exchange, failure)
            response = _last_resort(exchange, failure)
        if response is not None and not exchange.answered:
            await begin_response(exchange, response)  # in one go, as it is no stream
    except ClientDisconnected as error:
        if lifecycle.leaving_in(error, exchange) is None:
            raise  # that of another client, which is an error like any other
    finally:
        if response is not None and response.closes:
            await _finish(exchange, response)


async def _finish(exchange: Exchange, response: Response) -> None:
    try:
        await response.close()
    except Exception as error:
        _log(exchange, error)


def _pass_on(exchange: Exchange, failure: BaseException | None) -> None:
    """Raise *failure* where it is not for us to answer: cancellation, and all errors in tests."""
    if failure is None or lifecycle.leaving_in(failure, exchange) is not None:
        return
    if exchange.plan.propagate or not _is_ours(exchange, failure):
        raise failure


def _is_ours(exchange: Exchange, failure: BaseException) -> bool:
    """Whether *failure* is to be answered: an error, or a cancellation that nobody has asked for."""
    if lifecycle.leaving_in(failure, exchange) is not None:
        return False
    if isinstance(failure, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() == exchange.inbox.cancelled
    return isinstance(failure, Exception)


def _last_resort(exchange: Exchange, failure: BaseException) -> Response:
    """A plain 500 for what went wrong where no error handler is left."""
    _log(exchange, failure)
    return Response.force_type(InternalServerError().get_response())


async def _close(
    exchange: Exchange, response: Response | None, failure: BaseException | None
) -> None:
    """End the websocket the way the handler ended, unless one side has closed it already."""
    peer = exchange.websocket
    if exchange.inbox.gone is not None and not exchange.shut_down:
        return
    if failure is not None and _is_ours(exchange, failure) and not exchange.plan.propagate:
        response = _last_resort(exchange, failure)
    if exchange.shut_down and peer.state is not State.CLOSED:
        peer.state = State.OPEN
        await peer.close(SERVICE_RESTART, "The server is shutting down.")
    elif peer.state is State.CONNECTING:
        await _reject(exchange, response)
    elif peer.state is State.OPEN:
        await peer.close(_close_code(exchange, response))


def _close_code(exchange: Exchange, response: Response | None) -> int:
    """1011 for an unhandled error, 1008 for one that was answered, else 1000 (RFC 6455, 7.4.1)."""
    status = 200 if response is None else response.status_code
    if exchange.error is not None or status >= 500:
        return 1011
    return 1008 if status >= 400 else 1000


async def _reject(exchange: Exchange, response: Response | None) -> None:
    """Refuse the handshake, with the full *response* where the server can send one."""
    peer = exchange.websocket
    extensions = exchange.scope.get("extensions") or ()
    if response is None or "websocket.http.response" not in extensions:
        await peer.close()
        return
    await peer.greet()
    peer.state = State.CLOSED
    await send_response(exchange, response, "websocket.http.response")
    await _finish(exchange, response)


async def lifespan(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Start-up and shutdown as the server asks for them."""
    if "state" in scope:
        app.state = scope["state"]
    while True:
        message = await receive()
        phase = message["type"]
        if phase not in {"lifespan.startup", "lifespan.shutdown"}:
            continue
        try:
            await (app.startup() if phase == "lifespan.startup" else app.shutdown())
        except Exception as error:
            app.logger.error("The application failed at %s.", phase, exc_info=error)
            await send({"type": f"{phase}.failed", "message": f"{type(error).__name__}: {error}"})
            return
        await send({"type": f"{phase}.complete"})
        if phase == "lifespan.shutdown":
            return
