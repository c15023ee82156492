# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after it was set up, has backed up, and has rehearsed the restore."""

from __future__ import annotations

import json
import os
import shlex
import typing as t

import pytest
import testinfra.utils.ansible_runner

if t.TYPE_CHECKING:
    from testinfra.host import Host

RUNNER = testinfra.utils.ansible_runner.AnsibleRunner(
    os.environ["MOLECULE_SCENARIO_DIRECTORY"] + "/inventory/hosts.yml"
)
testinfra_hosts = [f"ansible://{name}" for name in RUNNER.get_hosts("containers")]

REPOSITORY = "/var/backups/lifeboat"
REPORTS = "/var/lib/lifeboat/reports"
KEY = "/etc/lifeboat/operations.key"


def output(host: Host, command: str) -> str:
    """What a shell command prints; it must succeed."""
    result = host.run(f"bash -o pipefail -c {shlex.quote(command)}")
    assert result.rc == 0, f"{command}: {result.stderr or result.stdout}"
    return result.stdout


def as_postgres(host: Host, command: str) -> str:
    """The same, as the account of the database server."""
    return output(host, f"cd /; runuser -u postgres -- bash -o pipefail -c {shlex.quote(command)}")


@pytest.fixture
def folder(host: Host) -> str:
    """The folder of the one backup that there is."""
    folders = output(host, f"ls -d {REPOSITORY}/shop/codex/*").split()
    assert len(folders) == 1, "the second run within max_age must not have made another backup"
    return folders[0]


@pytest.fixture
def manifest(host: Host, folder: str) -> dict[str, t.Any]:
    """Its manifest."""
    return json.loads(host.file(f"{folder}/manifest.json").content_string)


def test_the_software_belongs_to_root_and_others_may_only_read_it(host: Host) -> None:
    assert output(host, "find -L /opt/lifeboat -xdev ! -user root -o -xdev -perm /022 ! -type l").strip() == ""
    as_postgres(host, "/opt/lifeboat/venv/bin/python -c 'import boto3, psycopg2, pyrage, zstandard'")


def test_one_state_of_the_collection_is_installed_whole(host: Host) -> None:
    assert len(output(host, "ls /opt/lifeboat/releases").split()) == 1
    assert host.file("/opt/lifeboat/collections/ansible_collections/lifeboat/dr/.complete").is_file


@pytest.mark.parametrize("place", [REPOSITORY, "/var/lib/lifeboat", REPORTS, "/etc/lifeboat"])
def test_only_the_account_may_enter(host: Host, place: str) -> None:
    entry = host.file(place)
    assert (entry.user, entry.mode) == ("postgres", 0o700)


@pytest.mark.parametrize("place", [REPOSITORY, REPORTS, "/etc/lifeboat"])
def test_every_file_has_mode_0600_and_every_folder_0700(host: Host, place: str) -> None:
    found = output(host, f"find {place} -printf '%y%m %u\\n' | sort -u").split("\n")
    assert {line for line in found if line} == {"d700 postgres", "f600 postgres"}


def test_the_manifest_names_every_file_beside_it_with_its_size_and_hash(
    host: Host, folder: str, manifest: dict[str, t.Any]
) -> None:
    names = {artifact["name"] for artifact in manifest["artifacts"]}
    assert set(output(host, f"ls {folder}").split()) == names | {"manifest.json", "verified"}
    for artifact in manifest["artifacts"]:
        assert host.file(f"{folder}/{artifact['name']}").size == artifact["stored_bytes"]
        assert output(host, f"sha256sum {folder}/{artifact['name']}").split()[0] == artifact["sha256"]


def test_the_manifest_says_what_was_backed_up(host: Host, manifest: dict[str, t.Any]) -> None:
    major = host.ansible.get_variables()["postgresql_major"]
    assert manifest["content"]["server_version_num"] // 10000 == major
    rows = {table["name"]: table["rows"] for table in manifest["content"]["tables"] if table["kind"] == "table"}
    assert rows == {
        "customers": 500,
        "products": 200,
        "orders": 2000,
        "order_lines": 6000,
        "events_old": 1711,
        "events_new": 2289,
    }


def test_both_keys_open_the_backup_and_nobody_else(host: Host, folder: str, manifest: dict[str, t.Any]) -> None:
    for artifact in manifest["artifacts"]:
        header = output(host, f"sed '/^---/q' {folder}/{artifact['name']} | tr -cd '[:print:]\\n'").split("\n")
        assert header[0] == "age-encryption.org/v1"
        kinds = [line.split()[1] for line in header if line.startswith("->")]
        # A grease stanza opens nothing: it is there so that readers learn to pass over what they do not know
        # (age-encryption.org/v1).
        assert [kind for kind in kinds if not kind.endswith("-grease")] == ["X25519", "X25519"]


def test_the_proof_lies_beside_the_backup_once(host: Host, folder: str, manifest: dict[str, t.Any]) -> None:
    proofs = output(host, f"ls {folder}/verified").split()
    assert len(proofs) == 1, "the second rehearsal within max_age must not have made another proof"
    proof = json.loads(host.file(f"{folder}/verified/{proofs[0]}").content_string)
    assert (proof["verdict"], proof["profile"], proof["backup_id"]) == ("passed", "full", manifest["backup_id"])


def test_the_report_is_there_in_every_form(host: Host, manifest: dict[str, t.Any]) -> None:
    names = output(host, f"find {REPORTS} -maxdepth 1 -type f -printf '%f\\n'").split()
    assert sorted(name.split(".", 1)[1] for name in names) == ["html", "json", "junit.xml", "md"]
    report = json.loads(output(host, f"cat {REPORTS}/*.json"))
    assert (report["verdict"], report["backup_id"]) == ("passed", manifest["backup_id"])
    own = {check["title"]: check["status"] for check in report["checks"]}
    assert own["orders are there"] == "passed"
    assert own["data is fresh"] == "passed"
    assert report["controls"], "a rehearsal that has not seen a damaged copy refused proves nothing"
    assert {control["status"] for control in report["controls"]} == {"passed"}


def test_the_rehearsal_has_a_report_of_its_own(host: Host) -> None:
    names = output(host, f"ls {REPORTS}/rehearsals").split()
    assert {name.split(".", 1)[1] for name in names} == {"html", "json", "junit.xml", "md"}
    report = json.loads(output(host, f"cat {REPORTS}/rehearsals/*.json"))
    assert report["verdict"] == "passed"


def test_the_host_backs_up_and_rehearses_without_a_controller(host: Host, folder: str) -> None:
    for playbook in ("backup_run", "restore_rehearsal"):
        recap = output(host, f"/opt/lifeboat/bin/lifeboat {playbook}").strip().split("\n")[-1]
        assert "changed=0" in recap and "failed=0" in recap, recap
    assert output(host, f"ls -d {REPOSITORY}/shop/codex/*").split() == [folder]


def test_the_commands_of_the_manifest_restore_the_backup_with_stock_tools(
    host: Host, folder: str, manifest: dict[str, t.Any]
) -> None:
    commands = [
        command for command in manifest["restore_by_hand"] if "_globals." not in command or "sha256sum" in command
    ]
    try:
        for command in commands:
            as_postgres(host, f"cd {folder} && {command.replace('KEY_FILE', KEY).replace('NEW', 'by_hand')}")
        dumped = [
            as_postgres(host, f"pg_dump {name} | grep -v '^.\\(un\\)\\?restrict '") for name in ("shop", "by_hand")
        ]
        assert dumped[0] == dumped[1]
        assert "Customer500@example.org" in dumped[0]
    finally:
        as_postgres(host, "dropdb --if-exists by_hand")


def test_nothing_is_left_over(host: Host) -> None:
    assert output(host, "find /tmp /var/tmp -name '*lifeboat*' -o -path '/tmp/ansible*'").strip() == ""
    assert (
        output(host, "find /dev/shm -name '*lifeboat*'; find / -xdev -path '*/.ansible_async/*' -type f").strip() == ""
    )
    assert output(host, "ps -eo args | grep -c '[l]ifeboat-scratch' || true").strip() == "0"
    assert output(host, "find /var/lib/lifeboat -maxdepth 1 -type f -printf '%f\\n'").split() == ["shop@codex@lock"]


def test_the_database_is_what_it_was_before(host: Host) -> None:
    databases = as_postgres(host, "psql -Atc 'select datname from pg_database order by 1'").split()
    assert databases == ["postgres", "shop", "template0", "template1"]
    after = output(host, "runuser -u postgres -- pg_dumpall | grep -v '^.\\(un\\)\\?restrict '")
    assert after == host.file("/root/before.sql").content_string
