# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A line of numbers as a small drawing in a page. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part

_WIDTH, _HEIGHT, _EDGE = 112, 30, 4
_LEAST = 2  # points that make a line


def sparkline(values: t.Sequence[float], what: str, limit: float | None = None) -> str:
    """The values from left to right, scaled from 0; the last one has a dot. ``what`` says all of it to those who do not
    see it. A ``limit`` is a dashed line.

    Nothing where there are too few values for a line.
    """
    if len(values) < _LEAST:
        return ""
    top = max([*values, limit or 0]) or 1
    step = (_WIDTH - 2 * _EDGE) / (len(values) - 1)
    points = [(_EDGE + number * step, _y(value / top)) for number, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    floor = _HEIGHT - _EDGE
    area = f"{points[0][0]:.1f},{floor} {line} {points[-1][0]:.1f},{floor}"
    dashed = f'<path class="limit" d="M{_EDGE} {_y(limit / top):.1f}H{_WIDTH - _EDGE}"/>' if limit else ""
    return (
        f'<svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{part.text(what)}">'
        f"<title>{part.text(what)}</title>"
        f'<polygon class="area" points="{area}"/>{dashed}<polyline class="line" points="{line}"/>'
        f'<circle class="dot" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.6"/></svg>'
    )


def _y(share: float) -> float:
    return _HEIGHT - _EDGE - share * (_HEIGHT - 2 * _EDGE)
