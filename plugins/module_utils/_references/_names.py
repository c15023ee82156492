# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What one store names of another: the names are written to a file, and looked for in the other store.

A file has each name once, as JSON, one a line: a name may hold any character. It is scratch: it belongs to the account
that looks, and it is removed with the folder of the rehearsal. Memory grows with the number of different names, by
about 100 bytes each.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError

LOOK_SPEC: dict[str, dict[str, t.Any]] = {
    "take": {"type": "str"},
    "write_to": {"type": "path"},
    "look_for": {"type": "path"},
    "time_limit": {"type": "str", "default": "1h"},
}
LOOK_RULES: dict[str, t.Any] = {
    "mutually_exclusive": [("write_to", "look_for")],
    "required_one_of": [("write_to", "look_for")],
}
_SHOWN = 20
Take = t.Callable[[str], "str | None"]


@dataclasses.dataclass
class Seen:
    """What was read of a store. ``missing`` counts the names that were looked for and are not there."""

    entries: int = 0
    names: int = 0
    unnamed: int = 0  # entries that ``take`` finds nothing in
    missing: int = 0
    missing_names: list[str] = dataclasses.field(default_factory=list)


def taken_by(pattern: str | None) -> Take:
    """What a name is made of an entry by: the group of a regular expression, or all that it matches; None where it does
    not match. Raises OptionError.
    """
    if not pattern:
        return lambda text: text
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise OptionError(
            f"take is {pattern!r}, which is not a regular expression: {error}.", hint="Write it as ^session:(\\d+)$."
        ) from None
    if expression.groups > 1:
        raise OptionError(
            f"take is {pattern!r}, which has {expression.groups} groups.",
            hint="Put one group around the name, and write the others as (?:...).",
        )

    def take(text: str) -> str | None:
        found = expression.search(text)
        return found[expression.groups] if found else None

    return take


def exchange(options: t.Mapping[str, t.Any], entries: t.Iterable[str]) -> dict[str, t.Any]:
    """Write the names of these entries, or look for those that were written. The result of a module.

    Raises LifeboatError.
    """
    take = taken_by(options["take"])
    try:
        if options["write_to"]:
            seen = _write(options["write_to"], entries, take)
        else:
            seen = _look(options["look_for"], entries, take)
    except OSError as error:
        raise LifeboatError(
            f"{error.filename or options['write_to'] or options['look_for']}: {error.strerror or error}.",
            hint="write_to makes the file, in a folder that this account may write to; look_for reads it.",
        ) from None
    return {"changed": False, **dataclasses.asdict(seen)}


def _write(path: str, entries: t.Iterable[str], take: Take) -> Seen:
    seen, known = Seen(), set[bytes]()
    folder, partial = os.path.dirname(path) or ".", f"{path}.partial"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        for entry in entries:
            seen.entries += 1
            name = take(entry)
            if name is None:
                seen.unnamed += 1
            elif (digest := _digest(name)) not in known:
                known.add(digest)
                file.write(json.dumps(name) + "\n")
    seen.names = len(known)
    os.replace(partial, path)
    return seen


def _look(path: str, entries: t.Iterable[str], take: Take) -> Seen:
    seen, wanted = Seen(), {_digest(name) for name in _written(path)}
    if not wanted:
        raise LifeboatError(
            "Nothing was compared: there is no name to look for.",
            hint="Check what says which names there are: its query, its prefix, its pattern, and take.",
        )
    seen.names = len(wanted)
    for entry in entries:
        seen.entries += 1
        name = take(entry)
        if name is None:
            seen.unnamed += 1
        else:
            wanted.discard(_digest(name))
    seen.missing = len(wanted)
    for name in _written(path) if wanted else ():
        if _digest(name) in wanted:
            seen.missing_names.append(name)
            if len(seen.missing_names) == min(_SHOWN, seen.missing):
                break
    return seen


def _written(path: str) -> t.Iterator[str]:
    with open(path, encoding="ascii") as file:
        for line in file:
            yield json.loads(line)


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
