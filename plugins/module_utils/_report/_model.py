# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The one canonical report of a verification. Every rendering is made from it, and from nothing else.

The JSON that :func:`canonical_json` gives follows ``docs/schemas/report.schema.json``. A value that is not known is
``None`` (``null``), never 0. Times are UTC, ISO 8601, and end with ``Z``; durations are seconds; sizes are bytes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store, Words
from ansible_collections.lifeboat.dr.plugins.module_utils._report._read import Fields, ReportFormatError, Scalar
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import verdict_of
from ansible_collections.lifeboat.dr.plugins.module_utils._report._words import SOURCE_KINDS, WORDS

SCHEMA: t.Literal["lifeboat.report/1"] = "lifeboat.report/1"
KIND: t.Literal["verification"] = "verification"

Verdict = t.Literal["passed", "failed"]
CheckStatus = t.Literal["passed", "failed", "skipped", "error"]
Outcome = t.Literal["passed", "failed", "skipped"]
Profile = t.Literal["artifact", "quick", "full"]
Group = t.Literal["artifact", "restore", "content", "structure", "custom"]

VERDICTS: tuple[Verdict, ...] = ("passed", "failed")
CHECK_STATUSES: tuple[CheckStatus, ...] = ("passed", "failed", "skipped", "error")
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "skipped")
PROFILES: tuple[Profile, ...] = ("artifact", "quick", "full")
GROUPS: tuple[Group, ...] = ("artifact", "restore", "content", "structure", "custom")

# The order of the JSON's top: what it is, what it says, then the proof.
_ORDER = (
    "app",
    "component",
    "backup_id",
    "repository",
    "profile",
    "verdict",
    "summary",
    "started_at",
    "finished_at",
    "source",
    "backup",
    "measured",
    "phases",
    "checks",
    "controls",
    "parts",
    "environment",
    "restore_by_hand",
)


@dataclass(frozen=True)
class Source:
    """The store that was backed up: a database, an account of NATS, an object store.

    ``words`` say what its parts are called.
    """

    engine: str
    version: str
    kind: str
    name: str
    host: str
    words: Words

    @classmethod
    def of(cls, store: Store, version: str, name: str, host: str) -> Source:
        """A source of this kind of store."""
        return cls(store.title, version, store.kind, name, host, store.words)

    @classmethod
    def read(cls, fields: Fields) -> Source:
        if fields.has("words"):
            kind, said = fields.text("kind"), fields.part("words")
            words = Words(said.text("source"), said.text("part"), said.text("unit"))
        else:
            kind = fields.choice("kind", SOURCE_KINDS)
            words = WORDS[kind]
        return cls(fields.text("engine"), fields.text("version"), kind, fields.text("name"), fields.text("host"), words)


@dataclass(frozen=True)
class Count:
    """How many of something the backup holds: 8 tables."""

    what: str
    count: int | None = None

    @classmethod
    def read(cls, fields: Fields) -> Count:
        return cls(fields.text("what"), fields.integer_or_none("count"))


@dataclass(frozen=True)
class Detail:
    """A fact that only one kind of store has, in words: the position in a database's log."""

    term: str
    value: str

    @classmethod
    def read(cls, fields: Fields) -> Detail:
        return cls(fields.text("term"), fields.text("value"))


@dataclass(frozen=True)
class Backup:
    """What the manifest says about the backup.

    ``age_seconds`` counts from its snapshot to the start of the verification.
    """

    taken_at: str
    snapshot_at: str | None = None
    age_seconds: float | None = None
    plain_bytes: int | None = None
    stored_bytes: int | None = None
    counts: tuple[Count, ...] = ()
    compression: str = "none"
    encryption: str = "none"
    details: tuple[Detail, ...] = ()
    repositories: tuple[str, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Backup:
        return cls(
            taken_at=fields.timestamp("taken_at"),
            snapshot_at=fields.timestamp_or_none("snapshot_at"),
            age_seconds=fields.number_or_none("age_seconds"),
            plain_bytes=fields.integer_or_none("plain_bytes"),
            stored_bytes=fields.integer_or_none("stored_bytes"),
            counts=tuple(Count.read(entry) for entry in fields.parts("counts")),
            compression=fields.text("compression"),
            encryption=fields.text("encryption"),
            details=tuple(Detail.read(entry) for entry in fields.parts("details")),
            repositories=fields.texts("repositories"),
        )


@dataclass(frozen=True)
class Measured:
    """What a clock showed.

    ``data_age_seconds`` is the recovery point as seen at the verification; None counts as missed.
    """

    restore_seconds: float | None = None
    verify_seconds: float | None = None
    total_seconds: float | None = None
    data_age_seconds: float | None = None
    restored_bytes_per_second: float | None = None

    @classmethod
    def read(cls, fields: Fields) -> Measured:
        return cls(*(fields.number_or_none(entry.name) for entry in dataclasses.fields(cls)))


@dataclass(frozen=True)
class Phase:
    """One stretch of the work, after the one before it."""

    name: str
    title: str
    seconds: float | None = None
    bytes: int | None = None

    @classmethod
    def read(cls, fields: Fields) -> Phase:
        return cls(
            fields.text("name"), fields.text("title"), fields.number_or_none("seconds"), fields.integer_or_none("bytes")
        )


@dataclass(frozen=True)
class Item:
    """One object that a check looked at: a table, a stream, a constraint."""

    name: str
    status: CheckStatus
    expected: Scalar = None
    observed: Scalar = None
    message: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Item:
        status = fields.choice("status", CHECK_STATUSES)
        return cls(
            fields.text("name"), status, fields.scalar("expected"), fields.scalar("observed"), fields.text("message")
        )


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    ``error`` means that the question could not be asked, which never counts as passed.
    """

    id: str
    title: str
    group: Group
    status: CheckStatus
    message: str = ""
    expected: Scalar = None
    observed: Scalar = None
    seconds: float | None = None
    items: tuple[Item, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Check:
        return cls(
            id=fields.text("id"),
            title=fields.text("title"),
            group=fields.choice("group", GROUPS),
            status=fields.choice("status", CHECK_STATUSES),
            message=fields.text("message"),
            expected=fields.scalar("expected"),
            observed=fields.scalar("observed"),
            seconds=fields.number_or_none("seconds"),
            items=tuple(Item.read(entry) for entry in fields.parts("items")),
        )


@dataclass(frozen=True)
class Control:
    """A copy damaged on purpose.

    ``passed``: it was refused. ``failed``: it passed as good, so the verification proves nothing.
    """

    id: str
    title: str
    damage: str
    status: Outcome
    message: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Control:
        status = fields.choice("status", OUTCOMES)
        return cls(fields.text("id"), fields.text("title"), fields.text("damage"), status, fields.text("message"))


@dataclass(frozen=True)
class Part:
    """One table, stream or bucket: what the manifest expects and what came back.

    Its counts are of rows, messages or objects.
    """

    name: str
    status: Outcome
    count_expected: int | None = None
    count_restored: int | None = None
    bytes: int | None = None
    fingerprint_expected: str | None = None
    fingerprint_restored: str | None = None
    algorithm: str | None = None

    @classmethod
    def read(cls, fields: Fields) -> Part:
        return cls(
            name=fields.text("name"),
            status=fields.choice("status", OUTCOMES),
            count_expected=fields.integer_or_none("count_expected"),
            count_restored=fields.integer_or_none("count_restored"),
            bytes=fields.integer_or_none("bytes"),
            fingerprint_expected=fields.text_or_none("fingerprint_expected"),
            fingerprint_restored=fields.text_or_none("fingerprint_restored"),
            algorithm=fields.text_or_none("algorithm"),
        )


@dataclass(frozen=True)
class Environment:
    """Where the verification ran, with which tools, and what kept what was restored from the host.

    ``isolation`` is None where nothing was restored on this host, and in reports from before it was written down.
    """

    host: str
    tool_versions: Mapping[str, str] = field(default_factory=dict)
    isolation: str | None = None

    @classmethod
    def read(cls, fields: Fields) -> Environment:
        isolation = fields.text_or_none("isolation") if fields.has("isolation") else None
        return cls(fields.text("host"), fields.text_map("tool_versions"), isolation)


@dataclass(frozen=True)
class Step:
    """One command of the restore by hand with stock tools. Its number is its place; the title may be empty."""

    title: str
    command: str

    @classmethod
    def read(cls, fields: Fields) -> Step:
        return cls(fields.text("title"), fields.text("command"))


@dataclass(frozen=True)
class Report:
    """A verification of one backup. It is "failed" until ``_verdict.conclude`` has counted the evidence.

    Raises ReportFormatError where a report says "passed" and its own evidence does not: such a report must not exist.
    """

    app: str
    component: str
    backup_id: str
    repository: str
    profile: Profile
    started_at: str
    finished_at: str
    source: Source
    backup: Backup
    environment: Environment
    measured: Measured = field(default_factory=Measured)
    phases: tuple[Phase, ...] = ()
    checks: tuple[Check, ...] = ()
    controls: tuple[Control, ...] = ()
    parts: tuple[Part, ...] = ()
    restore_by_hand: tuple[Step, ...] = ()
    verdict: Verdict = "failed"
    summary: str = ""

    def __post_init__(self) -> None:
        if self.verdict == "passed" and verdict_of(self.checks, self.controls, self.parts) != "passed":
            raise ReportFormatError(
                f"report.verdict is 'passed' for backup {self.backup_id!r}, but its checks, controls and parts say "
                "'failed'.",
                hint="Do not set the verdict by hand; the report may have been edited.",
            )

    def to_dict(self) -> dict[str, t.Any]:
        """Plain lists, objects and scalars, in the schema's order.

        A value JSON has no word for is written as its text.
        """
        return {"schema": SCHEMA, "kind": KIND, **{name: _plain(getattr(self, name)) for name in _ORDER}}

    @classmethod
    def from_dict(cls, data: object) -> Report:
        """The report that ``data`` describes. Raises ReportFormatError naming the field that is wrong."""
        fields = Fields(data, "report")
        if fields.text("schema") != SCHEMA:
            raise ReportFormatError(
                f"report.schema is {fields.text('schema')!r}, but this version reads {SCHEMA!r}.",
                hint="Read the report with the version of lifeboat.dr that wrote it, or a newer one.",
            )
        fields.choice("kind", (KIND,))
        return cls(
            app=fields.text("app"),
            component=fields.text("component"),
            backup_id=fields.text("backup_id"),
            repository=fields.text("repository"),
            profile=fields.choice("profile", PROFILES),
            started_at=fields.timestamp("started_at"),
            finished_at=fields.timestamp("finished_at"),
            source=Source.read(fields.part("source")),
            backup=Backup.read(fields.part("backup")),
            environment=Environment.read(fields.part("environment")),
            measured=Measured.read(fields.part("measured")),
            phases=tuple(Phase.read(entry) for entry in fields.parts("phases")),
            checks=tuple(Check.read(entry) for entry in fields.parts("checks")),
            controls=tuple(Control.read(entry) for entry in fields.parts("controls")),
            parts=tuple(Part.read(entry) for entry in fields.parts("parts")),
            restore_by_hand=tuple(Step.read(entry) for entry in fields.parts("restore_by_hand")),
            verdict=fields.choice("verdict", VERDICTS),
            summary=fields.text("summary"),
        )


def canonical_json(report: Report) -> bytes:
    """The report's JSON file, byte for byte: UTF-8, indented by two, keys in the schema's order, one newline at the
    end.
    """
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    # A lone surrogate (a name that was not UTF-8) becomes \udcXX, which is also how JSON writes it.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _plain(value: object) -> t.Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: _plain_field(entry.name, getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(value[name]) for name in sorted(value)}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


def _plain_field(name: str, value: object) -> t.Any:
    # A query may rightly answer NaN or infinity; a clock or a counter may not.
    if name in ("expected", "observed") and isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _plain(value)
