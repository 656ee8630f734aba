"""The error tree: one class a status, and what it says."""

from __future__ import annotations

import pickle

import pytest

from dtlpipe import errors
from dtlpipe.errors import (
    BY_STATUS,
    BadRequest,
    ConnectionFailed,
    NotFound,
    PipelineError,
    PlatformException,
    StatusCode,
    TransferFailed,
    UnknownException,
    WaitTimeout,
    from_status,
    pipeline_error,
)


@pytest.mark.parametrize("status", BY_STATUS)
def test_every_status_has_its_class_and_its_pipeline_class(status):
    error = from_status(status, "no")
    assert type(error) is BY_STATUS[status]
    refusal = pipeline_error(error)
    assert isinstance(refusal, PipelineError)
    assert isinstance(refusal, BY_STATUS[status])
    assert refusal.status == status


def test_any_other_status_is_unknown_but_kept():
    error = from_status(418, "no")
    assert isinstance(error, UnknownException)
    assert error.status == 418
    assert pipeline_error(error).status == 418  # type: ignore[attr-defined]


def test_a_status_code_is_a_text_and_a_number():
    code = StatusCode(404)
    assert code == 404
    assert code == "404"
    assert code != 400
    assert {code: 1}["404"] == 1


def test_the_whole_tree_is_drawn_in_the_docstring():
    drawn = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("Pipeline"):
            assert name in drawn, name


def test_builtin_kinds_are_kept():
    assert issubclass(ConnectionFailed, ConnectionError)
    assert issubclass(WaitTimeout, TimeoutError)
    assert issubclass(errors.CodeNotShippable, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        NotFound("gone", hint="look", request_id="r", node="n"),
        pipeline_error(BadRequest("bad", port="p")),
        ConnectionFailed("off", hint="start it"),
        TransferFailed("1 of 2", {"a": OSError("x")}, ["item"]),
        errors.RunFailed("failed", node="n", remote_traceback="Traceback ..."),
    ],
)
def test_errors_survive_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_an_error_shows_what_where_and_what_next():
    text = str(
        PlatformException(
            "refused",
            status=400,
            errors=[{"path": ["a", 0], "message": "is wrong"}, {"message": "odd"}],
            hint="mend it",
        )
    )
    assert text == "400: refused\n  at a.0: is wrong\n  at the body: odd\n  hint: mend it"
    assert "Remote traceback:\nTraceback" in str(errors.RunFailed("x", remote_traceback="Traceback"))
