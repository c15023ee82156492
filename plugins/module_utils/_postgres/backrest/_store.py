# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A PostgreSQL cluster that pgBackRest backs up, as a kind of store."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store, Words

STORE = Store(
    engine="pgbackrest",
    title="PostgreSQL (pgBackRest)",
    phrase="a PostgreSQL cluster that pgBackRest backs up",
    kind="cluster",
    words=Words("cluster", "database", "relation"),
    questions={"query": ("database",)},
)
