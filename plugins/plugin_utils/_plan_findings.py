# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a plan without errors does not protect, each with its remedy. Pure: it says what can be known from the plan."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._calendar import parse_calendar
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._options import channel_name, wanted
from ansible_collections.lifeboat.dr.plugins.plugin_utils._failover_plan import KINDS
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import objectives_of, retention_of

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Values

GAP, NOTE = "gap", "note"
"""Something that is not protected; something that a person should know."""

DAY = datetime.timedelta(days=1)
DETECTION_WINDOW = 14 * DAY
_PERIOD = {"hourly": DAY / 24, "daily": DAY, "weekly": 7 * DAY, "monthly": 28 * DAY, "yearly": 365 * DAY}
_HERE = "the host of the application"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the plan does not protect, or that should be known. ``component`` is empty for the whole plan."""

    kind: str  # GAP or NOTE
    key: str  # what to change in the plan
    says: str
    remedy: str
    component: str = ""

    def __str__(self) -> str:
        return f"{f'{self.component}: ' if self.component else ''}{self.says} {self.remedy}"


def plan_findings(plan: Values) -> list[Finding]:
    """Every finding of a plan that has no errors: gaps first, and then notes."""
    found = [
        *_copies(plan),
        *_keys(plan),
        *_proof(plan),
        *_notifications(plan),
        *_way_back(plan),
        *(finding for component in plan["components"] for finding in _of_component(plan, component)),
    ]
    return sorted(_said_once(found, len(plan["components"])), key=lambda finding: finding.kind != GAP)


def domain_of(repository: Values) -> str:
    """What fails together with a repository: what the plan says, else what can be known of it; empty if unknown."""
    if repository.get("failure_domain"):
        return str(repository["failure_domain"])
    if repository.get("path"):
        return _HERE
    host = urllib.parse.urlsplit(repository.get("endpoint_url") or "").hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return _HERE
    return str(repository.get("region") or host)


def repository_name(repository: Values) -> str:
    """How people call it, as ``Repository.name`` does."""
    if repository.get("path"):
        return str(repository["path"])
    prefix = str(repository.get("prefix") or "").strip("/")
    return f"s3://{repository['bucket']}{f'/{prefix}' if prefix else ''}"


def interval_of(plan: Values, component: Values) -> datetime.timedelta | None:
    """The longest time between two backups of a component that the schedule leaves; None without a schedule.

    A run passes over a component whose newest backup is younger than its ``max_age``. The random delay of a host is
    the same each time.
    """
    schedule = plan.get("schedule") or {}
    if not schedule.get("backup"):
        return None
    gap = parse_calendar("schedule.backup", schedule["backup"]).longest_gap()
    max_age = parse_duration("max_age", component["max_age"]) if component.get("max_age") else datetime.timedelta()
    return gap * (max_age // gap + 1)


def reach_of(retention: Values, interval: datetime.timedelta) -> datetime.timedelta:
    """How far back the oldest backup lies that the rules for backups without a label keep."""
    keep = retention["keep"]
    reaches = [parse_duration("within", keep["within"])] if keep.get("within") else [datetime.timedelta()]
    reaches += [max(0, (keep.get("last") or 0) - 1) * interval]
    reaches += [
        (keep.get(name) or 0) * max(period, interval) - max(period, interval)
        for name, period in _PERIOD.items()
        if keep.get(name)
    ]
    return max(reaches)


def _copies(plan: Values) -> t.Iterator[Finding]:
    repositories = plan["repositories"]
    own = str(plan.get("failure_domain") or _HERE)
    domains = {repository_name(one): domain_of(one) for one in repositories}
    elsewhere = {domain for domain in domains.values() if domain and domain not in (own, _HERE)}
    if not elsewhere:
        yield Finding(
            GAP,
            "repositories",
            f"no copy is known to be in another failure domain: {', '.join(domains)} may be lost together with {own}.",
            "Add a repository elsewhere, such as a bucket in another region, and name its failure_domain.",
        )
    elif not plan.get("failure_domain"):
        yield Finding(
            GAP,
            "failure_domain",
            f"the plan does not say where the application is, so {' and '.join(sorted(elsewhere))} may be there, too.",
            "Give failure_domain, in the same words as those of the repositories.",
        )
    if len(repositories) == 1:
        yield Finding(
            GAP,
            "repositories",
            f"there is one copy of each backup, in {', '.join(domains)}.",
            "Add a second repository; each gets every backup at the same time.",
        )
    elif all((component.get("min_copies") or 1) < 2 for component in plan["components"]):
        yield Finding(
            NOTE,
            "components[].min_copies",
            f"a backup that only one of {len(repositories)} repositories takes is a success, with a warning.",
            "Set min_copies: 2 where that has to be a failure.",
        )


def _keys(plan: Values) -> t.Iterator[Finding]:
    encryption = {name: value for name, value in (plan.get("encryption") or {}).items() if value}
    if not encryption or encryption.get("engine") == "none":
        yield Finding(
            GAP,
            "encryption",
            "backups are not encrypted: who can read a repository can read the data.",
            "Give encryption.recipients, two age keys: one for operations, one kept offline.",
        )
        return
    keys = [*(encryption.get("recipients") or ()), *(encryption.get("recipient_key_files") or ())]
    if len(keys) == 1 and not encryption.get("recipients_file"):
        yield Finding(
            GAP,
            "encryption.recipients",
            "one key alone opens the backups: when it is lost, so are they.",
            "Add a second recipient, whose key is kept offline.",
        )
    elif not keys and not encryption.get("recipients_file"):
        yield Finding(
            GAP,
            "encryption",
            "one passphrase opens the backups, and each host that backs up knows it.",
            "Encrypt to two recipients; a host then cannot open older backups.",
        )


def _proof(plan: Values) -> t.Iterator[Finding]:
    schedule = plan.get("schedule") or {}
    if not schedule.get("rehearsal"):
        yield Finding(
            GAP,
            "schedule.rehearsal",
            "no rehearsal is scheduled, so nobody knows whether backups can be restored.",
            "Give schedule.rehearsal, such as Sun 04:00, on a host that holds the key.",
        )
    if not schedule.get("backup"):
        yield Finding(
            GAP,
            "schedule.backup",
            "no backup is scheduled: there is one only when somebody takes it.",
            "Give schedule.backup, such as *-*-* 01:00.",
        )


def _notifications(plan: Values) -> t.Iterator[Finding]:
    channels = plan.get("notifications") or []
    if not [channel for channel in channels if wanted(channel, "failure")]:
        yield Finding(
            GAP,
            "notifications",
            "nobody is notified when a backup fails.",
            "Give notifications, such as {type: slack, url_file: /etc/lifeboat/slack.url}.",
        )
    if not [channel for channel in channels if channel["type"] == "healthchecks"]:
        yield Finding(
            GAP,
            "notifications",
            "nobody outside of the host watches it: when the host is gone, nothing fails and nobody hears of it.",
            "Add a channel of type healthchecks, or watch the metric of the last success from elsewhere.",
        )
    loud = [channel for channel in channels if channel["type"] != "healthchecks" and wanted(channel, "failure")]
    if len(loud) == 1:
        yield Finding(
            NOTE,
            "notifications",
            f"{channel_name(loud[0])} is the only channel that hears of a failure.",
            "Add a second one that does not share its fate.",
        )


def _way_back(plan: Values) -> t.Iterator[Finding]:
    """A failover writes the TTL that the next one, which is the way back, finds."""
    spec = KINDS["traffic"]["dns"]
    for number, entry in enumerate(plan.get("traffic") or []):
        if entry["kind"] != "dns" or not entry.get("resolvers"):
            continue
        ttl = int(entry.get("ttl") or spec["ttl"]["default"])
        wait = parse_duration("wait", str(entry.get("wait") or spec["wait"]["default"]))
        if ttl > wait.total_seconds():
            yield Finding(
                GAP,
                f"traffic[{number}].wait",
                f"a failover gives {entry['record']}.{entry['zone']} a TTL of {ttl} s, and wait is "
                f"{wait.total_seconds():g} s: the way back is refused, as resolvers may keep the old value for longer.",
                f"Raise wait to {ttl}s or more, or give a lower ttl.",
            )


def _of_component(plan: Values, component: Values) -> t.Iterator[Finding]:
    yield from _where_data_lies(component)
    yield from _how_proven(plan, component)
    yield from _promises(plan, component)
    yield from _what_is_kept(plan, component)


def _where_data_lies(component: Values) -> t.Iterator[Finding]:
    name = component["name"]
    if component["engine"] == "paths" and str(component.get("restic_repository", "")).startswith("/"):
        yield Finding(
            GAP,
            "restic_repository",
            f"restic keeps the files in {component['restic_repository']}, on {_HERE}; the plan's repositories hold "
            "only what describes them.",
            "Use a location elsewhere, such as s3:https://host/bucket.",
            name,
        )
    if component["engine"] == "s3":
        sides = [component[side] for side in ("source", "destination")]
        places = [(one.get("region") or "", one.get("endpoint_url") or "") for one in sides]
        if places[0] == places[1]:
            yield Finding(
                GAP,
                "destination",
                f"both buckets are in the same place ({' '.join(filter(None, places[0])) or 'the default region'}).",
                "Replicate into another region or to another server.",
                name,
            )


def _how_proven(plan: Values, component: Values) -> t.Iterator[Finding]:
    said = [plan.get("verification") or {}, component.get("verification") or {}]
    merged = {key: value for one in said for key, value in one.items() if value is not None}
    encrypted = (plan.get("encryption") or {}).get("engine", "age") != "none" and bool(plan.get("encryption"))
    opens = [key for key in ("identity_file", "passphrase_file", "passphrase_env", "gpg_home") if merged.get(key)]
    if merged.get("profile") == "artifact":
        yield Finding(
            GAP,
            "verification.profile",
            "a proof of the profile artifact restores nothing: it shows only that the files are what was written.",
            "Use the profile full.",
            component["name"],
        )
    elif encrypted and not opens and component["engine"] not in ("s3", "paths"):
        yield Finding(
            GAP,
            "verification.identity_file",
            "no key is named that opens the backups, so no rehearsal can restore them.",
            "Give verification.identity_file, on a host that rehearses.",
            component["name"],
        )
    if not merged.get("checks"):
        yield Finding(
            NOTE,
            "verification.checks",
            "a proof compares what came back with what was there, and asks no question of your own.",
            "Give verification.checks, such as how old the newest row may be.",
            component["name"],
        )


def _promises(plan: Values, component: Values) -> t.Iterator[Finding]:
    name, objectives = component["name"], objectives_of(plan, component["name"])
    interval = interval_of(plan, component)
    missing = [key for key in ("rpo", "rto") if key not in objectives]
    if missing:
        yield Finding(
            GAP,
            "objectives",
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not given, so nothing can be missed, and "
            "nothing promised.",
            "Give objectives, such as {rpo: 24h, rto: 1h}.",
            name,
        )
    if interval and "rpo" in objectives and interval >= objectives["rpo"]:
        own = f" (max_age {component['max_age']} passes over runs)" if component.get("max_age") else ""
        yield Finding(
            GAP,
            "schedule.backup",
            f"the RPO of {span(objectives['rpo'])} cannot be held: up to {span(interval)} lie between two "
            f"backups{own}, and a backup takes its time.",
            "Back up more often, lower max_age, or give an RPO that is true.",
            name,
        )


def _what_is_kept(plan: Values, component: Values) -> t.Iterator[Finding]:
    name, retention = component["name"], retention_of(plan, component["name"])
    if retention is None:
        yield Finding(
            NOTE,
            "retention",
            "nothing is ever deleted, so the repositories grow until they are full.",
            "Give retention, such as {keep: {within: 2d, daily: 14, weekly: 8, monthly: 12}}.",
            name,
        )
        return
    interval = interval_of(plan, component) or DAY
    window = objectives_of(plan, name).get("detection_window", DETECTION_WINDOW)
    reach = reach_of(retention, interval)
    if reach < window:
        yield Finding(
            GAP,
            "retention.keep",
            f"damage that nobody notices for {span(window)} outlives every good backup: the oldest that is kept is "
            f"{span(reach)} old.",
            "Keep more days, weeks or months, or give objectives.detection_window.",
            name,
        )
    silence = parse_duration("max_silence", retention.get("max_silence") or "8d")
    if interval > silence:
        yield Finding(
            GAP,
            "retention.max_silence",
            f"up to {span(interval)} lie between two backups, and nothing is deleted when the newest is older than "
            f"{span(silence)}.",
            "Raise retention.max_silence above the time between two backups.",
            name,
        )
    if not (plan.get("schedule") or {}).get("prune"):
        yield Finding(
            NOTE,
            "schedule.prune",
            "there is a retention, and nothing deletes by it on its own.",
            "Give schedule.prune, or run backup_prune from a host that may delete.",
            name,
        )


def span(length: datetime.timedelta) -> str:
    """``36h``, ``14d``, ``1h30m``, as a plan writes it, to the minute."""
    minutes = round(length.total_seconds() / 60)
    if minutes % (24 * 60) == 0 and minutes > 24 * 60:
        return f"{minutes // (24 * 60)}d"
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h" + (f"{minutes % 60}m" if minutes % 60 else "")


def _said_once(findings: t.Sequence[Finding], components: int) -> t.Iterator[Finding]:
    """What holds for every component is said of the plan."""
    texts = [dataclasses.replace(finding, component="") for finding in findings]
    for number, finding in enumerate(findings):
        same = texts.count(texts[number])
        if not finding.component or same < components or components == 1:
            yield finding
        elif texts.index(texts[number]) == number:
            yield texts[number]
