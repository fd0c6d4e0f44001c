"""What a module declares, read out of its Python (`.py`) or its Cython (`.pxd`, `.pyx`) source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from Cython.Compiler import ExprNodes, Nodes, Parsing, Scanning
from Cython.Compiler.TreeFragment import StringParseContext


@dataclass
class Function:
    """A function: its arguments, how many have a default, its local names, and whether Python sees it."""

    arguments: list[str]
    defaults: int = 0
    locals: set[str] = field(default_factory=set)
    visible: bool = True


@dataclass
class Names:
    """What a class or a module holds. In `variables`, whether Python sees each."""

    functions: dict[str, Function] = field(default_factory=dict)
    variables: dict[str, bool] = field(default_factory=dict)
    classes: dict[str, "Names"] = field(default_factory=dict)

    def update(self, other: "Names") -> "Names":
        """Add what another source declares of the same thing, and return self."""
        self.functions = other.functions | self.functions
        self.variables = other.variables | self.variables
        for name, names in other.classes.items():
            self.classes.setdefault(name, Names()).update(names)
        return self


def parse_python(text: str) -> Names:
    """Read Python source."""
    return _python_names(ast.parse(text).body)


def _python_names(body: list[ast.stmt]) -> Names:
    names = Names()
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names.functions[statement.name] = _python_function(statement)
                names.variables |= dict.fromkeys(_self_fields(statement), True)
            case ast.ClassDef():
                names.classes[statement.name] = _python_names(statement.body)
            case ast.Assign(targets=[ast.Name("__slots__")]):
                names.variables |= dict.fromkeys(ast.literal_eval(statement.value), True)
            case _:
                names.variables |= dict.fromkeys(_stored(statement), True)
    return names


def _python_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    arguments = [argument.arg for argument in every if argument]
    defaults = len(given.defaults) + sum(default is not None for default in given.kw_defaults)
    stored = {name for statement in function.body for name in _stored(statement)}
    return Function(arguments, defaults, stored | set(arguments))


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its own scope."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            return
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return
        case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name
    for child in ast.iter_child_nodes(node):
        yield from _stored(child)


def _self_fields(method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the attributes that a method assigns to its first argument."""
    own = method.args.args[0].arg if method.args.args else ""
    for node in ast.walk(method):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store()) if name == own:
                yield attribute


def parse_cython(text: str, *, is_pxd: bool) -> Names:
    """Read Cython source, by Cython's own parser. What is `extern` is C's, and left out."""
    context = StringParseContext("module")
    source = Scanning.StringSourceDescriptor("module", text)
    scanner = Scanning.PyrexScanner(
        StringIO(text),
        source,
        source_encoding="UTF-8",
        scope=context.find_module("module", pos=None, need_pxd=False),
        context=context,
        initial_pos=(source, 1, 0),
    )
    return _cython_names(Parsing.p_module(scanner, is_pxd, "module").body)


def _cython_names(node: Any) -> Names:
    names = Names()
    for statement in _statements(node):
        match statement:
            case Nodes.CClassDefNode():
                names.classes[statement.class_name] = _cython_names(statement.body)
            case Nodes.PyClassDefNode():
                names.classes[statement.name] = _cython_names(statement.body)
            case Nodes.DefNode():
                names.functions[statement.name] = _cython_function(statement, visible=True)
            case Nodes.CFuncDefNode():
                name, function = _declared(statement.declarator)
                names.functions[name] = _cython_function(function, statement, visible=statement.overridable)
            case Nodes.CVarDefNode():
                _declare(names, statement)
            case Nodes.SingleAssignmentNode(lhs=ExprNodes.NameNode()):
                names.variables[statement.lhs.name] = True
    return names


def _statements(node: Any) -> Iterator[Any]:
    if isinstance(node, Nodes.StatListNode):
        for statement in node.stats:
            yield from _statements(statement)
    elif node is not None:
        yield node


def _declare(names: Names, statement: Any) -> None:
    """Add what `cdef TYPE a, b` or `cpdef TYPE f(...)` declares."""
    for declarator in statement.declarators:
        name, function = _declared(declarator)
        if function:
            names.functions[name] = _cython_function(function, statement, visible=statement.overridable)
        else:
            names.variables[name] = statement.visibility in ("public", "readonly")


def _declared(declarator: Any) -> tuple[str, Any]:
    """Return the name, and the node with the arguments if it is a function."""
    function = None
    while not isinstance(declarator, Nodes.CNameDeclaratorNode):
        is_function = isinstance(declarator, Nodes.CFuncDeclaratorNode)
        # A function's name is directly inside; a pointer between them makes it a variable.
        function = declarator if is_function else None
        declarator = declarator.base
    return declarator.name, function


def _cython_function(node: Any, statement: Any = None, *, visible: bool) -> Function:
    return Function(
        [_argument(argument) for argument in node.args],
        sum(argument.default is not None for argument in node.args),
        set(_locals(getattr(statement, "decorators", None) or [])),
        visible,
    )


def _argument(argument: Any) -> str:
    """Return an argument's name; the parser takes one without a type for a type without a name."""
    name, _ = _declared(argument.declarator)
    return str(name or argument.base_type.name)


def _locals(decorators: list[Any]) -> Iterator[str]:
    for decorator in decorators:
        call = decorator.decorator
        if isinstance(call, ExprNodes.GeneralCallNode) and call.function.attribute == "locals":
            yield from (item.key.value for item in call.keyword_args.key_value_pairs)
