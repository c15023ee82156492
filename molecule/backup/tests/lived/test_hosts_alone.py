# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after it has backed up and rehearsed by itself."""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("containers")


def test_a_backup_that_was_proven_was_not_proven_again(site: Site) -> None:
    for component in site.components:
        proofs = site.output(f"ls {site.repository}/shop/{component}/*/verified").split()
        assert len(proofs) == 1, component


def test_no_unit_has_failed(site: Site) -> None:
    assert site.output("systemctl list-units --failed --no-legend --plain").strip() == ""
