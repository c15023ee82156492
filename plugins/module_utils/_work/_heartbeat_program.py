# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the modules of heartbeats share: one beat now, or the program that writes one every few seconds."""

from __future__ import annotations

import os
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import (
    Beater,
    BeaterOf,
    beat_once,
    read_published,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs import _install

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

HEARTBEAT_SPEC: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["beaten", "installed"], "default": "beaten"},
    "publish_to": {"type": "path", "required": True},
    "every": {"type": "str", "default": "5s"},
    "program": {"type": "path"},
    "config_file": {"type": "path"},
    "python": {"type": "path"},
}
"""The documentation fragment ``lifeboat.dr.heartbeat`` describes them."""


def heartbeat_work(
    module: AnsibleModule,
    entry: str,
    store_options: t.Mapping[str, t.Any],
    beater_of: BeaterOf,
) -> dict[str, t.Any]:
    """The result of a module of heartbeats.

    ``entry`` is the file of ours whose ``main`` the program begins with, and ``store_options`` what that file makes the
    writer of: they are what the configuration file holds. Raises LifeboatError.
    """
    options = module.params
    every = parse_duration("every", options["every"]).total_seconds()
    if not 1 <= every <= 300:
        raise OptionError(f"every: {options['every']} is not from 1s to 5m.", hint="5s is usual.")
    for name in ("publish_to", "program", "config_file"):
        if options[name] is None and options["state"] == "installed":
            raise OptionError(f"{name} is missing, which state installed needs.", hint="Write the whole path.")
        if options[name] is not None and not os.path.isabs(options[name]):
            raise OptionError(f"{name}: {options[name]!r} is not absolute.", hint="Write the whole path.")
    given = {name: value for name, value in store_options.items() if value is not None}
    if options["state"] == "installed":
        return _install_program(module, entry, given, every)
    return _beat(module, beater_of(given, read_published(options["publish_to"]).facts), every)


def _beat(module: AnsibleModule, beater: Beater, every: float) -> dict[str, t.Any]:
    if module.check_mode:
        return {"changed": True, "published": {}}
    try:
        published = beat_once(beater, module.params["publish_to"], every)
    finally:
        beater.close()
    if published.error:
        raise LifeboatError(f"{published.error} That it was tried is published.", hint="Is it the primary?")
    return {"changed": True, "published": {**published.facts, "counter": published.counter}}


def _install_program(module: AnsibleModule, entry: str, given: t.Mapping[str, t.Any], every: float) -> dict[str, t.Any]:
    options = module.params
    configuration = {"options": given, "publish_to": options["publish_to"], "every_seconds": every}
    changed = []
    for path, content, mode in (
        (options["program"], _install.program(options["python"] or sys.executable, entry), 0o755),
        (options["config_file"], _install.configuration(configuration), 0o600),
    ):
        if not _install.is_written(path, content, mode):
            changed.append(path)
            if not module.check_mode:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                _install.write(path, content, mode)
    words = "".join(f"{path}\n" for path in changed)
    return {"changed": bool(changed), "files": changed, "diff": {"before": "", "after": words}}
