"""The platform: a durable cloud for pipelines on your own machine.

Rings, from the inside: `store` (where state lives), `executors` (where code runs), `runners` (what a node is),
`platform` (the verbs), `worker` (claims due work and drives the engine), `api` (vocabularies at the rim), `app`.
An inner ring never imports an outer one, and none of them imports the SDK's verbs.
"""
