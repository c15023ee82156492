# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The one list of engines, on the controller: what each kind of store is called, and which modules serve it.

The keys of a plan, the arguments of ``component_*`` and the module that ``restore_verify`` starts follow from it. A new
store is one entry here; what its modules do, they carry themselves.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_SPEC as NATS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import (
    check_connection as check_nats_connection,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE as JETSTREAM
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._options import STANZA_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE as PGBACKREST
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE as POSTGRESQL
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE as PHYSICAL
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import CHOICES as TARGETS
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._store import STORE as S3
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._options import RESTIC_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._store import STORE as PATHS
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import (
    CONNECTION_SPEC as REDIS_SPEC,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._store import STORE as REDIS
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work import (
    _jetstream_references,
    _jetstream_snapshot,
    _jetstream_verify,
    _paths_backup,
    _paths_references,
    _paths_restore,
    _paths_verify,
    _pg_backup,
    _pg_physical_backup,
    _pg_physical_restore,
    _pg_physical_verify,
    _pg_references,
    _pg_restore,
    _pg_verify,
    _pgbackrest_backup,
    _pgbackrest_restore,
    _pgbackrest_stanza,
    _pgbackrest_verify,
    _redis_backup,
    _redis_references,
    _redis_restore,
    _redis_verify,
    _s3_inventory,
    _s3_references,
    _s3_verify,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store

Spec = dict[str, t.Any]
Values = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Module:
    """A module and the options that it takes here. ``fixed`` are arguments that it always gets."""

    name: str  # without the collection
    spec: Spec
    fixed: Values = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Engine:
    """One kind of store, and its modules.

    ``check`` raises OptionError for options of a component that do not go together. What a component has said already
    is not asked for again: ``verify_shared`` gives it to ``verify``, ``restore_shared`` names it for ``restore``.
    ``restore_default`` says where a component goes back to when nobody says it, and never a place whose content would
    be lost. ``restore_at`` gives the options that bring back a point in time; of ``restore_points`` exactly one says
    what is brought back, so those of the component go where somebody says another one. In a rehearsal nothing goes
    where the component is: ``restore_apart`` makes a place of its own, and ``restore_shared_apart`` are the options of
    ``restore_shared`` that lead to no server. ``configure`` makes what backs the store up, where a component says so;
    the role backup calls it. ``references`` reads what the store names of others, and
    ``reference_keys`` are its options that a plan has; ``reference_place`` makes the others of the component, of what
    ``component_restore`` returned, and of the options that it was given.
    """

    store: Store
    backup: Module
    verify: Module
    restore: Module | None = None
    configure: Module | None = None
    check: t.Callable[[Values, str], None] = lambda values, place: None
    verify_shared: t.Callable[[Values], dict[str, t.Any]] = lambda component: {}
    restore_shared: t.Sequence[str] = ()
    restore_default: t.Callable[[Values], dict[str, t.Any]] = lambda component: {}
    restore_apart: Values = dataclasses.field(default_factory=dict)
    restore_shared_apart: t.Sequence[str] = ()
    restore_at: t.Callable[[str], dict[str, t.Any]] = lambda moment: {"backup": {"before": moment}}
    restore_points: t.Sequence[str] = ()
    references: Module | None = None
    reference_keys: Spec = dataclasses.field(default_factory=dict)
    reference_place: t.Callable[[Values, Values, Values], dict[str, t.Any]] = lambda component, restored, given: {}


_RESTORED: Spec = {
    name: option
    for name, option in _jetstream_snapshot.ARGUMENT_SPEC.items()
    if name not in ("state", "from_folder", "metrics", "audit")
}


def _pg_place(component: Values, restored: Values, given: Values) -> dict[str, t.Any]:
    """The scratch cluster, or the database of the staging host that it was restored to."""
    scratch = restored.get("scratch")
    if not scratch:
        return {"dsn": (given.get("target") or {}).get("dsn")}
    return {
        "login_host": scratch["host"],
        "login_port": scratch["port"],
        "login_user": scratch["user"],
        "login_db": restored["database"],
    }


def _server_place(spec: Spec) -> t.Callable[[Values, Values, Values], dict[str, t.Any]]:
    return lambda component, restored, given: {name: given[name] for name in spec if name in given}


_ALL = (
    Engine(
        POSTGRESQL,
        backup=Module(
            "pg_backup", {name: one for name, one in _pg_backup.ARGUMENT_SPEC.items() if name != "databases"}
        ),
        verify=Module("pg_verify", _pg_verify.ARGUMENT_SPEC),
        restore=Module("pg_restore", _pg_restore.ARGUMENT_SPEC),
        restore_shared=("bin_dir", "allow_vulnerable_client"),
        restore_shared_apart=("bin_dir", "allow_vulnerable_client"),
        restore_apart={"target": {"scratch": True}},
        # The database of that name, which must not be there.
        restore_default=lambda component: {"target": {"dsn": component["dsn"]}} if component.get("dsn") else {},
        references=Module("pg_references", _pg_references.ARGUMENT_SPEC),
        reference_keys=_pg_references.ENTRIES_SPEC,
        reference_place=_pg_place,
    ),
    Engine(
        PHYSICAL,
        backup=Module("pg_physical_backup", _pg_physical_backup.ARGUMENT_SPEC),
        verify=Module("pg_physical_verify", _pg_physical_verify.ARGUMENT_SPEC),
        restore=Module("pg_physical_restore", _pg_physical_restore.ARGUMENT_SPEC),
        restore_shared=("archive", "bin_dir", "allow_vulnerable_client"),
        restore_at=lambda moment: {"target_time": moment},
        restore_points=TARGETS,
    ),
    Engine(
        PGBACKREST,
        backup=Module("pgbackrest_backup", _pgbackrest_backup.ARGUMENT_SPEC),
        verify=Module("pgbackrest_verify", _pgbackrest_verify.ARGUMENT_SPEC),
        restore=Module("pgbackrest_restore", _pgbackrest_restore.ARGUMENT_SPEC),
        restore_shared=tuple(STANZA_SPEC),  # where the data is, and not where it goes to
        restore_shared_apart=tuple(STANZA_SPEC),
        restore_at=lambda moment: {"target_time": moment},
        restore_points=TARGETS,
        configure=Module("pgbackrest_stanza", _pgbackrest_stanza.CONFIGURE_SPEC),
        check=_pgbackrest_stanza.check_component,
        verify_shared=lambda component: {name: component[name] for name in STANZA_SPEC if name in component},
    ),
    Engine(
        JETSTREAM,
        backup=Module("jetstream_snapshot", _jetstream_snapshot.PRESENT_SPEC),
        verify=Module("jetstream_verify", _jetstream_verify.ARGUMENT_SPEC),
        restore=Module("jetstream_snapshot", _RESTORED, {"state": "restored"}),
        check=check_nats_connection,
        restore_shared=tuple(NATS_SPEC),
        references=Module("jetstream_references", _jetstream_references.ARGUMENT_SPEC),
        reference_keys=_jetstream_references.ENTRIES_SPEC,
        reference_place=_server_place(NATS_SPEC),
    ),
    Engine(
        S3,
        backup=Module("s3_inventory", _s3_inventory.ARGUMENT_SPEC),
        verify=Module("s3_verify", _s3_verify.ARGUMENT_SPEC),
        # The component has said already where its buckets are.
        verify_shared=lambda component: {"buckets": {side: component[side] for side in ("source", "destination")}},
        references=Module("s3_references", _s3_references.ARGUMENT_SPEC),
        reference_keys=_s3_references.ENTRIES_SPEC,
        # The replica is the copy.
        reference_place=lambda component, restored, given: {"bucket": component["destination"]},
    ),
    Engine(
        PATHS,
        backup=Module("paths_backup", _paths_backup.ARGUMENT_SPEC),
        verify=Module("paths_verify", _paths_verify.ARGUMENT_SPEC),
        restore=Module("paths_restore", _paths_restore.ARGUMENT_SPEC),
        check=_paths_backup.check_component,
        verify_shared=lambda component: {name: component[name] for name in RESTIC_SPEC if name in component},
        restore_shared=tuple(RESTIC_SPEC),  # where the data is, and not where it goes to
        restore_shared_apart=tuple(RESTIC_SPEC),
        references=Module("paths_references", _paths_references.ARGUMENT_SPEC),
        reference_keys=_paths_references.ENTRIES_SPEC,
        reference_place=lambda component, restored, given: {"folder": (given.get("target") or {}).get("folder")},
    ),
    Engine(
        REDIS,
        backup=Module("redis_backup", _redis_backup.ARGUMENT_SPEC),
        verify=Module("redis_verify", _redis_verify.ARGUMENT_SPEC),
        restore=Module("redis_restore", _redis_restore.ARGUMENT_SPEC),
        # A restore needs another user than a backup: its name and password are never taken from the component.
        restore_shared=("cluster", *(name for name in REDIS_SPEC if not name.startswith(("login_user", "login_pass")))),
        restore_default=lambda component: {"method": "keys"},  # refuses where a key has another content
        references=Module("redis_references", _redis_references.ARGUMENT_SPEC),
        reference_keys=_redis_references.ENTRIES_SPEC,
        reference_place=_server_place({**REDIS_SPEC, "cluster": {}}),
    ),
)
ENGINES: dict[str, Engine] = {engine.store.engine: engine for engine in _ALL}


def verify_options() -> Spec:
    """The options of all modules that prove backups; a question may be one to any store."""
    options: Spec = {}
    questions: Spec = {}
    for engine in ENGINES.values():
        options.update(engine.verify.spec)
        questions.update(engine.verify.spec["checks"]["options"])
    return {**options, "checks": {**options["checks"], "options": questions}}


def known_to(module: Module, arguments: Values) -> dict[str, t.Any]:
    """The arguments without those that only other engines' modules have: one plan can say where each is restored.

    What no module has stays, so that the module refuses it.
    """
    foreign = _names(verify_options()) - _names(module.spec)
    return {name: value for name, value in arguments.items() if name not in foreign}


def _names(spec: Spec) -> set[str]:
    """The options with their aliases."""
    return {name for option, one in spec.items() for name in (option, *one.get("aliases", ()))}


def check_questions(engine: Engine, arguments: Values) -> None:
    """Raise OptionError for a question that this store cannot answer, in clearer words than its module could."""
    checks = arguments.get("checks")
    if isinstance(checks, list) and all(isinstance(check, t.Mapping) for check in checks):
        read_assertions(checks, engine.store)
