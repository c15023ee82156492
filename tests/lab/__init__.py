# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: throw-away servers on loopback for the integration tests, the demo and the benchmark.

Nothing here knows the collection: what a test checks is checked by independent clients. Everything started here ends
with the process that started it, and leaves neither a process nor a folder.
"""
