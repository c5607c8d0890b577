-- Prints what was measured as lines of bench/figures.py.
\set QUIET on
\pset format unaligned
\pset fieldsep '\t'
\pset tuples_only on
SELECT 'reading phones, ' || kind, variant, timings.round, 'cpu', 'ns', round(ns, 1)
FROM timings
ORDER BY array_position('{E.164,national,mixed}', kind), timings.round,
    array_position('{doing nothing,copying the digits,before,fast path,library}', variant);
