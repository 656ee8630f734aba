"""The variables that point clients at a platform, without a line of their code changed.

`DTLPIPE_*` are dtlpipe's own. The others are what the field's SDK reads: a base for all its requests, and a local agent
(our `/get_jwt`) that it asks for tokens; `DATALOOP_PATH` keeps its cookie file out of the user's home.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

#: Where an SDK that insists on writing a cookie file may do so.
COOKIE_FOLDER = "dataloop"


def client_environment(
    url: str, data_dir: Path, *, token: str | None = None, jwt_secret: str | None = None
) -> dict[str, str]:
    """Variables for the platform at `url`; `token` is needed only where the platform asks for one."""
    variables = {
        "DTLPIPE_URL": url,
        "INTERNAL_REQUESTS_URL": f"{url}/api/v1",
        "DTLPY_REFRESH_TOKEN_METHOD": "proxy",
        "AGENT_PROXY_MAIN_PORT": str(urlsplit(url).port),
        "DATALOOP_PATH": str(data_dir / COOKIE_FOLDER),
    }
    if token:
        variables["DTLPIPE_TOKEN"] = token
    if jwt_secret:
        variables["GET_JWT_ENDPOINT_SECRET"] = jwt_secret
    return variables
