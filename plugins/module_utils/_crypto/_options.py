# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The option ``encryption``, and the cipher that it describes."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age import AgeCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg import GpgCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._none import NoneCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._port import Cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import Passphrase

# Nothing here is a secret itself, only the place of one: hence no_log is False, said where a name would make Ansible
# guess otherwise.
ENCRYPTION_SPEC: dict[str, t.Any] = {
    "encryption": {
        "type": "dict",
        "options": {
            "engine": {"type": "str", "choices": ["age", "gpg", "none"]},
            "recipients": {"type": "list", "elements": "str"},
            "recipients_file": {"type": "path"},
            "recipient_key_files": {"type": "list", "elements": "path", "no_log": False},
            "identity_file": {"type": "path"},
            "passphrase_file": {"type": "path", "no_log": False},
            "passphrase_env": {"type": "str", "no_log": False},
            "gpg_home": {"type": "path"},
            "symmetric": {"type": "bool", "default": False},
        },
    },
}

_ALL = tuple(ENCRYPTION_SPEC["encryption"]["options"])
_OF_ENGINE = {
    "age": ("engine", "recipients", "recipients_file", "identity_file", "passphrase_file", "passphrase_env"),
    "gpg": tuple(name for name in _ALL if name != "recipients_file"),
    "none": ("engine",),
}


def open_cipher(
    options: t.Mapping[str, t.Any] | None,
    *,
    engine: str | None = None,
    made_for: t.Sequence[str] = (),
    deadline: Deadline | None = None,
) -> Cipher:
    """The cipher that the option ``encryption`` describes. Raises OptionError; reads no file and starts nothing.

    To restore, give ``engine`` and ``made_for`` (recipients) as the backup's manifest has them: the option then needs
    no engine. Without either, the engine is none where the option is not given, and age where it is given without one.
    """
    given = {name: value for name, value in (options or {}).items() if value not in (None, "", [], False)}
    if options is not None and not given and engine is None:  # such as recipients from a variable that is empty
        raise OptionError(
            "encryption: nothing that is in it has a value, so the backup would not be encrypted.",
            hint="Give recipients or recipients_file; or say engine: none, or leave encryption out, if that is meant.",
        )
    chosen = _engine(given.get("engine"), engine, bool(given))
    _check_options(given, chosen, restoring=engine is not None)
    passphrase = None
    if "passphrase_file" in given or "passphrase_env" in given:
        passphrase = Passphrase(given.get("passphrase_file"), given.get("passphrase_env"))
    if chosen == "age":
        return AgeCipher(
            given.get("recipients", ()),
            given.get("identity_file"),
            recipients_file=given.get("recipients_file"),
            passphrase=passphrase,
            made_for=made_for,
        )
    if chosen == "gpg":
        return GpgCipher(
            given.get("recipients", ()),
            key_files=given.get("recipient_key_files", ()),
            home=given.get("gpg_home"),
            identity_file=given.get("identity_file"),
            passphrase=passphrase,
            symmetric=given.get("symmetric", False),
            made_for=made_for,
            deadline=deadline,
        )
    return NoneCipher()


def _engine(option: str | None, of_backup: str | None, any_given: bool) -> str:
    chosen = of_backup or option or ("age" if any_given else "none")
    if chosen not in _OF_ENGINE or (option or chosen) not in _OF_ENGINE:
        raise OptionError(f"encryption.engine is {option or chosen!r}.", hint="Use age, gpg or none.")
    if option and option != chosen:
        raise OptionError(
            f"encryption.engine is {option}, and the backup is encrypted with {chosen}.",
            hint=f"Leave encryption.engine out: the backup's manifest says it; the keys have to be for {chosen}.",
        )
    return chosen


def _check_options(given: t.Mapping[str, t.Any], engine: str, *, restoring: bool) -> None:
    unknown = sorted(set(given) - set(_ALL))
    if unknown:
        raise OptionError(f"encryption.{unknown[0]} is not an option.", hint=f"The options are: {', '.join(_ALL)}.")
    foreign = sorted(set(given) - set(_OF_ENGINE[engine]))
    if foreign and not (
        restoring and engine == "none"
    ):  # one set of keys for all restores: a backup without encryption needs none of it
        others = " and ".join(name for name, options in _OF_ENGINE.items() if foreign[0] in options)
        raise OptionError(
            f"encryption.{foreign[0]} is given, and the engine is {engine}, which does not use it.",
            hint=f"Leave it out, or choose the engine that it belongs to ({others}).",
        )
    for first, second in (
        ("passphrase_file", "passphrase_env"),
        ("gpg_home", "recipient_key_files"),
        ("gpg_home", "identity_file"),
    ):
        if (
            engine != "none"
            and first in given
            and second in given
            and not (second == "identity_file" and engine == "age")
        ):
            raise OptionError(
                f"encryption.{first} and encryption.{second} are both given.", hint="Give one of the two."
            )
    if given.get("symmetric"):
        for name in ("recipients", "recipient_key_files", "identity_file", "gpg_home"):
            if name in given:
                raise OptionError(
                    f"encryption.symmetric is true, and encryption.{name} is given.",
                    hint="A symmetric backup is opened by its passphrase alone: leave one of the two out.",
                )
