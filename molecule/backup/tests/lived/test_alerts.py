# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What arrived, by mail, while a backup failed and was put right."""

from __future__ import annotations

import typing as t

import pytest
from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Mail, Site

testinfra_hosts = hosts_of("prometheus")


@pytest.fixture(scope="module")
def mails(site: Site) -> list[Mail]:
    """All of them, in the order in which they arrived."""
    found = site.mails()
    assert {mail["to"] for mail in found} == {"oncall@example.org"}
    return found


def test_no_alert_is_raised_any_more(site: Site) -> None:
    assert site.query("ALERTS") == []


@pytest.mark.parametrize("alert", ["LifeboatBackupFailed", "LifeboatBackupMissing"])
def test_each_alert_was_mailed_when_it_was_raised_and_when_it_was_cleared(mails: list[Mail], alert: str) -> None:
    about = [mail for mail in mails if mail["from"] == "alertmanager@example.org" and alert in mail["subject"]]
    assert about
    assert about[0]["subject"].startswith("[FIRING:1]")
    assert about[-1]["subject"].startswith("[RESOLVED]")
    for mail in about:
        assert "shop/sessions" in mail["text"]
        assert "store:9100" in mail["text"]


def test_the_failure_was_mailed_each_time_and_the_recovery_once(mails: list[Mail]) -> None:
    subjects = [mail["subject"] for mail in mails if "backup of sessions" in mail["subject"]]
    assert subjects[-1] == "[lifeboat] shop: backup of sessions works again on store"
    assert set(subjects[:-1]) == {"[lifeboat] shop: backup of sessions FAILED on store"}
    failure = next(mail for mail in mails if "FAILED" in mail["subject"])
    assert "Connection refused" in failure["text"]


def test_cron_has_mailed_what_the_failed_run_said(mails: list[Mail]) -> None:
    subject = "Cron <lifeboat@store> /opt/lifeboat/bin/lifeboat-cron backup_run"
    said = [mail["text"] for mail in mails if mail["subject"] == subject]
    failed = "lifeboat backup_run failed on store with exit code 2. This is the end of "
    # Cron starts one each minute, and on a slow machine the one before is still at work.
    waiting = "lifeboat backup_run did not start on store: the run before is still at work."
    assert any(text.startswith(failed) for text in said)
    assert all(text.startswith((failed, waiting)) for text in said)
