"""Views as classes: `View` answers in one method, `MethodView` in one method per HTTP method.

Only the classes live here; what they become is a view function like any other.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from .globals import app_ctx, current_app

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .typing import RouteCallable

http_method_funcs = frozenset({"get", "post", "head", "options", "delete", "put", "trace", "patch"})


class View:
    """A view as a class: derive, write `dispatch_request`, and register what `as_view` gives::

        class Hello(View):
            async def dispatch_request(self, name):
                return f"Hello {name}"

        app.add_url_rule("/hello/<name>", view_func=Hello.as_view("hello"))

    `methods` are the HTTP methods of the route where the rule names none, `decorators` are applied
    to the view function one after the other, and `init_every_request` says whether each request has
    an instance of its own. Where it is False, one instance serves all requests, at the same time:
    keep nothing about a request on it.
    """

    methods: ClassVar[Collection[str] | None] = None
    provide_automatic_options: ClassVar[bool | None] = None
    decorators: ClassVar[list[Callable[..., Any]]] = []
    init_every_request: ClassVar[bool] = True

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """Answer the request; the keyword arguments are those of the URL.

        Write it as a coroutine function, or as a plain one, which runs in a thread.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not say how it answers: write its dispatch_request()."
        )

    @classmethod
    def as_view(cls, name: str, *class_args: Any, **class_kwargs: Any) -> RouteCallable:
        """Make the view function called *name*; the arguments go to the class.

        The function carries `view_class`, `methods` and `provide_automatic_options`.
        """
        shared = None if cls.init_every_request else cls(*class_args, **class_kwargs)

        async def answer(**kwargs: Any) -> Any:
            if shared is None:
                instance = view.view_class(*class_args, **class_kwargs)
            else:
                instance = shared
            return await _call(instance.dispatch_request, kwargs)

        view: Any = _named(answer, name, cls)
        for decorator in cls.decorators:
            view = _named(decorator(view), name, cls)
        view.view_class = cls
        view.methods = cls.methods
        view.provide_automatic_options = cls.provide_automatic_options
        result: RouteCallable = view
        return result


class MethodView(View):
    """A view with one method per HTTP method: ``get``, ``post`` and so on, of what the URL holds.

    `methods` follows from those that are there, also in base classes, unless the class sets it. HEAD
    is answered by ``get`` where there is no ``head``. On a websocket route the method is ``websocket``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" not in cls.__dict__:
            found = {name.upper() for name in http_method_funcs if hasattr(cls, name)}
            for base in cls.__bases__:
                found.update(getattr(base, "methods", None) or ())
            if found:
                cls.methods = found

    async def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        name: str = "websocket" if app_ctx.has_websocket else app_ctx.request.method.lower()
        handler = getattr(self, name, None)
        if handler is None and name == "head":
            handler = getattr(self, "get", None)
        if handler is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no method {name}() to answer with, though its route"
                " lets such a request in: write it, or take it out of the route's methods."
            )
        return await _call(handler, kwargs)


async def _call(function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(**kwargs)
    return await current_app.ensure_async(function)(**kwargs)


def _named(view: Any, name: str, cls: type[View]) -> Any:
    view.__name__ = name
    view.__doc__ = cls.__doc__
    view.__module__ = cls.__module__
    return view
