"""The house rules as functions from source text to complaints: each can be tested on a sample that breaks it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | FunctionNode

_UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b|\bNotImplemented" + r"Error\b")

# Split, so that this file does not trip over itself. What follows the folder keeps `/tmp` alone, in prose, legal.
_MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:wo" + r"rk|ro" + r"ot|tm" + r"p)/[\w.-]+")


def functions(tree: ast.Module) -> Iterator[tuple[str, FunctionNode]]:
    """Every function of a module, nested ones too, with its dotted name."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield prefix + child.name, child
            inner = f"{prefix}{child.name}." if isinstance(child, (ast.ClassDef, *_FUNCTIONS)) else prefix
            yield from walk(child, inner)

    return walk(tree, "")


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def long_file(source: str) -> list[str]:
    """A file of more than FILE_LINES_MAX lines."""
    count = len(source.splitlines())
    return [f"{count} lines, at most {FILE_LINES_MAX}"] if count > FILE_LINES_MAX else []


def code_lines(source: str) -> set[int]:
    """Numbers of the lines that hold code: neither blank nor comment nor docstring."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            docstrings.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in quiet:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - docstrings


def long_functions(source: str) -> list[str]:
    """Functions of more than FUNCTION_LINES_MAX lines of code, signature included."""
    lines = code_lines(source)
    complaints = []
    for name, node in functions(ast.parse(source)):
        count = sum(number in lines for number in range(node.lineno, (node.end_lineno or node.lineno) + 1))
        if count > FUNCTION_LINES_MAX:
            complaints.append(f"{name} has {count} lines of code, at most {FUNCTION_LINES_MAX}")
    return complaints


def missing_docstrings(source: str) -> list[str]:
    """Public modules, classes, functions and methods without a docstring.

    Exempt, because the docstring is elsewhere: overrides, overloads, and properties' setters. Functions inside
    functions are private.
    """
    tree = ast.parse(source)
    complaints = [] if ast.get_docstring(tree) else ["the module has no docstring"]

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, (ast.ClassDef, *_FUNCTIONS)) or node.name.startswith("_") or _inherits(node):
                continue
            if not ast.get_docstring(node):
                complaints.append(f"{prefix}{node.name} has no docstring")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return complaints


def _inherits(node: ast.ClassDef | FunctionNode) -> bool:
    """Whether the contract of a function is written elsewhere."""
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"override", "overload", "setter", "deleter"})


def logic_in_init(source: str) -> list[str]:
    """What an `__init__.py` holds beyond docstring, imports, tables of names, and a lazy `__getattr__`."""
    complaints = []
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Assert)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.FunctionDef) and node.name in {"__getattr__", "__dir__"}:
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        complaints.append(f"line {node.lineno}: only exports and tables belong in __init__.py")
    return complaints


def machine_paths(source: str) -> list[str]:
    """Paths that exist only on the machine where the code was written."""
    return [f"line {_line(source, hit)}: machine path {hit.group()}" for hit in _MACHINE_PATH.finditer(source)]


def unfinished(source: str) -> list[str]:
    """Marks of unfinished work."""
    return [f"line {_line(source, hit)}: {hit.group()}" for hit in _UNFINISHED.finditer(source)]


def _line(source: str, hit: re.Match[str]) -> int:
    return source.count("\n", 0, hit.start()) + 1


def undocumented_tests(source: str) -> list[str]:
    """Test functions that do not say what they show."""
    return [
        f"{name} has no docstring"
        for name, node in functions(ast.parse(source))
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]


Rule = Callable[[str], list[str]]
