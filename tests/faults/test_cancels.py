"""Row 14: cancels at any moment: one end each, and none that was told "cancelled" is done after all."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.faults import invariants
from tests.faults.rows import times


@pytest.mark.parametrize("cancels", times(40, 1000))
def test_a_run_that_is_cancelled_at_any_moment_has_one_end(platform, record_row, cancels):
    pipeline = platform.pipeline(platform.project(), "return x", "import time; time.sleep(0.003); return x", "return x")
    chance, told = random.Random(14), Counter()
    offsets = [chance.random() * chance.choice((0.01, 0.1)) for _ in range(cancels)]

    def race(number):
        with requests.Session() as session:
            session.trust_env = False
            run = platform.submit(pipeline, f"c{number}", session, x=number).json()
            time.sleep(offsets[number])
            address = f"{platform.api}/pipelines/{pipeline['id']}/executions/{run['id']}/terminate"
            answer = session.post(address, timeout=60)
            return run["id"], answer.status_code, answer.json()

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(race, range(cancels)))
    found = {id: platform.settled({"pipelineId": pipeline["id"], "id": id}) for id, _, _ in ends}
    seen = invariants.check(platform.place, [id for id, _, _ in ends])
    finals = Counter(event.run_id for event in seen.events if event.kind == "run.ended")
    for id, status, body in ends:
        told[status] += 1
        assert finals[id] == 1, f"run {id} ended {finals[id]} times"
        if status == 200:
            assert (body["status"], found[id]["status"]) == ("terminated", "terminated")
        else:
            assert (status, found[id]["status"]) == (409, "success"), body
    last = {event.run_id: event.id for event in seen.events if event.kind == "run.ended"}
    late = [event for event in seen.events if event.run_id in last and event.id > last[event.run_id]]
    assert not late, f"events after the end of their run: {late[:3]}"
    record_row(
        "14",
        "cancel at a random offset",
        times=cancels,
        gate="one terminal state each; none done after it was cancelled",
        measured=f"{told[200]} cancelled, {told[409]} were over before; {cancels} ends",
    )


@pytest.mark.parametrize("cancels", times(10, 200))
def test_a_cancel_and_its_double_at_the_same_time_end_the_run_once(platform, cancels):
    pipeline = platform.pipeline(platform.project(), "import time; time.sleep(0.02); return x", "return x")
    address = f"{platform.api}/pipelines/{pipeline['id']}/executions/"

    def cancel(id):
        return requests.post(f"{address}{id}/terminate", timeout=60).status_code

    with ThreadPoolExecutor(4) as pool:
        for number in range(cancels):
            id = platform.execute(pipeline, x=number)["id"]
            answers = sorted(pool.map(cancel, [id] * 4))
            assert answers in ([200, 409, 409, 409], [409] * 4), answers
    invariants.check(platform.place)
