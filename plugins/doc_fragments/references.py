# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules that read what one store names of another, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  take:
    description:
      - A regular expression of Python that takes the name out of each entry by its only group, or by all that it
        matches, such as V(^session:([0-9]+\)$). An entry that it does not match is left out, and counted.
    type: str
  write_to:
    description: The file that the names are written to, each once. It is readable by its owner alone.
    type: path
  look_for:
    description: A file that another of these modules has written. Each of its names is looked for here. That it holds
      none is an error.
    type: path
  time_limit:
    description: How long it may take.
    type: str
    default: 1h
notes:
  - Memory grows with the number of different names that are written or looked for, by about 100 bytes each.
seealso:
  - module: lifeboat.dr.component_references
"""
