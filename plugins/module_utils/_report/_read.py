# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Read a report's JSON back with errors that name the field, the value and what would be right."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import parse_timestamp

Scalar = t.Union[str, int, float, bool, None]
_Word = t.TypeVar("_Word", bound=str)


class ReportFormatError(LifeboatError):
    """A report is not what its schema says."""


class Fields:
    """One JSON object of a report, read field by field.

    Fields nobody asks for are ignored, so a newer minor addition still reads.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise ReportFormatError(f"{where} is {_kind(value)}, but it has to be an object.")
        self._values: Mapping[str, t.Any] = value
        self._where = where

    def _get(self, name: str, wanted: str) -> t.Any:
        if name not in self._values:
            raise ReportFormatError(f"{self._where}.{name} is missing; it has to be {wanted}.")
        return self._values[name]

    def _wrong(self, name: str, value: object, wanted: str) -> ReportFormatError:
        shown = repr(value) if isinstance(value, (str, int, float, bool)) else _kind(value)
        return ReportFormatError(f"{self._where}.{name} is {shown}, but it has to be {wanted}.")

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        value = self._get(name, "text")
        if not isinstance(value, str):
            raise self._wrong(name, value, "text")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self._get(name, "text or null") is None else self.text(name)

    def choice(self, name: str, allowed: tuple[_Word, ...]) -> _Word:
        value = self.text(name)
        for word in allowed:
            if word == value:
                return word
        raise self._wrong(name, value, "one of " + ", ".join(allowed))

    def timestamp(self, name: str) -> str:
        value = self.text(name)
        if parse_timestamp(value) is None:
            raise self._wrong(name, value, "a UTC time such as 2026-01-15T02:00:00Z")
        return value

    def timestamp_or_none(self, name: str) -> str | None:
        return None if self._get(name, "a UTC time or null") is None else self.timestamp(name)

    def integer_or_none(self, name: str) -> int | None:
        value = self._get(name, "a whole number or null")
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._wrong(name, value, "a whole number or null")

    def number_or_none(self, name: str) -> float | None:
        value = self._get(name, "a number or null")
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        raise self._wrong(name, value, "a number or null")

    def scalar(self, name: str) -> Scalar:
        value = self._get(name, "text, a number, true, false or null")
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        raise self._wrong(name, value, "text, a number, true, false or null")

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._get(name, "a list of texts")
        if not isinstance(value, (list, tuple)) or not all(isinstance(entry, str) for entry in value):
            raise self._wrong(name, value, "a list of texts")
        return tuple(value)

    def text_map(self, name: str) -> dict[str, str]:
        value = self._get(name, "an object of texts")
        if not isinstance(value, Mapping) or not all(
            isinstance(entry, str) for pair in value.items() for entry in pair
        ):
            raise self._wrong(name, value, "an object of texts")
        return dict(value)

    def part(self, name: str) -> Fields:
        return Fields(self._get(name, "an object"), f"{self._where}.{name}")

    def parts(self, name: str) -> list[Fields]:
        value = self._get(name, "a list of objects")
        if not isinstance(value, (list, tuple)):
            raise self._wrong(name, value, "a list of objects")
        return [Fields(entry, f"{self._where}.{name}[{index}]") for index, entry in enumerate(value)]


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"of type {type(value).__name__}"
