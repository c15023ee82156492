# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads keys and passphrases late, holds them shortly, and never shows them."""

from __future__ import annotations

import dataclasses
import os
import stat

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_LARGEST_KEY_FILE = 1 << 20
_LONGEST_PASSPHRASE = 4096  # it has to fit into a pipe at once


def read_key_file(path: str, option: str) -> bytes:
    """The content of a key or passphrase file. Raises OptionError, naming ``option``."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_KEY_FILE + 1)
    except OSError as error:
        raise OptionError(
            f"{option}: {path} cannot be read ({error.strerror or error}).",
            hint="Give the path of a file on the host where the module runs, readable by the user it runs as.",
        ) from None
    if len(content) > _LARGEST_KEY_FILE:
        raise OptionError(f"{option}: {path} is larger than 1 MiB, so it is not a key file.", hint="Check the path.")
    if not content.strip():
        raise OptionError(
            f"{option}: {path} is empty.", hint="Check the path, and the file's copy in your password store."
        )
    return content


def exposure_warnings(path: str, option: str) -> tuple[str, ...]:
    """A warning if others than the owner can read the secret in ``path``."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return (f"{option}: {path} holds a secret and has mode {mode:04o}: others can read it. Run: chmod 0600 {path}",)
    return ()


@dataclasses.dataclass(frozen=True)
class Passphrase:
    """Where a passphrase is: in a file, or in an environment variable of this process.

    It is read at each use and not kept.
    """

    file: str | None = None
    environment_variable: str | None = None

    def read(self) -> str:
        """The passphrase. Raises OptionError, without showing it, when it is missing, empty or more than one line."""
        if self.file is not None:
            where = f"encryption.passphrase_file: {self.file}"
            try:
                text = read_key_file(self.file, "encryption.passphrase_file").decode("utf-8")
            except UnicodeDecodeError:
                raise OptionError(
                    f"{where} is not UTF-8 text.", hint="Write the passphrase as one line of UTF-8 text."
                ) from None
        else:
            where = f"encryption.passphrase_env: the environment variable {self.environment_variable}"
            text = os.environ.get(self.environment_variable or "", "")
        text = text[:-1] if text.endswith("\n") else text
        text = text[:-1] if text.endswith("\r") else text
        if not text:
            raise OptionError(
                f"{where} is not set or empty.", hint="It has to hold the passphrase on the host where the module runs."
            )
        if len(text.encode("utf-8")) > _LONGEST_PASSPHRASE:
            raise OptionError(
                f"{where} is longer than {_LONGEST_PASSPHRASE} bytes, so it is not a passphrase.",
                hint="Check the path or the name.",
            )
        if "\n" in text or "\0" in text:
            raise OptionError(f"{where} holds more than one line.", hint="A passphrase is one line of text.")
        return text

    def warnings(self) -> tuple[str, ...]:
        """A warning if others can read the file."""
        return exposure_warnings(self.file, "encryption.passphrase_file") if self.file is not None else ()
