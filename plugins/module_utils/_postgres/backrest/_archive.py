# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The log that pgBackRest has archived: what there is, and one file of it, whose SHA-1 stands in its stored name."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import hashlib
import re
import typing as t
import zlib

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, MissingRequirementError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import Cluster, Listing
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import (
    SEGMENT,
    WalName,
    check_segment,
    parse_name,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import About

_STORED = re.compile(r"([0-9A-F]{24}(?:\.partial)?)-([0-9a-f]{40})(?:\.(gz|bz2|zst|lz4))?")
_MOST_TIME = 1 << 36  # what a clock shows


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """One file of PostgreSQL's in the archive. ``sha1`` is that of its plain content; empty where it has none.

    ``time`` is when it was stored, in seconds since 1970; 0 where the repository does not say it.
    """

    path: str  # below the archive's folder
    sha1: str = ""
    compression: str = ""
    time: int = 0


class BackrestArchive:
    """The archive of one cluster of a stanza."""

    def __init__(self, backrest: Backrest, archive_id: str, system_identifier: str) -> None:
        self.name = f"{backrest.stanza}/{archive_id}"
        self._backrest = backrest
        self._folder = f"archive/{self.name}"
        self._system_identifier = system_identifier
        self._stored: dict[str, StoredFile] = {}

    def listing(self) -> Listing:
        """The names of the files that are there. Raises RepositoryError, DamagedError."""
        self._stored = read_listing(self._backrest.call("repo-ls", self._folder, "--recurse", "--output=json"))
        where = (f"repo{self._backrest.repo}",)
        return Listing(Cluster(self._system_identifier, "", ""), dict.fromkeys(self._stored, where))

    def fetch(self, name: WalName, system_identifier: str) -> bytes | None:
        """The file's content; None where the archive does not have it. Raises RepositoryError, DamagedError."""
        stored = self._stored.get(name.text)
        if stored is None:
            return None
        content = _plain(self._backrest.read("repo-get", f"{self._folder}/{stored.path}"), stored)
        check_content(name, content, stored.sha1, system_identifier)
        return content

    def sha1_of(self, name: WalName) -> str:
        """The hash that stands in the stored name; empty for a file that is not there, or has none."""
        stored = self._stored.get(name.text)
        return stored.sha1 if stored else ""

    @property
    def segments(self) -> int:
        """How many files the listing has."""
        return len(self._stored)

    def archived_at(self, text: str) -> int:
        """When a file of the listing was stored; 0 where nobody knows."""
        stored = self._stored.get(text)
        return stored.time if stored else 0

    def about(self, name: WalName) -> About | None:
        """Nothing is known of a file besides its content."""
        return None


def check_content(name: WalName, content: bytes, sha1: str, system_identifier: str) -> None:
    """Refuse a file that is not what was archived, or is of another cluster. Raises DamagedError. Pure."""
    if sha1 and hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        raise DamagedError(f"{name.text} is not what was archived: its SHA-1 is not the one in its name.")
    if name.kind == SEGMENT:
        header = check_segment(content, name)
        if header.system_identifier != system_identifier:
            raise DamagedError(f"{name.text} is of the cluster {header.system_identifier}, not {system_identifier}.")


def read_listing(text: str) -> dict[str, StoredFile]:
    """The files of PostgreSQL in what ``repo-ls --recurse --output=json`` says, by name. Raises DamagedError. Pure."""
    try:
        document = read_json(text)
    except ValueError as error:
        raise DamagedError(f"pgbackrest repo-ls gave an answer that is not JSON: {str(error)[:200]}.") from None
    if not isinstance(document, dict):
        raise DamagedError("pgbackrest repo-ls gave an answer that is not a list of files.")
    found: dict[str, StoredFile] = {}
    for path, entry in document.items():
        last = path.rpartition("/")[2]
        match = _STORED.fullmatch(last)
        time = entry.get("time") if isinstance(entry, dict) else 0
        time = time if isinstance(time, int) and 0 < time < _MOST_TIME else 0
        name, stored = (
            (match[1], StoredFile(path, match[2], match[3] or "", time)) if match else (last, StoredFile(path))
        )
        if parse_name(name) is None or path.startswith(("/", "-")) or ".." in path.split("/"):
            continue
        if name in found:
            raise DamagedError(
                f"The archive holds {name} twice, with two contents: two servers archive into this stanza.",
                hint="A copy that was promoted needs a stanza of its own.",
            )
        found[name] = stored
    return found


def _plain(content: bytes, stored: StoredFile) -> bytes:
    """Decompressed. Raises DamagedError, and MissingRequirementError for a compression that Python does not have."""
    try:
        if stored.compression == "gz":
            return gzip.decompress(content)
        if stored.compression == "bz2":
            return bz2.decompress(content)
        if stored.compression == "zst":
            return b"".join(open_compressor({"engine": "zstd"}).decompress(iter([content])))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DamagedError(f"{stored.path} cannot be decompressed: {error}.") from None
    if stored.compression:
        raise MissingRequirementError(
            f"The archive is compressed with {stored.compression}, which is not read here.",
            hint="Set compress-type to zst or gz for what is archived from now on.",
        )
    return content
