#!/usr/bin/python3 -B
"""Makes a page and a chart of the measurements of benchmark runs, by the template bench/performance.md.in:
  bench/report.py RESULTS FOLDER [--check]

RESULTS holds NAME.tsv of each bench/NAME; FOLDER gets performance.md and performance.svg, or, with --check, has them as they
would be written. In the template {facts} is a list of what was run where, {ratios REGEX} a table of the workloads that match,
compared with the first variant, {values REGEX} a table of medians and maxima, and {slower} a list of what takes longer than in
the version before. Every workload has its place in a table."""

import re
import statistics
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from figures import Figures

TEMPLATE = Path(__file__).resolve().parent / 'performance.md.in'
COLOURS = ('#8a8f98', '#b9bdc4', '#d1793b', '#c9a227', '#7fb2a5', '#2f6f5e', '#5b6cb0', '#a8557a', '#74a84e', '#8f6a4a', '#4f93b8')
LONGEST = 10  # times the baseline; longer bars are cut and labelled
LABEL, BAR, WIDTH, HEIGHT, GAP = 250, 520, 860, 15, 16


def read(folder):
    """All measurements, and the facts of each file."""
    figures, facts = Figures(), {}
    for path in sorted(folder.glob('*.tsv'), key=lambda path: path.stem):
        one = Figures.read(path)
        facts[path.stem] = one.facts
        figures.measurements += one.measurements
    return figures, facts


def measure_of(figures, workload):
    """What waits for others is compared from start to end, all else by processor time: the machine is shared."""
    if 'one hot' in workload or 'any order' in workload:
        return 'time'
    return next(m.measure for m in figures.measurements if m.workload == workload)


def number(value):
    return f'{value:.0f}' if value >= 1000 else f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def spread(low, high):
    return '' if low is None or low == high else f' ({number(low)}–{number(high)})'


def ratio_cell(figures, workload, variant, baseline):
    measure = measure_of(figures, workload)
    low, median, high = (figures.statistic(workload, variant, measure, name) for name in ('minimum', 'median', 'maximum'))
    if median is None:
        return ''
    unit = figures.of(workload, variant, measure)[0].unit
    if variant == baseline:
        return f'{number(median)} {unit}{spread(low, high)}'
    ratios = figures.ratios(workload, variant, baseline, measure)
    compared = f', {statistics.median(ratios):.2f}×{spread(min(ratios), max(ratios))}' if ratios else ''
    return f'{number(median)} {unit}{compared}'


def value_cell(figures, workload, variant, _):
    measure = measure_of(figures, workload)
    median, high = (figures.statistic(workload, variant, measure, name) for name in ('median', 'maximum'))
    if median is None:
        return ''
    unit = figures.of(workload, variant, measure)[0].unit
    return f'{number(median)} {unit}' + ('' if high in (None, median) else f' ({number(high)})')


def table(figures, workloads, cell):
    variants = list(dict.fromkeys(variant for workload in workloads for variant in figures.variants(workload)))
    yield '| | ' + ' | '.join(variants) + ' |'
    yield '|---|' + '--:|' * len(variants)
    for workload in workloads:
        yield f'| {workload} | ' + ' | '.join(cell(figures, workload, variant, variants[0]) for variant in variants) + ' |'


def slower(figures):
    for workload, variant, ratios in figures.slower_than_before(measure_of):
        yield f'- {workload}{"" if variant in ("ours", "fast path") else f": {variant}"}: {statistics.median(ratios):.2f}×{spread(min(ratios), max(ratios))}'


def page(figures, facts):
    tabled = set()

    def tabulate(kind, pattern):
        workloads = [workload for workload in figures.workloads() if re.fullmatch(pattern, workload)]
        if not workloads:
            sys.exit(f'bench/report.py: nothing measured is named {pattern}')
        tabled.update(workloads)
        return '\n'.join(table(figures, workloads, ratio_cell if kind == 'ratios' else value_cell))

    text = TEMPLATE.read_text(encoding='utf-8')
    text = text.replace('{facts}', '\n'.join(f'- {name}: ' + '; '.join(said.values()) for name, said in facts.items()))
    text = text.replace('{slower}', '\n'.join(slower(figures)) or '- nothing')
    text = re.sub(r'^\{(ratios|values) (.*)\}$', lambda match: tabulate(*match.groups()), text, flags=re.M)
    forgotten = [workload for workload in figures.workloads() if workload not in tabled]
    if forgotten:
        sys.exit(f'bench/report.py: {TEMPLATE.name} has no table for {forgotten}')
    return text


def bars(figures):
    """(workload, [(variant, ratio)]) for what compares with no trigger."""
    for workload in figures.workloads():
        variants = figures.variants(workload)
        if variants[0] == 'no trigger':
            ratios = ((v, figures.ratios(workload, v, variants[0], measure_of(figures, workload))) for v in variants[1:])
            yield workload, [(variant, statistics.median(found)) for variant, found in ratios if found]


def chart(figures):
    groups = list(bars(figures))
    names = list(dict.fromkeys(variant for _, ratios in groups for variant, _ in ratios))
    colour = dict(zip(names, COLOURS[1:]))
    top = 40 + 16 * (len(names) // 4)
    height = top + 20 + sum(GAP + HEIGHT * len(ratios) for _, ratios in groups)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
           f'font-size="12" fill="#333"><rect width="{WIDTH}" height="{height}" fill="#fff"/>')
    for i, name in enumerate(names):
        x, y = LABEL + i % 4 * 150, 14 + i // 4 * 16
        yield f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour[name]}"/>'
        yield f'<text x="{x + 16}" y="{y + 10}">{escape(name)}</text>'
    scale = BAR / LONGEST
    y = top + 10
    for workload, ratios in groups:
        yield f'<text x="{LABEL - 8}" y="{y + HEIGHT * len(ratios) / 2 + 4}" text-anchor="end">{escape(workload)}</text>'
        for variant, ratio in ratios:
            length = min(ratio, LONGEST) * scale
            yield f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{HEIGHT - 3}" fill="{colour[variant]}"/>'
            yield f'<text x="{LABEL + length + 5:.1f}" y="{y + 10}" font-size="11">{ratio:.2f}×</text>'
            y += HEIGHT
        y += GAP
    baseline = LABEL + scale
    yield f'<line x1="{baseline}" y1="{top}" x2="{baseline}" y2="{height - 10}" stroke="#333" stroke-dasharray="3 3"/>'
    yield f'<text x="{baseline + 4}" y="{height - 4}" font-size="11">no trigger</text>'
    yield '</svg>'


def main():
    results, folder = (Path(argument) for argument in sys.argv[1:3])
    figures, facts = read(results)
    written = {'performance.md': page(figures, facts), 'performance.svg': '\n'.join(chart(figures)) + '\n'}
    for name, text in written.items():
        if '--check' not in sys.argv:
            (folder / name).write_text(text, encoding='utf-8')
        elif (folder / name).read_text(encoding='utf-8') != text:
            sys.exit(f'{folder / name} is not what bench/report.py writes of {results}')


main()
