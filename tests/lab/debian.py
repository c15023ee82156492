# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the package index that every Debian machine has: real, related data, with no download."""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import glob
import os
import re
import subprocess
import typing as t

from tests.lab import throwaway
from tests.lab.throwaway import LabError, MissingPrerequisiteError

_LISTS = "/var/lib/apt/lists/*_Packages*"
_READER = "/usr/lib/apt/apt-helper"  # its cat-file opens whatever compression apt has chosen for its lists
_INSTALLED = "/var/lib/dpkg/status"
_READ_BYTES = 1 << 20
# deb-control(5) and deb822(5): "Name: value", continued on lines that begin with white space.
_FIELD = re.compile(r"^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
# deb-control(5), "Syntax of package dependencies": name, architecture, (relation version).
_RELATION = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)(?::([a-z0-9]+))?(?:\s*\((<<|<=|=|>=|>>)\s*([^)]+)\))?")

Stanza = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Relation:
    """One alternative of a dependency, for instance ``libc6:any (>= 2.34)``."""

    package: str
    architecture: str | None
    operator: str | None
    version: str | None


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the data comes from, in words, and the command or file that gives it."""

    name: str
    command: tuple[str, ...] = ()
    path: str = ""


def find_source() -> Source:
    """The index of all packages that apt knows, or else of those that are installed."""
    lists = sorted(path for path in glob.glob(_LISTS) if os.access(path, os.R_OK))
    if lists and os.access(_READER, os.X_OK):
        return Source(f"apt's package lists ({len(lists)} files)", command=(_READER, "cat-file", *lists))
    try:
        known = (
            subprocess.run(
                ["apt-cache", "stats"], capture_output=True, check=False, env=throwaway.base_environment()
            ).returncode
            == 0
        )
    except FileNotFoundError:
        known = False
    if known and _first_bytes(("apt-cache", "dumpavail")):
        return Source("apt-cache dumpavail", command=("apt-cache", "dumpavail"))
    if os.access(_INSTALLED, os.R_OK):
        return Source(f"the installed packages ({_INSTALLED})", path=_INSTALLED)
    raise MissingPrerequisiteError("This machine has no Debian package index. Run apt-get update (Debian package apt).")


def stanzas(source: Source) -> collections.abc.Iterator[Stanza]:
    """The packages, one by one, in constant memory. Raises LabError when the program that gives them fails."""
    rest = ""
    for text in _pieces(source):
        *whole, rest = (rest + text).split("\n\n")
        for stanza in whole:
            if fields := dict(_FIELD.findall(stanza)):
                yield fields
    if fields := dict(_FIELD.findall(rest)):
        yield fields


def relations(value: str) -> collections.abc.Iterator[tuple[int, int, Relation]]:
    """A field like Depends: number of the group, number of the alternative in it, and the relation; both count from
    1.
    """
    for group, alternatives in enumerate(value.split(","), 1):
        for number, text in enumerate(alternatives.split("|"), 1):
            if relation := _relation(text.strip()):
                yield group, number, relation


@functools.lru_cache(maxsize=1 << 18)
def _relation(text: str) -> Relation | None:
    match = _RELATION.match(text)
    return Relation(*match.groups()) if match else None


def _pieces(source: Source) -> collections.abc.Iterator[str]:
    if source.path:
        with open(source.path, encoding="utf-8", errors="replace") as file:
            while text := file.read(_READ_BYTES):
                yield text
        return
    with subprocess.Popen(
        source.command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace", env=throwaway.base_environment()
    ) as program:
        output = t.cast(t.TextIO, program.stdout)
        while text := output.read(_READ_BYTES):
            yield text
    if program.returncode:
        raise LabError(f"{source.command[0]} ended with {program.returncode}.")


def _first_bytes(command: tuple[str, ...]) -> bytes:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=throwaway.base_environment()
    ) as program:
        first = t.cast(t.IO[bytes], program.stdout).read(1)
        program.kill()
    return first
