# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role backup writes for cron and for systemd, and what an entry of cron does.

It runs in cron's poor environment, once at a time, with a log for each run, and is silent unless it failed. Cron and
systemd themselves are in molecule/backup.
"""

from __future__ import annotations

import getpass
import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
ROLE = ROOT / "roles" / "backup"
SH = {"SHELL": "/bin/sh"}  # all that it needs; cron gives as little


class Host:
    """A folder in which the role's templates are written as on a host."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.home, self.state, self.logs = folder / "home", folder / "state", folder / "logs"
        for one in (self.home / "bin", self.state, self.logs):
            one.mkdir(parents=True)
        self.ran = folder / "ran"

    def write(self, templates: dict[str, pathlib.Path], **variables: t.Any) -> None:
        """Write templates as Ansible does, with the role's own variables."""
        places = {
            "ansible_python_interpreter": sys.executable,
            "backup_home": str(self.home), "backup_state_dir": str(self.state), "backup_root_dir": str(self.state),
            "backup_log_dir": str(self.logs), "backup_root_log_dir": str(self.logs), "backup_kept_logs": 3,
            "lifeboat_plan": {"app": "shop", "run_as": "postgres", "repositories": [], "components": []},
        }  # fmt: skip
        tasks = [
            {"ansible.builtin.include_vars": {"file": str(ROLE / part / "main.yml")}} for part in ("defaults", "vars")
        ] + [
            {"ansible.builtin.template": {"src": str(ROLE / "templates" / name), "dest": str(path), "mode": "0755"}}
            for name, path in templates.items()
        ]
        playbook = self.folder / "play.yml"
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        (self.folder / "variables.json").write_text(json.dumps({**places, **variables}))
        played = subprocess.run(
            [pathlib.Path(sys.executable).with_name("ansible-playbook"), "--inventory", "localhost,", "--connection",
             "local", "--extra-vars", f"@{self.folder / 'variables.json'}", playbook],
            check=False, cwd=ROOT, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
                 "ANSIBLE_HOME": str(ROOT / ".ansible")},
        )  # fmt: skip
        assert played.returncode == 0, played.stdout + played.stderr

    def job(self, script: str) -> None:
        """What the command ``lifeboat`` does, in the place of a playbook."""
        command = self.home / "bin" / "lifeboat"
        command.write_text(f"#!/bin/sh\necho $1 >>{self.ran}\n{script}\n")
        command.chmod(0o755)

    def entry(self) -> subprocess.CompletedProcess[str]:
        """Run the entry as cron does: nothing in the environment."""
        return subprocess.run(
            [self.home / "bin" / "lifeboat-cron", "backup_run"],
            check=False, env=SH, cwd="/", capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def runs(self) -> int:
        return len(self.ran.read_text().split()) if self.ran.exists() else 0


_REHEARSAL = {
    "rehearsal_environment": "staging",
    "rehearsal_production": {"hosts": ["*.prod.example.com"], "addresses": ["10.1.0.0/16"]},
    "rehearsal_backups": ["newest", {"before": "2026-01-15T00:00:00Z"}],
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host on which the entries of cron and the timers of systemd were written. No test may change it."""
    host = Host(tmp_path_factory.mktemp("cron"))
    timers: dict[str, t.Any] = {
        "backup_timer": {"playbook": "backup_run", "schedule": "0 3 1,15 * 1"},
        "backup_random_delay": "10m",
    }
    units = {"lifeboat.timer.j2": "lifeboat.timer", "rehearsal.conf.j2": "rehearsal.conf"}
    timers["backup_status_schedule"] = "*:0/15"
    host.write({template: host.folder / name for template, name in units.items()}, **timers)
    schedules = {
        "backup_schedule": "Mon..Fri 01:30", "backup_prune_schedule": "", "backup_rehearsal_schedule": "Sun 04:00",
        "backup_random_delay": "0s", "backup_scheduler": "cron", "backup_cron_mailto": "ops@example.org",
    }  # fmt: skip
    templates = {"crontab.j2": host.folder / "crontab", "lifeboat-cron.sh.j2": host.home / "bin" / "lifeboat-cron"}
    templates["lifeboat.sh.j2"] = host.home / "bin" / "lifeboat"
    rehearsal = {**_REHEARSAL, "rehearsal_run_id": "of the last one", "ansible_managed": "Written by Ansible"}
    host.write({**templates, "rehearsal.yml.j2": host.folder / "rehearsal.yml"}, **schedules, **rehearsal)
    return host


@pytest.fixture
def host(written: Host, tmp_path: pathlib.Path) -> Host:
    own = Host(tmp_path)
    entry = (written.home / "bin" / "lifeboat-cron").read_text().replace(str(written.folder), str(tmp_path))
    (own.home / "bin" / "lifeboat-cron").write_text(entry)
    (own.home / "bin" / "lifeboat-cron").chmod(0o755)
    return own


def test_each_job_has_one_entry_with_its_account_and_what_has_no_schedule_has_none(written: Host) -> None:
    lines = [line for line in (written.folder / "crontab").read_text().splitlines() if line and line[0] != "#"]
    command = written.home / "bin" / "lifeboat-cron"
    assert lines == [
        "SHELL=/bin/sh",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "MAILTO=ops@example.org",
        f"30 1 * * 1-5 postgres {command} backup_run",
        f"0 4 * * 7 root {command} restore_rehearsal",
    ]


def test_a_timer_is_persistent_has_a_fixed_delay_and_says_what_cron_said(written: Host) -> None:
    lines = (written.folder / "lifeboat.timer").read_text().splitlines()
    wanted = ["OnCalendar=*-*-1,15 3:0:00", "OnCalendar=Mon *-*-* 3:0:00", "RandomizedDelaySec=600",
              "FixedRandomDelay=yes", "Persistent=yes"]  # fmt: skip
    assert [line for line in wanted if line not in lines] == []


def test_a_rehearsal_that_ends_has_the_page_of_the_status_written_by_its_own_account(written: Host) -> None:
    lines = (written.folder / "rehearsal.conf").read_text().splitlines()
    status = "lifeboat@backup_status.service"
    assert [line for line in lines if line and line[0] != "#"] == [
        "[Unit]", f"OnSuccess={status}", f"OnFailure={status}", "[Service]", "User=root",
    ]  # fmt: skip


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_takes_the_timer(written: Host, tmp_path: pathlib.Path) -> None:
    (tmp_path / "lifeboat.timer").write_text((written.folder / "lifeboat.timer").read_text())
    service = "[Service]\nType=oneshot\nExecStart=/bin/true\n" + (written.folder / "rehearsal.conf").read_text()
    (tmp_path / "lifeboat.service").write_text(service)
    checked = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "lifeboat.timer"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0 and "lifeboat.timer" not in checked.stderr, checked.stderr


def test_the_host_gets_what_the_inventory_says_of_the_rehearsal_and_nothing_of_an_earlier_run(written: Host) -> None:
    assert yaml.safe_load((written.folder / "rehearsal.yml").read_text()) == _REHEARSAL


def test_a_run_that_went_well_prints_nothing_and_has_a_log(host: Host) -> None:
    host.job("echo all is well")
    ended = host.entry()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    (log,) = host.logs.glob("backup_run-*.log")
    assert log.read_text() == "all is well\nexit code 0\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_run_that_failed_prints_its_end_for_the_mail_and_has_its_exit_code(host: Host) -> None:
    host.job("seq 100; echo the disk is full >&2; exit 2")
    ended = host.entry()
    assert ended.returncode == 2
    assert "failed on" in ended.stdout and "exit code 2" in ended.stdout and "the disk is full" in ended.stdout
    assert "\n1\n" not in ended.stdout and "\n99\n" in ended.stdout, "the end of it is enough"


def test_a_run_does_not_begin_while_the_one_before_is_at_work(host: Host) -> None:
    waiting = host.folder / "waiting"
    os.mkfifo(waiting)
    host.job(f"read _ <{waiting}")
    with subprocess.Popen([host.home / "bin" / "lifeboat-cron", "backup_run"], env=SH) as first:
        with waiting.open("w") as release:  # opens once the job reads
            second = host.entry()
            release.write("go\n")
        assert first.wait(60) == 0
    assert second.returncode == 75 and "the run before is still at work" in second.stdout
    assert host.runs() == 1


def test_a_run_that_was_killed_does_not_hold_the_lock(host: Host) -> None:
    host.job("kill -9 $PPID; sleep 0")
    assert host.entry().returncode == -9
    host.job("true")
    assert host.entry().returncode == 0


def test_a_run_needs_neither_path_nor_locale_nor_home(written: Host, host: Host) -> None:
    command = host.home / "bin" / "lifeboat"
    text = (written.home / "bin" / "lifeboat").read_text().replace(str(written.folder), str(host.folder))
    command.write_text(text.replace("= postgres ]", f"= {getpass.getuser()} ]"))
    command.chmod(0o755)
    playbook = host.home / "venv" / "bin" / "ansible-playbook"
    playbook.parent.mkdir(parents=True)
    playbook.write_text("#!/bin/sh\nenv; echo in $(pwd); echo arguments $*\n")
    playbook.chmod(0o755)
    ended = subprocess.run(
        [command, "backup_run"], check=False, env={}, cwd="/", capture_output=True, text=True, timeout=60
    )
    said = ended.stdout.splitlines()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"HOME={host.state}" in said and "LC_ALL=C.UTF-8" in said and f"in {host.state}" in said
    [path] = [line for line in said if line.startswith("PATH=")]
    assert path.endswith("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    assert "lifeboat.dr.backup_run" in said[-1] and "plan.yml" in said[-1]


def test_old_logs_go(host: Host) -> None:
    host.job("true")
    for number in range(1, 6):
        (host.logs / f"backup_run-2026010{number}T000000Z.log").touch()
    (host.logs / "backup_prune-20260101T000000Z.log").touch()
    host.entry()
    names = sorted(path.name for path in host.logs.iterdir())
    assert names[:3] == [
        "backup_prune-20260101T000000Z.log", "backup_run-20260104T000000Z.log", "backup_run-20260105T000000Z.log",
    ]  # fmt: skip
    assert len(names) == 4
