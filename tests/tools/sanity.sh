#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# sanity.sh [ARGUMENT...]: ansible-test sanity over the working tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=${VENV:-$PWD/.venv}/bin:$PATH # VENV: another environment, with another ansible-core

# ansible-test keeps its environments in the home directory, and gives pip there nothing of the environment: a home of
# its own leaves the user's alone, and tells pip in a file what the environment tells it here.
home=${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat-dr/home
mkdir -p "$home/.config/pip"
[ ! -e "$HOME/.gitconfig" ] || ln -sfn "$HOME/.gitconfig" "$home/.gitconfig"
trap 'rm -f "$home/.config/pip/pip.conf"' EXIT # it may hold a password
(umask 077 && python tests/tools/pip_conf.py >"$home/.config/pip/pip.conf")

# It fetches get-pip.py from a host that is often out of reach. tests/tools/get_pip.py does the same with pip's wheel
# from the package index that this machine is set up for.
version=$(python -c 'import types; from ansible_test._internal.python_requirements import get_venv_packages as packages
print(packages(types.SimpleNamespace(version=""))["pip"])')
cache=$home/.ansible/test/cache
bootstrap=$cache/get_pip_${version//./_}.py
if ! cmp -s tests/tools/get_pip.py "$bootstrap"; then
  mkdir -p "$cache"
  python -m pip download --quiet --disable-pip-version-check --no-deps -d "$cache" "pip==$version"
  cp tests/tools/get_pip.py "$bootstrap"
fi

# It wants to be inside .../ansible_collections/lifeboat/dr, and looks through a link only when told so.
export ANSIBLE_TEST_CONTENT_ROOT=$PWD/.ansible/collections/ansible_collections/lifeboat/dr
python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
HOME=$home ansible-test sanity --python "$python" --color no "$@"
