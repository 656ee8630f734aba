"""Compositions: what an installed pipeline is made of, as its platform says it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import attrs

from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Compositions(Bound[Colour]):
    """The compositions of a platform; `pipeline.composition_id` names one."""

    @operation
    def get(self, composition_id: str) -> Op[dict[str, Any]]:
        """The composition of that id. Raises NotFound."""
        response: Response = yield Request("GET", f"/compositions/{quote(composition_id, safe='')}")
        found: dict[str, Any] = response.json()
        return found
