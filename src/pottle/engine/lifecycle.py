"""The life of an exchange in the full lane, for requests and websockets alike.

    handle -> full_dispatch -> preprocess, dispatch, (handle_user_exception) -> finalize -> process
           `-> handle_exception when nobody handled an error

Each step is an override point of the application (`kind` tells its name) whose own implementation
comes back here. The context is handed along; nothing asks the context variable.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from blinker import NamedSignal
from werkzeug.exceptions import BadRequestKeyError, HTTPException, InternalServerError
from werkzeug.routing import RoutingException

from ..ctx import AppContext
from ..errors import (
    ClientDisconnected,
    ErrorCollector,
    RequestCancelled,
    ResultError,
    WebsocketCancelled,
    disconnect_in,
)
from ..sessions.base import SESSION_FAILURES
from ..wrappers import Response
from .kinds import HTTP


async def handle(context: AppContext) -> Response | None:
    """From the matched context to the response (None: a websocket that was accepted)."""
    steps = context.route.steps
    try:
        return await steps.full_dispatch(context)  # type: ignore[no-any-return]  # an override point
    except Exception as error:
        context.error = error
        return await steps.handle_exception(context, error)  # type: ignore[no-any-return]  # an override point


async def full_dispatch(context: AppContext) -> Response | None:
    """Hooks, view, error handlers for what they raise, and the finishing of the result."""
    route = context.route
    steps = route.steps
    try:
        if route.kind.started.receivers:
            await context.announce(route.kind.started)
        result = await steps.preprocess(context)
        if result is None:
            result = await steps.dispatch(context)
    except Exception as error:
        if leaving_in(error, context) is not None:
            await _leave(context, error)
        result = await steps.handle_user_exception(context, error)
    except BaseException as error:
        await _leave(context, error)
        raise
    return await steps.finalize(context, result)  # type: ignore[no-any-return]  # an override point


async def _leave(context: AppContext, error: BaseException) -> None:
    """Raise the leaving of the client, if *error* is that; a websocket has its after hooks first."""
    left = leaving_in(error, context)
    if left is not None:
        if context.route.kind is not HTTP:
            # A connection that was accepted has ended, which is what its after hooks are for.
            note_leaving(context)
            await context.route.steps.finalize(context, None)
        raise left from None


def note_leaving(context: Any) -> None:
    """Let the websocket know how it ended, for hooks that look at its close code."""
    peer: Any = context.made_websocket
    inbox = getattr(context, "made_inbox", None)
    if peer is not None and inbox is not None and inbox.gone is not None:
        peer._note_leaving(inbox.gone)


def leaving_in(error: BaseException, context: AppContext) -> ClientDisconnected | None:
    """The leaving of the client that *context* is at work for, if *error* is nothing else.

    That of another client is an error like any other.
    """
    inbox = getattr(context, "made_inbox", None)
    left = disconnect_in(error, inbox or context)
    if left is None and inbox is not None and isinstance(error, asyncio.CancelledError):
        # Code that handles cancellations may raise another in place of ours.
        task = asyncio.current_task()
        if inbox.gone is not None and task is not None and task.cancelling() == inbox.cancelled:
            left = inbox.error(RequestCancelled, WebsocketCancelled)
    return left


async def conclude(context: AppContext, result: Any, error: BaseException | None) -> Any:
    """What follows the view when the bare lane cannot answer by itself: it gave *result* or raised."""
    steps = context.route.steps
    try:
        if error is not None:
            try:
                raise error
            except Exception:  # handlers see it in sys.exc_info()
                result = await steps.handle_user_exception(context, error)
        return await steps.finalize(context, result)
    except Exception as failure:
        context.error = failure
        return await steps.handle_exception(context, failure)


async def preprocess(context: AppContext) -> Any:
    """The before hooks, outermost first; the first result that is not None ends them."""
    route = context.route
    for preprocessor in route.preprocessors:
        await preprocessor(route.name, context.view_args if route.rule is not None else None)
    for hook in route.before:
        result = await hook()
        if result is not None:
            return result
    return None


async def dispatch(context: AppContext) -> Any:
    """Call the view. Raises the routing error where no rule matched."""
    app = context.app
    connection = context.made_request or context.made_websocket
    if connection is None and context.problem is not None:
        connection = context.connection
    values = context.view_args
    if connection is not None:
        values = connection.view_args
        if connection.routing_exception is not None:
            raising = app.raise_routing_exception(connection)
            if raising is not None:  # a coroutine: the override point may be either
                await raising
    route = context.route
    if route.options:
        return await app.make_default_options_response(context)
    if route.view is None:
        # A rule without a function, as `add_url_rule` and `endpoint` allow: an error of set-up.
        raise KeyError(
            f"There is no view function for the endpoint {route.name!r}. Give its rule one: "
            f"app.add_url_rule(..., view_func=...) or @app.endpoint({route.name!r})."
        )
    return await route.view(**(values or {}))


async def finalize(context: AppContext, result: Any, from_error_handler: bool = False) -> Any:
    """Make the response and let the after hooks have it. None stays None for websockets."""
    app = context.app
    kind = context.route.kind
    response = None
    if result is not None or kind is HTTP:
        response = app.make_response(result)
        if hasattr(response, "__await__"):
            response = await response
    try:
        response = await context.route.steps.process(context, response)
        if kind.finished.receivers:
            await context.announce(kind.finished, response=response)
    except Exception as error:
        if not from_error_handler:
            raise
        if isinstance(error, SESSION_FAILURES):  # of which the answer tells, or the log
            return response
        app.logger.exception(
            "An after hook failed for the answer to an error; the answer is sent without it."
        )
    return response


async def process(context: AppContext, response: Response | None) -> Response | None:
    """After hooks, innermost first, and the saving of the session if it was opened."""
    for function in context.after_functions or ():
        asynchronous = context.route.steps.asynchronous(function)
        response = _checked(await asynchronous(response), response, function)
    for hook in context.route.after:
        response = _checked(await hook(response), response, hook)
    session = context.made_session
    if session is not None:
        app = context.app
        interface = app.session_interface
        if not interface.is_null_session(session):
            save = context.route.steps.asynchronous(interface.save_session)
            await save(app, session, response)
    return response


def _checked(result: Any, before: Response | None, hook: Any) -> Any:
    """The response that a hook returned. For HTTP it must be one."""
    if result is None and before is not None:
        name = getattr(hook, "__name__", repr(hook))
        raise ResultError(
            f"The after hook {name!r} returned None instead of the response. Return the response "
            "that it was given, or another."
        )
    return result


# Errors.


async def handle_user_exception(context: AppContext, error: Exception) -> Any:
    """What the handler for *error* gives; raises *error* if there is none."""
    app = context.app
    steps = _steps(context)
    if isinstance(error, BadRequestKeyError) and (
        app.debug or app.config["TRAP_BAD_REQUEST_ERRORS"]
    ):
        error.show_exception = True
    if isinstance(error, HTTPException) and not app.trap_http_exception(error):
        return await steps.handle_http_exception(context, error)
    handler = find_error_handler(app, error, context)
    if handler is None:
        raise error
    return await steps.asynchronous(handler)(error)


async def handle_http_exception(context: AppContext, error: HTTPException) -> Any:
    """What the handler for *error* gives, or the error itself, which is an answer too."""
    if error.code is None or isinstance(error, RoutingException):
        return error
    handler = find_error_handler(context.app, error, context)
    if handler is None:
        # It is an answer now. The frames in its traceback hold it, so that with the traceback it
        # and the whole request would be left to the garbage collector.
        error.__traceback__ = None
        return error
    return await _steps(context).asynchronous(handler)(error)


async def handle_exception(context: AppContext, error: Exception) -> Any:
    """The 500 for an *error* that nobody handled: logged, announced, given to the 500 handler.

    Where exceptions propagate (in tests and in debug mode) it is raised instead.
    """
    route = context.route
    app = context.app
    if isinstance(error, SESSION_FAILURES):
        return await _answer_session_failure(context, error)
    context.error = error
    await context.announce(route.kind.exception, exception=error)
    if app.plan.propagate:
        raise error
    app.log_exception(context, sys.exc_info())
    result: Any = InternalServerError(original_exception=error)
    handler = find_error_handler(app, result, context)
    if handler is not None:
        result = await route.steps.asynchronous(handler)(result)
    return await route.steps.finalize(context, result, from_error_handler=True)


async def _answer_session_failure(context: AppContext, error: Exception) -> Any:
    """The 503 or 409 for a session that could not be saved, or that an error handler asked for.

    It is an answer and no failure of the application: not logged, not raised in tests.
    """
    context.error = None
    result: Any = error
    handler = find_error_handler(context.app, error, context)
    if handler is not None:
        try:
            result = await context.route.steps.asynchronous(handler)(error)
        except SESSION_FAILURES:  # it looks into the session, too
            pass
    return await context.route.steps.finalize(context, result, from_error_handler=True)


def _steps(context: AppContext) -> Any:
    """The steps of *context*, which need not be that of a request where a user calls one of them."""
    return context.app.plan.steps["request"] if context.route is None else context.route.steps


def find_error_handler(app: Any, error: Exception, context: AppContext) -> Any:
    """The most specific handler: by code before any, by blueprint before application, by MRO."""
    code = getattr(error, "code", None) if isinstance(error, HTTPException) else None
    names = [*(context.route.blueprints if context.route is not None else ()), None]
    for wanted in (code, None) if code is not None else (None,):
        for name in names:
            handlers = app.error_handler_spec.get(name, {}).get(wanted)
            if handlers:
                for cls in type(error).__mro__:
                    handler = handlers.get(cls)
                    if handler is not None:
                        return handler
    return None


# Teardown.


async def teardown(app: Any, context: AppContext, exc: BaseException | None) -> None:
    """The teardown functions of the request or websocket, all of them, last registered first."""
    kind = context.route.kind
    errors = ErrorCollector(f"Errors while a {kind.name} was torn down")
    for function in context.route.teardown:
        with errors:
            await function(exc)
    with errors:
        await context.announce(kind.tearing_down, exc=exc)
    errors.raise_collected()


async def teardown_appcontext(
    app: Any, context: AppContext, exc: BaseException | None, signal: NamedSignal
) -> None:
    """The teardown functions of the context, all of them, last registered first."""
    errors = ErrorCollector("Errors while an app context was torn down")
    for function in app.plan.teardown_appcontext:
        with errors:
            await function(exc)
    with errors:
        await context.announce(signal, exc=exc)
    errors.raise_collected()
