"""Measurements of benchmarks, their medians and spreads, and their ratios to a baseline.

bench/NAME/run or run.py writes them to the file that LINES names, which bench/report.py reads: facts first,
"# name: value", then one tab-separated line for each measurement. The round is a number, or the name of a statistic
(median, minimum, maximum, ratio to the first variant), where a run by hand has left nothing else."""

import os
import statistics
from dataclasses import dataclass, fields
from datetime import date

MICROSECONDS = 1e6
MINIMUM_NOTHING, MAXIMUM_NOTHING = 0.75, 1.4  # times no triggers; three triggers are called for each order
MINIMUM_ROUNDS, NOTICEABLE = 2, 1.05  # of a comparison with the version before


@dataclass(frozen=True)
class Measurement:
    workload: str
    variant: str
    round: str
    measure: str  # cpu: processor time of the server; time: from start to end
    unit: str     # of one row, call or transaction
    value: float


HEADER = '\t'.join(field.name for field in fields(Measurement))


def parse(line):
    *texts, value = line.rstrip('\n').split('\t')
    return Measurement(*texts, float(value))


class Figures:
    """The measurements of one benchmark or of several, and each one's facts: machine, size, date."""

    def __init__(self):
        self.facts = {'date': os.environ.get('BENCH_DATE', date.today().isoformat())}
        self.measurements = []

    @classmethod
    def read(cls, path):
        figures = cls()
        lines = path.read_text(encoding='utf-8').splitlines()
        figures.facts = dict(line[2:].split(': ', 1) for line in lines if line.startswith('# '))
        figures.measurements = [parse(line) for line in lines if not line.startswith('#') and line != HEADER]
        return figures

    def add(self, workload, variant, number, measure, unit, value):
        self.measurements.append(Measurement(workload, variant, str(number), measure, unit, value))

    def add_run(self, workload, variant, number, seconds, cpu, count):
        """A round of count rows, calls or transactions, timed from start to end and by the server's processor time."""
        for measure, spent in (('cpu', cpu), ('time', seconds)):
            self.add(workload, variant, number, measure, 'µs', MICROSECONDS * spent / max(1, count))

    def write(self, path):
        with open(path, 'w', encoding='utf-8') as stream:
            for name, value in self.facts.items():
                print(f'# {name}: {value}', file=stream)
            print(HEADER, file=stream)
            for m in self.measurements:
                print(m.workload, m.variant, m.round, m.measure, m.unit, f'{m.value:.6g}', sep='\t', file=stream)

    def workloads(self):
        return list(dict.fromkeys(m.workload for m in self.measurements))

    def variants(self, workload):
        """In the order of the first round, which begins with the baseline."""
        found = [m for m in self.measurements if m.workload == workload]
        found.sort(key=lambda m: int(m.round) if m.round.isdigit() else 0)
        return list(dict.fromkeys(m.variant for m in found))

    def of(self, workload, variant, measure):
        return [m for m in self.measurements if (m.workload, m.variant, m.measure) == (workload, variant, measure)]

    def rounds(self, workload, variant, measure):
        return {m.round: m.value for m in self.of(workload, variant, measure) if m.round.isdigit()}

    def statistic(self, workload, variant, measure, name):
        """The median, minimum or maximum of the rounds; None where nothing is known of it."""
        kept = [m.value for m in self.of(workload, variant, measure) if m.round == name]
        values = kept or self.rounds(workload, variant, measure).values()
        function = {'median': statistics.median, 'minimum': min, 'maximum': max}[name]
        return function(values) if values else None

    def ratios(self, workload, variant, baseline, measure):
        """Those of the rounds: each compares neighbours in time. Or the one that was kept."""
        kept = [m.value for m in self.of(workload, variant, measure) if m.round == 'ratio']
        mine, others = self.rounds(workload, variant, measure), self.rounds(workload, baseline, measure)
        return kept or [value / others[number] for number, value in mine.items() if others.get(number)]

    def version_before(self, workload):
        """(variant, what it is called where the version before was measured) of a workload."""
        variants = self.variants(workload)
        own = 'ours' if 'ours' in variants else 'fast path'
        for before in variants:
            if before.startswith('before'):
                kind = before.removeprefix('before').removeprefix(', ')
                yield next(name for name in (f'ours, {kind}', kind or own) if name in variants), before

    def slower_than_before(self, measure_of):
        """(workload, variant, ratios to the version before) of what took longer than that one in each of the rounds, two at
        least, and a twentieth longer in the median."""
        for workload in self.workloads():
            for variant, before in self.version_before(workload):
                ratios = self.ratios(workload, variant, before, measure_of(self, workload))
                if len(ratios) >= MINIMUM_ROUNDS and min(ratios) > 1 and statistics.median(ratios) > NOTICEABLE:
                    yield workload, variant, ratios

    def ruler_faults(self, workloads, nothing, baseline):
        """Triggers that do nothing cost next to nothing: where they seem not to, no other figure can be believed. What is wrong,
        or nothing, of workloads that are measured in the same way."""
        ratios = [ratio for workload in workloads for ratio in self.ratios(workload, nothing, baseline, 'cpu')]
        if ratios and not MINIMUM_NOTHING < statistics.median(ratios) < MAXIMUM_NOTHING:
            told = ', '.join(f'{ratio:.2f}' for ratio in ratios)
            return f'{workloads[0]}: the ruler is wrong, triggers that do nothing cost {told} times no triggers'
        return ''

    def print(self, workload):
        variants = self.variants(workload)
        print(f'\n{workload}')
        for variant in variants:
            cells = [f'  {variant:30}']
            for m in {m.measure: m for m in self.measurements if (m.workload, m.variant) == (workload, variant)}.values():
                low, median, high = (self.statistic(workload, variant, m.measure, name) for name in ('minimum', 'median', 'maximum'))
                cells.append(f'{m.measure} {median:9.2f} {m.unit} ({low:.2f} to {high:.2f})')
                ratios = self.ratios(workload, variant, variants[0], m.measure)
                cells.append(f'{statistics.median(ratios):6.2f} x' if ratios else '')
            print('  '.join(cells), flush=True)
