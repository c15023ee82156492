# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for get-pip.py in the cache of ansible-test: installs pip from the wheel that lies beside this file.

Its name there tells the version: get_pip_24_2.py takes pip-24.2-py3-none-any.whl.
"""

from __future__ import annotations

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve()
VERSION = ".".join(HERE.stem.split("_")[2:])
sys.path.insert(0, str(HERE.parent / f"pip-{VERSION}-py3-none-any.whl"))

from pip._internal.cli.main import main  # noqa: E402 - it lies in the wheel that the line above adds

# The real get-pip.py knows these two words, and pip does not.
ARGUMENTS = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--upgrade", *ARGUMENTS]))
