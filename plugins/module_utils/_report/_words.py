# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The words of reports that say none themselves: those that were written before each report had its own."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Words

WORDS: dict[str, Words] = {
    "database": Words("database", "table", "row"),
    "account": Words("account", "stream", "message"),
    "object_store": Words("object store", "bucket", "object"),
}
SOURCE_KINDS: tuple[str, ...] = tuple(WORDS)
