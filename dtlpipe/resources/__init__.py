"""VERBS of the SDK: one file a noun, each verb one generator operation.

Law: imports `sansio` and `model` and what lies below them; no HTTP client, no clock, no threads. Local files are
touched only through the `Blocking` effect.

A file here holds two classes, both generic in their colour:

- the entity, `class Item(Entity[Colour], nouns.Item)` with `NOUN = nouns.Item`: a noun that can speak to its platform.
  Made by `Item.from_wire(data, session=self._session)`; `_absorb(data)` refreshes it in place; `_changes()` is what
  to send.
- the resource, `class Items(Bound[Colour])`: the collection's verbs, made as `Items(session=self._session,
  dataset=dataset)`.

Neither imports another resource's file at import time where that would make a circle: properties import late.
"""
