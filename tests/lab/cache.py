# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lab keeps what takes long to fetch or to build: in the user's cache, so that every checkout has it."""

from __future__ import annotations

import os
import pathlib


def user_cache(name: str) -> pathlib.Path:
    """``~/.cache/lifeboat-dr/NAME``, which may not be there yet."""
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "lifeboat-dr" / name
