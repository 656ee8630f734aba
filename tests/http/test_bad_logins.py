"""Logging in wrongly: refused with what is wrong, and slower with each guess where the platform is exposed."""

from __future__ import annotations

import pytest

from dtlpipe.errors import TooManyRequests, Unauthorized
from mock_server.platform.throttle import ADDRESSES, FREE, LONGEST, MEMORY, Throttle
from mock_server.testing import LocalPlatform

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    "body",
    [
        {"username": "a@b.c", "type": []},
        {"username": "a@b.c", "grant_type": {}},
        {"username": "a@b.c", "password": []},
        {"username": "a@b.c", "password": 5},
        {"username": "a\nb"},
    ],
)
def test_credentials_of_wrong_types_are_refused(http, body):
    http.refused(400, "POST", "/token", json=body)


@pytest.mark.parametrize("callback", ["http://[", "http://localhost:99999", "http://localhost:x/", "http://[::1"])
def test_a_callback_that_is_no_address_is_refused_before_anything_is_granted(http, callback):
    for method, options in (("GET", {}), ("POST", {"data": {"username": "a@b.c", "password": "x"}})):
        body = http.refused(400, method, "/login", params={"callback": callback}, allow_redirects=False, **options)
        assert "callback" in body["message"]


# --- guessing --------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


def guess(throttle, address="10.0.0.1", right=False):
    with throttle.attempt(address):
        if not right:
            raise Unauthorized("wrong")


def wait_after_a_guess(throttle, clock, address="10.0.0.1"):
    """Guesses once, wrongly, as soon as it is allowed; the seconds until the next."""
    with pytest.raises(Unauthorized):
        guess(throttle, address)
    with pytest.raises(TooManyRequests) as caught:
        guess(throttle, address, right=True)
    clock.now += caught.value.retry_after
    return caught.value.retry_after


def test_waits_begin_after_a_few_guesses_and_grow_up_to_a_limit(throttle, clock):
    for _ in range(FREE - 1):
        with pytest.raises(Unauthorized):
            guess(throttle)
    waits = [wait_after_a_guess(throttle, clock) for _ in range(12)]
    assert waits == sorted(waits)
    assert waits[0] < 3
    assert waits[6] > 60
    assert waits[-1] == pytest.approx(LONGEST, abs=1.5)


def test_the_right_password_ends_all_waits_once_its_turn_has_come(throttle, clock):
    for _ in range(FREE - 1):
        with pytest.raises(Unauthorized):
            guess(throttle)
    wait_after_a_guess(throttle, clock)
    guess(throttle, right=True)
    for _ in range(FREE):
        with pytest.raises(Unauthorized):
            guess(throttle)


def test_other_addresses_do_not_wait_but_a_customer_s_other_addresses_do(throttle, clock):
    addresses = ("10.0.0.1", "::ffff:10.0.0.1", "2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1")
    for address in (addresses[0], addresses[2]):
        for _ in range(FREE):
            with pytest.raises(Unauthorized):
                guess(throttle, address)
    for address in (addresses[1], addresses[3]):
        with pytest.raises(TooManyRequests):
            guess(throttle, address)
    guess(throttle, addresses[4], right=True)
    clock.now += MEMORY + 1
    with pytest.raises(Unauthorized):
        guess(throttle)


def test_a_guess_counts_before_it_is_looked_at(throttle):
    """So that many at once are no better than one by one."""
    held = []
    for _ in range(FREE):
        attempt = throttle.attempt("10.0.0.1")
        attempt.__enter__()
        held.append(attempt)
    with pytest.raises(TooManyRequests):
        guess(throttle, right=True)
    for each in held:
        assert not each.__exit__(Unauthorized, Unauthorized("wrong"), None)


def test_what_is_remembered_has_an_end(throttle):
    for number in range(ADDRESSES + 10):
        with pytest.raises(Unauthorized), throttle.attempt(f"host {number}"):
            raise Unauthorized
    assert len(throttle._records) == ADDRESSES


@pytest.fixture(scope="module")
def exposed():
    with LocalPlatform(host="0.0.0.0", password=PASSWORD, jwt_secret="agent") as found:
        yield found


@pytest.fixture
def outside(exposed, connect):
    exposed.platform.tokens.throttle = Throttle()
    return connect(exposed)


GUESSES = {
    "POST /token": {"json": {"username": "a@b.c", "password": "guess"}},
    "POST /login": {"data": {"username": "a@b.c", "password": "guess"}},
    "GET /get_jwt": {"headers": {"X-Get-Jwt-Secret": "guess"}},
}


@pytest.mark.parametrize("way", GUESSES)
def test_an_exposed_platform_answers_guesses_with_429_and_when_to_come_again(outside, way):
    method, path = way.split()
    for _ in range(FREE):
        assert outside.request(method, path, **GUESSES[way]).status_code in (401, 403)
    right = {"username": "a@b.c", "password": PASSWORD}
    answer = outside.post("/token", json=right, headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert "id_token" not in answer.text
    assert "next try" in answer.json()["message"]
    outside.refused(429, "GET", "/get_jwt", headers={"X-Get-Jwt-Secret": "agent"})


def test_tokens_go_on_working_while_their_address_has_to_wait(outside):
    token = outside.ok("POST", "/token", json={"username": "a@b.c", "password": PASSWORD})
    for _ in range(FREE + 2):
        outside.post("/token", json={"username": "a@b.c", "password": "guess"})
    headers = {"Authorization": f"Bearer {token['id_token']}"}
    assert outside.ok("GET", "/api/v1/users/me", headers=headers)["email"] == "a@b.c"
    refresh = {"type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert "id_token" in outside.ok("POST", "/token", json=refresh)


def test_what_is_no_login_at_all_is_no_guess(outside):
    for _ in range(FREE + 2):
        outside.refused(400, "POST", "/token", json={"username": "a@b.c", "password": 5})
        outside.refused(403, "GET", "/get_jwt")
    assert outside.ok("POST", "/token", json={"username": "a@b.c", "password": PASSWORD})


def test_a_platform_of_this_machine_alone_takes_any_password_any_time(http):
    for number in range(FREE + 2):
        http.ok("POST", "/token", json={"username": "a@b.c", "password": str(number)})
