# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What requests cost at Amazon S3's list prices. Pure."""

from __future__ import annotations

import typing as t

# Amazon S3, us-east-1, Standard, US dollars for 1,000 requests (Amazon S3 pricing). Deleting is free. Traffic is not in
# it.
_PRICES = {"list": 0.005, "put": 0.005, "copy": 0.005, "head": 0.0004, "get": 0.0004, "delete": 0.0}


def cost_usd(requests: t.Mapping[str, int]) -> float:
    """What these requests, by their kind, cost."""
    return round(sum(_PRICES[kind] * count / 1000 for kind, count in requests.items()), 6)
