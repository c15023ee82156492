# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the C library keeps memory, seen by the kernel: how often it had to give a new page."""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_transfer

_PIECES, _PAGES_EACH = 200, 128
_PROGRAM = f"""
import resource, sys, threading
sys.path[:] = {sys.path!r}
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency import _memory
if sys.argv[1] == "kept":
    _memory.{suited_to_a_transfer.__name__}()
def work():
    for _piece in range({_PIECES}):
        held = [b"x" * 4096 * {_PAGES_EACH} for _number in range(3)]
        del held
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def test_pieces_of_a_stream_get_the_memory_of_those_before_them() -> None:
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "given back")
    )
    assert given_back - kept > _PIECES * _PAGES_EACH, (kept, given_back)
