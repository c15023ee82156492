# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A proof that failed, in a few lines: Ansible prints a failed task's whole result as one line of JSON. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import visible

_SHOWN = 10


def is_red_proof(result: t.Mapping[str, t.Any]) -> bool:
    """Whether this is the result of a proof that came to its end and is red."""
    return bool(result.get("failed")) and result.get("verdict") == "failed" and isinstance(result.get("checks"), list)


def without_what_passed(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """The result with those checks and damaged copies alone that are red; the report has them all."""
    return {
        **result,
        "checks": [one for one in result["checks"] if one.get("status") != "passed"],
        "controls": [one for one in result.get("controls") or [] if one.get("status") != "passed"],
    }


def lines(result: t.Mapping[str, t.Any]) -> list[str]:
    """What failed, why, and where the report is."""
    red = [one for one in result["checks"] if one.get("status") in ("failed", "error")]
    accepted = [one for one in result.get("controls") or [] if one.get("status") == "failed"]
    said = [f"FAILED  {result.get('summary') or result.get('msg') or ''}"]
    said += [
        f"        {one.get('title') or one.get('id')}: {one.get('message') or one['status']}" for one in red[:_SHOWN]
    ]
    said += [f"        and {len(red) - _SHOWN} more"] if len(red) > _SHOWN else []
    said += [f"        {one.get('id')}: a damaged copy passed as good: {one.get('message', '')}" for one in accepted]
    report = (result.get("report_files") or {}).get("html")
    return [visible(line) for line in (*said, *([f"        report: {report}"] if report else []))]
