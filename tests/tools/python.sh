#!/bin/sh
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# python.sh: prints a Python that ansible-core 2.19 runs on (3.11 to 3.13) and that can make a virtual environment;
# fails where there is none.
set -eu
check='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
  if "$python" -c "$check" 2>/dev/null; then
    "$python" -c 'import os, sys; print(os.path.realpath(sys.executable))'
    exit 0
  fi
done
exit 1
