#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# prepare.sh demo|test: the Debian packages that "make demo" or "make test" needs.
#
# Run as root it installs what is missing, and starts no service: neither a PostgreSQL cluster nor Redis nor the Docker
# engine is left running. Run by anybody else it prints one line that says what to install, and ends with 1.
set -euo pipefail
purpose=${1:?demo or test}
here=$(cd "$(dirname "$0")" && pwd)

has_headers() {
  local python
  python=$("$here/python.sh" 2>/dev/null) || return 1
  "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

missing() {
  "$here/python.sh" >/dev/null || echo python3-venv
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  command -v gpg >/dev/null || echo gnupg
  command -v age >/dev/null || echo age
  command -v zstd >/dev/null || echo zstd
  [ "$purpose" = test ] || return 0
  command -v git >/dev/null || echo git
  command -v jq >/dev/null || echo jq
  command -v redis-server >/dev/null || echo redis-server
  command -v restic >/dev/null || echo restic
  command -v pgbackrest >/dev/null || echo pgbackrest
  # One of the three ways to hash is a library that is compiled here (requirements-compiled.txt), and all three are
  # tested.
  command -v cc >/dev/null || printf '%s\n' gcc libc6-dev
  has_headers || echo python3-dev
  if ! docker info >/dev/null 2>&1; then
    PATH=$PATH:/usr/sbin:/sbin
    command -v dockerd >/dev/null || echo docker.io
    command -v docker >/dev/null || ! apt-cache show docker-cli >/dev/null 2>&1 || echo docker-cli
    command -v iptables >/dev/null || echo iptables
  fi
  PATH=$PATH:/usr/sbin:/sbin
  command -v debootstrap >/dev/null || echo debootstrap
  command -v pgbouncer >/dev/null || echo pgbouncer
  command -v named >/dev/null || echo bind9
  command -v haproxy >/dev/null || echo haproxy
  # The second S3 server. Where it cannot be had, its tests are skipped.
  for package in radosgw ceph-mon ceph-osd; do
    command -v "$package" >/dev/null || ! apt-cache show "$package" >/dev/null 2>&1 || echo "$package"
  done
}

# Debian's packages would make a cluster and start it, and start the Docker engine. Two files, which are gone again at
# the end, say no: a drop-in of createcluster.conf(5), and policy-rc.d, which an administrator's own is never replaced
# by.
quietly() {
  local dropin=/etc/postgresql-common/createcluster.d/lifeboat-no-cluster.conf policy=/usr/sbin/policy-rc.d
  local made=("$dropin")
  mkdir -p "$(dirname "$dropin")"
  echo 'create_main_cluster = false' >"$dropin"
  if [ ! -e "$policy" ]; then
    made+=("$policy")
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
  fi
  # shellcheck disable=SC2064  # the names are wanted as they are now
  trap "rm -f ${made[*]}" EXIT
  "$@"
}

install() {
  export DEBIAN_FRONTEND=noninteractive
  "$here/apt_get.sh" -q update
  "$here/apt_get.sh" -q install -y --no-install-recommends "$@"
}

# The account that runs scratch servers when root proves a backup; the role backup makes it on real hosts.
if [ "$(id -u)" = 0 ] && ! id lifeboat-scratch >/dev/null 2>&1; then
  useradd --system --key SYS_UID_MIN=600 --key SYS_UID_MAX=899 --no-create-home \
    --home-dir /nonexistent --shell /usr/sbin/nologin lifeboat-scratch
fi

mapfile -t packages < <(missing)
[ ${#packages[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Missing on this machine; install as root: apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi
echo "Installing Debian packages: ${packages[*]}"
log=$(mktemp)
quietly install "${packages[@]}" 3>&1 >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  rm -f "$log"
  echo "apt-get could not install: ${packages[*]}" >&2
  exit 1
}
rm -f "$log"
mapfile -t packages < <(missing)
if [ ${#packages[@]} -gt 0 ]; then
  echo "Still missing after the installation: ${packages[*]} (Debian 12 or newer is needed)" >&2
  exit 1
fi
