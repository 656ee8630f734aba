"""The commands that ask a platform, as a person or a script meets them."""

import json
import stat

import pytest
from click.testing import CliRunner

import dtlpipe as dl
from dtlpipe.cli import cli
from dtlpipe.cli.asking import NO_ANSWER, NOT_FOUND, RUN_FAILED, TOO_LATE, table
from mock_server.testing import LocalPlatform

NOWHERE = "http://127.0.0.1:1"


def halve(n: int) -> float:
    print(f"halving {n}")
    if n % 2:
        raise ValueError("odd")
    return n / 2


def wait(n: int) -> int:
    import time

    time.sleep(n)
    return n


def measure(item: dl.Item) -> int:
    size = len(item.download(save_locally=False).read())
    if size > 3:
        raise ValueError("too long")
    return size


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with LocalPlatform(tmp_path_factory.mktemp("cli"), workers=2) as platform, platform.client() as client:
        project = client.projects.create("acme")
        for method in (halve, wait, measure):
            pipeline = project.pipelines.create(name=method.__name__)
            node = dl.CodeNode(name="only", method=method, project_id=project.id, project_name=project.name)
            pipeline.nodes.add(node)
            pipeline.update()
            pipeline.install()
        yield platform


@pytest.fixture
def run(served, tmp_path, monkeypatch):
    """Runs a command; gives its standard output, or with `status` its messages, once it has ended with that."""
    for name, value in served.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments, status=0, **options):
        done = CliRunner().invoke(cli, list(map(str, arguments)), **options)
        assert done.exit_code == status, f"{done.exit_code}: {done.output}"
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.stderr if status else done.stdout

    return run


def read(run, *arguments):
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def dataset(run, tmp_path, request):
    name = request.node.name[:40]
    run("datasets", "create", "acme", name)
    return f"acme/{name}"


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for size in range(1, 5):
        (folder / f"{size}.txt").write_text("x" * size)
    return folder


def test_projects_are_made_listed_shown_and_deleted(run):
    made = read(run, "projects", "create", "short-lived")
    assert made["id"] in run("projects", "list")
    assert "pipelines: halve, wait, measure" in run("projects", "show", "acme")
    assert run("projects", "delete", made["id"], "--yes").startswith("deleted")
    assert "short-lived" not in run("projects", "list")


def test_files_go_up_are_listed_and_come_down_as_they_were(run, dataset, files, tmp_path):
    assert run("items", "upload", dataset, f"{files}/*", "--to", "/in", "--metadata", "n=3") == "4 uploaded to /in\n"
    listed = read(run, "items", "ls", dataset)
    assert sorted(each["filename"] for each in listed) == [f"/in/{size}.txt" for size in range(1, 5)]
    assert listed[0]["metadata"]["user"] == {"n": 3}
    assert len(read(run, "items", "ls", dataset, "/in/", "--limit", 2)) == 2
    assert "/in/3.txt" in run("items", "ls", dataset, "/in/3*")
    run("items", "download", dataset, tmp_path / "out", "/in/1*")
    assert [path.name for path in (tmp_path / "out/in").iterdir()] == ["1.txt"]
    run("items", "download", dataset, tmp_path / "out")
    assert [path.read_text() for path in sorted((tmp_path / "out/in").iterdir())] == ["x", "xx", "xxx", "xxxx"]
    run("items", "delete", dataset, "/in/1.txt", "--yes")
    assert len(read(run, "items", "ls", dataset)) == 3


def test_a_run_is_begun_waited_for_and_its_outcome_is_the_exit_status(run):
    assert json.loads(run("pipelines", "run", "halve", "-p", "n=8").split("\n\n")[-1]) == {"only": 4.0}
    assert read(run, "pipelines", "run", "acme/halve", "--input", '{"n": 6}')["outputs"] == {"only": 3.0}
    assert "odd" in run("pipelines", "run", "halve", "-p", "n=7", status=RUN_FAILED)
    assert "Integer" in run("pipelines", "run", "halve", "-p", "n=many", status=1)


def test_an_input_is_read_from_a_file_or_from_standard_input(run, tmp_path):
    (tmp_path / "input.json").write_text('{"n": 2}')
    for source, options in ((f"@{tmp_path}/input.json", {}), ("-", {"input": '{"n": 2}'})):
        assert "success" in run("pipelines", "run", "halve", "--input", source, **options)
    for wrong in ("[1]", "{", f"@{tmp_path}/none.json"):
        run("pipelines", "run", "halve", "--input", wrong, status=2)
    run("pipelines", "run", "halve", "-p", "n", status=2)


def test_runs_are_listed_shown_followed_and_repeated(run):
    begun = read(run, "pipelines", "run", "halve", "-p", "n=10", "--no-wait")["id"]
    assert "halving 10" in run("runs", "logs", begun, "--follow")
    assert "success" in run("runs", "show", begun)
    assert begun in run("runs", "list", "--pipeline", "halve", "--status", "success")
    assert begun not in run("runs", "list", "--status", "failed", "--limit", 0)
    assert read(run, "runs", "rerun", begun)["outputs"] == {"only": 5.0}
    assert f"{begun} success" in run("runs", "watch", "--pipeline", "halve", "--status", "success", "--limit", 0)
    assert "over already" in run("runs", "cancel", begun, status=1)


def test_a_wait_that_is_too_short_says_so_and_the_run_goes_on(run):
    run("pipelines", "run", "wait", "-p", "n=60", "--timeout", 0.01, status=TOO_LATE)
    begun = read(run, "runs", "list", "--pipeline", "wait")[0]
    assert begun["status"] in ("pending", "in-progress")
    assert run("runs", "cancel", begun["id"]) == f"cancelled {begun['id']}\n"
    assert read(run, "runs", "list", "--pipeline", "wait")[0]["status"] == "terminated"


def test_a_batch_tells_which_items_did_not_succeed(run, dataset, files):
    run("items", "upload", dataset, f"{files}/*")
    assert run("pipelines", "batch", "measure", dataset, "/3*") == "1 of 1 succeeded\n"
    told = run("pipelines", "batch", "measure", dataset, status=RUN_FAILED)
    assert "1 runs did not succeed" in told


def test_a_pipeline_is_shown_with_its_nodes_and_ports(run):
    shown = run("pipelines", "show", "halve")
    assert "n: Integer" in shown
    assert run("pipelines", "install", "halve").startswith("installed halve")
    assert "Installed" in run("pipelines", "list", "acme")


@pytest.mark.parametrize(
    "arguments",
    [
        ("projects", "show", "nix"),
        ("datasets", "show", "acme/nix"),
        ("datasets", "show", "nix"),
        ("items", "ls", "nix/nix"),
        ("pipelines", "run", "nix"),
        ("runs", "show", "nix"),
        ("runs", "logs", "nix"),
    ],
)
def test_what_is_not_there_has_an_exit_status_of_its_own(run, arguments):
    assert "nix" in run(*arguments, status=NOT_FOUND)


def test_a_platform_that_does_not_answer_has_an_exit_status_of_its_own(run):
    assert "platform start" in run("projects", "list", "--url", NOWHERE, status=NO_ANSWER)


def test_a_login_is_kept_where_only_its_owner_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DTLPIPE_URL", "DTLPIPE_TOKEN", "DTLPIPE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with LocalPlatform(tmp_path / "data", password="over the rainbow") as platform:
        login = ["login", "--url", platform.url, "--email", "me@acme.org"]
        kept = tmp_path / ".dtlpipe/config.toml"
        refused = CliRunner().invoke(cli, ["login", "--url", platform.url, "--token"], input="not.a.token\n")
        assert refused.exit_code == 1
        assert not kept.exists()
        done = CliRunner().invoke(cli, login, input="over the rainbow\n")
        assert done.exit_code == 0, done.output
        assert "rainbow" not in done.output + kept.read_text()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        who = CliRunner().invoke(cli, ["whoami", "--json"])
        assert json.loads(who.stdout)["environment"].startswith(platform.url)
        assert CliRunner().invoke(cli, ["logout"]).exit_code == 0
        assert not kept.exists()


def test_a_configuration_that_somebody_wrote_is_left_alone(run, tmp_path):
    mine = tmp_path / ".dtlpipe/config.toml"
    mine.parent.mkdir()
    mine.write_text("timeout = 3\n")
    assert "by hand" in run("login", "--token", status=1, input="x\n")
    assert "by hand" in run("logout", status=1)
    assert mine.read_text() == "timeout = 3\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(run, shell):
    assert "_DTLPIPE_COMPLETE" in run("completion", shell)


def test_completion_knows_commands_and_options(run):
    offered = run(
        "",
        env={"_DTLPIPE_COMPLETE": "bash_complete", "COMP_WORDS": "dtlpipe runs w", "COMP_CWORD": "2"},
        prog_name="dtlpipe",
    )
    assert offered == "plain,watch\nplain,worker\n"


def test_a_table_is_plain_lines_where_there_is_no_terminal():
    assert (
        table(["A", "LONG"], [["[bold]x[/]", None], ["y", 2.25]])
        == "A           LONG\n[bold]x[/]  -\ny           2.2\n"
    )


def test_named_runs_are_watched_until_they_are_over_and_the_status_says_how(run):
    good, bad = (read(run, "pipelines", "run", "halve", "-p", f"n={n}", "--no-wait")["id"] for n in (2, 3))
    assert f"{good} success" in run("runs", "watch", good)
    assert f"{bad} failed" in run("runs", "watch", good, bad, status=RUN_FAILED)
    assert "nobody" in run("runs", "watch", "nobody", status=NOT_FOUND)
    run("runs", "watch", good, "--pipeline", "halve", status=2)


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("dtlpipe pipelines run ha", "halve"),
        ("dtlpipe datasets list ac", "acme"),
        ("dtlpipe runs list --pipeline wa", "wait"),
        ("dtlpipe runs wat", "watch"),
    ],
)
def test_a_shell_completes_names_of_what_there_is(run, words, suggested):
    environment = {"_DTLPIPE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = CliRunner().invoke(cli, [], prog_name="dtlpipe", env=environment)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == [suggested]


def test_a_shell_is_suggested_nothing_where_no_platform_answers(run):
    words = f"dtlpipe pipelines list --url {NOWHERE} "
    environment = {"_DTLPIPE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "5"}
    done = CliRunner().invoke(cli, [], prog_name="dtlpipe", env=environment)
    assert done.stdout.strip() == ""


def test_a_shell_is_suggested_the_newest_runs(run):
    run_id = read(run, "pipelines", "run", "halve", "-p", "n=4")["id"]
    words = f"dtlpipe runs show {run_id[:8]}"
    environment = {"_DTLPIPE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
    done = CliRunner().invoke(cli, [], prog_name="dtlpipe", env=environment)
    assert run_id in [line.partition(",")[2] for line in done.stdout.splitlines()]
