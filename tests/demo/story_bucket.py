# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second chapter: a bucket is replicated, its replica damaged, the damage found out, and healed."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural

from tests.demo import bucket
from tests.demo.story import Chapter, expect

_OBJECTS = 500


class Replica(Chapter):
    """Told by ``tell``."""

    def tell(self) -> None:
        """All of it."""
        self._replicate()
        harm = self._harm()
        self._heal(harm)

    def _replicate(self) -> None:
        screen, store = self._screen, self._place.store
        screen.step("Another kind of copy: a bucket that the server replicates into a second one")
        (configured,) = self._play("replicate")
        expect(configured["changed"] and not configured.get("failed"), "replication is set up")
        count = self._place.put_objects(_OBJECTS)
        lag = bucket.wait_for_replicas(store)
        screen.good(
            f"Versioning, rules and lifecycle are set on both sides; an application put {plural(count, 'object')} "
            "into it."
        )
        screen.good(f"The server has replicated all of them, {format_seconds(lag)} after the last one was put.")

    def _harm(self) -> bucket.Harm:
        screen = self._screen
        screen.step("Behind everybody's back, replicas are deleted and changed; a comparison finds each of them")
        harm = bucket.harm(self._place.store)
        screen.say(
            f"{plural(len(harm.deleted), 'replica')} deleted, {plural(len(harm.changed), 'replica')} overwritten with "
            "as many other bytes. "
            "Replication reports no error, as it looks at new objects only."
        )
        (found,) = self._play("compare")
        expect(found["verdict"] == "diverged", "the replica is found to be different")
        expect(_keys(found["missing"]) == sorted(harm.deleted), "each deleted replica is named")
        expect(_keys(found["mismatched"]) == sorted(harm.changed), "each changed replica is named")
        screen.refused(f"s3_replication_info: {found['summary']}")
        for word in ("missing", "mismatched"):
            screen.refused(f"{word}: {', '.join(_keys(found[word]))}")
        asked = sum(found["requests"].values())
        screen.good(
            f"{plural(asked, 'request')} for {_OBJECTS:,} objects: a listing names a thousand at a time, and tells "
            "their hashes."
        )
        return harm

    def _heal(self, harm: bucket.Harm) -> None:
        screen = self._screen
        screen.step("Heal the replica, and prove that it is whole")
        healed, found = self._play("heal")
        expect(healed["copied"]["objects"] == len(harm.deleted) + len(harm.changed), "just what was harmed is copied")
        expect(found["verdict"] == "in_sync", "the replica is in sync")
        screen.good(
            f"{plural(healed['copied']['objects'], 'object')} copied again, and no other. The damage stays as an "
            "older version."
        )
        screen.good(f"s3_replication_info: {found['summary']}")


def _keys(difference: t.Mapping[str, t.Any]) -> list[str]:
    return sorted(str(one["key"]) for one in difference["sample"])
