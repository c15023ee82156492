# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The file that a walk is kept in, so that it can go on after its process was ended."""

from __future__ import annotations

import json
import os
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json


class StateFile:
    """Where a walk is kept, so that it can go on after its process was ended.

    ``identity`` says of what it is; another's is refused.
    """

    def __init__(self, path: str, identity: t.Mapping[str, t.Any]) -> None:
        self._path = path
        self._identity = dict(identity)
        self._lock = threading.Lock()

    def read(self) -> dict[str, t.Any] | None:
        """The state that was kept; None when there is none. Raises LifeboatError."""
        try:
            with open(self._path, encoding="ascii") as file:
                document = read_json(file.read())
            if document["identity"] != self._identity:
                raise LifeboatError(
                    f"The state file {self._path} belongs to a comparison with other options. Nothing has been "
                    "compared.",
                    hint="Remove it to begin anew, or name another file in state_file.",
                )
            return dict(document["state"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self.unusable(error) from None

    def write(self, state: t.Mapping[str, t.Any]) -> None:
        """Keep a state, whole or not at all. Raises LifeboatError."""
        temporary = f"{self._path}.new"
        try:
            with (
                self._lock,
                open(
                    os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600),
                    "w",
                    encoding="ascii",
                ) as file,
            ):
                json.dump({"identity": self._identity, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, self._path)
        except OSError as error:
            raise self.unusable(error) from None

    def remove(self) -> None:
        """The work is done."""
        if os.path.exists(self._path):
            os.unlink(self._path)

    def unusable(self, error: BaseException) -> LifeboatError:
        """The error to raise when what is in the file cannot be used."""
        return LifeboatError(
            f"The state file {self._path} cannot be used: {error}.",
            hint="Remove it to begin anew, or name another file in state_file.",
        )
