# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options O(encryption) and O(compression), written once.

Use C(lifeboat.dr.encryption) for the first, C(lifeboat.dr.encryption.compression) for the second.
"""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  encryption:
    description:
      - How artifacts are encrypted, and with which key they are decrypted.
      - To back up, only public keys are needed; keep the secret keys away from the host that is backed up.
      - To restore or verify, the backup's manifest says the engine; give O(encryption.identity_file), or for C(gpg) one
        of
        O(encryption.gpg_home), O(encryption.passphrase_file) or O(encryption.passphrase_env).
      - Not encrypted if this option is not given, or with O(encryption.engine=none). To back up, an option in which
        nothing has a value is
        refused.
    type: dict
    suboptions:
      engine:
        description:
          - V(age) needs the library pyrage, and takes half of the processor time with the library cryptography (47 or
            later) beside it.
            The stock C(age) opens what it makes. It is fast, and authenticates each 64 KiB before they are used.
          - V(gpg) encrypts with the program C(gpg) on the host.
          - V(none) does not encrypt. Do this only in a repository that is itself encrypted.
          - To back up, V(age) is used if O(encryption) is given without it. To restore, it need not be given.
        type: str
        choices: [age, gpg, none]
      recipients:
        description:
          - Who can open the backup. Give two or more, one of them with its secret key kept off-line; with one only,
            losing that
            key loses every backup.
          - For V(age), public keys (C(age1...)) or ssh public keys (C(ssh-ed25519 ...), C(ssh-rsa ...)).
          - For V(gpg), fingerprints, or mail addresses that mean one key only. If not given, every key in
            O(encryption.recipient_key_files) is a recipient.
        type: list
        elements: str
      recipients_file:
        description:
          - A file on the host with one recipient a line, as C(age --recipients-file) takes it. Added to
            O(encryption.recipients).
          - Only for V(age).
        type: path
      recipient_key_files:
        description:
          - Files on the host with public keys, as C(gpg --export) writes them. They are put into a private GnuPG home
            that exists only
            as long as the work lasts.
          - Only for V(gpg).
        type: list
        elements: path
      identity_file:
        description:
          - A file on the host with the secret key, needed to restore and to verify. Its mode should be 0600.
          - For V(age), a file of C(age-keygen), one that C(age --passphrase) has encrypted, or an ssh private key
            without a passphrase.
          - For V(gpg), what C(gpg --export-secret-keys) writes. It is put into a private GnuPG home in memory that
            exists only as long as
            the work lasts.
        type: path
      passphrase_file:
        description:
          - A file on the host with a passphrase, in one line. Its mode should be 0600.
          - For V(age), it opens an encrypted O(encryption.identity_file).
          - For V(gpg), it opens the secret key, or the backup itself if that is O(encryption.symmetric).
          - Mutually exclusive with O(encryption.passphrase_env).
        type: path
      passphrase_env:
        description:
          - The name of an environment variable on the host that holds the passphrase, instead of
            O(encryption.passphrase_file).
        type: str
      gpg_home:
        description:
          - A GnuPG home on the host that has the keys. The user's own is used if neither this nor a key file is given.
          - Only for V(gpg), and mutually exclusive with O(encryption.recipient_key_files) and
            O(encryption.identity_file).
        type: path
      symmetric:
        description:
          - Encrypt with the passphrase alone, without recipients. Whoever can back up can then read all backups.
          - Only for V(gpg).
        type: bool
        default: false
"""

    COMPRESSION = r"""
options:
  compression:
    description:
      - How artifacts are compressed, before they are encrypted.
      - V(zstd) at level 1 if this option is not given.
    type: dict
    suboptions:
      engine:
        description:
          - V(zstd) is the fastest by far, with a checksum of the content.
          - V(gzip) is for hosts that restore by hand without zstd.
          - V(none) is for data that is compressed already.
        type: str
        choices: [zstd, gzip, none]
        default: zstd
      level:
        description:
          - From 1 (fastest) to 19 (smallest) for V(zstd), to 9 for V(gzip); 1 if not given.
          - Level 1 of V(zstd) gives almost the size of level 3, in two thirds of its time. Levels above 9 are slower
            than most networks.
        type: int
"""
