"""NOUNS: what there is. attrs classes, JSON in and out, no I/O, no verbs that need a platform.

Law: imports the standard library, attrs and `dtlpipe.errors`; pydantic only inside the schema hook.
"""
