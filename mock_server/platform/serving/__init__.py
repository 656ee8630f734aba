"""What is served: deployments, the calls that they answer, and what those leave behind.

Law: as the rest of the platform, this knows neither Flask nor SQL, and starts no process: hosts are given to it, and a
deployment is what the store says. A call's body is passed on as the bytes that it is.
"""

from mock_server.platform.serving.serving import Serving as Serving
