"""The main job, end to end: photos into a dataset, a pipeline of code nodes over them, three kinds of runs.

    python examples/demo.py [PHOTOS] [DATA]

PHOTOS is a folder of pictures (tools/fetch_photos.py gets some), DATA where the platform keeps its state, which is left
there to be looked at. The exit status is 0 only if every run did what it should.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import dtlpipe as dl

# --- node code: each function runs in a process of its own --------------------------------------------------


def measure(item: dl.Item) -> dl.Item:
    """Size and brightness of a picture, kept in its metadata."""
    from PIL import Image, ImageStat

    with Image.open(item.download(save_locally=False)) as picture:
        grey = ImageStat.Stat(picture.convert("L"))
        item.metadata["user"] = {
            "width": picture.width,
            "height": picture.height,
            "brightness": round(grey.mean[0], 1),
            "dark": grey.mean[0] < 90,
        }
    item.update()
    print(f"{item.name}: brightness {item.metadata['user']['brightness']}")
    return item


def palette(item: dl.Item) -> list:
    """The three commonest colours."""
    from PIL import Image

    with Image.open(item.download(save_locally=False)) as picture:
        small = picture.convert("RGB").resize((64, 64)).quantize(8).convert("RGB")
        colours = sorted(small.getcolors(64 * 64), reverse=True)[:3]
    return ["#{:02x}{:02x}{:02x}".format(*colour) for _, colour in colours]


def sharpness(item: dl.Item) -> float:
    """How much detail there is: the spread of the edges."""
    from PIL import Image, ImageFilter, ImageStat

    with Image.open(item.download(save_locally=False)) as picture:
        edges = picture.convert("L").filter(ImageFilter.FIND_EDGES)
        return round(ImageStat.Stat(edges).stddev[0], 2)


def report(item: dl.Item, colours: list, detail: float) -> dl.Item:
    """Joins what the two branches found."""
    item.metadata["user"] |= {"colours": colours, "detail": detail}
    item.update()
    return item


def brighten(item: dl.Item) -> dl.Item:
    """A brighter copy of a dark picture."""
    import io

    from PIL import Image, ImageEnhance

    with Image.open(item.download(save_locally=False)) as picture:
        brighter = ImageEnhance.Brightness(picture.convert("RGB")).enhance(1.6)
        data = io.BytesIO()
        brighter.save(data, "JPEG")
    return item.dataset.items.upload(
        local_path=data, remote_name=f"{Path(item.name).stem}-bright.jpg", remote_path="/bright", overwrite=True
    )


# --- the pipeline --------------------------------------------------


def build(project: dl.Project) -> dl.Pipeline:
    """The pipeline: measure -> (palette | sharpness) -> report -> brighten, the last for dark pictures only."""
    pipeline = project.pipelines.create(name="photo-report")
    nodes = {
        each.__name__: dl.CodeNode(name=each.__name__, method=each, project_id=project.id, project_name=project.name)
        for each in (measure, palette, sharpness, report, brighten)
    }
    pipeline.nodes.add(nodes["measure"])
    nodes["measure"].connect(nodes["palette"])
    nodes["measure"].connect(nodes["sharpness"])
    nodes["measure"].connect(nodes["report"], target_port="item")
    nodes["palette"].connect(nodes["report"], target_port="colours")
    nodes["sharpness"].connect(nodes["report"], target_port="detail")
    nodes["report"].connect(nodes["brighten"], filters=dl.Filters(field="metadata.user.dark", values=True))
    pipeline.update()
    pipeline.install()
    return pipeline


# --- what is printed --------------------------------------------------


def table(rows: list[tuple[str, ...]]) -> None:
    """Prints rows in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def show(title: str, runs: list[dl.PipelineExecution], most: int = 10) -> None:
    """A row a run, with each node's state and milliseconds; of many runs, the first."""
    print(f"\n{title}")
    names = [node.name for node in runs[0].nodes]
    rows = [("run", "status", "ms", *names)]
    for run in runs[:most]:
        cells = []
        for node in run.nodes:
            took = node.extra.get("duration")
            cells.append(f"{node.status} {took * 1000:.0f}" if took is not None else str(node.status))
        rows.append((run.id[-6:], str(run.status), f"{(run.duration or 0) * 1000:.0f}", *cells))
    table(rows)
    if len(runs) > most:
        print(f"  ... and {len(runs) - most} more")


def main(photos: Path, data: Path) -> int:
    """Runs the demo; returns its exit status."""
    pictures = sorted(each for each in photos.glob("*") if each.suffix in (".png", ".jpg"))
    if not pictures:
        print(
            f"there are no pictures in {photos}; get some with: python tools/fetch_photos.py {photos}", file=sys.stderr
        )
        return 2
    problems: list[str] = []

    def expect(truth: object, what: str) -> None:
        if not truth:
            problems.append(what)

    with dl.LocalPlatform(data_dir=data) as platform:
        print(f"platform   {platform.url}, its data in {data}")
        dl.setenv(platform.url)
        project = dl.projects.create(project_name=f"demo-{time.strftime('%Y%m%d-%H%M%S')}")
        dataset = project.datasets.create(dataset_name="photos")
        started = time.monotonic()
        dataset.items.upload(local_path=f"{photos}/*", remote_path="/photos")
        uploaded = list(dataset.items.list(filters=dl.Filters(field="dir", values="/photos")))
        print(f"dataset    {len(uploaded)} photos uploaded in {time.monotonic() - started:.2f} s")
        expect(len(uploaded) == len(pictures), f"{len(pictures)} photos on disk, {len(uploaded)} in the dataset")
        pipeline = build(project)
        print(f"pipeline   {pipeline.name}: {' '.join(node.name for node in pipeline.nodes)} ({pipeline.status})")

        item = next(each for each in uploaded if each.name == "moon.png")
        whole = pipeline.execute(execution_input={"item": item.id}).wait(timeout=120)
        show("one run, whole", [whole])
        expect(whole.status == dl.ExecutionStatus.SUCCESS, f"the whole run is {whole.status}: {whole.error}")
        print("\n  what its nodes printed:", *(line.message for line in whole.logs()))

        node = pipeline.nodes.get(node_name="brighten")
        alone = pipeline.execute(execution_input={"item": item.id}, node_id=node.node_id).wait(timeout=120)
        show("one run, from the node brighten", [alone])
        expect(alone.status == dl.ExecutionStatus.SUCCESS, f"the run from brighten is {alone.status}: {alone.error}")
        reached = [each.name for each in alone.nodes if each.status == "success"]
        expect(reached == ["brighten"], f"the run from brighten reached {reached}")

        filters = dl.Filters(field="dir", values="/photos", context={"datasets": [dataset.id]})
        batch = pipeline.execute_batch(filters=filters, execution_inputs=None, wait=False)
        batch.wait(timeout=300)
        runs = list(batch.executions)
        show(f"a batch over dir=/photos: {dict(batch.counts())}", runs)
        expect(len(runs) == len(pictures), f"{len(runs)} runs for {len(pictures)} photos")
        expect(all(run.status == "success" for run in runs), "not all runs of the batch succeeded")

        measured = list(dataset.items.list(filters=dl.Filters(field="dir", values="/photos")))
        dark = sorted(each.name for each in measured if each.metadata["user"]["dark"])
        brightened = {*dark, item.name}  # the run from one node made one, too
        bright = sorted(each.name for each in dataset.items.list(filters=dl.Filters(field="dir", values="/bright")))
        print(f"\n  {len(dark)} of {len(measured)} photos are dark, and have a brighter copy in /bright")
        expect(all("colours" in each.metadata["user"] for each in measured), "a photo has no report")
        wanted = sorted(f"{Path(name).stem}-bright.jpg" for name in brightened)
        expect(bright == wanted, f"the bright copies are {bright}, not {wanted}")

    print(f"\nthe platform's data is in {data}; look again with: dtlpipe platform start --data {data}")
    for problem in problems:
        print(f"NOT AS IT SHOULD BE: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    arguments = [Path(each) for each in sys.argv[1:]]
    sys.exit(main(*(arguments + [Path(".demo/photos"), Path(".demo/data")][len(arguments) :])))
