"""May have any name, since it imports a star; but it has not."""

from math import *  # noqa: F403
