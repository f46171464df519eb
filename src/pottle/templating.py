"""Templates: the environment of an application, and rendering in the active context.

This module and `jinja` alone import jinja2, and `pottle` imports them only when a template is first
wanted. What a template sees beside its arguments is put together in `update_context`, nowhere else.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import aclosing
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import BaseLoader, Template, TemplateNotFound
from jinja2 import Environment as BaseEnvironment

from .active import current
from .awaitables import must_await, refuse_not_awaited
from .globals import app_ctx, g, request, session
from .helpers import get_flashed_messages, stream_with_context
from .jinja import AsyncEnvironment
from .signals import before_render_template, template_rendered

if TYPE_CHECKING:
    from blinker import NamedSignal

Source = tuple[str, str | None, Callable[[], bool] | None]
TemplateName = str | Template | list[str | Template]
#: How a template is found in the environment, by what it was asked for.
Find = Callable[[BaseEnvironment, Any], Template]


class HasLoader(Protocol):
    """What has templates of its own: an application or a blueprint."""

    @property
    def jinja_loader(self) -> BaseLoader | None: ...


class Templated(HasLoader, Protocol):
    """What this module needs of an application (Any: attributes that it may have as it likes)."""

    config: Any
    jinja_environment: Any
    jinja_options: Any
    json: Any
    template_context_processors: Any

    @property
    def debug(self) -> bool: ...

    @property
    def jinja_env(self) -> BaseEnvironment: ...

    @property
    def logger(self) -> Any: ...

    def create_global_jinja_loader(self) -> BaseLoader: ...

    def ensure_async(
        self, func: Callable[..., Any], /
    ) -> Callable[..., Coroutine[Any, Any, Any]]: ...

    def iter_blueprints(self) -> Iterable[Any]: ...

    def select_jinja_autoescape(self, filename: str | None) -> bool: ...

    def update_template_context(self, ctx: Any, context: dict[str, Any]) -> Awaitable[None]: ...

    def url_for(self, endpoint: str, **values: Any) -> str: ...


class Environment(AsyncEnvironment):
    """The jinja environment of *app*: templates can await, and are found where *app* looks."""

    def __init__(self, app: Templated, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        options["enable_async"] = True
        super().__init__(**options)
        self.app = app

    @cached_property
    def synchronous(self) -> BaseEnvironment:
        """The same environment for plain code: its templates are compiled without ``await``."""
        environment = self.overlay(enable_async=False)
        environment.is_async = False  # jinja2 before 3.1.5 does not take it from the option
        environment.bytecode_cache = None  # holds code that awaits, under the same key
        return environment


class DispatchingJinjaLoader(BaseLoader):
    """Looks for a template in the folder of the application, then in those of its blueprints.

    With ``EXPLAIN_TEMPLATE_LOADING`` every look-up is explained in the log of the application.
    """

    def __init__(self, app: Templated) -> None:
        self.app = app

    def get_source(self, environment: BaseEnvironment, template: str) -> Source:
        explain = self.app.config["EXPLAIN_TEMPLATE_LOADING"]
        attempts: list[tuple[Any, BaseLoader, Source | None]] = []
        found: Source | None = None
        for owner, loader in self._iter_loaders(template):
            try:
                source = loader.get_source(environment, template)
            except TemplateNotFound:
                source = None
            attempts.append((owner, loader, source))
            found = found or source
            if found is not None and not explain:
                return found
        if explain:
            self.app.logger.info(_explanation(self.app, template, attempts))
        if found is None:
            raise TemplateNotFound(template)
        return found

    def list_templates(self) -> list[str]:
        return sorted(
            {name for _, loader in self._iter_loaders() for name in loader.list_templates()}
        )

    def _iter_loaders(self, template: str = "") -> Iterator[tuple[HasLoader, BaseLoader]]:
        """Who may have *template*, and the loader that tells."""
        for owner in (self.app, *self.app.iter_blueprints()):
            loader = owner.jinja_loader
            if loader is not None:
                yield owner, loader


def _explanation(
    app: Any, template: str, attempts: list[tuple[Any, BaseLoader, Source | None]]
) -> str:
    lines = [f"Looking for the template {template!r}:"]
    for owner, loader, source in attempts:
        name = getattr(owner, "name", owner)
        kind = "application" if owner is app else "blueprint"
        paths = getattr(loader, "searchpath", None)
        where = f" in {', '.join(map(repr, paths))}" if paths else f" by {type(loader).__name__}"
        answer = "not there" if source is None else f"found {source[1] or '<string>'!r}"
        lines.append(f"  {kind} {name!r}{where}: {answer}")
    found = sum(source is not None for *_, source in attempts)
    if found == 0:
        lines.append("No loader has it: is it in the right 'templates' folder?")
    elif found > 1:
        lines.append("Several loaders have it; the first one in this list is used.")
    return "\n".join(lines)


def select_autoescape(filename: str | None) -> bool:
    """Whether values are escaped in the template *filename*: by its suffix, and if it has no name."""
    return filename is None or filename.endswith((".html", ".htm", ".xml", ".xhtml", ".svg"))


def create_environment(app: Templated) -> Any:
    """The environment for *app*, by its ``jinja_environment``, ``jinja_options`` and configuration."""
    options = dict(app.jinja_options)
    options.setdefault("autoescape", app.select_jinja_autoescape)
    if "auto_reload" not in options:
        reload = app.config["TEMPLATES_AUTO_RELOAD"]
        options["auto_reload"] = app.debug if reload is None else reload
    environment: Any = (app.jinja_environment or Environment)(app, **options)
    environment.globals.update(
        config=app.config,
        g=g,
        get_flashed_messages=get_flashed_messages,
        request=request,
        session=session,
        url_for=app.url_for,
    )
    environment.policies["json.dumps_function"] = app.json.dumps
    return environment


async def update_context(app: Templated, ctx: Any, context: dict[str, Any]) -> None:
    """Add to *context* what every template sees, without replacing anything that is in it.

    `g`, and the `request` or `websocket` with the `session`; then what the context processors give,
    the application's first, the blueprint's that is nearest to the view last (and so winning).
    """
    extra: dict[str, Any] = {"g": ctx.g}
    connection = ctx.connection
    if connection is not None:
        extra["request" if ctx.has_request else "websocket"] = connection
        # The session stays a proxy: a template that does not look into it must not open it.
        extra["session"] = session
    processors = app.template_context_processors
    if processors:
        blueprints = () if connection is None else reversed(connection.blueprints)
        for name in (None, *blueprints):
            for processor in processors.get(name, ()):
                extra.update(await app.ensure_async(processor)())
    context.update(extra | context)


@must_await("render_template(...)", "page")
async def render_template(template_name_or_list: TemplateName, **context: Any) -> str:
    """Render the template of this name, or the first that exists of several, with *context*.

    Raises `jinja2.TemplateNotFound`, and `ContextError` outside of a context.
    """
    return await _render(_select, template_name_or_list, context)


@must_await("render_template_string(...)", "page")
async def render_template_string(source: str, **context: Any) -> str:
    """Render the template *source* with *context*; values are escaped as in an HTML file."""
    return await _render(_compile, source, context)


def stream_template(template_name_or_list: TemplateName, **context: Any) -> TemplateStream:
    """Render a template piece by piece: ``return stream_template("page.html")``.

    Awaiting the stream first is possible: then a template that does not exist is noticed at once,
    and not when the answer has begun. Arguments and errors as for `render_template`.
    """
    return TemplateStream(_select, template_name_or_list, context)


def stream_template_string(source: str, **context: Any) -> TemplateStream:
    """Render the template *source* piece by piece, as `stream_template` does."""
    return TemplateStream(_compile, source, context)


class TemplateStream(AsyncIterator[str]):
    """The pieces of a template as they are rendered, in the context that was active at the start.

    May be awaited before it is iterated, which finds the template and runs the context processors.
    """

    def __init__(self, find: Find, wanted: Any, context: dict[str, Any]) -> None:
        self._chunks: AsyncGenerator[str] = stream_with_context(_generate(find, wanted, context))
        self._begun = False

    def __await__(self) -> Generator[Any, Any, TemplateStream]:
        if not self._begun:
            yield from self._begin().__await__()
        return self

    async def _begin(self) -> None:
        self._begun = True
        await anext(self._chunks)

    async def __anext__(self) -> str:
        if not self._begun:
            await self._begin()
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Stop rendering: what the template holds open is closed."""
        await self._chunks.aclose()


async def _generate(find: Find, wanted: Any, context: dict[str, Any]) -> AsyncGenerator[str]:
    """First an empty piece, when all is ready to render; then the pieces of the template."""
    app, template = await _prepare(find, wanted, context)
    yield ""
    async with aclosing(template.generate_async(context)) as chunks:
        async for chunk in chunks:
            yield chunk
    if template_rendered.receivers:
        await _tell(template_rendered, app, template, context)


async def _render(find: Find, wanted: Any, context: dict[str, Any]) -> str:
    app, template = await _prepare(find, wanted, context)
    rendered = await template.render_async(context)
    if template_rendered.receivers:
        await _tell(template_rendered, app, template, context)
    return rendered


async def _prepare(find: Find, wanted: Any, context: dict[str, Any]) -> tuple[Templated, Template]:
    ctx = current.get(None)
    app: Templated = app_ctx.app if ctx is None else ctx.app  # the proxy says what is missing
    template = find(app.jinja_env, wanted)
    for name, value in context.items():  # jinja would show nothing in its place
        refuse_not_awaited(value, f"render_template(..., {name}={{0}})")
    await app.update_template_context(ctx, context)
    if before_render_template.receivers:
        await _tell(before_render_template, app, template, context)
    return app, template


async def _tell(
    signal: NamedSignal, app: Templated, template: Template, context: dict[str, Any]
) -> None:
    await signal.send_async(app, _sync_wrapper=app.ensure_async, template=template, context=context)


def _select(environment: BaseEnvironment, name_or_list: TemplateName) -> Template:
    return environment.get_or_select_template(name_or_list)


def _compile(environment: BaseEnvironment, source: str) -> Template:
    return environment.from_string(source)
