"""A platform on paper: it answers from a script or from functions, and its time passes only in sleeps."""

import json
from collections.abc import Mapping
from threading import Event

import pytest

from dtlpipe.errors import from_status
from dtlpipe.sansio.effects import Blocking, Emit, Gather, Join, Now, Request, Response, Sleep
from dtlpipe.sansio.ends import Seat
from dtlpipe.sansio.operation import Async, Session, Sync


class Paper(Session[Sync]):
    """Performs operations against `answers`: `{"GET /path": answer}`.

    An answer is JSON data, an exception to raise, a list of answers to give in turn (the last one stays), or a function
    of the request. `requests` are those that were made, `slept` the seconds.
    """

    def __init__(self, answers: Mapping[str, object] | None = None):
        self.answers = dict(answers or {})
        self.requests: list[Request] = []
        self.slept: list[float] = []
        self.clock = 1000.0

    def run(self, op):
        answer, failure = None, None
        while True:
            try:
                effect = op.throw(failure) if failure is not None else op.send(answer)
            except StopIteration as done:
                return done.value
            answer, failure = None, None
            try:
                answer = self.perform(effect)
            except Exception as error:
                failure = error

    def stream(self, flow):
        answer, failure = None, None
        while True:
            try:
                effect = flow.throw(failure) if failure is not None else flow.send(answer)
            except StopIteration:
                return
            answer, failure = None, None
            if isinstance(effect, Emit):
                yield effect.value
                continue
            try:
                answer = self.perform(effect)
            except Exception as error:
                failure = error

    def listed(self, pages):
        self.run(pages.fetch())
        return pages

    def perform(self, effect):
        if isinstance(effect, Request):
            return self.answer(effect)
        if isinstance(effect, Now):
            return self.clock
        if isinstance(effect, Sleep):
            self.slept.append(effect.seconds)
            self.clock += effect.seconds
            return None
        if isinstance(effect, Blocking):
            return effect.function(*effect.args)
        if isinstance(effect, Join):
            return Seat(effect.what, frozenset(effect.ids), Event())  # alone
        assert isinstance(effect, Gather), effect
        results = []
        for op in effect.operations:
            try:
                results.append(self.run(op))
            except Exception as error:
                results.append(error)
        return results

    def answer(self, request):
        self.requests.append(request)
        key = f"{request.method} {request.path}"
        assert key in self.answers, f"nobody expected {key} {request.json}"
        answer = self.answers[key]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer) and not isinstance(answer, type):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Response):
            if "x-dtlpipe-waited" in answer.headers:
                self.clock += float(request.params["wait"])
            return answer
        return reply(answer)

    def asked(self, method=None):
        """What was asked for, as text: `["GET /path"]`."""
        return [f"{each.method} {each.path}" for each in self.requests if method in (None, each.method)]


class AsyncPaper(Session[Async]):
    """An asynchronous session that must not be used."""

    def run(self, op):
        op.close()
        raise AssertionError("reading asked the platform")


def reply(data, *, held=False):
    return Response(200, {"x-dtlpipe-waited": "1"} if held else {}, json.dumps(data).encode())


def page(items, total=None, more=False):
    return {
        "items": items,
        "totalItemsCount": len(items) if total is None else total,
        "totalPagesCount": 1,
        "hasNextPage": more,
    }


def refused(status, message="no", **context):
    return from_status(status, message, **context)


def run_data(status="in-progress", **more):
    """A run of a pipeline with the nodes a -> b."""
    return {
        "id": "run1",
        "pipelineId": "pipe1",
        "projectId": "project1",
        "status": status,
        "nodes": [
            {"id": "na", "name": "a", "type": "code", "status": "success"},
            {"id": "nb", "name": "b", "type": "code", "status": status},
        ],
        "executions": {},
        **more,
    }


def pipeline_data(**more):
    def node(letter):
        return {
            "id": f"n{letter}",
            "name": letter,
            "type": "code",
            "inputs": [{"portId": f"{letter}-in", "type": "Item", "name": "item"}],
            "outputs": [{"portId": f"{letter}-out", "type": "Item", "name": "item"}],
            "namespace": {"functionName": "run"},
            "metadata": {"position": {"x": 1, "y": 2, "z": 0}},
            "projectId": "project1",
        }

    return {
        "id": "pipe1",
        "name": "first",
        "projectId": "project1",
        "status": "Created",
        "nodes": [node("a"), node("b")],
        "connections": [{"src": {"nodeId": "na", "portId": "a-out"}, "tgt": {"nodeId": "nb", "portId": "b-in"}}],
        "startNodes": [{"nodeId": "na", "type": "root"}],
        "variables": [{"id": "v1", "name": "threshold", "type": "Float", "value": 0.5}],
        "creator": "me",
        **more,
    }


@pytest.fixture
def paper():
    return Paper


@pytest.fixture
def async_paper():
    return AsyncPaper()


@pytest.fixture
def wire():
    """Makers of what a platform says."""

    class Wire:
        run = staticmethod(run_data)
        pipeline = staticmethod(pipeline_data)
        page = staticmethod(page)
        reply = staticmethod(reply)
        refused = staticmethod(refused)

    return Wire
