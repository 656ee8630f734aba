"""What README, Makefile, setup.cfg and the changelog folder say about each other is true."""

from __future__ import annotations

import configparser
import re
import tomllib

from tests.meta.tree import ROOT, lines

README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_every_make_command_of_the_documentation_is_a_target():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {(page.name, word) for page in pages for word in re.findall(r"`make ([a-z]+)", page.read_text())}
    assert ("README.md", "test") in named
    assert lines(f"{page}: make {word}" for page, word in named if word not in TARGETS) == ""


def test_the_ci_runs_the_test_command_of_the_readme():
    assert "`make test`" in README
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111, ".ci/run is executable"
    assert script.read_text().rstrip().endswith("make test")


def test_links_of_the_documentation_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    links = ((page, link) for page in pages for link in re.findall(r"\]\((?!\w+:|#)([^)#]+)", page.read_text()))
    assert lines(f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()) == ""


def test_pyproject_holds_the_build_table_and_tools_alone():
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert tables.keys() == {"build-system", "tool"}
    assert tables["tool"].keys() == {"ruff", "towncrier"}


def test_typed_packages_ship_their_marker():
    data = config()["options.package_data"]
    for package in ("dtlpipe", "mock_server"):
        assert "py.typed" in data[package]
        assert (ROOT / package / "py.typed").exists()


def test_a_plain_install_brings_no_server_and_no_database():
    plain = config()["options"]["install_requires"].lower()
    assert not re.search(r"^(flask|sqlalchemy|alembic|waitress|pandas|numpy)\b", plain, re.MULTILINE)


def test_every_ignored_lint_rule_says_why():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.ruff.lint.flake8", maxsplit=1)[0]
    rules = [line for line in text.splitlines() if re.match(r'\s+"[A-Z]+\d*",', line)]
    assert len(rules) > 20
    assert lines(line.strip() for line in rules if not re.search(r"#\s*\S+(\s+\S+)+", line)) == ""


def test_changelog_fragments_have_names_that_towncrier_reads():
    kinds = "breaking|added|changed|fixed|security"
    names = [path.name for path in (ROOT / "docs/changelog.d").iterdir() if path.name != "README.md"]
    assert names
    assert lines(name for name in names if not re.fullmatch(rf"(\d+|\+\w+)\.({kinds})(\.\d+)?\.md", name)) == ""
