"""Events: what happens on a platform, as it happens; a stream that breaks is taken up where it broke off."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import attrs

from dtlpipe.errors import ConnectionFailed, Unavailable
from dtlpipe.model.happening import Happening
from dtlpipe.sansio.effects import Emit, Flow, HangUp, Hear, Listen, Sleep, TransportError
from dtlpipe.sansio.operation import Bound, Colour, streaming
from dtlpipe.sansio.server_events import EventReader

#: Attempts to take a stream up again, one after another, before giving up.
PATIENCE = 10
#: Seconds that a stream may be silent: a platform says every 15 s that it is there.
SILENCE = 60.0


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Events(Bound[Colour]):
    """The events of a platform."""

    @streaming
    def follow(
        self,
        *,
        run_id: str | None = None,
        pipeline_id: str | None = None,
        project_id: str | None = None,
        after: int | None = None,
    ) -> Flow[Happening]:
        """What happens from now on, or after the event of that number; without an end, but for those of a run.

        Args:
            run_id: only what a run does, from its beginning; the stream ends with the run.
            pipeline_id: only what is about a pipeline.
            project_id: only what is in a project.
            after: the `id` of an event: those before it, and it, are left out.

        Raises:
            NotFound: there is no such run, or the platform tells no events.
            ConnectionFailed: the platform is gone for too long.
        """
        path = _path(run_id, pipeline_id, project_id, after)
        reader, failures, connected = EventReader(), 0, False
        while True:
            headers = {"accept": "text/event-stream", "cache-control": "no-store"}
            if reader.last_id is not None:
                headers["last-event-id"] = reader.last_id
            try:
                stream = yield Listen(path, headers=headers, timeout=SILENCE)
                connected, heard = True, False
                while chunk := (yield Hear(stream)):
                    for each in reader.feed(chunk):
                        heard, failures = True, 0
                        yield Emit(Happening.from_wire(json.loads(each.data)))
                yield HangUp(stream)
                if run_id is not None:  # it ends with the run; asked once more, it says that there is no more
                    if not heard:
                        return
                    continue
                failure: Exception = ConnectionFailed("the platform ended the stream of its events")
            except (TransportError, ConnectionFailed, Unavailable) as error:
                if not connected and not isinstance(error, TransportError):
                    raise
                failure = error
            reader.broken()
            failures += 1
            if failures > PATIENCE:
                raise ConnectionFailed("the stream of events broke and cannot be taken up") from failure
            yield Sleep(min(0.05 * 2.0**failures, 5.0))


def _path(run_id: str | None, pipeline_id: str | None, project_id: str | None, after: int | None) -> str:
    said = {"run": run_id, "pipeline": pipeline_id, "project": project_id, "after": after}
    query = urlencode({key: value for key, value in said.items() if value is not None})
    return f"/platform/events?{query}" if query else "/platform/events"
