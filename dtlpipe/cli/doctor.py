"""`dtlpipe platform doctor`: whether a platform's data is whole, asked of the platform if it runs, else of its folder.

Exit statuses: 0 if nothing is wrong (there may be warnings), 5 if something is; 1 for refused, 2 for wrong usage.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from dtlpipe.cli.refusals import data_option, folder_of, refusals

WRONG = 5


@click.command()
@data_option
@click.option("--store", metavar="URL", envvar="DTLPIPE_STORE", help="The database, if it is not in the folder.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--latest", type=click.IntRange(min=0), default=10_000, show_default=True, help="Runs to look at.")
@click.option("--repair", is_flag=True, help="Delete files that nothing names. Only of a platform that is stopped.")
def doctor(data_dir: Path | None, store: str | None, latest: int, *, as_json: bool, repair: bool) -> None:
    """Look for what is wrong with a platform's data, and say what to do about it."""
    folder = folder_of(data_dir)
    with refusals():
        from mock_server.local import State

        state = State.read(folder)
        if state is not None and repair:
            raise click.ClickException(f"the platform runs ({state.url}), and deletes such files itself, every hour")
        if state is not None:
            found = _asked(state.url, folder, latest)
        else:
            found = _looked_at(folder, store, latest, repair=repair)
    wrong = any(each["severity"] == "error" for each in found)
    if as_json:
        where = {"data": str(folder), "url": state.url if state else None}
        click.echo(json.dumps({"status": "wrong" if wrong else "well", **where, "findings": found}, indent=2))
    else:
        for each in found:
            _tell(each)
    if wrong:
        raise SystemExit(WRONG)


def _tell(finding: dict[str, Any]) -> None:
    count = f" ({finding['count']})" if finding.get("count") else ""
    click.echo(f"{finding['severity']:8} {finding['check']:12} {finding.get('message', '')}{count}")
    for example in finding.get("examples", ()):
        click.echo(f"{'':22}{example}")
    if finding.get("hint"):
        click.echo(f"{'':22}{finding['hint']}")


def _asked(url: str, folder: Path, latest: int) -> list[dict[str, Any]]:
    from urllib.error import URLError
    from urllib.request import ProxyHandler, Request, build_opener

    from mock_server.config import Settings
    from mock_server.platform.tokens import Tokens

    token = Tokens(Settings(data_dir=folder)).issue(lifetime=60.0)
    request = Request(  # noqa: S310 - the platform's own url
        f"{url}/api/v1/platform/doctor?latest={latest}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=600) as answer:
            found: list[dict[str, Any]] = json.load(answer)["findings"]
    except (URLError, OSError, ValueError, KeyError) as error:
        raise click.ClickException(f"the platform at {url} runs and cannot be asked: {error}") from error
    return found


def _looked_at(folder: Path, store: str | None, latest: int, *, repair: bool) -> list[dict[str, Any]]:
    from dtlpipe.model import times
    from mock_server.platform.doctor import examine, orphans
    from mock_server.store.folder import DataFolder
    from mock_server.store.reader import open_reader

    with open_reader(folder, store) as reader:
        if repair:
            held = DataFolder.take(folder, shared=store is not None)
            try:
                for path in orphans(reader.inspection, reader.blobs):
                    path.unlink()
                    click.echo(f"deleted {path}", err=True)
            finally:
                held.release()
        found = examine(
            reader.reads, reader.inspection, blobs=reader.blobs, data_dir=folder, now=times.now(), latest=latest
        )
    return [each.shown() for each in found]
