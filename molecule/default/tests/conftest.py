# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the schedules and of the removal share."""

from __future__ import annotations

import collections.abc
import shlex
import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

Output = collections.abc.Callable[[str], str]


@pytest.fixture
def output(host: Host) -> Output:
    """What a shell command prints; it must succeed."""

    def printed(command: str) -> str:
        result = host.run(f"bash -o pipefail -c {shlex.quote(command)}")
        assert result.rc == 0, f"{command}: {result.stderr or result.stdout}"
        return str(result.stdout)

    return printed


@pytest.fixture
def schedulers(host: Host) -> tuple[str, str]:
    """The scheduler that began first, and the one that the host has now."""
    first = host.ansible.get_variables()["first_scheduler"]
    return first, "cron" if first == "systemd" else "systemd"
