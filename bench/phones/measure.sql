-- Times normalize_phone row by row in five rounds, from round `first` on: every variant in each, so that a noisy machine is
-- noisy for all of them. Variables: library (that has the function), variant (its name), first.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;

CREATE OR REPLACE FUNCTION normalize_phone(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS :'library';

CREATE OR REPLACE PROCEDURE measure(variant text, first integer)
    LANGUAGE plpgsql AS $$
DECLARE
    shape text;
BEGIN
    FOREACH shape IN ARRAY '{E.164,national,mixed}'::text[] LOOP
        PERFORM spent('normalize_phone', format('%I', 'many ' || shape)::regclass);  -- compiles the plans
        FOR round IN first .. first + 4 LOOP
            PERFORM set_config('customer_identity.fast_path', 'on', false);
            INSERT INTO timings SELECT shape, variant, round, spent('normalize_phone', format('%I', 'many ' || shape)::regclass);
            CONTINUE WHEN variant <> 'fast path';
            INSERT INTO timings SELECT shape, 'doing nothing', round, spent('do_nothing', format('%I', 'many ' || shape)::regclass);
            INSERT INTO timings SELECT shape, 'copying the digits', round, spent('copy_digits', format('%I', 'many ' || shape)::regclass);
            CONTINUE WHEN round > first;
            PERFORM set_config('customer_identity.fast_path', 'off', false);
            INSERT INTO timings SELECT shape, 'library', round, spent('normalize_phone', format('%I', 'few ' || shape)::regclass);
        END LOOP;
    END LOOP;
END
$$;
CALL measure(:'variant', :first);
