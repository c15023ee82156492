# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong in the settings of a rehearsal is said before anything is restored, and not after hours of it."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.integration.test_playbooks import Site
from tests.integration.test_rehearsal import shop, site

__all__ = ["shop", "site"]  # the fixtures


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rehearsal_application": {"components": ["codecs"]}}, "the components of the plan are codex"),
        pytest.param(
            {"rehearsal_schemas": {"codex": "/nowhere/schema.sql"}},
            "/nowhere/schema.sql: there is no such file on the controller",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            {"rehearsal_checks": [{"url": "http://127.0.0.1:1/"}]},
            "checks[0]: a page may say 200 and show an error",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            {"rehearsal_time_limit": "soon"},
            "rehearsal_time_limit: 'soon' is not a duration. Write it as 20h",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_a_mistake_is_named_before_anything_is_restored(site: Site, wrong: dict[str, t.Any], told: str) -> None:  # noqa: F811
    played = site.play("restore_rehearsal", "--extra-vars", json.dumps(wrong))
    said = played.stdout + played.stderr
    assert played.returncode == 2 and "Step 1, check the plan and the settings" in said and told in said, said
    assert not (site.folder / "reports").exists()
