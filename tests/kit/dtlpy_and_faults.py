"""What the real dtlpy makes of each fault, set from its own process as one without the test kit would."""

from __future__ import annotations

import sys

import dtlpy as dl
import requests

url = sys.argv[1]
FAULTS = f"{url}/api/v1/platform/faults"
EXPECTED = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    424: "FailedDependency",
    500: "InternalServerError",
    429: "UnknownException",
    413: "UnknownException",
}


def fault(**rule):
    requests.delete(FAULTS, timeout=10)
    made = requests.post(FAULTS, json=rule, timeout=10)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def struck():
    return requests.get(FAULTS, timeout=10).json()["items"][0]["struck"]


for status, name in EXPECTED.items():
    fault(operation="create_project", status=status, message=f"as asked: {status}")
    try:
        dl.projects.create("never")
    except getattr(dl.exceptions, name) as error:
        seen = str(error.status_code), str(error)
    else:
        raise AssertionError(f"{status} was not seen")
    assert seen[0] == str(status), seen
    assert f"as asked: {status}" in seen[1]

fault(route="*", refuse=True)
try:
    dl.projects.list()
except dl.exceptions.Unauthorized as error:
    refusal = str(error)
else:
    raise AssertionError("the refusal was not seen")
assert "expired" in refusal

fault(operation="list_projects", reset=True, times=1)  # which it gets over by itself
assert [each.name for each in dl.projects.list()] == []
assert struck() == 1

fault(operation="create_project", status=503, times=1)  # after which it sends the POST again
assert dl.projects.create("twice asked, once made").name == "twice asked, once made"
assert struck() == 1
requests.delete(FAULTS, timeout=10)
assert len(dl.projects.list()) == 1

fault(route="GET */projects", truncate=5)
try:
    dl.projects.list()
except requests.exceptions.RequestException:
    pass
else:
    raise AssertionError("the short answer was not seen")
requests.delete(FAULTS, timeout=10)
print("all seen")
