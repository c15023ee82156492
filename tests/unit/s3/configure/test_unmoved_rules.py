# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of several tools lie in one document: what another one has written since it was read is not overwritten."""

from __future__ import annotations

import dataclasses
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _apply
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure._plan import Plan, Step

_OURS = {"ID": "ours", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}
_THEIRS = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 1}}
_RULE = {"ID": "ours", "Priority": 1, "Status": "Enabled", "Filter": {}, "Destination": {"Bucket": "arn:aws:s3:::b"}}
_SETUPS = {
    "lifecycle": (Setup(lifecycle=(_OURS,)), Setup(lifecycle=(_OURS, _THEIRS))),
    "replication": (Setup(rules=(_RULE,)), Setup(rules=(_RULE, {**_RULE, "ID": "theirs", "Priority": 2}))),
}


@pytest.mark.parametrize("what", _apply._OF_SEVERAL_TOOLS)
@pytest.mark.parametrize("moved", [True, False])
def test_a_rule_that_another_tool_has_written_meanwhile_is_not_lost(
    what: str, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, later = _SETUPS[what]
    asked: list[str] = []
    side: t.Any = types.SimpleNamespace(
        name="s3://b", bucket="b", call=lambda words, request, **more: asked.append(words)
    )
    monkeypatch.setattr(_apply, "read_setup", lambda side, public_access: later if moved else before)
    after = dataclasses.replace(before, lifecycle=(), rules=())
    plan = Plan({"source": before}, {"source": after}, [Step("source", what, after)], [])
    if moved:
        with pytest.raises(LifeboatError, match=f"The {what} rules of s3://b were changed by somebody else just now"):
            _apply.apply(plan, {"source": side})
    else:
        assert _apply.apply(plan, {"source": side}) == [f"{what} of s3://b"]
    assert bool(asked) is not moved
