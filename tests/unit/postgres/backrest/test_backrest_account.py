# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders a configuration of pgBackRest names for a stanza: their owner runs it where the task is root."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._account import places_in

CONFIG = """
# repo1-path=/not/this
[global]
repo1-path=/srv/backrest
repo2-path=/far
[global:archive-push]
repo1-path=/not/that
[main]
pg1-path = /var/lib/postgresql/15/main
repo2-path=/nearer
[other]
pg1-path=/var/lib/postgresql/15/other
"""


def test_the_repository_of_the_stanza_comes_first_then_everybodys_then_the_data_folder() -> None:
    data = "/var/lib/postgresql/15/main"
    assert places_in(CONFIG, "main", 1) == ["/srv/backrest", data]
    assert places_in(CONFIG, "main", 2) == ["/nearer", "/far", data]
    assert places_in(CONFIG, "other", 3) == ["/var/lib/postgresql/15/other"]
    assert places_in(CONFIG, "nobodys", 3) == places_in("", "main", 1) == []
