# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An endpoint that is no S3 server: each module says so, at once, and nothing is called good."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.answers import SameAnswer

_PAGE = b"<!doctype html><html><head><title>Object store console</title></head><body></body></html>"
_ANSWERS = {
    "console": SameAnswer.http(_PAGE),
    "sign-on": SameAnswer.http(b"", status="302 Found", headers="Location: https://sso.example/login?state=private"),
    "text": SameAnswer.http(b"It works!", headers="Content-Type: text/plain"),
    "another protocol": SameAnswer(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "moved": SameAnswer.http(b"", status="301 Moved Permanently", headers="Location: https://s3.example/"),
}


def _side(place: SameAnswer, bucket: str) -> dict[str, t.Any]:
    return {"bucket": bucket, "endpoint_url": place.endpoint_url, "access_key": "k", "secret_key": "lab+secret/0123"}


@pytest.fixture(scope="module", params=list(_ANSWERS))
def place(request: pytest.FixtureRequest) -> t.Iterator[SameAnswer]:
    with _ANSWERS[request.param] as place:
        yield place


def _calls(place: SameAnswer, folder: pathlib.Path) -> dict[str, dict[str, t.Any]]:
    pair = {"source": _side(place, "one"), "destination": _side(place, "other")}
    repositories = [_side(place, "backups")]
    state = {"state_dir": str(folder)}
    return {
        "s3_replication": {**pair, **state, "rules": [{"id": "all"}]},
        "s3_replication_info": pair,
        "s3_inventory": {
            **pair,
            **state,
            "app": "shop",
            "component": "chunks",
            "repositories": [{"path": str(folder)}],
            "encryption": {"engine": "none"},
        },
        "backup_info": {"app": "shop", "repositories": repositories},
    }


@pytest.mark.parametrize("module", ["s3_replication", "s3_replication_info", "s3_inventory", "backup_info"])
def test_a_module_says_that_it_is_no_s3_server(place: SameAnswer, tmp_path: pathlib.Path, module: str) -> None:
    before = place.requests
    result = run_module(module, _calls(place, tmp_path)[module])
    told = json.dumps(result)
    assert result.get("failed") or result.get("unreachable"), result
    assert "not an S3 server's answer" in told
    assert "Traceback" not in told
    assert "private" not in told
    assert place.requests - before <= 8  # one or two for each bucket, and none again and again
