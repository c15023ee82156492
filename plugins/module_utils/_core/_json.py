# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""JSON from anybody: a repository, a server, a file that somebody else can write."""

from __future__ import annotations

import json
import typing as t


def read_json(content: str | bytes | bytearray) -> t.Any:
    """The document. Raises ValueError for whatever is not one, also for one that is nested beyond all reason: Python's
    own reader raises RecursionError there, which nobody expects.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
