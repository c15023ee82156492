# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after its buckets were damaged and healed, emptied and brought back, and left and come back
to.
"""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://east", "ansible://west"]
KINDS = pytest.mark.parametrize("kind", ["near", "far"])


@KINDS
def test_nothing_is_lost(site: t.Any, kind: str) -> None:
    source, destination = site.pair(kind)
    written = {"chunks/": 21, "later/": 5, "meanwhile/": 5}
    if (site.name, kind) == ("east", "near"):
        written |= {f"{host}-{where}/": 5 for host in ("east", "west") for where in ("destination", "source")}
    assert {prefix: sum(key.startswith(prefix) for key in source) for prefix in written} == written
    assert len(set(source.values())) == len(source), "each object has a content of its own, and not that of the damage"
    assert destination == source


def test_the_rule_works_again(site: t.Any) -> None:
    assert site.rules == {"everything": "Enabled"}


def test_the_application_is_home_on_both_hosts(host: Host) -> None:
    lines = host.file("/etc/shop.env").content_string.splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "S3_BUCKET=shop",
        "AWS_ENDPOINT_URL_S3=http://east:9000",
    ]


def test_the_switches_are_written_down_on_one_host(site: t.Any, host: Host) -> None:
    file = host.file("/var/lib/lifeboat/switch@shop.jsonl")
    assert file.exists == (site.name == "east")
    if file.exists:
        events = [json.loads(line) for line in file.content_string.splitlines()]
        assert [(event["event"], event["to"]["bucket"], event["loss"], event["hosts"]) for event in events] == [
            (name, bucket, 0, ["east", "west"]) for bucket in ("shop-dr", "shop") for name in ("switching", "switched")
        ]
        assert file.mode == 0o600


def test_nothing_is_left_over(host: Host) -> None:
    assert host.check_output("find /tmp /var/tmp -name '*lifeboat*' -o -path '/tmp/ansible*'") == ""
    assert host.check_output("grep -rlF 'not+a/secret' /var/lib/lifeboat /etc/shop.env || true") == ""
