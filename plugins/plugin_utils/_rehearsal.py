# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a rehearsal makes of the results of its tasks. Pure."""

from __future__ import annotations

import datetime
import difflib
import re
import typing as t

Values = t.Mapping[str, t.Any]

PASSED, FAILED, PLANNED = "passed", "failed", "planned"
_SHOWN = 3  # failed checks of one proof
_STORE_KEYS = ("backup_id", "database", "scratch", "streams", "app", "component", "repository", "seconds")
# What pg_dump says of its own session. A function's body may have a line that begins with SET as well.
_SETTINGS = (
    "check_function_bodies|client_encoding|client_min_messages|default_table_access_method|default_tablespace|"
    "default_with_oids|escape_string_warning|idle_in_transaction_session_timeout|lock_timeout|row_security|"
    "standard_conforming_strings|statement_timeout|transaction_timeout|xmloption"
)
_NOISE = re.compile(
    rf"^(--.*|\\(un)?restrict .*|SET ({_SETTINGS}) = [^;]*;"
    r"|SELECT pg_catalog\.set_config\('search_path', '', false\);|)$"
)
_PRECISE = ("newest", "newest_verified")  # the words that make a damaged newer backup an error
_LINES = 12  # of a difference
_FIRST_DAYS = 7
_OF_COMPONENTS = ("preflight", "choose", "prove")


def choices(looked: Values, components: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """Which backups are restored: each with its ``component``, what the proof is asked for (``backup``), its
    ``backup_id`` where it is known, and a ``name`` for people. None is restored twice.

    ``looked`` is what a loop of ``backup_info`` has registered. One that was skipped, as only the newest ones are
    asked for, says nothing. One that failed is left to its proof, which says the same.
    """
    results = [one for one in looked.get("results") or [] if not one.get("skipped")]
    if not results:
        return [_choice(name, "newest", "newest", "") for name in components]
    chosen: dict[tuple[str, str], dict[str, t.Any]] = {}
    for result in results:
        component, which = result["rehearsal_pair"]
        backup_id = next((one["backup_id"] for one in result.get("backups") or []), "")
        words = f"before {which['before']}" if isinstance(which, t.Mapping) and "before" in which else str(which)
        known = chosen.get((component, backup_id)) if backup_id else None
        if known is not None:
            known["name"] += f" = {words}"
            known["backup"] = max(known["backup"], which, key=_strictness)
            continue
        # Chance is taken once. The newest one stays asked for by that word: then a damaged newer one is an error.
        asked = backup_id if which == "random" and backup_id else which
        chosen[component, backup_id or words] = _choice(component, asked, words, backup_id)
    return list(chosen.values())


def _strictness(which: t.Any) -> int:
    """Of two ways to ask for one backup, the one that a newer one that is damaged does not get past."""
    return 2 if which in _PRECISE else 1 if isinstance(which, t.Mapping) else 0


def _choice(component: str, backup: t.Any, words: str, backup_id: str) -> dict[str, t.Any]:
    return {"component": component, "backup": backup, "backup_id": backup_id, "name": f"{component}, {words}"}


def variant(variants: t.Mapping[str, Values], asked: str, today: datetime.date) -> dict[str, t.Any]:
    """What is otherwise in this rehearsal, with its ``name``; empty where nothing is. ``auto`` goes by the date: a
    rehearsal each week is the quarter's first, or the month's, in the first seven days of it.
    """
    name = asked
    if asked == "auto":
        due = ["monthly"] if today.day <= _FIRST_DAYS else []
        due = ["quarterly", *due] if due and today.month % 3 == 1 else due
        name = next((one for one in due if one in variants), "")
    return {**variants[name], "name": name} if name in variants else {}


def proofs(verified: Values, plan: Values) -> list[dict[str, t.Any]]:
    """What a loop of ``component_verify`` has shown, a line for each backup."""
    engines = {one["name"]: one["engine"] for one in plan["components"]}
    return [_proof(result, engines) for result in verified.get("results") or []]


def _proof(result: Values, engines: t.Mapping[str, str]) -> dict[str, t.Any]:
    asked = result["rehearsal_one"]
    measured = result.get("measured") or {}
    verdict = result.get("verdict")
    status = verdict if verdict in (PASSED, FAILED) else PLANNED if "planned" in result else FAILED
    red = [one for one in result.get("checks") or [] if one["status"] in ("failed", "error")]
    red += [one for one in result.get("controls") or [] if one["status"] == "failed"]
    new = bool(result.get("changed"))
    earlier = str(result.get("verified_at") or "") if status == PASSED and not new else ""
    said = f"not restored in this rehearsal: it was proven at {earlier}, and max_age lets that be enough"
    return {
        "name": asked["name"],
        "component": asked["component"],
        "engine": engines.get(asked["component"], ""),
        "backup_id": str(result.get("backup_id") or asked["backup_id"] or ""),
        "status": status,
        "new": new,
        "profile": str(result.get("profile") or ""),
        "proven_at": earlier,
        "message": str(result.get("msg") or result.get("summary") or (said if earlier else "")).strip(),
        "failures": [f"{one.get('title') or one['id']}: {one['message']}".rstrip(": ") for one in red],
        "checks": len(result.get("checks") or []),
        "restore_seconds": measured.get("restore_seconds"),
        "data_age_seconds": measured.get("data_age_seconds"),
        "report": str((result.get("report_files") or {}).get("html", "")),
    }


def failures(steps: t.Sequence[Values], shown: t.Sequence[Values], report: Values) -> list[str]:
    """What failed, why, and where the reports are, in a few lines; the first says it alone.

    ``report`` is what ``rehearsal_report`` returned; empty where it did not run.
    """
    lines = [
        f"Step {number}, {step['title']}: {step['message']}"
        for number, step in enumerate(steps, 1)
        if step["status"] == FAILED
    ]
    for proof in shown:
        if proof["status"] == FAILED:
            lines.append(f"{proof['name']}: {proof['message'] or 'no message'}")
            more = len(proof["failures"]) - _SHOWN
            lines += [f"{proof['name']}: and {more} more"] if more > 0 else []
            lines += [f"{proof['name']}: its report is {proof['report']}"] if proof["report"] else []
    if report.get("failed"):
        lines.append(f"There is no report of the rehearsal: {report.get('msg') or 'no message'}")
    lines += [one for one in report.get("problems") or [] if one.startswith("The recovery time")]
    page = (report.get("report_files") or {}).get("html")
    return [
        *(lines or [str(report.get("summary") or "Nothing is known.")]),
        *([f"The report is {page}"] if page else []),
    ]


def promises(plan: Values) -> dict[str, str]:
    """The recovery times that the plan promises for single components."""
    own = {one["name"]: (one.get("objectives") or {}).get("rto") for one in plan["components"]}
    return {name: rto for name, rto in own.items() if rto}


def patience(repositories: t.Sequence[Values], seconds: int) -> list[dict[str, t.Any]]:
    """The repositories, whose servers are waited for no longer than ``seconds``; 0 is no limit."""
    if not seconds:
        return [dict(one) for one in repositories]
    return [
        {**one, "request_time_limit": min(float(one.get("request_time_limit") or seconds), seconds)}
        if one.get("bucket")
        else dict(one)
        for one in repositories
    ]


def outcomes(steps: t.Sequence[Values], shown: t.Sequence[Values]) -> list[dict[str, str]]:
    """How each component came out, and the rehearsal itself where it has more steps than proofs: what people are
    notified of.
    """
    found: dict[str, dict[str, str]] = {}
    for proof in shown:
        before = found.get(proof["component"])
        if before is None or (before["state"] == "good" and proof["status"] == FAILED):
            found[proof["component"]] = _outcome(proof["component"], _why(proof))
    more = [step for step in steps if step["name"] not in _OF_COMPONENTS and step["status"] != "skipped"]
    said = "; ".join(f"{step['title']}: {step['message']}" for step in more if step["status"] == FAILED)
    return [*found.values(), *([_outcome("rehearsal", said)] if more else [])]


def _why(proof: Values) -> str:
    return str(proof["message"] or "no message") if proof["status"] == FAILED else ""


def _outcome(name: str, message: str) -> dict[str, str]:
    return {"name": name, "state": "failed" if message else "good", "reason": message}


def stores(restored: Values) -> dict[str, dict[str, t.Any]]:
    """Where the stores are that a loop of ``component_restore`` has restored, by the components' names."""
    return {
        result["rehearsal_store"]: {key: result[key] for key in _STORE_KEYS if key in result}
        for result in restored.get("results") or []
    }


def schema_checks(dumped: Values, expected: t.Mapping[str, str]) -> list[dict[str, str]]:
    """A check for each schema that a loop of ``pg_dump`` has described; one that was not described is red."""
    found = {one["rehearsal_schema"]: str(one.get("stdout", "")) for one in dumped.get("results") or []}
    return [_schema_check(name, text, found.get(name, "")) for name, text in expected.items()]


def _schema_check(name: str, expected: str, found: str) -> dict[str, str]:
    left, right = _schema_lines(expected), _schema_lines(found)
    difference = [
        line
        for line in difflib.unified_diff(left, right, "expected", "restored", lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    said = "\n".join(difference[:_LINES]) + (
        f"\nand {len(difference) - _LINES} more" if len(difference) > _LINES else ""
    )
    right_one = bool(right) and left == right
    observed = f"{len(right)} lines, and the same" if right_one else f"The schema of {name} differs: {said or 'empty'}"
    return {
        "name": f"The schema of {name} is the expected one",
        "status": PASSED if right_one else FAILED,
        "expected": f"{len(left)} lines",
        "observed": observed,
    }


def _schema_lines(text: str) -> list[str]:
    """Without comments, settings, and what ``pg_dump`` writes anew each time."""
    return [line.rstrip() for line in text.splitlines() if not _NOISE.match(line.rstrip())]
