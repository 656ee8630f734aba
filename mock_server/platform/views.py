"""Entities as the wire shows them: the document, and where it and what belongs to it are found.

Addresses depend on the name by which a client calls the platform: they are made when an entity is shown, never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.store.base import Document


def project(document: Mapping[str, Any], base: str) -> Document:
    """`base` is the platform's address, without a slash at its end."""
    return {**document, "url": f"{base}/api/v1/projects/{document['id']}"}


def dataset(document: Mapping[str, Any], base: str, counts: Mapping[str, int]) -> Document:
    """With the counts that `Datasets.counts` gives."""
    url = f"{base}/api/v1/datasets/{document['id']}"
    return {
        **document,
        "srcDataset": document.get("srcDataset"),
        "expirationOptions": document.get("expirationOptions"),
        **counts,
        "url": url,
        "items": f"{url}/items",
        "directoryTree": f"{url}/directoryTree",
    }


def item(document: Mapping[str, Any], base: str) -> Document:
    """An item or a folder."""
    url = f"{base}/api/v1/items/{document['id']}"
    return {
        **document,
        "url": url,
        "dataset": f"{base}/api/v1/datasets/{document['datasetId']}",
        "annotations": f"{url}/annotations",
        "stream": f"{url}/stream",
        "thumbnail": f"{url}/thumbnail",
    }


def annotation(document: Mapping[str, Any], base: str) -> Document:
    """An annotation of an item."""
    return {
        **document,
        "url": f"{base}/api/v1/annotations/{document['id']}",
        "item": f"{base}/api/v1/items/{document['itemId']}",
    }


def recipe(document: Mapping[str, Any], base: str) -> Document:
    """A recipe."""
    return {**document, "url": f"{base}/api/v1/recipes/{document['id']}"}


def ontology(document: Mapping[str, Any], base: str) -> Document:
    """An ontology."""
    return {**document, "url": f"{base}/api/v1/ontologies/{document['id']}"}
