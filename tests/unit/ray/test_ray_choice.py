"""Asking for Ray: what is refused at once, with the way out, whether or not it is installed."""

from __future__ import annotations

import importlib.util

import pytest

from dtlpipe.errors import ConfigurationError
from mock_server.config import Settings
from mock_server.executors import ray as executor
from mock_server.executors import ray_verdict
from mock_server.executors.base import Code, Job
from mock_server.testing import LocalPlatform

JOB = Job("e", 1, Code("h", "run"), node="n")


@pytest.fixture
def installed(monkeypatch):
    """Makes as if that version of Ray, or none, were installed."""

    def pretend(version):
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None if version is None else object())
        monkeypatch.setattr(executor, "version", lambda _name: version)

    return pretend


def test_without_ray_the_platform_does_not_start_and_says_what_to_install(installed):
    installed(None)
    with pytest.raises(ConfigurationError, match=r"pip install 'dtlpipe\[platform,ray\]'"):
        LocalPlatform(executor="ray").start()


def test_a_ray_that_is_too_old_is_refused(installed):
    installed("2.9.3")
    with pytest.raises(ConfigurationError, match=r"Ray 2\.9\.3 is too old"):
        executor.check_ray(None)


def test_the_port_of_ray_client_is_refused_with_the_right_one(installed):
    installed("2.60.0")
    executor.check_ray("head:6379")
    with pytest.raises(ConfigurationError, match="HOST:6379"):
        executor.check_ray("head:10001")


@pytest.mark.parametrize("where", ["dask", "ray://", "ray://head", "ray:head:6379", "ray://head:6379/x"])
def test_executors_that_there_are_not_are_refused(where):
    with pytest.raises(ConfigurationError, match="ray://HOST:PORT"):
        Settings(executor=where)


@pytest.mark.parametrize("where", ["processes", "ray", "ray://auto", "ray://10.0.0.1:6379", "ray://[::1]:6379"])
def test_executors_that_there_are_are_taken(where):
    assert Settings(executor=where).executor == where


def test_a_public_url_is_an_origin():
    assert Settings(public_url="http://platform:8400").public_url == "http://platform:8400"
    with pytest.raises(ConfigurationError, match="public_url"):
        Settings(public_url="platform:8400")


@pytest.mark.parametrize(
    ("why", "cause"),
    [("lost", "signal"), ("cluster", "signal"), ("memory", "memory"), ("environment", "code"), ("refused", "code")],
)
def test_what_a_machine_did_is_tried_again_and_what_would_happen_again_is_not(why, cause):
    error = ray_verdict.judge(JOB, why, "\n  first line\nsecond\0")
    assert error["cause"] == cause
    assert "Node 'n'" in error["message"]
    assert "first line" in error["message"]
    assert "second" in error["traceback"]
    assert "\0" not in error["traceback"]
