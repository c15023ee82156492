# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Remembers on the host what people were notified of last, so that a recovery is known as one."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import STATES, Known

_LARGEST = 1 << 20


def memory_path(state_dir: str, app: str, job: str) -> str:
    """Where it is remembered. No name holds an ``@``."""
    return os.path.join(state_dir, f"{app}@{job}@notified")


def read_memory(path: str) -> dict[str, Known]:
    """What was said last of each component; nothing where there is no file.

    Raises LifeboatError for one that cannot be read: then nothing is known, and everything is news.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            document = read_json(file.read(_LARGEST))
        return {
            str(name): Known(str(one["state"]), float(one["said_at"]))
            for name, one in document.items()
            if one["state"] in STATES
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise LifeboatError(
            f"{path} cannot be read ({error}), so what was said before is not known.",
            hint="It is written again now. A recovery may not have been said.",
        ) from None


def write_memory(path: str, known: t.Mapping[str, Known]) -> None:
    """Replace the file in one step. Raises LifeboatError."""
    document = {name: {"state": one.state, "said_at": one.said_at} for name, one in sorted(known.items())}
    temporary = f"{path}.{os.getpid()}.new"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise LifeboatError(
            f"{path} cannot be written ({error.strerror or error}).",
            hint="Give a state_dir that the account may write to; else the next recovery is not known as one.",
        ) from None
