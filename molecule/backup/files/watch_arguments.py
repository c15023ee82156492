# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes down the arguments of every process that there is or will be, each once, as everybody on the host could see
them.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
import time


def main(target: pathlib.Path) -> None:
    """Look ten times a second, until killed."""
    seen: set[bytes] = set()
    with open(target, "ab", buffering=0) as file:
        while True:
            for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    arguments = entry.read_bytes().replace(b"\0", b" ")
                    if arguments not in seen:
                        seen.add(arguments)
                        file.write(arguments + b"\n")
            time.sleep(0.1)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
