"""How programs find the platform and say who they are; lazy listings; limits; the fixtures that users of pytest get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest

import dtlpipe as dl
from dtlpipe.transports.requests import RequestsTransport
from mock_server.testing import LocalPlatform

WHO = """
import json
import dtlpipe as dl
{before}
project = dl.projects.create(project_name={name!r})
print(json.dumps({{"environment": dl.environment(), "creator": project.creator, "info": dl.info()}}))
"""


def script(tmp_path, before="", **variables):
    """What a script finds out about where and who it is, with these variables alone."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DTLPIPE", "DTLPY", "INTERNAL"))}
    done = subprocess.run(
        [sys.executable, "-c", WHO.format(before=before, name=f"by script {uuid.uuid4().hex}")],
        env={**kept, "HOME": str(home), **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


# --- where and who --------------------------------------------------


def test_environment_variables_are_enough(platform, tmp_path):
    found = script(tmp_path, **platform.environment())
    assert found["environment"] == platform.api_url
    assert found["creator"] == platform.settings.email


def test_the_fields_own_variables_are_enough(platform, tmp_path):
    variables = {key: value for key, value in platform.environment().items() if not key.startswith("DTLPIPE_")}
    found = script(tmp_path, **variables)
    assert found["environment"] == platform.api_url
    assert found["creator"] == platform.settings.email


def test_a_token_or_credentials_in_the_environment_say_who(platform, tmp_path):
    token = platform.token("env@example.com")
    assert script(tmp_path, DTLPIPE_URL=platform.url, DTLPIPE_TOKEN=token)["creator"] == "env@example.com"
    who = {"DTLPIPE_USERNAME": "user@example.com", "DTLPIPE_PASSWORD": "x"}
    assert script(tmp_path, DTLPIPE_URL=platform.url, **who)["creator"] == "user@example.com"


def test_a_file_says_where_and_who(platform, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'url = "{platform.url}"\nusername = "file@example.com"\npassword = "x"\n'
        f'[environments.there]\nurl = "{platform.api_url}"\ntoken = "{platform.token("alias@example.com")}"\n'
    )
    found = script(tmp_path, DTLPIPE_CONFIG=str(config))
    assert (found["environment"], found["creator"]) == (platform.api_url, "file@example.com")
    other = script(tmp_path, before="dl.setenv('there')", DTLPIPE_CONFIG=str(config))
    assert other["environment"] == platform.api_url


def test_a_script_may_say_it_all_itself(platform, tmp_path):
    before = f"""
dl.add_environment(environment={platform.api_url!r}, gate_url={platform.url!r}, alias="mine", verify_ssl=True)
dl.setenv("mine")
assert dl.login_m2m(email="script@example.com", password="x") is True
"""
    found = script(tmp_path, before=before)
    assert (found["environment"], found["creator"]) == (platform.api_url, "script@example.com")
    assert found["info"]["user_email"] == "script@example.com"


def test_a_bad_token_is_refused_and_who_was_logged_in_stays(platform):
    with platform.client() as client:
        assert client.login_token(platform.token("good@example.com")) is True
        for bad in ("nonsense", "a.b.c", platform.token("x@example.com", kind="refresh"), ""):
            with pytest.raises((dl.exceptions.Unauthorized, dl.exceptions.ConfigurationError)):
                client.login_token(bad)
        assert client.projects.create(project_name=uuid.uuid4().hex).creator == "good@example.com"
        assert client.info()["user_email"] == "good@example.com"
        assert "token" not in client.info()
    with platform.client(token="a.b.c") as client, pytest.raises(dl.exceptions.Unauthorized):
        list(client.projects.list())


def test_a_token_that_is_over_is_renewed_on_the_way(platform):
    expired = platform.token("old@example.com", lifetime=-100.0)
    refresh = platform.token("old@example.com", kind="refresh")
    with platform.client(token=expired, refresh_token=refresh) as client:
        assert client.projects.create(project_name=uuid.uuid4().hex).creator == "old@example.com"
    with platform.client(token=expired) as client, pytest.raises(dl.exceptions.Unauthorized):
        list(client.projects.list())


def test_settings_that_do_not_work_together_are_refused_at_once():
    for options in (
        {"url": "not a url"},
        {"url": "ftp://127.0.0.1"},
        {"url": "http://127.0.0.1:1", "username": "me"},
        {"url": "http://127.0.0.1:1", "timeout": 0},
        {"url": "http://127.0.0.1:1", "transport": "pigeon"},
    ):
        with pytest.raises(dl.exceptions.ConfigurationError):
            dl.Client(**options)


def test_no_platform_at_the_address_is_told_at_once_with_what_to_do():
    with dl.Client("http://127.0.0.1:1") as client, pytest.raises(dl.exceptions.ConnectionFailed) as failed:
        client.projects.list()
    assert "127.0.0.1:1" in str(failed.value)
    assert "dtlpipe platform start" in str(failed.value)
    assert isinstance(failed.value, ConnectionError)


# --- lazy listings --------------------------------------------------


class Counting(RequestsTransport):
    """Counts what is asked for."""

    asked = 0

    def send(self, call):
        self.asked += 1
        return super().send(call)


@pytest.fixture(scope="module")
def many(platform):
    """A dataset of 1050 items, put there without the wire."""
    with platform.client() as client:
        project = client.projects.create(project_name=uuid.uuid4().hex)
        dataset = project.datasets.create(dataset_name="many")
    from mock_server.platform.items import Upload

    items = platform.platform.items
    blob = items.keep(dataset.id, b"x")
    for n in range(1050):
        items.add(dataset.id, Upload(path=f"/{n:04}.txt", creator="me"), blob)
    return dataset.id


@pytest.fixture
def counted(platform, many):
    """That dataset, and what counts the requests for it."""
    with platform.client() as plain:
        transport = Counting(plain.settings)
    with platform.client(transport=transport) as client:
        dataset = client.datasets.get(dataset_id=many)
        transport.asked = 0
        yield dataset, transport


def test_more_items_than_a_page_holds_are_listed_once_each(counted):
    dataset, transport = counted
    listing = dataset.items.list()
    assert transport.asked == 1
    assert (len(listing), len(listing.items)) == (1050, 1000)
    assert [each.name for each in listing] == [f"{n:04}.txt" for n in range(1050)]
    assert transport.asked == 2


def test_pages_are_fetched_only_as_far_as_they_are_looked_at(counted):
    dataset, transport = counted
    listing = dataset.items.list(page_size=10)
    assert transport.asked == 1
    for number, _ in enumerate(listing):
        if number == 14:
            break
    assert transport.asked == 2
    assert [len(page) for page, _ in zip(listing.pages(), range(3), strict=False)] == [10, 10, 10]
    assert listing.total_pages_count == 105


def test_what_is_added_or_removed_meanwhile_neither_repeats_nor_hides_others(counted, platform):
    dataset, _ = counted
    names, doomed = [], dataset.items.get("/0003.txt")
    for number, each in enumerate(dataset.items.list(page_size=5)):
        names.append(each.name)
        if number == 7:
            doomed.delete()
    dataset.items.upload(b"x", remote_name="0003.txt")
    assert names[:20] == [f"{n:04}.txt" for n in range(20)]
    assert len(names) == len(set(names)) == 1050


# --- limits --------------------------------------------------


@pytest.fixture(scope="module")
def narrow():
    """A platform that takes little."""
    with LocalPlatform(max_upload=2000, max_body=4096) as found:
        yield found


def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(narrow, tmp_path):
    with narrow.client() as client:
        dataset = client.projects.create(project_name=uuid.uuid4().hex).datasets.create(dataset_name="data")
        with pytest.raises(dl.exceptions.PayloadTooLarge, match="2000"):
            dataset.items.upload(b"x" * 5000, remote_name="big.bin")
        for name, size in (("a.bin", 10), ("b.bin", 5000), ("c.bin", 2000)):
            (tmp_path / name).write_bytes(b"x" * size)
        with pytest.raises(dl.exceptions.TransferFailed, match=r"b\.bin") as failed:
            dataset.items.upload(f"{tmp_path}/*")
        assert [each.name for each in failed.value.done] == ["a.bin", "c.bin"]
        assert isinstance(failed.value.failures[str(tmp_path / "b.bin")], dl.exceptions.PayloadTooLarge)
        assert sorted(each.name for each in dataset.items.list()) == ["a.bin", "c.bin"]
        assert len(dataset.items.upload(f"{tmp_path}/*", raise_on_error=False)) == 2


def test_a_body_over_the_limit_is_refused_and_leaves_nothing(narrow):
    with narrow.client() as client:
        project = client.projects.create(project_name=uuid.uuid4().hex)
        with pytest.raises(dl.exceptions.PayloadTooLarge):
            project.pipelines.create(name="pipe", pipeline_json={"description": "x" * 10_000})
        assert len(project.pipelines.list()) == 0
        item = project.datasets.create(dataset_name="data").items.upload(b"x", remote_name="x.txt")
        item.metadata["user"] = {"much": "x" * 10_000}
        with pytest.raises(dl.exceptions.PayloadTooLarge):
            item.update()
        assert "user" not in client.items.get(item_id=item.id).metadata


# --- files --------------------------------------------------


def test_bytes_stream_in_pieces_of_the_size_asked_for(project, dataset):
    content = os.urandom(100_000)
    item = dataset.items.upload(content, remote_name="x.bin")
    pieces = list(item.stream_bytes(4096))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 4096
    assert len(pieces) >= 25


def test_what_is_not_there_or_has_no_name_is_refused_before_anything_is_sent(dataset, tmp_path):
    for local, options in (
        (tmp_path / "nothing.txt", {}),
        (b"bytes", {}),
        (b"bytes", {"remote_name": "../x"}),
        (b"bytes", {"remote_name": "x", "remote_path": "/a/../.."}),
        (7, {}),
    ):
        with pytest.raises((dl.exceptions.NotAnItemPath, dl.exceptions.BadRequest, TypeError)):
            dataset.items.upload(local, **options)
    assert len(dataset.items.list(dl.Filters(use_defaults=False))) == 0


def test_a_download_never_leaves_half_a_file_or_its_folder(dataset, tmp_path, platform):
    item = dataset.items.upload(b"whole", remote_name="x.txt", remote_path="/a")
    assert item.download(tmp_path / "mine.txt") == str(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_bytes() == b"whole"
    folder = tmp_path / "down"
    (path,) = dataset.items.download(local_path=folder, to_items_folder=False)
    assert path == str(folder / "a" / "x.txt")
    item.delete()
    with pytest.raises(dl.exceptions.NotFound):
        item.download(tmp_path / "gone.txt")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["down", "mine.txt"]


# --- the fixtures --------------------------------------------------


def test_a_local_platform_is_whole_and_goes_away_without_a_trace():
    def run(item: dl.Item) -> str:
        return item.name

    with dl.LocalPlatform() as platform, platform.client() as client:
        folder = platform.data_dir
        project = client.projects.create(project_name="hermetic")
        item = project.datasets.create(dataset_name="data").items.upload(b"x", remote_name="x.txt")
        pipeline = project.pipelines.create(name="pipe")
        pipeline.nodes.add(dl.CodeNode(name="run", method=run))
        run_of = pipeline.install().execute(execution_input={"item": item}).wait(timeout=60)
        assert run_of.outputs() == {"run": "x.txt"}
        platform.restart()
        assert client.projects.get(project_name="hermetic").id == project.id
        assert pipeline.pipeline_executions.get(run_of.id).status == "success"
    assert not folder.exists()


@pytest.mark.slow
def test_users_of_pytest_get_a_platform_a_client_and_a_project(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        "import dtlpipe as dl\n"
        "def test_it(platform, client, project):\n"
        "    assert client.environment == platform.api_url\n"
        "    assert project.datasets.create(dataset_name='d').items.upload(b'x', remote_name='x').size == 1\n"
        "def test_alone(fresh_platform):\n"
        "    with fresh_platform.client() as client:\n"
        "        assert list(client.projects.list()) == []\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert "2 passed" in done.stdout, done.stdout
