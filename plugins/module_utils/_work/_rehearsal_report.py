# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``rehearsal_report``: judges a rehearsal, stores its report, and writes its pages."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import utc_timestamp
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import make_folders
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._chain import Chain, store, to_json
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._folder import (
    Folder,
    in_order,
    read_folder,
    stem_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._model import (
    Check,
    Promised,
    Proof,
    Rehearsal,
    Step,
    conclude,
    problems,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._page import render_index, render_page
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._renderings import render_junit, render_markdown
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **REPOSITORY_SPEC,
    "app": {"type": "str", "required": True},
    "run_id": {"type": "str", "required": True},
    "environment": {"type": "str", "default": ""},
    "variant": {"type": "str", "default": ""},
    "began": {"type": "float", "required": True},
    "steps": {"type": "list", "elements": "dict", "required": True},
    "proofs": {"type": "list", "elements": "dict", "default": []},
    "checks": {"type": "list", "elements": "dict", "default": []},
    "findings": {"type": "list", "elements": "str", "default": []},
    "rto": {"type": "str"},
    "component_rto": {"type": "dict", "default": {}},
    "report_dir": {"type": "path"},
    "record": {"type": "bool", "default": True},
}
_SUFFIXES = {"json": ".json", "html": ".html", "markdown": ".md", "junit": ".junit.xml"}
INDEX = "index.html"


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. A red rehearsal is not a failure of its report."""
    options = module.params
    rehearsal = conclude(_described(options), _promised(options))
    if module.check_mode:
        return {"changed": False, "verdict": rehearsal.verdict, "summary": rehearsal.summary, "report_files": {}}
    chain = Chain()
    if options["record"]:
        rehearsal, chain, troubles = store(open_repositories(options["repositories"]), rehearsal)
        for trouble in troubles:
            module.warn(trouble)
    folder = read_folder(options["report_dir"], rehearsal.app) if options["report_dir"] else Folder()
    broken = [*chain.broken, *folder.chain.broken]
    for trouble in broken:
        module.warn(trouble)
    files = {}
    if options["report_dir"]:
        if not rehearsal.stored_in:
            last = folder.chain
            rehearsal = dataclasses.replace(rehearsal, number=last.last_number + 1, previous_sha256=last.last_sha256)
        files = _write(options["report_dir"], rehearsal, in_order(chain.rehearsals, folder.rehearsals))
    return {
        "changed": False,
        "verdict": rehearsal.verdict,
        "summary": rehearsal.summary,
        "number": rehearsal.number,
        "problems": [f"{title}: {why}" for title, why in problems(rehearsal)],
        "restore_seconds": rehearsal.restore_seconds,
        "chain_problems": broken,
        "report_files": files,
    }


def _described(options: t.Mapping[str, t.Any]) -> Rehearsal:
    """Raises OptionError naming the entry."""
    now = datetime.datetime.now(datetime.timezone.utc)
    steps = [{**step, "began_at": _moment(step.get("began"))} for step in options["steps"]]
    try:
        return Rehearsal(
            app=options["app"],
            run_id=options["run_id"],
            environment=options["environment"],
            variant=options["variant"],
            host=platform.node(),
            began_at=_moment(options["began"]),
            ended_at=utc_timestamp(now),
            seconds=max(0.0, now.timestamp() - options["began"]),
            steps=tuple(from_plain(Step, one, f"steps[{number}]") for number, one in enumerate(steps)),
            proofs=tuple(from_plain(Proof, one, f"proofs[{number}]") for number, one in enumerate(options["proofs"])),
            checks=tuple(from_plain(Check, one, f"checks[{number}]") for number, one in enumerate(options["checks"])),
            findings=tuple(options["findings"]),
        )
    except RecordError as error:
        raise OptionError(f"{error}.", hint="The role rehearsal gives these options.") from None


def _moment(value: t.Any) -> str:
    try:
        return utc_timestamp(datetime.datetime.fromtimestamp(float(value), datetime.timezone.utc))
    except (TypeError, ValueError, OverflowError, OSError):
        raise OptionError(f"{value!r} is not a number of seconds since 1970.", hint="Give a timestamp.") from None


def _promised(options: t.Mapping[str, t.Any]) -> Promised:
    whole = parse_duration("rto", options["rto"]).total_seconds() if options["rto"] else None
    components = {
        name: parse_duration(f"component_rto.{name}", text).total_seconds()
        for name, text in options["component_rto"].items()
    }
    return Promised(whole, components)


def _write(directory: str, rehearsal: Rehearsal, earlier: t.Sequence[Rehearsal]) -> dict[str, str]:
    """Write the report in every form, and the index. Raises LifeboatError."""
    contents = {
        "html": render_page(rehearsal, earlier, directory).encode("utf-8", "replace"),
        "markdown": render_markdown(rehearsal).encode("utf-8", "replace"),
        "junit": render_junit(rehearsal).encode("utf-8", "replace"),
        "json": to_json(rehearsal),
    }
    paths = {kind: os.path.join(directory, stem_of(rehearsal) + suffix) for kind, suffix in _SUFFIXES.items()}
    everything = (*earlier, rehearsal)
    try:
        make_folders(directory)
        for kind, content in contents.items():
            write_whole(paths[kind], content)
        stems = {one.run_id: stem_of(one) for one in everything}
        beside = {run: name for run, name in stems.items() if os.path.exists(os.path.join(directory, f"{name}.html"))}
        index = render_index(rehearsal.app, everything, beside).encode("utf-8", "replace")
        write_whole(os.path.join(directory, f"{rehearsal.app}_{INDEX}"), index)
    except OSError as error:
        raise LifeboatError(
            f"report_dir: the report cannot be written to {directory}: {error.strerror or error}.",
            hint="Name a folder that the account which rehearses may write to.",
        ) from None
    return {**paths, "index": os.path.join(directory, f"{rehearsal.app}_{INDEX}")}
