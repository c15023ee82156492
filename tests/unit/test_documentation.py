# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine can check in the pages: links, paths, names of modules, options and variables, tasks and plans."""

from __future__ import annotations

import functools
import importlib
import pathlib
import re
import typing as t

import pytest
import yaml
from ansible_collections.lifeboat.dr.plugins.plugin_utils import _lifeboat_plan

from tests.tools.documented import options_of

_ROOT = pathlib.Path(__file__).parents[2]
_PAGES = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"), *_ROOT.glob("roles/*/README.md")])
_IDS = [str(page.relative_to(_ROOT)) for page in _PAGES]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?:docs|plugins|roles|playbooks|tests|molecule|meta|extensions|awx|changelogs)/[\w./*-]+")
_OURS = re.compile(r"\blifeboat\.dr\.(\w+)")
_SETTING = re.compile(r"([a-z][a-z_0-9]*): ?\S.*")
# Keys of the configuration of others, and names that stand for another one.
_OF_OTHERS = frozenset(("job_type", "rule_files", "module_defaults", "codex", "schema", "postgresql"))
_STANDS_FOR = re.compile(r"(?:^|[/_.-])X(?:$|[/_.-])|^[A-Z]+$")


def _text(page: pathlib.Path) -> str:
    return page.read_text(encoding="utf-8")


def _anchors(page: pathlib.Path) -> set[str]:
    """As GitHub makes them from headings."""
    found = set()
    for heading in re.findall(r"^#+ +(.+?)\s*$", _CODE.sub("", _text(page)), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        found.add(words.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_link_leads_somewhere(page: pathlib.Path) -> None:
    wrong = []
    for target in _LINK.findall(_CODE.sub("", _text(page))):
        path, _hash, anchor = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        if page.parent.name == "docsite":  # the pages are copied before the site is built
            path = path if path.startswith(("docs/", "collection/")) or (_ROOT / path).exists() else f"docs/{path}"
            if path.startswith("collection/"):
                continue
        found = ((_ROOT if page.parent.name == "docsite" else page.parent) / path).resolve() if path else page
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in _anchors(found)):
            wrong.append(target)
    assert not wrong


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_path_of_the_repository_exists(page: pathlib.Path) -> None:
    named = {path.rstrip(".") for span in _SPAN.findall(_text(page)) for path in _PATH.findall(span)}
    missing = [
        path
        for path in named
        if not _STANDS_FOR.search(path)
        and not path.startswith("tests/output/")  # what a run makes
        and not list(_ROOT.glob(path))
        and not list(_ROOT.glob(f"plugins/{path}"))
        and not list(page.parent.glob(path))
    ]
    assert not missing


@functools.lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    folders = ("plugins", "tests", "roles", "playbooks", "molecule", "extensions", "awx")
    return tuple(str(file) for folder in folders for file in (_ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_file_of_python_exists(page: pathlib.Path) -> None:
    named = {path for span in _SPAN.findall(_text(page)) for path in re.findall(r"[\w/]*\b_\w+\.py", span)}
    named = {path.lstrip("/") for path in named if not re.search(r"/X/|_X_", path)}
    assert {path for path in named if not any(file.endswith(f"/{path}") for file in _files())} == set()


@functools.lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Of modules, plugins, roles and playbooks."""
    files = [*_ROOT.glob("plugins/*/*"), *_ROOT.glob("playbooks/*.yml"), *_ROOT.glob("extensions/eda/*/*")]
    return frozenset({file.stem for file in files} | {folder.name for folder in _ROOT.glob("roles/*")})


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_name_of_the_collection_exists(page: pathlib.Path) -> None:
    named = {name for name in _OURS.findall(_text(page)) if not _STANDS_FOR.search(name)}
    assert named - _names() - {"dr"} == set()  # dr is the group of actions


@functools.lru_cache(maxsize=1)
def _said_anywhere() -> str:
    files = [
        file
        for folder in ("plugins", "roles", "playbooks", "extensions", "awx", "tests/demo")
        for file in (_ROOT / folder).rglob("*")
        if file.is_file() and file.suffix in (".py", ".yml", ".yaml", ".j2", ".json", ".sh", ".cfg")
    ]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_variable_and_metric_is_one_that_the_code_has(page: pathlib.Path) -> None:
    named = {name for span in _SPAN.findall(_text(page)) for name in re.findall(r"\blifeboat_[a-z_]*[a-z]\b", span)}
    assert {name for name in named if not re.search(rf"\b{name}", _said_anywhere())} == set()


@functools.lru_cache(maxsize=1)
def _words_of_the_code() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _said_anywhere())) | _names()


_ROLES = "|".join(folder.name for folder in sorted(_ROOT.glob("roles/*")))


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_variable_of_a_role_is_one_that_the_code_has(page: pathlib.Path) -> None:
    text = _text(page)
    code = [*_SPAN.findall(_CODE.sub("", text)), *(content for _indent, _language, content in _CODE.findall(text))]
    named = {name for part in code for name in re.findall(rf"(?<![\w/.-])(?:{_ROLES})_[a-z_]*[a-z](?![\w/.*<-])", part)}
    assert named - _words_of_the_code() == set()


@functools.lru_cache(maxsize=1)
def _known_keys() -> frozenset[str]:
    """Every option of a module, of a plan, of a role and of a playbook, at any depth."""
    found: set[str] = set()

    def take(options: t.Mapping[str, t.Any]) -> None:
        for name, option in options.items():
            found.update([name, *option.get("aliases", ())])
            take(option.get("options") or {})

    for module in _ROOT.glob("plugins/modules/*.py"):
        take(options_of(module.stem))
    for file in _ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(_text(file))["argument_specs"].values():
            take(entry.get("options") or {})
    schema = yaml.safe_load(_text(_ROOT / "docs/schemas/plan.schema.json"))

    def properties(part: t.Any) -> None:
        if isinstance(part, dict):
            found.update(part.get("properties") or {})
            for value in part.values():
                properties(value)
        elif isinstance(part, list):
            for value in part:
                properties(value)

    properties(schema)
    for module in _ROOT.glob("plugins/modules/*.py"):  # what a task gives
        returned = importlib.import_module(f"ansible_collections.lifeboat.dr.plugins.modules.{module.stem}").RETURN
        properties_of_return = yaml.safe_load(returned) or {}
        stack = [properties_of_return]
        while stack:
            part = stack.pop()
            found.update(part)
            stack += [one["contains"] for one in part.values() if isinstance(one, dict) and one.get("contains")]
    return frozenset(found)


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_option_that_is_written_with_a_value_exists(page: pathlib.Path) -> None:
    named = {match[1] for span in _SPAN.findall(_text(page)) if (match := _SETTING.fullmatch(span))}
    unknown = {name for name in named - _known_keys() - _OF_OTHERS if not name.startswith("lifeboat_")}
    assert {name for name in unknown if not re.search(rf"[\"'.]{name}[\"']|\b{name} ?[:=]", _said_anywhere())} == set()


def _blocks(page: pathlib.Path) -> list[t.Any]:
    found = []
    for indent, language, content in _CODE.findall(_text(page)):
        if language in ("yaml", "yml"):
            lines = [line.removeprefix(indent) for line in content.splitlines()]
            found += list(yaml.safe_load_all("\n".join(lines)))
    return [block for block in found if block is not None]


def _tasks(part: t.Any) -> t.Iterator[tuple[str, t.Any]]:
    """The name and the arguments of each task with a module or a role of ours, at any depth."""
    if isinstance(part, list):
        for one in part:
            yield from _tasks(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if isinstance(key, str) and key.startswith("lifeboat.dr."):
                yield key.removeprefix("lifeboat.dr."), value
            else:
                yield from _tasks(value)


def _unknown(arguments: t.Any, options: t.Mapping[str, t.Any], place: str) -> list[str]:
    """The arguments that the options do not have."""
    if not isinstance(arguments, dict):
        return (
            [*(fault for one in arguments for fault in _unknown(one, options, place))]
            if isinstance(arguments, list)
            else []
        )
    found = []
    for name, value in arguments.items():
        known = next((one for key, one in options.items() if name in (key, *one.get("aliases", ()))), None)
        if known is None:
            found.append(f"{place}{name}")
        elif known.get("options"):
            found += _unknown(value, known["options"], f"{place}{name}.")
        elif known.get("choices") and isinstance(value, str) and "{{" not in value and value not in known["choices"]:
            found.append(f"{place}{name}: {value}")
    return found


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_task_has_only_options_of_its_module(page: pathlib.Path) -> None:
    wrong = []
    for name, arguments in (task for block in _blocks(page) for task in _tasks(block)):
        if (_ROOT / f"plugins/modules/{name}.py").exists():
            wrong += _unknown(arguments, options_of(name), f"{name}: ")
    assert not wrong


_BASE: dict[str, t.Any] = {
    "app": "shop",
    "repositories": [{"path": "/var/backups/lifeboat"}],
    "components": [{"name": "codex", "engine": "postgresql", "dsn": "postgresql:///codex"}],
}


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_plan_passes_its_check(page: pathlib.Path) -> None:
    """A plan that is shown in part stands for the rest of an ordinary one."""
    wrong = []
    for block in _blocks(page):
        plan = block.get("lifeboat_plan") if isinstance(block, dict) else None
        if isinstance(plan, dict):
            wrong += _lifeboat_plan.plan_errors({**_BASE, **plan})
    assert not wrong


def _rows_with_defaults(text: str) -> t.Iterator[tuple[str, str]]:
    """The name and the default of each variable in a table that has a column of defaults."""
    column = -1
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            column = -1
        elif "default" in cells:
            column = cells.index("default")
        elif 0 < column < len(cells) and (name := re.fullmatch(r"`([a-z_]+)`", cells[0])):
            yield name[1], cells[column]


@pytest.mark.parametrize("readme", sorted(_ROOT.glob("roles/*/README.md")), ids=lambda readme: readme.parent.name)
def test_every_default_of_a_role_is_the_one_of_its_specification(readme: pathlib.Path) -> None:
    specification = yaml.safe_load(_text(readme.parent / "meta/argument_specs.yml"))["argument_specs"]
    options = {name: one for entry in specification.values() for name, one in (entry.get("options") or {}).items()}
    wrong = []
    for name, said in _rows_with_defaults(_text(readme)):
        literal = re.fullmatch(r"`([^`]+)`", said)
        known = options.get(name, {}).get("default")
        if name not in options:
            wrong.append(f"{name} is not a variable of the role")
        elif literal and known not in (None, "") and "." not in literal[1] and yaml.safe_load(literal[1]) != known:
            wrong.append(f"{name} is {known!r} by default, and not {said}")
        elif said == "required" and not (options[name].get("required") or known in (None, "")):
            wrong.append(f"{name} is not required")
    assert not wrong


def test_every_library_that_is_required_has_its_row_of_reasons() -> None:
    required = set(re.findall(r"^([\w-]+)(?=\[|=)", _text(_ROOT / "requirements.txt"), re.MULTILINE))
    table = _text(_ROOT / "docs/explanation/dependencies.md").split("## Libraries")[1].split("## ")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)`( \(optional\))?", table, re.MULTILINE))
    assert {name for name, optional in rows.items() if not optional} == required


@pytest.mark.parametrize("kind", ["plugins/modules/*.py", "playbooks/[!d]*.yml", "playbooks/dr_*.yml", "roles/*"])
def test_everything_that_one_can_use_is_named_in_an_overview(kind: str) -> None:
    overview = _text(_ROOT / "README.md") + _text(_ROOT / "docs/reference.md")
    assert {one.stem for one in _ROOT.glob(kind) if not re.search(rf"[`.]{one.stem}`", overview)} == set()


@pytest.mark.parametrize("page", sorted(_ROOT.glob("docs/how-to/*.md")), ids=lambda page: t.cast(str, page.stem))
def test_a_how_to_begins_with_when_one_wants_it(page: pathlib.Path) -> None:
    _title, _empty, text = re.sub(r"<!--.*?-->", "", _text(page), flags=re.DOTALL).lstrip().split("\n", 2)
    first = text.lstrip().split("\n\n")[0]
    assert not first.startswith(("```", "#", "|", "- ", "1. ")), "it begins in the middle"


_WRONG = """# A page

See [there](nowhere.md), [here](#no-heading), `docs/nowhere.md`, `lifeboat.dr.no_such_module`,
`lifeboat_no_such_variable` and `no_such_option: true`, `rehearsal_no_such: 1`, `_no_such_file.py`.

```yaml
- hosts: all
  tasks:
    - lifeboat.dr.jetstream_snapshot: {state: presents, no_such_option: 1, repositories: [{paths: /x}]}
- lifeboat_plan: {}
```

```yaml
lifeboat_plan:
  components: [{name: codex, engine: postgres}]
```
"""
_CHECKS = (
    test_every_link_leads_somewhere,
    test_every_path_of_the_repository_exists,
    test_every_name_of_the_collection_exists,
    test_every_variable_and_metric_is_one_that_the_code_has,
    test_every_variable_of_a_role_is_one_that_the_code_has,
    test_every_file_of_python_exists,
    test_every_option_that_is_written_with_a_value_exists,
    test_every_task_has_only_options_of_its_module,
    test_every_plan_passes_its_check,
)


@pytest.mark.parametrize("check", _CHECKS, ids=lambda check: t.cast(str, check.__name__))
def test_what_is_wrong_in_a_page_is_found(check: t.Callable[[pathlib.Path], None], tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(_WRONG, encoding="utf-8")
    with pytest.raises(AssertionError):
        check(page)


def test_each_wrong_argument_is_named() -> None:
    arguments = {"state": "presents", "no_such_option": 1, "repositories": [{"paths": "/x"}]}
    assert _unknown(arguments, options_of("jetstream_snapshot"), "") == [
        "state: presents",
        "no_such_option",
        "repositories.paths",
    ]
