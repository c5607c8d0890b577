#!/usr/bin/python3 -B
"""META.json is what PGXN's specification 1.0.0 of such files allows, and the file that it provides is in the archive."""

import json
import re
import sys
from pathlib import Path

from tracked_files import tracked_files

VERSION = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}([a-zA-Z][\w-]*|-[\w-]+)?", re.A)
TERM = re.compile(r"[^/\\\s\x00-\x1f\x7f]{2,}")
TAG = re.compile(r"[^/\\\x00-\x1f\x7f]{1,256}")
URL = re.compile(r"[a-z][a-z0-9+.-]*:\S+")
LICENSES = set("""agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1
    lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted unrestricted
    unknown""".split())
PHASES = {"configure", "build", "test", "runtime", "develop"}
RELATIONS = {"requires", "recommends", "suggests", "conflicts"}


def is_text(value):
    return isinstance(value, str) and value.strip() != ""


def like(pattern):
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def is_range(value):
    parts = [re.fullmatch(r"(?:(?:<|<=|==|>=|>|!=) *)?(.*)", part.strip()) for part in str(value).split(",")]
    return str(value) == "0" or all(VERSION.fullmatch(part[1]) for part in parts)


def one_or_more(is_one):
    return lambda value: is_one(value) or isinstance(value, list) and value != [] and all(map(is_one, value))


def is_map(value, is_key, is_value):
    return isinstance(value, dict) and all(is_key(key) and is_value(entry) for key, entry in value.items())


def is_license(value):
    return one_or_more(lambda name: isinstance(name, str) and name in LICENSES)(value) or value != {} and is_map(value, is_text, like(URL))


def is_provided(entry):
    if not isinstance(entry, dict) or not {"file", "version"} <= set(entry) <= {"file", "version", "abstract", "docfile"}:
        return False
    return like(VERSION)(entry["version"]) and all(is_text(text) for text in entry.values())


def is_prerequisites(value):
    def is_phase(entry):
        return is_map(entry, RELATIONS.__contains__, lambda names: is_map(names, like(TERM), is_range))

    return is_map(value, PHASES.__contains__, is_phase)


def is_resources(value):
    def is_resource(entry):
        return like(URL)(entry) or is_map(entry, {"web", "mailto", "url", "type"}.__contains__, is_text)

    return is_map(value, lambda key: key in ("homepage", "bugtracker", "repository") or key.lower().startswith("x_"), is_resource)


REQUIRED = {
    "abstract": is_text,
    "license": is_license,
    "maintainer": one_or_more(is_text),
    "meta-spec": lambda value: isinstance(value, dict) and value.get("version") == "1.0.0" and set(value) <= {"version", "url"},
    "name": like(TERM),
    "provides": lambda value: value != {} and is_map(value, like(TERM), is_provided),
    "version": like(VERSION),
}
OPTIONAL = {
    "description": is_text,
    "generated_by": is_text,
    "no_index": lambda value: is_map(value, {"file", "directory"}.__contains__, one_or_more(is_text)),
    "prereqs": is_prerequisites,
    "release_status": ("stable", "testing", "unstable").__contains__,
    "resources": is_resources,
    "tags": lambda value: isinstance(value, list) and value != [] and all(map(like(TAG), value)),
}


def faults(meta):
    if not isinstance(meta, dict):
        yield "it is not a map"
        return
    yield from (f"{key} is missing" for key in REQUIRED if key not in meta)
    known = {**REQUIRED, **OPTIONAL}
    for key, value in meta.items():
        if key in known and not known[key](value):
            yield f"{key} cannot be {json.dumps(value)}"
        elif key not in known and not key.lower().startswith("x_"):
            yield f"{key} is no key of the specification"
    if "provides" in meta and REQUIRED["provides"](meta["provides"]):
        named = {entry[key] for entry in meta["provides"].values() for key in ("file", "docfile") if key in entry}
        yield from (f"provides names {name}, which is not in the repository" for name in sorted(named - set(tracked_files())))


def main():
    try:
        found = list(faults(json.loads(Path("META.json").read_text(encoding="utf-8"))))
    except ValueError as error:
        found = [str(error)]
    if found:
        sys.exit("\n".join(f"META.json: {fault}" for fault in found))


main()
