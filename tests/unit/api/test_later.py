"""Answers that wait without a thread: how the ends of many are told apart."""

from __future__ import annotations

import time

from mock_server.api.later import Found, Later
from mock_server.platform.hub import Hub


class Nobody:
    """Takes an answer, and never goes."""

    def __init__(self):
        self.answers = []

    def answer(self, status, headers, body):
        self.answers.append((status, body))

    def on_gone(self, callback):
        pass


def crowd(count):
    hub = Hub()
    later, waiting = Later(hub), [Nobody() for _ in range(count)]
    began = time.monotonic()
    for each in waiting:
        later.answer("run", lambda last: Found(200, [], b"") if last else None, 1000.0, each, lambda _: None)
    ends = sorted(end - began for end, _, _ in list(later._ends))
    hub.close()
    while not all(each.answers for each in waiting):
        time.sleep(0.001)
    return ends


def test_a_few_who_wait_are_held_for_as_long_as_they_asked():
    assert min(crowd(50)) >= 1000.0


def test_thousands_who_came_together_are_not_told_together_that_there_is_nothing_yet():
    ends = crowd(2000)
    in_each_tenth = [sum(750 + 25 * tenth <= end < 775 + 25 * tenth for end in ends) for tenth in range(10)]
    assert min(in_each_tenth) >= 150
