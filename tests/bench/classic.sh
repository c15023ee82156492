#!/bin/sh
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# classic.sh DATABASE SPACE DESTINATION PASSPHRASE_FILE: the backup script that is found everywhere. One tool after the
# other, with files between them, each tool as it comes. The connection is in the PG* variables.
set -eu
dump=$2/classic.dump
pg_dump -Fc --file="$dump" "$1"
gzip "$dump"
sha256sum "$dump.gz" >"$dump.gz.sha256"
gpg --batch --quiet --pinentry-mode loopback --passphrase-file "$4" --symmetric "$dump.gz"
cp "$dump.gz.gpg" "$dump.gz.sha256" "$3"
rm "$dump.gz" "$dump.gz.sha256" "$dump.gz.gpg"
