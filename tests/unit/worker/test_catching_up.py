"""What is not taken up yet, after a start, is there for whoever asks for it, and comes in its turn."""

import pytest

from mock_server.platform import lifecycle
from mock_server.worker import catching_up
from tests.unit.worker.staged import Place


@pytest.fixture
def left(tmp_path):
    """A place with seven open runs, the last of them urgent, in which three are taken up and the rest comes by hand."""
    place = Place(tmp_path / "data").open()
    runs = [place.begin({"x": number}, 5 if number == 6 else 0)[0] for number in range(7)]
    place.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catching_up, "SLICE", 3)
        patch.setattr(catching_up.CatchingUp, "_pump", lambda _: None)
        place.open()
        yield place, runs
        place.close()


def taken_up(place, runs):
    return [number for number, run in enumerate(runs) if run in place.worker._core.runs]


def go_on(place):
    place.store.write(place.worker.guarded(place.worker._catching_up._go_on))


def test_the_most_urgent_and_then_the_oldest_are_taken_up_first_a_few_at_a_time(left):
    place, runs = left
    assert taken_up(place, runs) == [0, 1, 6]
    assert place.worker.open_runs == 7
    assert place.worker.vitals().runs == 7
    go_on(place)
    assert taken_up(place, runs) == [0, 1, 2, 3, 4, 6]
    go_on(place)
    assert taken_up(place, runs) == list(range(7))
    assert place.worker._core.expected == {}


def test_what_comes_later_waits_behind_what_was_left_open(left):
    place, runs = left
    new, _ = place.begin({"x": 9})
    go_on(place)
    go_on(place)
    open_ = place.worker._core.runs
    assert all(open_[run].turn < open_[new].turn for run in runs)


def test_a_run_that_is_not_taken_up_yet_can_be_ended_and_paused(left):
    place, runs = left
    assert place.worker.cancel_run(runs[4], "enough").result(10)
    assert place.store.get_run(runs[4]).status == lifecycle.TERMINATED
    assert place.worker.pause_run(runs[5], paused=True).result(10)
    assert place.store.get_run(runs[5]).paused
    (waiting,) = place.store.executions_of([runs[3]])[runs[3]]
    assert place.worker.cancel_execution(waiting.id, "enough").result(10)
    assert place.store.get_run(runs[3]).status in lifecycle.FINAL
    assert taken_up(place, runs) == [0, 1, 5, 6]
    go_on(place)
    assert taken_up(place, runs) == [0, 1, 2, 5, 6]
    assert place.worker._core.expected == {}


def test_memory_that_is_lost_meanwhile_is_rebuilt_with_nothing_twice(left):
    place, runs = left
    go_on(place)
    place.worker.forget(rows=True)
    go_on(place)
    assert taken_up(place, runs) == [0, 1, 2, 3, 4, 6]
    go_on(place)
    assert taken_up(place, runs) == list(range(7))


def test_no_run_of_a_pipeline_with_a_limit_begins_before_those_that_were_left_open_are_there(left):
    place, _runs = left
    place.store.write(
        place.worker.guarded(lambda tx: place.worker.regulate(tx, {"id": "p1", "settings": {"maxConcurrentRuns": 50}}))
    )
    new, _ = place.begin({"x": 9})
    assert place.store.get_run(new).status == lifecycle.PENDING
    go_on(place)
    go_on(place)
    assert place.store.get_run(new).status == lifecycle.RUNNING
