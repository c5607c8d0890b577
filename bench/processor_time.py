"""The processor time that a server's sessions have used, those that still live and those that have ended.

A session is counted by what the kernel's scheduler says of its process, in nanoseconds. The kernel adds a process to what its
parent's ended children have used when the parent has waited for it, which on a busy machine is long after the client has gone:
until then the process is still listed, and counted there."""

import os
from pathlib import Path

TICK = os.sysconf('SC_CLK_TCK')


def of_process(pid):
    """In seconds; None when there is no such process any more."""
    try:
        return int(Path(f'/proc/{pid}/schedstat').read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return None


class Sessions:
    """Of the server with this postmaster. Processes that lived when this was made are its housekeepers: not counted."""

    def __init__(self, postmaster):
        self.postmaster = postmaster
        self.housekeepers = set(self.children())

    def children(self):
        return Path(f'/proc/{self.postmaster}/task/{self.postmaster}/children').read_text().split()

    def of_ended(self):
        fields = Path(f'/proc/{self.postmaster}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[13]) + int(fields[14])) / TICK

    def used(self):
        """In seconds. Read again when a session came or went meanwhile: it would be counted twice or not at all."""
        while True:
            children, ended = self.children(), self.of_ended()
            living = [of_process(pid) for pid in children if pid not in self.housekeepers]
            if None not in living and self.children() == children and self.of_ended() == ended:
                return ended + sum(living)
