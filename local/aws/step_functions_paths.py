"""JSONPath as Step Functions reads it, and variables, for which moto wants a JSONata engine that it does not have."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from jsonpath_ng.ext.parser import parse
from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguageMode
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringVariableSample
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from local.aws.patching import Patches

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_INDEFINITE = re.compile(r"\.\.|\*|\[\s*\?|\[[^\]]*[:,][^\]]*\]")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(.*)", re.DOTALL)


def install(patches: Patches) -> None:
    patches.replace_everywhere(json_path.extract_json, extract_json, "moto.stepfunctions.parser")
    patches.wrap(StringVariableSample, "_eval_body", _read_variable)


def extract_json(path: str, data: Any) -> Any:
    """A path that names one place gives its value, one that may match several gives a list, even of one or none.

    moto also gives a list where an index comes before the last name: `$.Rows[1].Data` would be wrapped.
    """
    matches = _parsed(path).find(data)
    if _INDEFINITE.search(_QUOTED.sub("''", path)):
        return [match.value for match in matches]
    if not matches:
        raise NoSuchJsonPathError(json_path=path, data=data)
    return matches[0].value


@lru_cache(maxsize=1024)
def _parsed(path: str) -> Any:
    return parse(path)


def _read_variable(original: Any, expression: Any, env: Any) -> None:
    if expression.query_language_mode != QueryLanguageMode.JSONPath:
        original(expression, env)
        return
    match = _VARIABLE.fullmatch(expression.expression)
    if match is None:
        raise NoSuchJsonPathError(json_path=expression.expression, data=None)
    value = env.variable_store.get(match[1])
    env.stack.append(extract_json(f"${match[2]}", value) if match[2] else value)
