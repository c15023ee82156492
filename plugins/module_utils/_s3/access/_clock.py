# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How far the clock of a server is from ours.

Times in listings are the server's, so "an hour ago" has to be meant by its clock.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import server_time

TOLERATED = datetime.timedelta(minutes=15)  # between the machines of one store, as S3 does of its clients
NOTEWORTHY = datetime.timedelta(minutes=1)
RESOLUTION = datetime.timedelta(seconds=1)  # of the header Date (RFC 9110, section 6.6.1), which leaves fractions out
_NONE = datetime.timedelta()
UNCERTAIN = datetime.timedelta(seconds=3)  # what the header's resolution and a slow answer can make of two equal clocks


def ahead(headers: t.Mapping[str, str], now: datetime.datetime | None = None) -> datetime.timedelta:
    """By how much the server's clock is ahead of ours (or behind, below zero), by the header ``date`` of an answer that
    just came.

    Zero where the header does not tell, or tells of less than it can.
    """
    told = server_time(headers)
    if told is None:
        return _NONE
    found = told - (now or datetime.datetime.now(datetime.timezone.utc))
    return found if abs(found) > UNCERTAIN else _NONE


def described(found: datetime.timedelta) -> str:
    """``17 minutes ahead of this host's``."""
    seconds = abs(found).total_seconds()
    amount = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    return f"{amount} {'ahead of' if found > _NONE else 'behind'} this host's"
