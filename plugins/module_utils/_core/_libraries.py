# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Loads the libraries that are not in Python itself, late, and says what to install where one is missing: all that are
missing at once, in a way that works for this interpreter.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import sysconfig
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError

DISTRIBUTIONS = {
    "anycrc": "anycrc",
    "boto3": "boto3",
    "cryptography": "cryptography",
    "dns": "dnspython",
    "google_crc32c": "google-crc32c",
    "nats": "nats-py",
    "nkeys": "nkeys",
    "numpy": "numpy",
    "psycopg2": "psycopg2-binary",
    "pyrage": "pyrage",
    "zstandard": "zstandard",
}
"""What pip installs each library by: all of requirements.txt."""


def load_library(name: str, needed_for: str) -> t.Any:
    """The imported library. Raises MissingRequirementError, naming the interpreter it is missing from."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_library(name, needed_for, error) from None


def missing_library(name: str, needed_for: str, error: ImportError) -> MissingRequirementError:
    """The error for a library that cannot be imported. Names the others too, so that one installation is enough."""
    missing = missing_libraries({name.partition(".")[0]})
    others = ", ".join(other for other in missing if other != name.partition(".")[0])
    also = f" Also missing, and needed by other options: {others}." if others else ""
    return MissingRequirementError(
        f"The Python library {name} is needed for {needed_for}, and {sys.executable} cannot import it ({error}).{also}",
        hint=installation([DISTRIBUTIONS.get(library, library) for library in missing]),
        details={"library": name, "missing": missing, "interpreter": sys.executable},
    )


def missing_libraries(known: t.Collection[str] = ()) -> list[str]:
    """The libraries of ours that this interpreter does not have; ``known`` are missing whatever it says."""
    return sorted(
        {*known, *(library for library in DISTRIBUTIONS if importlib.util.find_spec(library) is None)},
        key=lambda library: (library not in known, library),
    )


def installation(distributions: t.Sequence[str]) -> str:
    """How to install these for the interpreter that runs the module, in words."""
    names = " ".join(distributions)
    if not _is_managed():
        return f"Install them for that interpreter: {sys.executable} -m pip install {names}"
    return (
        "The system's package manager owns that interpreter, and pip installs nothing into it (PEP 668). Make an "
        f"environment: {sys.executable} -m venv /opt/lifeboat-venv && /opt/lifeboat-venv/bin/pip install {names}. Then "
        "set ansible_python_interpreter to /opt/lifeboat-venv/bin/python. Or let the role lifeboat.dr.backup set up "
        "the host, and use the interpreter of /opt/lifeboat/venv."
    )


def _is_managed() -> bool:
    """Whether pip refuses to install, by the rules of PEP 668."""
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(marker)
