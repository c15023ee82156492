# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a retention policy says: which backups to keep, and when to refuse to delete anything at all. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
"""The calendar periods, in UTC; weeks are those of ISO 8601."""

KEEP_SPEC: dict[str, dict[str, t.Any]] = {
    "last": {"type": "int"},
    "within": {"type": "str"},
    **{period: {"type": "int"} for period in PERIODS},
}
"""The keys of ``keep``, and of each entry of ``labels``."""

RETENTION_SPEC: dict[str, dict[str, t.Any]] = {
    "keep": {"type": "dict", "required": True, "options": KEEP_SPEC},
    "labels": {"type": "dict"},
    "min_keep": {"type": "int", "default": 2},
    "failed_after": {"type": "str", "default": "14d"},
    "max_silence": {"type": "str", "default": "8d"},
    "max_fraction": {"type": "float", "default": 0.3},
}
"""The options that make a policy."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """How many backups of each kind stay. ``last`` counts backups, ``periods`` calendar periods."""

    last: int = 0
    within: datetime.timedelta = datetime.timedelta(0)
    periods: tuple[tuple[str, int], ...] = ()  # in the order of PERIODS, none of them 0

    @property
    def keeps_anything(self) -> bool:
        """Whether some backup could be kept by these rules."""
        return bool(self.last or self.within or self.periods)


@dataclasses.dataclass(frozen=True)
class Policy:
    """A whole policy: the rules, the rules of labelled backups, the floors and the limits."""

    keep: Rules
    labels: tuple[tuple[str, Rules], ...] = ()
    min_keep: int = 2  # good backups that stay whatever the rules say
    failed_after: datetime.timedelta = datetime.timedelta(days=14)
    max_silence: datetime.timedelta = datetime.timedelta(days=8)  # nothing is deleted when the newest good one is older
    max_fraction: float = 0.3  # of a component's backups in one repository, in one run

    def group_of(self, label: str) -> str:
        """The entry of ``labels`` that a backup's label belongs to: its own, or the longest pattern that fits, such as
        ``before-release-*``; the label itself where there is none.
        """
        names = [name for name, _rules in self.labels]
        fitting = [name for name in names if "*" in name and fnmatch.fnmatchcase(label, name)]
        return label if label in names else max(fitting, key=lambda name: (len(name), name), default=label)

    def rules_of(self, group: str) -> Rules | None:
        """The rules for the backups of this group; None where the policy does not mention it, so that they all stay."""
        return dict(self.labels).get(group)


def read_rules(option: str, values: t.Mapping[str, t.Any]) -> Rules:
    """The rules that ``values`` (keys of KEEP_SPEC) say.

    Raises OptionError, also when they would keep nothing.
    """
    _check_rules(option, values)
    counts = {name: values.get(name) or 0 for name in ("last", *PERIODS)}
    for name, count in counts.items():
        if count < 0:
            raise OptionError(
                f"{option}.{name} is {count}.", hint="Give the number of backups or periods to keep: 0 or more."
            )
    within = parse_duration(f"{option}.within", values["within"]) if values.get("within") else datetime.timedelta(0)
    rules = Rules(counts["last"], within, tuple((name, counts[name]) for name in PERIODS if counts[name]))
    if not rules.keeps_anything:
        raise OptionError(
            f"{option} keeps nothing.",
            hint="Give at least one of last, within, hourly, daily, weekly, monthly and yearly, above 0.",
        )
    return rules


def _check_rules(option: str, values: t.Mapping[str, t.Any]) -> None:
    """Ansible does not know the types of what stands below a label. Raises OptionError."""
    if not isinstance(values, t.Mapping):
        raise OptionError(f"{option} is {values!r} and not a dictionary.", hint="Write it as {within: 90d}.")
    for name, value in values.items():
        if name not in KEEP_SPEC:
            raise OptionError(f"{option}.{name} is not a rule.", hint=f"The rules are {', '.join(KEEP_SPEC)}.")
        if name != "within" and value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise OptionError(
                f"{option}.{name} is {value!r}.", hint="Give the number of backups or periods to keep: 0 or more."
            )


def read_policy(options: t.Mapping[str, t.Any]) -> Policy:
    """The policy that the options ``keep``, ``labels``, ``min_keep``, ``failed_after``, ``max_silence`` and
    ``max_fraction`` describe.

    Raises OptionError.
    """
    if options["min_keep"] < 1:
        raise OptionError(
            f"min_keep is {options['min_keep']}.", hint="Give 1 or more: the last good backup is never deleted."
        )
    if not 0 <= options["max_fraction"] <= 1:
        raise OptionError(f"max_fraction is {options['max_fraction']}.", hint="Give a share from 0 to 1, such as 0.3.")
    labels = options["labels"] or {}
    return Policy(
        keep=read_rules("keep", options["keep"]),
        labels=tuple((label, read_rules(f"labels.{label}", labels[label] or {})) for label in sorted(labels)),
        min_keep=options["min_keep"],
        failed_after=parse_duration("failed_after", options["failed_after"]),
        max_silence=parse_duration("max_silence", options["max_silence"]),
        max_fraction=options["max_fraction"],
    )
