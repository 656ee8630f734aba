"""The exchange, without any I/O: authorisation, renewal, errors, and what is sent again."""

from __future__ import annotations

import base64
import json

import pytest

from dtlpipe.errors import (
    BadRequest,
    ConnectionFailed,
    Forbidden,
    NotFound,
    TokenExpired,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnknownException,
)
from dtlpipe.sansio.effects import Download, Request, Response, Sleep, TransportError, Upload
from dtlpipe.sansio.wire import WireDownload, WireRequest, WireUpload
from tests.unit.sdk.hand import Hand, exchange, reply

GET = Request("GET", "/things/1")
POST = Request("POST", "/things", json={"a": 1})
ONCE = Request("POST", "/things", json={"a": 1}, once=True)


def jwt(**claims) -> str:
    def part(data):
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.signature"


def begin(*requests: Request, **options) -> Hand:
    """An operation that makes the requests one after the other and returns the last one's data."""

    def op():
        data = None
        for request in requests:
            response: Response = yield request
            data = response.json()
        return data

    return Hand(exchange(**options).converse(op()))


def test_a_request_becomes_one_attempt_with_url_body_and_headers():
    hand = begin(Request("POST", "/things", json={"ä": [1, None]}, params={"a": "b c", "none": None}, timeout=3))
    step = hand.step
    assert isinstance(step, WireRequest)
    assert step.url == "https://platform.example/api/v1/things?a=b+c"
    assert json.loads(step.content) == {"ä": [1, None]}
    assert step.headers["content-type"] == "application/json"
    assert "authorization" not in step.headers
    assert step.timeout == 3
    hand.answer(reply({"id": "1"}))
    assert hand.done
    assert hand.result == {"id": "1"}


def test_a_form_is_form_encoded():
    step = begin(Request("POST", "/projects", form={"name": "a b"})).step
    assert step.content == b"name=a+b"
    assert step.headers["content-type"] == "application/x-www-form-urlencoded"


def test_the_gate_is_beside_the_api():
    assert begin(Request("GET", "/get_jwt", gate=True)).step.url == "https://platform.example/get_jwt"


def test_a_token_is_sent_as_a_bearer():
    assert begin(GET, token="opaque").step.headers["authorization"] == "Bearer opaque"


def test_no_token_is_shown_by_repr():
    hand = begin(GET, token="opaque")
    assert "opaque" not in repr(hand.step)
    assert "opaque" not in repr(exchange(token="opaque").settings)
    assert "hunter2" not in repr(exchange(username="u", password="hunter2").settings)
    assert "opaque" not in repr(exchange(token="opaque").identity)


def test_credentials_get_a_token_before_the_first_request():
    hand = begin(GET, GET, username="me@x", password="secret")
    assert hand.step.url == "https://platform.example/token?default"
    assert "authorization" not in hand.step.headers
    assert json.loads(hand.step.content) == {"username": "me@x", "password": "secret", "type": "user_credentials"}
    token = jwt(exp=9999, email="me@x")
    hand.answer(reply({"id_token": token, "refresh_token": "r"}))
    assert hand.step.headers["authorization"] == f"Bearer {token}"
    hand.answer(reply({}))
    assert hand.step.url.endswith("/things/1"), "the second request needs no login"


def test_wrong_credentials_are_the_login_s_error():
    hand = begin(GET, username="me@x", password="secret")
    with pytest.raises(Unauthorized, match="no such user"):
        hand.answer(reply({"message": "no such user"}, 401))


def test_a_token_about_to_end_is_renewed_before_it_is_used():
    hand = begin(GET, token=jwt(exp=1050), refresh_token="r", now=1000.0)
    assert json.loads(hand.step.content) == {"type": "refresh_token", "refresh_token": "r"}
    hand.answer(reply({"id_token": "new"}))
    assert hand.step.headers["authorization"] == "Bearer new"


def test_a_token_that_ended_and_cannot_be_renewed_is_not_sent():
    with pytest.raises(TokenExpired, match="log in again"):
        begin(GET, token=jwt(exp=999), now=1000.0)


def test_a_refused_token_is_renewed_once():
    hand = begin(GET, token="old", refresh_token="r")
    hand.answer(reply({"message": "no"}, 401))
    assert hand.step.url.endswith("/token?default")
    hand.answer(reply({"id_token": "new"}))
    assert hand.step.headers["authorization"] == "Bearer new"
    with pytest.raises(Unauthorized):
        hand.answer(reply({"message": "still no"}, 401))


def test_a_refused_renewal_leaves_the_first_refusal():
    hand = begin(GET, token="old", refresh_token="r")
    hand.answer(reply({"message": "token revoked"}, 401))
    with pytest.raises(Unauthorized, match="token revoked"):
        hand.answer(reply({"message": "refresh token unknown"}, 400))


def test_a_refresh_token_that_is_over_falls_back_to_the_password():
    hand = begin(GET, token=jwt(exp=1), refresh_token="r", username="me", password="p")
    assert json.loads(hand.step.content)["type"] == "refresh_token"
    hand.answer(reply({"message": "over"}, 401))
    assert json.loads(hand.step.content)["type"] == "user_credentials"
    hand.answer(reply({"id_token": "new"}))
    assert hand.step.headers["authorization"] == "Bearer new"


def test_a_local_platform_that_wants_a_token_hands_one_to_its_own_machine():
    hand = begin(GET, url="http://127.0.0.1:8080")
    hand.answer(reply({"message": "who?"}, 401))
    assert (hand.step.method, hand.step.url) == ("GET", "http://127.0.0.1:8080/get_jwt")
    hand.answer(reply({"jwt": "local"}))
    assert hand.step.headers["authorization"] == "Bearer local"


def test_a_token_of_one_s_own_machine_is_renewed_there():
    def op():
        yield GET
        yield GET

    talk = exchange("http://127.0.0.1:8080", now=1000.0)
    hand = Hand(talk.converse(op()))
    hand.answer(reply({"message": "who?"}, 401))
    hand.answer(reply({"jwt": jwt(exp=2000)}))
    talk._clock = lambda: 1990.0
    hand.answer(reply({}))
    assert hand.step.url == "http://127.0.0.1:8080/get_jwt"


@pytest.mark.parametrize("answer", [{}, [], {"id_token": None}, "words"])
def test_a_login_that_is_answered_without_a_token_says_so(answer):
    with pytest.raises(Unauthorized, match=r"platform\.example/token\?default answered the login without a token"):
        begin(GET, username="me", password="p").answer(reply(answer))


def test_a_token_that_was_given_is_not_replaced_by_the_machine_s():
    with pytest.raises(Unauthorized):
        begin(GET, url="http://127.0.0.1:8080", token="mine").answer(reply({"message": "no"}, 401))


def test_a_foreign_platform_is_never_asked_for_a_token_without_credentials():
    with pytest.raises(Unauthorized, match=r"dl\.login_m2m"):
        begin(GET).answer(reply({"message": "who?"}, 401))


def test_an_error_s_body_becomes_the_status_s_class_with_all_it_says():
    hand = begin(POST)
    with pytest.raises(BadRequest) as caught:
        hand.answer(
            reply(
                {
                    "message": "port types differ",
                    "errors": [{"path": ["nodes", 0, "inputs"], "message": "Item is not String"}],
                    "hint": "connect to another port",
                    "node": "resize",
                    "port": "item",
                    "requestId": "r1",
                },
                400,
            )
        )
    error = caught.value
    assert (error.status, error.status_code == "400", error.request_id) == (400, True, "r1")
    assert (error.node, error.port) == ("resize", "item")
    assert "nodes.0.inputs: Item is not String" in str(error)
    assert "connect to another port" in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "gave no reason"),
        (b"<html><h1>Bad gateway</h1>", "a web page"),
        (b"plain words", "plain words"),
        (b'{"error": {"message": "nested"}}', "nested"),
        (b'{"detail": "in detail"}', "in detail"),
        (b"[1]", r"\[1\]"),
        (b"\xff\xfe", "�"),
    ],
)
def test_whatever_a_refusal_s_body_is_it_makes_a_message(body, message):
    with pytest.raises(Forbidden, match=message):
        begin(POST).answer(Response(403, {}, body))


def test_an_unknown_status_keeps_its_number():
    with pytest.raises(UnknownException) as caught:
        begin(POST).answer(reply({"message": "short"}, 418))
    assert caught.value.status == 418


def test_a_redirect_is_an_error_that_says_where_to():
    with pytest.raises(UnknownException, match="elsewhere: https://other"):
        begin(GET).answer(reply(status=302, location="https://other"))


def test_an_answer_that_is_not_json_names_what_it_is():
    with pytest.raises(UnknownException, match=r"<!doctype html>.*|/api/v1"):
        begin(GET).answer(Response(200, {}, b"<!doctype html>"))


def test_too_many_requests_are_sent_again_after_what_the_platform_says():
    hand = begin(POST)
    assert hand.answer(reply({"message": "slow down"}, 429, retry_after="7")) == Sleep(7.0)
    hand.answer()
    assert isinstance(hand.step, WireRequest)
    hand.answer(reply({"id": "1"}))
    assert hand.result == {"id": "1"}


def test_retry_after_may_be_a_date():
    hand = begin(POST, now=0.0)
    assert hand.answer(reply(status=429, retry_after="Thu, 01 Jan 1970 00:00:05 GMT")) == Sleep(5.0)


def test_a_long_retry_after_is_not_sat_out():
    with pytest.raises(TooManyRequests) as caught:
        begin(GET).answer(reply({"message": "tomorrow"}, 429, retry_after="3600"))
    assert caught.value.retry_after == 3600


def test_sending_again_ends():
    hand = begin(GET)
    for _ in range(3):
        hand.answer(reply({"message": "busy"}, 503, retry_after="1"))
        assert hand.step == Sleep(1.0)
        hand.answer()
    with pytest.raises(Unavailable):
        hand.answer(reply({"message": "busy"}, 503, retry_after="1"))


def test_pauses_between_attempts_grow():
    hand = begin(GET)
    pauses = []
    for _ in range(3):
        pauses.append(hand.answer(reply(status=429)).seconds)
        hand.answer()
    assert pauses == sorted(set(pauses))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_post_without_a_key_is_not_repeated_behind_a_failing_gateway(status):
    with pytest.raises((Unavailable, UnknownException)):
        begin(POST).answer(reply({"message": "?"}, status))


def test_a_broken_get_is_sent_again():
    hand = begin(GET)
    assert isinstance(hand.fail(TransportError("broken", "reset")), Sleep)
    hand.answer()
    hand.answer(reply({"id": "1"}))
    assert hand.result == {"id": "1"}


def test_a_broken_post_is_not_sent_again_and_says_what_to_do():
    with pytest.raises(ConnectionFailed, match="look before you repeat it"):
        begin(POST).fail(TransportError("broken", "reset"))


def test_a_broken_post_that_only_reads_is_sent_again():
    hand = begin(Request("POST", "/things/query", json={}, idempotent=True))
    assert isinstance(hand.fail(TransportError("broken", "reset")), Sleep)


def test_a_key_is_made_once_and_kept_over_all_attempts():
    hand = begin(ONCE, ONCE, url="http://127.0.0.1:1")
    first = hand.step.headers["idempotency-key"]
    hand.fail(TransportError("broken", "reset"))
    hand.answer()
    assert hand.step.headers["idempotency-key"] == first
    hand.answer(reply({}))
    assert hand.step.headers["idempotency-key"] != first


def test_a_keyed_post_is_repeated_only_where_keys_are_honoured():
    with pytest.raises(ConnectionFailed):
        begin(ONCE).fail(TransportError("broken", "reset"))
    hand = begin(GET, ONCE)
    hand.answer(reply({}, x_dtlpipe_platform="0.1"))
    assert isinstance(hand.fail(TransportError("broken", "reset")), Sleep)


def test_a_timeout_is_tried_twice_at_most():
    hand = begin(GET)
    assert isinstance(hand.fail(TransportError("timeout", "read")), Sleep)
    hand.answer()
    with pytest.raises(ConnectionFailed, match="no answer within 60 s"):
        hand.fail(TransportError("timeout", "read"))


def test_a_refused_connection_fails_at_once_and_says_how_to_start_a_platform():
    hand = begin(GET, url="http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed) as caught:
        hand.fail(TransportError("refused", "connection refused"))
    assert "http://127.0.0.1:9" in str(caught.value)
    assert "dtlpipe platform start" in str(caught.value)
    assert isinstance(caught.value, ConnectionError)


def test_an_operation_may_handle_an_error_and_go_on():
    def op():
        try:
            yield GET
        except NotFound:
            response = yield Request("GET", "/things/2")
            return response.json()

    hand = Hand(exchange().converse(op()))
    hand.answer(reply({"message": "gone"}, 404))
    assert hand.step.url.endswith("/things/2")
    hand.answer(reply({"id": "2"}))
    assert hand.result == {"id": "2"}


def test_the_operation_s_frame_is_in_the_traceback():
    def the_operation():
        yield GET

    hand = Hand(exchange().converse(the_operation()))
    with pytest.raises(NotFound) as caught:
        hand.answer(reply({"message": "gone"}, 404))
    assert "the_operation" in [entry.name for entry in caught.traceback]


def test_an_operation_that_is_dropped_is_closed():
    ended = []

    def op():
        try:
            yield GET
        finally:
            ended.append(True)

    hand = Hand(exchange().converse(op()))
    hand.generator.close()
    assert ended == [True]


def test_an_upload_is_repeatable_and_a_download_asks_for_its_range():
    def op():
        yield Upload("/datasets/1/items", source=b"x", filename="x", params={"mode": "skip"})
        yield Download("/items/1/stream", start=5)

    hand = Hand(exchange(token="t").converse(op()))
    assert isinstance(hand.step, WireUpload)
    assert hand.step.url.endswith("/datasets/1/items?mode=skip")
    assert isinstance(hand.fail(TransportError("broken", "reset")), Sleep)
    hand.answer()
    assert isinstance(hand.step, WireUpload)
    hand.answer(reply({}))
    assert isinstance(hand.step, WireDownload)
    assert hand.step.headers["range"] == "bytes=5-"
    assert hand.step.headers["authorization"] == "Bearer t"
    with pytest.raises(NotFound):
        hand.answer(reply({"message": "gone"}, 404))
