# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Where backups are kept: one port, a directory and S3 behind it.

Nothing heavy is imported before a repository in S3 is used.
"""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._repository._factory import (
    REPOSITORY_SPEC,
    open_repositories,
    open_repository,
)

__all__ = ("REPOSITORY_SPEC", "open_repositories", "open_repository")
