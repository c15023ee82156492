# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""age (https://age-encryption.org/v1).

X25519 keys, which nearly everybody has, are served by the library ``cryptography`` (``_age_x25519``, ``_age_payload``):
it takes half of the processor time, and does not hold up the other threads. ssh keys, armored files, and hosts without
that library are served by pyrage, which also checks every key. Both write and read the same format.
"""

from __future__ import annotations

import io
import itertools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    WrongKeyError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import _age_x25519 as x25519
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age_keys import (
    ARMOR_MARK,
    header_recipient_kinds,
    parse_recipient,
    pyrage,
    read_identities,
    read_recipients_file,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age_payload import damaged, seal, unseal
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._port import Cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import Passphrase, exposure_warnings
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._worker import transform

ONE_RECIPIENT_WARNING = "encryption.recipients: one recipient only: losing this key loses every backup"
_HEAD_BYTES = 4096


class AgeCipher(Cipher):
    """Encrypts to public keys, decrypts with identity files. What decrypt() gives has been authenticated, 64 KiB at a
    time.

    ``made_for`` are the recipients that the backup's manifest names, for the error when no key fits. ``passphrase``
    opens an identity file that is itself encrypted.
    """

    engine = "age"
    suffix = ".age"
    authenticated_stream = True

    def __init__(
        self,
        recipients: t.Sequence[str] = (),
        identity_file: str | None = None,
        *,
        identity_files: t.Sequence[str] = (),
        recipients_file: str | None = None,
        passphrase: Passphrase | None = None,
        made_for: t.Sequence[str] = (),
    ) -> None:
        self.recipients = tuple(recipient.strip() for recipient in recipients)
        self._given = [(f"encryption.recipients[{index}]", recipient) for index, recipient in enumerate(recipients)]
        self._identity_files = ([identity_file] if identity_file else []) + list(identity_files)
        self._recipients_file = recipients_file
        self._passphrase = passphrase
        self._made_for = tuple(made_for)
        self._keys: list[tuple[t.Any, str]] = []  # kept once read: a passphrase costs more than a second each time

    def check(self) -> None:
        recipients = self._parsed_recipients()
        self.warnings = (ONE_RECIPIENT_WARNING,) if len(recipients) == 1 else ()

    def check_decryption(self) -> None:
        tried = [public for _identity, public in self._identities()]
        # The manifest names the recipients; an ssh key does not tell which one it is.
        if self._made_for and all(tried) and not {key.lower() for key in self._made_for}.intersection(tried):
            raise self._wrong_key([], tried)
        exposed = [
            warning for path in self._identity_files for warning in exposure_warnings(path, "encryption.identity_file")
        ]
        self.warnings = tuple(exposed) + (self._passphrase.warnings() if self._passphrase else ())

    def encrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        recipients = self._parsed_recipients()
        library = x25519.load_primitives()
        if library is None or not all(text.startswith("age1") for text in self.recipients):
            return _encrypted_by_pyrage(recipients, pieces)
        try:
            head, aead = x25519.new_header(library, [x25519.key_bytes(str(recipient)) for recipient in recipients])
        except ValueError:
            raise OptionError(
                "A recipient of encryption.recipients is a point of low order: everybody could read the backup.",
                hint="Give public keys as age-keygen prints them.",
            ) from None
        return _closing(seal(aead, head, pieces), pieces)

    def decrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        keys = self._identities()
        library = x25519.load_primitives()
        return _closing(
            self._decrypted(library, keys, pieces) if library else self._decrypted_by_pyrage(keys, pieces), pieces
        )

    def _decrypted(
        self, library: x25519.Primitives, keys: list[tuple[t.Any, str]], pieces: t.Iterator[bytes]
    ) -> t.Iterator[bytes]:
        begin = _beginning(pieces)
        if begin.startswith(ARMOR_MARK):
            yield from self._decrypted_by_pyrage(keys, itertools.chain([begin], pieces))
            return
        raw, nonce, rest = x25519.read_header(itertools.chain([begin], pieces))
        secrets = [x25519.key_bytes(str(identity)) for identity, public in keys if public]
        file_key = x25519.file_key_of(library, x25519.parse_header(raw), secrets)
        if file_key is not None:
            yield from unseal(
                x25519.payload_aead(library, file_key, nonce), itertools.chain([rest], pieces), library.invalid
            )
        elif len(secrets) < len(keys):
            yield from self._decrypted_by_pyrage(keys, itertools.chain([raw, nonce, rest], pieces))
        else:
            raise self._wrong_key(header_recipient_kinds(raw), [public for _identity, public in keys])

    def _decrypted_by_pyrage(self, keys: list[tuple[t.Any, str]], pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        library = pyrage()

        def work(reader: io.BufferedReader, writer: io.BufferedWriter) -> None:
            head = reader.peek(_HEAD_BYTES)
            try:
                library.decrypt_io(reader, writer, [identity for identity, _public in keys])
            except library.DecryptError as error:
                if "No matching keys" in str(error):
                    raise self._wrong_key(
                        header_recipient_kinds(head), [public for _identity, public in keys]
                    ) from None
                raise damaged(str(error).split("\n", maxsplit=1)[0]) from None
            except OSError as error:  # how pyrage tells that a chunk does not authenticate
                raise damaged(str(error)) from None

        return transform(work, pieces, "age decrypt")

    def _parsed_recipients(self) -> list[t.Any]:
        given = self._given + (read_recipients_file(self._recipients_file) if self._recipients_file else [])
        if not given:
            raise OptionError(
                "encryption.recipients is empty, so nobody could read the backup.",
                hint="Give two public keys or more (age1…), one of them kept off-line; age-keygen makes them.",
            )
        by_text = {text.strip(): parse_recipient(where, text) for where, text in given}
        self.recipients = tuple(by_text)
        return list(by_text.values())

    def _identities(self) -> list[tuple[t.Any, str]]:
        if not self._identity_files:
            made_for = f" It was made for: {', '.join(self._made_for)}." if self._made_for else ""
            raise OptionError(
                f"The backup is encrypted with age, and encryption.identity_file is not given.{made_for}",
                hint="Give the path of a file with the secret key (AGE-SECRET-KEY-1…) of one of its recipients.",
            )
        if not self._keys:
            self._keys = [
                identity for path in self._identity_files for identity in read_identities(path, self._passphrase)
            ]
        return self._keys

    def _wrong_key(self, kinds: list[str], tried: list[str]) -> LifeboatError:
        if kinds == ["scrypt"]:
            return DamagedError(
                "This age file is encrypted with a passphrase, not to recipients: this collection did not write it."
            )
        made_for = self._made_for or self.recipients
        for_whom = (
            ", ".join(made_for)
            or " and ".join(f"{kinds.count(kind)} of type {kind}" for kind in sorted(set(kinds)))
            or "unknown"
        )
        keys = ", ".join(public or "an ssh key" for public in tried)
        return WrongKeyError(
            f"No key given opens this backup. Keys tried: {keys} (from {', '.join(self._identity_files)}). "
            f"Recipients it was made for: {for_whom}.",
            hint=(
                "Give the identity file of one of these recipients; if this is one, the header was changed: use "
                "another copy."
            ),
            details={"tried": tried, "made_for": list(made_for), "recipient_types": kinds},
        )


def _encrypted_by_pyrage(recipients: list[t.Any], pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    encrypt_io = pyrage().encrypt_io

    def work(reader: io.BufferedReader, writer: io.BufferedWriter) -> None:
        encrypt_io(reader, writer, recipients)

    return transform(work, pieces, "age encrypt")


def _beginning(pieces: t.Iterator[bytes]) -> bytes:
    """So much of the stream that an armored file is known from others; less where the stream is shorter."""
    begin = b""
    while len(begin) < len(ARMOR_MARK) and (piece := next(pieces, None)) is not None:
        begin += piece
    return begin


def _closing(stream: t.Iterator[bytes], pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    """The same stream. When it ends, in whatever way, so do the pieces it is made of."""
    try:
        yield from stream
    finally:
        close(pieces)
