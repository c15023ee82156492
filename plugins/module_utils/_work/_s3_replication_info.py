# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_replication_info``: is what is in one bucket also in the other."""

from __future__ import annotations

import datetime
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._cost import cost_usd
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_pair, side_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare import _verdict

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_pair import (
        ComparisonResult,
        PairComparison,
    )
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Tally

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "source": side_spec(),
    "destination": side_spec(),
    "level": {"type": "str", "choices": list(_verdict.LEVELS), "default": "listing"},
    "prefix": {"type": "str", "default": ""},
    "grace": {"type": "str", "default": "15m"},
    "max_pending": {"type": "int", "default": 0},
    "max_lag": {"type": "str"},
    "ignore_extra": {"type": "bool", "default": False},
    "allow_empty": {"type": "bool", "default": False},
    "delete_markers": {"type": "bool", "default": True},
    "sample": {"type": "int"},
    "sample_seed": {"type": "str"},
    "max_samples": {"type": "int", "default": 20},
    "max_rechecks": {"type": "int", "default": 1000},
    "max_heads": {"type": "int", "default": 10_000},
    "parallel": {"type": "int", "default": 32},
    "canary_timeout": {"type": "str", "default": "2m"},
    "cloudwatch": {"type": "bool"},
    "state_file": {"type": "path"},
    "time_limit": {"type": "str"},
    **PROGRESS_SPEC,
}

_LISTING = ("count", "listing", "versions", "checksum", "content")
_CLOSER = ("checksum", "content")
_BELONGS_TO = {
    "grace": _LISTING,
    "max_pending": ("config", *_LISTING),
    "max_lag": ("canary",),
    "ignore_extra": _LISTING,
    "allow_empty": _LISTING,
    "delete_markers": ("versions",),
    "sample": _CLOSER,
    "sample_seed": _CLOSER,
    "max_samples": _LISTING[1:],
    "max_rechecks": _LISTING[1:],
    "max_heads": _CLOSER,
    "canary_timeout": ("canary",),
    "state_file": _LISTING,
}
"""Which levels an option is for, where that is not all."""
_CONTENT_SAMPLE = 100
_MOST_PARALLEL = 256


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._cloudwatch import metrics_of
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_pair import PairComparison

    options = module.params
    given = _options(options)
    sides = open_pair(options["source"], options["destination"], connections=given.parallel)
    progress = Progress(options["progress_file"], f"{sides[0].bucket} -> {sides[1].bucket}")
    knowing = PairComparison(*sides, given, progress)
    described = {
        "level": given.level,
        "prefix": given.prefix,
        "source": sides[0].settings.name,
        "destination": sides[1].settings.name,
    }
    if module.check_mode:
        planned = knowing.estimate()
        planned["estimated_cost_usd"] = cost_usd(planned["requests"])
        return {"changed": False, **described, "planned": planned}
    began = time.monotonic()
    found = knowing.run()
    for role, skew in found.clock_skew_seconds.items():
        if abs(skew) > _clock.NOTEWORTHY.total_seconds():
            module.warn(
                f"The clock of the server of the {role} is {_clock.described(datetime.timedelta(seconds=skew))}."
            )
    metrics = metrics_of(*sides, options["cloudwatch"])
    seconds = time.monotonic() - began
    progress.done()
    return {"changed": False, **described, **_result(module, sides, found, metrics, knowing, seconds)}


def _options(options: t.Mapping[str, t.Any]) -> t.Any:
    """The options as the levels take them. Raises OptionError."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_pair import Options

    for name, least in (
        ("parallel", 1),
        ("max_samples", 0),
        ("max_rechecks", 0),
        ("max_heads", 0),
        ("max_pending", 0),
        ("sample", 0),
    ):
        if options[name] is not None and options[name] < least:
            raise OptionError(f"{name}: {options[name]} is too small.", hint=f"It is {least} or more.")
    if options["parallel"] > _MOST_PARALLEL:
        raise OptionError(
            f"parallel: {options['parallel']} is too many.", hint=f"More than {_MOST_PARALLEL} at a time gain nothing."
        )
    level = options["level"]
    for name, levels in _BELONGS_TO.items():
        if level not in levels and options[name] not in (ARGUMENT_SPEC[name].get("default"), None):
            raise OptionError(
                f"{name}: {options[name]!r} does not belong to level: {level}, but to {' and '.join(levels)}.",
                hint=f"Remove {name}, or correct level.",
            )
    sample = options["sample"] if options["sample"] is not None else _CONTENT_SAMPLE if level == "content" else 0
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    return Options(
        level=level,
        prefix=options["prefix"],
        grace_seconds=parse_duration("grace", options["grace"]).total_seconds(),
        delete_markers=options["delete_markers"],
        sample=sample,
        seed=options["sample_seed"] or today,
        max_samples=options["max_samples"],
        max_rechecks=options["max_rechecks"],
        max_heads=options["max_heads"],
        parallel=options["parallel"],
        state_file=options["state_file"] or "",
        canary_seconds=parse_duration("canary_timeout", options["canary_timeout"]).total_seconds(),
        time_limit=parse_duration("time_limit", options["time_limit"]).total_seconds() if options["time_limit"] else 0,
    )


def _conclusion(
    options: t.Mapping[str, t.Any], found: ComparisonResult, metrics: dict[str, t.Any] | None
) -> _verdict.Conclusion:
    limits = _verdict.Limits(
        options["max_pending"],
        options["ignore_extra"],
        options["allow_empty"],
        parse_duration("max_lag", options["max_lag"]).total_seconds() if options["max_lag"] else None,
    )
    if found.canary is not None:
        return _verdict.of_canary(found.canary, limits)
    if found.tally is None:
        return _verdict.of_configuration((found.configuration or {}).get("problems", []), metrics, limits)
    if options["level"] == "count":
        return _verdict.of_counts(found.tally, limits)
    versions = options["level"] == "versions"
    return _verdict.of_tally(
        found.tally,
        limits,
        "versions" if versions else "objects",
        markers=versions and options["delete_markers"],
    )


def _result(
    module: AnsibleModule,
    sides: tuple[Side, Side],
    found: ComparisonResult,
    metrics: dict[str, t.Any] | None,
    knowing: PairComparison,
    seconds: float,
) -> dict[str, t.Any]:
    options = module.params
    conclusion = _conclusion(options, found, metrics)
    pending = _verdict.pending_objects(options["level"], found.tally, metrics)
    requests = knowing.requests.to_dict()
    result: dict[str, t.Any] = {
        "verdict": conclusion.verdict,
        "summary": f"{conclusion.verdict}: {'; '.join(conclusion.reasons)}.",
        "reasons": conclusion.reasons,
        "verified_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "pending_objects": pending,
        "lag_seconds": found.canary["lag_seconds"] if found.canary else None,
        "cloudwatch": metrics,
        "requests": requests,
        "estimated_cost_usd": cost_usd(requests),
        "duration_seconds": round(seconds, 3),
        "clock_skew_seconds": found.clock_skew_seconds,
    }
    if found.canary is not None:
        result["canary"] = found.canary
    if found.configuration is not None:
        result["configuration"] = found.configuration
    if found.tally is not None:
        result.update(_compared(options, found, found.tally, seconds))
    result["metrics_text"] = _metrics_text(options, sides, result, found.tally)
    return result


def _compared(
    options: t.Mapping[str, t.Any], found: ComparisonResult, tally: Tally, seconds: float
) -> dict[str, t.Any]:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import describe

    entries = sum(tally.objects) + sum(tally.markers)
    compared: dict[str, t.Any] = {
        "source_objects": tally.objects[0],
        "destination_objects": tally.objects[1],
        "source_bytes": tally.sizes[0],
        "destination_bytes": tally.sizes[1],
        "entries_per_second": round(entries / seconds) if seconds else None,
        "resumed": found.resumed,
    }
    if options["level"] == "count":
        return {"compared": {**compared, "young_objects": tally.young}}
    if options["level"] == "versions":
        compared.update(source_delete_markers=tally.markers[0], destination_delete_markers=tally.markers[1])
    compared.update(
        matched=tally.matched, matched_by_version_id=tally.by_version_id, matched_by_content=tally.by_content
    )
    compared.update(rechecked=found.rechecked, **({"sample": found.verified} if found.verified else {}))
    result: dict[str, t.Any] = {"compared": compared}
    for kind, finding in tally.findings.items():
        result[kind] = {
            "count": finding.count,
            "bytes": finding.bytes,
            "oldest": finding.oldest or None,
            "sample": [describe(entry) for entry in finding.kept[: options["max_samples"]]],
        }
    return result


def _metrics_text(
    options: t.Mapping[str, t.Any], sides: tuple[Side, Side], result: t.Mapping[str, t.Any], tally: Tally | None
) -> str:
    labels = {"source": sides[0].bucket, "destination": sides[1].bucket, "method": options["level"]}
    if options["prefix"]:
        labels["prefix"] = options["prefix"]
    failed = (result["cloudwatch"] or {}).get("operations_failed")
    numbers: dict[str, float | None] = {
        "pending_objects": result["pending_objects"],
        "failed_operations": failed["value"] if failed else None,
        "lag_seconds": result["lag_seconds"],
        "last_verified_timestamp_seconds": time.time(),
    }
    for kind in (
        ("missing", "extra", "mismatched", "unverifiable") if tally is not None and options["level"] != "count" else ()
    ):
        numbers[f"{kind}_objects"] = result[kind]["count"]
    return _verdict.prometheus(labels, numbers, result["verdict"])
