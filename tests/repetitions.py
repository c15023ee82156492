# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often tests repeat what they do: a little in ``make test``, and so many times that in ``make soak``."""

from __future__ import annotations

import os

FACTOR = int(os.environ.get("LIFEBOAT_SOAK", "1"))


def examples(count: int) -> int:
    """How many examples a property is tried with, or how often a round is made."""
    return count * FACTOR
