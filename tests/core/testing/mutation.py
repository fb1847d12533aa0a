"""Does the kit see a single small change to a built-in component?

Every function of the components is changed in one place at a time: an operator, a comparison, a constant, a term or a
factor left out, arguments swapped, a statement dropped. The kit is then run over the components that use the function,
until a check fails: the change is found. What is never changed is what says what is right: ``reference``, docstrings,
what a component declares to the kit, error messages, and the limits of fields.

    python tests/core/testing/mutation.py [NAME ...]    # kinds or modules; all by default

Each check of each component is run once first, to know which functions it runs: only those that run a changed one are
run again, each time in a process of its own. What survives is listed in ``equivalents/<kind>.toml`` with why: as
``same``, where it changes nothing that a number could show, or as ``beyond``, where no check asks for what it changes.
``test_mutation.py`` (a soak) asks that nothing else does, and that of what changes anything 97 % are found.
"""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
import os
import signal
import sys
import time
import tomllib
import types
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.testing.kit import Check
from chainrule.testing.running import checks_for, reasons_of, run
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
OF_REFERENCES = "_references"
"""The module of which references consist."""
PACKAGE = "chainrule_plugins"


# ---- what can be changed, and how


@dataclass(frozen=True)
class Mutant:
    """One change: in which function, and what it is, in words."""

    module: str
    function: str
    line: int
    what: str
    code: types.CodeType = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return f"{self.module.removeprefix(PACKAGE + '.')}.{self.function}: {self.what}"


@dataclass(frozen=True)
class Known:
    """Changes to a function that survive, and why: as they change nothing, or are ``beyond`` what is checked.

    ``line``: the one line that is meant, where others hold the same change: ``"if self.growth == 1:"``.
    """

    function: str
    changes: tuple[str, ...]
    why: str
    beyond: bool
    line: str | None = None

    def has(self, mutant: Mutant) -> bool:
        function, _, what = mutant.name.partition(": ")
        if function != self.function or what not in self.changes:
            return False
        source = linecache.getline(sys.modules[mutant.module].__file__ or "", mutant.line)
        return self.line is None or source.strip() == self.line


def known_survivors(kind: str) -> list[Known]:
    """Those of the components of a kind."""
    path = Path(__file__).parent / "equivalents" / f"{kind}.toml"
    given = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return [
        Known(one["function"], tuple(one["changes"]), one["why"], how == "beyond", one.get("line"))
        for how, several in given.items()
        for one in several
    ]


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
COMMUTATIVE = (
    "max", "min", "maximum", "minimum", "add", "multiply", "hypot", "isclose", "array_equal", "equal", "not_equal",
    "vdot", "swapaxes", "feature_products", "sample_products",
)  # fmt: skip
EVEN = ("abs", "fabs", "square")
"""Which give the same of a difference taken the other way round."""
UNCHANGED_ARGUMENTS = ("out", "casting", "strict", "optimize")
"""Of which a call is the same without, but for speed."""


def changes(node: ast.AST, parent: ast.AST | None = None) -> Iterator[tuple[str, ast.AST | None]]:
    """What one node can become, in words, as a part of its parent; None: it is left out."""
    even = isinstance(parent, ast.Call) and _called(parent) in EVEN
    text = ast.unparse(node).partition("\n")[0][:90] if isinstance(node, ast.stmt) else ""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield _became(node, ast.BinOp(node.left, operator(), node.right))
        if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
            yield _became(node, node.left)
            yield _became(node, node.right)
        alike = ast.dump(node.left) == ast.dump(node.right) or (even and isinstance(node.op, ast.Sub))
        if isinstance(node.op, (ast.MatMult, ast.Sub, ast.Div, ast.Pow)) and not alike:
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
        swappable = swappable and not (even and _called(node) == "subtract")
        if swappable and not _commutative(node) and ast.dump(node.args[0]) != ast.dump(node.args[1]):
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


def _commutative(call: ast.Call) -> bool:
    """Whether its first two arguments may change places; ``np.clip(a, low, high)`` is the less of high and the greater
    of a and low, and a ``dot`` of ours is one of vectors."""
    of_numpy = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "np"
    return _called(call) in (*COMMUTATIVE, "clip" if of_numpy else "dot")


def _called(node: ast.AST) -> str:
    """The last part of what is called: ``"maximum"``; nothing of what is no call."""
    func = getattr(node, "func", None)
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


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
            parts = getattr(child, "elts", [child]) if _called(function) == "reshape" else []
            if any(isinstance(part, ast.UnaryOp) for part in parts):
                continue  # any number below 0 is to reshape what -1 is
            yield function, name, index
            yield from places(child)


def mutants_of(module: Any) -> Iterator[Mutant]:
    """Every change to a function of a module. Of several that read alike, the second one ends in ``(2)``."""
    for path in _functions(ast.parse(inspect.getsource(module))):
        function, qualified = path[-1], ".".join(node.name for node in path)
        alike: Counter[str] = Counter()
        for parent, name, index in list(places(function)):
            held = getattr(parent, name)
            node = held if index is None else held[index]
            for what, after in changes(node, parent):
                _put(parent, name, index, ast.Pass() if after is None else after)
                code = _compiled(path, module.__name__)
                _put(parent, name, index, node)
                alike[what] += 1
                numbered = what if alike[what] == 1 else f"{what} ({alike[what]})"
                yield Mutant(module.__name__, qualified, getattr(node, "lineno", 0), numbered, code)


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _compiled(path: tuple[Any, ...], module_name: str) -> types.CodeType:
    """The function as it stands in the tree."""
    function = copy.copy(path[-1])
    function.decorator_list = []
    body: Any = function
    for owner in reversed(path[:-1]):  # in its class, for super()
        body = ast.ClassDef(owner.name, bases=[], keywords=[], body=[body], decorator_list=[])
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    code: Any = compile(ast.fix_missing_locations(ast.Module([future, body], [])), module_name, "exec")
    for node in path:
        code = next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == node.name)
    return code  # type: ignore[no-any-return]


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
    code, module = mutant.code, sys.modules[mutant.module]
    *classes, last = mutant.function.split(".")
    owner: Any = getattr(module, classes[0]) if classes else module
    held = vars(owner)[last]
    target = held.fget if isinstance(held, property) else getattr(held, "__func__", held)
    target = getattr(target, "func", target)
    target = inspect.unwrap(target)
    if target.__code__.co_freevars == code.co_freevars:
        target.__code__ = code
    else:
        setattr(owner, last, types.FunctionType(code, vars(module), last, target.__defaults__))


@dataclass(frozen=True)
class Trial:
    """One check of one component, what it runs of the package, and how long it takes."""

    name: str
    check: Check
    examined: Examined
    runs: frozenset[tuple[str, str]]  # module and function
    seconds: float

    @property
    def order(self) -> tuple[bool, float]:
        """The likeliest to find something first, and of these the quickest."""
        likely = self.check.name in FIRST or self.check.name.startswith("gradient")
        return not likely, self.seconds


def trials() -> list[Trial]:
    """Every check of every component, run once as they are.

    Raises:
        CheckFailed: one fails already.
    """
    found = []
    for entry in cr.registry():
        if entry.kind in KINDS and entry.cls.__module__.startswith(PACKAGE):
            examined = Examined(entry)
            reasons = reasons_of(examined)
            for check in checks_for(entry):
                if check.name not in OF_CLASSES_ALONE and check.name not in reasons:
                    runs, seconds = _profiled(check, examined)
                    found.append(Trial(f"{examined.name}-{check.name}", check, examined, runs, seconds))
    return sorted(found, key=lambda trial: trial.order)


def _profiled(check: Check, examined: Examined) -> tuple[frozenset[tuple[str, str]], float]:
    codes: dict[Any, str] = {}

    def listen(frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code not in codes:
            codes[frame.f_code] = frame.f_globals.get("__name__", "")

    start = time.perf_counter()
    sys.setprofile(listen)
    try:
        run(check, examined)
    finally:
        sys.setprofile(None)
    called = {(module, code.co_qualname.partition(".<locals>")[0]) for code, module in codes.items()}
    return frozenset(name for name in called if name[0].startswith(PACKAGE)), time.perf_counter() - start


def found_by(mutant: Mutant, known: Sequence[Trial]) -> str | None:
    """The first trial that fails, of those that run what is changed, in a process of its own; None where none does."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        answer = ""
        try:
            apply(mutant)
            for trial in known:
                if (mutant.module, mutant.function) in trial.runs:
                    signal.alarm(SECONDS)  # which ends the process: a loop without end
                    answer = trial.name
                    run(trial.check, trial.examined)
                    answer = ""
        except BaseException as error:
            answer = answer or f"cannot be made: {type(error).__name__}: {error}"
        os.write(writing, answer.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return answer or (None if status == 0 else "time ran out")


@dataclass
class Tally:
    """What became of the changes to the components of one kind: ``found`` by the kit, or surviving, and ``same`` or
    ``beyond``, as they are listed, or ``unlisted``."""

    found: int = 0
    same: list[Mutant] = field(default_factory=list)
    beyond: list[Mutant] = field(default_factory=list)
    unlisted: list[Mutant] = field(default_factory=list)
    listed_and_found: list[Mutant] = field(default_factory=list)
    by: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Found of those that change anything."""
        return self.found / max(self.found + len(self.beyond) + len(self.unlisted), 1)


def kind_of(module_name: str) -> str:
    """``"layer"`` of ``chainrule_plugins.layers.dense``"""
    part = module_name.split(".")[1]
    return next(kind for kind in KINDS if part in (f"{kind}s", f"{kind}es", f"{kind[:-1]}ies"))


def modules() -> list[Any]:
    """Those whose functions are changed."""
    cr.registry()  # which imports them
    parts = {f"{kind}{plural}" for kind in KINDS for plural in ("s", "es")} | {"losses"}
    named = sorted(name for name in sys.modules if name.startswith(f"{PACKAGE}.") and not name.endswith(OF_REFERENCES))
    return [sys.modules[name] for name in named if name.split(".")[1] in parts]


def tallied(
    only: Sequence[str] = (),
    every: int = 1,
    budget: float = float("inf"),
    tell: Callable[[Mutant], None] = lambda mutant: None,
) -> dict[str, Tally]:
    """Make the changes, all or every so many, and see which of them the kit finds.

    Args:
        only: kinds or modules to look at; all where there are none.
        budget: seconds after which no more are tried.
        tell: is told each that survives and is not listed, as soon as it has.
    """
    known = trials()
    tallies: dict[str, Tally] = defaultdict(Tally)
    start = time.monotonic()
    for module in modules():
        kind = kind_of(module.__name__)
        listed = known_survivors(kind)
        if only and not {kind, module.__name__} & set(only):
            continue
        for number, mutant in enumerate(mutants_of(module)):
            if number % every or time.monotonic() - start > budget:
                continue
            found = found_by(mutant, known)
            tally = tallies[kind]
            same = next((one for one in listed if one.has(mutant)), None)
            if found is None and same is not None:
                (tally.beyond if same.beyond else tally.same).append(mutant)
            elif found is None:
                tally.unlisted.append(mutant)
                tell(mutant)
            else:
                tally.found += 1
                if same is not None:
                    tally.listed_and_found.append(mutant)
                tally.by[found.partition("-")[2] or found.partition(":")[0]] += 1
    return dict(tallies)


def main(only: Sequence[str]) -> None:
    """Print what survives, and a table."""
    warnings.simplefilter("ignore")
    tallies = tallied(only, tell=lambda mutant: print(f"{mutant.line:4} {mutant.name}", flush=True))
    for tally in tallies.values():
        for mutant in tally.listed_and_found:
            print(f"listed as equivalent, and found: {mutant.name}")
    print(f"\n{'kind':12} {'changes':>8} {'same':>6} {'found':>8} {'beyond':>7} {'unlisted':>9} {'share':>7}   by")
    for kind, tally in tallies.items():
        same, beyond, unlisted = len(tally.same), len(tally.beyond), len(tally.unlisted)
        by = ", ".join(f"{name} {count}" for name, count in tally.by.most_common(4))
        total = tally.found + same + beyond + unlisted
        print(f"{kind:12} {total:8} {same:6} {tally.found:8} {beyond:7} {unlisted:9} {tally.share:7.1%}   {by}")


if __name__ == "__main__":
    main(sys.argv[1:])
