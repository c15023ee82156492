# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which streams of an account are meant, and which of them depend on which. Pure."""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_WILDCARDS = frozenset("*?[")


def select(names: t.Iterable[str], patterns: t.Sequence[str], exclude: t.Sequence[str], *, where: str) -> list[str]:
    """The names that ``patterns`` mean (all, if there are none) and ``exclude`` does not, sorted.

    A pattern is a name, or has ``*``, ``?`` or ``[…]`` as in a shell; case matters. ``where`` says whose names they
    are. Raises OptionError for a name that is not there, and when nothing is left.
    """
    there = sorted(names)
    chosen: set[str] = set()
    for pattern in patterns or ["*"]:
        if pattern in there:
            chosen.add(pattern)
        elif _WILDCARDS & set(pattern):
            chosen |= set(fnmatch.filter(there, pattern)) if pattern != "*" else set(there)
        else:
            raise OptionError(f"streams: there is no stream {pattern} in {where}.", hint=_there_is(there))
    left = [
        name
        for name in there
        if name in chosen and not any(name == out or fnmatch.fnmatchcase(name, out) for out in exclude)
    ]
    if not left:
        raise OptionError(f"streams: no stream of {where} matches.", hint=_there_is(there))
    return left


def is_meant(name: str, patterns: t.Sequence[str], exclude: t.Sequence[str]) -> bool:
    """Whether ``select`` would choose this name."""

    def fits(pattern: str) -> bool:
        return name == pattern or fnmatch.fnmatchcase(name, pattern)

    return any(map(fits, patterns or ["*"])) and not any(map(fits, exclude))


def _there_is(names: t.Sequence[str]) -> str:
    if not names:
        return (
            "There are no streams at all. Check which account the credentials belong to, and the option domain. Set "
            "allow_empty: true where that is right, as of a new application."
        )
    return f"There are: {', '.join(names[:20])}{' and more' if len(names) > 20 else ''}."


def origins(config: t.Mapping[str, t.Any]) -> list[str]:
    """The streams of the same account that this one mirrors or sources."""
    upstream = [config.get("mirror"), *(config.get("sources") or [])]
    return [str(origin["name"]) for origin in upstream if origin and origin.get("name") and not origin.get("external")]


def downstream_first(configs: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[list[str]]:
    """The streams in waves: a stream that mirrors or sources others comes in an earlier wave than these.

    An account's streams are saved one after the other. When a mirror is saved before its origin, it is never ahead of
    it after a restore; the other way round it would miss, silently, as many of the messages that come next (seen on
    servers 2.12.8, 2.14.6 and 2.15.1).
    """
    depths: dict[str, int] = {}

    def depth(name: str, above: tuple[str, ...]) -> int:
        """How many streams downstream of this one, at most, stand in a line."""
        if name in depths or name in above:  # streams that source each other have no order
            return depths.get(name, 0)
        dependants = [other for other, config in configs.items() if name in origins(config)]
        depths[name] = max((depth(other, (*above, name)) + 1 for other in dependants), default=0)
        return depths[name]

    for name in configs:
        depth(name, ())
    return [sorted(name for name in configs if depths[name] == wave) for wave in sorted(set(depths.values()))]
