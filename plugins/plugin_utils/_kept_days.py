# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""For how many days a component of a plan has to be able to go back, for a program that knows days alone. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import read_rules
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import component_of, objectives_of, retention_of

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import Rules
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Values

_DAY = datetime.timedelta(days=1)
_DAYS = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}


def kept_days(plan: Values, name: str) -> int:
    """The longest of what retention keeps and ``detection_window`` promises; 0 where nothing is ever removed.

    ``last`` counts backups: each is taken for a day, or for the component's ``max_age`` where that is longer. The plan
    has no errors. Raises OptionError for a component that it does not have.
    """
    retention = retention_of(plan, name)
    if retention is None:
        return 0
    every = max(_DAY, parse_duration("max_age", component_of(plan, name).get("max_age") or "1d"))
    rules = [read_rules("keep", retention["keep"])]
    rules += [read_rules(label, one) for label, one in (retention.get("labels") or {}).items()]
    window = objectives_of(plan, name).get("detection_window", datetime.timedelta(0))
    longest = max([window, *(_longest(one, every) for one in rules)])
    return max(1, -(-longest // _DAY))


def _longest(rules: Rules, every: datetime.timedelta) -> datetime.timedelta:
    periods = [count * _DAYS[period] * _DAY for period, count in rules.periods]
    return max([rules.within, rules.last * every, *periods])
