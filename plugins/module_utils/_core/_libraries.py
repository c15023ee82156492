# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Loads the libraries that are not in Python itself, late, and says what to install where one is missing."""

from __future__ import annotations

import importlib
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError


def load_library(name: str, needed_for: str) -> t.Any:
    """The imported library. Raises MissingRequirementError, naming the interpreter it is missing from."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingRequirementError(
            f"The Python library {name} is needed for {needed_for}, and {sys.executable} cannot import it ({error}).",
            hint=f"Install it for that interpreter: {sys.executable} -m pip install {name}",
            details={"library": name, "interpreter": sys.executable},
        ) from None
