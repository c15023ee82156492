# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module pg_drill with live progress."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.plugin_utils._long_module import LongModuleAction


class ActionModule(LongModuleAction):
    """The module does the work; see the base class for what happens here."""
