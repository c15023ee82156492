# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether what a failover would do is what the last drill that passed has shown: a plan that was changed since is not
verified any more, and says what changed. Pure.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import Ledger

VERIFIED, UNVERIFIED = "VERIFIED", "UNVERIFIED"
_SECRETS = ("password", "secret", "token", "_key", "passphrase")
_NOT_SECRETS = ("_file", "key_name", "kms_key", "access_key", "json_path")
_DIGITS = 16
_MOST_SHOWN = 8
_TOLERANCE = datetime.timedelta(minutes=5)  # the clocks of two controllers


@dataclasses.dataclass(frozen=True)
class Standing:
    """What the drills say of the plan. ``changed`` names what is not as it was, such as ``stores[0].streams[1]``."""

    word: str
    because: str
    changed: tuple[str, ...] = ()
    drilled_at: str = ""  # when the last drill that passed ended; empty where there is none


def fingerprint(plan: t.Any) -> dict[str, str]:
    """A hash of each value by its path. Secrets are left out: a hash of a short one can be guessed."""
    return {path: _hash(value) for path, value in _leaves("", plan)}


def digest(parts: t.Mapping[str, str]) -> str:
    """One hash of all of them."""
    return _hash(sorted(parts.items()))


def standing(
    drill: Ledger | None, parts: t.Mapping[str, str], now: datetime.datetime, max_age: datetime.timedelta
) -> Standing:
    """``drill`` is the newest that has passed; None where none has."""
    if drill is None:
        return Standing(UNVERIFIED, "no drill has passed yet")
    ended = drill.lines[-1].at
    known = drill.lines[0].facts.get("plan")
    before = known if isinstance(known, dict) else {}
    changed = tuple(sorted(path for path in {*before, *parts} if before.get(path) != parts.get(path)))
    if changed:
        more = f" and {len(changed) - _MOST_SHOWN} more" if len(changed) > _MOST_SHOWN else ""
        words = f"{', '.join(changed[:_MOST_SHOWN])}{more}"
        return Standing(UNVERIFIED, f"since the drill that passed at {ended} this was changed: {words}", changed, ended)
    age = now - datetime.datetime.fromisoformat(ended.replace("Z", "+00:00"))
    if age < -_TOLERANCE:
        return Standing(
            UNVERIFIED, f"the last drill that passed is from the future ({ended}): a clock was wrong", (), ended
        )
    if age > max_age:
        return Standing(UNVERIFIED, f"the last drill that passed was {age.days} days ago", (), ended)
    return Standing(VERIFIED, f"a drill of the same plan passed at {ended}", (), ended)


def _leaves(path: str, value: t.Any) -> t.Iterator[tuple[str, t.Any]]:
    if isinstance(value, t.Mapping):
        for name in sorted(value, key=str):
            if not _is_secret(str(name)):
                yield from _leaves(f"{path}.{name}" if path else str(name), value[name])
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(f"{path}[{number}]", inner)
    elif value not in (None, ""):
        yield path, value


def _is_secret(name: str) -> bool:
    return any(part in name for part in _SECRETS) and not any(part in name for part in _NOT_SECRETS)


def _hash(value: t.Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_DIGITS]
