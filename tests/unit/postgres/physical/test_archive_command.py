# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose archive_command is replaced without a word: the one that archives into the same place, and no other."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _configure

PLACE = _configure.Place("/var/lib/lifeboat/bin/lifeboat-wal", "/etc/lifeboat/wal/shop@cluster.json")
OTHER = _configure.Place(PLACE.program, __file__)  # whose configuration is there


def refuse(command: str, mode: str, *, replace: bool = False) -> None:
    written = {"archive_command": command}
    _configure._refuse_other({"archive_mode": mode}, written, f"'{PLACE.config}'", replace=replace)


def test_the_archive_of_another_component_is_not_ended_without_a_word() -> None:
    """Two components that name one server took it from each other, and each archive got holes."""
    with pytest.raises(LifeboatError, match="archives already, with .*test_archive_command"):
        refuse(OTHER.command("push"), "on")
    refuse(OTHER.command("push"), "on", replace=True)


def test_a_restored_copy_that_archives_nothing_gets_an_archive_of_its_own() -> None:
    refuse(OTHER.command("push"), "off")
    with pytest.raises(LifeboatError, match="archives already, with /bin/false"):
        refuse("/bin/false", "off")


def test_a_standby_whose_command_names_a_configuration_of_another_host_is_set_up() -> None:
    refuse(_configure.Place(PLACE.program, "/nowhere/shop@cluster@2.json").command("push"), "on")


def test_a_program_of_ours_that_lies_elsewhere_archives_into_the_same_place() -> None:
    refuse(_configure.Place("/opt/lifeboat-wal", PLACE.config).command("push"), "on")
    refuse("", "on")
