# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From the modules' option ``repositories`` to repositories."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._run_limit import MOST_RUNS
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3_CONNECTION_SPEC

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import MemoryBudget
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_S3_OPTIONS: dict[str, dict[str, t.Any]] = {
    "bucket": {"type": "str"},
    "prefix": {"type": "str", "default": ""},
    **S3_CONNECTION_SPEC,
    "storage_class": {"type": "str"},
    "transitions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "days": {"type": "int", "required": True},
            "storage_class": {"type": "str", "required": True},
        },
    },
    "server_side_encryption": {"type": "str", "choices": ["AES256", "aws:kms", "aws:kms:dsse"]},
    "kms_key_id": {"type": "str", "no_log": False},
    "checksum_mode": {"type": "str", "choices": ["when_supported", "when_required"], "default": "when_supported"},
    "read_back": {"type": "str", "choices": ["size", "hash"], "default": "size"},
}

_OF_EVERY_KIND = ("failure_domain", "max_runs")
"""What says nothing about the kind of repository. The first is for the check of a plan, and changes nothing here."""

REPOSITORY_SPEC: dict[str, dict[str, t.Any]] = {
    "repositories": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "path": {"type": "path"},
            "mount_point": {"type": "path"},
            "failure_domain": {"type": "str"},
            "max_runs": {"type": "int"},
            **_S3_OPTIONS,
        },
        "mutually_exclusive": [["path", "bucket"]],
        "required_one_of": [["path", "bucket"]],
        "required_together": [["access_key", "secret_key"]],
        "required_by": {
            "mount_point": ["path"],
            "session_token": ["access_key"],
            "kms_key_id": ["server_side_encryption"],
        },
    },
}
"""The part of a module's argument_spec that the documentation fragment ``lifeboat.dr.repository`` describes."""


def open_repository(
    options: t.Mapping[str, t.Any], budget: MemoryBudget | None = None, *, name: str = "", time_limit: float = 0
) -> Repository:
    """The repository that one entry of ``repositories`` describes. Nothing is touched, and no connection is made.

    Options that are absent or None have their default. ``budget`` is shared memory for uploads; ``name`` replaces
    ``s3://bucket/prefix``; ``time_limit`` is how many seconds all requests to a bucket together may take, 0 for no
    limit. Raises OptionError.
    """
    given = {key: value for key, value in options.items() if value is not None and key not in _OF_EVERY_KIND}
    unknown = sorted(set(given) - {"path", "mount_point", *_S3_OPTIONS})
    if unknown:
        raise OptionError(
            f"repositories: {unknown[0]!r} is not an option of a repository.",
            hint=f"There are: path, mount_point, {', '.join(_S3_OPTIONS)}.",
        )
    if ("path" in given) == ("bucket" in given):
        raise OptionError(
            "repositories: each entry needs either path or bucket, and one has "
            + ("both." if "path" in given else "neither."),
            hint="Write {path: /var/backups/lifeboat} or {bucket: my-backups, prefix: lifeboat}.",
        )
    repository = _open_local(given) if "path" in given else _open_s3(given, budget, name, time_limit)
    repository.max_runs = _max_runs(options.get("max_runs"))
    return repository


def _max_runs(value: t.Any) -> int:
    if value is not None and not (isinstance(value, int) and 1 <= value <= MOST_RUNS):
        raise OptionError(
            f"repositories: max_runs is {value!r}.",
            hint=f"Give how many backups may be written at once, from 1 to {MOST_RUNS}, or leave it out.",
        )
    return value or 0


def open_repositories(entries: t.Sequence[t.Mapping[str, t.Any]], time_limit: float = 0) -> list[Repository]:
    """The repositories of the option ``repositories``; those in S3 share the memory for uploads. Raises OptionError.

    ``time_limit`` is for those that only read: how many seconds from now a bucket that is silent is waited for, 0 for
    no limit. Who writes must still be able to remove what it began when its time is over.

    One place may be named once. Two servers' buckets of one name and prefix are told apart by the endpoint in their
    names.
    """
    if not entries:
        raise OptionError("repositories: there is none.", hint="Give at least one {path: ...} or {bucket: ...}.")
    names = [open_repository(entry).name for entry in entries]
    places = [(name, entry.get("endpoint_url") or "") for name, entry in zip(names, entries)]
    # A link to a folder is that folder: its copy would be the same copy once more.
    real = [(os.path.realpath(name), "") if entry.get("path") else (name, endpoint)
            for entry, (name, endpoint) in zip(entries, places)]  # fmt: skip
    for number, place in enumerate(real):
        if place in real[:number]:
            first = names[real.index(place)]
            same = "" if first == names[number] else f" (it is the same folder as {first})"
            raise OptionError(
                f"repositories: {names[number]} is named twice{same}.", hint="Remove one of the two entries."
            )
    budget: MemoryBudget | None = None
    if any(entry.get("bucket") for entry in entries):
        from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import MemoryBudget as Budget

        budget = Budget()
    return [
        open_repository(
            entry,
            budget,
            name=_name_with_endpoint(name, endpoint) if names.count(name) > 1 else "",
            time_limit=time_limit,
        )
        for entry, (name, endpoint) in zip(entries, places)
    ]


def _name_with_endpoint(name: str, endpoint_url: str) -> str:
    """``s3+http://127.0.0.1:9000/bucket/prefix``."""
    bucket_and_prefix = name[len("s3://") :]
    return f"s3+{endpoint_url.rstrip('/')}/{bucket_and_prefix}" if endpoint_url else name


def _open_local(given: dict[str, t.Any]) -> Repository:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local import LocalRepository

    for key, value in given.items():
        if key not in ("path", "mount_point") and value != _S3_OPTIONS[key].get("default"):
            raise OptionError(
                f"repositories: {key} belongs to a bucket, and {given['path']} is a directory.", hint=f"Remove {key}."
            )
    return LocalRepository(*(os.path.expanduser(str(given.get(key) or "")) for key in ("path", "mount_point")))


def _open_s3(given: dict[str, t.Any], budget: MemoryBudget | None, name: str, time_limit: float) -> Repository:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3 import S3Repository
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Settings

    if "mount_point" in given:
        raise OptionError(
            f"repositories: mount_point belongs to a directory, and {given['bucket']} is a bucket.",
            hint="Remove mount_point.",
        )
    for key, option in _S3_OPTIONS.items():
        if key in given and given[key] not in option.get("choices", [given[key]]):
            raise OptionError(
                f"repositories: {key} is {given[key]!r}.", hint=f"It can be {', '.join(option['choices'])}."
            )
    settings = S3Settings(**{**given, "prefix": str(given.get("prefix", "")).strip("/"), "time_limit": time_limit})
    return S3Repository(settings, budget, name=name)
