#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# apt_get.sh ARGUMENT...: apt-get, which waits for another process that holds one of apt's locks, as unattended upgrades
# do for minutes. LOCK_SECONDS says for how long (600). That it waits is said on descriptor 3 where there is one, else
# on standard error.
set -uo pipefail
seconds=${LOCK_SECONDS:-600}
{ : >&3; } 2>/dev/null || exec 3>&2
end=$((SECONDS + seconds))
output=$(mktemp)
trap 'rm -f "$output"' EXIT
said=
# DPkg::Lock::Timeout covers dpkg's own locks; that of the lists, which "update" takes, fails at once whatever it says
# (apt 2.6).
until LC_ALL=C apt-get -o DPkg::Lock::Timeout="$seconds" "$@" 2>&1 | tee "$output"; do
  status=${PIPESTATUS[0]}
  grep -q 'Could not get lock' "$output" && [ "$SECONDS" -lt "$end" ] || exit "$status"
  [ -n "$said" ] || echo "Another process holds a lock of apt; waiting for it up to $seconds s" >&3
  said=yes
  sleep 2
done
