# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Ages, limits and changes in the words that the verdict, the table and the page share. Pure."""

from __future__ import annotations

import re

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds

_NOTHING = re.compile(r" 0 \S+$")


def short(seconds: float | None) -> str:
    """``26 h``, ``2 d``, ``5 min``: as in reports, but hours up to two days, and without a second unit of nothing."""
    if seconds is not None and 86400 <= seconds < 2 * 86400:
        return f"{round(seconds / 3600)} h"
    return _NOTHING.sub("", format_seconds(seconds))


def percent(change: float) -> str:
    """``+12%``, ``-60%``, ``±0%``."""
    return "\u00b10%" if abs(change) < 0.005 else f"{change:+.0%}"
