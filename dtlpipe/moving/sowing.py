"""A plan carried out on a platform of ours, step by step: triggers hear nothing of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import DtlpipeError
from dtlpipe.moving.plans import Plan, Step
from dtlpipe.sansio.effects import Op, Request, Response

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client


def sow(client: Client, plan: Plan) -> Counter[str]:
    """Does all of it, and says how many there were of each kind. Raises what the platform raises, with file and line.

    What is there already, by its name, is taken as it is: a plan may be carried out again.
    """
    done: Counter[str] = Counter()
    for place, step in plan.steps():
        try:
            client.session.run(_told(step))
        except DtlpipeError as error:
            error.message = f"{place}: {error.message}"
            raise
        done.update([*step])
    return done


def _told(step: Step) -> Op[Any]:
    response: Response = yield Request("POST", "/platform/seeds", json=step)
    return response.json()
