# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""inspect_archive FILE STREAM PROCESSES: verify an archive offline, as the modules do.

Prints how many messages; ends with 1 for damage.
"""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect

_PIECE_BYTES = 1 << 20


def _pieces(path: str) -> t.Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def main(path: str, stream: str, processes: str) -> int:
    """The exit code."""
    facts, digests = inspect(_pieces(path), stream, processes=int(processes))
    digests.close()
    print(facts.messages)
    print(*facts.problems, sep="\n", file=sys.stderr)
    return 1 if facts.problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
