# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Redis and Valkey as a kind of store."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store, Words

STORE = Store(
    engine="redis",
    title="Redis",
    phrase="a Redis or Valkey server",
    kind="key_value_store",
    words=Words("key-value store", "database", "key"),
    questions={"command": ("database",)},
)
