"""THE RIM: vocabularies. A route parses, calls one verb of the platform, renders.

Law: each folder is a closed vocabulary (routes, validation, rendering) that owns no data and never imports another.
What all of them share lies beside them: `guard` (who may call), `wire` (JSON in and out, the request's id).
A vocabulary exposes `blueprints(platform)`; `mock_server.app.SURFACES` is the only place that knows all of them.
"""
