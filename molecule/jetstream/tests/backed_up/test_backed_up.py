# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after the service of its timer has backed up its streams, and the restore was rehearsed."""

from __future__ import annotations

import json
import os
import typing as t

import testinfra.utils.ansible_runner

if t.TYPE_CHECKING:
    from conftest import Site

RUNNER = testinfra.utils.ansible_runner.AnsibleRunner(
    os.environ["MOLECULE_SCENARIO_DIRECTORY"] + "/inventory/hosts.yml"
)
testinfra_hosts = [f"ansible://{name}" for name in RUNNER.get_hosts("containers")]

PLAYBOOKS = ("backup_run", "restore_rehearsal")


def test_the_server_is_of_the_version_that_this_host_is_for(site: Site, manifest: dict[str, t.Any]) -> None:
    wanted = site.host.ansible.get_variables()["nats_version"]
    assert site.output("nats-server --version").strip().startswith(f"nats-server: v{wanted}.")
    assert manifest["content"]["server_version"].startswith(f"{wanted}.")


def test_every_message_of_every_stream_is_in_the_backup(site: Site, manifest: dict[str, t.Any]) -> None:
    saved = {
        stream["name"]: {
            "messages": stream["messages"],
            "first_seq": stream["first_sequence"],
            "last_seq": stream["last_sequence"],
        }
        for stream in manifest["content"]["streams"]
    }
    assert saved == {name: stream["state"] for name, stream in site.before["streams"].items()}
    assert {"ORDERS", "KV_settings", "OBJ_pictures"} <= set(saved)


def test_what_an_archive_lacks_is_noted(site: Site, manifest: dict[str, t.Any]) -> None:
    [orders] = [stream for stream in manifest["content"]["streams"] if stream["name"] == "ORDERS"]
    listed = {consumer["name"]: consumer["archived"] for consumer in orders["consumers"]}
    old = site.host.ansible.get_variables()["nats_version"] == "2.14"
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


def test_the_service_backed_up_once_and_then_left_the_young_backup_alone(site: Site, folder: str) -> None:
    said = site.output("journalctl --output cat --unit lifeboat@backup_run.service").split("\n")
    recaps = [line for line in said if "failed=" in line]
    assert [("changed=1" in line, "changed=0" in line, "failed=0" in line) for line in recaps] == [
        (True, False, True),
        (False, True, True),
    ]
    account = site.output("systemctl show -p User -p NoNewPrivileges lifeboat@backup_run.service").split()
    assert sorted(account) == ["NoNewPrivileges=yes", "User=lifeboat"]


def test_the_service_of_the_rehearsal_finds_the_proof(site: Site, folder: str) -> None:
    site.output("systemctl start lifeboat@restore_rehearsal.service")
    said = site.output("journalctl --output cat --unit lifeboat@restore_rehearsal.service").strip()
    assert "changed=0" in said and "failed=0" in said, said
    assert len(site.output(f"ls {folder}/verified").split()) == 1


def test_the_proof_lies_beside_the_backup_once(site: Site, folder: str, manifest: dict[str, t.Any]) -> None:
    proofs = site.output(f"ls {folder}/verified").split()
    assert len(proofs) == 1, "the second rehearsal within max_age must not have made another proof"
    proof = site.json(f"{folder}/verified/{proofs[0]}")
    assert (proof["verdict"], proof["profile"], proof["backup_id"]) == ("passed", "full", manifest["backup_id"])


def test_the_report_answers_every_question(site: Site, manifest: dict[str, t.Any]) -> None:
    report = json.loads(site.output(f"cat {site.reports}/*.json"))
    assert (report["verdict"], report["backup_id"]) == ("passed", manifest["backup_id"])
    own = {check["title"]: check["status"] for check in report["checks"]}
    for title in ("orders are there", "orders are fresh", "the currency is set", "the logo is whole"):
        assert own[title] == "passed"
    assert report["controls"], "a rehearsal that has not seen a damaged copy refused proves nothing"
    assert {control["status"] for control in report["controls"]} == {"passed"}


def test_only_the_account_may_enter(site: Site) -> None:
    for place in site.private:
        entry = site.host.file(place)
        assert (entry.user, entry.mode) == ("lifeboat", 0o700), place


def test_every_file_has_mode_0600_and_every_folder_0700(site: Site) -> None:
    for place in (site.repository, site.reports, "/etc/lifeboat"):
        found = site.output(f"find {place} -printf '%y%m %u\\n' | sort -u").split("\n")
        assert {line for line in found if line} == {"d700 lifeboat", "f600 lifeboat"}, place


def test_the_manifest_names_every_file_beside_it_with_its_size_and_hash(
    site: Site, folder: str, manifest: dict[str, t.Any]
) -> None:
    names = {artifact["name"] for artifact in manifest["artifacts"]}
    there = site.output(f"cd {folder} && find . -type f -not -path './verified/*' -printf '%P\\n'").split()
    assert set(there) == names | {"manifest.json"}
    hashes = dict(
        reversed(line.split())
        for line in site.output(f"cd {folder} && sha256sum {' '.join(sorted(names))}").splitlines()
    )
    assert hashes == {artifact["name"]: artifact["sha256"] for artifact in manifest["artifacts"]}


def test_nothing_but_ciphertext_is_stored(site: Site, folder: str, manifest: dict[str, t.Any]) -> None:
    assert site.output(f"find {folder}/streams -type f -not -name '*.age'") == ""
    heads = site.output(f"for file in $(find {folder}/streams -type f); do head -n 1 $file; done").split("\n")
    assert {line for line in heads if line} == {"age-encryption.org/v1"}


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


def test_nothing_is_left_over(site: Site) -> None:
    assert site.output("find /tmp /var/tmp -name '*lifeboat*' -o -path '/tmp/ansible*'").strip() == ""
    assert site.output("find / -xdev -path '*/.ansible_async/*' -type f").strip() == ""
    assert site.output("pgrep --exact --count nats-server").strip() == "1"
    assert site.output("find /var/lib/lifeboat -maxdepth 1 -type f -printf '%f\\n'").split() == ["shop@events@lock"]
    assert site.output("systemctl list-units --failed --no-legend --plain").strip() == ""


def test_the_account_is_what_it_was_before(site: Site) -> None:
    assert json.loads(site.client("look")) == site.before
