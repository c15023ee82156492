# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""OpenPGP through the program gpg, for those who have their keys there already.

It costs several times what age costs.
"""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._pieces import joined
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    WrongKeyError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age import ONE_RECIPIENT_WARNING
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg_home import kept_home, private_home
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg_keys import (
    import_file,
    public_keys_in_files,
    recipient_key,
    secret_keys,
    secret_keys_in_file,
    usable,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg_program import Gpg, GpgResult
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._port import Cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import Passphrase, exposure_warnings

_PIECE_BYTES = 256 * 1024
_NOT_COMPRESSED = (
    "--compress-algo",
    "none",
)  # what comes is compressed already; compressing it again costs four times the encryption
_ALGORITHMS = ("--cipher-algo", "AES256")
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_SLOW_PASSPHRASE = (
    "--s2k-mode",
    "3",
    "--s2k-digest-algo",
    "SHA512",
    "--s2k-count",
    "65011712",
)  # the largest count there is


class GpgCipher(Cipher):
    """Encrypts to public keys or with a passphrase (``symmetric``).

    Keys come from files (``key_files`` to encrypt, ``identity_file`` to decrypt; they go into a home folder that exists
    for the one stream), or from a home folder that is kept (``home``, or the user's own). gpg gives plain bytes before
    it has checked them all, so what decrypt() gave is good only when it has ended without an error. ``deadline`` ends a
    gpg that takes too long.
    """

    engine = "gpg"
    suffix = ".gpg"
    authenticated_stream = False

    def __init__(
        self,
        recipients: t.Sequence[str] = (),
        *,
        key_files: t.Sequence[str] = (),
        home: str | None = None,
        identity_file: str | None = None,
        passphrase: Passphrase | None = None,
        symmetric: bool = False,
        made_for: t.Sequence[str] = (),
        deadline: Deadline | None = None,
    ) -> None:
        self.recipients = tuple(recipients)
        self._given = [(f"encryption.recipients[{index}]", text.strip()) for index, text in enumerate(recipients)]
        self._key_files = tuple(key_files)
        self._home = home
        self._identity_file = identity_file
        self._passphrase = passphrase
        self._symmetric = symmetric
        self._made_for = tuple(made_for)
        self._deadline = deadline

    def check(self) -> None:
        with self._encryption_home() as (home, recipients):
            for _piece in self._encrypted(home, recipients, iter((b"a trial",))):
                pass
        exposed = self._passphrase.warnings() if self._symmetric and self._passphrase else ()
        self.warnings = exposed + ((ONE_RECIPIENT_WARNING,) if len(recipients) == 1 else ())

    def check_decryption(self) -> None:
        if self._passphrase:
            self._passphrase.read()
        with self._decryption_home() as home:
            keys = secret_keys(home)
            if not self._identity_file and not self._passphrase and not keys:
                raise OptionError(
                    f"The backup is encrypted with gpg, and there is no secret key in {home}.",
                    hint=(
                        "Give encryption.identity_file (an exported secret key) or encryption.gpg_home; a passphrase "
                        "if it is symmetric."
                    ),
                )
        # The manifest names the recipients; one that is not known by its fingerprint is found by trying.
        named = self._made_for and all(map(_FINGERPRINT.fullmatch, self._made_for))
        if keys and named and not {key.fingerprint for key in keys}.intersection(self._made_for):
            raise self._wrong_key(self._made_for)
        exposed = exposure_warnings(self._identity_file, "encryption.identity_file") if self._identity_file else ()
        self.warnings = exposed + (self._passphrase.warnings() if self._passphrase else ())

    def encrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        def encrypted() -> t.Iterator[bytes]:
            try:
                with self._encryption_home() as (home, recipients):
                    yield from self._encrypted(home, recipients, pieces)
            finally:
                close(pieces)

        return joined(encrypted(), _PIECE_BYTES)

    def decrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        def decrypted() -> t.Iterator[bytes]:
            try:
                with self._decryption_home() as home:
                    gpg = Gpg(
                        home, ["--no-symkey-cache", "--decrypt"], passphrase=self._passphrase, deadline=self._deadline
                    )
                    yield from gpg.stream(pieces)
                    self._check_decrypted(gpg.outcome)
            finally:
                close(pieces)

        return joined(decrypted(), _PIECE_BYTES)

    def _encrypted(self, home: str, recipients: t.Sequence[str], pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        arguments = ["--no-autostart", *_ALGORITHMS, *_NOT_COMPRESSED]
        if self._symmetric:
            arguments += [*_SLOW_PASSPHRASE, "--no-symkey-cache", "--symmetric"]
        else:
            arguments += [
                "--trust-model",
                "always",
                *(word for key in recipients for word in ("--recipient", key)),
                "--encrypt",
            ]
        gpg = Gpg(home, arguments, passphrase=self._passphrase if self._symmetric else None, deadline=self._deadline)
        yield from gpg.stream(pieces)
        outcome = gpg.outcome
        if outcome.exit_code != 0 or not outcome.read_everything or not outcome.has("END_ENCRYPTION"):
            raise LifeboatError(
                f"gpg could not encrypt ({_end_words(outcome)}).", details={"exit_code": outcome.exit_code}
            )

    @contextlib.contextmanager
    def _encryption_home(self) -> t.Iterator[tuple[str, tuple[str, ...]]]:
        """A home, and the fingerprints in it to encrypt to."""
        if self._symmetric and self._passphrase is None:
            raise OptionError(
                "encryption.symmetric is true, and no passphrase is given.",
                hint="Give encryption.passphrase_file or encryption.passphrase_env.",
            )
        if not self._symmetric and not self._given and not self._key_files:
            raise OptionError(
                "encryption.recipients and encryption.recipient_key_files are empty, so nobody could read the backup.",
                hint="Give public keys (two or more, one of them kept off-line), or symmetric: true and a passphrase.",
            )
        private = self._symmetric or bool(self._key_files)
        with private_home() if private else kept_home(self._kept_home()) as home:
            self.recipients = () if self._symmetric else self._fingerprints(home)
            yield home, self.recipients

    def _fingerprints(self, home: str) -> tuple[str, ...]:
        keys = public_keys_in_files(home, self._key_files)
        for index, path in enumerate(self._key_files):
            import_file(home, path, f"encryption.recipient_key_files[{index}]", secret=False)
        if self._given:
            keys_from = "encryption.recipient_key_files" if self._key_files else home
            keys = [recipient_key(home, where, text, keys_from) for where, text in self._given]
        else:
            keys = [usable(key, "encryption.recipient_key_files") for key in keys]
        return tuple(dict.fromkeys(key.fingerprint for key in keys))

    @contextlib.contextmanager
    def _decryption_home(self) -> t.Iterator[str]:
        private = self._symmetric or self._identity_file is not None
        with private_home() if private else kept_home(self._kept_home()) as home:
            if self._identity_file is not None:
                secret_keys_in_file(home, self._identity_file)
                import_file(home, self._identity_file, "encryption.identity_file", secret=True)
            yield home

    def _kept_home(self) -> str:
        home = self._home or os.environ.get("GNUPGHOME") or os.path.expanduser("~/.gnupg")
        if not os.path.isdir(home):
            raise OptionError(
                f"encryption.gpg_home: there is no folder {home}.",
                hint="Give the GnuPG home of the user that the module runs as, or key files (recipient_key_files, "
                "identity_file); "
                "where a passphrase alone opens the backup, symmetric: true.",
            )
        return home

    def _check_decrypted(self, outcome: GpgResult) -> None:
        """Raise unless gpg has checked the whole message; it gives the exit code 0 for one that is not encrypted,
        too.
        """
        if outcome.exit_code == 0 and outcome.read_everything and outcome.has("DECRYPTION_OKAY"):
            return
        if outcome.exit_code < 0:
            raise LifeboatError(
                f"gpg did not finish decrypting ({_end_words(outcome)}).", details={"exit_code": outcome.exit_code}
            )
        made_for = list(self._made_for) or outcome.values("ENC_TO")
        details = {"made_for": made_for, "exit_code": outcome.exit_code}
        if outcome.has("NO_SECKEY") and not outcome.has("DECRYPTION_KEY"):
            raise self._wrong_key(made_for, exit_code=outcome.exit_code)
        if _wants_passphrase(outcome):
            raise WrongKeyError(
                f"The passphrase given does not open this backup, or none was given ({_end_words(outcome)}).",
                hint="Check encryption.passphrase_file or encryption.passphrase_env.",
                details=details,
            )
        raise DamagedError(
            f"An OpenPGP stream is damaged: it was cut or changed, or it is not encrypted ({_end_words(outcome)}).",
            hint=(
                "Use this backup's copy in another repository, or another backup; keep this copy for the investigation."
            ),
            details=details,
        )

    @staticmethod
    def _wrong_key(made_for: t.Sequence[str], **details: t.Any) -> WrongKeyError:
        return WrongKeyError(
            f"No secret key given opens this backup. Keys it was made for: {', '.join(made_for)}.",
            hint="Give one of these in encryption.identity_file or in encryption.gpg_home.",
            details={"made_for": list(made_for), **details},
        )


def _wants_passphrase(outcome: GpgResult) -> bool:
    """Whether a passphrase is wrong or missing.

    For keys, GnuPG 2.2 says it in words for people only (in English, as it is told to).
    """
    if outcome.has("MISSING_PASSPHRASE") or any("BAD_PASSPHRASE" in word for words in outcome.status for word in words):
        return True
    return "Bad passphrase" in outcome.said or "No passphrase given" in outcome.said


def _end_words(outcome: GpgResult) -> str:
    how = f"killed by signal {-outcome.exit_code}" if outcome.exit_code < 0 else f"exit code {outcome.exit_code}"
    return f"{how}: {outcome.said or 'it said nothing'}"
