# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter duration_seconds."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

DOCUMENTATION = r"""
name: duration_seconds
short_description: The seconds of a duration such as 1h30m
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Reads a duration as the options of this collection are written.
options:
  _input:
    description: The duration, such as V(20h), V(90m), V(7d) or V(1h30m). A bare number is seconds.
    type: str
    required: true
  option:
    description: What the error calls it, such as the variable that it comes from.
    type: str
    default: duration
"""

EXAMPLES = r"""
- name: Show a duration in seconds
  ansible.builtin.debug:
    msg: "{{ '1h30m' | lifeboat.dr.duration_seconds }}" # 5400
"""

RETURN = r"""
_value:
  description: The seconds.
  type: int
"""


def duration_seconds(text: t.Any, option: str = "duration") -> int:
    """The whole seconds of a duration. Raises AnsibleFilterError naming the ``option``."""
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration

    try:
        return int(parse_duration(option, text).total_seconds())
    except OptionError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"duration_seconds": duration_seconds}
