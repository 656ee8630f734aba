"""Whatever is sent is answered in the service's own words: never with an error of its inside, never half done."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conformance.run_service.wire import ACTIONS, ours

#: Words of the bodies, so that what is made up comes close to what is meant.
KEYS = [
    "name", "actions", "description", "entrypoint", "timeout", "max_attempts", "memory_limit", "params",
    "work_dir", "execute", "resume_from", "status", "result", "error", "progress", "current_action",
    "current_action_index", "action_progress", "total", "metrics", "message", "started_at", "completed_at",
    "action_name", "action_index", "params_snapshot", "artifacts_path", "entries", "level", "timestamp",
    "path", "params_policy",
]  # fmt: skip
WORDS = ["running", "completed", "pending", "failed", "skipped", "info", "merge", "train", "2025-01-02T03:04:05", "x.Y"]
ENDPOINTS = [
    ("POST", "/pipelines/"),
    ("PUT", "/pipelines/{p}"),
    ("POST", "/pipelines/{p}/runs/"),
    ("PATCH", "/runs/{r}"),
    ("POST", "/runs/{r}/progress"),
    ("POST", "/runs/{r}/checkpoints/"),
    ("POST", "/runs/{r}/logs/"),
    ("POST", "/runs/{r}/resume"),
]
PARAMETERS = ["skip", "limit", "status", "status_filter", "pipeline_id", "level", "since", "after", "action_name"]
LISTS = [
    "/pipelines/",
    "/pipelines/{p}/runs/",
    "/runs/",
    "/runs/{r}/logs/",
    "/runs/{r}/checkpoints/",
    "/runs/{r}/events",
]

text = st.sampled_from(WORDS) | st.text('ab\0é/%"', max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | text, inner, max_size=4),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(KEYS), values, max_size=6) | values
MEANT = {"name": "n", "actions": ACTIONS, "action_name": "train", "action_index": 1, "entries": [{"message": "m"}]}
_slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def _answered_well(answer: Any) -> bool:
    if answer.status_code >= 400:
        assert answer.status_code in (400, 404, 405, 409, 422), answer.text
        assert set(answer.json()) == {"detail"}
        return False
    return True


@ours
@settings(max_examples=25, deadline=None, suppress_health_check=_slow)
@given(endpoint=st.sampled_from(ENDPOINTS), body=bodies, meant=st.booleans())
@example(endpoint=("PATCH", "/runs/{r}"), body={"completed_at": "9999-12-31T23:59:59-09:00"}, meant=False)
def test_any_body_is_done_or_refused(there, pipeline, run, endpoint, body, meant):
    method, path = endpoint
    place = path.format(p=pipeline["id"], r=run["id"])
    before = there.ok("GET", f"/runs/{run['id']}")
    sent = {**MEANT, **body} if meant and isinstance(body, dict) else body
    answer = there.call(method, place, data=json.dumps(sent), headers={"content-type": "application/json"})
    if not _answered_well(answer):
        assert there.ok("GET", f"/runs/{run['id']}") == before


@ours
@settings(max_examples=15, deadline=None, suppress_health_check=_slow)
@given(
    path=st.sampled_from(LISTS),
    params=st.dictionaries(st.sampled_from(PARAMETERS), text | st.integers().map(str), max_size=3),
)
def test_any_query_is_answered_or_refused(there, pipeline, run, path, params):
    _answered_well(there.call("GET", path.format(p=pipeline["id"], r=run["id"]), params=params))


@ours
@settings(max_examples=10, deadline=None, suppress_health_check=_slow)
@given(raw=st.binary(max_size=40) | st.text('{}[]":,0en ', max_size=20).map(str.encode))
def test_any_bytes_are_refused_or_understood(there, run, raw):
    _answered_well(there.call("POST", f"/runs/{run['id']}/progress", data=raw))
