"""Every text that a finding may show as what to do next, its ``hint``, wherever the program wrote it down.

A hint is what is passed or assigned as one. Where that is a name or a call, it is what that stands for: the names of a
function, the constants and functions of its module, and those of the module which these were imported from.
"""

import ast
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.reading import ROOT, tree, under

FOLDERS = ("fixtures", "steps", "scripts")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_WHOLE = ast.Module | _FUNCTION


def trees() -> dict[str, ast.Module]:
    """Every module of the program, by its path."""
    return {path.relative_to(ROOT).as_posix(): tree(path) for folder in FOLDERS for path in under(folder)}


@dataclass
class _Module:
    where: str
    tree: ast.Module
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of a name here: the module that has it, and the name there ("" is the module itself)."""


class Hints:
    """The project's modules, and which texts in them are hints."""

    def __init__(self) -> None:
        self._modules: dict[str, _Module] = {}
        self._seen: set[int] = set()
        for where, parsed in trees().items():
            name = where.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            self._modules[name] = _Module(where, parsed)
        for module in self._modules.values():
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ImportFrom) and node.module:
                    module.imported.update({each.asname or each.name: (node.module, each.name) for each in node.names})

    def texts(self) -> Iterator[tuple[str, ast.expr]]:
        """Each text as it stands in Python, with the file that has it."""
        for module in self._modules.values():
            for scope in (each for each in ast.walk(module.tree) if isinstance(each, _WHOLE)):
                for value in _hints(scope, module.tree):
                    yield from self._followed(module, scope, value)

    def _followed(self, module: _Module, scope: _WHOLE, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
        """The texts that VALUE may be."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, ast.Constant | ast.JoinedStr):
            yield module.where, value
        for part in _parts(value):
            if isinstance(part, str):
                yield from self._named(module, scope, part)
            else:
                yield from self._followed(module, scope, part)

    def _named(self, module: _Module, scope: _WHOLE, name: str) -> Iterator[tuple[str, ast.expr]]:
        """The texts that NAME may be: of this function, else of its module, else of the one that it comes from."""
        for place in (scope, module.tree):
            if values := list(_assigned(place, name)):
                for within, value in values:
                    yield from self._followed(module, within, value)
                return
        first, _, rest = name.partition(".")
        source, there = module.imported.get(first, ("", ""))
        if rest and f"{source}.{there}" in self._modules:
            source, there = f"{source}.{there}", rest
        if source in self._modules:
            yield from self._named(self._modules[source], self._modules[source].tree, there)


def _hints(scope: _WHOLE, tree: ast.Module) -> Iterator[ast.expr]:
    """What SCOPE itself passes or assigns as a hint; by its place, too, to what this module defines."""
    for node in _own(scope):
        if isinstance(node, ast.Call):
            yield from (each.value for each in node.keywords if each.arg == "hint")
            yield from _by_place(node, tree)
        for name, value in _bindings(node):
            if name == "hint" or name.endswith("HINT"):
                yield value
    if isinstance(scope, _FUNCTION):
        named = (*scope.args.posonlyargs, *scope.args.args)[::-1]
        pairs = (
            *zip(named, scope.args.defaults[::-1], strict=False),
            *zip(scope.args.kwonlyargs, scope.args.kw_defaults, strict=True),
        )
        yield from (value for name, value in pairs if name.arg == "hint" and value)


def _own(scope: _WHOLE, *, but: type[ast.AST] | types.UnionType = _FUNCTION) -> Iterator[ast.AST]:
    """The nodes of SCOPE but for those of functions within it, and of what else is named in BUT."""
    nodes: list[ast.AST] = list(scope.body)
    while nodes:
        node = nodes.pop()
        if not isinstance(node, but):
            yield node
            nodes += ast.iter_child_nodes(node)


def _by_place(call: ast.Call, tree: ast.Module) -> Iterator[ast.expr]:
    for node in tree.body:
        if isinstance(call.func, ast.Name) and getattr(node, "name", "") == call.func.id:
            names: Sequence[str] = ()
            if isinstance(node, _FUNCTION):
                names = [each.arg for each in node.args.args]
            if isinstance(node, ast.ClassDef):
                fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
                names = [each.id for each in fields if isinstance(each, ast.Name)]
            yield from (each for name, each in zip(names, call.args, strict=False) if name == "hint")


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that NODE assigns, with their values."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            pairs = zip(target.elts, node.value.elts, strict=True) if both else [(target, node.value)]  # type: ignore[attr-defined]
            yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))
    kinds = ast.AnnAssign | ast.AugAssign | ast.NamedExpr
    if isinstance(node, kinds) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def _assigned(place: _WHOLE, name: str) -> Iterator[tuple[_WHOLE, ast.expr]]:
    """What NAME is in PLACE, or what the function of that name may return."""
    for node in _own(place, but=_FUNCTION | ast.ClassDef):  # a field of a class is no name of its module
        yield from ((place, value) for bound, value in _bindings(node) if bound == name)
    for function in (each for each in place.body if isinstance(each, _FUNCTION) and each.name == name):
        yield from ((function, each.value) for each in _own(function) if isinstance(each, ast.Return) and each.value)


def _parts(value: ast.expr) -> Iterator[ast.expr | str]:
    """What VALUE may be, or consists of: expressions, and names."""
    match value:
        case ast.IfExp(body=body, orelse=other):
            yield from (body, other)
        case ast.JoinedStr(values=values):
            yield from (each for each in values if isinstance(each, ast.FormattedValue))
        case ast.BoolOp(values=values) | ast.Dict(values=values) | ast.Tuple(elts=values):
            yield from values
        case ast.FormattedValue(value=inner) | ast.Subscript(value=inner):
            yield inner
        case ast.Call(func=ast.Attribute(value=inner, attr="get"), args=given):
            yield from (inner, *given[1:])
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            yield inner
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name):
            yield name
        case ast.Attribute(value=ast.Name(id=module), attr=attribute):
            yield f"{module}.{attribute}"
