"""The client: one platform, one identity, and the collections of verbs that speak to it.

`default` is the module's own.
"""

from dtlpipe.client.clients import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
