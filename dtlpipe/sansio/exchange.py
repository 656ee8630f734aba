"""The exchange: one conversation with one platform, pure.

It turns an operation's effects into attempts for a transport:
it adds the authorisation, renews it in time, maps answers to errors and decides what is sent again.

What is sent again, and never more than `ATTEMPTS` times in all:

| what happened                         | sent again if                                                              |
|---------------------------------------|----------------------------------------------------------------------------|
| no connection could be made           | never: ConnectionFailed at once, so that a platform that is off is noticed |
| connection or answer broke, timed out | it is repeatable, or carries a key that the platform honours (timeouts once)|
| 429                                   | always, after Retry-After or a growing pause: it was not done              |
| 502, 503, 504                         | as for broken connections                                                  |
| 401                                   | once, with a renewed token, if there is a way to one                       |

A Retry-After of more than `LONGEST_PAUSE` seconds is not sat out; the error carries it. An Idempotency-Key is made
once a request and kept over its attempts. Platforms on loopback honour keys, others if they say so by
`x-dtlpipe-platform`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, TypeVar
from urllib.parse import urlencode

import attrs

from dtlpipe.config import Settings
from dtlpipe.errors import ConnectionFailed, PlatformException, TokenExpired
from dtlpipe.integrations import trace_context
from dtlpipe.sansio import parentage
from dtlpipe.sansio.effects import (
    ByteStream,
    Download,
    Effect,
    Emit,
    Flow,
    Listen,
    Op,
    Request,
    Response,
    Sleep,
    TransportError,
    Upload,
)
from dtlpipe.sansio.identity import Identity
from dtlpipe.sansio.refusals import refusal
from dtlpipe.sansio.wire import WireDownload, WireListen, WireRequest, WireUpload

T = TypeVar("T")

Wire = WireRequest | WireUpload | WireDownload | WireListen

#: What a driver is asked for: attempts, and the effects that the exchange lets pass.
Step = Wire | Effect | Emit[Any]

ATTEMPTS = 4
LONGEST_PAUSE = 60.0
_GATEWAY = (502, 503, 504)

GET_JWT = "/get_jwt"

USER_AGENT = "dtlpipe/0.1"


class Exchange:
    """The conversation's state: settings, identity, and whether the platform honours idempotency keys."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        new_key: Callable[[], str],
    ) -> None:
        """Begins a conversation.

        Args:
            settings: whom to talk to, as whom.
            clock: Unix time in seconds, which the ends of tokens are compared with.
            chance: a number from 0 to 1, which spreads the pauses of many clients.
            new_key: a fresh idempotency key.
        """
        self.settings = settings
        self.identity = Identity(settings)
        self.honours_keys = settings.loopback
        self._clock = clock
        self._chance = chance
        self._new_key = new_key
        self._accept = {"accept": "application/json", "user-agent": USER_AGENT}

    # -- driving operations -------------------------------------------------------------------------------------------

    def converse(self, op: Op[T] | Flow[Any]) -> Generator[Step, Any, Any]:
        """An operation with its requests made into attempts.

        Errors are thrown into it, so that its frame is in their traceback and it may handle them.
        """
        answer: Any = None
        failure: Exception | None = None
        try:
            while True:
                try:
                    if failure is None:
                        effect = op.send(answer)
                    else:
                        effect = op.throw(failure)
                except StopIteration as done:
                    return done.value
                answer = failure = None
                try:
                    if isinstance(effect, Request):
                        answer = yield from self._traced(effect)
                    elif isinstance(effect, Upload):
                        answer = yield from self._attempts(effect, self._upload, repeatable=True)
                    elif isinstance(effect, Download):
                        answer = yield from self._attempts(effect, self._download, repeatable=True)
                    elif isinstance(effect, Listen):
                        answer = yield from self._attempts(effect, self._listen, repeatable=True)
                    else:
                        answer = yield effect
                except Exception as error:  # noqa: BLE001 - the operation's own to handle, whatever it is
                    failure = error
        finally:
            failure = None  # its traceback holds this frame: a circle, which would keep all of it until it is collected
            op.close()

    def _traced(self, asked: Request) -> Generator[Step, Any, Response]:
        """All attempts at a request as one span, which the platform's are below, for those who trace."""
        span = trace_context.begin(f"{asked.method} {asked.path}", "CLIENT", {"http.request.method": asked.method})
        header = None if span is None else trace_context.header_of(span)
        if header is not None:
            asked = attrs.evolve(asked, headers={**(asked.headers or {}), trace_context.HEADER: header})
        try:
            answer: Response = yield from self._attempts(
                asked, self._request, repeatable=asked.repeatable, once=asked.once
            )
        except BaseException as error:
            if span is not None:
                trace_context.fail(span, str(error))
            raise
        finally:
            if span is not None:
                span.end()
        return answer

    # -- attempts -----------------------------------------------------------------------------------------------------

    def _attempts(
        self, asked: Any, compose: Callable[[Any, str | None], Wire], *, repeatable: bool, once: bool = False
    ) -> Generator[Step, Any, Any]:
        key = self._new_key() if once else None
        authorized = getattr(asked, "authorized", True)
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            if authorized:
                yield from self._authorize()
            wire = compose(asked, key)
            try:
                answer: Response | ByteStream = yield wire
            except TransportError as failure:
                again = repeatable or (once and self.honours_keys)
                most = 2 if failure.kind == "timeout" else ATTEMPTS
                if failure.kind == "refused" or not again or attempt >= most:
                    raise self._unreachable(wire, failure, repeatable=repeatable) from failure
                yield Sleep(self._pause(attempt))
                continue
            if not isinstance(answer, Response):
                return answer
            if not self.honours_keys and "x-dtlpipe-platform" in answer.headers:
                self.honours_keys = True
            if answer.status < 300:
                return answer
            if answer.status == 401 and authorized and not renewed:
                renewed = True
                if (yield from self._renew(refused=True)):
                    continue
            error = refusal(answer, self._clock)
            again = answer.status == 429 or (answer.status in _GATEWAY and (repeatable or (once and self.honours_keys)))
            pause = self._pause(attempt) if error.retry_after is None else error.retry_after
            if not again or attempt >= ATTEMPTS or pause > LONGEST_PAUSE:
                try:
                    raise error
                finally:
                    del error  # as in `converse`
            yield Sleep(pause)

    def _pause(self, attempt: int) -> float:
        return min(0.1 * 2.0**attempt, 5.0) * (0.5 + self._chance() / 2)

    def _unreachable(self, wire: Wire, failure: TransportError, *, repeatable: bool) -> ConnectionFailed:
        url = self.settings.url
        if failure.kind == "refused":
            hint = "start a platform with `dtlpipe platform start`, or check DTLPIPE_URL and the network"
            return ConnectionFailed(f"no platform answers at {url}: {failure.detail}", hint=hint)
        method = "GET" if isinstance(wire, WireDownload | WireListen) else getattr(wire, "method", "POST")
        where = wire.url.partition("?")[0]
        if failure.kind == "timeout":
            text = f"{method} {where} had no answer within {wire.timeout:g} s"
        else:
            text = f"the connection broke during {method} {where}: {failure.detail}"
        hint = "" if repeatable else "it may have been done all the same: look before you repeat it"
        return ConnectionFailed(text, hint=hint or None)

    # -- composing ----------------------------------------------------------------------------------------------------

    def _headers(self, *, authorized: bool = True) -> dict[str, str]:
        token = self.identity.token
        return {**self._accept, "authorization": f"Bearer {token}"} if authorized and token else dict(self._accept)

    def _url(self, path: str, params: Any, *, gate: bool = False) -> str:
        url = path if path.startswith("http") else (self.settings.gate_url if gate else self.settings.url) + path
        if params:
            query = urlencode([(key, value) for key, value in params.items() if value is not None])
            if query:
                url += ("&" if "?" in url else "?") + query
        return url

    def _request(self, asked: Request, key: str | None) -> WireRequest:
        headers = self._headers(authorized=asked.authorized)
        content: bytes | None = None
        if asked.form is not None:
            content = urlencode(asked.form).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        elif asked.json is not None:
            content = json.dumps(asked.json, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
            headers["content-type"] = "application/json"
        if key is not None:
            headers["idempotency-key"] = key
        if asked.method == "POST":
            headers |= parentage.headers()
        if asked.headers:
            headers.update(asked.headers)
        timeout = asked.timeout or self.settings.timeout
        return WireRequest(
            asked.method, self._url(asked.path, asked.params, gate=asked.gate), headers, content, timeout, asked.held
        )

    def _upload(self, asked: Upload, key: str | None) -> WireUpload:
        timeout = asked.timeout or self.settings.timeout
        return WireUpload(self._url(asked.path, asked.params), self._headers(), asked, timeout)

    def _download(self, asked: Download, key: str | None) -> WireDownload:
        headers = {**self._headers(), "accept": "*/*", "range": f"bytes={asked.start}-", "accept-encoding": "identity"}
        if asked.headers:
            headers.update(asked.headers)
        return WireDownload(self._url(asked.path, None), headers, asked.timeout or self.settings.timeout)

    def _listen(self, asked: Listen, key: str | None) -> WireListen:
        headers = {**self._headers(), **(asked.headers or {})}
        return WireListen(self._url(asked.path, None), headers, asked.timeout or self.settings.timeout)

    # -- authorisation ------------------------------------------------------------------------------------------------

    def _authorize(self) -> Generator[Step, Any, None]:
        who = self.identity
        if who.token is None:
            if who.renewable:
                yield from self._renew()
        elif who.expired(self._clock()) and not (yield from self._renew()):
            raise TokenExpired(
                "the token is over, and there is no way to a new one",
                hint="log in again: dl.login_m2m(email, password) or dl.login_token(token)",
            )

    def _renew(self, *, refused: bool = False) -> Generator[Step, Any, bool]:
        """Gets a new token by each way there is, until one works; the last refusal is raised.

        False: there is no way.
        """
        who = self.identity
        refusals: PlatformException | None = None
        for way in self._ways(refused=refused):
            url = self._url(way.path, None, gate=way.gate)
            try:
                answer: Response = yield from self._attempts(way, self._request, repeatable=True)
                who.log_in(answer.json(), url)
            except PlatformException as error:
                refusals = error
                continue
            if way.path == GET_JWT:
                who.jwt_url = url
            return True
        if refusals is not None and not refused:
            raise refusals
        return False

    def _ways(self, *, refused: bool) -> list[Request]:
        who = self.identity
        ways = []
        if who.jwt_url:
            secret = {"x-get-jwt-secret": who.jwt_secret} if who.jwt_secret else None
            ways.append(Request("GET", who.jwt_url, headers=secret, authorized=False))
        if who.refresh_token:
            ways.append(token_request({"type": "refresh_token", "refresh_token": who.refresh_token}))
        if who.username and who.password:
            ways.append(credentials_request(who.username, who.password))
        if refused and not ways and who.token is None and self.settings.loopback:
            ways.append(Request("GET", GET_JWT, gate=True, authorized=False))  # a local platform trusts its machine
        return ways


def token_request(body: dict[str, str]) -> Request:
    """A call for a token."""
    return Request("POST", "/token?default", json=body, gate=True, authorized=False, idempotent=True)


def credentials_request(username: str, password: str) -> Request:
    """A call for the token of a user."""
    return token_request({"username": username, "password": password, "type": "user_credentials"})
