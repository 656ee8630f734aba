"""Where node code runs: in warm processes (`process`) or, for what the platform itself brings, in a thread (`inline`).

Law: only this package knows processes. It knows no store, no graph and no HTTP: jobs come in, reports go out. What a
worker sends back is JSON and is checked as any foreign input is; it is never unpickled.
"""
