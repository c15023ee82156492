# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket that is replicated, what an application puts into it, and what happens to its replica behind everybody's
back.
"""

from __future__ import annotations

import collections.abc
import concurrent.futures
import dataclasses
import time

from tests.lab.objectstore import ObjectStore
from tests.lab.throwaway import LabError

SOURCE = "shop-mirror"
REPLICA = "shop-mirror-dr"
_AT_A_TIME = 4
_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Harm:
    """The keys of the replicas that were deleted, and of those that were changed."""

    deleted: list[str]
    changed: list[str]


def fill(store: ObjectStore, objects: collections.abc.Mapping[str, bytes]) -> None:
    """Put these objects into the source, a few at a time, as an application does."""
    client = store.client  # made here: its making is not for several threads at once
    with concurrent.futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(lambda item: client.put_object(Bucket=SOURCE, Key=item[0], Body=item[1]), objects.items()))


def wait_for_replicas(store: ObjectStore) -> float:
    """Wait until the server has replicated as many objects as there are. Gives the seconds."""
    began = time.monotonic()
    wanted = len(store.sizes(SOURCE))
    while len(store.sizes(REPLICA)) < wanted:
        if time.monotonic() - began > _SECONDS:
            raise LabError(f"The server has not replicated all objects within {_SECONDS:g} s.")
        time.sleep(0.05)
    return time.monotonic() - began


def harm(store: ObjectStore) -> Harm:
    """Delete some replicas for good, and write another content of the same length over others."""
    keys = sorted(store.sizes(REPLICA))
    step = len(keys) // 5
    chosen = Harm(keys[step : 4 * step : step], keys[step // 2 :: 2 * step][:2])
    for key in chosen.deleted:
        version = store.client.head_object(Bucket=REPLICA, Key=key)["VersionId"]
        store.client.delete_object(Bucket=REPLICA, Key=key, VersionId=version)
    for key in chosen.changed:
        store.write(REPLICA, key, store.read(REPLICA, key).swapcase())
    return chosen
