"""Put pip into a virtual environment on a machine that has neither pip nor ensurepip (Debian without python3-venv).

One idea: a pip wheel is runnable as it lies, so all that is needed is to fetch one from the package index that this
machine is configured for. The index is found as pip itself would find it (PIP_* variables, then pip's configuration
files); its answers are the simple repository API of PEP 503. Standard library only. Certificates are always verified.

Usage: <venv>/bin/python tools/bootstrap_pip.py
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

DEFAULT_INDEX = "https://pypi.org/simple"
WHEEL = re.compile(r"^pip-(?P<version>\d+(?:\.\d+)*)-py3-none-any\.whl$")


class BootstrapError(Exception):
    """No pip wheel could be had; the text says what was tried and what to do."""


@dataclass(frozen=True)
class Settings:
    """What pip's own configuration says about where packages come from."""

    indexes: tuple[str, ...]
    find_links: tuple[str, ...]
    cert: str | None
    timeout: float


@dataclass(frozen=True)
class Candidate:
    """One pip wheel that this Python could run."""

    version: tuple[int, ...]
    url: str
    digest: tuple[str, str] | None


class _Links(HTMLParser):
    """Collects (href, requires-python) of the anchors that are not yanked."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and values.get("href") and "data-yanked" not in values:
            self.found.append((values["href"] or "", values.get("data-requires-python") or ""))


def config_files(env: dict[str, str], home: Path) -> list[Path]:
    """List pip's configuration files, weakest first, as pip's documentation orders them."""
    override = env.get("PIP_CONFIG_FILE")
    if override == os.devnull:
        return []
    base = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    site_dirs = [Path(part) / "pip" / "pip.conf" for part in (env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    files = [*site_dirs, Path("/etc/pip.conf"), home / ".pip" / "pip.conf", base / "pip" / "pip.conf"]
    return [*files, Path(override)] if override else files


def load_settings(env: dict[str, str], home: Path) -> Settings:
    """Read index, find-links, certificate and timeout; variables win over files, [install] over [global]."""
    parser = configparser.RawConfigParser()
    parser.read(config_files(env, home), encoding="utf-8")

    def value(name: str) -> str | None:
        from_env = env.get("PIP_" + name.upper().replace("-", "_"))
        if from_env is not None:
            return from_env
        for section in ("install", "global"):
            if parser.has_option(section, name):
                return parser.get(section, name)
        return None

    indexes: list[str] = []
    if (value("no-index") or "").lower() not in {"1", "true", "yes", "on"}:
        indexes = [value("index-url") or DEFAULT_INDEX, *(value("extra-index-url") or "").split()]
    return Settings(
        indexes=tuple(indexes),
        find_links=tuple((value("find-links") or "").split()),
        cert=value("cert"),
        timeout=float(value("default-timeout") or value("timeout") or 60),
    )


def fetch(url: str, settings: Settings) -> tuple[str, bytes]:
    """Fetch a URL (http, https, file) and answer its final address and body."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Accept": "text/html", "User-Agent": "dtlpipe-bootstrap"}
    if parts.username:
        host = parts.netloc.rpartition("@")[2]
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        url = urllib.parse.urlunsplit(parts._replace(netloc=host))
    if parts.scheme not in {"http", "https", "file"}:
        raise BootstrapError(f"{url}: only http, https and file addresses are understood")
    context = ssl.create_default_context(cafile=settings.cert)
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked above
    with urllib.request.urlopen(request, timeout=settings.timeout, context=context) as answer:  # noqa: S310 - as above
        return answer.url, answer.read()


def runs_here(requires: str, python: tuple[int, ...]) -> bool:
    """Say whether a requires-python of plain comparisons admits this Python; unknown clauses are taken as a no."""
    for clause in filter(None, (part.strip() for part in requires.split(","))):
        match = re.fullmatch(r"(>=|>|<=|<|!=)\s*(\d+(?:\.\d+)*)(\.\*)?", clause)
        if match is None:
            return False
        operator, wanted = match[1], tuple(int(part) for part in match[2].split("."))
        have = python[: len(wanted)] if match[3] else python
        wanted += (0,) * (len(have) - len(wanted))
        verdict = {">=": have >= wanted, ">": have > wanted, "<=": have <= wanted, "<": have < wanted}
        if not verdict.get(operator, have != wanted):
            return False
    return True


def candidate(url: str, requires: str, python: tuple[int, ...]) -> Candidate | None:
    """Read one link of an index page; None unless it is a released pip wheel for this Python."""
    plain, _, fragment = url.partition("#")
    match = WHEEL.match(urllib.parse.unquote(plain.rpartition("/")[2]))
    if match is None or not runs_here(requires, python):
        return None
    algorithm, _, hexdigest = fragment.partition("=")
    digest = (algorithm, hexdigest) if algorithm in hashlib.algorithms_guaranteed and hexdigest else None
    return Candidate(tuple(int(part) for part in match["version"].split(".")), plain, digest)


def pages(settings: Settings) -> list[str]:
    """Answer the addresses of the pages on which pip wheels may be listed."""
    return [index.rstrip("/") + "/pip/" for index in settings.indexes]


def find(settings: Settings, python: tuple[int, ...]) -> tuple[list[Candidate], list[str]]:
    """Look everywhere that pip would look; answer the wheels, newest first, and what went wrong on the way."""
    found: list[Candidate] = []
    problems: list[str] = []
    for folder in settings.find_links:
        path = Path(folder.removeprefix("file://"))
        names = path.iterdir() if path.is_dir() else ()
        found += filter(None, (candidate(name.resolve().as_uri(), "", python) for name in names))
    for page in pages(settings):
        shown = re.sub(r"//[^/@]*@", "//***@", page)
        address = page + "index.html" if page.startswith("file:") else page
        try:
            final, body = fetch(address, settings)
        except (OSError, BootstrapError) as error:
            problems.append(f"{shown}: {error}")
            continue
        links = _Links()
        links.feed(body.decode("utf-8", "replace"))
        credentials = urllib.parse.urlsplit(page).netloc.rpartition("@")[0]
        for href, requires in links.found:
            target = urllib.parse.urlsplit(urllib.parse.urljoin(final, href))
            same_host = target.netloc == urllib.parse.urlsplit(final).netloc
            if credentials and same_host:
                target = target._replace(netloc=f"{credentials}@{target.netloc}")
            found += filter(None, [candidate(urllib.parse.urlunsplit(target), requires, python)])
    return sorted(found, key=lambda one: one.version, reverse=True), problems


def download(wheel: Candidate, folder: Path, settings: Settings) -> Path:
    """Store the wheel in the folder; its digest, if the index gave one, must hold."""
    _, body = fetch(wheel.url, settings)
    if wheel.digest and hashlib.new(wheel.digest[0], body).hexdigest() != wheel.digest[1]:
        raise BootstrapError(f"{wheel.url}: the file does not have the {wheel.digest[0]} digest that the index gives")
    target = folder / urllib.parse.unquote(wheel.url.rpartition("/")[2])
    target.write_bytes(body)
    return target


def explain(problems: list[str]) -> str:
    """Say what was tried and what to do about it."""
    lines = ["no pip wheel could be fetched:", *(f"  {problem}" for problem in problems)]
    if any("CERTIFICATE_VERIFY_FAILED" in problem for problem in problems):
        lines.append("This machine trusts no certificate authority: apt install ca-certificates, or set PIP_CERT.")
    lines.append("Set PIP_INDEX_URL to an index that this machine can reach, or: apt install python3-venv")
    return "\n".join(lines)


def main() -> int:
    """Install pip into the environment whose Python runs this file."""
    if sys.prefix == sys.base_prefix:
        print("run this with the Python of a virtual environment, not with the system's", file=sys.stderr)
        return 2
    settings = load_settings(dict(os.environ), Path.home())
    try:
        wheels, problems = find(settings, sys.version_info[:3])
        if not wheels:
            raise BootstrapError(explain(problems))
        with tempfile.TemporaryDirectory() as folder:
            wheel = download(wheels[0], Path(folder), settings)
            print(f"bootstrapping from {wheel.name}", flush=True)
            command = [sys.executable, f"{wheel}/pip", "install", "--no-index", "--no-deps", str(wheel)]
            return subprocess.run(command, check=False).returncode  # noqa: S603 - our own argv, no shell
    except (BootstrapError, OSError) as error:
        print(f"bootstrap_pip: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
