"""What an expression stands for: a client, a response, a function of the project.

A guess is never made: where two things are possible, nothing is known, and None is the answer.
What is given to a parameter is taken from the calls in the project and from pytest's fixtures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import libcst as cst
from libcst.metadata import Assignment, BaseAssignment, ImportAssignment, Scope

from .facts import CALLS, INSTANCES, MEMBERS, VALUES, Fact
from .lookup import Lookup
from .model import Class, Function, Module, Thing
from .names import canonical
from .project import Project
from .syntax import (
    arguments,
    contains,
    decorators,
    import_source,
    star_imports,
    statement_of,
)

_ROUNDS = 5
_NOTHING: Iterable[Thing | None] = ()


class Inference:
    """Answers what expressions of *project* stand for."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.lookup = Lookup(project, self.thing)
        self._all_calls = [(module, call) for module in project.modules for call in module.calls]
        #: The calls of each function that are known.
        self.calls: dict[Function, list[tuple[Module, cst.Call]]] = {}
        self._known: dict[object, Thing | None] = {}
        for _ in range(_ROUNDS):
            before = sum(map(len, self.calls.values()))
            self._collect_calls()
            if sum(map(len, self.calls.values())) == before:
                break

    def _collect_calls(self) -> None:
        found: dict[Function, list[tuple[Module, cst.Call]]] = {}
        for module, call in self._all_calls:
            called = self.called(module, call)
            if called is not None:
                found.setdefault(called, []).append((module, call))
        self.calls = found
        self._known.clear()  # the calls say more about the parameters now

    def called(self, module: Module, call: cst.Call) -> Function | None:
        """The function of the project that *call* calls; of a class, its ``__init__``."""
        match self.thing(module, call.func):
            case Thing("function", Function() as function):
                return function
            case Thing("class", Class() as cls):
                return self.lookup.method(cls, "__init__")
            case _:
                return None

    def thing(self, module: Module, node: cst.BaseExpression) -> Thing | None:
        """What *node* stands for, if that is certain."""
        if node not in self._known:
            self._known[node] = None  # for what refers to itself
            self._known[node] = self._thing(module, node)
        return self._known[node]

    def kind(self, module: Module, node: cst.BaseExpression) -> str | None:
        """The kind of what *node* stands for; for an instance of a class, that of its base."""
        return self.lookup.kind_of(self.thing(module, node))

    def fact(self, module: Module, node: cst.BaseExpression) -> Fact | None:
        """What is known of a call, or of reading an attribute."""
        match node:
            case cst.Call(func=func):
                match self.thing(module, func):
                    case Thing("member", (str(kind), str(name))):
                        return MEMBERS[kind][name]
                    case Thing("name", str(dotted)):
                        return CALLS.get(dotted)
                    case _:
                        return None
            case cst.Attribute(value=value, attr=attr):
                found = self._attribute(self.thing(module, value), attr.value)
                known = MEMBERS.get(self.kind(module, value) or "", {})
                return known.get(attr.value) if found is None or found.kind != "function" else None
            case _:
                return None

    def _thing(self, module: Module, node: cst.BaseExpression) -> Thing | None:
        match node:
            case cst.Name():
                return self._name(module, node)
            case cst.Attribute(value=value, attr=attr):
                return self._attribute(self.thing(module, value), attr.value)
            case cst.Call():
                return self._result(module, node)
            case cst.Await(expression=value) | cst.NamedExpr(value=value):
                return self.thing(module, value)
            case cst.IfExp(body=one, orelse=other) | cst.BooleanOperation(left=one, right=other):
                return join([self.thing(module, one), self.thing(module, other)])
            case cst.Subscript(value=value):
                return self._item(module, node, self.thing(module, value))
            case cst.Tuple(elements=elements):
                return self._tuple(module, elements)
            case cst.Yield(value=cst.BaseExpression() as value):
                return self.thing(module, value)
            case cst.SimpleString():
                return self._quoted(module, node)
            case _:
                return None

    # Names.

    def _name(self, module: Module, node: cst.Name) -> Thing | None:
        scope = module.scopes.get(node)
        if scope is None:
            return None
        assignments = list(scope[node.value])
        if len(assignments) > 1:
            assignments = _reaching(module, node, assignments, scope)
        return join(self.assigned(module, it) for it in assignments if not _is_none(module, it))

    def _quoted(self, module: Module, node: cst.SimpleString) -> Thing | None:
        """The class that a quoted annotation names."""
        text = node.evaluated_value
        if module.globals is None or not isinstance(text, str):
            return None
        return join(self.assigned(module, assignment) for assignment in module.globals[text])

    def assigned(self, module: Module, assignment: BaseAssignment) -> Thing | None:
        """What a name stands for by this assignment."""
        if isinstance(assignment, ImportAssignment):
            return self.imported(import_source(module, assignment))
        if not isinstance(assignment, Assignment):
            return None
        match assignment.node:
            case cst.FunctionDef() as node:
                return Thing("function", module.functions[node])
            case cst.ClassDef() as node:
                return Thing("class", module.classes[node])
            case cst.Param() as node:
                return self._parameter(module, node)
            case cst.Name() as node:
                return self._target(module, node)
            case _:
                return None

    def imported(self, dotted: str | None) -> Thing | None:
        """What is imported as *dotted*: of Flask, of the project or of another package."""
        if dotted is None:
            return None
        flask = canonical(dotted)
        if flask is not None:
            kind = VALUES.get(flask)
            return Thing(kind) if kind else Thing("name", flask)
        if (module := self.project.module(dotted)) is not None:
            return Thing("module", module)
        home, _, name = dotted.rpartition(".")
        if home and (module := self.project.module(home)) is not None:
            return self._global(module, name)
        return Thing("external", dotted)

    def _global(self, module: Module, name: str) -> Thing | None:
        key = (module, name)
        if key not in self._known:
            self._known[key] = None
            self._known[key] = self._find_global(module, name)
        return self._known[key]

    def _find_global(self, module: Module, name: str) -> Thing | None:
        if module.globals is not None and name in module.globals:
            found = module.globals[name]
            return join(self.assigned(module, it) for it in found if not _is_none(module, it))
        submodule = self.project.module(f"{module.name}.{name}")
        if submodule is not None:
            return Thing("module", submodule)
        return join(
            self._global(home, name)
            for dotted in star_imports(module)
            if (home := self.project.module(dotted)) is not None
        )

    def _target(self, module: Module, node: cst.Name) -> Thing | None:
        """What is assigned to the name *node*."""
        parent = module.parents.get(node)
        match parent:
            case cst.AssignTarget():
                assign = module.parents[parent]
                return self.thing(module, assign.value) if isinstance(assign, cst.Assign) else None
            case cst.AnnAssign(value=value, annotation=annotation):
                return self._annotated(module, annotation) or (
                    self.thing(module, value) if value else None
                )
            case cst.NamedExpr(value=value):
                return self.thing(module, value)
            case cst.For(iter=source) | cst.CompFor(iter=source):
                return self._member(self.thing(module, source), "iter")
            case cst.AsName():
                return self._entered(module, parent)
            case cst.Element():
                return self._unpacked(module, parent)
            case _:
                return None

    def _tuple(self, module: Module, elements: Sequence[cst.BaseElement]) -> Thing:
        return Thing("tuple", items=tuple(self.thing(module, it.value) for it in elements))

    def _item(self, module: Module, node: cst.Subscript, thing: Thing | None) -> Thing | None:
        match thing, node.slice:
            case (
                Thing("tuple", items=things),
                [cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value=number)))],
            ):
                return things[int(number)] if int(number) < len(things) else None
            case _:
                return self._member(thing, "[]")

    def _entered(self, module: Module, name: cst.AsName) -> Thing | None:
        item = module.parents[name]
        return self.thing(module, item.item) if isinstance(item, cst.WithItem) else None

    def _unpacked(self, module: Module, element: cst.Element) -> Thing | None:
        """What one of several names is, in ``app, client = ...`` or a loop over pairs."""
        names = module.parents[element]
        if not isinstance(names, (cst.Tuple, cst.List)):
            return None
        place = [it is element for it in names.elements].index(True)
        match module.parents[names]:
            case cst.For(iter=source) | cst.CompFor(iter=source):
                pairs = self.thing(module, source) == Thing("files by name")
                return Thing("file") if pairs and place == 1 else None
            case cst.AssignTarget() as target:
                assign = module.parents[target]
                match self.thing(module, assign.value) if isinstance(assign, cst.Assign) else None:
                    case Thing("tuple", items=things) if len(things) == len(names.elements):
                        return things[place]
                    case _:
                        return None
            case _:
                return None

    # Parameters.

    def _parameter(self, module: Module, param: cst.Param) -> Thing | None:
        node = module.parents[module.parents[param]]
        if not isinstance(node, cst.FunctionDef):
            return None
        function = module.functions[node]
        name = param.name.value
        known = self._annotated(module, param.annotation) or self._receiver(function, param)
        if known is not None:
            return known
        if self.lookup.takes_fixtures(function):
            fixture = self.lookup.fixture(module, name, but=function)
            return None if fixture is None else self.result_of(fixture)
        if self.lookup.registrations(function) & {"after_request", "after_app_request"}:
            return Thing("response")
        return join(
            self.thing(caller, given)
            for caller, call in self.calls.get(function, ())
            for given in arguments(call, function, name)
            if not (isinstance(given, cst.Name) and given.value == "None")
        )

    def _annotated(self, module: Module, annotation: cst.Annotation | None) -> Thing | None:
        if annotation is None:
            return None
        match self.thing(module, annotation.annotation):
            case Thing("name", str(dotted)) if dotted in INSTANCES:
                return Thing(INSTANCES[dotted])
            case Thing("class", Class() as cls):
                return Thing("instance", cls)
            case _:
                return None

    def _receiver(self, function: Function, param: cst.Param) -> Thing | None:
        """What ``self`` and ``cls`` are."""
        if function.owner is None or not function.params or function.params[0] is not param:
            return None
        names = decorators(function)
        if "staticmethod" in names:
            return None
        return Thing("class" if "classmethod" in names else "instance", function.owner)

    # Members and results.

    def attribute(self, module: Module, node: cst.BaseExpression, name: str) -> Thing | None:
        """What the attribute *name* of *node* stands for."""
        return self._attribute(self.thing(module, node), name)

    def _attribute(self, thing: Thing | None, name: str) -> Thing | None:
        match thing:
            case None:
                return None
            case Thing("name", str(dotted)):
                return self.imported(f"{dotted}.{name}")
            case Thing("external", str(dotted)):
                return Thing("external", f"{dotted}.{name}")
            case Thing("made"):
                return thing
            case Thing("module", Module() as module):
                return self._global(module, name)
            case Thing("class" | "instance" | "super", Class() as cls):
                return self._of_class(thing, cls, name)
            case _:
                return self._member(thing, name) or self._member_call(thing.kind, name)

    def _of_class(self, thing: Thing, cls: Class, name: str) -> Thing | None:
        method = self.lookup.method(cls, name, above=thing.kind == "super")
        if method is not None:
            is_property = "property" in decorators(method) and thing.kind == "instance"
            return self.result_of(method) if is_property else Thing("function", method)
        values = self.lookup.attribute_values(cls, name)
        if values:
            return join(self.thing(home, value) for home, value in values)
        kind = self.lookup.base_kind(cls)
        if kind is not None and thing.kind != "class":
            return self._member(Thing(kind), name) or self._member_call(kind, name)
        return self.lookup.made_base(cls)

    def _member(self, thing: Thing | None, name: str) -> Thing | None:
        if thing is None or thing.kind == "made":
            return thing
        fact = MEMBERS.get(thing.kind, {}).get(name)
        return Thing(fact.gives) if fact is not None and fact.gives else None

    def _member_call(self, kind: str, name: str) -> Thing | None:
        name = f"{name}()"
        return Thing("member", (kind, name)) if name in MEMBERS.get(kind, {}) else None

    def _result(self, module: Module, call: cst.Call) -> Thing | None:
        fact = self.fact(module, call)
        if fact is not None:
            return Thing(fact.gives) if fact.gives else None
        match self.thing(module, call.func):
            case Thing("function", Function() as function):
                return self.result_of(function)
            case Thing("class", Class() as cls):
                return Thing("instance", cls)
            case Thing("external", str(dotted)):
                return Thing("made", dotted)
            case Thing("made") as made:
                return made
            case None:
                return self._super(module, call)
            case _:
                return None

    def _super(self, module: Module, call: cst.Call) -> Thing | None:
        if not (isinstance(call.func, cst.Name) and call.func.value == "super" and not call.args):
            return None
        node: cst.CSTNode | None = call
        while node is not None and not isinstance(node, cst.ClassDef):
            node = module.parents.get(node)
        return None if node is None else Thing("super", module.classes[node])

    def result_of(self, function: Function) -> Thing | None:
        """What a call of *function* gives; for a fixture, what a test is given."""
        if function not in self._known:
            self._known[function] = None
            annotated = self._annotated(function.module, function.node.returns)
            values: list[cst.BaseExpression] = list(function.returns)
            if self.lookup.is_fixture(function):
                values.extend(function.yields)
            elif function.is_generator:
                values = []
            self._known[function] = annotated or join(
                self.thing(function.module, value)
                for value in values
                if not (isinstance(value, cst.Name) and value.value == "None")
            )
        return self._known[function]


def join(things: Iterable[Thing | None] = _NOTHING) -> Thing | None:
    """The one thing that *things* are; what is unknown does not count, two different are unknown."""
    found = {thing for thing in things if thing is not None}
    return found.pop() if len(found) == 1 else None


def _is_none(module: Module, assignment: BaseAssignment) -> bool:
    node = getattr(assignment, "node", None)
    target = module.parents.get(node) if isinstance(node, cst.Name) else None
    if not isinstance(target, cst.AssignTarget):
        return False
    assign = module.parents[target]
    return isinstance(assign, cst.Assign) and getattr(assign.value, "value", "") == "None"


def _reaching(
    module: Module, node: cst.Name, found: list[BaseAssignment], scope: Scope
) -> list[BaseAssignment]:
    """Of several assignments the one that was made last before *node*, if that is certain."""
    here = module.positions[node].start
    before = [
        (place.start.line, place.start.column, assignment)
        for assignment in found
        if isinstance(assignment, Assignment)
        and assignment.scope is scope
        and (place := module.positions.get(assignment.node)) is not None
        and (place.start.line, place.start.column) < (here.line, here.column)
    ]
    before.sort(key=lambda it: it[:2], reverse=True)
    for *_, assignment in before:
        statement = statement_of(module, assignment.node)
        inside_with = isinstance(statement, (cst.With, cst.For))
        if contains(module, statement, node) and not inside_with:
            continue  # the value is computed from what the name was before
        block = statement if inside_with else module.parents[statement]
        return [assignment] if contains(module, block, node) else found
    return found
