# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Lengths of time as people write them: ``20h``, ``90m``, ``7d``, ``1h30m``."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")


def parse_duration(option: str, value: t.Any) -> datetime.timedelta:
    """The length of time. A bare number is seconds. Raises OptionError naming the option."""
    text = str(value).strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        text += "s"
    parts = _PART.findall(text)
    try:
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(
                (datetime.timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), datetime.timedelta()
            )
    except OverflowError:
        pass  # longer than Python can count
    raise OptionError(f"{option}: {value!r} is not a duration.", hint="Write it as 20h, 90m, 7d or 1h30m.")


def seconds_or_zero(option: str, text: t.Any) -> float:
    """The seconds of an option that may be left out; 0 where it is. Raises OptionError."""
    return parse_duration(option, text).total_seconds() if text else 0.0
