"""`dtlpipe snapshot save|load|list|diff`: all that a platform on this machine has, kept, taken up again, compared.

Exit statuses: 0 done (of `diff`: also if there are differences), 1 refused, 2 wrong usage.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dtlpipe.cli.refusals import data_option, folder_of, refusals

if TYPE_CHECKING:
    from mock_server.platform.differences import State

_json = click.option("--json", "as_json", is_flag=True, help="For programs: JSON on standard output.")
#: Under which a file is kept while a platform that runs takes it up.
_BROUGHT = "brought"


@click.group()
def snapshot() -> None:
    """Snapshots of a whole platform, while it runs or not.

    One is named as it was saved, with its version (`name@2`) or without (the latest); or it is a file.
    """


@snapshot.command()
@click.argument("name")
@data_option
@_json
def save(name: str, data_dir: Path | None, *, as_json: bool) -> None:
    """Keep all that there is as NAME, or in a new file NAME.tar.gz (if it has a slash or that ending)."""
    folder = folder_of(data_dir)
    with refusals():
        from mock_server.platform import snapshots
        from mock_server.store.sqlite_copies import back_up

        if "/" in name or name.endswith((".tar", ".tar.gz")):
            back_up(folder, Path(name))
            told: dict[str, Any] = {"path": name, "size": Path(name).stat().st_size}
        else:
            told = snapshots.save(folder, name).to_wire()
    click.echo(json.dumps(told) if as_json else f"saved {told.get('id', name)}: {told['size'] / (1 << 20):.1f} MB")


@snapshot.command("list")
@data_option
@_json
def list_(data_dir: Path | None, *, as_json: bool) -> None:
    """Those there are."""
    with refusals():
        from mock_server.platform import snapshots

        found = snapshots.list_in(folder_of(data_dir))
    if as_json:
        click.echo(json.dumps([each.to_wire() for each in found]))
    for each in () if as_json else found:
        click.echo(f"{each.id}  {each.size / (1 << 20):.1f} MB")


@snapshot.command()
@click.argument("wanted", metavar="SNAPSHOT")
@click.confirmation_option("--yes", "-y", prompt="This replaces all that the platform has. Go on?")
@data_option
def load(wanted: str, data_dir: Path | None) -> None:
    """Make everything as it was when SNAPSHOT was saved. Open runs are ended."""
    folder = folder_of(data_dir)
    with refusals():
        from mock_server.local import State as Running
        from mock_server.platform import snapshots

        running = Running.read(folder)
        if running is None:
            _load_stopped(folder, _path(folder, wanted))
        elif Path(wanted).is_file():
            kept = snapshots.list_in(folder)
            version = max((each.version for each in kept if each.name == _BROUGHT), default=0) + 1
            place = folder / snapshots.FOLDER / f"{_BROUGHT}@{version}.tar.gz"
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(wanted, place)
            try:
                _ask(running.url, folder, f"{_BROUGHT}@{version}")
            finally:
                place.unlink()
        else:
            _ask(running.url, folder, snapshots.find(folder, wanted).id)
    click.echo(f"loaded {wanted}")


def _load_stopped(folder: Path, path: Path) -> None:
    from contextlib import closing

    from mock_server.platform import snapshots
    from mock_server.store import open_store

    with closing(open_store(folder)) as store:
        snapshots.load_into(store, folder, path)


def _ask(url: str, folder: Path, id: str) -> None:
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    from mock_server.config import Settings
    from mock_server.platform.tokens import Tokens

    token = Tokens(Settings(data_dir=folder)).issue(lifetime=60.0)
    request = Request(  # noqa: S310 - the platform's own url
        f"{url}/api/v1/platform/snapshots/{id}/load", data=b"", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=600) as answer:
            answer.read()
    except HTTPError as error:
        with error:
            said = json.loads(error.read() or b"{}")
        raise click.ClickException(str(said.get("message") or error)) from None
    except URLError as error:
        raise click.ClickException(f"the platform at {url} runs and cannot be asked: {error}") from error


@snapshot.command()
@click.argument("before")
@click.argument("after", required=False)
@data_option
@_json
def diff(before: str, after: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """What is different in AFTER (by default: now), by kind and name."""
    folder = folder_of(data_dir)
    with refusals():
        from mock_server.platform import snapshots
        from mock_server.platform.differences import differences, shown

        def read(which: str) -> State:
            return snapshots.state(_path(folder, which))

        found = differences(read(before), snapshots.state_now(folder) if after is None else read(after))
    if as_json:
        click.echo(json.dumps(shown(found), indent=2, ensure_ascii=False))
        return
    for each in found:
        for line in each.lines():
            click.echo(line)
    if not found:
        click.echo("nothing is different")


def _path(folder: Path, wanted: str) -> Path:
    from mock_server.platform import snapshots

    return Path(wanted) if Path(wanted).is_file() else snapshots.find(folder, wanted).path
