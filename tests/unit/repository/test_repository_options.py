# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to repositories."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.dr.plugins.doc_fragments.repository import ModuleDocFragment
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import (
    REPOSITORY_SPEC,
    open_repositories,
    open_repository,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local import LocalRepository
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3 import S3Repository
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Settings

SUBOPTIONS: dict[str, dict[str, t.Any]] = REPOSITORY_SPEC["repositories"]["options"]


class TestOpening:
    """One entry, one repository."""

    def test_a_path_is_a_directory_and_a_bucket_is_s3(self) -> None:
        local, remote = open_repository({"path": "/var/backups/"}), open_repository({"bucket": "b", "prefix": "/a/b/"})
        assert isinstance(local, LocalRepository)
        assert isinstance(remote, S3Repository)
        assert (local.name, remote.name, open_repository({"bucket": "b"}).name) == (
            "/var/backups",
            "s3://b/a/b",
            "s3://b",
        )

    def test_options_as_ansible_fills_them_are_taken(self) -> None:
        entries = [{"path": "/var/backups"}, {"bucket": "b", "endpoint_url": "http://127.0.0.1:9000"}]
        result = ArgumentSpecValidator(REPOSITORY_SPEC).validate({"repositories": entries})
        assert result.error_messages == []
        opened = open_repositories(result.validated_parameters["repositories"])
        assert [repository.name for repository in opened] == ["/var/backups", "s3://b"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({}, "neither"),
            ({"path": "/a", "bucket": "b"}, "both"),
            ({"prefix": "x"}, "neither"),
            ({"path": "/a", "prefix": "x"}, "prefix belongs to a bucket"),
            ({"path": "/a", "retries": 3}, "retries belongs to a bucket"),
            ({"bukcet": "b"}, "'bukcet' is not an option.*bucket"),
            ({"bucket": "b", "read_back": "maybe"}, "read_back is 'maybe'.*size, hash"),
            ({"bucket": "b/c"}, "not a bucket name"),
            ({"bucket": "b", "prefix": "a/../b"}, "prefix: .*a part . or .."),
            ({"path": "backups"}, "'backups' is not absolute"),
        ],
    )
    def test_what_cannot_be_right_is_refused(self, options: dict[str, t.Any], words: str) -> None:
        with pytest.raises(OptionError, match=words):
            open_repository(options)

    @pytest.mark.parametrize(
        "entry",
        [{"path": "/a", "bucket": "b"}, {}, {"bucket": "b", "access_key": "k"}, {"bucket": "b", "kms_key_id": "k"}],
    )
    def test_ansible_refuses_the_same_before_the_module_runs(self, entry: dict[str, t.Any]) -> None:
        assert ArgumentSpecValidator(REPOSITORY_SPEC).validate({"repositories": [entry]}).error_messages


class TestSeveral:
    """A list of entries."""

    def test_one_place_named_twice_is_refused(self) -> None:
        with pytest.raises(OptionError, match="/a is named twice"):
            open_repositories([{"path": "/a"}, {"path": "/a/"}])
        with pytest.raises(OptionError, match="named twice"):
            open_repositories([{"bucket": "b", "prefix": "x"}, {"bucket": "b", "prefix": "x/"}])

    def test_a_link_to_a_folder_is_no_second_place(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "other").symlink_to(tmp_path / "one")
        with pytest.raises(OptionError, match="other is named twice .it is the same folder as .*one"):
            open_repositories([{"path": str(tmp_path / name)} for name in ("one", "other")])

    def test_none_is_refused(self) -> None:
        with pytest.raises(OptionError, match="there is none"):
            open_repositories([])

    def test_two_servers_buckets_of_one_name_are_told_apart(self) -> None:
        entries = [{"bucket": "b", "prefix": "x", "endpoint_url": f"http://{host}:9000/"} for host in ("one", "two")]
        names = [repository.name for repository in open_repositories([*entries, {"bucket": "b"}])]
        assert names == ["s3+http://one:9000/b/x", "s3+http://two:9000/b/x", "s3://b"]

    def test_they_share_the_memory_for_uploads(self) -> None:
        one, two = open_repositories([{"bucket": "one"}, {"bucket": "two"}])
        assert isinstance(one, S3Repository)
        assert isinstance(two, S3Repository)
        assert one._budget is two._budget


class TestOneDescription:
    """Specification, settings and documentation say the same."""

    def test_the_settings_have_the_options_and_their_defaults(self) -> None:
        fields = {field.name: field.default for field in dataclasses.fields(S3Settings)}
        assert fields.pop("time_limit") == 0  # of the module, not of the repository
        assert set(fields) == set(SUBOPTIONS) - {"path", "mount_point", "failure_domain", "max_runs"}  # no matter in S3
        for name, default in fields.items():
            if name != "bucket":
                assert default == SUBOPTIONS[name].get("default"), name

    def test_the_documentation_has_the_options_with_types_choices_and_defaults(self) -> None:
        documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["repositories"]
        assert (documented["type"], documented["elements"], documented["required"]) == ("list", "dict", True)
        assert set(documented["suboptions"]) == set(SUBOPTIONS)
        for name, option in SUBOPTIONS.items():
            said = documented["suboptions"][name]
            for key in ("type", "choices", "default"):
                assert said.get(key) == option.get(key), (name, key)

    def test_secrets_are_kept_out_of_logs(self) -> None:
        assert {name for name, option in SUBOPTIONS.items() if option.get("no_log")} == {"secret_key", "session_token"}


def test_a_directory_needs_no_heavy_import() -> None:
    script = (
        "import sys\n"
        "from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories\n"
        "repository = open_repositories([{'path': sys.argv[1]}])[0]\n"
        "repository.write_file('app/a', b'x')\n"
        "print(sorted({'boto3', 'botocore', 'ssl', 'http', 'urllib3', 'concurrent', 'asyncio'} & set(sys.modules)))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        done = subprocess.run(
            [sys.executable, "-c", script, folder], env=environment, capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "[]"
