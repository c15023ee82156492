# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Installs a program of ours: one file that holds all of our code that it needs (a zipapp), and its configuration.

The code is what this process itself has: a module's own archive on a managed host, a folder in a checkout. Only the
libraries (zstandard, pyrage, boto3) are the interpreter's, which stands in the first line.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import json
import marshal
import os
import sys
import typing as t
import zipfile

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

# Ansible sends a host what a module imports, and nothing else.
_PACKAGE = "ansible_collections.lifeboat.dr.plugins.module_utils"
_START = "import sys\n\nfrom {} import main\n\nsys.exit(main(sys.argv[1:]))\n"
# What is asked first may end the program before anything else is imported.
_FIRST = "import sys\n\nfrom {} import is_done\n\nif is_done(sys.argv[1:]):\n    sys.exit(0)\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can hold: the bytes depend on nothing but the code


def program(python: str, start: str, first: str = "") -> bytes:
    """The whole program, to be run by this interpreter. ``start`` is the file of ours whose ``main`` it begins with.

    Before that, ``is_done`` of the file ``first``, which ``start`` imports as well, may say that nothing is to do.

    Beside each source lies its compiled form, for an interpreter of this version: compiling takes longer than all the
    rest. The comment at the end is a hash of the sources, since a compiled form need not be the same twice.
    """
    begin = (_FIRST.format(first) if first else "") + _START.format(start)
    sources = {**_sources(start), "__main__.py": begin}
    target = io.BytesIO()
    target.write(f"#!{python}\n".encode())
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(sources):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), sources[name])
            archive.writestr(zipfile.ZipInfo(f"{name}c", _EPOCH), _compiled(name, sources[name]))
        archive.comment = _digest(python, sources)
    return target.getvalue()


def is_program(path: str, content: bytes) -> bool:
    """Whether the file is whole, and made of the same sources for the same interpreter as ``content``."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as found, zipfile.ZipFile(io.BytesIO(content)) as wanted:
            return found.comment == wanted.comment and found.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _digest(python: str, sources: t.Mapping[str, str]) -> bytes:
    whole = json.dumps([python, sys.version, dict(sources)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest().encode()


def _compiled(name: str, text: str) -> bytes:
    """As PEP 552 describes it: by the hash of its source, which nobody checks again."""
    code = marshal.dumps(compile(text, name, "exec", dont_inherit=True))
    flags = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(text.encode()) + code


def _sources(start: str) -> dict[str, str]:
    """Every file of ours that this one imports anywhere, by its path; and the packages around them."""
    found: dict[str, str] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        path, text = _source(name)
        if path in found:
            continue
        found[path] = text
        waiting += _imported(text)
        parent = name
        while "." in parent:
            parent = parent.rpartition(".")[0]
            inside = parent == _PACKAGE or parent.startswith(f"{_PACKAGE}.")
            found.setdefault(f"{parent.replace('.', '/')}/__init__.py", _source(parent)[1] if inside else "")
            waiting += _imported(found[f"{parent.replace('.', '/')}/__init__.py"])
    return found


def _source(name: str) -> tuple[str, str]:
    """The path of a file or package in the program, and its text."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise LifeboatError(f"{name} is not part of this module, so the program cannot be made.")
    path = name.replace(".", "/")
    if spec.submodule_search_locations is not None:
        path += "/__init__"
    reader = getattr(spec.loader, "get_source", None)
    return f"{path}.py", (reader(name) if reader and spec.origin else "") or ""


def _imported(text: str) -> list[str]:
    """The files of ours that this text imports, also inside of functions; not those for types alone."""
    names = []
    tree = ast.parse(text)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "t.TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in for_types and (node.module or "").startswith(_PACKAGE):
            names.append(str(node.module))
            names += [f"{node.module}.{alias.name}" for alias in node.names if alias.name.startswith("_")]
    return [name for name in names if importlib.util.find_spec(name) is not None]


def configuration(options: t.Mapping[str, t.Any]) -> bytes:
    """What stands in the configuration file: only what was said."""
    given = {key: _said(value) for key, value in options.items() if value not in (None, "", 0)}
    return json.dumps(given, indent=1, sort_keys=True).encode("utf-8") + b"\n"


def _said(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items() if inner is not None}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


def write(path: str, content: bytes, mode: int, owner: t.Any = None) -> None:
    """Write the file in one step, and durable. ``owner`` is (uid, gid); None leaves it ours. Raises LifeboatError."""
    partial = f"{path}.lifeboat-{os.getpid()}"
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise LifeboatError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a folder that this account may write to."
        ) from None
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def is_written(path: str, content: bytes, mode: int, owner: t.Any = None) -> bool:
    """Whether the file is as ``write`` would leave it; a program of the same sources is."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            same = file.read() == content
    except OSError:
        return False
    same = same or (content.startswith(b"#!") and is_program(path, content))
    return same and found.st_mode & 0o7777 == mode and owner in (None, (found.st_uid, found.st_gid))
