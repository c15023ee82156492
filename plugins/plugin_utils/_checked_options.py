# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Values of a plan, checked by the specifications that the modules check their options with. Pure."""

from __future__ import annotations

import difflib
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Spec


def validated(place: str, spec: Spec, value: t.Any) -> tuple[list[str], dict[str, t.Any]]:
    """What is wrong with the value by the specification of its keys; and the value with types and defaults as that has
    them.
    """
    errors = _shape_errors(place, spec, value)
    if errors:
        return errors, {}
    result = ArgumentSpecValidator(spec).validate({key: inner for key, inner in value.items() if inner is not None})
    found = [str(error) for error in result.errors if not isinstance(error, UnsupportedError)]
    errors = [f"{place}: {message}" if place else message for message in found]
    unknown = sorted(path if isinstance(path, tuple) else (path,) for path in result.unsupported_parameters)
    return errors + [_unknown_key(place, spec, path) for path in unknown], result.validated_parameters


def _shape_errors(place: str, spec: Spec, value: t.Any) -> list[str]:
    """Dictionaries and lists of them have to be what they are: the validator guesses, and stumbles over some of its
    guesses.
    """
    if not isinstance(value, t.Mapping):
        return [
            f"{place or 'It'} is {type(value).__name__} and not a dictionary. Its keys are {', '.join(sorted(spec))}."
        ]
    errors: list[str] = [
        f"{_joined(place, key)!r} is not a key of a plan." for key in value if not isinstance(key, str)
    ]
    for name, option in spec.items():
        inner, inside = value.get(name), _joined(place, name)
        if inner is None:
            continue
        if option["type"] == "list" and option["elements"] in ("dict", "raw"):
            if not isinstance(inner, list):
                errors.append(f"{inside} is {type(inner).__name__} and not a list of dictionaries.")
            elif "options" in option:
                errors += [
                    error
                    for n, entry in enumerate(inner)
                    for error in _shape_errors(f"{inside}[{n}]", option["options"], entry)
                ]
        elif "options" in option:
            errors += _shape_errors(inside, option["options"], inner)
    return errors


def _unknown_key(place: str, spec: Spec, path: tuple[str, ...]) -> str:
    """The validator's own words for it do not say which key was meant."""
    for name in path[:-1]:
        spec = spec[name]["options"]
    close = difflib.get_close_matches(path[-1], spec, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    return f"{_joined(place, *path)} is not a key of a plan. {meant}There are: {', '.join(sorted(spec))}."


def _joined(*path: t.Any) -> str:
    return ".".join(str(name) for name in path if name != "")
