# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Metrics as the text that Prometheus reads, and back. Pure.

The format is that of https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format. The textfile
collector of the node exporter takes it without timestamps.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._names import METRICS

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?:[^"\\}]|"(?:[^"\\]|\\.)*")*\})? (\S+)', re.ASCII)
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


@dataclasses.dataclass(frozen=True)
class Sample:
    """One value of a metric. ``labels`` are of the series."""

    name: str
    value: float
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


def render(samples: t.Iterable[Sample]) -> bytes:
    """The file: metrics by name, each with its help and its type. Values that are no finite numbers are left out: a
    value that is not known has no line.

    Raises KeyError for a metric that METRICS does not have.
    """
    by_name: dict[str, list[str]] = {}
    for sample in samples:
        _type, _help = METRICS[sample.name]
        if math.isfinite(sample.value):
            by_name.setdefault(sample.name, []).append(f"{sample.name}{_labels(sample.labels)} {_number(sample.value)}")
    lines: list[str] = []
    for name in sorted(by_name):
        kind, text = METRICS[name]
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *dict.fromkeys(by_name[name])]
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def read_values(content: str) -> dict[str, float]:
    """The values in a file of ours that holds one series of each metric; what is no such line is passed over."""
    values: dict[str, float] = {}
    for line in content.split("\n"):
        found = _LINE.fullmatch(line)
        if found and found[1] in METRICS:
            try:
                value = float(found[2])
            except ValueError:
                continue
            if math.isfinite(value):
                values[found[1]] = value
    return values


def _labels(labels: t.Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escaped(labels[name])}"' for name in sorted(labels)) + "}"


def escaped(value: str) -> str:
    """A label's value as it stands between quotes. What UTF-8 cannot hold becomes a question mark."""
    readable = value.encode("utf-8", "replace").decode("utf-8")
    return "".join(_ESCAPED.get(letter, letter) for letter in readable)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
