# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PostgreSQL's own regression database, from Debian's source package of the version that is installed.

Its SQL files are run one after the other by psql, as pg_regress runs them; what they print does not matter here. The
functions in C that they need are compiled, and so is PostgreSQL's own provider of security labels, which no package
has. Sources and the compiled libraries stay in the user's cache.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import typing as t

from tests.lab.cache import user_cache
from tests.lab.postgres import PostgresCluster
from tests.lab.throwaway import MissingPrerequisiteError

_SOURCE = """\
Types: deb-src
URIs: {site}
Suites: {suite}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
_SETTINGS = {  # as pg_regress.c creates the database
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "bytea_output": "hex",
    "timezone_abbreviations": "Default",
}
_SESSION = "-c intervalstyle=postgres_verbose"
_SCRIPT_SECONDS = 120
_LABELS = "dummy_seclabel"


@contextlib.contextmanager
def place(major: int) -> t.Iterator[pathlib.Path]:
    """A folder for ``make`` that every account and every sandbox can read: the database names its libraries.

    Raises MissingPrerequisiteError.
    """
    cached = _prepared(major)
    with tempfile.TemporaryDirectory(prefix="lifeboat-regression-", dir="/usr/local/lib") as path:
        os.chmod(path, 0o755)
        for part in ("regress", "lib"):
            shutil.copytree(cached / part, pathlib.Path(path, part))
        yield pathlib.Path(path)


def label_provider(folder: pathlib.Path) -> str:
    """The library that a server has to load (``shared_preload_libraries``) to know the labels of ``dummy``."""
    return str(folder / "lib" / _LABELS)


def make(cluster: PostgresCluster, name: str, folder: pathlib.Path) -> int:
    """Fill a new database of this cluster, which goes on needing ``folder/lib``.

    Gives how many scripts were run.
    """
    (folder / "regress" / "results").mkdir()
    (folder / "regress" / "results").chmod(0o777)
    cluster.create_database(name, encoding="UTF8", locale="C")
    for setting, value in _SETTINGS.items():
        cluster.execute(f"ALTER DATABASE \"{name}\" SET {setting} TO '{value}'")
    schedule = (folder / "regress" / "parallel_schedule").read_text(encoding="utf-8")
    scripts = [script for line in re.findall(r"^test: (.*)$", schedule, re.MULTILINE) for script in line.split()]
    environment = {
        **os.environ,
        "PGTZ": "PST8PDT",
        "PGDATESTYLE": "Postgres, MDY",
        "PGOPTIONS": _SESSION,
        "PG_ABS_SRCDIR": str(folder / "regress"),
        "PG_ABS_BUILDDIR": str(folder / "regress"),
        "PG_LIBDIR": str(folder / "lib"),
        "PG_DLSUFFIX": ".so",
    }
    for script in scripts:
        subprocess.run(
            [str(cluster.bin_dir / "psql"), "-X", "-q", f"--dbname={cluster.dsn(name)}", "-v", "HIDE_TABLEAM=on",
             "-v", "HIDE_TOAST_COMPRESSION=on", f"--file={folder}/regress/sql/{script}.sql"],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_SCRIPT_SECONDS,
        )  # fmt: skip
    return len(scripts)


def _prepared(major: int) -> pathlib.Path:
    """The folder with ``regress`` (the sources) and ``lib`` (the compiled libraries)."""
    version = _output("dpkg-query", "--show", "--showformat=${Version}", f"postgresql-{major}").strip()
    folder = user_cache(f"regression-{version}")
    if all((folder / "lib" / f"{name}.so").exists() for name in ("regress", _LABELS)):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    _fetch_sources(folder, major, version)
    _compile(folder, major, version)
    return folder


def _fetch_sources(folder: pathlib.Path, major: int, version: str) -> None:
    apt = folder / "apt"
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "parts" / "debian.sources").write_text("\n".join(_sources()), encoding="utf-8")
    options = [
        "-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={apt}/parts",
        "-o", f"Dir::State::Lists={apt}/lists", "-o", f"Dir::Cache={apt}/cache", "-o", "APT::Sandbox::User=root",
    ]  # fmt: skip
    _output("apt-get", *options, "update", folder=folder)
    _output("apt-get", *options, "source", "--download-only", f"postgresql-{major}={version}", folder=folder)
    archive = next(folder.glob("*.orig.tar.*"))
    top = archive.name.partition(".orig")[0].replace("_", "-").replace(f"postgresql-{major}-", "postgresql-")
    parts = ("src/test/regress", f"src/test/modules/{_LABELS}")
    _output("tar", "--extract", f"--file={archive}", *(f"{top}/{part}" for part in parts), folder=folder)
    for part in parts:
        made = folder / pathlib.PurePath(part).name
        shutil.rmtree(made, ignore_errors=True)
        (folder / top / part).rename(made)
    shutil.rmtree(folder / top)


def _sources() -> list[str]:
    """Where this machine gets Debian's packages from, for their sources."""
    name = re.search(r"^VERSION_CODENAME=(\w+)$", pathlib.Path("/etc/os-release").read_text("utf-8"), re.MULTILINE)
    if name is None:
        raise MissingPrerequisiteError("This system does not say which release of Debian it is.")
    said = _output("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    found = sorted({tuple(line.split()) for line in said.splitlines()})
    return [
        _SOURCE.format(site=site, suite=suite)
        for site, suite, component in found
        if component == "main" and suite.partition("-")[0] == name.group(1)
    ]


def _compile(folder: pathlib.Path, major: int, version: str) -> None:
    """With the headers of the server. Beside them are the libraries that the scripts load from there."""
    package = f"postgresql-server-dev-{major}"
    _output("apt-get", "download", f"{package}={version}", folder=folder)
    _output("dpkg-deb", "--extract", str(next(folder.glob(f"{package}_*.deb"))), str(folder / "dev"))
    headers = folder / "dev" / "usr/include/postgresql" / str(major) / "server"
    library = folder / "lib"
    library.mkdir(exist_ok=True)
    for name in ("autoinc.so", "refint.so"):
        shutil.copy2(f"/usr/lib/postgresql/{major}/lib/{name}", library / name)
    common = [f"-I{headers}", "-I/usr/include/postgresql", "-O1", "-fPIC", "-shared", "-w"]
    for name, source in (("regress", "regress/regress.c"), (_LABELS, f"{_LABELS}/{_LABELS}.c")):
        _output("gcc", *common, "-o", str(library / f"{name}.so.new"), str(folder / source))
        (library / f"{name}.so.new").rename(library / f"{name}.so")


def _output(*command: str, folder: pathlib.Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingPrerequisiteError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
