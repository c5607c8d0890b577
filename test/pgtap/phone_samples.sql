-- Spellings people type, against the rules (test/data/readings.tsv), and against what libphonenumber
-- 8.12.57 answers where no rule speaks. Another version has other numbering plans: its answers are not
-- compared. Reads test/data from the checkout's top folder.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET search_path = customer_identity, public;

CREATE TABLE cases (input text, region text, outcome text, e164 text, valid text, possible text,
                    type text, number_region text, extension text, note text);
CREATE TABLE corpus (input text, region text, e164 text, valid boolean, possible boolean, type integer);
CREATE TABLE readings (input text, region text, e164 text, reason text, rule text);
\copy readings FROM 'test/data/readings.tsv' (ENCODING 'UTF8', NULL '')
\copy cases FROM 'test/data/cases-8.12.57.tsv' (ENCODING 'UTF8')
\copy corpus FROM 'test/data/corpus.tsv' (ENCODING 'UTF8')

-- The library's own plans. Benin's numbers of ten digits are read by later versions.
SET customer_identity.numbering_plans = library;
SELECT normalize_phone('+229 01 97 12 34 56') IS NULL AS as_sampled \gset
\if :as_sampled
SELECT plan(14);
\else
SELECT plan(8);
\endif

CREATE VIEW types AS
SELECT ordinality - 1 AS number, name
FROM unnest('{fixed_line,mobile,fixed_line_or_mobile,toll_free,premium_rate,shared_cost,voip,personal_number,pager,uan,voicemail,unknown}'::text[])
  WITH ORDINALITY AS t(name, ordinality);

-- As the files tell it: ZZ is no region, and an unknown one reads like none (the functions refuse it).
CREATE TABLE case_answers AS
SELECT c.*, p.*
FROM (SELECT row_number() OVER () AS line, cases.* FROM cases) AS c (line, input, asked, outcome, e164_then,
       valid_then, possible_then, type_then, region_then, extension_then, note),
     parse_phone(input, CASE WHEN asked IN ('ZZ', 'UK', '001', '', 'gb') THEN NULL ELSE asked END) p;
CREATE TABLE corpus_answers AS
SELECT c.*, p.*
FROM corpus AS c (input, asked, e164_then, valid_then, possible_then, type_then),
     parse_phone(input, nullif(asked, 'ZZ')) p;

-- What the rules decide: letters, several numbers, calling codes without a plus, one number for an Argentine.
CREATE FUNCTION is_ruled(input text, e164 text, reason text) RETURNS boolean LANGUAGE sql AS $$
  SELECT reason IN ('has_letters', 'several_numbers', 'ambiguous') OR e164 ~ '^\+(549|55..9)' OR input ~* '\((home|work|mobile)|- work|phone-context|\t|\+ \+' OR input ~ U&'[\200f\feff]'
    OR '+' || regexp_replace(input, '[^0-9]', '', 'g') = e164
$$;
-- And numbers of plans that have changed, which are in use today.
DELETE FROM corpus_answers WHERE (customer_identity_internal.renumbering_of(e164_then)).rule IS NOT NULL AND is_valid;
SELECT results_eq($$SELECT input, r.region, p.e164, p.reason, rule FROM readings r, parse_phone(input, r.region) p$$,
  'SELECT input, region, e164, reason, rule FROM readings', 'every spelling is read by its rule');
SELECT results_eq($$SELECT input, region, normalize_phone(input, region) FROM readings$$, 'SELECT input, region, e164 FROM readings', 'and normalized');
SELECT results_eq($$SELECT input, region, format_phone(input, 'e164', region) FROM readings$$, 'SELECT input, region, e164 FROM readings', 'and formatted');
SELECT is_empty($$
  SELECT e164 FROM readings, unnest('{US,DE,BR,AR,MX,IT}'::text[]) AS r(region) WHERE normalize_phone(e164, r.region) <> e164
  UNION ALL SELECT e164 FROM corpus_answers AS c WHERE c.reason = 'ok' AND normalize_phone(e164) <> e164
$$, 'and stays the same');

SELECT ok((SELECT count(*) FROM case_answers) > 130 AND (SELECT count(*) FROM corpus_answers) BETWEEN 19970 AND 20000,
          'the samples are there');
SELECT is_empty($$
  SELECT input, asked, e164 FROM corpus_answers
  WHERE normalize_phone(input, nullif(asked, 'ZZ')) IS DISTINCT FROM CASE WHEN is_valid THEN e164 END
$$, 'normalize_phone gives the E.164 of every valid phone, and nothing else');
SET customer_identity.phone_validation = 'possible';
SELECT is_empty($$
  SELECT input, asked, e164 FROM corpus_answers
  WHERE normalize_phone(input, nullif(asked, 'ZZ')) IS DISTINCT FROM CASE WHEN is_possible THEN normalize_phone(e164) END
    AND NOT is_ruled(input, e164, (parse_phone(input, nullif(asked, 'ZZ'))).reason)
$$, 'with validation by length, the E.164 of every possible phone, read until it stays the same');
SELECT cmp_ok(count(*), '<', 50::bigint, 'which it nearly always does at once') FROM corpus_answers
WHERE is_possible AND normalize_phone(e164) <> e164;
RESET customer_identity.phone_validation;
\if :as_sampled
SELECT is_empty($$
  SELECT line, input, e164, e164_then FROM case_answers WHERE coalesce(e164, '') <> e164_then AND NOT is_ruled(input, e164, reason)
$$, 'every odd spelling has its E.164');
SELECT is_empty($$
  SELECT line, input, is_valid, is_possible, type, type_then FROM case_answers
  WHERE NOT is_ruled(input, e164, reason) AND ('v' || is_valid::int <> valid_then OR 'p' || is_possible::int <> possible_then
     OR coalesce(type, 'unknown') <> (SELECT name FROM types WHERE 't' || number = type_then)
     OR is_valid IS NULL OR is_possible IS NULL)
$$, 'every odd spelling is classified as by the library');
SELECT is_empty($$
  SELECT line, input, region, region_then, extension FROM case_answers
  WHERE NOT is_ruled(input, e164, reason)
    AND (coalesce(region, '') <> CASE region_then WHEN 'ZZ' THEN '' ELSE region_then END
      OR coalesce(extension, '') <> coalesce(extension_then, ''))
$$, 'region and extension of every odd spelling are found');
SELECT is_empty($$
  SELECT line, input, outcome, reason FROM case_answers
  WHERE NOT is_ruled(input, e164, reason) AND (outcome <> 'ok'
    AND reason <> ALL (CASE outcome WHEN 'NOT_A_NUMBER' THEN '{empty,not_a_number}'::text[]
                                    WHEN 'INVALID_COUNTRY_CODE' THEN '{unknown_country_code,no_region}'
                                    WHEN 'TOO_LONG_NSN' THEN '{too_long}' END)
     OR (outcome = 'ok' AND is_valid) <> (reason = 'ok'))
$$, 'the reason tells what the library found');
SELECT is_empty($$
  SELECT input, asked, e164, e164_then FROM corpus_answers WHERE coalesce(e164, '') <> coalesce(e164_then, '') AND NOT is_ruled(input, e164, reason)
$$, 'every phone of the corpus has its E.164');
SELECT is_empty($$
  SELECT input, asked, is_valid, is_possible, type FROM corpus_answers
  WHERE NOT is_ruled(input, e164, reason) AND (is_valid <> valid_then OR is_possible <> possible_then
     OR coalesce(type, 'unknown') <> (SELECT name FROM types WHERE number = type_then)
     OR is_valid IS NULL OR is_possible IS NULL)
$$, 'every phone of the corpus is classified as by the library');
\endif

SELECT * FROM finish();
