"""From what was found to what is changed in each module, and to what is left to the user."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from .facts import BLOCKING, REGISTERING
from .infer import Inference
from .model import Function, Module, Thing
from .report import Report
from .roles import TEST_CASE, is_app_command, is_command
from .sites import Found, Site
from .spread import Spread
from .syntax import decorators
from .wrappers import Wrapper, Wrappers

Nodes = set[cst.CSTNode]


@dataclass
class Edits:
    """What changes in one module, by nodes of its tree."""

    awaits: Nodes = field(default_factory=set[cst.CSTNode])
    #: Members that have another name: by node, the code with ``{}`` for the object.
    codes: dict[cst.CSTNode, str] = field(default_factory=dict[cst.CSTNode, str])
    #: Items of ``with`` and loops that become asynchronous.
    entered: Nodes = field(default_factory=set[cst.CSTNode])
    loops: Nodes = field(default_factory=set[cst.CSTNode])
    functions: Nodes = field(default_factory=set[cst.CSTNode])
    #: ``with`` statements around a response, which is not to be closed any more.
    unwrapped: Nodes = field(default_factory=set[cst.CSTNode])
    #: Generator expressions that become lists.
    lists: Nodes = field(default_factory=set[cst.CSTNode])
    #: Calls that go through `ensure_async`.
    ensured: Nodes = field(default_factory=set[cst.CSTNode])
    #: Commands that are added to an application, and need its context.
    commands: Nodes = field(default_factory=set[cst.CSTNode])
    #: Calls of `sqlite3.connect` whose connection wanders between threads.
    connections: Nodes = field(default_factory=set[cst.CSTNode])

    def __bool__(self) -> bool:
        return any(vars(self).values())


class Decisions:
    """The edits of all modules."""

    def __init__(
        self, infer: Inference, wrappers: Wrappers, found: Found, spread: Spread, report: Report
    ) -> None:
        self.infer = infer
        self.wrappers = wrappers
        self.found = found
        self.spread = spread
        self.report = report
        self.edits = {module: Edits() for module in infer.project.modules}

    def make(self) -> dict[Module, Edits]:
        """Decide on every site, and report what cannot be done."""
        for function in self.infer.project.functions():
            if function.is_async and not function.was_async:
                self.edits[function.module].functions.add(function.node)
        for site in self.found.sites:
            if self.spread.is_active(site):
                self._decide(site)
        for module in self.infer.project.modules:
            self._connections(module)
            self._commands(module)
        self._tell_of_functions()
        self._tell_of_mentions()
        self._tell_of_unknown_calls()
        self._tell_of_blocking()
        return self.edits

    # Sites.

    def _decide(self, site: Site) -> None:
        if site.how == "stream":
            self._stream(site)
            return
        if site.obstacle is not None or site.host is None or not site.host.is_async:
            self._leave(site)
            return
        edits = self.edits[site.module]
        if site.generator is not None:
            edits.lists.add(site.generator)
        match site.how:
            case "with":
                edits.entered.add(site.node)
            case "for":
                edits.loops.add(site.node)
            case "unwrap":
                edits.unwrapped.add(site.node)
            case "ensure":
                edits.awaits.add(site.node)
                if self._needs_ensuring(site):
                    edits.ensured.add(site.node)
            case _:
                edits.awaits.add(site.node)
                if site.fact is not None and site.fact.code is not None:
                    edits.codes[site.node] = site.fact.code

    def _needs_ensuring(self, site: Site) -> bool:
        if not isinstance(site.cause, Wrapper):
            return True
        through = isinstance(site.node, cst.Call) and isinstance(site.node.func, cst.Call)
        certain = self.wrappers.target_states(site.cause) == {"async"} and not site.cause.of_unknown
        return through or not certain

    def _leave(self, site: Site) -> None:
        host, node = site.host, site.node
        if host is not None and host.obstacle == TEST_CASE and host.owner is not None:
            self._note(site.module, host.owner.node, f"{host.owner.name}: {TEST_CASE}")
            return
        code = site.module.code(node.iter if isinstance(node, (cst.For, cst.CompFor)) else node)
        what = {"with": "entered with 'async with'", "for": "iterated with 'async for'"}
        needed = what.get(site.how, "awaited")
        why = site.obstacle
        if why is None and host is not None:
            why = f"{host.name}() stays a plain function: {host.obstacle}"
        self._note(site.module, node, f"'{code}' has to be {needed}; {why}")

    def _stream(self, site: Site) -> None:
        parent = site.module.parents[site.node]
        if isinstance(parent, cst.Return):
            return
        if isinstance(parent, cst.Arg):
            call = site.module.parents[parent]
            if isinstance(call, cst.Call):
                thing = self.infer.thing(site.module, call.func)
                if thing in _STREAMING or thing == Thing("member", ("app", "response_class()")):
                    return
        code = site.module.code(site.node)
        self._note(site.module, site.node, f"'{code}' is an asynchronous generator now")

    def _connections(self, module: Module) -> None:
        """Let a connection that is kept in ``g`` go from thread to thread.

        Plain functions run in whatever thread is free, coroutine functions in that of the event
        loop; within a request one follows the other.
        """
        for call in module.calls:
            if self.infer.thing(module, call.func) != Thing("external", "sqlite3.connect"):
                continue
            names = {argument.keyword.value for argument in call.args if argument.keyword}
            if "check_same_thread" in names or any(argument.star for argument in call.args):
                continue
            assign = module.parents[call]
            kept = isinstance(assign, cst.Assign) and any(
                isinstance(target.target, cst.Attribute)
                and self.infer.kind(module, target.target.value) == "g"
                for target in assign.targets
            )
            if kept:
                self.edits[module].connections.add(call)
            elif not module.is_test:
                self._note(
                    module,
                    call,
                    "parts of one request may run in different threads: if they share this"
                    " connection, pass check_same_thread=False",
                )

    def _commands(self, module: Module) -> None:
        """Give the context to commands that are added to an application: Flask does so by itself."""
        for call in module.calls:
            match call:
                case cst.Call(
                    func=cst.Attribute(
                        value=cst.Attribute(attr=cst.Name(value="cli")),
                        attr=cst.Name(value="add_command"),
                    ),
                    args=[cst.Arg(value=value), *_],
                ):
                    thing = self.infer.thing(module, value)
                case _:
                    continue
            command = thing.of if thing is not None else None
            if (
                isinstance(command, Function)
                and not self._has_context(command)
                and any(self._is_click(command, it) for it in command.node.decorators)
            ):
                self.edits[command.module].commands.add(command.node)

    def _is_click(self, function: Function, decorator: cst.Decorator) -> bool:
        return self.infer.lookup.decorator_source(function, decorator) == "click.command"

    # What is told.

    def _note(self, module: Module, node: cst.CSTNode, reason: str) -> None:
        self.report.note(module.path, module.line(node), reason)

    def _made(self, function: Function) -> bool:
        return function.is_async and not function.was_async

    def _tell_of_functions(self) -> None:
        for function in self.infer.project.functions():
            if not self._made(function):
                continue
            for decorator in self.wrappers.unrecognised(function):
                self._note(
                    function.module,
                    function.node,
                    f"{function.name}() is a coroutine function now, and {decorator.name}() around it"
                    " may not await it",
                )
            known = function.node in self.edits[function.module].commands
            if self.infer.lookup.has_wide_scope(function):
                self._note(
                    function.module,
                    function.node,
                    f"the fixture {function.name}() is a coroutine function now: pytest-asyncio wants a"
                    " loop_scope for it, and for the tests that use it",
                )
            if is_command(function) and not known and not self._has_context(function):
                self._note(
                    function.module,
                    function.node,
                    f"the command {function.name}() is a coroutine function now: where it needs the"
                    " application, decorate it with pottle.cli.with_appcontext",
                )

    def _has_context(self, function: Function) -> bool:
        if "with_appcontext" in {name.rpartition(".")[2] for name in decorators(function)}:
            return True
        return any(
            is_app_command(self.infer, function, decorator)
            for decorator in function.node.decorators
        )

    def _tell_of_mentions(self) -> None:
        for module, node, function in self.found.mentions:
            if self._made(function) and not self._may_be_handed_on(module, node):
                self._note(
                    module,
                    node,
                    f"{function.name}() is a coroutine function now: whoever calls it from here has"
                    " to await it",
                )

    def _may_be_handed_on(self, module: Module, node: cst.CSTNode) -> bool:
        parent = module.parents[node]
        match parent:
            case (
                cst.Attribute() | cst.Return() | cst.Assign(targets=[cst.AssignTarget(cst.Name())])
            ):
                return True  # whoever calls it by that name is found as any caller is
            case _:
                pass
        if not isinstance(parent, cst.Arg):
            return False
        call = module.parents[parent]
        if not isinstance(call, cst.Call):
            return False
        thing = self.infer.thing(module, call.func)
        if thing is not None and thing.of in self.wrappers.by_decorator:
            return True
        name = call.func.attr.value if isinstance(call.func, cst.Attribute) else None
        if isinstance(call.func, cst.Name):
            name = call.func.value
        return name in REGISTERING | _TAKING

    def _tell_of_unknown_calls(self) -> None:
        made = {
            function.node.name.value: function
            for function in self.infer.project.functions()
            if self._made(function)
            and function.owner is not None
            and not self.infer.lookup.is_view_method(function)
            and not self.infer.lookup.is_test(function)
        }
        for module, call, name in self.found.unknown_calls:
            function = made.get(name)
            if function is not None and name not in _EVERYDAY:
                self._note(
                    module,
                    call,
                    f"if this calls {function.name}(), it has to be awaited: that is a coroutine"
                    " function now",
                )

    def _tell_of_blocking(self) -> None:
        """Say once for each file what now waits on the event loop."""
        blocking = self._blocking()
        for module in self.infer.project.modules:
            made = [it for it in module.functions.values() if self._made(it) and it in blocking]
            if not made or module.is_test:
                continue
            names = ", ".join(f"{function.name}()" for function in made)
            waits = ", ".join(sorted({blocking[function] for function in made}))
            self._note(
                module,
                made[0].node,
                f"runs on the event loop now, and blocks it while it waits for {waits}: {names}. Wrap"
                " the calls with pottle.run_sync, or use an asynchronous library",
            )

    def _blocking(self) -> dict[Function, str]:
        """The functions that wait for something by themselves or by what they call, and for what."""
        found: dict[Function, str] = {}
        while True:
            before = len(found)
            for function, calls in self.found.calls.items():
                for call in calls:
                    waits = self._waits(function.module, call, found)
                    if waits is not None:
                        found.setdefault(function, waits)
            if len(found) == before:
                return found

    def _waits(self, module: Module, call: cst.Call, known: dict[Function, str]) -> str | None:
        match self.infer.thing(module, call.func):
            case Thing("external" | "made", str(dotted)):
                return next(
                    (it for it in BLOCKING if dotted == it or dotted.startswith(f"{it}.")), None
                )
            case Thing("function", Function() as function):
                return known.get(function)
            case _:
                return None


_STREAMING = (Thing("name", "flask.Response"), Thing("name", "flask.stream_with_context"))
#: Functions that do with a coroutine function what they do with a plain one.
_TAKING = frozenset(
    "after_this_request as_view copy_current_request_context create_task ensure_async ensure_future"
    " ensure_sync gather isinstance iscoroutinefunction run setattr signature stream_with_context"
    " update_wrapper with_appcontext wraps add_command".split()
)
#: Names that the methods of the usual containers, files and strings have, too.
_EVERYDAY = frozenset(name for kind in (dict, list, set, str, bytes) for name in dir(kind)) | {
    "close",
    "open",
    "read",
    "save",
    "write",
}
