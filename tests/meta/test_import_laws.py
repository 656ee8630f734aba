"""The import contracts of setup.cfg must be able to fail: each is broken here on purpose, in a small tree."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.tree import ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# file -> what it may import
LAWFUL = {
    "dtlpipe/errors.py": "",
    "dtlpipe/model/__init__.py": "pydantic, dtlpipe.errors",
    "dtlpipe/graph/__init__.py": "asyncio, attrs, dtlpipe.errors",
    "dtlpipe/graph/schedule.py": "heapq, dtlpipe.errors",
    "dtlpipe/graph/drive.py": "dtlpipe.graph.schedule",
    "dtlpipe/graph/components/__init__.py": "logging, dtlpipe.errors",
    "dtlpipe/graph/pipeline/__init__.py": "threading, dtlpipe.graph.components, dtlpipe.graph.drive",
    "dtlpipe/integrations/__init__.py": "yaml, dtlpipe.graph.pipeline",
    "dtlpipe/sansio/__init__.py": "dtlpipe.model, dtlpipe.graph",
    "dtlpipe/transports/__init__.py": "httpx, requests, dtlpipe.sansio",
    "dtlpipe/resources/__init__.py": "dtlpipe.sansio",
    "dtlpipe/client.py": "dtlpipe.resources, dtlpipe.transports",
    "dtlpipe/runtime/__init__.py": "dtlpipe.client",
    "dtlpipe/runs/__init__.py": "dtlpipe.runtime, dtlpipe.transports",
    "dtlpipe/runtime/protocol.py": "struct",
    "dtlpipe/serving/__init__.py": "dtlpipe.transports",
    "dtlpipe/hosting/__init__.py": "dtlpipe.runtime.protocol, dtlpipe.graph",
    "dtlpipe/cli/__init__.py": "dtlpipe.client, mock_server.app",
    "mock_server/store/__init__.py": "sqlalchemy, sqlite3, dtlpipe.model",
    "mock_server/executors/__init__.py": "subprocess, dtlpipe.runtime.protocol",
    "mock_server/store/base.py": "attrs",
    "mock_server/executors/base.py": "attrs",
    "mock_server/runners/__init__.py": "mock_server.store.base, mock_server.executors.base",
    "mock_server/runners/blueprint.py": "attrs, dtlpipe.graph",
    "mock_server/platform/lifecycle.py": "dtlpipe.model",
    "mock_server/platform/__init__.py": "mock_server.store, mock_server.executors, dtlpipe.graph",
    "mock_server/worker/__init__.py": "mock_server.platform",
    "mock_server/worker/leases.py": "mock_server.platform",
    "mock_server/worker/core.py": "heapq, dtlpipe.graph, mock_server.store.base, mock_server.runners.blueprint",
    "mock_server/api/__init__.py": "flask",
    "mock_server/api/dataloop/__init__.py": "flask, mock_server.platform",
    "mock_server/api/synapse/__init__.py": "flask, mock_server.platform",
    "mock_server/server.py": "waitress",
    "mock_server/app.py": "flask, mock_server.api.dataloop, mock_server.api.synapse, mock_server.server",
}

# contract -> (file, import) pairs, each of which alone must break it
CRIMES = {
    "sdk": [
        ("dtlpipe/model/__init__.py", "dtlpipe.client"),
        ("dtlpipe/client.py", "dtlpipe.runtime"),
        ("dtlpipe/runtime/__init__.py", "dtlpipe.hosting"),
        ("dtlpipe/hosting/__init__.py", "dtlpipe.serving"),
        ("dtlpipe/resources/__init__.py", "dtlpipe.transports"),
        ("dtlpipe/runtime/__init__.py", "dtlpipe.runs"),
        ("dtlpipe/brand_new.py", "json"),
    ],
    "server": [
        ("mock_server/store/__init__.py", "mock_server.platform"),
        ("mock_server/platform/__init__.py", "mock_server.api.synapse"),
        ("mock_server/brand_new.py", "json"),
    ],
    "surfaces": [
        ("mock_server/api/dataloop/__init__.py", "mock_server.api.synapse"),
        ("mock_server/api/synapse/__init__.py", "mock_server.api.dataloop"),
    ],
    "engine": [
        ("dtlpipe/graph/__init__.py", "pydantic"),
        ("dtlpipe/graph/deep.py", "dtlpipe.model"),
        ("dtlpipe/graph/deep.py", "yaml"),
    ],
    "machine": [
        ("dtlpipe/graph/schedule.py", "dtlpipe.graph.drive"),
        ("dtlpipe/graph/components/__init__.py", "dtlpipe.graph.pipeline"),
    ],
    "clockless": [("dtlpipe/graph/schedule.py", "time"), ("dtlpipe/graph/drive.py", "logging")],
    "scheduler": [
        ("mock_server/runners/blueprint.py", "uuid"),
        ("mock_server/platform/lifecycle.py", "mock_server.runners.blueprint"),
        ("mock_server/worker/core.py", "time"),
        ("mock_server/worker/core.py", "mock_server.store"),
        ("mock_server/worker/core.py", "mock_server.worker.leases"),
    ],
    "interfaces": [
        ("mock_server/runners/__init__.py", "mock_server.store.blobs"),
        ("mock_server/runners/fresh.py", "mock_server.executors.pool"),
    ],
    "nouns": [
        ("mock_server/platform/__init__.py", "dtlpipe.client"),
        ("mock_server/executors/__init__.py", "dtlpipe.runtime.loading"),
        ("mock_server/store/__init__.py", "dtlpipe"),
    ],
    "sdk_alone": [("dtlpipe/resources/__init__.py", "mock_server.store")],
    "http": [("dtlpipe/resources/__init__.py", "httpx"), ("dtlpipe/client.py", "requests")],
    "flask": [("mock_server/platform/__init__.py", "werkzeug"), ("mock_server/worker/__init__.py", "flask")],
    "sql": [("mock_server/platform/__init__.py", "sqlalchemy"), ("mock_server/worker/__init__.py", "sqlite3")],
    "processes": [("mock_server/platform/__init__.py", "subprocess")],
}


def contracts() -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for file, imported in LAWFUL.items():
        module = tmp_path / file
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(f"import {imported}\n" if imported else "")
    for bystander in ("dtlpipe/runtime/loading.py", "mock_server/store/blobs.py", "mock_server/executors/pool.py"):
        (tmp_path / bystander).touch()
    for package in {parent for file in LAWFUL for parent in (tmp_path / file).parents if parent != tmp_path}:
        if tmp_path in package.parents:
            (package / "__init__.py").touch()
    return tmp_path


def broken(tree: Path, *only: str) -> set[str]:
    """Lint the tree and answer the names of the contracts that it breaks."""
    choice = [f"--contract={name}" for name in only]
    command = [sys.executable, "-c", LINT, "--no-logo", "--no-cache", "--config", "setup.cfg", *choice]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, env={"COLUMNS": "400"})
    assert re.search(r"Contracts: \d+ kept, \d+ broken", done.stdout), done.stdout + done.stderr
    return {line.partition(" BROKEN")[0].strip() for line in done.stdout.splitlines() if " BROKEN" in line}


def test_a_tree_that_keeps_the_laws_passes_all_contracts(tree: Path):
    assert broken(tree) == set()


def test_every_contract_has_a_crime_that_would_break_it():
    prefix = "importlinter:contract:"
    assert {name.removeprefix(prefix) for name in contracts().sections() if name.startswith(prefix)} == set(CRIMES)


@pytest.mark.parametrize(
    ("contract", "file", "imported"),
    [(contract, file, imported) for contract, crimes in CRIMES.items() for file, imported in crimes],
)
def test_breaking_a_law_is_noticed(tree: Path, contract: str, file: str, imported: str):
    with (tree / file).open("a") as module:
        module.write(f"import {imported}\n")
    assert broken(tree, contract) == {contracts()[f"importlinter:contract:{contract}"]["name"]}


def test_every_vocabulary_is_held_apart_from_the_others():
    folders = (path for path in (ROOT / "mock_server/api").glob("*") if (path / "__init__.py").exists())
    listed = re.findall(r"mock_server\.api\.(\w+)", contracts()["importlinter:contract:surfaces"]["layers"])
    assert {folder.name for folder in folders} <= set(listed)
