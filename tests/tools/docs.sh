#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# docs.sh: the site of the documentation: the pages of docs/ and the roles, and a page for each module, plugin and role
# from what stands in them. A link to a page that is not there is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
place=$PWD/.cache/docs
environment=$place/venv
mkdir -p "$place"
wanted=$(sha256sum <requirements-docs.txt)
if [ "$(cat "$environment/.installed" 2>/dev/null)" != "$wanted" ]; then
  "$(tests/tools/python.sh)" -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r requirements-docs.txt
  echo "$wanted" >"$environment/.installed"
fi
PATH=$environment/bin:$PATH
export ANSIBLE_HOME=$PWD/.ansible

rm -rf "$place/pages" "$place/html"
mkdir -p "$place/pages/collection"
chmod 0755 "$place/pages" "$place/pages/collection" # antsibull-docs wants a folder that only its owner can write
cp -r --parents ./*.md LICENSE galaxy.yml requirements.txt changelogs/changelog.yaml docs roles/*/README.md \
  "$place/pages"
cp docs/docsite/conf.py docs/docsite/index.md docs/docsite/site.css "$place/pages"
rm -r "$place/pages/docs/docsite"
antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir "$place/pages/collection" \
  lifeboat.dr
# The theme has its own table of contents beside each page.
sed -i '/^\.\. contents::/,/^$/d' "$place"/pages/collection/*.rst
sphinx-build --quiet --fail-on-warning --keep-going -j auto -d "$place/doctrees" "$place/pages" "$place/html"
echo "The site is in .cache/docs/html: open .cache/docs/html/index.html"
