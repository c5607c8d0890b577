"""Measurements of benchmarks: one tab-separated line each, medians, and ratios over a baseline.
A run prints the lines, bench/report turns them into a page."""

import statistics
from dataclasses import dataclass

FIELDS = ('bench', 'workload', 'variant', 'round', 'seconds', 'cpu', 'count')


@dataclass(frozen=True)
class Measurement:
    bench: str
    workload: str
    variant: str
    round: int
    seconds: float  # from start to end
    cpu: float      # processor time that the server spent
    count: int      # rows, calls or transactions

    def line(self):
        return '\t'.join(f'{value:.6f}' if isinstance(value, float) else str(value)
                         for value in (getattr(self, name) for name in FIELDS))


def parse(line):
    bench, workload, variant, number, seconds, cpu, count = line.rstrip('\n').split('\t')
    return Measurement(bench, workload, variant, int(number), float(seconds), float(cpu), int(count))


class Figures:
    """The measurements of one benchmark, with what is said about the machine."""

    def __init__(self):
        self.facts = {}
        self.measurements = []

    @classmethod
    def read(cls, stream):
        figures = cls()
        for line in stream:
            if line.startswith('# '):
                name, _, value = line[2:].strip().partition(': ')
                figures.facts[name] = value
            elif line.strip():
                figures.measurements.append(parse(line))
        return figures

    def add(self, measurement):
        self.measurements.append(measurement)

    def write(self, stream):
        for name, value in self.facts.items():
            print(f'# {name}: {value}', file=stream)
        for measurement in self.measurements:
            print(measurement.line(), file=stream)

    def workloads(self):
        return list(dict.fromkeys(m.workload for m in self.measurements))

    def variants(self, workload=None):
        """In the order of the first round, which begins with the baseline."""
        return list(dict.fromkeys(m.variant for m in sorted(self.measurements, key=lambda m: m.round)
                                  if workload in (None, m.workload)))

    def per_unit(self, workload, variant, metric):
        """Median of the seconds or the cpu of one row, call or transaction; None when it was not measured."""
        found = [getattr(m, metric) / max(1, m.count) for m in self.measurements
                 if (m.workload, m.variant) == (workload, variant)]
        return statistics.median(found) if found else None

    def ratio(self, workload, variant, baseline, metric):
        """The median of the rounds' ratios: each round compares neighbours in time."""
        rounds = {}
        for m in self.measurements:
            if m.workload == workload:
                rounds.setdefault(m.round, {})[m.variant] = getattr(m, metric) / max(1, m.count)
        found = [r[variant] / r[baseline] for r in rounds.values() if variant in r and r.get(baseline)]
        return statistics.median(found) if found else None
