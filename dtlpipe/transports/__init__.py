"""HOW it is sent: httpx for JSON calls in both colours, requests for bulk bytes, and a WSGI app in this very process.

Law: the only place that imports an HTTP client, and only when one is needed. A transport makes one attempt: it
answers with a Response (whatever its status) or raises TransportError; what is sent again is decided in
`sansio.exchange`.

`driver` and `async_driver` perform operations with them: with threads and sleeps, or on an event loop.
"""
