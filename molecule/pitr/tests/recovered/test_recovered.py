# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came back: exactly what there was at the moment, and all of it at the end, though the network was cut and the
servers were killed meanwhile.
"""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://clusters"]

_CUT_OFF = [f"cut off {number}" for number in range(1, 11)]


def _orders(host: Host, folder: str) -> list[str]:
    return t.cast("str", host.file(f"/var/lib/postgresql/{folder}.orders").content_string).splitlines()


def test_at_the_moment_there_is_the_order_before_it_and_none_after_it(host: Host) -> None:
    assert _orders(host, "moment") == ["before"]


def test_at_the_end_there_is_every_order_and_none_of_the_transaction_that_was_killed(host: Host) -> None:
    assert sorted(_orders(host, "last")) == sorted(["before", "after", *_CUT_OFF, "last"])


def test_the_log_has_no_hole_and_leads_to_the_end(host: Host) -> None:
    (window,) = json.loads(host.file("/var/lib/postgresql/catalog.json").content_string)["windows"]
    assert window["missing"] == [] and window["unusable"] == [], window
    assert len(window["backups"]) == 1 and window["segments"] > len(_CUT_OFF), window


def test_the_live_server_goes_on_and_archives(host: Host) -> None:
    ask = "cd /; runuser -u postgres -- psql -XqAtc 'select count(*) from orders'"
    assert host.check_output(ask) == str(3 + len(_CUT_OFF))


def test_a_restored_copy_archives_nothing(host: Host) -> None:
    for folder in ("moment", "last"):
        settings = host.file(f"/var/lib/postgresql/{folder}/postgresql.auto.conf").content_string
        assert [line for line in settings.splitlines() if line.startswith("archive_mode")][-1:] in (
            ["archive_mode = off"], ["archive_mode = 'off'"],
        )  # fmt: skip


def test_no_secret_can_be_read_by_others(host: Host) -> None:
    for path in host.check_output("find /etc/lifeboat /var/lib/lifeboat -type f -perm /077").split():
        content = host.file(path).content_string
        assert "AGE-SECRET-KEY" not in content and "secret_key" not in content, path
