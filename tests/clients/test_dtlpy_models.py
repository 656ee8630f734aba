"""Models by the field's SDK: made of an app's, changed, copied, deployed, asked and trained."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.clients.steps import FINAL, every

pytestmark = pytest.mark.sdks("dtlpy")

MAIN = """
class ModelRunner:
    def predict(self, items):
        return [item.name for item in items]

    def train(self, dataset):
        if dataset is None:
            raise ValueError("nothing to learn from")
        return dataset.name

    def evaluate(self, dataset, query):
        return f"{dataset.name}: {query['resource']}"

    def embed(self, items):
        return [len(item.name) for item in items]
"""


def app_of(project, folder):
    """An app whose DPK has a model and the functions that run it."""
    (folder / "main.py").write_text(MAIN)
    ports = {
        "predict": ("items", "Item[]", "Json"),
        "train": ("dataset", "Dataset", "String"),
        "evaluate": ("dataset", "Dataset", "String"),
        "embed": ("items", "Item[]", "Json"),
    }
    functions = [
        {"name": name, "input": [{"name": port, "type": kind}], "output": [{"name": "found", "type": gives}]}
        for name, (port, kind, gives) in ports.items()
    ]
    module = {"name": "adapter", "entryPoint": "main.py", "className": "ModelRunner", "functions": functions}
    model = {"name": "net", "moduleName": "adapter", "status": "pre-trained", "configuration": {"rate": 0.5}}
    manifest = {
        "name": f"net-{uuid.uuid4().hex[:8]}",
        "version": "1.0.0",
        "scope": "project",
        "components": {"modules": [module], "models": [model]},
    }
    (folder / "dataloop.json").write_text(json.dumps(manifest))
    dpk = project.dpks.publish(manifest_filepath=str(folder / "dataloop.json"), local_path=str(folder))
    return project.apps.install(dpk=dpk)


def made(project, app, **options):
    return project.models.create(model_name="mine", app=app, dpk_model_name="net", labels=["cat"], **options)


def ended(dl, execution):
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if found.latest_status["status"] in FINAL:
            return found
    raise AssertionError(f"it did not end: {found.latest_status}")


def test_a_model_is_made_found_changed_copied_and_deleted(dl, project, folder):
    model = made(project, app_of(project, folder))
    assert (model.status, model.configuration, model.labels) == ("pre-trained", {"rate": 0.5}, ["cat"])
    assert model.project_id == project.id
    found = project.models.get(model_name="mine")
    assert found.to_json() == dl.models.get(model_id=model.id).to_json() == model.to_json()
    model.configuration["rate"] = 0.25
    model.metadata["user"] = {"by": "me"}
    assert model.update().configuration == {"rate": 0.25}
    with pytest.raises(dl.exceptions.Conflict):
        made(project, dl.apps.get(app_id=model.app["id"]))
    copy = project.models.clone(from_model=model, model_name="yours", tags=["new"])
    assert (copy.configuration, copy.tags, copy.status) == ({"rate": 0.25}, ["new"], "created")
    assert {each.name for each in every(project.models.list())} == {"mine", "yours"}
    assert copy.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.models.get(model_id=copy.id)


def test_a_deployed_model_predicts_and_goes_with_its_service(dl, project, item, folder):
    model = made(project, app_of(project, folder))
    with pytest.raises(ValueError, match="deploy"):
        model.predict(item_ids=[item.id])
    service = model.deploy()
    model = dl.models.get(model_id=model.id)
    assert (model.status, model.metadata["system"]["deploy"]["services"]) == ("deployed", [service.id])
    assert ended(dl, model.predict(item_ids=[item.id])).output == [item.name]
    assert ended(dl, model.embed(item_ids=[item.id])).output == [len(item.name)]
    assert model.deploy().id == service.id
    assert model.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.services.get(service_id=service.id)


def test_a_model_is_trained_by_an_execution_and_its_status_is_what_came_of_it(dl, project, dataset, folder):
    app = app_of(project, folder)
    model = made(project, app, dataset_id=dataset.id)
    assert ended(dl, model.train()).output == dataset.name
    assert dl.models.get(model_id=model.id).status == "trained"
    judged = model.evaluate(dataset_id=dataset.id, filters=dl.Filters(field="name", values="*"))
    assert ended(dl, judged).output == f"{dataset.name}: items"
