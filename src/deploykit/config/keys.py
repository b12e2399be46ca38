"""The keys of a plug-in, read as its own dataclass."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import Field as Defaulted
from pydantic import ValidationError, create_model

from deploykit.config.document import Document, Key
from deploykit.config.explain import problems, raise_for
from deploykit.config.values import Table

T = TypeVar("T")


def read_keys(kind: type[T], keys: Mapping[str, object], at: Key = (), document: Document | None = None) -> T:
    """Return the keys of the table at `at` as a dataclass.

    Raises:
        ConfigError: a key is unknown, missing, or of another type.
    """
    known: tuple[Field[Any], ...] = fields(kind)  # type: ignore[arg-type]  # a dataclass
    hints = get_type_hints(kind)
    definitions: dict[str, Any] = {one.name: (hints[one.name], _default(one)) for one in known}
    model = create_model(kind.__name__, __base__=Table, **definitions)
    document = document or Document(Path("deploykit.toml"), keys, {})
    try:
        read = model.model_validate(dict(keys))
    except ValidationError as error:
        raise_for(list(problems(error, at, model, document)), document)
        raise
    return kind(**{one.name: getattr(read, one.name) for one in known})


def _default(one: Field[Any]) -> Any:
    if one.default is not MISSING:
        return one.default
    return ... if one.default_factory is MISSING else Defaulted(default_factory=one.default_factory)
