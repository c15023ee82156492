# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The manifest: what a backup holds, and the last file that is written of it.

A backup without a manifest does not exist. The manifest is one JSON document, ``manifest.json``; its ``seal`` is the
SHA-256 of the rest in canonical form (keys sorted, no white space, ASCII), so that an edit by hand is seen. The format
is described for people in
``docs/explanation/manifest.md``.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain, to_plain

SCHEMA = "lifeboat.manifest"
SCHEMA_VERSION = 3
_WITHOUT_REFERENCE = 2  # what a backup with files of its own is written as, so that older releases read it, too
MANIFEST_NAME = "manifest.json"
_ID_TIME = "%Y%m%dT%H%M%SZ"
_ISO_TIME = "%Y-%m-%dT%H:%M:%SZ"
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One stored file."""

    name: str
    content: str  # what it is for, in the words of the engine that made it: whole, schema, data, globals
    plain_bytes: int
    stored_bytes: int
    sha256: str  # of the stored bytes
    plain_sha256: str = ""  # of the plain bytes, where their content has no fingerprints of its own


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How the artifacts were encoded."""

    compression: str  # zstd, gzip, none
    encryption: str  # age, gpg, none
    recipients: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Reference:
    """A backup that another system keeps (pgBackRest, restic, a cloud's snapshots): which, and how to find it there.

    ``facts`` are what the engine needs to reach it again and to judge it; never a secret.
    """

    system: str  # restic
    id: str  # in the words of that system
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The description of one backup."""

    app: str
    component: str
    backup_id: str
    engine: str  # which kind of store: postgresql
    started_at: str  # UTC, ISO 8601
    snapshot_at: str  # the point in time that the content shows
    finished_at: str
    host: str
    tool_versions: dict[str, str]
    encoding: Encoding
    artifacts: tuple[Artifact, ...]
    content: dict[str, t.Any]  # what the engine has to say; its own type reads it
    repositories: tuple[str, ...] = ()  # where this backup was stored
    restore_by_hand: tuple[str, ...] = ()
    reference: Reference | None = None  # where another system keeps the data; then there may be no artifacts
    label: str = ""  # why it was taken, such as "before-release"; retention has rules for labels

    @property
    def folder(self) -> str:
        """Where the backup is, relative to the repository's root."""
        return backup_folder(self.app, self.component, self.backup_id)

    @property
    def plain_bytes(self) -> int:
        """Bytes before compression, all artifacts."""
        return sum(artifact.plain_bytes for artifact in self.artifacts)

    @property
    def stored_bytes(self) -> int:
        """Bytes in one repository, all artifacts."""
        return sum(artifact.stored_bytes for artifact in self.artifacts)

    def artifact_path(self, artifact: Artifact) -> str:
        """The artifact's path, relative to the repository's root."""
        return f"{self.folder}/{artifact.name}"


def new_backup_id(now: datetime.datetime) -> str:
    """UTC time to the second and a random tail, such as ``20260115T020000Z-3f9a2c``."""
    return f"{now.astimezone(datetime.timezone.utc).strftime(_ID_TIME)}-{secrets.token_hex(3)}"


def is_backup_id(text: str) -> bool:
    """Whether this is the name of a backup's folder."""
    if not _ID.fullmatch(text):
        return False
    try:
        id_time(text)
    except ValueError:  # the thirtieth of February
        return False
    return True


def id_time(backup_id: str) -> datetime.datetime:
    """The time that a backup id names."""
    return datetime.datetime.strptime(backup_id.split("-")[0], _ID_TIME).replace(tzinfo=datetime.timezone.utc)


def iso(moment: datetime.datetime) -> str:
    """UTC, ISO 8601, seconds, ``Z``."""
    return moment.astimezone(datetime.timezone.utc).strftime(_ISO_TIME)


def from_iso(text: str) -> datetime.datetime:
    """The moment that ``iso`` wrote."""
    return datetime.datetime.strptime(text, _ISO_TIME).replace(tzinfo=datetime.timezone.utc)


def check_name(option: str, value: str) -> str:
    """The value, if it can be the name of an app or a component in every repository. Raises OptionError."""
    if not _NAME.fullmatch(value):
        raise OptionError(
            f"{option}: {value!r} cannot name a folder in every repository.",
            hint="Use up to 63 letters, digits, dots, dashes and underscores, and begin with a letter or a digit.",
        )
    return value


def backup_folder(app: str, component: str, backup_id: str) -> str:
    """Where a backup is, relative to the repository's root."""
    return f"{app}/{component}/{backup_id}"


def dump(manifest: Manifest) -> bytes:
    """The manifest as it is stored: sealed JSON, readable by people."""
    plain = to_plain(manifest)
    if manifest.reference is None:
        del plain["reference"]
    version = SCHEMA_VERSION if manifest.reference else _WITHOUT_REFERENCE
    document = {"schema": SCHEMA, "schema_version": version, **plain}
    document["seal"] = _seal(document)
    return json.dumps(document, indent=1).encode("ascii") + b"\n"


def load(content: bytes, name: str) -> Manifest:
    """The manifest in ``content``; ``name`` is what to call it in an error.

    Reads every version from 1 to the present. Raises DamagedError for anything else, and for a manifest that was
    edited.
    """
    try:
        document = read_json(content)
    except ValueError as error:
        raise DamagedError(
            f"{name} is not JSON ({error}): it was cut or changed.",
            hint="Use this backup's copy in another repository.",
        ) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise DamagedError(f"{name} is not a manifest of this collection: its schema is not {SCHEMA}.")
    version = document.get("schema_version")
    if not isinstance(version, int) or version < 1:
        raise DamagedError(
            f"{name} has the schema version {version!r}; a number from 1 to {SCHEMA_VERSION} was expected."
        )
    if version > SCHEMA_VERSION:
        raise DamagedError(
            f"{name} has the schema version {version}, and this release knows versions up to {SCHEMA_VERSION}.",
            hint=(
                "Use the release of lifeboat.dr that wrote it, or a newer one; the manifest's restore_by_hand works "
                "without any."
            ),
        )
    if version >= 2 and document.get("seal") != _seal_of(document):
        raise DamagedError(
            f"{name} was changed after it was written: its seal does not match its content.",
            hint=(
                "Use this backup's copy in another repository; the artifacts may still be whole (compare sha256 by "
                "hand)."
            ),
        )
    try:
        manifest = from_plain(Manifest, _from_version_1(document) if version == 1 else document, name)
        for moment in (manifest.started_at, manifest.snapshot_at, manifest.finished_at):
            from_iso(moment)
    except (RecordError, TypeError, ValueError) as error:
        raise DamagedError(
            f"{name} has the wrong shape: {error}.", hint="Use this backup's copy in another repository."
        ) from None
    return manifest


def _seal_of(document: dict[str, t.Any]) -> str:
    """The seal that a document from anybody should have; empty where it is nested so deeply that there is none."""
    try:
        return _seal(document)
    except RecursionError:
        return ""


def _seal(document: dict[str, t.Any]) -> str:
    rest = {key: value for key, value in document.items() if key != "seal"}
    return (
        "sha256:" + hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()
    )


def _from_version_1(document: dict[str, t.Any]) -> dict[str, t.Any]:
    """Version 1 had no seal, kept the encoding in three flat keys, and called an artifact's ``content`` its
    ``role``.
    """
    encoding = {key: document[key] for key in ("compression", "encryption", "recipients") if key in document}
    artifacts = [{**artifact, "content": artifact.get("role", "")} for artifact in document.get("artifacts", [])]
    return {**document, "encoding": encoding, "artifacts": artifacts}
