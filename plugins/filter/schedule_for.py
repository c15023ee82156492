# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter schedule_for."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

DOCUMENTATION = r"""
name: schedule_for
short_description: A schedule in the words of systemd or of cron
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Takes a schedule as systemd.time(7) writes it, without a year, seconds and a time zone, or as crontab(5) writes it,
    and gives the same in the words of one of them.
positional: scheduler
options:
  _input:
    description: The schedule, such as V(Mon..Fri 01:30), V(hourly) or V(30 1 * * 1-5).
    type: str
    required: true
  scheduler:
    description:
      - Whose words.
      - With V(systemd), words that this filter does not understand are left as they are, since systemd knows more.
    type: str
    required: true
    choices: [systemd, cron]
"""

EXAMPLES = r"""
- name: Show when it runs
  ansible.builtin.debug:
    msg: "{{ 'Mon..Fri 01:30' | lifeboat.dr.schedule_for('cron') | first }}" # 30 1 * * 1-5
"""

RETURN = r"""
_value:
  description: The values of C(OnCalendar=), of which one is enough most of the time; or the five fields of cron.
  type: list
  elements: str
"""


def schedule_for(text: str, scheduler: str) -> list[str]:
    """The same schedule for that scheduler."""
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._calendar import parse_calendar

    if scheduler not in ("systemd", "cron"):
        raise AnsibleFilterError(f"schedule_for: {scheduler!r} is not a scheduler. Use systemd or cron.")
    try:
        calendar = parse_calendar("schedule", str(text))
        return [calendar.for_cron("schedule")] if scheduler == "cron" else calendar.for_systemd()
    except OptionError as error:
        if scheduler == "systemd":
            return [str(text)]
        raise AnsibleFilterError(f"{text}: {error}") from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"schedule_for": schedule_for}
