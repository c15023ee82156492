# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How far ``pg_basebackup`` and ``pg_rewind`` are, as they say it with ``--progress``."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress

# "  24181/1048576 kB (2%), 0/1 tablespace" and "  24181/1048576 kB (2%) copied": progress_report in pg_basebackup.c and
# in pg_rewind.c, PostgreSQL 12 to 18.
_LINE = re.compile(r"\s*(\d{1,15})/(\d{1,15}) kB \(\d+%\)")


class CopyProgress:
    """One copy. ``is_line`` takes the program's lines out of what it says, so that an error is not buried in them."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._copied = 0
        self.has_begun = False
        """Whether the program has copied anything."""
        progress.phase("copy", title)

    def is_line(self, line: str) -> bool:
        """Whether the line says how far the program is; then it is told on."""
        match = _LINE.match(line)
        if match is None:
            return False
        copied, total = (int(count) * 1024 for count in match.groups())
        if not self.has_begun:
            self._progress.phase("copy", self._title, total)
            self.has_begun = True
        self._progress.advance(copied - self._copied)
        self._copied = copied
        return True
