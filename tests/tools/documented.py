# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation of a module says of its options, its fragments included."""

from __future__ import annotations

import functools
import importlib
import typing as t

import yaml

_PLUGINS = "ansible_collections.lifeboat.dr.plugins"


@functools.cache
def options_of(module: str) -> dict[str, t.Any]:
    """The options by name, each with ``options`` for those inside it."""
    document = yaml.safe_load(importlib.import_module(f"{_PLUGINS}.modules.{module}").DOCUMENTATION)
    options: dict[str, t.Any] = {}
    for name in document.get("extends_documentation_fragment") or ():
        fragment, _dot, part = name.removeprefix("lifeboat.dr.").partition(".")
        holder = importlib.import_module(f"{_PLUGINS}.doc_fragments.{fragment}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(holder, (part or "documentation").upper())).get("options") or {})
    options.update(document.get("options") or {})
    return _nested(options)


def _nested(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {
        name: {**option, **({"options": _nested(option["suboptions"])} if option.get("suboptions") else {})}
        for name, option in options.items()
    }
