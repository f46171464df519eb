"""The steps of an exchange in the two shapes that Quart has given them.

Quart 0.23, like Pottle, hands the context along first: ``finalize_request(ctx, result)``. Before that
it came last and could be left out: ``finalize_request(result, request_context=None)``. Here the
methods of the application take calls of either shape, and an override that was written for the older
one gets a function before it that does, when its class is made or it is assigned.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

from ...active import current
from ...ctx import AppContext
from ...planned import Planned, PottleType

#: The parameters of each step in the older shape; in the newer one `ctx` stands before the others.
OLDER: dict[str, tuple[str, ...]] = {
    name: tuple(parameters.split())
    for name, parameters in {
        "dispatch_request": "request_context",
        "dispatch_websocket": "websocket_context",
        "do_teardown_appcontext": "exc",
        "do_teardown_request": "exc request_context",
        "do_teardown_websocket": "exc websocket_context",
        "finalize_request": "result request_context from_error_handler",
        "finalize_websocket": "result websocket_context from_error_handler",
        "full_dispatch_request": "request_context",
        "full_dispatch_websocket": "websocket_context",
        "handle_background_exception": "error",
        "handle_exception": "error",
        "handle_http_exception": "error",
        "handle_user_exception": "error",
        "handle_websocket_exception": "error",
        "log_exception": "exception_info",
        "make_default_options_response": "",
        "postprocess_websocket": "response websocket_context",
        "preprocess_request": "request_context",
        "preprocess_websocket": "websocket_context",
        "process_response": "response request_context",
        "update_template_context": "context",
    }.items()
}
_CONTEXTS = ("ctx", "request_context", "websocket_context")
_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
_PLAIN = "log_exception"  # the only step that is no coroutine function


def speak_both(cls: Any) -> None:
    """Have the steps of the application class *cls* take calls of both shapes, and overrides too."""
    for step in OLDER:
        either = _tolerant(getattr(cls, step), step)
        either.__module__, either.__qualname__ = cls.__module__, f"{cls.__qualname__}.{step}"
        setattr(cls, step, either)
    _patch(Planned, _set_on_instance)
    _patch(PottleType, _set_on_class)
    cls.__init_subclass__ = classmethod(_translate_inherited)


# Calls.


def _tolerant(method: Callable[..., Any], step: str) -> Callable[..., Any]:
    def either(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], AppContext):
            # PERF: so the engine calls, and nothing is to be sorted.
            return method(self, *args, **kwargs)
        context, values = _sorted(self, step, args, kwargs)
        return method(self, context, **values)

    return _named(either, method)


def _named(function: Callable[..., Any], like: Any) -> Callable[..., Any]:
    # Without `__wrapped__`: the shape of what is called is looked for there.
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(function, attribute, getattr(like, attribute))
    return function


def _sorted(
    app: Any, step: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The context and the other arguments by name, of a call in either shape.

    Without a context in the call it is the current one, and without that a bare one of *app*.
    """
    names = OLDER[step]
    if "ctx" in kwargs or (args and isinstance(args[0], AppContext)):
        names = tuple(name for name in names if name not in _CONTEXTS)
        if "ctx" not in kwargs:
            names = ("ctx", *names)
    if len(args) > len(names):
        raise TypeError(f"{step}() takes at most {len(names)} arguments, not {len(args)}.")
    values = dict(zip(names, args, strict=False)) | kwargs
    context = None
    for name in _CONTEXTS:
        context = values.pop(name, None) or context
    if context is None:
        context = current.get(None) or app.app_context()
    return context, values


# Overrides.


def _call_older(
    app: Any,
    step: str,
    override: Callable[..., Any],
    names: list[str],
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> Any:
    """Call *override*, whose parameters have these *names*, with the arguments of either shape."""
    context, values = _sorted(app, step, args, kwargs)
    main = [values.pop(name) for name in OLDER[step][:1] if name in values]
    values |= dict.fromkeys(_CONTEXTS, context)
    known = {name: values[name] for name in names[len(main) :] if name in values}
    result = override(*main, **known)
    return result if step == _PLAIN else _awaited(result)


async def _awaited(result: Any) -> Any:
    """An override may be a plain function, too."""
    return await result if inspect.isawaitable(result) else result


def for_instance(app: Any, step: str, override: Any) -> Any:
    """What is to stand on *app* for an *override* of *step* that is assigned to it."""
    names = None if isinstance(override, Translation) else older_parameters(override, step)
    return override if names is None else Translation(app, step, override, names)


class Translation:
    """Stands on an instance before an override of the older shape."""

    def __init__(self, app: Any, step: str, override: Callable[..., Any], names: list[str]) -> None:
        self.app, self.step, self.override, self.names = app, step, override, names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _call_older(self.app, self.step, self.override, self.names, args, kwargs)


def for_class(step: str, override: Any) -> Any:
    """What is to stand in a class for its *override* of *step*."""
    if not inspect.isfunction(override):
        return override
    function: Callable[..., Any] = override
    names = older_parameters(function, step, of_class=True)
    if names is None:
        return function

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _call_older(self, step, partial(function, self), names, args, kwargs)

    return _named(method, function)


def older_parameters(
    override: Callable[..., Any], step: str, *, of_class: bool = False
) -> list[str] | None:
    """The names of the parameters of *override* if it is of the older shape; None if it is not.

    Told by how many arguments it needs, and where that says nothing, by the name of the first.
    """
    try:
        parameters = _parameters(override, of_class)
    except (TypeError, ValueError):  # a builtin, or nothing that is called
        return None
    positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    more = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    names = [parameter.name for parameter in positional]
    if all(name in _CONTEXTS for name in OLDER[step]):
        return names if not names and not more else None
    needed = [parameter for parameter in positional if parameter.default is parameter.empty]
    if not names or len(needed) > 1:
        return None
    is_context = "ctx" in names[0].lower() or "context" in names[0].lower()
    return None if is_context and (more or len(names) > 1) else names


def _parameters(function: Any, has_self: bool) -> list[inspect.Parameter]:
    """The parameters of *function*; of what it wraps, where it passes on whatever it gets."""
    if inspect.ismethod(function):
        function, has_self = function.__func__, True
    parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    if has_self and parameters[0].kind in _POSITIONAL:
        del parameters[0]
    kinds = {parameter.kind for parameter in parameters}
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is None or inspect.Parameter.VAR_POSITIONAL not in kinds or kinds & _POSITIONAL:
        return parameters
    return _parameters(wrapped, has_self)


# Where overrides come from.


def _patch(cls: type, assign: Callable[..., None]) -> None:
    before = cls.__setattr__

    @wraps(before)
    def set_attribute(self: Any, name: str, value: Any) -> None:
        assign(before, self, name, value)

    cls.__setattr__ = set_attribute  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]  # the point


def _set_on_instance(before: Callable[..., None], app: Any, name: str, value: Any) -> None:
    before(app, name, for_instance(app, name, value) if name in OLDER else value)


def _set_on_class(before: Callable[..., None], cls: Any, name: str, value: Any) -> None:
    before(cls, name, for_class(name, value) if name in OLDER else value)


def _translate_inherited(cls: Any) -> None:
    """Have a new subclass of the application translate what it defines or has from a mix-in."""
    for step in OLDER:
        override = inspect.getattr_static(cls, step)
        suitable = for_class(step, override)
        if suitable is not override:
            setattr(cls, step, suitable)
