#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# cores.sh [RELEASE...]: the unit tests, the tests of live progress and ansible-test sanity on other releases of
# ansible-core, each in an environment of its own in .cache. .venv has the oldest that is supported. The newest ones
# want Python 3.13: PYTHON names one where it is not on the path.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- 2.21.5 2.22.0rc1
newest=
for python in ${PYTHON:+"$PYTHON"} python3.13 "${PYENV_ROOT:-/nonexistent}"/versions/3.13.*/bin/python; do
  ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || newest=$python
done
[ -n "$newest" ] || { echo "No Python 3.13 with venv here: give its path in PYTHON" >&2; exit 1; }
names='pytest\|pytest-xdist\|hypothesis\|jsonschema\|markdown-it-py\|nats-py'
mapfile -t tools < <(sed -n "s/^\(\($names\)==[^ ]*\).*/\1/p" requirements-dev.txt requirements-demo.txt)
failed=()
for release in "$@"; do
  environment=$PWD/.cache/core-$release
  if [ ! -e "$environment/.complete" ]; then
    rm -rf "$environment"
    "$newest" -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "ansible-core==$release" \
      -r requirements.txt -r requirements-compiled.txt "${tools[@]}"
    touch "$environment/.complete"
  fi
  echo "--- ansible-core $release"
  (
    set -e
    # The collection awx.awx comes with the package ansible, which is there for the oldest core alone. The types of the
    # dashboard have nothing to do with a core.
    "$environment/bin/python" -m pytest -q --numprocesses 2 --deselect \
      tests/unit/awx/test_awx_objects.py::test_the_modules_of_awx_take_every_object \
      --ignore tests/unit/metrics/test_dashboard_types.py \
      tests/unit tests/integration/test_progress_action.py
    case $release in
      2.22.0rc*) skip=(--skip-test pylint) ;; # it wants a library in a version that is in no package index
      *) skip=() ;;
    esac
    VENV=$environment tests/tools/sanity.sh "${skip[@]}"
  ) || failed+=("$release")
done
[ ${#failed[@]} = 0 ] || { echo "cores: failed on ansible-core ${failed[*]}"; exit 1; }
