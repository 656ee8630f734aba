"""When a cron expression strikes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.platform.schedules import Schedule

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def strikes(spec, after, count):
    schedule, found = Schedule.read(spec), []
    while len(found) < count and (after := schedule.next(after)) is not None:
        found.append(after)
    return [each.isoformat(sep=" ")[:19] for each in found]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("*/20 * * * *", ["2026-01-01 00:20:00", "2026-01-01 00:40:00", "2026-01-01 01:00:00"]),
        ("30 4 1 * *", ["2026-01-01 04:30:00", "2026-02-01 04:30:00", "2026-03-01 04:30:00"]),
        ("0 12 * * MON-FRI", ["2026-01-01 12:00:00", "2026-01-02 12:00:00", "2026-01-05 12:00:00"]),
        ("*/30 * * * * *", ["2026-01-01 00:00:30", "2026-01-01 00:01:00", "2026-01-01 00:01:30"]),
        ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
    ],
)
def test_an_expression_names_moments(cron, expected):
    assert strikes({"cron": cron}, NEW_YEAR, 3) == expected


def test_an_hour_is_one_of_utc_wherever_the_time_is_told():
    there = NEW_YEAR.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert Schedule.read({"cron": "0 * * * *"}).next(there) == NEW_YEAR + timedelta(hours=1)


def test_it_holds_from_its_start_to_its_end_both_included():
    spec = {"cron": "0 * * * *", "startAt": "2026-01-01T03:00:00Z", "endAt": "2026-01-01T05:00:00.000Z"}
    expected = ["2026-01-01 03:00:00", "2026-01-01 04:00:00", "2026-01-01 05:00:00"]
    assert strikes(spec, NEW_YEAR, 10) == expected
    assert strikes({**spec, "startAt": "2026-01-01T03:00:00.500Z"}, NEW_YEAR, 10) == expected[1:]
    assert strikes({**spec, "startAt": None, "endAt": None}, NEW_YEAR, 1) == ["2026-01-01 01:00:00"]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "None"),
        ({"cron": 5}, "5"),
        ({"cron": "* * * *"}, "five fields"),
        ({"cron": "61 * * * *"}, "Bad minute"),
        ({"cron": "* * 30 2 *"}, "Bad day-of-month"),
        ({"cron": "9" * 5000 + " * * * *"}, "is wrong"),
        ({"cron": "* * * * *", "startAt": "soon"}, "startAt is 'soon'"),
        ({"cron": "* * * * *", "endAt": 7}, "endAt is 7"),
        ({"cron": "* * * * *", "endAt": "0001-01-01T00:00:00+12:00"}, "endAt"),
    ],
)
def test_what_is_no_schedule_is_told(spec, named):
    with pytest.raises(ValueError, match=named):
        Schedule.read(spec)


def test_a_schedule_of_the_last_day_of_time_ends_there():
    assert Schedule.read({"cron": "* * * * *"}).next(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) is None


@given(
    cron=st.sampled_from(["* * * * *", "*/7 3 * * *", "0 0 L * *", "15 10 * * 1#2", "*/9 * * * * *"]),
    after=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_no_moment_is_skipped_or_named_twice_from_wherever_one_looks(cron, after):
    schedule = Schedule.read({"cron": cron})
    following = schedule.next(after)
    assert following > after
    between = after + (following - after) / 2
    assert schedule.next(between) == following
    assert schedule.next(following - timedelta(microseconds=1)) == following
    assert schedule.next(following) > following
