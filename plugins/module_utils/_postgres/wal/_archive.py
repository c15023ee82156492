# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The archive of a write-ahead log, in the repositories that backups are in.

``wal/<archive>/cluster.json`` says whose log it is: the first to write there claims it, and no other cluster may.
``wal/<archive>/<timeline>/<file>/`` holds one file of PostgreSQL's: ``about.json``, written first, with the SHA-256 of
its content, and then the content, compressed and encrypted. Both are written by ``write_if_absent``: nothing is ever
replaced. A host that archives cannot decrypt, so the hash is how it knows that the same content is there already.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import json
import platform
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import iso
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain, to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import (
    HISTORY,
    LABEL,
    PARTIAL,
    SEGMENT,
    WalName,
    check_segment,
    parse_name,
    read_header,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ROOT = "wal"
_CLUSTER, _ABOUT = "cluster.json", "about.json"
_ARCHIVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,126}")
_ON_THEIR_WAY = 40  # segments; as many as one program archives side by side, and some
_COMPRESSIONS = {".zst": "zstd", ".gz": "gzip", "": "none"}
_ENCRYPTIONS = {".age": "age", ".gpg": "gpg", "": "none"}
R = t.TypeVar("R")


class _UnreadableError(DamagedError):
    """A record of the archive in one repository is damaged, which says nothing of the others."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Whose log an archive holds."""

    system_identifier: str
    host: str
    claimed_at: str


@dataclasses.dataclass(frozen=True)
class About:
    """What is known of a file before it is opened."""

    sha256: str  # of the plain content
    bytes: int
    system_identifier: str
    host: str
    archived_at: str  # by the clock of the host that archived it
    written_at: str = ""  # when the server wrote last to it: a log that waited is archived much later
    history: str = ""  # the content of a history of timelines: whoever has no key has to know them, too


@dataclasses.dataclass(frozen=True)
class Listing:
    """The names of the files that are whole in at least one repository, and where each is."""

    cluster: Cluster
    files: t.Mapping[str, tuple[str, ...]]  # name → names of repositories
    listed: tuple[str, ...] = ()  # the repositories that could be listed, also those without such an archive

    def lacking(self, names: t.Sequence[str], repository: str) -> list[str]:
        """Which of these files, in the order in which they are archived, this repository lacks though it could be
        listed. One after another is written there, so the newest few may be on their way.
        """
        if repository not in self.listed:
            return []
        there = [repository in self.files.get(name, ()) for name in names]
        if not any(there):
            return list(names)
        last = max(at for at, found in enumerate(there) if found)
        known = max(last, len(names) - 1 - _ON_THEIR_WAY)
        return [name for name, found in zip(names[: known + 1], there) if not found]

    def named(self, kind: str) -> list[WalName]:
        """The files of one kind, in the order of their names."""
        found = [parse_name(name) for name in sorted(self.files)]
        return [name for name in found if name is not None and name.kind == kind]


def archive_name(app: str, component: str, given: str | None = None) -> str:
    """How the archive of a component is called: as the option ``archive`` says, else ``app@component``.

    Raises OptionError.
    """
    name = given or f"{app}@{component}"
    if not _ARCHIVE.fullmatch(name):
        raise OptionError(
            f"archive: {name!r} cannot name a folder in every repository.",
            hint="Use up to 127 letters, digits, dots, dashes, underscores and @, and begin with a letter or a digit.",
        )
    return name


class WalArchive:
    """One archive, in each of these repositories. ``encryption`` and ``compression`` are options of the modules."""

    def __init__(
        self,
        name: str,
        repositories: t.Sequence[Repository],
        encryption: t.Mapping[str, t.Any] | None = None,
        compression: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.name = archive_name("", "", name)
        self.repositories = tuple(repositories)
        self._encryption = encryption
        self._compression = compression

    # writing

    def push(
        self, content: bytes, name: WalName, system_identifier: str, min_copies: int = 0, written: float | None = None
    ) -> dict[str, str]:
        """Have the file in every repository, durable, before this returns.

        Gives the repositories that failed, and why, where at least ``min_copies`` hold it (0: all have to). Raises
        LifeboatError otherwise, and DamagedError where the file does not fit this archive. ``written`` is when the
        file was last written to, in seconds since 1970.
        """
        self._check_content(content, name, system_identifier)
        history = content.decode("utf-8", "replace") if name.kind == HISTORY else ""
        digest = hashlib.sha256(content).hexdigest()
        about = About(digest, len(content), system_identifier, platform.node(), _now(), _at(written), history)
        encoded = functools.lru_cache(maxsize=1)(lambda: self._encoded(content))
        failed: dict[str, str] = {}
        for repository in self.repositories:
            try:
                self._claim(repository, system_identifier)
                self._push_to(repository, name, about, encoded)
            except (RepositoryError, _UnreadableError) as error:
                failed[repository.name] = str(error)
        if len(self.repositories) - len(failed) < (min_copies or len(self.repositories)):
            reasons = " ".join(f"{place}: {why}" for place, why in failed.items())
            raise RepositoryError(
                f"{name.text} is archived in {len(self.repositories) - len(failed)} of {len(self.repositories)} "
                f"repositories. {reasons}",
                hint="PostgreSQL keeps it in pg_wal and tries again. Watch the free space there.",
                details={"failed": failed},
            )
        return failed

    def _check_content(self, content: bytes, name: WalName, system_identifier: str) -> None:
        if name.kind not in (SEGMENT, PARTIAL):
            return
        header = check_segment(content, name) if name.kind == SEGMENT else read_header(content, name.text)
        if header.system_identifier != system_identifier:
            raise DamagedError(
                f"{name.text} is of the cluster {header.system_identifier}, and the data folder is of the cluster "
                f"{system_identifier}. It was not archived.",
                hint="Find out which server put it into pg_wal.",
            )

    def _claim(self, repository: Repository, system_identifier: str) -> None:
        """Refuse another cluster's archive; make one that is new ours. Raises DamagedError."""
        try:
            cluster = self.cluster_in(repository)
        except RepositoryError:  # it is not there, or the repository cannot be reached: then writing fails, too
            own = Cluster(system_identifier, platform.node(), _now())
            if repository.write_if_absent(f"{ROOT}/{self.name}/{_CLUSTER}", _json(own)):
                return
            cluster = self.cluster_in(repository)
        if cluster.system_identifier != system_identifier:
            raise DamagedError(
                f"{repository.name}/{ROOT}/{self.name} is the archive of the cluster {cluster.system_identifier} "
                f"(claimed by {cluster.host} at {cluster.claimed_at}), and this is the cluster {system_identifier}. "
                "Nothing was written.",
                hint="Give each cluster an archive of its own: another component, or another name in archive.",
            )

    def _push_to(
        self, repository: Repository, name: WalName, about: About, encoded: t.Callable[[], tuple[str, bytes]]
    ) -> None:
        """About it first: what is killed after that is finished by the next try, which has the same content."""
        folder = self._folder(name)
        if not repository.write_if_absent(f"{folder}/{_ABOUT}", _json(about)):
            there = _record(About, repository, f"{folder}/{_ABOUT}")
            if (there.sha256, there.bytes) != (about.sha256, about.bytes):
                raise DamagedError(
                    f"{repository.name}/{folder} holds another content: it was archived by {there.host} (cluster "
                    f"{there.system_identifier}) at {there.archived_at}, and this is from {about.host} (cluster "
                    f"{about.system_identifier}). Nothing was replaced.",
                    hint="Two servers archive into one place. A copy that was promoted needs an archive of its own.",
                )
            if self._data(repository, name):
                return
        suffix, content = encoded()
        repository.write_if_absent(f"{folder}/{name.text}{suffix}", content)

    def _encoded(self, content: bytes) -> tuple[str, bytes]:
        cipher, compressor = open_cipher(self._encryption), open_compressor(self._compression)
        cipher.check()
        pieces = cipher.encrypt(compressor.compress(iter([content])))
        return f"{compressor.suffix}{cipher.suffix}", b"".join(pieces)

    # reading

    def fetch(self, name: WalName, system_identifier: str) -> bytes | None:
        """The file's content; None where no repository has it.

        Raises LifeboatError where that cannot be known, where what is stored is not what was archived, and where the
        archive is another cluster's.
        """
        errors: list[LifeboatError] = []
        for repository in self.repositories:
            try:
                self.check_cluster(repository, system_identifier)
                content = self._fetch_from(repository, name)
                if content is not None:
                    self._check_content(content, name, system_identifier)
            except LifeboatError as error:
                errors.append(error)
                continue
            if content is not None:
                return content
        if errors:
            raise errors[0]
        return None

    def _fetch_from(self, repository: Repository, name: WalName) -> bytes | None:
        path = self._data(repository, name)
        if not path:
            return None
        about = _record(About, repository, f"{self._folder(name)}/{_ABOUT}")
        suffix = path.rpartition("/")[2][len(name.text) :]
        compression, encryption = _encoding_of(suffix)
        cipher = open_cipher(self._encryption, engine=encryption)
        stored = iter([repository.read_file(path, limit_bytes=2 << 30)])
        try:
            content = b"".join(open_compressor({"engine": compression}).decompress(cipher.decrypt(stored)))
        except DamagedError as error:
            raise type(error)(f"{repository.name}/{path}: {error.message}", hint=error.hint) from None
        if (hashlib.sha256(content).hexdigest(), len(content)) != (about.sha256, about.bytes):
            raise DamagedError(
                f"{repository.name}/{path} is not what was archived: its SHA-256 is another one.",
                hint="Use the copy in another repository. Without one, recovery ends before this file.",
            )
        return content

    def cluster_in(self, repository: Repository) -> Cluster:
        """Whose log the archive in this repository is.

        Raises RepositoryError where there is none: a folder that is not mounted looks empty, and must not look like the
        end of the log.
        """
        return _record(Cluster, repository, f"{ROOT}/{self.name}/{_CLUSTER}")

    def check_cluster(self, repository: Repository, system_identifier: str) -> None:
        """Refuse the archive of another cluster. Raises OptionError, and what ``cluster_in`` does."""
        cluster = self.cluster_in(repository)
        if cluster.system_identifier != system_identifier:
            raise OptionError(
                f"{repository.name} holds the archive {self.name} of the cluster {cluster.system_identifier}, and "
                f"this is the cluster {system_identifier}.",
                hint="Name the archive of this cluster.",
            )

    def listing(self, warn: t.Callable[[str], None] = lambda words: None) -> Listing | None:
        """What the repositories hold; None where none of them has such an archive. Raises RepositoryError."""
        cluster: Cluster | None = None
        listed: list[str] = []
        files: dict[str, tuple[str, ...]] = {}
        for repository in self.repositories:
            try:
                found = [file.path.split("/")[2:] for file in repository.list_files(f"{ROOT}/{self.name}")]
            except RepositoryError as error:
                if len(self.repositories) == 1:
                    raise
                warn(f"The archive in {repository.name} could not be listed: {error}")
                continue
            listed.append(repository.name)
            if [_CLUSTER] not in found:
                continue
            try:
                own = self.cluster_in(repository)
            except (RepositoryError, _UnreadableError) as error:
                if len(self.repositories) == 1:
                    raise
                warn(f"The archive in {repository.name} is not used: {error}")
                continue
            if cluster is not None and own.system_identifier != cluster.system_identifier:
                raise DamagedError(
                    f"{repository.name}/{ROOT}/{self.name} is the archive of the cluster {own.system_identifier}, and "
                    f"another repository's is of {cluster.system_identifier}.",
                    hint="Name repositories whose archives belong together.",
                )
            cluster = own
            for parts in found:
                if len(parts) == 3 and parts[2] != _ABOUT:
                    files[parts[1]] = (*files.get(parts[1], ()), repository.name)
        return Listing(cluster, files, tuple(listed)) if cluster else None

    def about(self, name: WalName) -> About | None:
        """What is known of a file; None where no repository that can be reached has it."""
        for repository in self.repositories:
            try:
                if self._data(repository, name):
                    return _record(About, repository, f"{self._folder(name)}/{_ABOUT}")
            except LifeboatError:
                continue
        return None

    def holders(self, name: WalName) -> list[str]:
        """The repositories that hold this file whole. Raises RepositoryError."""
        return [repository.name for repository in self.repositories if self._data(repository, name)]

    def remove(self, repository: Repository, names: t.Iterable[WalName]) -> None:
        """Remove files, each one's content first: what is left of a removal that was stopped is in no listing."""
        for name in names:
            folder = self._folder(name)
            paths = [file.path for file in repository.list_files(folder)]
            repository.remove([path for path in paths if not path.endswith(f"/{_ABOUT}")])
            repository.erase(folder)

    def _data(self, repository: Repository, name: WalName) -> str:
        """The path of the file's content in this repository; empty where it is not there."""
        for file in repository.list_files(self._folder(name)):
            if not file.path.endswith(f"/{_ABOUT}"):
                return file.path
        return ""

    def _folder(self, name: WalName) -> str:
        return f"{ROOT}/{self.name}/{name.timeline:08X}/{name.text}"


def _encoding_of(suffix: str) -> tuple[str, str]:
    """The engines of compression and encryption that a file's name tells. Raises DamagedError."""
    for end, encryption in _ENCRYPTIONS.items():
        if suffix.endswith(end) and suffix[: len(suffix) - len(end)] in _COMPRESSIONS:
            return _COMPRESSIONS[suffix[: len(suffix) - len(end)]], encryption
    raise DamagedError(f"An archived file ends with {suffix}, which this release does not know.")


def _record(kind: type[R], repository: Repository, path: str) -> R:
    try:
        return from_plain(kind, read_json(repository.read_file(path, limit_bytes=1 << 20)), path)
    except (ValueError, RecordError) as error:
        raise _UnreadableError(
            f"{repository.name}/{path} cannot be read: {error}.",
            hint="It is damaged. Where another repository has a good copy of it, put that one into its place.",
        ) from None


def _json(record: t.Any) -> bytes:
    return json.dumps(to_plain(record), indent=1).encode("ascii") + b"\n"


def _at(seconds: float | None) -> str:
    return "" if seconds is None else iso(datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc))


def _now() -> str:
    return iso(datetime.datetime.now(datetime.timezone.utc))


__all__ = ("HISTORY", "LABEL", "About", "Cluster", "Listing", "WalArchive", "archive_name")
