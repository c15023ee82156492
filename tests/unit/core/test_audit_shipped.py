# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of the audit log go to a syslog, too, and what cannot be sent is in the log all the same."""

from __future__ import annotations

import json
import pathlib
import socket
import tempfile

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import append, check

RECORD = {"module": "pg_backup", "result": "changed"}


def appended(log: pathlib.Path, target: str) -> str:
    assert append({"log": str(log), "syslog": target}, RECORD) == ""
    return log.read_text(encoding="ascii").splitlines()[-1]


def test_a_line_goes_to_a_local_syslog_as_it_is_in_the_log(tmp_path: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(f"{folder}/log")
        line = appended(tmp_path / "audit", f"{folder}/log")
        received = syslog.recv(65536).decode("ascii")
    assert received == f"<86>lifeboat-audit: {line}" and json.loads(line)["module"] == "pg_backup"


def test_a_line_goes_to_another_host_by_udp(tmp_path: pathlib.Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(60)
        line = appended(tmp_path / "audit", f"127.0.0.1:{syslog.getsockname()[1]}")
        assert syslog.recv(65536).decode("ascii").endswith(line)


@pytest.mark.parametrize("target", ["/nowhere/log", "nothing", "127.0.0.1:port", "127.0.0.1:99999999"])
def test_what_cannot_be_sent_is_in_the_log_and_said(tmp_path: pathlib.Path, target: str) -> None:
    assert target in append({"log": str(tmp_path / "audit"), "syslog": target}, RECORD)
    assert check((tmp_path / "audit").read_bytes().splitlines()).lines == 1
