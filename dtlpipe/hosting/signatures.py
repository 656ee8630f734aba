"""What a run method takes, as its signature and docstring say: a model for requests, and schemas for those who ask.

Law: whatever a caller sent is either used or refused with its path, in the shape that FastAPI's callers know.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from typing import Any, Final, get_args, get_origin

import attrs
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticUndefined

from dtlpipe.hosting.loading import LoadError

_STREAMS: Final = {Generator, AsyncGenerator, Iterator, AsyncIterator}
_FILES: Final = "files"
_HEADERS: Final = "headers"


class Invalid(Exception):
    """A request that is refused with 422; `detail` is FastAPI's list."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__("the request does not fit the pipeline's parameters")
        self.detail = detail


@attrs.frozen
class Signature:
    """A run method from the outside.

    Attributes:
        uploads: the parameters that take files; a request for them may be multipart.
        headers: the class in which it wants the request's headers, if it does.
        streams: whether it says that it returns a generator.
        more: whether it takes keywords that it does not name.
    """

    request: type[BaseModel]
    names: tuple[str, ...]
    uploads: dict[str, Any]
    required_uploads: frozenset[str]
    headers: Any
    streams: bool
    more: bool
    description: str
    request_schema: dict[str, Any]
    response_schema: dict[str, Any] | None

    @classmethod
    def of(cls, method: Callable[..., Any], name: str) -> Signature:
        """Read a bound method's. Raises LoadError where it cannot be served as it is written."""
        title = getattr(method, "__name__", "run_api")
        try:
            found = inspect.signature(method, eval_str=True)
        except NameError as error:
            raise LoadError(f"'{title}' has an annotation that cannot be read: {error}") from error
        if found.return_annotation is inspect.Signature.empty:
            raise LoadError(f"Pipeline wrapper is missing a return type for '{title}' method")
        says, documented, returns = read_docstring(inspect.getdoc(method) or "")
        fields: dict[str, Any] = {}
        uploads: dict[str, Any] = {}
        required: set[str] = set()
        wants_headers: Any = None
        more = False
        for each in found.parameters.values():
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                more = more or each.kind is each.VAR_KEYWORD
                continue
            annotation = Any if each.annotation is each.empty else each.annotation
            if each.name == _HEADERS and (wants_headers := named_type(annotation, "Headers")):
                continue
            if each.name == _FILES or named_type(annotation, "UploadFile"):
                uploads[each.name] = annotation
                if each.default is each.empty:
                    required.add(each.name)
                continue
            default = PydanticUndefined if each.default is each.empty else each.default
            text = documented.get(each.name) or f"Parameter '{each.name}'"
            fields[each.name] = (annotation, Field(default=default, description=text))
        model = create_model(f"{name}RunRequest", __config__=ConfigDict(arbitrary_types_allowed=True), **fields)
        streams = _is_stream(found.return_annotation)
        return cls(
            request=model,
            names=tuple(fields),
            uploads=uploads,
            required_uploads=frozenset(required),
            headers=wants_headers,
            streams=streams,
            more=more,
            description=says,
            request_schema=_request_schema(model, uploads, required),
            response_schema=None if streams else _response_schema(found.return_annotation, name, returns),
        )

    def arguments(
        self, given: Any, files: Mapping[str, list[Any]] | None = None, *, form: bool = False
    ) -> dict[str, Any]:
        """The keywords to call the method with. Raises Invalid. `form`: the values came as text."""
        if not isinstance(given, dict):
            raise Invalid(
                [
                    {
                        "type": "model_attributes_type",
                        "loc": ["body"],
                        "msg": "Input should be a valid dictionary or object to extract fields from",
                        "input": given,
                    }
                ]
            )
        found = self._validated(given, form=form)
        arguments = {name: getattr(found, name) for name in self.names}
        if self.more:
            arguments |= {key: value for key, value in given.items() if key not in arguments}
        self._put_files(arguments, files or {}, given)
        return arguments

    def _validated(self, given: dict[str, Any], *, form: bool) -> BaseModel:
        try:
            return self.request.model_validate(given)
        except ValidationError as error:
            if not form:
                raise Invalid(_detail(error)) from None
            wrong = {each["loc"][0] for each in error.errors(include_url=False)} & given.keys()
            read = {key: _read(value) if key in wrong else value for key, value in given.items()}
            if not wrong:
                raise Invalid(_detail(error)) from None
        try:
            return self.request.model_validate(read)
        except ValidationError as error:
            raise Invalid(_detail(error)) from None

    def _put_files(self, arguments: dict[str, Any], files: Mapping[str, list[Any]], given: Mapping[str, Any]) -> None:
        unknown = [name for name in files if name not in self.uploads]
        if unknown:
            raise Invalid(
                [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", name],
                        "msg": "This pipeline takes no files here",
                        "input": name,
                    }
                    for name in unknown
                ]
            )
        for name, annotation in self.uploads.items():
            sent = files.get(name)
            if sent:
                arguments[name] = sent if _is_many(annotation) else sent[-1]
            elif name in self.required_uploads:
                raise Invalid([{"type": "missing", "loc": ["body", name], "msg": "Field required", "input": given}])
            elif given.get(name) is not None:
                raise Invalid(
                    [
                        {
                            "type": "value_error",
                            "loc": ["body", name],
                            "msg": "Files are sent as multipart/form-data, not as JSON",
                            "input": given[name],
                        }
                    ]
                )


def fitting(model: type[BaseModel], given: Any) -> BaseModel:
    """The value as the model. Raises Invalid."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Invalid(_detail(error)) from None


def _detail(error: ValidationError) -> list[dict[str, Any]]:
    return [
        {"type": each["type"], "loc": ["body", *each["loc"]], "msg": each["msg"], "input": each["input"]}
        for each in error.errors(include_url=False, include_context=False)
    ]


def _read(value: Any) -> Any:
    """A form's text as the JSON that it may be."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def named_type(annotation: Any, name: str) -> Any:
    """The class of that name that the annotation is or holds, or None: there are several of the same name."""
    if getattr(annotation, "__name__", None) == name:
        return annotation
    return next((found for each in get_args(annotation) if (found := named_type(each, name))), None)


def _is_many(annotation: Any) -> bool:
    if annotation is Any or (get_origin(annotation) or annotation) in (list, tuple, set):
        return True
    return any(_is_many(each) for each in get_args(annotation))


def _is_stream(annotation: Any) -> bool:
    return (get_origin(annotation) or annotation) in _STREAMS or getattr(annotation, "__name__", "") == "SSEStream"


def _request_schema(model: type[BaseModel], uploads: Mapping[str, Any], required: set[str]) -> dict[str, Any]:
    schema = _schema_of(model.model_json_schema, model.__name__)
    for name in uploads:
        schema.setdefault("properties", {})[name] = {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "title": name.capitalize(),
        }
    if required:
        schema["required"] = [*schema.get("required", ()), *sorted(required)]
    return schema


def _response_schema(annotation: Any, name: str, says: str) -> dict[str, Any]:
    def of() -> dict[str, Any]:
        return TypeAdapter(annotation).json_schema(mode="serialization")

    result = _schema_of(of, "result") if annotation is not None else {"type": "null"}
    definitions = result.pop("$defs", None)
    if says:
        result["description"] = says
    found = {"title": f"{name}RunResponse", "type": "object", "properties": {"result": result}, "required": ["result"]}
    return found | ({"$defs": definitions} if definitions else {})


def _schema_of(make: Callable[[], dict[str, Any]], title: str) -> dict[str, Any]:
    """The schema; anything at all where a type has none, as types of users may."""
    try:
        return make()
    except Exception:  # noqa: BLE001 - pydantic raises what types of users raise; a schema is for reading only
        return {"title": title, "type": "object"} if title != "result" else {}


_SECTION = re.compile(r"^(Args|Arguments|Parameters|Params|Returns?|Yields?|Raises?):\s*$", re.IGNORECASE)
_ENTRY = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_FIELD = re.compile(r"^:(?:param|parameter|arg)(?:\s+[\w\[\], |]+)?\s+(\w+):\s*(.*)$")
_RETURNS = re.compile(r"^:returns?:\s*(.*)$")


def read_docstring(text: str) -> tuple[str, dict[str, str], str]:
    """The first sentence, what is said of each parameter, and of what is returned: in Google's or Sphinx's style."""
    first = " ".join(text.strip().split("\n\n", 1)[0].split())
    if _FIELD.match(first) or _SECTION.match(first):
        first = ""
    parameters: dict[str, str] = {}
    returns: list[str] = []
    section, last = "", ""
    for line in text.splitlines():
        heading = _SECTION.match(line.strip()) if not line.startswith(" ") else None
        if heading:
            section, last = heading.group(1).lower(), ""
        elif field := _FIELD.match(line.strip()):
            section, last = "field", field.group(1)
            parameters[last] = field.group(2).strip()
        elif told := _RETURNS.match(line.strip()):
            section = ""
            returns.append(told.group(1).strip())
        elif section.startswith(("arg", "param")):
            entry = _ENTRY.match(line)
            indent = len(line) - len(line.lstrip())
            if entry and indent <= 4:
                last = entry.group(1)
                parameters[last] = entry.group(2).strip()
            elif last and line.strip():
                parameters[last] = f"{parameters[last]} {line.strip()}"
        elif section.startswith(("return", "yield")) and line.strip():
            returns.append(line.strip())
    return first, parameters, " ".join(returns)
