# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the modules have in common that write to a pair of buckets: its options, and its lock on this host."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import BACKENDS
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, side_spec

_OWN: dict[str, dict[str, t.Any]] = {
    "account_id": {"type": "str"},
    "storage_class": {"type": "str"},
    "kms_key_arn": {"type": "str", "no_log": False},  # the name of a key, which is no secret
}
PAIR_SPEC: dict[str, dict[str, t.Any]] = {
    "source": side_spec(required=True, **_OWN),
    "destination": side_spec(required=True, **_OWN, owner_override={"type": "bool", "default": False}),
    "backend": {"type": "str", "choices": list(BACKENDS), "default": "auto"},
    "state_dir": {"type": "path"},
}
"""The documentation fragment ``lifeboat.dr.s3_replication`` describes the two sides."""
_ODD = re.compile(r"[^A-Za-z0-9._-]")


def exclusive(options: t.Mapping[str, t.Any], source: Side) -> t.ContextManager[str]:
    """The lock of this source bucket on this host: no two runs write to one pair at a time."""
    return _run.exclusive(options["state_dir"] or _run.default_state_dir(), "s3", file_name(source.bucket))


def file_name(bucket: str) -> str:
    """A bucket's name as a part of a file's."""
    return _ODD.sub("_", bucket)
