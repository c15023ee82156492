# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_heartbeat``: one heartbeat now, or the program that writes one every few seconds."""

from __future__ import annotations

import os
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import beat_once
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._heartbeat import DatabaseBeater
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal import _install

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "state": {"type": "str", "choices": ["beaten", "installed"], "default": "beaten"},
    "publish_to": {"type": "path", "required": True},
    "every": {"type": "str", "default": "5s"},
    "program": {"type": "path", "default": "/usr/local/lib/lifeboat/lifeboat-heartbeat"},
    "config_file": {"type": "path", "default": "/etc/lifeboat/heartbeat.json"},
    "python": {"type": "path"},
}
_ENTRY = "ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._heartbeat"


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    every = parse_duration("every", options["every"]).total_seconds()
    if not 1 <= every <= 300:
        raise OptionError(f"every: {options['every']} is not from 1s to 5m.", hint="5s is usual.")
    for name in ("publish_to", "program", "config_file"):
        if not os.path.isabs(options[name]):
            raise OptionError(f"{name}: {options[name]!r} is not absolute.", hint="Write the whole path.")
    if options["state"] == "installed":
        return _install_program(module, every)
    return _beat(module, every)


def _beat(module: AnsibleModule, every: float) -> dict[str, t.Any]:
    if module.check_mode:
        return {"changed": True, "published": {}}
    beater = DatabaseBeater(connection_from_options(module.params))
    try:
        published = beat_once(beater, module.params["publish_to"], every)
    finally:
        beater.close()
    if published.error:
        raise LifeboatError(f"{published.error} That it was tried is published.", hint="Is it the primary?")
    return {"changed": True, "published": {**published.facts, "counter": published.counter}}


def _install_program(module: AnsibleModule, every: float) -> dict[str, t.Any]:
    options = module.params
    configuration = {
        "connection": connection_from_options(options).parameters,
        "publish_to": options["publish_to"],
        "every_seconds": every,
    }
    program = _install.program(options["python"] or sys.executable, _ENTRY)
    changed = []
    for path, content, mode in (
        (options["program"], program, 0o755),
        (options["config_file"], _install.configuration(configuration), 0o600),
    ):
        if not _install.is_written(path, content, mode):
            changed.append(path)
            if not module.check_mode:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                _install.write(path, content, mode)
    words = "".join(f"{path}\n" for path in changed)
    return {"changed": bool(changed), "files": changed, "diff": {"before": "", "after": words}}
