"""Make .venv/ ready for `make`: create it or adopt the one that is there, then install the project with its extras.

One idea: whatever the machine lacks (ensurepip, pip, uv), the same command ends in the same environment. uv does
the installing, for speed alone, and is fetched if it is not there; if it cannot (it does not read pip's configuration),
pip does. Standard library only.

Usage: python3 tools/make_venv.py .venv dev
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Run a command and say whether it succeeded."""
    target = subprocess.DEVNULL if quiet else None
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}  # the build backend lectures on editable installs
    done = subprocess.run([str(part) for part in command], check=False, stdout=target, stderr=target, env=env)  # noqa: S603
    return done.returncode == 0


def adoptable(python: Path) -> bool:
    """Say whether an environment that is there already can be used: it runs, it is new enough and it has pip."""
    probe = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    return python.exists() and run(python, "-c", probe, quiet=True)


def create(venv: Path) -> bool:
    """Make a new environment with pip in it, with or without the help of ensurepip."""
    if venv.exists():
        if not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
            print(f"{venv} is in the way and is not a virtual environment: remove it", file=sys.stderr)
            return False
        shutil.rmtree(venv)
    python = venv / "bin" / "python"
    if run(sys.executable, "-m", "venv", venv, quiet=True) and adoptable(python):
        return True
    print("this Python has no ensurepip; fetching pip from the package index", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    bootstrap = Path(__file__).with_name("bootstrap_pip.py")
    return run(sys.executable, "-m", "venv", "--without-pip", venv) and run(python, bootstrap)


def fetched_uv(python: Path) -> Path | None:
    """The uv that pip puts into the environment, or None: fetching it costs 3 s, doing without it 150 s."""
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "uv")
    uv = python.with_name("uv")
    return uv if uv.exists() or (run(*pip, quiet=True) and uv.exists()) else None


def install(python: Path, extras: str) -> bool:
    """Install the project, editable, with its extras."""
    project = Path(__file__).resolve().parent.parent
    # compat is a plain line in a .pth file; the default, an import hook, adds 23 ms to every start of Python (measured)
    what = ("--config-settings", "editable_mode=compat", "-e", f"{project}[{extras}]")
    uv = shutil.which("uv") or fetched_uv(python)
    if uv:
        if run(uv, "pip", "install", "--quiet", "--python", python, "--compile-bytecode", *what):
            return True
        print("uv could not install; trying pip", flush=True)
    return run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *what)


def main(venv_dir: str, extras: str) -> int:
    """Create or adopt, then install; exit status 0 only if the environment is ready."""
    if sys.version_info < OLDEST:
        have, need = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST))
        print(f"Python {need} or newer is needed, this is {have}: make PYTHON=/path/to/python{need}", file=sys.stderr)
        return 2
    venv = Path(venv_dir)
    python = venv / "bin" / "python"
    if not (adoptable(python) or create(venv)):
        return 1
    print(f"installing dtlpipe[{extras}] into {venv}; the first time takes a minute or two", flush=True)
    return 0 if install(python, extras) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
