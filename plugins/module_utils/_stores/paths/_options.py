# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The options that reach a restic repository, and what is refused of them. Pure: a plan is checked by it, too."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

RESTIC_SPEC: dict[str, dict[str, t.Any]] = {
    "restic_repository": {"type": "str"},
    "restic_password_file": {"type": "path", "no_log": False},  # where it is, not what it is
    "restic_binary": {"type": "path"},
    "restic_lock_timeout": {"type": "str", "default": "5m"},
}
"""Of every module that asks restic for something."""
_BACKENDS = re.compile(r"(s3|sftp|rest|b2|azure|gs|swift|rclone):.")
_SIZE = re.compile(r"\d+[kKmMgGtT]?")
_USER_INFO = re.compile(r"//[^/@]*@")


def check_restic(options: t.Mapping[str, t.Any]) -> None:
    """Raise OptionError for a repository that cannot be one, or that holds a secret, and for what is missing."""
    repository = options["restic_repository"]
    if repository is not None:
        if _USER_INFO.search(repository):
            raise OptionError(
                "restic_repository names a user or a password, which would stand in logs and manifests.",
                hint="Leave it out, and give the credentials in the task's environment, as restic's manual says.",
            )
        if not os.path.isabs(repository) and not _BACKENDS.match(repository):
            raise OptionError(
                f"restic_repository: {repository!r} is neither the absolute path of a folder nor a location of restic.",
                hint="Write it as /srv/restic, or as s3:https://s3.example.org/bucket/folder.",
            )
    if not options["restic_password_file"]:
        raise OptionError(
            "restic_password_file is not given.",
            hint="Name the file with the password of the restic repository, on the host where the module runs.",
        )
    parse_duration("restic_lock_timeout", options["restic_lock_timeout"])


def check_paths(options: t.Mapping[str, t.Any]) -> None:
    """Raise OptionError for what cannot be right in the options of a backup, without a look at the host."""
    if options["restic_repository"] is None:
        raise OptionError("restic_repository is not given.", hint="Name a folder, or a location such as s3:...")
    check_restic(options)
    if not options["paths"] and not options["include"]:
        raise OptionError(
            "Neither paths nor include names anything.", hint="Give paths: the files and folders to keep."
        )
    for option in ("paths", "include"):
        for path in options[option]:
            if not os.path.isabs(path) or "\n" in path:
                raise OptionError(f"{option}: {path!r} is not an absolute path.", hint="Begin it with /, on one line.")
    if options["exclude_larger_than"] and not _SIZE.fullmatch(options["exclude_larger_than"]):
        raise OptionError(
            f"exclude_larger_than: {options['exclude_larger_than']!r} is not a size.", hint="Write it as 500M or 2G."
        )
    for tag in options["tags"]:
        if not tag or "," in tag:
            raise OptionError(f"tags: {tag!r} cannot be one tag of restic.", hint="Leave out commas.")
