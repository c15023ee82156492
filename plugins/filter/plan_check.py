# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter plan_check."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: plan_check
short_description: A lifeboat_plan as a table, and what it does not protect
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Says what a plan does not protect, each with its remedy, such as no copy in another failure domain, one recipient
    alone, no rehearsal, a retention that is shorter than damage may go unnoticed, an RPO that the schedule cannot hold,
    and nobody who is notified.
  - It knows what stands in the plan, and touches nothing. With O(asked), it also says what buckets and a file of
    recipients said of themselves.
  - The playbook C(lifeboat.dr.plan_check) shows it.
positional: asked
options:
  _input:
    description:
      - The plan. The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
  asked:
    description: What M(lifeboat.dr.repository_info) has returned for the repositories of the plan.
    type: dict
"""

EXAMPLES = r"""
- name: Show what the plan does not protect
  ansible.builtin.debug:
    msg: "{{ (lifeboat_plan | lifeboat.dr.plan_check).table }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary. V(errors) are the mistakes, as P(lifeboat.dr.plan_errors#filter) names them. All else is
      empty where there are any.
    - V(table) are lines for a person.
    - V(findings) are dictionaries with C(kind) (V(gap) or V(note)), C(component) (empty for the whole plan), C(key),
      C(says) and C(remedy).
    - V(gaps) is the number of those that are a gap.
  type: dict
"""


def plan_check(plan: t.Any, asked: t.Any = None) -> dict[str, t.Any]:
    """Mistakes, table and findings."""
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._asked_findings import asked_findings
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_findings import GAP, plan_findings
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_table import plan_table

    errors = plan_errors(plan)
    findings = [] if errors else plan_findings(plan)
    if asked and not errors:
        findings = sorted([*findings, *asked_findings(plan, asked)], key=lambda finding: finding.kind != GAP)
    return {
        "errors": errors,
        "table": [] if errors else plan_table(plan, findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "gaps": sum(finding.kind == GAP for finding in findings),
    }


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"plan_check": lambda plan, asked=None: plan_check(plain(plan), plain(asked))}
