# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the option O(repositories), written once. Use C(lifeboat.dr.repository)."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.doc_fragments.s3_sides import connection_options


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION: str = f"""
options:
  repositories:
    description:
      - Where backups are kept. Each entry is a directory (O(repositories[].path)) or a place in S3
        (O(repositories[].bucket)).
      - A backup is written to all of them at the same time. If one fails, the others still get it, and the result says
        which hold it.
      - To restore or verify, the first that holds the backup is read, and the next one if that fails.
      - Nothing in a repository is ever overwritten, and nothing is visible before it is whole.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - A directory on the host where the module runs, given as an absolute path. It is made if it is not there.
          - Files get mode V(0600) and folders V(0700).
          - The file system must be able to make hard links, or to rename a file without overwriting (C(renameat2)).
          - Mutually exclusive with O(repositories[].bucket).
        type: path
      mount_point:
        description:
          - Where the file system of O(repositories[].path) has to be mounted, such as V(/mnt/nas). Where nothing is
            mounted there, the repository counts as one that cannot be reached. Otherwise backups would go to the disk
            below it, and those that are there already would seem to be gone.
          - A bind mount of a folder of the same file system does not count as mounted.
        type: path
      failure_domain:
        description:
          - What fails together with this repository, such as the name of a site or a region. It changes nothing here;
            the check of a plan says by it whether a copy survives the loss of the application's own.
        type: str
      max_runs:
        description:
          - How many backups may be written to this repository at once, from all hosts. Others wait for a place, up to
            the backup's C(time_limit), or six hours.
          - The repository itself keeps the places, as small files below C(_runs). A run that was killed gives its place
            free after five minutes.
          - There is no limit if not given. Modules that only read pay no attention to it.
        type: int
      bucket:
        description:
          - The name of an S3 bucket. It must exist.
          - Mutually exclusive with O(repositories[].path).
        type: str
      prefix:
        description:
          - The folder inside the bucket.
        type: str
        default: ""
      storage_class:
        description:
          - The storage class of new objects, for instance V(STANDARD_IA) or V(GLACIER_IR). Without it, the bucket's
            default.
          - Do not use classes that have to be restored before they can be read (V(GLACIER), V(DEEP_ARCHIVE)). A backup
            there cannot be
            verified, and takes hours to restore.
        type: str
      transitions:
        description:
          - Where artifacts go when they are old. M(lifeboat.dr.backup_storage_class) sets the bucket's lifecycle rule.
          - New artifacts get the tag C(lifeboat=artifact), by which the rule knows them, so the key needs
            C(s3:PutObjectTagging), and the server has to know tags. Manifests, proofs and holds stay where they are.
        type: list
        elements: dict
        suboptions:
          days:
            description: How old an artifact is then.
            type: int
            required: true
          storage_class:
            description: The class, such as V(STANDARD_IA), V(GLACIER_IR) or V(DEEP_ARCHIVE).
            type: str
            required: true
      server_side_encryption:
        description:
          - How the server encrypts new objects at rest. Without it, the bucket's default.
        type: str
        choices: [AES256, "aws:kms", "aws:kms:dsse"]
      kms_key_id:
        description:
          - The KMS key for O(repositories[].server_side_encryption).
        type: str
      checksum_mode:
        description:
          - Every upload is signed with its SHA-256, which every S3 server checks.
          - With V(when_supported), a CRC32 is sent as well, in a header, and kept with the object.
          - With V(when_required), it is sent only where S3 demands it. Use this for servers that refuse or mishandle
            checksums.
        type: str
        choices: [when_supported, when_required]
        default: when_supported
      read_back:
        description:
          - How each object is checked after it has been stored.
          - With V(size), the server is asked for the object's size.
          - With V(hash), the object is read again, and its SHA-256 is compared with that of the bytes that were sent.
            This takes the time
            and the traffic of reading it.
        type: str
        choices: [size, hash]
        default: size
{connection_options("repositories[]")}
notes:
  - A repository in S3 needs the Python library boto3 on the host where the module runs.
  - Uploads to S3 are made in parts of 8 MiB up to an estimated size of 46 GiB, and of one 6,000th of it above. They
    keep about 64 MiB in
    memory, for all repositories and streams together. One file whose estimated size is above 375 GiB needs one part of
    it (at most
    583 MiB).
"""
