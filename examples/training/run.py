"""The run service, end to end: a table is downloaded and converted, a model trained, killed in between, and finished.

    python examples/training/run.py [DATA]

The platform has the folder of this script as a code root, so that it runs the actions in `plugin` itself. The table
(Fisher's measures of 150 irises) is served from this machine. DATA is a folder where the platform leaves its state, to
be looked at; without it, that is gone at the end. The exit status is 0 only if the model is there and knows its
flowers.
"""

from __future__ import annotations

import functools
import http.server
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dtlpipe as dl
from dtlpipe.runs import PipelineServiceClient

HERE = Path(__file__).resolve().parent
ACTIONS = [
    {"name": "download", "entrypoint": "plugin.download.DownloadAction"},
    {"name": "convert", "entrypoint": "plugin.convert.ConvertAction"},
    {"name": "train", "entrypoint": "plugin.train.TrainAction"},
]


@contextmanager
def datasets() -> Iterator[str]:
    """Serves the folder with the tables."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(HERE / "datasets"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def follow(client: PipelineServiceClient, run_id: str) -> None:
    """Shows each epoch; after the tenth, the process that trains is killed as hard as a process can be."""
    shown, killed = 0, False
    for progress in client.stream_progress(run_id):
        train = progress.actions["train"]
        epoch = train.metrics.get("epoch", 0)
        if epoch != shown:
            shown = epoch
            print(f"epoch {epoch}: loss {train.metrics['loss']:.3f}, accuracy {train.metrics['accuracy']:.2f}")
        if epoch == 10 and not killed:
            killed = True
            lines = client.get_logs(run_id, action_name="train")
            (pid,) = (each["message"].split()[1] for each in lines if each["message"].endswith("begins after epoch 0"))
            print(f"killing process {pid}, which trains")
            os.kill(int(pid), signal.SIGKILL)


def main(data: str | None = None) -> bool:
    """Whether all went well."""
    with datasets() as url:
        os.environ["DATASETS_URL"] = url  # actions have the environment of the platform
        with (
            dl.LocalPlatform(data, code_roots=(HERE,)) as platform,
            PipelineServiceClient(platform.run_service_url) as client,
        ):
            pipeline = client.create_pipeline("Irises", ACTIONS)
            run = client.create_run(pipeline["id"], params={"dataset": 123, "epochs": 30, "pause": 0.05})
            follow(client, run["id"])
            final = client.get_run(run["id"])
            for each in client.get_checkpoints(run["id"]):
                print(f"checkpoint of {each.action_name}: {each.artifacts_path or each.result}")
    if final["status"] != "completed":
        print(f"the run {final['status']}: {final['error']}")
        return False
    result = final["result"]
    print(f"accuracy {result['accuracy']:.2f}, resumed after epoch {result['resumed_after']}: {result['model_path']}")
    return bool(result["accuracy"] >= 0.9 and result["resumed_after"] >= 1)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:2]) else 1)
