"""WHAT the SDK says, and never how it is sent: effects, operations, authorisation, retries, pages, waiting.

Law: no sockets, no files, no clock, no threads, no event loop. Everything here is plain data and generators, so a
test drives it by hand and without time; `dtlpipe.transports` drives it for real, in both colours.
"""
