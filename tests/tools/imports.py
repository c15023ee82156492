# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""imports.py: reads what the module utils import, and fails on what docs/explanation/architecture.md does not allow.

The table there, between the marks ``rooms``, is the rule: each room and the rooms that it may import. Beside that it
fails on a circle of rooms or of files, on a module that carries the code of two stores, on a store whose own package
has more than 400 lines of code, on a function of more than 60 lines, and on a file of ours that does not begin with its
docstring. ``--show`` prints the arrows that there are.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import io
import pathlib
import re
import sys
import tokenize
import typing as t

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = "ansible_collections.lifeboat.dr.plugins."
TABLE = pathlib.Path("docs/explanation/architecture.md")
MOST_LINES = 60
STORES = {
    "PostgreSQL": ("_postgres",),
    "JetStream": ("_jetstream",),
    "S3": ("_s3",),
    "Redis": ("_redis", "_stores.redis"),
    "paths": ("_restic", "_stores.paths"),
}
MOST_LINES_OF_A_STORE = 400  # in _stores/X: what a store adds to the port, its protocol apart
_NO_CODE = (
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
)  # fmt: skip
_ROW = re.compile(r"^\| `(?P<room>[\w/*]+)` \|.*\|(?P<allowed>[^|]*)\|$")


@dataclasses.dataclass(frozen=True)
class File:
    """A file of ours, with the names of the files that it imports; those for types alone are apart."""

    path: pathlib.Path  # below plugins
    tree: ast.Module
    imports: frozenset[str]
    for_types: frozenset[str]

    @property
    def room(self) -> str:
        """``_postgres/client``; empty for what is in no room."""
        parent = self.path.parent.as_posix()
        return parent.removeprefix("module_utils/") if parent.startswith("module_utils/") else ""


def room_of(imported: str) -> str:
    """The room of a module's dotted name below ``plugins``."""
    return "/".join(imported.split(".")[1:-1])


def read(plugins: pathlib.Path) -> dict[str, File]:
    """Every file below ``plugins`` by its dotted name."""
    names = {
        ".".join(path.relative_to(plugins).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(plugins.rglob("*.py"))
    }
    files = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) in ("t.TYPE_CHECKING", "TYPE_CHECKING")
            for inner in ast.walk(node)
        }
        found: dict[bool, set[str]] = {True: set(), False: set()}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                source = str(node.module).removeprefix(PACKAGE)
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    found[node in guarded].add(inner if inner in names else source)
        files[name] = File(path.relative_to(plugins), tree, frozenset(found[False]), frozenset(found[True]))
    return files


def read_table(text: str) -> dict[str, set[str]]:
    """Each room of the table, and the rooms that it may import; ``_s3/*`` stands for all rooms in there."""
    allowed: dict[str, set[str]] = {}
    for line in text.partition("<!-- rooms -->")[2].partition("<!-- /rooms -->")[0].splitlines():
        row = _ROW.match(line)
        if row:
            allowed[row["room"]] = set(re.findall(r"`([\w/*]+)`", row["allowed"]))
    return allowed


def arrows(files: t.Mapping[str, File]) -> dict[str, dict[str, list[str]]]:
    """Room → room that it imports → the files that do. Imports for types count, too: they are knowledge."""
    found: dict[str, dict[str, list[str]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for file in files.values():
        for imported in file.imports | file.for_types:
            target = room_of(imported) if imported in files and files[imported].path.name != "__init__.py" else ""
            target = target or (imported.removeprefix("module_utils.").replace(".", "/") if imported in files else "")
            if file.room and target and target != file.room:
                found[file.room][target].append(file.path.as_posix())
    return found


def matches(room: str, patterns: t.Iterable[str]) -> bool:
    """Whether the room is one of these."""
    return any(room == one or (one.endswith("/*") and room.startswith(one[:-1])) for one in patterns)


def forbidden(files: t.Mapping[str, File], allowed: t.Mapping[str, set[str]]) -> list[str]:
    """Arrows that the table does not have, and rooms that it does not name or that are gone."""
    rooms = {file.room for file in files.values() if file.room and file.tree.body}  # an empty __init__.py is none
    errors = [f"{room}: not in the table of {TABLE}" for room in sorted(rooms - set(allowed))]
    errors += [f"{room}: in the table of {TABLE}, and there is no such room" for room in sorted(set(allowed) - rooms)]
    for room, targets in sorted(arrows(files).items()):
        for target, paths in sorted(targets.items()):
            if room in allowed and not matches(target, allowed[room]):
                errors.append(f"{paths[0]}: {room} may not import {target}")
    return errors


def circles(graph: t.Mapping[str, t.Iterable[str]]) -> list[str]:
    """The first circle that each walk meets."""
    done: set[str] = set()
    found: list[str] = []

    def walk(node: str, way: list[str]) -> None:
        if node in way:
            found.append("circle: " + " -> ".join([*way[way.index(node) :], node]))
        elif node not in done:
            for following in sorted(graph.get(node, ())):
                walk(following, [*way, node])
            done.add(node)

    for node in sorted(graph):
        walk(node, [])
    return found


def carried(files: t.Mapping[str, File], name: str) -> set[str]:
    """Every file that Ansible sends with this one: what it imports anywhere, for types, too."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in files and current not in seen:
            seen.add(current)
            waiting += files[current].imports | files[current].for_types
    return seen


def heavy_modules(files: t.Mapping[str, File], stores: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """Modules that carry the code of more than one store."""
    errors = []
    for name in files:
        if name.startswith("modules."):
            own = {
                store
                for store, packages in stores.items()
                for one in carried(files, name)
                if one.startswith(tuple(f"module_utils.{package}." for package in packages))
            }
            if len(own) > 1:
                errors.append(f"{files[name].path}: carries the code of {' and '.join(sorted(own))}")
    return errors


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def code_lines(file: File, text: str) -> int:
    """How many lines of this text hold code: not blank, no comment, no docstring."""
    documentation: set[int] = set()
    for node in ast.walk(file.tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            documentation.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - documentation)


def large_stores(files: t.Mapping[str, File], plugins: pathlib.Path) -> list[str]:
    """Packages of stores that nobody keeps apart, or that have outgrown what a person reads before adding another."""
    lines: collections.Counter[str] = collections.Counter()
    for file in files.values():
        if file.room.startswith("_stores/"):
            lines[file.room] += code_lines(file, (plugins / file.path).read_text(encoding="utf-8"))
    named = {package for packages in STORES.values() for package in packages}
    unnamed = [room for room in lines if room.replace("/", ".") not in named]
    return [f"{room}: a store that STORES in imports.py does not name" for room in sorted(unnamed)] + [
        f"{room}: {count} lines of code, {MOST_LINES_OF_A_STORE} at most; the store's protocol has rooms of its own"
        for room, count in lines.items()
        if count > MOST_LINES_OF_A_STORE
    ]


def style(files: t.Mapping[str, File]) -> list[str]:
    """Long functions, and files that do not begin with their docstring."""
    errors = []
    for file in files.values():
        parts = file.path.parts
        first = file.tree.body[0] if file.tree.body else None
        if first is not None and parts[0] != "modules" and ast.get_docstring(file.tree) is None:
            errors.append(f"{file.path}: its first statement is not its docstring")
        for node in ast.walk(file.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                # A base class of a library is there only when it has been imported, so a function may hold classes.
                lines = _lines(node) - sum(_lines(one) for one in node.body if isinstance(one, ast.ClassDef))
                if lines > MOST_LINES:
                    errors.append(f"{file.path}:{node.lineno}: {node.name} has {lines} lines, {MOST_LINES} at most")
    return errors


def main() -> int:
    """Print what is wrong; 1 when anything is."""
    files = read(ROOT / "plugins")
    if "--show" in sys.argv:
        for room, targets in sorted(arrows(files).items()):
            print(room, "->", ", ".join(sorted(targets)))
        return 0
    allowed = read_table((ROOT / TABLE).read_text(encoding="utf-8"))
    errors = forbidden(files, allowed)
    errors += circles({room: set(targets) for room, targets in arrows(files).items()})
    errors += circles({name: set(file.imports) for name, file in files.items()})
    errors += heavy_modules(files, STORES) + large_stores(files, ROOT / "plugins") + style(files)
    print("\n".join(errors) if errors else f"imports: {len(files)} files, {len(allowed)} rooms, no forbidden arrow")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
