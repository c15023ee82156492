# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The reports of rehearsals in a repository: ``_rehearsals/<app>/<number>.json``, each with the hash of the one before.
Nothing is overwritten, and nothing here removes one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain, to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._model import SCHEMA, Rehearsal

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ROOT = "_rehearsals"  # no application can be called so
MOST_BYTES = 16 << 20
_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class Chain:
    """The earlier rehearsals, oldest first. ``broken`` says what does not fit, empty where all does."""

    rehearsals: tuple[Rehearsal, ...] = ()
    last_number: int = 0
    last_sha256: str = ""
    broken: tuple[str, ...] = ()


def path_of(app: str, number: int) -> str:
    """Where a report is, relative to the repository's root."""
    return f"{ROOT}/{app}/{number:06d}.json"


def to_json(rehearsal: Rehearsal) -> bytes:
    """The report, byte for byte."""
    document = {"schema": SCHEMA, "kind": "rehearsal", **to_plain(rehearsal)}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"


def from_json(content: bytes) -> Rehearsal:
    """The report that these bytes are. Raises ValueError or AttributeError."""
    document = read_json(content)
    rehearsal = from_plain(Rehearsal, document)
    if document.get("schema") != SCHEMA:
        raise RecordError("it is another kind of document")
    return rehearsal


def read_chain(repository: Repository, app: str) -> Chain:
    """The rehearsals in this repository. One that cannot be read, or does not follow the one before, is named.

    Raises RepositoryError.
    """
    folder = f"{ROOT}/{app}"
    names = (file.path[len(folder) + 1 :].removesuffix(".json") for file in repository.list_files(folder))
    numbers = sorted(int(name) for name in names if name.isdecimal())
    rehearsals: list[Rehearsal] = []
    broken: list[str] = []
    previous, before = "", 0
    for number in numbers:
        path = path_of(app, number)
        if number != before + 1:
            broken.append(f"{repository.name}/{path_of(app, before + 1)} is missing")
        content = repository.read_file(path, MOST_BYTES)
        try:
            rehearsal = from_json(content)
            if rehearsal.number != number:
                raise RecordError("it is another kind of document")
            rehearsals.append(rehearsal)
            if number == before + 1 and rehearsal.previous_sha256 != previous:
                broken.append(f"{repository.name}/{path} does not follow the report before it")
        except (ValueError, AttributeError) as error:
            broken.append(f"{repository.name}/{path} cannot be read: {error}")
        previous, before = hashlib.sha256(content).hexdigest(), number
    return Chain(tuple(rehearsals), before, previous, tuple(broken))


def store(repositories: t.Sequence[Repository], rehearsal: Rehearsal) -> tuple[Rehearsal, Chain, list[str]]:
    """Write the report into the first repository that takes it: with its number and the hash of the one before.

    Gives it as it was written, the earlier ones, and what went wrong, in words. A repository that cannot be written
    keeps the report from being stored, not from being made.
    """
    problems: list[str] = []
    chain = Chain()
    for repository in repositories:
        try:
            for _attempt in range(_ATTEMPTS):
                chain = read_chain(repository, rehearsal.app)
                numbered = dataclasses.replace(
                    rehearsal,
                    number=chain.last_number + 1,
                    previous_sha256=chain.last_sha256,
                    stored_in=repository.name,
                )
                if repository.write_if_absent(path_of(numbered.app, numbered.number), to_json(numbered)):
                    return numbered, chain, problems
            problems.append(f"{repository.name}: others write rehearsals there all the time")
        except LifeboatError as error:
            problems.append(f"The report could not be stored in {repository.name}: {error}")
    return rehearsal, chain, problems
