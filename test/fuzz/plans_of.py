#!/usr/bin/python3 -B
"""Writes each of the first COUNT plans of a file of numbering plans to a file of its own, as plans_fuzz takes them.
  test/fuzz/plans_of.py FILE FOLDER COUNT"""

import sys
from pathlib import Path

HEADER = 10  # the checksum and its tag


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def records(data):
    at = HEADER
    while at < len(data):
        tag, at = varint(data, at)
        size, at = varint(data, at)
        yield tag >> 3, data[at:at + size]
        at += size


def main():
    file, folder, count = sys.argv[1:]
    plans = [value for field, value in records(Path(file).read_bytes()) if field == 1]
    for number, plan in enumerate(plans[:int(count)]):
        (Path(folder) / f'plan_{number}').write_bytes(b'1' + plan)


main()
