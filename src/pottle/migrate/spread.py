"""Which functions become coroutine functions: those that wait, and then those that call them."""

from __future__ import annotations

from .infer import Inference
from .model import Function
from .roles import replacements
from .sites import Found, Site
from .wrappers import Wrapper, Wrappers


class Spread:
    """Marks functions as async until nothing more follows from it."""

    def __init__(self, infer: Inference, wrappers: Wrappers, found: Found) -> None:
        self.infer = infer
        self.wrappers = wrappers
        self.found = found
        self.replacements = replacements(infer)
        self.families = list(self._families())

    def run(self, all_async: bool) -> None:
        """Mark what waits; with *all_async* also the views and hooks that do not."""
        if all_async:
            for function in self.infer.project.functions():
                if self.infer.lookup.is_view(function) and not function.is_generator:
                    self._mark(function)
        while self._step():
            pass

    def _step(self) -> bool:
        changed = [
            self._mark(site.host)
            for site in self.found.sites
            if site.host is not None
            and site.obstacle is None
            and self.is_active(site)
            and site.how != "stream"
            and site.cause != "in async"
        ]
        changed += [self._mark(fake) for real, fake in self.replacements if real.is_async]
        for family in self.families:
            if any(one.is_async for one in family):
                changed += [self._mark(one) for one in family]
        return any(changed)

    def _mark(self, function: Function) -> bool:
        if function.is_async or function.obstacle is not None:
            return False
        function.is_async = True
        return True

    def is_active(self, site: Site) -> bool:
        """Whether the site's cause has come about."""
        cause = site.cause
        if cause == "always":
            return True
        if cause == "in async":
            return site.host is not None and site.host.is_async
        if isinstance(cause, Wrapper):
            return (
                cause.function.is_async or self.wrappers.target_states(cause) - {"plain"} != set()
            )
        assert isinstance(cause, Function)
        if cause.is_generator:
            return cause.is_async and not cause.was_async
        if cause.was_async:
            return False  # who does not await it now has a reason
        return self.wrappers.state(cause) == "async"

    def _families(self) -> list[list[Function]]:
        """Methods that override one another: a caller does not know which of them it calls."""
        found: list[list[Function]] = []
        for module in self.infer.project.modules:
            for cls in module.classes.values():
                if self.infer.lookup.base_kind(cls) in {"view", "test case"}:
                    continue
                for name, method in cls.methods.items():
                    above = self.infer.lookup.method(cls, name, above=True)
                    if above is not None and not name.startswith("__"):
                        found.append([method, above])
        return found
