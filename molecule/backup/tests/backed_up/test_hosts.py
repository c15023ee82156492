# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after it was set up, has backed up twice, and has rehearsed the restore twice, whatever its
stores are.
"""

from __future__ import annotations

import json
import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("containers")

ALL_ON_LINES = "for file in {folder}/*.json; do tr -d '\\n' <$file; echo; done"


def test_the_software_belongs_to_root_and_others_may_only_read_it(site: Site) -> None:
    assert site.output("find -L /opt/lifeboat -xdev ! -user root -o -xdev -perm /022 ! -type l").strip() == ""
    site.as_account("/opt/lifeboat/venv/bin/python -c 'import boto3, nats, psycopg2, pyrage, zstandard'")


def test_the_host_runs_playbooks_on_the_newest_core_that_its_python_runs(site: Site) -> None:
    python = site.output("/opt/lifeboat/venv/bin/python --version").split()[1]
    core = site.output("/opt/lifeboat/venv/bin/ansible --version").splitlines()[0]
    debian = site.output(". /etc/os-release; echo $VERSION_ID").strip()
    assert core.startswith({"12": "ansible [core 2.19.", "13": "ansible [core 2.21."}[debian]), (core, python)


def test_one_state_of_the_collection_is_installed_whole(site: Site) -> None:
    assert len(site.output("ls /opt/lifeboat/releases").split()) == 1
    assert site.host.file("/opt/lifeboat/collections/ansible_collections/lifeboat/dr/.complete").is_file


def test_only_the_account_may_enter(site: Site) -> None:
    for place in site.private:
        entry = site.host.file(place)
        assert (entry.user, entry.mode) == (site.account, 0o700), place


def test_every_file_has_mode_0600_and_every_folder_0700(site: Site) -> None:
    for place in (site.repository, site.reports, "/etc/lifeboat"):
        found = site.output(f"find {place} -printf '%y%m %u\\n' | sort -u").split("\n")
        assert {line for line in found if line} == {f"d700 {site.account}", f"f600 {site.account}"}, place


def test_the_manifest_names_every_file_beside_it_with_its_size_and_hash(site: Site) -> None:
    for component in site.components:
        folder, manifest = site.folder(component), site.manifest(component)
        listed = site.output(
            f"cd {folder} && find . -type f -not -path './verified/*' -not -name manifest.json -printf '%s %P\\n'"
        )
        sizes = {name: int(size) for size, name in (line.split(" ", 1) for line in listed.splitlines())}
        assert sizes == {artifact["name"]: artifact["stored_bytes"] for artifact in manifest["artifacts"]}
        assert sizes, component
        hashes = dict(
            reversed(line.split())
            for line in site.output(f"cd {folder} && sha256sum {' '.join(sorted(sizes))}").splitlines()
        )
        assert hashes == {artifact["name"]: artifact["sha256"] for artifact in manifest["artifacts"]}


def test_both_keys_open_what_is_stored_and_nobody_else(site: Site) -> None:
    for component in site.components:
        for artifact in site.manifest(component)["artifacts"]:
            path = f"{site.folder(component)}/{artifact['name']}"
            assert path.endswith(".age"), path
            header = site.output(f"sed '/^---/q' {path} | tr -cd '[:print:]\\n'").split("\n")
            assert header[0] == "age-encryption.org/v1"
            kinds = [line.split()[1] for line in header if line.startswith("->")]
            # A grease stanza opens nothing: it is there so that readers learn to pass over what they do not know
            # (age-encryption.org/v1).
            assert [kind for kind in kinds if not kind.endswith("-grease")] == ["X25519", "X25519"], path


def test_the_proof_lies_beside_the_backup_once(site: Site) -> None:
    for component in site.components:
        folder = site.folder(component)
        proofs = site.output(f"ls {folder}/verified").split()
        assert len(proofs) == 1, "the second rehearsal within max_age must not have made another proof"
        proof = site.json(f"{folder}/verified/{proofs[0]}")
        backup_id = folder.rsplit("/", 1)[1]
        assert (proof["verdict"], proof["profile"], proof["backup_id"]) == ("passed", "full", backup_id)


def test_the_report_is_there_in_every_form_and_answers_every_question(site: Site) -> None:
    names = site.output(f"find {site.reports} -maxdepth 1 -type f -printf '%f\\n'").split()
    forms = sorted(name.split(".", 1)[1] for name in names)
    assert forms == sorted(["html", "json", "junit.xml", "md"] * len(site.components))
    reports = [json.loads(line) for line in site.output(ALL_ON_LINES.format(folder=site.reports)).splitlines()]
    plan = site.plan
    for component in plan["components"]:
        (report,) = [one for one in reports if one["component"] == component["name"]]
        assert (report["verdict"], report["backup_id"]) == ("passed", site.manifest(component["name"])["backup_id"])
        asked = (plan["verification"] | component.get("verification", {})).get("checks", [])
        statuses = {check["title"]: check["status"] for check in report["checks"]}
        assert {statuses[one["name"]] for one in asked} <= {"passed"}
        assert report["controls"], "a rehearsal that has not seen a damaged copy refused proves nothing"
        assert {control["status"] for control in report["controls"]} == {"passed"}


def test_the_rehearsal_has_a_report_of_its_own(site: Site) -> None:
    names = site.output(f"ls {site.reports}/rehearsals").split()
    assert {name.split(".", 1)[1] for name in names} == {"html", "json", "junit.xml", "md"}
    report = json.loads(site.output(f"cat {site.reports}/rehearsals/*.json"))
    assert report["verdict"] == "passed"


def test_nothing_is_left_over(site: Site) -> None:
    assert site.output("find /tmp /var/tmp -name '*lifeboat*' -o -path '/tmp/ansible*'").strip() == ""
    places = "find /dev/shm -name '*lifeboat*'; find / -xdev -path '*/.ansible_async/*' -type f"
    assert site.output(places).strip() == ""
    assert site.output("ps -eo args | grep -c '[l]ifeboat-scratch' || true").strip() == "0"
    kept = site.output("find /var/lib/lifeboat -maxdepth 1 -type f -printf '%f\\n'").split()
    of_jobs = {"shop@backup@notified", "shop@status@notified", "shop@status-cache"}
    assert set(kept) - of_jobs == {f"shop@{component}@lock" for component in site.components}
    assert site.output("systemctl list-units --failed --no-legend --plain").strip() == ""
