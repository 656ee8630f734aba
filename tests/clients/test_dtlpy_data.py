"""Whole datasets, annotations, recipes and ontologies through the field's SDK."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.clients.steps import every

pytestmark = pytest.mark.sdks("dtlpy")


def filled(dl, dataset, *paths):
    """The dataset with an item at each path, and a box on each."""
    for path in paths:
        folder, _, name = path.rpartition("/")
        item = dataset.items.upload(local_path=path.encode(), remote_name=name, remote_path=folder or "/")
        builder = item.annotations.builder()
        builder.add(annotation_definition=dl.Box(top=1, left=2, bottom=3, right=4, label="dog"))
        item.annotations.upload(builder)
    return dataset


def names(dataset):
    return sorted(each.filename for each in dataset.items.list().all() if each.type == "file")


def test_annotations_are_uploaded_found_changed_and_deleted(dl, dataset, item):
    builder = item.annotations.builder()
    builder.add(annotation_definition=dl.Box(top=1, left=2, bottom=3, right=4, label="dog"))
    builder.add(annotation_definition=dl.Classification(label="cat"))
    item.annotations.upload(builder)
    assert sorted(each.label for each in item.annotations.list()) == ["cat", "dog"]
    found = dl.items.get(item_id=item.id)
    assert (found.annotated, found.annotations_count) == (True, 2)
    box = next(each for each in item.annotations.list() if each.type == "box")
    assert (box.top, box.left, box.bottom, box.right) == (1, 2, 3, 4)
    assert item.annotations.get(box.id).label == "dog"
    box.label = "wolf"
    box.update(True)
    cats = dl.Filters(resource=dl.FiltersResource.ANNOTATION, field="label", values="cat")
    assert [each.label for each in every(dataset.annotations.list(filters=cats))] == ["cat"]
    with_wolves = dl.Filters()
    with_wolves.add_join(field="label", values="wolf")
    assert [each.id for each in dataset.items.list(filters=with_wolves).all()] == [item.id]
    assert dataset.annotations.delete(filters=cats)
    assert [each.label for each in item.annotations.list()] == ["wolf"]
    box.delete()
    assert list(item.annotations.list()) == []
    assert dl.items.get(item_id=item.id).annotated is False


def test_a_dataset_is_cloned_with_items_metadata_and_annotations(dl, project, dataset):
    filled(dl, dataset, "/a/1.txt", "/b/2.txt")
    copy = dataset.clone(clone_name="copy")
    assert names(copy) == ["/a/1.txt", "/b/2.txt"]
    assert [each.label for each in copy.items.get(filepath="/a/1.txt").annotations.list()] == ["dog"]
    assert copy.items.get(filepath="/a/1.txt").download(save_locally=False).read() == b"/a/1.txt"
    part = dataset.clone(clone_name="part", filters=dl.Filters(field="dir", values="/a"), with_items_annotations=False)
    assert names(part) == ["/a/1.txt"]
    assert list(part.items.get(filepath="/a/1.txt").annotations.list()) == []
    with pytest.raises(dl.exceptions.Conflict):
        dataset.clone(clone_name="copy")


def test_datasets_are_merged(dl, project, dataset):
    filled(dl, dataset, "/1.txt", "/both.txt")
    other = filled(dl, project.datasets.create("other"), "/2.txt", "/both.txt")
    assert project.datasets.merge(merge_name="merged", dataset_ids=[dataset.id, other.id], project_ids=[project.id])
    assert names(project.datasets.get(dataset_name="merged")) == ["/1.txt", "/2.txt", "/both.txt"]
    assert project.datasets.sync(dataset.id)


def test_a_dataset_is_exported_with_its_annotations(dl, project, dataset, folder):
    filled(dl, dataset, "/a/1.txt", "/a/2.txt")
    path = project.datasets.export(dataset=dataset, local_path=str(folder / "whole"), include_annotations=True)
    exported = json.loads(Path(path).read_text())
    assert sorted((each["filename"], each["annotations"][0]["label"]) for each in exported) == [
        ("/a/1.txt", "dog"),
        ("/a/2.txt", "dog"),
    ]
    project.datasets.download_annotations(dataset=dataset, local_path=str(folder / "annotations"))
    files = sorted(each for each in (folder / "annotations").rglob("*.json"))
    assert [each.name for each in files] == ["1.json", "2.json"]
    assert json.loads(files[0].read_text())["annotations"][0]["label"] == "dog"
    assert not any(zipfile.is_zipfile(each) for each in (folder / "annotations").rglob("*") if each.is_file())


def test_items_are_moved_together_and_split_into_subsets(dl, dataset):
    filled(dl, dataset, *(f"/in/{n}.txt" for n in range(10)))
    dataset.items.move_items(destination="/out", filters=dl.Filters(field="dir", values="/in"))
    assert names(dataset) == sorted(f"/out/{n}.txt" for n in range(10))
    assert dataset.split_ml_subsets(percentages={"train": 60, "validation": 20, "test": 20})
    tags = [each.metadata["system"]["tags"] for each in dataset.items.list().all() if each.type == "file"]
    assert sorted(next(iter(each)) for each in tags) == ["test"] * 2 + ["train"] * 6 + ["validation"] * 2
    assert dataset.assign_subset_to_items("train", dl.Filters())
    tags = [each.metadata["system"]["tags"] for each in dataset.items.list().all() if each.type == "file"]
    assert tags == [{"train": True}] * 10


def test_recipes_and_ontologies_are_made_changed_copied_and_deleted(dl, project, dataset):
    recipe = dataset.recipes.create(recipe_name="mine", labels=[dl.Label(tag="dog", color=(1, 2, 3))])
    assert dataset.recipes.get(recipe.id).title == "mine"
    assert recipe.id in [each.id for each in every(project.recipes.list())]
    ontology = recipe.ontologies.get(ontology_id=recipe.ontology_ids[0])
    assert [each.tag for each in ontology.labels] == ["dog"]
    ontology.add_labels([dl.Label(tag="cat", color=(4, 5, 6))], update_ontology=True)
    assert sorted(recipe.ontologies.get(ontology_id=ontology.id).labels_flat_dict) == ["cat", "dog"]
    ontology.update_attributes(
        key="size", title="Size", attribute_type=dl.AttributesTypes.RADIO_BUTTON, scope=["dog"], values=["big"]
    )
    assert ontology.delete_attributes("size")
    ontology = recipe.ontologies.get(ontology_id=ontology.id)
    ontology.delete_labels(["dog"])
    assert [each.tag for each in recipe.ontologies.get(ontology_id=ontology.id).labels] == ["cat"]
    copy = recipe.clone()
    assert copy.id != recipe.id
    assert copy.ontology_ids != recipe.ontology_ids
    recipe.title = "renamed"
    assert recipe.update().title == "renamed"
    dataset.switch_recipe(recipe=recipe)
    assert [each.id for each in project.datasets.get(dataset_id=dataset.id).recipes.list()] == [recipe.id]
    assert copy.delete(force=True)
    with pytest.raises(dl.exceptions.NotFound):
        dataset.recipes.get(copy.id)


def test_labels_of_a_dataset_are_those_of_its_recipe(dl, dataset):
    def tags():
        return sorted(each.tag for each in dl.datasets.get(dataset_id=dataset.id).labels)  # it keeps what it saw

    dataset.add_label("dog", color=(1, 2, 3))
    dataset.add_labels(["cat", "cow"])
    assert tags() == ["cat", "cow", "dog"]
    dataset.update_label("cow", display_label="Cow", upsert=True)
    dataset.delete_labels(["cat"])
    assert tags() == ["cow", "dog"]
