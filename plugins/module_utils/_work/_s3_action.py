# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The states of ``s3_recover``: options to result.

What they have in common is here; each state is a class of its own.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import os
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Stoppable
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._cost import cost_usd
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import (
    Group,
    as_text,
    groups,
    is_doubtful,
    is_text,
    nothing,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests, show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import Profile, find_profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, same_server
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import DOUBTFUL, NO_TEXT
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal import _journal
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_memory import PairMemory

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._copy import Copier

SAMPLES = 20


class Counts:
    """Numbers and a few examples. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.numbers: collections.Counter[str] = collections.Counter()
        self.samples: dict[str, list[dict[str, t.Any]]] = {}

    def add(self, name: str, count: int = 1, sample: dict[str, t.Any] | None = None) -> None:
        """Count, and keep the first examples."""
        with self._lock:
            self.numbers[name] += count
            if sample is not None:
                kept = self.samples.setdefault(name, [])
                if len(kept) < SAMPLES:
                    kept.append(sample)

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self.numbers[name]

    def of(self, prefix: str) -> dict[str, int]:
        """The numbers whose names begin with ``prefix`` and a colon, without it."""
        with self._lock:
            return {
                name.partition(":")[2]: count for name, count in self.numbers.items() if name.startswith(f"{prefix}:")
            }


class Action:
    """One acting run. ``counts`` and ``requests`` may be used from any thread."""

    name = ""

    def __init__(self, module: AnsibleModule, options: t.Mapping[str, t.Any], source: Side, destination: Side) -> None:
        self.module = module
        self.options = options
        self.check_mode = bool(module.check_mode)
        self.source, self.destination = source, destination
        self.sides = {"source": source, "destination": destination}
        self.prefix = options["prefix"] or ""
        self.parallel = options["parallel"]
        self.requests = Requests()
        self.counts = Counts()
        self.stopped = threading.Event()
        limit = options["time_limit"]
        self.deadline = Stoppable(parse_duration("time_limit", limit).total_seconds() if limit else None, self.stopped)
        self.began = time.monotonic()
        self.progress = Progress(options["progress_file"], f"{source.bucket} -> {destination.bucket}")
        self.memory = PairMemory(options, source, destination)
        self._ahead: dict[str, datetime.timedelta] = {}

    # --- what states share ---

    def profile(self, role: str) -> Profile:
        """The kind of server of one side.

        A bucket that is not there, or a wrong key, is found here, before anything is written.
        """
        found = find_profile(self.sides[role], self.options["backend"])
        if role not in self._ahead and abs(found.ahead) > _clock.NOTEWORTHY:
            self.module.warn(f"The clock of the server of {self.sides[role].name} is {_clock.described(found.ahead)}.")
        self._ahead[role] = found.ahead
        return found.profile

    def ahead(self, role: str) -> datetime.timedelta:
        """By how much the clock of one side's server is ahead of ours: the times in its listings are by it."""
        if role not in self._ahead:
            self.profile(role)
        return self._ahead[role]

    def now(self, role: str) -> datetime.datetime:
        """The time by the clock of one side's server."""
        return datetime.datetime.now(datetime.timezone.utc) + self.ahead(role)

    @property
    def one_server(self) -> bool:
        """Whether the server can copy from one bucket to the other by itself, with the keys of the destination."""
        mine, other = self.source.settings, self.destination.settings
        same_keys = (mine.access_key, mine.profile) == (other.access_key, other.profile)
        return same_server(self.source, self.destination) and same_keys

    def listing(self, role: str, *, versions: bool) -> t.Iterator[Group]:
        """All keys below the prefix on one side. One that no request can name is passed over."""
        lister = Lister(self.sides[role], self.prefix, self.requests, versions=versions, stopped=self.stopped)
        for group in groups(lister, self.deadline):
            self.counts.add(f"listed:{role}")
            self.progress.advance(1)  # what is found is dealt with while the listing goes on
            if is_text(group[0]):
                yield group
            else:
                self.pass_over(show(group[0]), NO_TEXT)

    def is_named(self, role: str, key: bytes, version: str = "") -> bool:
        """Whether the object really has the name that was listed; one that has not is passed over.

        The HEAD of a delete marker is a 405.
        """
        if not is_doubtful(key):
            return True
        side = self.sides[role]
        more: t.Any = {"VersionId": version} if version and version != "null" else {}
        self.counts.add("requests:head")
        try:
            side.call(
                f"HEAD of {show(key)!r}",
                lambda client: client.head_object(Bucket=side.bucket, Key=as_text(key), **more),
            )
        except S3Error as error:
            if error.status == 405:
                return True
            if not error.not_found:
                raise
            self.pass_over(show(key), DOUBTFUL)
            return False
        return True

    def pass_over(self, key: str, reason: str) -> None:
        """Go on without one object. The run fails at its end, with the list."""
        self.counts.add("not_done", sample={"key": key, "reason": reason})

    def warn_of_nothing(self) -> None:
        """A prefix that no key has is a mistake more often than not, and nothing was found to be in order."""
        if not any(self.counts.of("listed").values()):
            self.module.warn(
                f"There is no object {f'below {self.prefix!r} ' if self.prefix else ''}in any of the buckets that were "
                "listed, so nothing was compared. Check prefix and bucket."
            )

    def warn_of_less(self, copier: Copier) -> None:
        """What copies lack of their originals."""
        if copier.unlocked:
            self.module.warn(
                f"{copier.unlocked} originals are under retention or a legal hold of their own, which a copy does "
                "not take over: it is locked as the bucket's own rule says, or not at all."
            )
        if copier.tags.hidden:
            self.module.warn(
                "The key of the originals may not read tags (s3:GetObjectTagging, and s3:GetObjectVersionTagging for "
                "versions), and Amazon S3 hides from such a key that an object has any: copies of objects with tags "
                "may have none. Allow it; copies that were made before have to be made anew."
            )
        if copier.tags.missing:
            self.module.warn(
                f"The tags of {copier.tags.missing} large originals could not be read, or not be given to their copies "
                "(s3:GetObjectTagging, s3:PutObjectTagging): those may have none."
            )

    def no_listing(self) -> t.Iterator[Group]:
        """In place of a side that is left alone."""
        return nothing()

    @contextlib.contextmanager
    def journal(self, **head: t.Any) -> t.Iterator[_journal.Journal | None]:
        """The journal, or None in check mode."""
        if self.check_mode:
            yield None
            return
        state_dir = self.options["state_dir"] or _run.default_state_dir()
        before = self._unfinished()
        path = self.options["journal_path"] or before or _journal.new_path(state_dir, self.source.bucket, self.name)
        about = {
            "action": self.name,
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "source": self.source.settings.name,
            "destination": self.destination.settings.name,
            "prefix": self.prefix,
        }
        if before and not self.options["journal_path"] and self._is_other(before, about):
            path = _journal.new_path(state_dir, self.source.bucket, self.name)
        elif before and before != path and not self._is_other(before, about):
            raise OptionError(
                f"journal_path: {path}, but the last run of this action did not come to its end, and its journal is "
                f"{before}. Nothing was changed.",
                hint="Leave journal_path out, or name that one: one journal has all that has to be taken back.",
            )
        if os.path.exists(path) and self._is_other(path, about):  # no other action goes on in it
            there, _entries = _journal.read_journal(path)
            raise OptionError(
                f"journal_path: {path} is the journal of another action ({there.get('action')} of "
                f"{there.get('source')}). Nothing was changed.",
                hint="Name a new file, or leave journal_path out.",
            )
        left = f"What was done stays, and is in the journal {path}. Run it again: it goes on from there."
        with _journal.Journal(path, {**about, **head}) as journal, left_when_stopped(left):
            self.memory.begin(self.name, path)
            self.memory.save()
            yield journal
            journal.note({"finished": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")})
        self.memory.finish(self.name)
        self.memory.save()

    def _unfinished(self) -> str:
        """The journal of the last run of this action, if it has done something and has not come to its end."""
        path = self.memory.unfinished(self.name)
        if not path:
            return ""
        _head, entries = _journal.read_journal(path)
        return path if any(entry.get("remove") or entry.get("copy") for entry in entries) else ""

    @staticmethod
    def _is_other(path: str, about: t.Mapping[str, t.Any]) -> bool:
        there, _entries = _journal.read_journal(path)
        return any(there.get(name) != about[name] for name in ("action", "source", "destination", "prefix"))

    def _failure(self) -> dict[str, t.Any]:
        """What was passed over, as the end of the run tells it."""
        count = self.counts["not_done"]
        if not count:
            return {}
        first = self.counts.samples["not_done"][:3]
        named = "; ".join(f"{entry['key']!r} ({entry['reason'].rstrip('.')})" for entry in first)
        more = f"; and {count - len(first)} more, see samples.not_done" if count > len(first) else ""
        return {
            "failed": True,
            "not_done": count,
            "msg": f"{count} objects were passed over: {named}{more}. All others were done.",
        }

    def result(self, changed: bool, journal_path: str | None = None, **more: t.Any) -> dict[str, t.Any]:
        """What every state returns."""
        requests = {**self.requests.to_dict(), **self.counts.of("requests")}
        more.update(self._failure())
        return {
            "changed": changed,
            "state": self.options["state"],
            "requests": {name: count for name, count in sorted(requests.items()) if count},
            "estimated_cost_usd": cost_usd(requests),
            "seconds": round(time.monotonic() - self.began, 3),
            "listed": self.counts.of("listed"),
            "samples": self.counts.samples,
            **({"journal_path": journal_path} if journal_path else {}),
            **more,
        }


def fail(result: dict[str, t.Any], words: str) -> None:
    """The task fails with these words, beside what it fails for already."""
    result["failed"] = True
    result["msg"] = f"{result['msg']} {words}" if result.get("msg") else words


def check_confirmed(options: t.Mapping[str, t.Any], bucket: str) -> None:
    """Raises OptionError unless a prefix is given, or the name of the bucket that is written to has been typed once
    more.
    """
    if not options["prefix"] and options["confirm_bucket"] != bucket:
        raise OptionError(
            f"state: {options['state']} without a prefix is about the whole bucket {bucket}. confirm_bucket: "
            f"{options['confirm_bucket']!r} "
            "does not confirm it. Nothing was changed.",
            hint=f"Give a prefix, or set confirm_bucket to {bucket}.",
        )


def moment(options: t.Mapping[str, t.Any], name: str, now: datetime.datetime) -> datetime.datetime | None:
    """The point in time of an option: ISO 8601 with a zone, or how long before ``now`` (``3h``). Raises OptionError."""
    value = options[name]
    if not value:
        return None
    text = str(value).strip()
    try:
        parsed = datetime.datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        try:
            return now - parse_duration(name, text)
        except OptionError:
            raise OptionError(
                f"{name}: {value!r} is not a timestamp.", hint="Write 2026-01-15T02:00:00Z, or how long ago: 3h."
            ) from None
    if parsed.tzinfo is None:
        raise OptionError(f"{name}: {value!r} has no time zone.", hint=f"Write {text}Z if it is UTC.")
    return parsed
