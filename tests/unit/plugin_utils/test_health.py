# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an answer of an application says that it is healthy."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._health import health_errors

PAGE = {"status": 200, "content": '{"status": "ok", "checks": {"database": "up", "queues": [{"depth": 0}]}}'}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": [200, 204]},
        {"contains": "database", "absent": "error"},
        {"json": {"status": "ok", "checks.database": "up", "checks.queues.0.depth": 0}},
    ],
)
def test_a_healthy_page_has_no_errors(wanted: dict[str, t.Any]) -> None:
    assert health_errors(PAGE, wanted) == []


@pytest.mark.parametrize(
    ("answer", "wanted", "words"),
    [
        ({"msg": "Connection refused", "status": -1}, {}, "does not answer: Connection refused"),
        ({}, {}, "does not answer"),
        ({"status": 503, "content": ""}, {}, "its status is 503, and not 200"),
        ({"status": 200, "content": "database error"}, {"absent": "error"}, "it says 'error'"),
        ({"status": 200, "content": ""}, {"contains": "ok"}, "does not say 'ok'"),
        (PAGE, {"json": {"checks.database": "down"}}, "its checks.database is 'up', and not 'down'"),
        (PAGE, {"json": {"checks.cache": "up"}}, "it has no checks.cache"),
        (PAGE, {"json": {"checks.queues.1": 1}}, "it has no checks.queues.1"),
        ({"status": 200, "content": "<html>"}, {"json": {"status": "ok"}}, "is not JSON"),
        ({"status": 200, "content": '"ok"'}, {"json": {"status": "ok"}}, "it has no status"),
    ],
)
def test_a_page_that_says_200_with_an_error_in_it_is_not_healthy(
    answer: dict[str, t.Any], wanted: dict[str, t.Any], words: str
) -> None:
    assert words in " ".join(health_errors(answer, wanted))
