# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after its buckets were replicated."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://east", "ansible://west"]


@pytest.mark.parametrize("kind", ["near", "far"])
def test_what_was_there_before_is_at_the_destination(site: t.Any, kind: str) -> None:
    source, destination = site.pair(kind)
    assert len(source) == 21
    assert destination == source


def test_the_rule_works(site: t.Any) -> None:
    assert site.rules == {"everything": "Enabled"}


def test_journals_are_for_root_alone(host: Host) -> None:
    assert host.file("/var/lib/lifeboat").mode == 0o700
    assert host.check_output("find /var/lib/lifeboat -type f ! -perm 0600") == ""
    assert host.check_output("grep -rlF 'not+a/secret' /var/lib/lifeboat || true") == ""
