# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether a stream still has the end that it had before. Pure.

The last sequence of a stream never goes back: no purge, no deletion and no limit takes it back. But a server that finds
a record in its file that it cannot read cuts the file off there, and then says that the stream ends so much earlier
(seen on 2.14.6 and 2.15.1, as soon as a snapshot is asked for). Such a snapshot is whole, and lacks what was cut off.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import JetStreamContent


@dataclasses.dataclass(frozen=True)
class Earlier:
    """What is known of a stream from earlier."""

    when: str  # in words: "in the backup 20260115T020000Z-3f9a2c"
    created: str  # of the stream: one that was made anew begins anew
    last_sequence: int
    mark: str = ""  # of the backup that it had been restored from: one that was restored since may begin again there


def of_backup(content: JetStreamContent, backup_id: str) -> dict[str, Earlier]:
    """What the backup before says of its streams, by name."""
    return {
        stream.name: Earlier(
            f"in the backup {backup_id}",
            stream.created,
            max(stream.last_sequence, int(stream.state.get("last_seq") or 0)),
            _restore_plan.mark_of(stream.config),
        )
        for stream in content.streams
    }


def check_end(
    name: str, earlier: Earlier, created: str, config: t.Mapping[str, t.Any], states: t.Iterable[t.Mapping[str, t.Any]]
) -> None:
    """Raise SourceError when one of these states of the same stream ends before it ended earlier."""
    if config.get("storage") == "memory":  # which a restart of its server empties
        return
    if not earlier.created or created != earlier.created or _restore_plan.mark_of(config) != earlier.mark:
        return
    last = min((int(state.get("last_seq") or 0) for state in states if state), default=earlier.last_sequence)
    if last >= earlier.last_sequence:
        return
    raise SourceError(
        f"The stream {name} has lost its end on the server: its last sequence was {earlier.last_sequence} "
        f"{earlier.when}, and is {last} now. No deletion and no limit takes a sequence back: the server has cut off "
        "a file that it could not read.",
        hint="Nothing of this backup was kept. Take the messages from an older backup (state: restored with rename) or "
        f"from a replica. When you accept the loss, or have restored the stream yourself, set accept_loss: [{name}].",
        details={"stream": name, "last_sequence": last, "expected_last_sequence": earlier.last_sequence},
    )
