# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_physical_verify``: a base backup, recovered to a point in a sandbox and asked."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import (
    SCRATCH_SPEC,
    TOOLS_SPEC,
    preloaded,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._aims import Aim, choose
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import opened_copies, opened_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import (
        Marker,
        PhysicalContent,
    )
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**verify_spec(STORE), **TOOLS_SPEC, **SCRATCH_SPEC}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._physical import (
        Options,
        PhysicalVerification,
    )

    options = module.params
    assertions = read_assertions(options["checks"], STORE)

    def make(copies: t.Sequence[StoredBackup], deadline: Deadline, progress: Progress) -> Verification:
        how = Options(
            profile=options["profile"],
            log=functools.partial(_open_log, module),
            aim=_aim(module, copies[0]),
            below=_below(module, copies[0]),
            assertions=assertions,
            account=functools.partial(open_account, options),
            scratch_dir=options["scratch_dir"],
            bin_dir=options["bin_dir"],
            allow_vulnerable_client=options["allow_vulnerable_client"],
            preload=preloaded(options),
        )
        return PhysicalVerification(copies, how, deadline, progress)

    return prove(module, STORE, make)


def _open_log(module: AnsibleModule, content: PhysicalContent) -> Log:
    """The archived log of a backup. Raises OptionError where there is none."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive

    options = module.params
    archive = WalArchive(content.archive, opened_repositories(options), options["encryption"])
    listing = archive.listing(module.warn)
    if listing is None:
        raise OptionError(
            f"There is no archive {content.archive} in these repositories.", hint="Name the repositories that have it."
        )
    return Log(archive, listing, content.system_identifier)


def _below(module: AnsibleModule, stored: StoredBackup) -> tuple[StoredBackup, ...]:
    """What an incremental backup builds on, each from the first repository that has it."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import chain_of

    manifest = stored.manifest
    if not manifest.content.get("prior"):
        return ()
    repositories = opened_repositories(module.params)
    backups = read_catalog(repositories, manifest.app, manifest.component).of(manifest.app, manifest.component)
    own = next(backup for backup in backups if backup.backup_id == manifest.backup_id)
    return tuple(opened_copies(module, backup)[0] for backup in chain_of(own, backups)[:-1])


def _aim(module: AnsibleModule, stored: StoredBackup) -> Aim | None:
    """Where to recover to: the backup's own point, or for the profile full one by chance of it and the later ones, or a
    moment between them.
    """
    import random

    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import content_of

    options, manifest = module.params, stored.manifest
    catalog = read_catalog(opened_repositories(options), manifest.app, manifest.component)
    own: Marker | None = None
    points = []
    mine: PhysicalContent | None = None
    for backup in reversed(catalog.of(manifest.app, manifest.component)):  # the oldest first
        if backup.manifest.engine != STORE.engine:
            continue
        content = content_of(backup)
        if backup.backup_id == manifest.backup_id:
            mine, own = content, content.marker
        if mine is None or content.marker is None:
            continue
        if (content.system_identifier, content.timeline, content.archive) == (
            mine.system_identifier, mine.timeline, mine.archive,
        ):  # fmt: skip
            points.append(content.marker)
    if points and options["profile"] == "full":
        return choose(points, random.SystemRandom())
    return Aim(own) if own else None
