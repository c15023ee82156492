# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option ``encryption``: what is refused, in which words, and which cipher comes out."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.dr.plugins.doc_fragments.encryption import ModuleDocFragment
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import (
    ENCRYPTION_SPEC,
    AgeCipher,
    GpgCipher,
    NoneCipher,
    Passphrase,
    open_cipher,
)

KEY = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"


@pytest.mark.parametrize(
    ("options", "engine", "kind"),
    [
        (None, None, NoneCipher),
        ({}, "none", NoneCipher),
        ({"engine": "none"}, None, NoneCipher),
        ({"engine": "age", "recipients": [KEY]}, None, AgeCipher),
        ({"recipients": [KEY]}, None, AgeCipher),
        ({"identity_file": "/a"}, None, AgeCipher),
        ({"engine": "gpg", "recipients": ["a@example.org"]}, None, GpgCipher),
        ({"engine": "gpg", "symmetric": True, "passphrase_file": "/a"}, None, GpgCipher),
        ({"identity_file": "/a"}, "gpg", GpgCipher),
        ({"identity_file": "/a"}, "age", AgeCipher),
        ({"identity_file": "/a"}, "none", NoneCipher),
        ({"passphrase_file": "/a", "gpg_home": "/h"}, "gpg", GpgCipher),
        (None, "age", AgeCipher),
    ],
)
def test_the_engine_is_that_of_the_backup_or_of_the_option_or_age(
    options: dict[str, t.Any] | None, engine: str | None, kind: type
) -> None:
    assert isinstance(open_cipher(options, engine=engine), kind)


@pytest.mark.parametrize("given", [{}, {"recipients_file": ""}, {"recipients": [], "engine": None}])
def test_an_encryption_of_which_nothing_has_a_value_is_no_way_to_say_that_nothing_is_encrypted(
    given: dict[str, t.Any],
) -> None:
    filled_in = (
        ArgumentSpecValidator(ENCRYPTION_SPEC).validate({"encryption": given}).validated_parameters["encryption"]
    )
    for options in (given, filled_in):
        with pytest.raises(OptionError, match="the backup would not be encrypted") as raised:
            open_cipher(options)
        assert "engine: none" in raised.value.hint


def test_what_ansible_fills_in_for_options_that_are_not_given_is_not_given() -> None:
    result = ArgumentSpecValidator(ENCRYPTION_SPEC).validate({"encryption": {"engine": "age", "recipients": [KEY]}})
    assert not result.error_messages
    assert set(result.validated_parameters["encryption"]) == set(ENCRYPTION_SPEC["encryption"]["options"])
    cipher = open_cipher(result.validated_parameters["encryption"])
    cipher.check()
    assert cipher.recipients == (KEY,)


@pytest.mark.parametrize(
    ("options", "engine", "complaint"),
    [
        ({"engine": "rot13"}, None, "encryption.engine is 'rot13'"),
        ({"engine": "age"}, "gpg", "encryption.engine is age, and the backup is encrypted with gpg"),
        ({"engine": "age", "key": "x"}, None, "encryption.key is not an option"),
        ({"engine": "age", "gpg_home": "/h"}, None, "encryption.gpg_home is given, and the engine is age"),
        ({"engine": "age", "symmetric": True}, None, "encryption.symmetric is given, and the engine is age"),
        (
            {"engine": "gpg", "recipients_file": "/r"},
            None,
            "encryption.recipients_file is given, and the engine is gpg",
        ),
        ({"engine": "none", "recipients": [KEY]}, None, "encryption.recipients is given, and the engine is none"),
        (
            {"passphrase_file": "/a", "passphrase_env": "A"},
            None,
            "encryption.passphrase_file and encryption.passphrase_env are both given",
        ),
        (
            {"engine": "gpg", "gpg_home": "/h", "recipient_key_files": ["/k"]},
            None,
            "encryption.gpg_home and encryption.recipient_key_files",
        ),
        (
            {"engine": "gpg", "gpg_home": "/h", "identity_file": "/k"},
            None,
            "encryption.gpg_home and encryption.identity_file are both",
        ),
        (
            {"engine": "gpg", "symmetric": True, "recipients": ["x"]},
            None,
            "encryption.symmetric is true, and encryption.recipients is given",
        ),
    ],
)
def test_options_that_cannot_be_right_are_refused_by_name(
    options: dict[str, t.Any], engine: str | None, complaint: str
) -> None:
    with pytest.raises(OptionError) as caught:
        open_cipher(options, engine=engine)
    assert complaint in caught.value.message
    assert caught.value.hint


def test_the_engine_for_symmetric_encryption_needs_a_passphrase() -> None:
    with pytest.raises(OptionError, match=r"encryption\.symmetric is true, and no passphrase is given"):
        open_cipher({"engine": "gpg", "symmetric": True}).check()


def test_gpg_without_any_recipient_is_refused() -> None:
    with pytest.raises(OptionError, match="are empty, so nobody could read the backup"):
        open_cipher({"engine": "gpg"}).check()


def test_none_passes_the_pieces_on_and_closes_the_source() -> None:
    closed = []

    def source() -> t.Iterator[bytes]:
        try:
            yield from (b"a", b"b")
        finally:
            closed.append(True)

    cipher = NoneCipher()
    cipher.check()
    cipher.check_decryption()
    assert list(cipher.decrypt(cipher.encrypt(source()))) == [b"a", b"b"]
    pieces = source()  # kept, so that only closing can close it
    stream = cipher.encrypt(pieces)
    next(stream)
    close(stream)
    assert closed == [True, True]


@pytest.mark.parametrize(
    ("content", "passphrase"), [(b"word\n", "word"), (b"word\r\n", "word"), (b"word", "word"), (b" w \n", " w ")]
)
def test_a_passphrase_file_is_read_without_its_line_end(
    tmp_path: pathlib.Path, content: bytes, passphrase: str
) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    assert Passphrase(file=str(file)).read() == passphrase


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"nul\0byte", b"\xff\xfe", b"x" * 5000])
def test_a_passphrase_file_that_cannot_be_right_is_refused_and_not_shown(
    tmp_path: pathlib.Path, content: bytes
) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    with pytest.raises(OptionError, match=r"^encryption\.passphrase_file: ") as caught:
        Passphrase(file=str(file)).read()
    assert not content.strip() or content[:3].decode("latin-1") not in str(caught.value)


def test_a_passphrase_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFEBOAT_TEST_PASSPHRASE", "word")
    assert Passphrase(environment_variable="LIFEBOAT_TEST_PASSPHRASE").read() == "word"
    monkeypatch.delenv("LIFEBOAT_TEST_PASSPHRASE")
    with pytest.raises(OptionError, match="the environment variable LIFEBOAT_TEST_PASSPHRASE is not set or empty"):
        Passphrase(environment_variable="LIFEBOAT_TEST_PASSPHRASE").read()


@pytest.mark.parametrize(
    ("spec", "documentation"),
    [(ENCRYPTION_SPEC, ModuleDocFragment.DOCUMENTATION), (COMPRESSION_SPEC, ModuleDocFragment.COMPRESSION)],
)
def test_the_documentation_says_what_the_argument_spec_says(spec: dict[str, t.Any], documentation: str) -> None:
    def facts(options: dict[str, t.Any], inner: str) -> dict[str, t.Any]:
        kept = ("type", "choices", "default", "elements", "required")
        return {
            name: {key: option.get(key) for key in kept} | {"inner": facts(option.get(inner, {}), inner)}
            for name, option in options.items()
        }

    assert facts(yaml.safe_load(documentation)["options"], "suboptions") == facts(spec, "options")


def test_names_that_look_like_secrets_say_that_they_are_none() -> None:
    options = ENCRYPTION_SPEC["encryption"]["options"]
    for name in options:
        if "pass" in name or "key" in name:
            assert options[name]["no_log"] is False
