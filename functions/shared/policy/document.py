"""Reads the policy's YAML into plain values, refusing what YAML would let pass in silence.

A key written twice would drop the first; an unquoted key such as 1001 or ``no`` would become a number or a boolean.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from functions.shared.policy.defects import Defect, invalid_policy, path_of
from functions.shared.policy.model import DriverFile
from functions.shared.policy.salvage import mapping, salvage

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: ten times as fast, the same safe values."""


def read_document(text: str, name: str) -> tuple[dict[str, object], list[Defect]]:
    """The file's top-level mapping, and the defects of its keys.

    Raises InvalidPolicy when there is no mapping to speak of: broken YAML, an empty file, a list.
    """
    loader = _Loader(text.removeprefix("\ufeff"))
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise invalid_policy(name, [Defect("", "is not a policy: the file holds no mapping")])
        defects = list(_key_defects(node, (), set(), set()))
        document: dict[str, object] = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise invalid_policy(name, [_yaml_defect(error)]) from None
    except (ValueError, RecursionError) as error:
        raise invalid_policy(name, [Defect("", f"cannot be read as YAML: {error}")]) from None
    finally:
        loader.dispose()
    return document, defects


def driver_files(text: str, name: str = "policy.yaml") -> list[str]:
    """The driver files that a policy names, each once and in order, as paths relative to the policy.

    Read those that exist and hand them to ``load_policy``; it names the missing ones, and every entry that is not a
    path below the policy's folder (such an entry is not listed here). Raises InvalidPolicy on unreadable YAML.
    """
    document, _ = read_document(text, name)
    entries = (salvage(DriverFile, entry) for entry in mapping(document.get("drivers")).values())
    return list(dict.fromkeys(entry.file for entry in entries if entry))


def _yaml_defect(error: yaml.YAMLError) -> Defect:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return Defect(f"line {mark.line + 1}, column {mark.column + 1}", f"is not YAML: {error.problem}")
    return Defect("", f"is not YAML: {' '.join(str(error).split())}")


def _key_defects(node: yaml.Node, path: tuple[str | int, ...], above: set[int], done: set[int]) -> Iterator[Defect]:
    """Keys written twice and keys that are not text, below a node; the latter are read as text from here on.

    Each node is visited once however many aliases lead to it; one that contains itself raises ValueError.
    """
    if id(node) in above:
        raise ValueError(f"{path_of(*path)} contains itself")
    if id(node) in done or isinstance(node, yaml.ScalarNode):
        return
    above.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"{path_of(*path) or 'the file'} has a key that is a list or mapping")
            where = (*path, key.value)
            if key.tag != _MERGE:
                yield from _one_key(key, path_of(*where), seen)
            yield from _key_defects(value, where, above, done)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _key_defects(item, (*path, index), above, done)
    above.remove(id(node))
    done.add(id(node))


def _one_key(key: yaml.ScalarNode, path: str, seen: set[str]) -> Iterator[Defect]:
    if key.value in seen:
        yield Defect(path, f"is written twice, again in line {key.start_mark.line + 1}")
    seen.add(key.value)
    if key.tag != _TEXT:
        yield Defect(path, f'the key {key.value} is not text: write "{key.value}", in quotes')
        key.tag = _TEXT
