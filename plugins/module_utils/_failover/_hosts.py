# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether the target's host could carry what the source's does: capacity, secrets, certificates, clocks. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes

_SMALLER = 0.9  # of the source's: two hosts of one kind differ a little
_FREE = 0.1  # of the disk
_APART = datetime.timedelta(minutes=1)
Host = t.Mapping[str, t.Any]


def host_problems(target: Host, source: Host | None, now: datetime.datetime) -> list[str]:
    """What is not as it should be, in words; ``source`` is None where it could not be asked.

    Both are results of the module ``failover_host_info``; ``now`` is the time of whoever asks.
    """
    problems = [*_disk(target), *_of_files(target, source), *_certificates(target), *_clock("target", target, now)]
    if target.get("canary_problem"):
        problems.append(f"the canary cannot be decrypted in the target region: {target['canary_problem']}")
    if source is not None:
        problems += [*_capacity(target, source), *_clock("source", source, now)]
    return problems


def _disk(target: Host) -> t.Iterator[str]:
    size, free = target.get("disk_bytes"), target.get("disk_free_bytes")
    if size and free is not None and free < size * _FREE:
        yield f"the target's disk has {format_bytes(free)} of {format_bytes(size)} left"


def _capacity(target: Host, source: Host) -> t.Iterator[str]:
    for name, what in (("memory_bytes", "memory"), ("disk_bytes", "disk")):
        here, there = target.get(name), source.get(name)
        if here and there and here < there * _SMALLER:
            yield f"the target has {format_bytes(here)} of {what}, and the source {format_bytes(there)}"
    if (target.get("processors") or 0) < (source.get("processors") or 0):
        yield f"the target has {target.get('processors')} processors, and the source {source['processors']}"


def _of_files(target: Host, source: Host | None) -> t.Iterator[str]:
    theirs = (source or {}).get("files") or {}
    for path, digest in (target.get("files") or {}).items():
        if not digest:
            yield f"{path} is not there, or cannot be read, in the target region"
        elif theirs.get(path) and theirs[path] != digest:
            yield f"{path} is not the same in both regions"


def _certificates(target: Host) -> t.Iterator[str]:
    for one in target.get("certificates") or []:
        if one.get("state") not in ("good", "warning"):
            yield f"the certificate {one.get('name')} of the target region: {one.get('message')}"


def _clock(which: str, host: Host, now: datetime.datetime) -> t.Iterator[str]:
    try:
        theirs = datetime.datetime.fromisoformat(str(host.get("clock")).replace("Z", "+00:00"))
        apart = abs(theirs - now)
    except (TypeError, ValueError):
        yield f"the clock of the {which}'s host is not known"
        return
    if apart > _APART:
        yield (
            f"the clocks of the {which}'s host and of this controller are {apart.total_seconds():.0f} s apart: tokens, "
            "lags and the duration of an outage would be wrong"
        )
