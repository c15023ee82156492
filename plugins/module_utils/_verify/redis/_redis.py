# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves one backup of Redis or Valkey: each RDB is loaded into a scratch server, and what that server then holds is
compared with the RDB, key by key.

``artifact`` reads every RDB to its end and counts; ``quick`` loads it, counts in the server, and asks the user's own
questions; ``full`` also has the server write what it holds, and compares type, value and expiry of every key.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import shlex
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb import _rdb
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._scratch import ScratchServer
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._content import Node, RedisContent
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification, outcome, summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.redis._compare import (
    FUNCTIONS,
    Tally,
    differences,
    tally,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection

_MOST_ITEMS = 100
_SHOWN = 200
_ALGORITHM = "BLAKE2b of type, value and expiry of every key"
_CONTROL = b"\x10lifeboat-control"  # a string of an RDB


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify."""

    profile: _model.Profile
    assertions: tuple[_assertions.Assertion, ...] = ()
    account: t.Callable[[], ScratchAccount] | None = None  # who runs the scratch server; None for profile artifact
    scratch_dir: str = "/var/tmp"
    binary: str | None = None
    modules: tuple[str, ...] = ()


class _Rdb:
    """One stored RDB while it is read: its keys, and, when all of it has been read, how many there are."""

    def __init__(self, pieces: t.Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.walk = _rdb.Walk(self._pieces)
        self.unknown = ""  # what this release does not know, where it has met something

    def items(self, *, keep: bool) -> t.Iterator[_rdb.Item]:
        """Every key, and then the rest of the file, so that its hash is checked, too."""
        try:
            yield from self.walk.items(keep=keep)
        except _rdb.UnknownFormatError as error:
            self.unknown = error.message
        for _piece in self._pieces:
            pass


class RedisVerification(Verification):
    """Loads every RDB of the backup into a scratch server, one after another."""

    def __init__(
        self, copies: t.Sequence[StoredBackup], options: Options, deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(copies, options.profile, deadline, progress)
        self._content = from_plain(RedisContent, self._manifest.content, "the manifest's content")
        self._options = options
        self._stored_items: list[Item] = []
        self._load_items: list[Item] = []
        self._count_items: list[Item] = []
        self._key_items: list[Item] = []
        self._answers: list[list[t.Any]] = [[] for _assertion in options.assertions]
        self._version = ""

    # what is stored

    def _verify_archives(self) -> None:
        self._progress.phase("read", "reading the RDBs", self._manifest.plain_bytes)
        for node in self._content.nodes:
            self._read(node, _Rdb(self._pieces(node)))
        self._add_stored_check()

    def _pieces(self, node: Node) -> t.Iterator[bytes]:
        return iter(CheckedPieces(self._stored, self._artifact(node), self._deadline, self._progress.advance))

    def _artifact(self, node: Node) -> Artifact:
        for artifact in self._manifest.artifacts:
            if artifact.name == node.artifact:
                return artifact
        raise DamagedError(f"The manifest of {self._manifest.backup_id} has no file {node.artifact}.")

    def _read(self, node: Node, rdb: _Rdb) -> bool:
        """Read an RDB to its end and compare its counts with the manifest. Whether it is what was stored."""

        def read() -> None:
            for _item in rdb.items(keep=False):
                pass
            counts = {number: (db.keys, db.expires) for number, db in rdb.walk.databases.items()}
            said = {database.number: (database.keys, database.expires) for database in node.databases}
            if node.counted and not rdb.unknown and (counts != said or rdb.walk.functions != node.functions):
                raise DamagedError(f"The RDB holds other numbers of keys than the manifest says: {counts}, not {said}.")

        self._stored_items.append(outcome(node.artifact, read))
        self._deadline.check("Reading the RDBs")
        return self._stored_items[-1].status == "passed"

    def _add_stored_check(self) -> None:
        check = Check("artifact.stored", "Every stored file is what was written", "artifact", "passed")
        self._checks.append(summarised(check, self._stored_items, "files"))

    # what comes back

    def _verify_restored(self) -> None:
        for node in self._content.nodes:
            self._progress.phase("restore", f"loading the RDB of {node.address}", self._artifact(node).plain_bytes)
            self._verify_node(node)
        self._add_stored_check()
        check = Check("restore.restore", "A server loads every RDB", "restore", "passed", seconds=self._restore_seconds)
        self._checks.append(summarised(check, self._load_items, "RDBs"))
        if self._profile == "full":
            title = "Every key came back with its type, value and expiry"
            content = summarised(Check("content.keys", title, "content", "passed"), self._key_items, "databases")
        else:
            title = "Every database has as many keys"
            content = summarised(Check("content.counts", title, "content", "passed"), self._count_items, "databases")
        if not content.items:
            content = dataclasses.replace(content, status="skipped", message="nothing was compared: there is no key")
        self._checks.append(content)
        for number, assertion in enumerate(self._options.assertions):
            self._checks.append(self._judged(number, assertion))

    def _verify_node(self, node: Node) -> None:
        artifact = self._artifact(node)
        if self._options.account is None:
            raise AssertionError("nobody runs the scratch server")
        scratch = ScratchServer(
            self._content.product,
            self._options.account(),
            binary=self._options.binary,
            modules=self._options.modules,
            databases=1 + max((database.number for database in node.databases), default=0),
            file_bytes=artifact.plain_bytes,
            memory_bytes=node.used_memory_bytes,
            base_dir=self._options.scratch_dir,
            deadline=self._deadline,
        )
        self._version = scratch.version
        with scratch:
            self._isolation = scratch.isolation
            began = time.monotonic()
            rdb = _Rdb(scratch.write(self._pieces(node)))
            if not self._read(node, rdb):
                self._lost(node, "its RDB is not what was stored")
                return
            try:
                scratch.start()
            except SourceError as error:
                self._lost(node, str(error))
                return
            self._restore_seconds = (self._restore_seconds or 0.0) + time.monotonic() - began
            self._load_items.append(Item(node.address, "passed"))
            self._deadline.check("The restore")
            self._ask(node, scratch)
            if self._profile == "full" and rdb.unknown:
                self._key_items.append(Item(node.address, "error", None, None, rdb.unknown))
            elif self._profile == "full":
                try:
                    self._compare(node, scratch)
                except (DamagedError, SourceError) as error:
                    self._deadline.check("Comparing the keys")
                    self._key_items.append(Item(node.address, "error", None, None, str(error)))

    def _lost(self, node: Node, why: str) -> None:
        """Nothing came back of this node."""
        self._load_items.append(Item(node.address, "failed", None, None, why))
        for database in node.databases:
            name = self._name_of(node, database.number)
            item = Item(name, "failed", database.keys, None, "it did not come back")
            self._count_items.append(item)
            self._key_items.append(item)
            self._parts.append(_model.Part(name, "failed", database.keys))

    def _name_of(self, node: Node, number: int) -> str:
        name = "functions" if number == FUNCTIONS else f"database {number}"
        return f"{node.address} {name}" if self._content.cluster else name

    # what it holds

    def _ask(self, node: Node, scratch: ScratchServer) -> None:
        """What the server says: how many keys there are, and the answers to the user's questions."""
        with scratch.server.connect(self._deadline) as connection:
            self._count(node, connection)
            for number, assertion in enumerate(self._options.assertions):
                self._answers[number].append(_ask(connection, assertion))

    def _compare(self, node: Node, scratch: ScratchServer) -> None:
        """Every key of the RDB with every key of the RDB that the server makes of it."""
        self._progress.phase("compare", f"comparing every key of {node.address}")
        expected = tally(_rdb.Walk(scratch.read()).items(keep=True))
        scratch.save()
        restored = tally(_rdb.Walk(scratch.read()).items(keep=True))
        self._add_parts(node, expected, restored)
        drawers = expected.differing(restored)
        if drawers:
            stored = _Rdb(self._pieces(node)).items(keep=True)
            found = differences(stored, _rdb.Walk(scratch.read()).items(keep=True), drawers)
            for (number, name), how in itertools.islice(found.items(), _MOST_ITEMS):
                shown = f"{self._name_of(node, number)}: {name.decode('utf-8', 'backslashreplace')[:_SHOWN]}"
                self._key_items.append(Item(shown, "failed", None, None, how))
        self._plant_in_comparison(node, expected, restored)

    def _count(self, node: Node, connection: Connection) -> None:
        """The numbers of keys that the server says."""
        for database in node.databases:
            connection.call("SELECT", database.number)
            keys = connection.call("DBSIZE")
            name = self._name_of(node, database.number)
            status: t.Literal["passed", "failed"] = "passed" if keys == database.keys else "failed"
            message = "" if node.counted else "the backup could not count its keys"
            self._count_items.append(Item(name, status, database.keys, keys, message))
            if self._profile == "quick":
                self._parts.append(_model.Part(name, status, database.keys, keys))

    def _add_parts(self, node: Node, expected: Tally, restored: Tally) -> None:
        for number in sorted({*expected.keys, *restored.keys}):
            hashes = expected.hash_of(number), restored.hash_of(number)
            counts = expected.keys.get(number, 0), restored.keys.get(number, 0)
            same = hashes[0] == hashes[1] and counts[0] == counts[1]
            name = self._name_of(node, number)
            status: t.Literal["passed", "failed"] = "passed" if same else "failed"
            self._key_items.append(Item(name, status, counts[0], counts[1], "" if same else "keys differ"))
            self._parts.append(_model.Part(name, status, *counts, None, *hashes, _ALGORITHM))

    # damage on purpose

    def _plant_in_comparison(self, node: Node, expected: Tally, restored: Tally) -> None:
        """A lost key, a changed value and a changed expiry, through the comparison that the real keys went through.

        Damaged is what the comparison is given, not the server.
        """
        if self._controls:
            return
        items = _Rdb(self._pieces(node)).items(keep=True)
        subject = next((item for item in items if item.kind != _rdb.FUNCTION), None)
        close(items)
        if subject is None:
            return
        for name, title, instead in (
            ("control.lost", "A key lost", None),
            ("control.value", "The value of a key changed", subject._replace(kind=0, value=_CONTROL)),
            ("control.expiry", "The expiry of a key changed by a millisecond", _later(subject)),
        ):
            restored.add(subject, times=-1)
            if instead:
                restored.add(instead)
            seen = bool(expected.differing(restored))
            restored.add(subject)
            if instead:
                restored.add(instead, times=-1)
            damage = f"{subject.name.decode('utf-8', 'backslashreplace')[:_SHOWN]} in database {subject.database}"
            words = "Refused: its drawer differs." if seen else "The damaged content was called the same."
            self._controls.append(Control(name, title, damage, "passed" if seen else "failed", words))

    # the user's own questions

    def _judged(self, number: int, assertion: _assertions.Assertion) -> Check:
        check = Check(f"custom.{number + 1}", assertion.name, "custom", "passed")
        answers = self._answers[number]
        errors = [str(answer) for answer in answers if isinstance(answer, LifeboatError)]
        if errors or not answers:
            message = errors[0] if errors else "There was nothing to ask: no RDB could be loaded."
            return dataclasses.replace(check, status="error", message=message)
        given = [answer for answer in answers if answer is not None]
        numbers = [answer for answer in given if isinstance(answer, int)]
        answer = sum(numbers) if given and len(numbers) == len(given) else given[0] if given else None
        right, expected, observed = _assertions.judge(assertion, answer, datetime.datetime.now(datetime.timezone.utc))
        shown = "there is none" if answer is None else observed
        return dataclasses.replace(check, status="passed" if right else "failed", expected=expected, observed=shown)

    # the report

    def _source(self) -> _model.Source:
        first = self._content.nodes[0]
        name = f"cluster of {plural(len(self._content.nodes), 'primary')}" if self._content.cluster else first.address
        return _model.Source.of(STORE, f"{self._content.product} {first.version}", name, first.address)

    def _counts(self) -> tuple[_model.Count, ...]:
        nodes = self._content.nodes
        databases = [database for node in nodes for database in node.databases]
        keys = sum(node.keys for node in nodes) if all(node.counted for node in nodes) else None
        return (
            _model.Count("keys", keys),
            _model.Count("keys that expire", sum(database.expires for database in databases)),
            _model.Count("libraries of functions", max((node.functions for node in nodes), default=0)),
        )

    def _tool_versions(self) -> dict[str, str]:
        versions = super()._tool_versions()
        return {**versions, "scratch server": self._version} if self._version else versions


def _later(item: _rdb.Item) -> _rdb.Item:
    return item._replace(expires_ms=item.expires_ms + 1)


def _ask(connection: Connection, assertion: _assertions.Assertion) -> t.Any:
    """The answer: a number, a text, or a point in time for one that has to be new; None for none. Or an error."""
    try:
        connection.call("SELECT", assertion.where.get("database") or "0")
        answer = connection.call(*shlex.split(assertion.where["command"]))
    except (RepositoryError, SourceError) as error:
        return error
    if isinstance(answer, list):
        return LifeboatError("The command gives a list; ask for one value.")
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    if assertion.newer_than is None or text is None:
        return text
    try:
        return datetime.datetime.fromtimestamp(float(text), datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return LifeboatError(f"{str(text)[:_SHOWN]!r} is not a point in time: seconds since 1970 were expected.")
