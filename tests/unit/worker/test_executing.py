"""What the settings say of node code reaches those who run it."""

from __future__ import annotations

from types import SimpleNamespace

from mock_server.config import Settings
from mock_server.worker.executing import _local


def test_node_code_has_as_long_to_end_as_the_settings_say(tmp_path):
    settings = Settings(data_dir=tmp_path, node_kill_grace=7.5)
    executor = _local(SimpleNamespace(settings=settings, worker_environment=dict), lambda reports: None)
    assert executor._settings.kill_grace == 7.5
