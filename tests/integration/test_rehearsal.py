# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rehearsals on a staging host, run by ansible-playbook as a person runs them, against real servers."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from tests.integration.test_playbooks import Site
from tests.lab.postgres import Database

_STAGING: dict[str, t.Any] = {
    "rehearsal_environment": "staging",
    "rehearsal_production": {"hosts": ["db1.example.com"], "addresses": ["198.51.100.0/24"]},
}


@pytest.fixture
def site(tmp_path: pathlib.Path, database: Database) -> Site:
    """A site with one component; a rehearsal of it restores it anew each time, and only counts rows."""
    made = Site(tmp_path, database.dsn())
    del made.plan["components"][0]["max_age"]
    made.plan["verification"] = {"profile": "quick", "report_dir": str(tmp_path / "reports")}
    return made


def _rehearse(site: Site, **variables: t.Any) -> tuple[int, str]:
    played = site.play("restore_rehearsal", "--extra-vars", json.dumps({**_STAGING, **variables}))
    return played.returncode, played.stdout + played.stderr


def test_production_is_refused_by_its_name_its_address_and_its_server_and_all_of_them_are_named(
    site: Site, database: Database
) -> None:
    identifier = str(database.value("select system_identifier from pg_control_system()"))
    production = {"hosts": ["localhost"], "addresses": ["127.0.0.1"], "system_identifiers": [identifier]}
    status, said = _rehearse(site, rehearsal_production=production)
    assert status == 2
    for words in (
        "This is production",
        "this host is called localhost",
        "this host has the address 127.0.0.1",
        f"is the system {identifier}",
    ):
        assert words in said
    assert not (site.folder / "reports").exists()
    unnamed, said = _rehearse(site, rehearsal_environment="")
    assert unnamed == 2 and "environment is not given, and production is described" in said


def test_the_newest_the_oldest_and_one_of_a_given_date_are_restored_each_once(site: Site) -> None:
    for _run in range(2):
        site.changes("backup_run")
    backups = sorted(path.name for path in (site.folder / "backups" / "shop" / "codex").iterdir())
    date = "2999-01-01T00:00:00Z"
    status, said = _rehearse(site, rehearsal_backups=["newest", "oldest", {"before": date}])
    assert status == 0, said
    assert f"codex, newest = before {date}" in said and "codex, oldest" in said
    proven = sorted(path.name for path in (site.folder / "backups" / "shop" / "codex").glob("*/verified"))
    assert len(proven) == 2
    reports = sorted(path.name.split("_")[2] for path in (site.folder / "reports").glob("*.html"))
    assert reports == backups
