# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether an answer of an application says that it is healthy. Pure.

A page that says 200 with an error in it is not healthy, so what it says is looked at, too.
"""

from __future__ import annotations

import json
import typing as t

_SHOWN = 200


def health_errors(answer: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> list[str]:
    """Why the answer is not healthy; empty when it is.

    ``answer`` is the result of ansible.builtin.uri. ``wanted`` may have ``status`` (numbers; 200 if not given),
    ``contains`` and ``absent`` (texts), and ``json`` (paths such as ``checks.database``, and their values).
    """
    status = answer.get("status")
    if status is None or status == -1:
        return [f"it does not answer: {answer.get('msg') or 'no reason was given'}"]
    body = str(answer.get("content") or "")
    allowed = [int(number) for number in wanted.get("status") or [200]]
    errors = [] if int(status) in allowed else [f"its status is {status}, and not {_either(allowed)}"]
    text, absent = wanted.get("contains"), wanted.get("absent")
    if text and str(text) not in body:
        errors.append(f"it does not say {text!r}; it says {body[:_SHOWN]!r}")
    if absent and str(absent) in body:
        errors.append(f"it says {absent!r}")
    return errors + (_json_errors(body, wanted["json"]) if wanted.get("json") else [])


def _json_errors(body: str, wanted: t.Mapping[str, t.Any]) -> list[str]:
    try:
        document = json.loads(body)
    except ValueError:
        return [f"it is not JSON; it says {body[:_SHOWN]!r}"]
    errors = []
    for path, value in wanted.items():
        found, there = _at(document, str(path).split("."))
        if not there:
            errors.append(f"it has no {path}")
        elif found != value:
            errors.append(f"its {path} is {found!r}, and not {value!r}")
    return errors


def _at(document: t.Any, path: list[str]) -> tuple[t.Any, bool]:
    for name in path:
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None, False
    return document, True


def _either(numbers: list[int]) -> str:
    return " or ".join(map(str, numbers))
