"""Haystack's secrets: where a key is to be had, told without the key."""

from __future__ import annotations

import os
from typing import Any, Self

import attrs

__all__ = ["Secret"]


@attrs.frozen
class Secret:
    """A key: the text itself, or the variables of which the first that is set has it."""

    token: str | None = attrs.field(default=None, repr=False)
    env_vars: tuple[str, ...] = ()
    strict: bool = True

    @classmethod
    def from_token(cls, token: str) -> Self:
        """The key itself. Raises ValueError if it is empty."""
        if not token:
            raise ValueError("Authentication token cannot be empty.")
        return cls(token=token)

    @classmethod
    def from_env_var(cls, env_vars: str | list[str], *, strict: bool = True) -> Self:
        """The variable that has it, or the first that does; without `strict`, none may."""
        return cls(env_vars=(env_vars,) if isinstance(env_vars, str) else tuple(env_vars), strict=strict)

    def resolve_value(self) -> str | None:
        """The key. Raises ValueError if no variable has it and one has to."""
        if self.token is not None:
            return self.token
        found = next((os.environ[name] for name in self.env_vars if os.environ.get(name)), None)
        if found is None and self.strict:
            raise ValueError(f"None of the following authentication environment variables are set: {self.env_vars}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """As Haystack writes it. Raises ValueError for a key itself, which is written nowhere."""
        if self.token is not None:
            raise ValueError("Cannot serialize token-based secret. Use an alternative secret type.")
        return {"type": "env_var", "env_vars": list(self.env_vars), "strict": self.strict}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls.from_env_var(list(data["env_vars"]), strict=data.get("strict", True))
