# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From the options of a module that reads backups to the backup it means, and to its copies."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    Backup,
    Catalog,
    absent_from,
    choose,
    parse_moment,
    read_catalog,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

CHOICE_SPEC: dict[str, dict[str, t.Any]] = {"accept_older": {"type": "bool", "default": False}}
"""What says that an older backup is good enough, besides ``app``, ``component`` and ``backup``."""


def opened_repositories(options: t.Mapping[str, t.Any]) -> list[Repository]:
    """The repositories of a module that reads them: one that is silent is waited for within its ``time_limit``.

    Raises OptionError.
    """
    return open_repositories(options["repositories"], seconds_or_zero("time_limit", options.get("time_limit")))


def chosen_backup(module: AnsibleModule, store: Store | None = None) -> Backup:
    """The backup that ``app``, ``component`` and ``backup`` name; it has to be of this store, if one is given.

    Raises OptionError, or DamagedError where a newer one cannot be read and ``accept_older`` is not set; warns of what
    cannot be read.
    """
    options = module.params
    app = _manifest.check_name("app", options["app"])
    component = _manifest.check_name("component", options["component"])
    repositories = opened_repositories(options)
    catalog = read_catalog(repositories, app, component)
    for item in catalog.unreadable:
        module.warn(f"{item.repository}/{item.path} cannot be read and does not count as a backup: {item.why}")
    for name, why in catalog.unreachable.items():
        module.warn(f"{name} cannot be listed: {why}")
    backup = choose(catalog, app, component, options["backup"])
    _refuse_older(module, catalog, backup)
    if store and backup.manifest.engine != store.engine:
        raise OptionError(
            f"The backup {backup.backup_id} of {app}/{component} is of {backup.manifest.engine}, which this module "
            "does not know.",
            hint=f"Name a component that is {store.phrase}.",
        )
    return dataclasses.replace(backup, absent=absent_from(catalog, repositories, backup))


def _refuse_older(module: AnsibleModule, catalog: Catalog, backup: Backup) -> None:
    """A nightly proof of an older backup must not hide that the newest one is damaged. Raises DamagedError.

    An id, the oldest one and one by chance are what they are called, whatever else there is.
    """
    which = module.params["backup"]
    if module.params.get("accept_older") or (
        which not in ("newest", "newest_verified") and not isinstance(which, dict)
    ):
        return
    whole = {item.manifest.folder for item in catalog.backups}
    limit = parse_moment("backup.before", str(which["before"])) if isinstance(which, dict) else None
    newer = []
    for item in catalog.unreadable:
        backup_id = item.path.rpartition("/")[2]
        if item.path in whole or not _manifest.is_backup_id(backup_id) or backup_id <= backup.backup_id:
            continue
        if limit is None or _manifest.id_time(backup_id) < limit:
            newer.append(item)
    if newer:
        ways = " Or set accept_older to take what can be read." if "accept_older" in module.params else ""
        raise DamagedError(
            f"The backup {newer[-1].repository}/{newer[-1].path} is newer than {backup.backup_id} and cannot be read: "
            f"{newer[-1].why}",
            hint=f"Find out what damaged it. To use the older one, name it: backup: {backup.backup_id}.{ways}",
        )


def opened_copies(module: AnsibleModule, backup: Backup) -> list[StoredBackup]:
    """The backup in each repository that holds it, in the order of ``repositories``.

    Raises LifeboatError when there is no key for it.
    """
    encoding = backup.manifest.encoding
    cipher = open_cipher(module.params["encryption"], engine=encoding.encryption, made_for=encoding.recipients)
    cipher.check_decryption()
    for warning in cipher.warnings:
        module.warn(warning)
    compressor = open_compressor({"engine": encoding.compression})
    compressor.check()
    return [StoredBackup(backup.manifest, repository, compressor, cipher) for repository in backup.repositories]
