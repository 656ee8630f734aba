"""The set-up of a bare machine: pip is found where the machine's configuration says, and checked before it is run."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import ClassVar

import pytest

from tests.meta.tree import ROOT

PYTHON = (3, 11, 2)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap_pip", ROOT / "tools/bootstrap_pip.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Index(BaseHTTPRequestHandler):
    """A package index with one page, that wants a password on /private."""

    page: ClassVar[str] = ""
    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self):
        locked = self.path.startswith("/private") and self.headers["Authorization"] != "Basic YW5uOnMvdw=="
        body = self.page.encode() if self.path.endswith("/pip/") else self.files.get(self.path.rpartition("/")[2])
        self.send_response(401 if locked else 404 if body is None else 200)
        self.end_headers()
        self.wfile.write(b"" if locked else body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def index():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def settings(tool: ModuleType, *indexes: str):
    return tool.Settings(indexes=indexes, find_links=(), cert=None, timeout=10)


PAGE = """
<a href="../files/pip-9.0.3-py2.py3-none-any.whl">no wheel for Python 3 alone</a>
<a href="../files/pip-24.0-py3-none-any.whl#sha256={digest}" data-requires-python="&gt;=3.7">24.0</a>
<a href="../files/pip-24.10-py3-none-any.whl#sha256={digest}" data-requires-python="&gt;=3.8, !=3.9.*">24.10</a>
<a href="../files/pip-24.9-py3-none-any.whl">24.9</a>
<a href="../files/pip-25.0-py3-none-any.whl" data-yanked="broken">25.0</a>
<a href="../files/pip-26.0-py3-none-any.whl" data-requires-python="&gt;=3.12">26.0</a>
<a href="../files/pip-26.1b1-py3-none-any.whl">26.1b1</a>
<a href="../files/pip-27.0.tar.gz">27.0</a>
"""


def test_the_newest_released_wheel_that_this_python_can_run_is_chosen(tool: ModuleType, index: str):
    Index.page = PAGE.format(digest="0" * 64)
    wheels, problems = tool.find(settings(tool, index), PYTHON)
    assert [".".join(map(str, wheel.version)) for wheel in wheels] == ["24.10", "24.9", "24.0"]
    assert wheels[0].url == f"{index}/files/pip-24.10-py3-none-any.whl"
    assert problems == []


def test_a_wheel_is_taken_only_with_the_digest_that_the_index_gives(tool: ModuleType, index: str, tmp_path: Path):
    Index.files = {"pip-24.10-py3-none-any.whl": b"wheel"}
    Index.page = PAGE.format(digest=hashlib.sha256(b"wheel").hexdigest())
    good, *_ = tool.find(settings(tool, index), PYTHON)[0]
    assert tool.download(good, tmp_path, settings(tool, index)).read_bytes() == b"wheel"

    Index.page = PAGE.format(digest=hashlib.sha256(b"something else").hexdigest())
    bad, *_ = tool.find(settings(tool, index), PYTHON)[0]
    with pytest.raises(tool.BootstrapError, match="sha256 digest"):
        tool.download(bad, tmp_path / "nowhere", settings(tool, index))


def test_credentials_in_the_address_are_sent_to_their_host_and_not_shown(tool: ModuleType, index: str):
    Index.page = PAGE.format(digest="0" * 64)
    with_password = index.replace("http://", "http://ann:s%2Fw@") + "/private"
    wheels, problems = tool.find(settings(tool, with_password), PYTHON)
    assert wheels
    assert problems == []

    with_wrong_password = index.replace("http://", "http://ann:secret@") + "/private"
    wheels, problems = tool.find(settings(tool, with_wrong_password), PYTHON)
    assert wheels == []
    assert "401" in problems[0]
    assert "secret" not in problems[0]


def test_an_index_that_is_down_is_named_and_the_next_one_is_asked(tool: ModuleType, index: str):
    Index.page = PAGE.format(digest="0" * 64)
    wheels, problems = tool.find(settings(tool, "http://127.0.0.1:9/simple", index), PYTHON)
    assert wheels
    assert "127.0.0.1:9" in problems[0]


def test_wheels_in_folders_are_found_without_any_index(tool: ModuleType, tmp_path: Path):
    (tmp_path / "pip-24.2-py3-none-any.whl").touch()
    (tmp_path / "notes.txt").touch()
    only_folders = tool.Settings(indexes=(), find_links=(str(tmp_path),), cert=None, timeout=1)
    wheels, _ = tool.find(only_folders, PYTHON)
    assert [wheel.version for wheel in wheels] == [(24, 2)]


def test_variables_win_over_files_and_later_files_over_earlier_ones(tool: ModuleType, tmp_path: Path):
    user = tmp_path / ".config/pip/pip.conf"
    user.parent.mkdir(parents=True)
    user.write_text("[global]\nindex-url = https://user.example/simple\nextra-index-url = https://a/x\n  https://b/x\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / ".config"), "PIP_CERT": "/some/ca.pem"}
    found = tool.load_settings(env, tmp_path)
    assert found.indexes == ("https://user.example/simple", "https://a/x", "https://b/x")
    assert found.cert == "/some/ca.pem"

    named = tmp_path / "named.conf"
    named.write_text("[install]\nindex-url = https://named.example/simple\n")
    found = tool.load_settings(env | {"PIP_CONFIG_FILE": str(named)}, tmp_path)
    assert found.indexes[0] == "https://named.example/simple"

    found = tool.load_settings(env | {"PIP_INDEX_URL": "https://env.example/simple"}, tmp_path)
    assert found.indexes[0] == "https://env.example/simple"


def test_a_machine_without_certificates_is_told_what_to_install(tool: ModuleType):
    text = tool.explain(["https://pypi.org/simple/pip/: <urlopen error CERTIFICATE_VERIFY_FAILED>"])
    assert "apt install ca-certificates" in text


@pytest.mark.parametrize("requires", ["", ">=3.8", ">=3.8,<3.12", ">=3.11.2", "!=3.9.*, >=3.7"])
def test_a_wheel_for_this_python_is_admitted(tool: ModuleType, requires: str):
    assert tool.runs_here(requires, PYTHON)


@pytest.mark.parametrize("requires", ["<3.11", "<=3.11", "!=3.11.*", ">3.11.2", ">=3.8, <3", "~=3.11"])
def test_a_wheel_for_another_python_or_with_an_unknown_clause_is_left(tool: ModuleType, requires: str):
    assert not tool.runs_here(requires, PYTHON)


def test_pip_is_never_put_into_the_system_itself(tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert tool.main() == 2
    assert "virtual environment" in capsys.readouterr().err
