# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Parts of commands that open a backup with stock tools alone.

An engine makes its own of them; they stand in each manifest.
"""

from __future__ import annotations

import shlex
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher

_DECRYPT = {"age": "age --decrypt --identity KEY_FILE {file}", "gpg": "gpg --decrypt {file}", "none": "cat {file}"}
_DECOMPRESS = {"zstd": " | zstd --decompress --stdout", "gzip": " | gzip --decompress --stdout", "none": ""}


def checks(artifacts: t.Iterable[Artifact]) -> list[str]:
    """For each artifact, a command that compares its SHA-256."""
    return [f"echo {shlex.quote(f'{artifact.sha256}  {artifact.name}')} | sha256sum --check" for artifact in artifacts]


def opened(artifact: Artifact, compressor: Compressor, cipher: Cipher) -> str:
    """A command that writes the artifact's plain bytes to its output."""
    return _DECRYPT[cipher.engine].format(file=shlex.quote(artifact.name)) + _DECOMPRESS[compressor.engine]
