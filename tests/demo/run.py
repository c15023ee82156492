# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: ``make demo``, or this file with the Python of .venv."""

from __future__ import annotations

import importlib
import pathlib
import sys

_ROOT = pathlib.Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    sys.path[:0] = [
        str(_ROOT),
        str(_ROOT / ".ansible" / "collections"),
    ]  # from anywhere, and without an environment variable
    try:
        code = importlib.import_module("tests.demo.show").main()
    except KeyboardInterrupt:  # while it was still being loaded: nothing has been started
        code = 130
    sys.exit(code)
