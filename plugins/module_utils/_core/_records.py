# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Typed records to JSON and back, with an error that names the place in the document."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing as t

R = t.TypeVar("R")


class RecordError(ValueError):
    """A document does not have the shape that its type says."""


def to_plain(record: t.Any) -> t.Any:
    """Dataclasses become dictionaries, tuples become lists: what ``json.dumps`` takes."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {field.name: to_plain(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, (list, tuple)):
        return [to_plain(item) for item in record]
    if isinstance(record, dict):
        return {str(key): to_plain(value) for key, value in record.items()}
    return record


def from_plain(kind: type[R], value: t.Any, place: str = "document") -> R:
    """The record of this type that ``value`` describes.

    Raises RecordError. Keys that the type does not know are ignored.
    """
    return t.cast(R, _convert(kind, value, place))


def _convert(kind: t.Any, value: t.Any, place: str) -> t.Any:
    if kind is t.Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _convert_record(kind, value, place)
    origin, arguments = t.get_origin(kind), t.get_args(kind)
    if origin in (t.Union, types.UnionType):
        return None if value is None else _convert(arguments[0], value, place)
    if origin is tuple:
        _expect(value, list, place)
        return tuple(_convert(arguments[0], item, f"{place}[{number}]") for number, item in enumerate(value))
    if origin is list:
        _expect(value, list, place)
        return [_convert(arguments[0], item, f"{place}[{number}]") for number, item in enumerate(value)]
    if origin is dict:
        _expect(value, dict, place)
        return {key: _convert(arguments[1], item, f"{place}.{key}") for key, item in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise RecordError(f"{place} is {value!r}; {kind.__name__} was expected")
    return value


def _convert_record(kind: t.Any, value: t.Any, place: str) -> t.Any:
    _expect(value, dict, place)
    hints = _hints(kind)
    arguments = {}
    for field in dataclasses.fields(kind):
        if field.name in value:
            arguments[field.name] = _convert(hints[field.name], value[field.name], f"{place}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{place}.{field.name} is missing")
    return kind(**arguments)


@functools.cache
def _hints(kind: t.Any) -> dict[str, t.Any]:
    """Once for each type: to evaluate the annotations takes a millisecond, and a catalog has thousands of records."""
    return t.get_type_hints(kind)


def _expect(value: t.Any, kind: type, place: str) -> None:
    if not isinstance(value, kind):
        raise RecordError(f"{place} is {type(value).__name__}; {kind.__name__} was expected")
