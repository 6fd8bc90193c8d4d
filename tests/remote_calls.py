"""Which calls in `services/` leave the machine, read from the code without running it.

Where a call begins is known: methods of the clients, and of the screens and boards behind which
Slack is. From there it is followed to every function that awaits such a call, however it is named
on the way: `self.paymo.client(key).company()`, `paymo.company()`, `_read(xero, key)`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
_SLACKS = ("Screen", "Board")


@dataclass(frozen=True, slots=True)
class Owned:
    """A function, and the class that it belongs to, if any."""

    module: str
    owner: str
    node: Function
    calls: tuple[ast.Call, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Where it is found."""
        return self.module, self.owner, self.node.name


@dataclass(slots=True)
class Calls:
    """The code below one package, and what of it is remote."""

    trees: dict[str, ast.Module]
    functions: list[Owned] = field(default_factory=list)
    known: set[tuple[str, str, str]] = field(default_factory=set)
    bound: dict[str, dict[str, str]] = field(default_factory=dict)  # what each module imports
    remote: set[tuple[str, str, str]] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)  # names of methods that are remote somewhere

    @classmethod
    def of(cls, trees: dict[str, ast.Module]) -> "Calls":
        """Read it."""
        made = cls({})
        return made.with_more(trees)

    def with_more(self, trees: dict[str, ast.Module]) -> "Calls":
        """Return the same with more code, which nothing before knows of."""
        made = Calls(
            dict(self.trees),
            functions=list(self.functions),
            bound=dict(self.bound),
            remote=set(self.remote),
            methods=set(self.methods),
        )
        for module, tree in trees.items():
            made.trees[module] = tree
            made.bound[module] = dict(_imports(tree))
            made.functions += _functions(module, tree)
        made.known = {each.key for each in made.functions}
        made._begin()
        while made._follow():
            pass
        return made

    def _begin(self) -> None:
        for each in self.functions:
            is_async = isinstance(each.node, ast.AsyncFunctionDef)
            is_client = ".clients" in each.module and bool(each.owner)
            if is_async and (is_client or each.owner.endswith(_SLACKS)):
                self._add(each)

    def _add(self, each: Owned) -> None:
        self.remote.add(each.key)
        if each.owner and not each.node.name.startswith("__"):
            self.methods.add(each.node.name)

    def _follow(self) -> bool:
        """Add the functions that await what is remote; say whether there were any."""
        before = len(self.remote)
        for each in self.functions:
            if each.key not in self.remote and any(self.sites(each)):
                self._add(each)
        return len(self.remote) > before

    def sites(self, function: Owned, within: ast.AST | None = None) -> Iterator[ast.Call]:
        """Return the remote calls in a function, or in a part of it."""
        for node in function.calls if within is None else _calls(within):
            if self._is_remote(function, node.func):
                yield node

    def _is_remote(self, at: Owned, called: ast.expr) -> bool:
        bound = self.bound[at.module]
        if isinstance(called, ast.Name):
            module, _, name = bound.get(called.id, f"{at.module}.{called.id}").rpartition(".")
            return (module, "", name) in self.remote
        if not isinstance(called, ast.Attribute):
            return False
        if isinstance(called.value, ast.Name):
            if called.value.id == "self" and (at.module, at.owner, called.attr) in self.known:
                return (at.module, at.owner, called.attr) in self.remote
            if called.value.id in bound:
                return (bound[called.value.id], "", called.attr) in self.remote
            if called.value.id == "session":
                return False
        return called.attr in self.methods

    def inside_transactions(self, below: str = "") -> list[str]:
        """Return the remote calls, below a package or module, made with a transaction open."""
        return sorted(
            {
                f"{each.module}:{site.lineno} {ast.unparse(site.func)}"
                for each in self.functions
                if each.module.startswith(below)
                for block in _transactions(each.node)
                for site in self.sites(each, block)
            }
        )


def _transactions(function: Function) -> Iterator[ast.AST]:
    """Return what runs with a session open: blocks, and all of what was handed one."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    if any(_is_session(each) for each in arguments):
        yield function
    for node in ast.walk(function):
        if isinstance(node, ast.AsyncWith | ast.With) and any(
            "session" in ast.unparse(item.context_expr) for item in node.items
        ):
            yield node


def _is_session(argument: ast.arg) -> bool:
    hint = ast.unparse(argument.annotation) if argument.annotation else ""
    return argument.arg == "session" or hint in {"Session", "AsyncSession"}


def _functions(module: str, tree: ast.Module) -> Iterator[Owned]:
    for node in tree.body:
        if isinstance(node, FUNCTION):
            yield Owned(module, "", node, _calls(node))
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, FUNCTION):
                    yield Owned(module, node.name, each, _calls(each))


def _calls(node: ast.AST) -> tuple[ast.Call, ...]:
    return tuple(each for each in ast.walk(node) if isinstance(each, ast.Call))


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"
        elif isinstance(node, ast.Import):
            for each in node.names:
                yield each.asname or each.name, each.name


def read(root: Path, package: str) -> dict[str, ast.Module]:
    """Return every module below a package of ours, by its name."""
    return {
        ".".join(file.relative_to(root).with_suffix("").parts): ast.parse(file.read_text("utf-8"))
        for file in sorted((root / package).rglob("*.py"))
        if "versions" not in file.parts
    }
