# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What was done to a pair of buckets and S3 does not remember.

Which rules were paused, whether there is what no rule has replicated, and which run was not finished: a small file in
``state_dir``, written under the lock of the pair. Another host, or one whose ``state_dir`` is gone, does not know it.
So nothing depends on it alone: it is named, or looked for, where it can be.
"""

from __future__ import annotations

import json
import os
import tempfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_pair import file_name

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_SCHEMA = "lifeboat.s3-pair/1"


class PairMemory:
    """What is known of one pair. ``save`` writes it, which is never called in check mode."""

    def __init__(self, options: t.Mapping[str, t.Any], source: Side, destination: Side) -> None:
        folder = options["state_dir"] or _run.default_state_dir()
        self.path = os.path.join(folder, f"s3@{file_name(source.bucket)}.pair.json")
        self._pair = (
            f"{source.settings.endpoint} {source.bucket} > {destination.settings.endpoint} {destination.bucket}"
        )
        self._all = self._read()
        self._mine: dict[str, t.Any] = self._all.setdefault(self._pair, {})

    @property
    def paused(self) -> list[str]:
        """The ids of the rules that were paused and have not been started again."""
        return [str(rule) for rule in self._mine.get("paused", [])]

    @paused.setter
    def paused(self, rules: t.Iterable[str]) -> None:
        self._mine["paused"] = sorted(set(rules))

    @property
    def left_behind(self) -> bool:
        """Whether there were objects that no rule replicates, and no run has brought them over since."""
        return bool(self._mine.get("left_behind"))

    @left_behind.setter
    def left_behind(self, is_so: bool) -> None:
        self._mine["left_behind"] = is_so

    def unfinished(self, action: str) -> str:
        """The journal of a run of this action that has not come to its end; empty where there is none."""
        path = str(self._mine.get("unfinished", {}).get(action, ""))
        return path if path and os.path.exists(path) else ""

    def begin(self, action: str, journal: str) -> None:
        """A run begins."""
        self._mine.setdefault("unfinished", {})[action] = journal

    def finish(self, action: str) -> None:
        """It has come to its end."""
        self._mine.setdefault("unfinished", {}).pop(action, None)

    def save(self) -> None:
        """Keep it, whole or not at all. Raises LifeboatError."""
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".pair-", dir=folder)  # mode 0600
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"schema": _SCHEMA, "pairs": self._all}, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            raise LifeboatError(
                f"{self.path} cannot be written: {error.strerror}.", hint="Correct state_dir, then run again."
            ) from None

    def _read(self) -> dict[str, t.Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                document = read_json(file.read())
            if document["schema"] != _SCHEMA:
                raise ValueError
            return {str(pair): dict(facts) for pair, facts in document["pairs"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise LifeboatError(
                f"{self.path}, which says what was paused and what is not finished, cannot be read. Nothing was "
                "changed.",
                hint="Look at it; move it away to go on without what it says.",
            ) from None
