# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Has pgBackRest restore a data folder, and recovers it to a target, under a name that no server starts with.

A new folder is removed where that fails. A folder that is brought up to date in its place (``delta``) is kept under its
other name: the next run goes on with it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _place, _restore
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import base_environment

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import Tablespace
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Plan

_DELTA = ".lifeboat-delta"
_UNSAFE = frozenset("'\"\\$`%\n=")


@dataclasses.dataclass(frozen=True)
class Request:
    """Where the cluster comes to lie, and what becomes of it. ``tablespace_dir`` is empty for where they were.

    ``tablespaces`` is the place of each by its number, as ``placed`` finds them.
    """

    data_dir: str
    action: str  # pause, promote
    delta: bool
    tablespace_dir: str
    tablespaces: t.Mapping[int, str] = dataclasses.field(default_factory=dict)


def check_place(request: Request, *, replace: bool) -> None:
    """Refuse a place that is taken, or that cannot be. Raises OptionError; nothing has been touched."""
    for option, path in (("data_dir", request.data_dir), ("tablespace_dir", request.tablespace_dir)):
        if _UNSAFE & set(path) or (path and not os.path.isabs(path)):
            raise OptionError(
                f"{option}: {path!r} cannot stand in restore_command.",
                hint="Give a whole path without quotes, backslashes, dollar and per cent signs. Nothing was touched.",
            )
    if not request.delta:
        _place.check_data_dir(request.data_dir, replace=replace)
    elif os.path.isdir(begun(request.data_dir)) and not os.path.exists(request.data_dir):
        _place.check_data_dir(f"{request.data_dir}{_DELTA}.none", replace=False)  # whose parent, and the account, count
    else:
        _place.check_data_dir(request.data_dir, replace=True)
        if not os.path.isfile(os.path.join(request.data_dir, "global", "pg_control")):
            raise OptionError(
                f"data_dir: {request.data_dir} is no data folder that could be brought up to date. Nothing was "
                "touched.",
                hint="Leave out delta: then it is restored whole, into a new folder.",
            )
    folder = request.tablespace_dir
    if folder and (not os.path.isdir(os.path.dirname(folder)) or (os.path.exists(folder) and os.listdir(folder))):
        raise OptionError(
            f"tablespace_dir: {folder} cannot be made, or is not empty. Nothing was touched.",
            hint="Name a new folder in one that is there.",
        )


def placed(request: Request, tablespaces: t.Sequence[Tablespace]) -> Request:
    """The request with a place for each tablespace of the backup. Raises OptionError for one that holds something.

    pgBackRest replaces what it finds there with ``delta``, and a live cluster of this host may have it open.
    """
    found = {}
    for one in tablespaces:
        if request.tablespace_dir:
            found[one.oid] = os.path.join(request.tablespace_dir, one.name)
            continue
        link = ""
        for folder in (request.data_dir, begun(request.data_dir)) if request.delta else ():
            with contextlib.suppress(OSError):
                link = os.readlink(os.path.join(folder, "pg_tblspc", str(one.oid)))
        if not link and os.path.isdir(one.destination) and os.listdir(one.destination):
            raise OptionError(
                f"The tablespace {one.name} was in {one.destination}, and that folder holds something. Nothing was "
                "touched.",
                hint="Name a new folder for the tablespaces in tablespace_dir.",
            )
        found[one.oid] = link or one.destination
    return dataclasses.replace(request, tablespaces=found)


def begun(data_dir: str) -> str:
    """Where a folder lies that is brought up to date."""
    return f"{data_dir}{_DELTA}"


def restore(
    request: Request, plan: Plan, backrest: Backrest, tools: Tools, deadline: Deadline, progress: Progress
) -> dict[str, t.Any]:
    """Do what the plan says. Gives what was reached. Raises LifeboatError; then the place is as it was.

    With ``delta``, what was there lies under its other name then.
    """
    _restore.remove_leftovers(request.data_dir)
    started = time.monotonic()
    if request.delta:
        building = begun(request.data_dir)
        if not os.path.isdir(building):
            os.rename(request.data_dir, building)
        with _kept(building):
            result = _build(request, building, plan, backrest, tools, deadline, progress)
            os.rename(building, request.data_dir)
        kept = ""
    else:
        building = _restore.building_name(request.data_dir)
        try:
            os.mkdir(building, 0o700)
            result = _build(request, building, plan, backrest, tools, deadline, progress)
            kept = _place.put(building, request.data_dir)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            if request.tablespace_dir:
                shutil.rmtree(request.tablespace_dir, ignore_errors=True)
            raise
    return {**result, "kept": kept, "seconds": round(time.monotonic() - started, 3)}


@contextlib.contextmanager
def _kept(building: str) -> t.Iterator[None]:
    """Say in an error where a folder lies that is neither the old one nor the new one."""
    try:
        yield
    except LifeboatError as error:
        error.hint = (
            f"The folder lies as {building}, and is neither what it was nor what was asked for. Run it again with "
            "delta to go on, or restore whole into a new folder."
        )
        raise


def _build(
    request: Request,
    building: str,
    plan: Plan,
    backrest: Backrest,
    tools: Tools,
    deadline: Deadline,
    progress: Progress,
) -> dict[str, t.Any]:
    label = plan.candidate.backup.backup_id
    began = time.monotonic()
    progress.phase("restore", f"pgBackRest restores {label}")
    if request.tablespace_dir:
        os.makedirs(request.tablespace_dir, mode=0o700, exist_ok=True)
    backrest.restore(label, building, request.tablespaces, delta=request.delta)
    restored = time.monotonic() - began
    progress.phase("recovery", f"recovering to {plan.target}")
    with backrest.environment() as environment:
        fetching = _restore.Fetching(
            now=_command(f"'{backrest.binary}'"),
            later=_command(_by_hand(backrest)),
            environment=environment,
        )
        result = _restore.recover(request.action, plan, fetching, building, tools, deadline)
    run([tools.path("initdb"), "--sync-only", f"--pgdata={building}"], environment=base_environment())
    return {**result, "restore_seconds": round(restored, 3)}


def _by_hand(backrest: Backrest) -> str:
    config = f" --config='{backrest.config}'" if backrest.config else ""
    return (
        f"'{backrest.binary}'{config} --stanza={backrest.stanza} --repo={backrest.repo} --no-archive-async "
        "--log-level-file=off"
    )


def _command(program: str) -> str:
    """``restore_command``, which a server runs in its data folder, wherever that lies.

    1 is "not there"; every other error stops the server, which takes what is above 125 so.
    """
    return f'{program} --pg1-path="$PWD" archive-get %f "%p"; r=$?; if [ $r -gt 1 ]; then exit 254; fi; exit $r'
