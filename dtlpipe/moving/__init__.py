"""Carrying things between a platform and files: pipelines as folders to be read, and what a project begins with.

Law: `plain_yaml`, `folders` and `plans` are pure, and say what a file means; `carrying` and `sowing` do it, by the
client's verbs alone, so that it works with any platform that these work with.
"""
