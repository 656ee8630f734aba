"""Whatever is sent to the serving routes, none of them answers that something went wrong here."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.conftest import Http

NAMES = st.sampled_from(["shout", "greeting", "lasting", "patient", "nobody", "broken", "%00", "..", "a b", "ü"])
IDS = st.sampled_from(["none", "0", "%2e%2e", "6" * 40, "-1"])
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "page",
            "cursor",
            "status",
            "wait",
            "priority",
            "attempts",
            "backoff",
            "delay",
            "run_at",
            "callback",
            "ttl",
            "keep_last",
            "timeout",
            "concurrency",
            "revision",
            "search",
            "purpose",
            "after",
            "order",
        ]
    ),
    st.sampled_from(["", "0", "-1", "1e400", "nan", "9" * 30, "none", "\x00", "http://[::1", "²", "true"]),
    max_size=3,
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "name": VALUES,
        "text": VALUES,
        "model": NAMES | VALUES,
        "messages": st.just([{"role": "user", "content": "a"}]) | VALUES,
        "input": VALUES,
        "stream": VALUES,
        "background": VALUES,
        "files": VALUES,
        "source_code": VALUES,
        "items": VALUES,
        "cron": VALUES,
        "params": VALUES,
        "kind": st.just("seen"),
    },
)
BODIES = st.one_of(
    KNOWN.map(lambda value: ("application/json", json.dumps(value).encode("utf-8", "surrogatepass"))),
    VALUES.map(lambda value: ("application/json", json.dumps(value).encode("utf-8", "surrogatepass"))),
    st.binary(max_size=40).map(lambda data: ("application/json", data)),
    st.binary(max_size=40).map(lambda data: ("multipart/form-data; boundary=x", b"--x\r\n" + data)),
    st.binary(max_size=40).map(lambda data: ("application/x-ndjson", data)),
    st.just(("text/plain", b"a")),
)
POSTS = ["/{name}/run", "/{name}/batch", "/{name}/jobs", "/{name}/chat", "/{name}/run-durable", "/{name}/schedules"]
POSTS += ["/{name}/jobs/{id}/cancel", "/{name}/jobs/{id}/resubmit", "/{name}/executions/{id}/resume"]
POSTS += ["/{name}/executions/{id}/cancel", "/deployments/{name}/executions/{id}/begin", "/undeploy/{id}"]
POSTS += ["/v1/chat/completions", "/v1/responses", "/v1/files", "/deploy_files", "/deploy-yaml"]
GETS = ["/status/{name}", "/draw/{name}", "/{name}/jobs", "/{name}/jobs/{id}", "/{name}/executions", "/jobs"]
GETS += ["/{name}/executions/{id}", "/{name}/executions/{id}/stream", "/{name}/schedules/{id}", "/openapi.json"]
GETS += ["/{name}/dead-letters", "/v1/models/{name}", "/v1/files", "/v1/files/{id}", "/v1/responses/{id}", "/docs"]
REQUESTS = st.tuples(st.just("POST"), st.sampled_from(POSTS)) | st.tuples(st.just("GET"), st.sampled_from(GETS))


#: The platform is in this process, and its threads use `random` while examples are made: the strategies do not.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module:Warning")


@pytest.fixture(autouse=True)
def nobody_waits(http: Http) -> None:
    """One of the wrappers waits until it is told to go on, which nobody else would."""
    assert http.post("/patient/run", json={"kind": "go"}).status_code == 200


def check(http: Http, wanted: tuple[str, str], name: str, id: str, query: Any, body: tuple[str, bytes]) -> None:
    method, template = wanted
    url = http.base + template.format(name=name, id=id)
    prepared = requests.Request(method, url, params=query, headers={"Content-Type": body[0]}, data=body[1]).prepare()
    with http.send(prepared, timeout=60, stream=True) as answer:
        assert answer.status_code not in (500, 502, 504), (wanted, name, id, query, body, answer.text)


def test_nothing_that_is_sent_is_an_error_of_the_platforms(http: Http):
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(REQUESTS, NAMES, IDS, QUERY, BODIES)
    def send(wanted: tuple[str, str], name: str, id: str, query: Any, body: tuple[str, bytes]) -> None:
        check(http, wanted, name, id, query, body)

    send()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_of_very_much_that_is_sent_is_an_error_of_the_platforms(http: Http):
    @settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(REQUESTS, NAMES, IDS, QUERY, BODIES)
    def send(wanted: tuple[str, str], name: str, id: str, query: Any, body: tuple[str, bytes]) -> None:
        check(http, wanted, name, id, query, body)

    send()
