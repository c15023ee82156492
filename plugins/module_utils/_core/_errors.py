# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The one family of errors of this collection.

Every error says what was tried, on which object, what state things are in now, and the next safe step: it is read at
three in the morning.
"""

from __future__ import annotations

import typing as t


class LifeboatError(Exception):
    """Something that a person has to know, in words that this person can act on.

    ``message`` names the object, the value, and what is wrong; ``hint`` is the next safe step; ``details`` holds facts
    for machines. None of them may hold a secret.
    """

    def __init__(self, message: str, *, hint: str = "", details: dict[str, t.Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, t.Any] = details or {}

    def __str__(self) -> str:
        ends = not self.hint or self.message.endswith(
            (".", ":", "!", "?", "…")
        )  # the words of another program often do not
        return f"{self.message}{'' if ends else '.'} {self.hint}".rstrip()

    def to_result(self) -> dict[str, t.Any]:
        """What ``fail_json`` shows: ``msg``, and ``hint`` and ``details`` where there are any."""
        result: dict[str, t.Any] = {"msg": str(self)}
        if self.hint:
            result["hint"] = self.hint
        if self.details:
            result["details"] = self.details
        return result


class OptionError(LifeboatError):
    """An option has a value that cannot be right. Nothing has been touched."""


class MissingRequirementError(LifeboatError):
    """A program or library that the work needs is not on this host. Nothing has been touched."""


class SourceError(LifeboatError):
    """The source of a stream ended with an error, so what it gave is not whole."""


class RepositoryError(LifeboatError):
    """A repository could not be read or written."""


class DamagedError(LifeboatError):
    """What is stored is not what was written: truncated, changed, or undecryptable."""


class WrongKeyError(DamagedError):
    """No key that was given opens what is stored.

    Damage in its head looks the same; only the stored hash tells which it is.
    """


class DeadlineError(LifeboatError):
    """A stage took longer than its time limit."""


class NotAskedError(LifeboatError):
    """The place of a proof gave way (no room, a scratch server that is gone), which says nothing of the backup."""
