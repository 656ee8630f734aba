"""Idempotency keys, for every POST but uploads: the same request sent again is answered again, and not done again.

`Idempotency-Key` names a request of a caller. Views that know better what a repetition is told (those that begin runs
and calls: the run as it is by now) look at the key themselves; they are marked `knows_repeats`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Response, current_app, request

from dtlpipe.errors import BadRequest
from mock_server.api.guard import caller
from mock_server.platform import repeats

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

View = TypeVar("View", bound=Callable[..., Any])

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
#: The blueprints of vocabularies that leave repetitions to this module.
VOCABULARIES = frozenset({"dataloop"})
#: Views of other vocabularies that create something and leave them to it, too.
VIEWS = frozenset({"serving.create_schedule", "serving.resubmit", "admin.sow", "admin.save_snapshot"})
#: What is read at once: a file that is sent again replaces what it had been.
CONTENTS = frozenset({"", "application/json", "application/x-www-form-urlencoded"})
#: Bytes of an answer that is kept.
LONGEST_ANSWER = 1 << 20


def knows_repeats(view: View) -> View:
    """Marks a view that looks at the key itself."""
    view.__dict__["knows_repeats"] = True
    return view


def once(status: int, method: str, *, named: bool) -> int:
    """The status, but for a POST that its key does not name none of those after which the field's SDK sends it again.

    These are 501 to 511. Sent again, it would do its work twice.
    """
    return 500 if method == "POST" and 501 <= status <= 511 and not named else status


def idempotency_key() -> str | None:
    """What the client calls this request, so that it can be sent again without being done again."""
    key = request.headers.get(HEADER)
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise BadRequest(f"the {HEADER} has {len(key)} characters; 1 to {LONGEST_KEY} are allowed")
    return key


def install(app: Flask, platform: Platform) -> None:
    """Has the application's views called so. To be installed after the guard, who knows the caller."""
    dispatch = app.dispatch_request

    def dispatch_once() -> Any:
        asked = _asked()
        if asked is None:
            return dispatch()
        store, hub = platform.store, platform.hub
        answer = repeats.answered(store, hub, asked)
        if answer is None:
            try:
                with repeats.carrying_out(asked):
                    response = app.make_response(dispatch())
            except repeats.Repeated:  # by one that came at the same time
                answer = repeats.answered(store, hub, asked)
            else:
                if asked.carried_out:
                    _keep(platform, asked, response)
                return response
        if answer is None:
            raise BadRequest("the request was withdrawn while it was repeated", hint="send it again")
        return Response(answer["body"], answer["status"], mimetype="application/json")

    app.dispatch_request = dispatch_once  # type: ignore[method-assign]


def _asked() -> repeats.Request | None:
    if request.method != "POST" or HEADER not in request.headers:
        return None
    if request.blueprint not in VOCABULARIES and request.endpoint not in VIEWS:
        return None
    if request.mimetype not in CONTENTS:
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or getattr(view, "knows_repeats", False):
        return None
    content = f"{request.full_path}\n".encode() + request.get_data()
    return repeats.Request.of(caller().email, idempotency_key() or "", content)


def _keep(platform: Platform, asked: repeats.Request, response: Response) -> None:
    if response.is_streamed or not response.is_json or len(response.get_data()) > LONGEST_ANSWER:
        return
    repeats.note_answer(platform.store, platform.hub, asked, response.status_code, response.get_data(as_text=True))
