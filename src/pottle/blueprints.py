"""Blueprints: parts of an application, written apart and registered where they belong.

A blueprint records what is to be done and does it when it is registered, once per registration.
Its hooks go into the tables of the application under its (dotted) name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce, update_wrapper
from typing import Any, TypeVar, overload

from .errors import SetupError
from .scaffold import Scaffold, edge, endpoint_of
from .typing import FilePath

F = TypeVar("F", bound=Callable[..., Any])
Deferred = Callable[["BlueprintSetupState"], None]
_UNSET: Any = object()

#: The tables that are taken over by the application, under the name of the blueprint.
_TABLES = (
    "before_request_funcs after_request_funcs teardown_request_funcs before_websocket_funcs "
    "after_websocket_funcs teardown_websocket_funcs template_context_processors "
    "url_value_preprocessors url_default_functions"
).split()


class BlueprintSetupState:
    """One registration of a blueprint: where it goes, under which name and prefix."""

    def __init__(
        self, blueprint: Blueprint, app: Any, options: dict[str, Any], first_registration: bool
    ) -> None:
        self.app = app
        self.blueprint = blueprint
        self.options = options
        self.first_registration = first_registration
        self.subdomain = _chosen("subdomain", options, blueprint)
        self.url_prefix = _chosen("url_prefix", options, blueprint)
        self.name: str = options.get("name", blueprint.name)
        self.name_prefix: str = options.get("name_prefix", "")
        self.url_defaults: dict[str, Any] = {
            **blueprint.url_values_defaults,
            **options.get("url_defaults", {}),
        }

    @property
    def full_name(self) -> str:
        """The name with those of the blueprints around it: ``outer.inner``."""
        return f"{self.name_prefix}.{self.name}".lstrip(".")

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Add a rule to the application, with prefix, subdomain and defaults of the blueprint."""
        if self.url_prefix is not None:
            rule = _join(self.url_prefix, rule) if rule else self.url_prefix
        options.setdefault("subdomain", self.subdomain)
        if endpoint is None:
            endpoint = endpoint_of(rule, view_func)
        defaults: dict[str, Any] | None = options.pop("defaults", None)
        if self.url_defaults or defaults:
            defaults = {**self.url_defaults, **(defaults or {})}
        self.app.add_url_rule(
            rule, f"{self.full_name}.{endpoint}", view_func, defaults=defaults, **options
        )


class Blueprint(Scaffold):
    """A part of an application with routes, hooks, templates and static files of its own.

    `name` prefixes its endpoints. `url_prefix`, `subdomain` and `url_defaults` hold for its routes
    and can be given anew at each registration.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A blueprint; where Flask is imported it also is one for code that asks by Flask's class."""
        if sys.modules.get("flask") is not None:
            cls = edge("pottle.compat.flask.blueprints:bridged")(cls)
        return object.__new__(cls)

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: FilePath | None = None,
        static_url_path: str | None = None,
        template_folder: FilePath | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _UNSET,
    ) -> None:
        super().__init__(
            import_name,
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )
        if not name:
            raise ValueError("A blueprint needs a name: it prefixes the endpoints of its routes.")
        if "." in name:
            raise ValueError(
                f"The name {name!r} of a blueprint cannot contain a dot, which separates the names "
                "of nested blueprints."
            )
        self.name = name
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.deferred_functions: list[Deferred] = []
        self.url_values_defaults: dict[str, Any] = url_defaults or {}
        self.cli_group: str | None = cli_group
        self._registered = False
        self._blueprints: list[tuple[Blueprint, dict[str, Any]]] = []

    def _check_setup(self) -> None:
        if self._registered:
            raise SetupError(
                f"The blueprint {self.name!r} is registered already, so what is added to it now "
                "would have no effect. Add it before register_blueprint(), usually by importing "
                "the module that adds it."
            )

    # Recording.

    def record(self, func: Deferred) -> None:
        """Call *func* with the `BlueprintSetupState` at each registration."""
        self._check_setup()
        self.deferred_functions.append(func)

    def record_once(self, func: Deferred) -> None:
        """Call *func* with the `BlueprintSetupState` at the first registration on each app."""

        def first_only(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(update_wrapper(first_only, func))

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        for what, name in (
            ("endpoint", endpoint),
            ("function", getattr(view_func, "__name__", "")),
        ):
            if name and "." in name:
                raise ValueError(f"The {what} name {name!r} of a route cannot contain a dot.")
        if provide_automatic_options is not None:
            options["provide_automatic_options"] = provide_automatic_options

        def add(state: BlueprintSetupState) -> None:
            state.add_url_rule(rule, endpoint, view_func, **options)

        self.record(add)

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Nest *blueprint* in this one; *options* as for `Pottle.register_blueprint`."""
        if blueprint is self:
            raise ValueError("A blueprint cannot be registered on itself.")
        self._check_setup()
        self._blueprints.append((blueprint, options))

    # Registering.

    def make_setup_state(
        self, app: Any, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        """The state that recorded functions are called with."""
        return BlueprintSetupState(self, app, options, first_registration)

    def register(self, app: Any, options: dict[str, Any]) -> None:
        """Do on *app* all that was recorded. Called by `register_blueprint`."""
        first = not any(known is self for known in app.blueprints.values())
        state = self.make_setup_state(app, options, first_registration=first)
        name = state.full_name
        if name in app.blueprints:
            same = "this" if app.blueprints[name] is self else "another"
            raise ValueError(
                f"The name {name!r} is taken: {same} blueprint is registered under it. Give one "
                "of them a name of its own: register_blueprint(..., name='...')."
            )
        app.blueprints[name] = self
        self._registered = True
        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                view_func=self.send_static_file,
                endpoint="static",
            )
        self._merge_into(app, name)
        for deferred in self.deferred_functions:
            deferred(state)
        self._merge_commands(app, name, options)
        for blueprint, nested_options in self._blueprints:
            blueprint.register(app, self._nested(state, blueprint, nested_options))

    def _merge_into(self, app: Any, name: str) -> None:
        for attribute in _TABLES:
            table = getattr(app, attribute)
            for key, functions in getattr(self, attribute).items():
                table[name if key is None else f"{name}.{key}"].extend(functions)
        for key, by_code in self.error_handler_spec.items():
            target = app.error_handler_spec[name if key is None else f"{name}.{key}"]
            for code, handlers in by_code.items():
                target[code].update(handlers)
        app.view_functions.update(self.view_functions)

    def _merge_commands(self, app: Any, name: str, options: dict[str, Any]) -> None:
        if self._cli is None or not self._cli.commands:
            return
        group = options.get("cli_group", self.cli_group)
        if group is None:
            app.cli.commands.update(self._cli.commands)
            return
        self._cli.name = name if group is _UNSET else group
        app.cli.add_command(self._cli)

    def _nested(
        self, state: BlueprintSetupState, blueprint: Blueprint, options: dict[str, Any]
    ) -> dict[str, Any]:
        """The options of a nested registration: prefixes and subdomains are put together."""
        options = dict(options)
        prefixes = (state.url_prefix, _chosen("url_prefix", options, blueprint))
        parts = [prefix for prefix in prefixes if prefix is not None]
        options["url_prefix"] = reduce(_join, parts) if parts else None
        own = _chosen("subdomain", options, blueprint)
        subdomains = [name for name in (own, state.subdomain) if name]
        if subdomains:
            options["subdomain"] = ".".join(subdomains)
        options["name_prefix"] = state.full_name
        return options

    # Hooks and the like for the whole application.

    def _on_app(self, table: str, func: F) -> F:
        def add(state: BlueprintSetupState) -> None:
            getattr(state.app, table)[None].append(func)

        self.record_once(add)
        return func

    def before_app_request(self, f: F) -> F:
        """As `before_request`, for every request to the application."""
        return self._on_app("before_request_funcs", f)

    def after_app_request(self, f: F) -> F:
        """As `after_request`, for every request to the application."""
        return self._on_app("after_request_funcs", f)

    def teardown_app_request(self, f: F) -> F:
        """As `teardown_request`, for every request to the application."""
        return self._on_app("teardown_request_funcs", f)

    def before_app_websocket(self, func: F) -> F:
        """As `before_websocket`, for every websocket of the application."""
        return self._on_app("before_websocket_funcs", func)

    def after_app_websocket(self, func: F) -> F:
        """As `after_websocket`, for every websocket of the application."""
        return self._on_app("after_websocket_funcs", func)

    def teardown_app_websocket(self, func: F) -> F:
        """As `teardown_websocket`, for every websocket of the application."""
        return self._on_app("teardown_websocket_funcs", func)

    def app_context_processor(self, f: F) -> F:
        """As `context_processor`, for every template of the application."""
        return self._on_app("template_context_processors", f)

    def app_url_value_preprocessor(self, f: F) -> F:
        """As `url_value_preprocessor`, for the whole application."""
        return self._on_app("url_value_preprocessors", f)

    def app_url_defaults(self, f: F) -> F:
        """As `url_defaults`, for the whole application."""
        return self._on_app("url_default_functions", f)

    def app_errorhandler(self, code: type[Exception] | int) -> Callable[[F], F]:
        """As `errorhandler`, for the whole application."""
        return self._app_decorator("errorhandler", code)

    def before_app_serving(self, func: F) -> F:
        """As `Pottle.before_serving`."""
        return self._app_call("before_serving", func)

    def while_app_serving(self, func: F) -> F:
        """As `Pottle.while_serving`."""
        return self._app_call("while_serving", func)

    def after_app_serving(self, func: F) -> F:
        """As `Pottle.after_serving`."""
        return self._app_call("after_serving", func)

    def _app_call(self, method: str, func: F) -> F:
        def call(state: BlueprintSetupState) -> None:
            getattr(state.app, method)(func)

        self.record_once(call)
        return func

    def _app_decorator(self, method: str, *args: Any) -> Callable[[F], F]:
        def decorator(func: F) -> F:
            def decorate(state: BlueprintSetupState) -> None:
                getattr(state.app, method)(*args)(func)

            self.record_once(decorate)
            return func

        return decorator

    @overload
    def app_template_filter(self, name: F) -> F: ...

    @overload
    def app_template_filter(self, name: str | None = None) -> Callable[[F], F]: ...

    def app_template_filter(self, name: Any = None) -> Any:
        """As `Pottle.template_filter`."""
        return self._template_thing("template_filter", name)

    @overload
    def app_template_test(self, name: F) -> F: ...

    @overload
    def app_template_test(self, name: str | None = None) -> Callable[[F], F]: ...

    def app_template_test(self, name: Any = None) -> Any:
        """As `Pottle.template_test`."""
        return self._template_thing("template_test", name)

    @overload
    def app_template_global(self, name: F) -> F: ...

    @overload
    def app_template_global(self, name: str | None = None) -> Callable[[F], F]: ...

    def app_template_global(self, name: Any = None) -> Any:
        """As `Pottle.template_global`."""
        return self._template_thing("template_global", name)

    def _template_thing(self, method: str, name: Any) -> Any:
        if callable(name):
            return self._app_decorator(method, None)(name)
        return self._app_decorator(method, name)

    def add_app_template_filter(self, f: Callable[..., Any], name: str | None = None) -> None:
        """As `Pottle.add_template_filter`."""
        self._template_thing("template_filter", name)(f)

    def add_app_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """As `Pottle.add_template_test`."""
        self._template_thing("template_test", name)(f)

    def add_app_template_global(self, f: Callable[..., Any], name: str | None = None) -> None:
        """As `Pottle.add_template_global`."""
        self._template_thing("template_global", name)(f)


def _chosen(name: str, options: dict[str, Any], blueprint: Blueprint) -> str | None:
    """What a registration gives, or else what the blueprint was made with."""
    value: str | None = options.get(name)
    return getattr(blueprint, name) if value is None else value


def _join(prefix: str, path: str) -> str:
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}"
