#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: paths_backup
short_description: Back up files and folders with restic, as part of the catalog
version_added: 1.0.0
description:
  - Lets C(restic) take a snapshot of files and folders, such as uploads, configuration, C(.env) files, compose files
    and Terraform state. restic keeps the data. The catalog gets a manifest that refers to the snapshot.
  - A restic repository that exists is used as it is. Its snapshots are neither changed nor removed, and a first backup
    builds on them. Thinning it is restic's own business (C(restic forget)).
  - When restic has finished, the snapshot is read back from the restic repository and counted. Files are then read a
    second time and hashed, so that M(lifeboat.dr.restore_verify) can hold what comes back against something that restic
    did not make.
  - When restic could not read everything, the task fails and names what it was. restic's snapshot stays, but no backup
    is recorded.
  - A run that is killed leaves no backup in the catalog. It may leave a snapshot in the restic repository, which
    C(restic forget) removes in its time.
requirements:
  - restic 0.14 or newer.
  - Python libraries C(zstandard), C(pyrage) (for age), C(boto3) (for S3 in O(repositories)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.backup
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.restic
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.encryption.compression
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Runs restic's own dry run, which reads the files and says what would be stored. Where the restic repository has
        to be made first, there are no counts.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(max_age), a second run changes nothing while there is a young backup in every repository.
options:
  paths:
    description:
      - Files and folders, as absolute paths. Each has to be there, and must not be, or lie behind, a symbolic link,
        since restic would keep the link alone.
      - O(paths) or O(include) has to name something.
    type: list
    elements: str
    default: []
  include:
    description: Patterns of paths (C(*), C(?), C([...]) within one folder), as absolute paths. Each has to match
      something.
    type: list
    elements: str
    default: []
  exclude:
    description: Patterns of what to leave out, as in C(restic backup --exclude). C(**) stands for any number of
      folders.
    type: list
    elements: str
    default: []
  exclude_files:
    description: Files with such patterns, one on each line.
    type: list
    elements: path
    default: []
  exclude_if_present:
    description: Leave out the content of folders that hold a file of this name, such as V(.nobackup).
    type: list
    elements: str
    default: []
  exclude_larger_than:
    description: Leave out files that are larger than this, such as V(500M).
    type: str
  exclude_caches:
    description: Leave out folders that are marked as caches with a C(CACHEDIR.TAG).
    type: bool
    default: false
  one_file_system:
    description: Do not go into other file systems that are mounted below O(paths).
    type: bool
    default: false
  tags:
    description: More tags for the snapshot. It always gets C(app=...), C(component=...) and C(backup=...).
    type: list
    elements: str
    default: []
  host:
    description: The host name that the snapshot gets. By default, it is this host's.
    type: str
  init:
    description:
      - Make the restic repository where there is none.
      - Where the catalog has a backup in this repository already, none is made, since it is then more likely that the
        place is not mounted.
    type: bool
    default: false
  allow_unreadable:
    description: Record the backup although some files could not be read. They are named in RV(unreadable).
    type: bool
    default: false
  fingerprint:
    description:
      - Which files are read a second time and hashed. The list of hashes is stored in O(repositories), encrypted.
      - V(sample) takes up to 1000 files with up to 256 MiB together. V(full) takes every file, and so reads everything
        twice. V(none) takes none, so that a proof rests on restic's own hashes alone.
      - A file that has changed since restic read it is left out, and counted in RV(changed_files).
    type: str
    choices: [full, sample, none]
    default: sample
seealso:
  - module: lifeboat.dr.paths_restore
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.backup_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Back up uploads and configuration
  lifeboat.dr.paths_backup:
    app: shop
    component: files
    paths:
      - /srv/shop/uploads
      - /etc/shop
    exclude:
      - "*.tmp"
    restic_repository: /var/backups/restic
    restic_password_file: /etc/lifeboat/restic.password
    init: true
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    max_age: 20h

- name: Use a restic repository in S3 that has been there for years
  lifeboat.dr.paths_backup:
    app: shop
    component: files
    paths:
      - /srv/shop
    restic_repository: s3:https://s3.example.org/backups/restic
    restic_password_file: /etc/lifeboat/restic.password
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
  environment:
    AWS_ACCESS_KEY_ID: "{{ vault_restic_key_id }}"
    AWS_SECRET_ACCESS_KEY: "{{ vault_restic_secret_key }}"
"""

RETURN = r"""
backup_id:
  description: The id of the backup, a new one or the one that is young enough.
  type: str
  returned: success, except for a planned one in check mode
app:
  description: The application.
  type: str
  returned: success
component:
  description: The component.
  type: str
  returned: success
label:
  description: Why the backup was taken; empty without O(label).
  type: str
  returned: success, except for a planned one in check mode
taken_at:
  description: The time at which restic began to read, in UTC.
  type: str
  returned: success, except for a planned one in check mode
snapshot_id:
  description: The id of the snapshot in the restic repository.
  type: str
  returned: success, except for a planned one in check mode
restic_repository:
  description: The restic repository.
  type: str
  returned: success, except for a planned one in check mode
restic_version:
  description: The version of restic that took the snapshot.
  type: str
  returned: success, except for a planned one in check mode
paths:
  description: What was backed up, as restic recorded it.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
files:
  description: How many files the snapshot holds.
  type: int
  returned: success, except for a planned one in check mode
folders:
  description: How many folders it holds, with those above O(paths).
  type: int
  returned: success, except for a planned one in check mode
others:
  description: How many symbolic links, pipes, sockets and devices it holds.
  type: int
  returned: success, except for a planned one in check mode
bytes:
  description: The bytes of its files. One with several names counts as often.
  type: int
  returned: success, except for a planned one in check mode
data_added:
  description: Bytes that were new to the restic repository, before its compression.
  type: int
  returned: success, except for a planned one in check mode
fingerprint:
  description: Which files were hashed.
  type: str
  returned: success, except for a planned one in check mode
hashed_files:
  description: How many files were read a second time and hashed.
  type: int
  returned: success, except for a planned one in check mode
hashed_bytes:
  description: Their bytes.
  type: int
  returned: success, except for a planned one in check mode
changed_files:
  description: How many files could not be hashed, since they had changed or gone after restic read them.
  type: int
  returned: success, except for a planned one in check mode
unnamed_files:
  description: How many files could not be hashed, since their names are not UTF-8. restic keeps them all the same.
  type: int
  returned: success, except for a planned one in check mode
unreadable:
  description: What restic could not read, at most 100 names.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
unreadable_files:
  description: How many files restic could not read.
  type: int
  returned: success, except for a planned one in check mode
earlier_snapshots:
  description: How many snapshots of the same paths the restic repository had before.
  type: int
  returned: success, except for a planned one in check mode
earlier:
  description: The newest 20 of them, each with id, time and host.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
plain_bytes:
  description: The size of the list of hashes before compression.
  type: int
  returned: success, except for a planned one in check mode
stored_bytes:
  description: The size of the list of hashes in one repository.
  type: int
  returned: success, except for a planned one in check mode
artifacts:
  description: The list of hashes as it is stored, with C(name), C(content), C(stored_bytes) and C(sha256).
  type: list
  elements: dict
  returned: success, except for a planned one in check mode
stored_in:
  description: The repositories that hold the manifest.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
failed_repositories:
  description: The repositories that do not hold it, each with the reason.
  type: dict
  returned: when a backup was taken
seconds:
  description: How long it took.
  type: float
  returned: when a backup was taken
bytes_per_second:
  description: The size of the list of hashes, by that time.
  type: int
  returned: when a backup was taken
phases:
  description: The parts of the work with their times.
  type: list
  elements: dict
  returned: when a backup was taken
removed_leftovers:
  description: What a run that was killed had left, and this one removed.
  type: list
  elements: str
  returned: when a backup was taken
planned:
  description: What restic would store, from its dry run, C(init) where its repository would be made, and the snapshots
    that it has of the same paths.
  type: dict
  returned: in check mode, when a backup would be taken
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._paths_backup import ARGUMENT_SPEC, work


def main() -> None:
    """Take a backup, or tell of the one that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
