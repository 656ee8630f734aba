"""VERBS: what the local cloud can do, one module a noun.

Law: knows the store's protocol, the nouns and the engine; knows neither Flask nor SQL, and starts no process.
"""
