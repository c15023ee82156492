# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts with a NATS server show after the service of their timer has backed up, and a rehearsal."""

from __future__ import annotations

import json
import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("brokers")

PLAYBOOKS = ("backup_run", "restore_rehearsal")


def test_the_server_is_of_the_version_that_this_host_is_for(site: Site) -> None:
    wanted = site.variables["nats_version"]
    assert site.output("nats-server --version").strip().startswith(f"nats-server: v{wanted}.")
    assert site.manifest("events")["content"]["server_version"].startswith(f"{wanted}.")


def test_every_message_of_every_stream_is_in_the_backup(site: Site) -> None:
    saved = {
        stream["name"]: {
            "messages": stream["messages"],
            "first_seq": stream["first_sequence"],
            "last_seq": stream["last_sequence"],
        }
        for stream in site.manifest("events")["content"]["streams"]
    }
    assert saved == {name: stream["state"] for name, stream in site.before["streams"].items()}
    assert {"ORDERS", "KV_settings", "OBJ_pictures"} <= set(saved)


def test_what_an_archive_lacks_is_noted(site: Site) -> None:
    [orders] = [stream for stream in site.manifest("events")["content"]["streams"] if stream["name"] == "ORDERS"]
    listed = {consumer["name"]: consumer["archived"] for consumer in orders["consumers"]}
    old = site.variables["nats_version"] == "2.14"
    # up to 2.14, not those that are kept in memory
    assert listed == {"billing": True, "shipping": True, "quick": not old}
    assert orders["format"] == ("v1" if old else "v2")


def test_the_timers_are_set(site: Site) -> None:
    for playbook in PLAYBOOKS:
        timer = site.host.service(f"lifeboat@{playbook}.timer")
        assert timer.is_enabled and timer.is_running
        shown = site.output(f"systemctl show -p Unit -p NextElapseUSecRealtime lifeboat@{playbook}.timer")
        assert f"Unit=lifeboat@{playbook}.service\n" in shown
        assert "NextElapseUSecRealtime=\n" not in shown


def test_the_service_backed_up_once_and_then_left_the_young_backup_alone(site: Site) -> None:
    said = site.output("journalctl --output cat --unit lifeboat@backup_run.service").split("\n")
    recaps = [line for line in said if "failed=" in line]
    assert [("changed=1" in line, "changed=0" in line, "failed=0" in line) for line in recaps] == [
        (True, False, True),
        (False, True, True),
    ]
    account = site.output("systemctl show -p User -p NoNewPrivileges lifeboat@backup_run.service").split()
    assert sorted(account) == ["NoNewPrivileges=yes", "User=lifeboat"]


def test_the_user_who_backs_up_may_neither_change_anything_nor_read_single_messages(site: Site) -> None:
    verbs = (
        "STREAM.DELETE",
        "STREAM.PURGE",
        "STREAM.UPDATE",
        "STREAM.RESTORE",
        "STREAM.MSG.GET",
        "STREAM.MSG.DELETE",
        "CONSUMER.CREATE",
    )
    forbidden = [*(f"$JS.API.{verb}.ORDERS" for verb in verbs), "orders.1"]
    assert site.refused("/etc/lifeboat/backup.creds", "$JS.API.INFO", "$JS.API.STREAM.LIST", *forbidden) == forbidden


def test_no_secret_is_in_a_unit_the_journal_or_the_arguments_of_a_process(site: Site) -> None:
    arguments = site.output("cat /root/seen-arguments")
    for seen in ("lifeboat.dr.backup_run", "nats-server -c /"):  # the scratch server's
        assert seen in arguments, "who watched the processes has not seen what it should see"
    units = site.output("systemctl cat 'lifeboat@*' lifeboat@backup_run.service lifeboat@restore_rehearsal.service")
    journal = site.output("journalctl --output verbose --all")
    assert "ExecStart=" in units and "PLAY RECAP" in journal
    for secret in site.secrets:
        assert secret not in arguments
        assert secret not in units
        assert secret not in journal


def test_the_account_is_what_it_was_before(site: Site) -> None:
    assert json.loads(site.client("look")) == site.before
