# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Values without what Ansible has tied to them."""

from __future__ import annotations

import typing as t


def plain(value: t.Any) -> t.Any:
    """Dictionaries and lists of Python's own, with the same content.

    A variable in a filter is a lazy container that refers to the templar and to all loaders of plugins: a deep copy of
    it, which the validator of argument specifications makes, would copy them too.
    """
    if isinstance(value, t.Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
