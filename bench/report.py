#!/usr/bin/python3 -B
"""Turns the lines of benchmark runs into a page and a chart:
  bench/report [--phones TEXT] LINES... writes docs/performance.md and docs/performance.svg; TEXT is what
  bench/phones/run printed."""

import argparse
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from figures import Figures

DOCS = Path(__file__).resolve().parents[1] / 'docs'
COLOURS = ('#8a8f98', '#b9bdc4', '#d1793b', '#c9a227', '#7fb2a5', '#2f6f5e', '#5b6cb0')
LONGEST = 10  # times the baseline; longer bars are cut and labelled
LABEL, BAR, WIDTH, HEIGHT, GAP = 250, 520, 860, 15, 16


def metric_of(workload):
    """What waits for others is compared from start to end, all else by processor time: the machine is shared."""
    return 'seconds' if 'one hot' in workload or 'any order' in workload else 'cpu'


def cell(figures, workload, variant, baseline):
    metric = metric_of(workload)
    median = figures.per_unit(workload, variant, metric)
    if median is None:
        return ''
    text = f'{1e6 * median:.1f} µs'
    return text if variant == baseline else f'{text} ({figures.ratio(workload, variant, baseline, metric):.2f}×)'


def families(figures):
    """Workloads that compare the same variants share a table."""
    found = {}
    for workload in figures.workloads():
        found.setdefault(tuple(sorted(figures.variants(workload))), []).append(workload)
    return found.values()


def tables(figures):
    for workloads in families(figures):
        variants = figures.variants(workloads[0])
        yield '| | ' + ' | '.join(variants) + ' |'
        yield '|---|' + '--:|' * len(variants)
        for workload in workloads:
            cells = [cell(figures, workload, variant, variants[0]) for variant in variants]
            yield f'| {workload} | ' + ' | '.join(cells) + ' |'
        yield ''


def phones(path):
    if path is None:
        return
    yield from ('## Phones', '', 'Nanoseconds a row in the server, over a C function that does nothing (`bench/phones/run`).', '')
    yield from ('```', *path.read_text(encoding='utf-8').rstrip().splitlines(), '```', '')


def page(figures, phones_path):
    yield '# Performance'
    yield ''
    yield '[All documents](index.md)'
    yield ''
    yield 'Written by `make bench`: all variants in one run, interleaved; medians, and the median of the rounds\' ratios'
    yield 'to the first column. Per row, call or transaction: the processor time of the server, or, where sessions wait'
    yield 'for each other (one hot customer, orders in any order), the time from start to end.'
    yield ''
    yield from (f'- {name}: {value}' for name, value in figures.facts.items())
    yield ''
    yield '![Times the cost of no trigger](performance.svg)'
    yield ''
    yield from tables(figures)
    yield '- *doing nothing*: triggers of the same kinds as ours whose function returns at once: what no solution with'
    yield '  triggers can go below (`bench/totals/do_nothing.sql`).'
    yield '- *by row*: the triggers people write by hand, an UPDATE of the customer for each order (`bench/totals/by_row.sql`).'
    yield '- *by statement*: careful plpgsql with transition tables (`bench/totals/by_statement.sql`). Like *by row*, it keeps'
    yield '  totals only.'
    yield '- *ours, totals*: what `attach_orders` sets up, without the trigger that attaches orders to customers.'
    yield '- *ours*: all of it. *ours, at commit*: with `timing => \'commit\'`.'
    yield ''
    yield 'The table has a primary key, an index on the customer and a foreign key to `customers` in every variant. Orders'
    yield 'name their customer, so reading phones is not part of the comparison, except for sign-ups and `get_or_create`.'
    yield ''
    yield 'Backfills of tables that were attached late are measured at one, two and four times the rows, with no ANALYZE'
    yield 'after attaching (`bench/backfill/run.py`): of users, then of orders, or the other way round, per row of both tables together.'
    yield 'The larger the shop, the deeper the indexes and the less fits into caches. Up to some million orders it is also cheaper'
    yield 'to read all of them once per ten thousand users than to look for the orders of each; beyond that the index is used.'


def bars(figures):
    """(workload, [(variant, ratio)]) for what compares with no trigger."""
    for workload in figures.workloads():
        variants = figures.variants(workload)
        if variants[0] == 'no trigger':
            yield workload, [(v, figures.ratio(workload, v, variants[0], metric_of(workload))) for v in variants[1:]]


def chart(figures):
    groups = list(bars(figures))
    names = list(dict.fromkeys(variant for _, ratios in groups for variant, _ in ratios))
    colour = dict(zip(names, COLOURS[1:]))
    height = 60 + sum(GAP + HEIGHT * len(ratios) for _, ratios in groups)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
           f'font-size="12" fill="#333"><rect width="{WIDTH}" height="{height}" fill="#fff"/>')
    for i, name in enumerate(names):
        x = LABEL + i * 100
        yield f'<rect x="{x}" y="14" width="11" height="11" fill="{colour[name]}"/>'
        yield f'<text x="{x + 16}" y="24">{escape(name)}</text>'
    scale = BAR / LONGEST
    y = 50
    for workload, ratios in groups:
        yield f'<text x="{LABEL - 8}" y="{y + HEIGHT * len(ratios) / 2 + 4}" text-anchor="end">{escape(workload)}</text>'
        for variant, ratio in ratios:
            length = min(ratio, LONGEST) * scale
            yield f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{HEIGHT - 3}" fill="{colour[variant]}"/>'
            yield f'<text x="{LABEL + length + 5:.1f}" y="{y + 10}" font-size="11">{ratio:.2f}×</text>'
            y += HEIGHT
        y += GAP
    baseline = LABEL + scale
    yield f'<line x1="{baseline}" y1="40" x2="{baseline}" y2="{height - 10}" stroke="#333" stroke-dasharray="3 3"/>'
    yield f'<text x="{baseline + 4}" y="{height - 4}" font-size="11">no trigger</text>'
    yield '</svg>'


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--phones', type=Path)
    arguments.add_argument('lines', nargs='+')
    arguments = arguments.parse_args()
    figures = Figures()
    for path in arguments.lines:
        with open(path, encoding='utf-8') as stream:
            read = Figures.read(stream)
        figures.facts.update(read.facts)
        figures.measurements += read.measurements
    if not figures.measurements:
        sys.exit('bench/report: no measurements')
    DOCS.mkdir(exist_ok=True)
    (DOCS / 'performance.md').write_text('\n'.join(page(figures, arguments.phones)) + '\n', encoding='utf-8')
    (DOCS / 'performance.svg').write_text('\n'.join(chart(figures)) + '\n', encoding='utf-8')


main()
