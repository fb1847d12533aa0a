"""Does the kit see a single small change to a built-in component?

Every function of the components is changed in one place at a time: an operator, a comparison, a constant, a term or a
factor left out, arguments swapped, a statement dropped. The kit is then run over the components that use the function,
until a check fails: the change is found. What is never changed is what says what is right: ``reference``, docstrings,
what a component declares to the kit, error messages, and the limits of fields.

    python tests/core/testing/mutation.py [NAME ...]    # kinds or components; all by default
"""

from __future__ import annotations

import ast
import copy
import inspect
import os
import signal
import sys
import time
import types
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.testing.kit import Check
from chainrule.testing.running import checks_for, run
from chainrule.testing.subject import Examined

KINDS = ("layer", "activation", "loss", "optimizer", "schedule", "initializer", "regularizer", "metric", "model")
LEFT_OUT = ("reference", "__post_init__", "register_components", "output", "config_search_path")
OF_CLASSES_ALONE = (
    "registration", "constructible", "declarations", "docstring", "formula", "refuses_bad_values", "fields_kept",
    "config_round_trip", "refuses_bad_rates", "declares_tasks", "let_go",
    "same_in_another_process",  # where the component is as it was
)  # fmt: skip
"""Checks that run nothing of what is changed."""
FIRST = ("formula_computed", "gradient_elsewhere", "gradient", "runs", "used_again")
SECONDS = 30
PACKAGE = "chainrule_plugins"


# ---- what can be changed, and how


@dataclass(frozen=True)
class Mutant:
    """One change: in which function, and what it is, in words."""

    module: str
    function: str
    line: int
    what: str
    tree: ast.Module = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return f"{self.module.removeprefix(PACKAGE + '.')}.{self.function}: {self.what}"


OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Add,),
    ast.Pow: (ast.Mult,),
}
COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
NAMES = {
    "maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max", "sum": "mean", "mean": "sum",
    "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "floor": "ceil",
    "ceil": "floor", "argmax": "argmin", "argmin": "argmax", "add": "subtract", "subtract": "add",
    "multiply": "divide", "divide": "multiply", "exp": "expm1", "log1p": "log", "sqrt": "square",
}  # fmt: skip
COMMUTATIVE = ("max", "min", "maximum", "minimum", "add", "multiply", "hypot", "isclose", "array_equal")
UNCHANGED_ARGUMENTS = ("out", "casting", "strict", "optimize")
"""Of which a call is the same without, but for speed."""


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """What one node can become, in words; None: it is left out."""
    text = ast.unparse(node).partition("\n")[0][:90] if isinstance(node, ast.stmt) else ""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield _became(node, ast.BinOp(node.left, operator(), node.right))
        if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
            yield _became(node, node.left)
            yield _became(node, node.right)
        if isinstance(node.op, (ast.MatMult, ast.Sub, ast.Div, ast.Pow)):
            yield _became(node, ast.BinOp(node.right, node.op, node.left))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield _became(node, node.operand)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for comparison in COMPARISONS[type(node.ops[0])]:
            yield _became(node, ast.Compare(node.left, [comparison()], node.comparators))
    elif isinstance(node, ast.BoolOp):
        yield _became(node, ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values))
        for i in range(len(node.values)):
            rest = [value for j, value in enumerate(node.values) if j != i]
            yield _became(node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _became(node, ast.Constant(not node.value))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield _became(node, ast.Constant(node.value + 1))
        yield _became(node, ast.Constant(node.value - 1))
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield _became(node, ast.Constant(2 * node.value if node.value else 1.0))
        yield _became(node, ast.Constant(-node.value if node.value else -1.0))
    elif isinstance(node, ast.IfExp):
        yield _became(node, ast.IfExp(node.test, node.orelse, node.body))
        yield _became(node, node.body)
        yield _became(node, node.orelse)
    elif isinstance(node, ast.Call):
        swappable = len(node.args) >= 2 and not any(isinstance(argument, ast.Starred) for argument in node.args)
        if swappable and _called(node) not in COMMUTATIVE and ast.dump(node.args[0]) != ast.dump(node.args[1]):
            swapped = [node.args[1], node.args[0], *node.args[2:]]
            yield _became(node, ast.Call(node.func, swapped, node.keywords))
        for i, keyword in enumerate(node.keywords):
            if keyword.arg is not None and keyword.arg not in UNCHANGED_ARGUMENTS:
                rest_of = [other for j, other in enumerate(node.keywords) if j != i]
                yield _became(node, ast.Call(node.func, node.args, rest_of))
    elif isinstance(node, ast.Attribute) and node.attr in NAMES and isinstance(node.ctx, ast.Load):
        yield _became(node, ast.Attribute(node.value, NAMES[node.attr], node.ctx))
    elif isinstance(node, ast.Name) and node.id in ("max", "min") and isinstance(node.ctx, ast.Load):
        yield _became(node, ast.Name(NAMES[node.id], node.ctx))
    elif isinstance(node, ast.AugAssign):
        for operator in OPERATORS.get(type(node.op), ()):
            yield _became(node, ast.AugAssign(node.target, operator(), node.value))
        yield f"{text}: dropped", None
    elif isinstance(node, ast.If):
        yield f"if {ast.unparse(node.test)}: turned", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield f"if {ast.unparse(node.test)}: dropped", None
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.For)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield f"{text}: dropped", None


def _called(call: ast.Call) -> str:
    """The last part of what is called: ``"maximum"``."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _became(before: ast.AST, after: ast.AST) -> tuple[str, ast.AST]:
    return f"{ast.unparse(before)} -> {ast.unparse(after)}", after


def places(function: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Every node below a function that may be changed: its parent, the parent's field, and the place in a list."""
    for name, value in ast.iter_fields(function):
        if name in ("decorator_list", "returns", "annotation", "args") and not isinstance(function, ast.Call):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.Raise, ast.JoinedStr, ast.expr_context)):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring
            if isinstance(child, ast.AnnAssign) and child.value is None:
                continue  # a type alone
            if isinstance(function, ast.Call) and _called(function) == "reshape" and isinstance(child, ast.UnaryOp):
                continue  # any number below 0 is to reshape what -1 is
            yield function, name, index
            yield from places(child)


def mutants_of(module: Any) -> Iterator[Mutant]:
    """Every change to a function of a module."""
    source = inspect.getsource(module)
    tree = ast.parse(source)
    for path in _functions(tree):
        function = path[-1]
        qualified = ".".join(node.name for node in path)
        for position, (parent, name, index) in enumerate(places(function)):
            held = getattr(parent, name)
            node = held if index is None else held[index]
            for number, (what, _) in enumerate(changes(node)):
                changed = copy.deepcopy(tree)
                twin = next(f for p in _functions(changed) if ".".join(n.name for n in p) == qualified for f in [p[-1]])
                parent_twin, name_twin, index_twin = list(places(twin))[position]
                held_twin = getattr(parent_twin, name_twin)
                node_twin = held_twin if index_twin is None else held_twin[index_twin]
                after = list(changes(node_twin))[number][1]
                if after is None:
                    after = ast.Pass()
                if index_twin is None:
                    setattr(parent_twin, name_twin, after)
                else:
                    held_twin[index_twin] = after
                yield Mutant(
                    module.__name__, qualified, getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed)
                )


def _functions(tree: ast.Module) -> Iterator[tuple[Any, ...]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not _left_out(node):
            yield (node,)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not _left_out(inner):
                    yield node, inner


def _left_out(node: ast.FunctionDef) -> bool:
    return node.name in LEFT_OUT or node.name.startswith("check")


# ---- running the kit over one


def apply(mutant: Mutant) -> None:
    """Have the function do what the changed one does, in this process."""
    code: Any = compile(mutant.tree, mutant.module, "exec")
    module = sys.modules[mutant.module]
    *classes, last = mutant.function.split(".")
    owner: Any = getattr(module, classes[0]) if classes else module
    for name in (*classes, last):
        code = next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)
    held = vars(owner)[last]
    target = held.fget if isinstance(held, property) else getattr(held, "__func__", held)
    target = getattr(target, "func", target)
    target = inspect.unwrap(target)
    if target.__code__.co_freevars == code.co_freevars:
        target.__code__ = code
    else:
        setattr(owner, last, types.FunctionType(code, vars(module), last, target.__defaults__))


def found_by(mutant: Mutant, components: Sequence[tuple[Examined, Sequence[Check]]]) -> str | None:
    """The first check that fails, run in a process of its own; None where none does."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        answer = ""
        try:
            apply(mutant)
            for examined, checks in components:
                for check in checks:
                    try:
                        run(check, examined)
                    except BaseException:
                        answer = f"{examined.name}-{check.name}"
                        raise
        except BaseException as error:
            answer = answer or f"cannot be made: {type(error).__name__}: {error}"
        os.write(writing, answer.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return answer or (None if status == 0 else "time ran out")


def users_of(module_name: str, function: str) -> list[str]:
    """The components that may run a function, the nearest first: those of its class, of its module, and of all modules
    that import its."""
    entries = [entry for entry in cr.registry() if entry.kind in KINDS and entry.cls.__module__.startswith(PACKAGE)]
    owner = function.split(".")[0]
    of_class = [e for e in entries if any(c.__module__ == module_name and c.__name__ == owner for c in e.cls.__mro__)]
    if of_class:
        return [f"{e.kind}.{e.name}" for e in of_class]
    reaching = _importers(module_name)
    return [f"{e.kind}.{e.name}" for e in entries if {c.__module__ for c in e.cls.__mro__} & reaching]


def _importers(module_name: str) -> set[str]:
    """The modules of the package that import a module, directly or not, and itself."""
    found = {module_name}
    while True:
        more = {
            name
            for name, module in sys.modules.items()
            if name.startswith(PACKAGE)
            and any(getattr(value, "__module__", None) in found for value in vars(module).values())
        }
        if more <= found:
            return found
        found |= more


def prepared(names: Sequence[str]) -> list[tuple[Examined, Sequence[Check]]]:
    """The components with the checks that are worth running, the likeliest first."""
    found = []
    for name in names:
        examined = Examined(name)
        checks = [check for check in checks_for(name) if check.name not in OF_CLASSES_ALONE]
        checks.sort(key=lambda check: (check.name not in FIRST, not check.name.startswith("gradient")))
        found.append((examined, checks))
    return found


@dataclass
class Tally:
    """What became of the changes to the components of one kind."""

    found: int = 0
    survived: list[Mutant] = field(default_factory=list)
    by: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        return self.found / max(self.found + len(self.survived), 1)


def kind_of(module_name: str) -> str:
    """``"layer"`` of ``chainrule_plugins.layers.dense``"""
    part = module_name.split(".")[1]
    return next(kind for kind in KINDS if part in (f"{kind}s", f"{kind}es", f"{kind[:-1]}ies"))


def modules() -> list[Any]:
    """Those whose functions are changed."""
    parts = {f"{kind}{plural}" for kind in KINDS for plural in ("s", "es")} | {"losses"}
    named = sorted(name for name in sys.modules if name.startswith(f"{PACKAGE}."))
    return [sys.modules[name] for name in named if name.split(".")[1] in parts]


def tallied(only: Sequence[str] = (), every: int = 1, budget: float = float("inf")) -> dict[str, Tally]:
    """Make the changes, all or every so many, and see which of them the kit finds.

    Args:
        only: kinds, components or modules to look at; all where there are none.
        budget: seconds after which no more are tried.
    """
    cr.registry()
    tallies: dict[str, Tally] = defaultdict(Tally)
    memory: dict[tuple[str, ...], Any] = {}
    start = time.monotonic()
    for module in modules():
        kind = kind_of(module.__name__)
        for number, mutant in enumerate(mutants_of(module)):
            if number % every or time.monotonic() - start > budget:
                continue
            names = users_of(mutant.module, mutant.function)
            if only and not {kind, mutant.module, *names} & set(only):
                continue
            key = tuple(names)
            if key not in memory:
                memory[key] = prepared(names)
            found = found_by(mutant, memory[key])
            tally = tallies[kind]
            if found is None:
                tally.survived.append(mutant)
            else:
                tally.found += 1
                tally.by[found.partition("-")[2] or found.partition(":")[0]] += 1
    return dict(tallies)


def main(only: Sequence[str]) -> None:
    """Print what survives, and a table."""
    warnings.simplefilter("ignore")
    tallies = tallied(only)
    for kind, tally in tallies.items():
        for mutant in tally.survived:
            print(f"{kind} {Path(mutant.module.replace('.', '/')).name}:{mutant.line} {mutant.function}: {mutant.what}")
    print(f"\n{'kind':12} {'changes':>8} {'found':>8} {'share':>7}   by")
    for kind, tally in tallies.items():
        total = tally.found + len(tally.survived)
        by = ", ".join(f"{name} {count}" for name, count in tally.by.most_common(4))
        print(f"{kind:12} {total:8} {tally.found:8} {tally.share:7.1%}   {by}")


if __name__ == "__main__":
    main(sys.argv[1:])
