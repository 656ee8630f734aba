"""Cannot be imported, which shows only where it is run."""

import a_library_that_nobody_has  # noqa: F401


class Action:
    """Never made."""
