"""Waiting: held requests where the platform holds them, polls elsewhere, and an end in any case."""

from __future__ import annotations

import pytest

from dtlpipe.errors import ConnectionFailed, NotFound, WaitTimeout
from dtlpipe.sansio.effects import Now, Request, Sleep
from dtlpipe.sansio.waiting import HOLD, PATIENCE, wait_until
from tests.unit.sdk.hand import Hand, reply

RUNNING, OVER = {"status": "in-progress"}, {"status": "success"}


class Waiting(Hand):
    """Answers the clock by itself."""

    def __init__(self, **options):
        self.now = 100.0
        super().__init__(wait_until(Request("GET", "/runs/1"), lambda data: data["status"] == "success", **options))

    def _next(self, move):
        step = super()._next(move)
        while isinstance(step, Now) and not self.done:
            step = super()._next(lambda: self.generator.send(self.now))
        return step

    def pause(self):
        self.now += self.step.seconds
        return self.answer()


def test_what_is_over_already_is_answered_by_one_request():
    hand = Waiting()
    assert hand.step.params == {"wait": HOLD}
    assert hand.step.held
    assert hand.step.timeout > HOLD
    hand.answer(reply(OVER))
    assert hand.result == OVER


def test_a_platform_that_holds_requests_is_asked_again_at_once():
    hand = Waiting()
    hand.now += HOLD
    hand.answer(reply(RUNNING, x_dtlpipe_waited="1"))
    assert isinstance(hand.step, Request)


def test_a_platform_that_only_says_that_it_holds_is_not_hammered():
    hand = Waiting()
    hand.answer(reply(RUNNING, x_dtlpipe_waited="1"))
    assert isinstance(hand.step, Sleep)


def test_another_platform_is_polled_with_growing_pauses():
    hand = Waiting(interval=0.1, longest=0.3)
    pauses = []
    for _ in range(6):
        assert isinstance(hand.answer(reply(RUNNING)), Sleep)
        pauses.append(hand.step.seconds)
        hand.pause()
    assert pauses[0] == 0.1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.3


def test_the_timeout_ends_the_wait_and_names_the_work():
    hand = Waiting(timeout=1.0, interval=0.6, what="run 1")
    assert hand.step.params == {"wait": 1.0}
    hand.answer(reply(RUNNING))
    hand.pause()
    assert hand.step.params == {"wait": 0.4}
    hand.answer(reply(RUNNING))
    assert hand.step.seconds == pytest.approx(0.4)
    hand.pause()
    with pytest.raises(WaitTimeout, match="run 1 was not done within 1 s") as caught:
        hand.answer(reply(RUNNING))
    assert isinstance(caught.value, TimeoutError)


def test_the_last_look_counts_even_when_the_time_is_over():
    hand = Waiting(timeout=0.0)
    hand.answer(reply(OVER))
    assert hand.result == OVER


def test_a_platform_that_restarts_meanwhile_is_waited_for():
    hand = Waiting()
    hand.now += HOLD
    hand.answer(reply(RUNNING, x_dtlpipe_waited="1"))
    hand.fail(ConnectionFailed("gone"))
    assert isinstance(hand.step, Sleep)
    hand.pause()
    hand.answer(reply(OVER))
    assert hand.result == OVER


def test_a_platform_that_stays_away_is_not():
    hand = Waiting()
    hand.now += HOLD
    hand.answer(reply(RUNNING, x_dtlpipe_waited="1"))
    hand.now += PATIENCE + 1
    with pytest.raises(ConnectionFailed):
        hand.fail(ConnectionFailed("gone"))


def test_a_platform_that_never_answered_is_not_waited_for():
    with pytest.raises(ConnectionFailed):
        Waiting().fail(ConnectionFailed("gone"))


def test_what_is_not_there_is_not_waited_for():
    with pytest.raises(NotFound):
        Waiting().fail(NotFound("no such run"))
