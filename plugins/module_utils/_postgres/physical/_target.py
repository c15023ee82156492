# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""To which point a cluster is recovered: as the options say it, and as PostgreSQL's settings say it. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import lsn_text, parse_lsn

TIME, NAME, LSN, XID, IMMEDIATE, LATEST = "time", "name", "lsn", "xid", "immediate", "latest"
TARGET_SPEC: dict[str, dict[str, t.Any]] = {
    "target": {"type": "str", "choices": [IMMEDIATE, LATEST]},
    "target_time": {"type": "str"},
    "target_name": {"type": "str"},
    "target_lsn": {"type": "str"},
    "target_xid": {"type": "str"},
    "target_timeline": {"type": "str", "default": "latest"},
}
"""The modules' options that say it; exactly one of the first five is given."""
RESTORE_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "backup": {"type": "str"},
    **TARGET_SPEC,
    "data_dir": {"type": "path", "required": True},
    "replace": {"type": "bool", "default": False},
    "action": {"type": "str", "choices": ["pause", "promote"], "default": "pause"},
    "time_limit": {"type": "str"},
}
"""What every module that restores a cluster to a point has."""
CHOICES = ("target", "target_time", "target_name", "target_lsn", "target_xid")
_SETTINGS = ("recovery_target", *(f"recovery_{name}" for name in CHOICES[1:]))
_NAME_BYTES = 63  # MAXFNAMELEN of xlog_internal.h, less its end


@dataclasses.dataclass(frozen=True)
class Target:
    """One point. ``timeline`` is 0 for the latest."""

    kind: str
    text: str = ""
    moment: datetime.datetime | None = None
    lsn: int | None = None
    timeline: int = 0

    def __str__(self) -> str:
        return f"target_{self.kind} {self.text}" if self.text else f"target {self.kind}"

    def settings(self, action: str) -> dict[str, str]:
        """PostgreSQL's settings for it, in an order that it takes: it refuses an empty target after one that is set."""
        wanted = {}
        if self.kind == IMMEDIATE:
            wanted = {"recovery_target": IMMEDIATE}
        elif self.kind != LATEST:
            wanted = {f"recovery_target_{self.kind}": self.text}
        return {
            **{name: "" for name in _SETTINGS if name not in wanted},
            "recovery_target_inclusive": "on",
            "recovery_target_timeline": str(self.timeline) if self.timeline else "latest",
            "recovery_target_action": action,
            **wanted,
        }


def checked_target(options: t.Mapping[str, t.Any]) -> Target:
    """The target of ``RESTORE_SPEC``, whose other options could be meant, too. Raises OptionError."""
    check_name("app", options["app"])
    check_name("component", options["component"])
    if options["time_limit"]:
        parse_duration("time_limit", options["time_limit"])
    target = read_target(options)
    if target.kind == LATEST and options["action"] != "promote":
        raise OptionError(
            "target is latest and action is pause: PostgreSQL does not pause at the end of the log, it becomes a "
            "primary on a new timeline.",
            hint="Say action: promote, if that is meant. Nothing was touched.",
        )
    return target


def read_target(options: t.Mapping[str, t.Any]) -> Target:
    """The target that the options say. Raises OptionError naming the option."""
    given = [name for name in CHOICES if options[name] not in (None, "")]
    if len(given) != 1:
        raise OptionError(
            f"{' and '.join(given) or 'No target'} is given, and exactly one of {', '.join(CHOICES)} is needed.",
            hint="For the end of the log say target: latest.",
        )
    timeline = _timeline(options["target_timeline"])
    name, text = given[0], str(options[given[0]]).strip()
    if name == "target":
        return Target(text, timeline=timeline)
    if name == "target_time":
        moment = parse_time(name, text)
        return Target(TIME, moment.strftime("%Y-%m-%d %H:%M:%S.%f+00"), moment=moment, timeline=timeline)
    if name == "target_lsn":
        lsn = parse_lsn(name, text)
        return Target(LSN, lsn_text(lsn), lsn=lsn, timeline=timeline)
    if name == "target_xid" and not text.isdigit():
        raise OptionError(f"target_xid: {text!r} is not a transaction id.", hint="Write its number.")
    if name == "target_name" and len(text.encode()) > _NAME_BYTES:
        raise OptionError(f"target_name: {text!r} is longer than the {_NAME_BYTES} bytes of a restore point's name.")
    return Target(name[len("target_") :], text, timeline=timeline)


def parse_time(option: str, text: str) -> datetime.datetime:
    """A moment with its time zone, in UTC. Raises OptionError: without a zone nobody knows which hour is meant."""
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise OptionError(
            f"{option}: {text!r} is not a point in time.", hint="Write it as 2026-01-15T14:30:00+01:00."
        ) from None
    if moment.tzinfo is None:
        raise OptionError(
            f"{option}: {text!r} has no time zone, and it is another moment in each.",
            hint=f"Write {text}Z for UTC, or {text}+01:00 for Central European winter time.",
        )
    return moment.astimezone(datetime.timezone.utc)


def _timeline(text: str) -> int:
    if text == "latest":
        return 0
    if not text.isdigit() or not int(text):
        raise OptionError(f"target_timeline: {text!r} is not a timeline.", hint="Write latest, or its number.")
    return int(text)
