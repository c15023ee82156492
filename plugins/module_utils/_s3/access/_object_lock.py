# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The default retention of a bucket with object lock: compared, and never lowered silently. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_DAYS_OF_YEAR = 365  # S3 counts a year of a default retention as this
_STRENGTH = {"": 0, "GOVERNANCE": 1, "COMPLIANCE": 2}


@dataclasses.dataclass(frozen=True)
class Lock:
    """``mode`` and ``days`` are empty where new objects are not locked by default."""

    enabled: bool = False
    mode: str = ""
    days: int = 0

    def described(self) -> dict[str, t.Any]:
        """For people and for the result."""
        return {"enabled": self.enabled, "mode": self.mode or None, "days": self.days or None}


def from_wire(configuration: t.Mapping[str, t.Any] | None) -> Lock:
    """S3's ``ObjectLockConfiguration``, or None where the bucket has none."""
    if not configuration:
        return Lock()
    retention = (configuration.get("Rule") or {}).get("DefaultRetention") or {}
    days = int(retention.get("Days") or 0) or int(retention.get("Years") or 0) * _DAYS_OF_YEAR
    return Lock(configuration.get("ObjectLockEnabled") == "Enabled", retention.get("Mode") or "", days)


def to_wire(lock: Lock) -> dict[str, t.Any]:
    """S3's shape."""
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": lock.mode, "Days": lock.days}}}


def from_option(option: t.Mapping[str, t.Any]) -> Lock:
    """The lock that the option ``object_lock`` asks for. Raises OptionError."""
    if not 1 <= option["days"] <= 36500:
        raise OptionError(f"object_lock.days is {option['days']}.", hint="Use 1 to 36500.")
    return Lock(True, option["mode"], option["days"])


def check_not_lowered(have: Lock, want: Lock, bucket: str) -> None:
    """Raise OptionError when ``want`` protects less than ``have``: that is for a person to do, with open eyes."""
    if _STRENGTH[have.mode] > _STRENGTH[want.mode]:
        raise OptionError(
            f"object_lock.mode: {want.mode} is weaker than {have.mode}, which the bucket {bucket} has. Nothing was "
            "changed.",
            hint=f"Set object_lock.mode to {have.mode}. To weaken it, change the bucket by hand first.",
        )
    if have.days > want.days:
        raise OptionError(
            f"object_lock.days: {want.days} is less than the {have.days} days that the bucket {bucket} has. Nothing "
            "was changed.",
            hint=f"Set object_lock.days to {have.days} or more. To lower it, change the bucket by hand first.",
        )
