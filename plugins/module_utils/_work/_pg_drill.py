# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_drill``: a copy of a standby is promoted in isolation, asked, and removed; production is looked at
before and after.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import subprocess
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    import_psycopg2,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _server
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _promote
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._copying import CopyProgress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import format_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import (
    ServerState,
    read_state,
    try_state,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import base_environment
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import required
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import (
    checks_spec,
    judge,
    read_assertions,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **TOOLS_SPEC,
    **PROGRESS_SPEC,
    "replication": {"type": "str", "no_log": True},
    "primary": {"type": "str", "no_log": True},
    "primary_timeout": {"type": "str", "default": "5s"},
    "scratch_dir": {"type": "path", "default": "/var/tmp"},
    "checks": checks_spec(STORE),
    "time_limit": {"type": "str", "default": "1h"},
}
_QUERY_SECONDS = 60


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. It fails where the copy cannot take over, or where production is not as it was."""
    options = module.params
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    assertions = read_assertions(options["checks"], STORE)
    standby = connection_from_options(options)
    if os.geteuid() == 0:
        raise LifeboatError(
            "This runs as root, and PostgreSQL does not start as root. Nothing was done.",
            hint="Run the task as the account of the standby's server: become_user: postgres.",
        )
    before = _look(options, standby)
    state = before.standby
    if not state.position.in_recovery:
        raise LifeboatError(
            f"{standby.describe()} is a primary, and a drill is of a standby. Nothing was done.", hint="Look at dsn."
        )
    tools = _tools(options, state)
    if module.check_mode:
        return {"changed": False, "checks": [], "production": _described(before, before)}
    with left_when_stopped("The copy goes with this process, and the next drill removes its folder."):
        result = _Drill(options, standby, tools, deadline).take(state, assertions)
    after = _look(options, standby)
    result["production"] = _described(before, after)
    changed = _differences(before, after)
    wrong = [check["name"] for check in result["checks"] if check["status"] != "passed"]
    result["changed"] = False
    if changed or wrong:
        words = [f"Production is not as it was: {'; '.join(changed)}."] if changed else []
        words += [f"The copy does not answer as it should: {', '.join(wrong)}."] if wrong else []
        return {**result, "failed": True, "msg": f"{' '.join(words)} The copy was removed."}
    return result


def _tools(options: t.Mapping[str, t.Any], state: ServerState) -> Tools:
    tools = find_tools(
        state.version_num // 10000,
        bin_dir=options["bin_dir"],
        allow_vulnerable=options["allow_vulnerable_client"],
        program="pg_basebackup",
    )
    for program in ("postgres", "pg_controldata"):
        tools.path(program)
    return tools


class _Drill:
    """A copy of the standby's data, its server on a private socket, and the questions to it."""

    def __init__(self, options: t.Mapping[str, t.Any], standby: Connection, tools: Tools, deadline: Deadline) -> None:
        dsn = options["replication"]
        self._replication = Connection(parse_dsn("replication", dsn)) if dsn else standby
        self._standby = standby
        self._tools = tools
        self._deadline = deadline
        self._base_dir: str = options["scratch_dir"]
        self._progress = Progress(options["progress_file"], standby.describe())
        self._program: Program | None = None

    def take(self, state: ServerState, assertions: t.Sequence[Assertion]) -> dict[str, t.Any]:
        """Copy, start, promote, ask, and leave nothing."""
        needed = self._size() * 6 // 5
        with ScratchFolder(self._base_dir, needed_bytes=needed, what="the copy of the standby") as folder:
            began = time.monotonic()
            data_dir = os.path.join(folder.path, "data")
            self._copy(data_dir)
            copied = time.monotonic()
            self._progress.phase("promotion", "starting, promoting and asking the copy")
            with self._server(folder.path, data_dir) as connection:
                promoted = _promote.promote(
                    connection,
                    self._wait(connection),
                    _promote.Wanted(system_identifier=state.position.system_identifier, run_id="drill"),
                    self._deadline,
                )
                checks = [_ask(connection, assertion) for assertion in assertions]
                heartbeat = read_state(connection).position.heartbeat
            path = folder.path
        self._progress.done()
        return {
            "timeline_before": promoted.timeline_before,
            "timeline": promoted.timeline,
            "copy_seconds": round(copied - began, 3),
            "promote_seconds": promoted.seconds,
            "heartbeat_at": heartbeat.at.isoformat() if heartbeat else "",
            "checks": checks,
            "left_behind": [path] if os.path.exists(path) else [],
        }

    def _size(self) -> int:
        session = self._standby.connect()
        with contextlib.closing(session), session.cursor() as cursor:
            sql = "select coalesce(sum(pg_database_size(oid)), 0)::bigint from pg_database where datallowconn"
            return int(value(cursor, sql))

    def _copy(self, data_dir: str) -> None:
        copying = CopyProgress(self._progress, "copying the standby")
        run(
            [
                self._tools.path("pg_basebackup"),
                f"--dbname={self._replication.conninfo('pg_basebackup')}",
                f"--pgdata={data_dir}",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-password",
                "--no-sync",
                "--progress",
            ],
            environment=self._replication.environment(),
            deadline=self._deadline,
            takes_line=copying.is_line,
        )
        for name in ("postgresql.auto.conf", "recovery.signal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(data_dir, name))  # it may say where to archive, and whom to follow
        with open(os.path.join(data_dir, "standby.signal"), "w", encoding="ascii"):
            pass

    @contextlib.contextmanager
    def _server(self, folder: str, data_dir: str) -> t.Iterator[Connection]:
        """The copy's server, which ends with this process: no network, no archive, nobody to follow."""
        _server.write_configuration(folder)
        control = _server.control_data(self._tools, data_dir)
        settings = _server.server_settings(control, folder, {"hot_standby": "on", "restore_command": ""})
        command = [
            *(required("setpriv"), "--pdeathsig", "SIGQUIT"),
            *(self._tools.path("postgres"), *_server.arguments(data_dir, settings)),
        ]
        user = {key: self._standby.parameters[key] for key in ("user", "dbname") if key in self._standby.parameters}
        with Program(command, environment=base_environment(), cwd=data_dir, stdout=subprocess.DEVNULL) as program:
            self._program = program
            yield Connection({**user, "host": folder, "port": settings["port"]})

    def _wait(self, connection: Connection) -> ServerState:
        """Until the copy has recovered to where it can be asked."""
        while True:
            state, why = try_state(connection, 2)
            if state is not None:
                return state
            program = self._program
            if program is not None and program.process.poll() is not None:
                program.stop()
                raise LifeboatError(f"The copy of the standby did not start: {program.stderr[-2000:] or why}")
            self._deadline.check("Starting the copy of the standby")
            time.sleep(self._deadline.remaining(0.1))


def _ask(connection: Connection, assertion: Assertion) -> dict[str, t.Any]:
    """A question of the user's own, and whether the answer is right."""
    library = import_psycopg2()
    now = datetime.datetime.now(datetime.timezone.utc)
    found: dict[str, t.Any] = {"name": assertion.name, "status": "error", "expected": "", "observed": ""}
    try:
        session = connection.connect()
        with contextlib.closing(session), session.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, false)", (f"{_QUERY_SECONDS}s",))
            cursor.execute("select set_config('search_path', 'public', false)")
            rows = query(cursor, assertion.where["query"])
    except (library.Error, LifeboatError) as error:
        return {**found, "observed": str(error).strip()}
    if len(rows) != 1 or len(rows[0]) != 1:
        return {**found, "observed": "The query must give one row with one column."}
    right, expected, observed = judge(assertion, rows[0][0], now)
    return {**found, "status": "passed" if right else "failed", "expected": expected, "observed": observed}


class _Production(t.NamedTuple):
    """What is in production, as it stands."""

    standby: ServerState
    primary: ServerState | None


def _look(options: t.Mapping[str, t.Any], standby: Connection) -> _Production:
    seconds = max(1, int(parse_duration("primary_timeout", options["primary_timeout"]).total_seconds()))
    primary = None
    if options["primary"]:
        primary, _why = try_state(Connection(parse_dsn("primary", options["primary"])), seconds)
    return _Production(read_state(standby), primary)


def _differences(before: _Production, after: _Production) -> list[str]:
    """What a drill must not change, and did."""
    found = []
    for name, one, other in (
        ("the standby", before.standby, after.standby),
        ("the primary", before.primary, after.primary),
    ):
        if one is None or other is None:
            if one is not other:
                found.append(f"{name} answered {'before' if one else 'after'} the drill only")
            continue
        found += [f"{name}: {what}" for what in _changes(one, other)]
    return found


def _changes(one: ServerState, other: ServerState) -> t.Iterator[str]:
    first, second = _identity(one), _identity(other)
    yield from (f"{key} was {first[key]} and is {second[key]}" for key in first if first[key] != second[key])
    if (other.position.held or 0) < (one.position.held or 0):
        yield f"it has less log: {format_lsn(one.position.held)} before, {format_lsn(other.position.held)} now"
    if one.position.receiver == "streaming" and other.position.receiver != "streaming":
        yield "it streamed before, and does not now"


def _identity(state: ServerState) -> dict[str, t.Any]:
    return {
        "system_identifier": state.position.system_identifier,
        "timeline": state.position.timeline,
        "in_recovery": state.position.in_recovery,
        "slots": sorted(str(slot["slot_name"]) for slot in state.slots),
    }


def _described(before: _Production, after: _Production) -> dict[str, t.Any]:
    return {
        when: {
            name: {**_identity(state), "position": format_lsn(state.position.current or state.position.held)}
            for name, state in (("standby", production.standby), ("primary", production.primary))
            if state is not None
        }
        for when, production in (("before", before), ("after", after))
    }
