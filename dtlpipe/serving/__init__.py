"""SERVED PIPELINES, from the client's side: `Client` and `AsyncClient` deploy, run, chat and submit jobs.

Law: what is said is in `messages`, written once; the two clients only say it. How it is sent is the transports' matter.
"""

from dtlpipe.serving.asynchronous import AsyncClient as AsyncClient
from dtlpipe.serving.client import Client as Client
from dtlpipe.serving.messages import BatchResult as BatchResult
