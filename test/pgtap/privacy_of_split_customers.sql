-- Two people whom somebody took for one, merged and split again: what an export of the one tells of the other, and what is left
-- of the other one when it is erased.
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION id_of(customer_phone text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = customer_phone';
CREATE FUNCTION whole_book() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(query_to_xml(format('SELECT * FROM %s', c.oid::regclass), true, true, '')::text, ' ')
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
$$;
CREATE FUNCTION merges_in(told jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
  SELECT jsonb_path_query(told, '$.tables[*] ? (@.table == "public.customer_merges").rows[*]')
$$;
CREATE TABLE wishes (customer_id uuid REFERENCES customers ON DELETE CASCADE, street text);
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('ben', 'Benjamin', '07400 123402'), ('cat', 'Cat', '07400 123403'), ('dan', 'Dan', '07400 123404');
INSERT INTO orders (user_id, total) VALUES ('ann', 10), ('ben', 5), ('dan', 7);
INSERT INTO wishes SELECT customer_id, 'Secret Lane' FROM "user" WHERE id = 'ben';
UPDATE customers SET notes = 'is ill' WHERE phone = '+447400123402';
SELECT id_of('+447400123401') AS ann \gset
SELECT customer_identity.merge_customers(id_of('+447400123402'), id_of('+447400123404')) AS dans \gset
SELECT customer_identity.merge_customers(:'ann', id_of('+447400123402')) AS bens \gset
SELECT matches(customer_identity.export_customer(:'ann')::text, 'Benjamin.*Secret Lane|Secret Lane.*Benjamin', 'as long as they are one, an export tells all of it');
UPDATE customers SET notes = NULL WHERE id = :'ann';
SELECT customer_identity.merge_customers(:'ann', id_of('+447400123403')) AS cats \gset
SELECT customer_identity.split_customer(:'ann', '{ben}', phone => '07400 123402') AS ben \gset
UPDATE wishes SET customer_id = :'ben';

SELECT ok(NOT customer_identity.export_customer(:'ann')::text ~* 'benjamin|is ill|secret|123402|"ben"', 'then an export has nothing of who left');
SELECT is_empty(format($$SELECT r FROM jsonb_path_query(customer_identity.export_customer(%L), '$.tables[*].rows[*]') AS r WHERE jsonb_typeof(r) <> 'object'$$, :'ann'),
  'rows are objects still');
SELECT set_has(format($$SELECT r ->> 'event' AS event, r ->> 'actor' AS actor FROM jsonb_path_query(customer_identity.export_customer(%L), '$.tables[*].rows[*]') AS r$$, :'ann'),
  $$VALUES ('user_linked', 'ann'), ('user_unlinked', NULL), ('split', NULL), ('merged', NULL)$$, 'events are told, with logins of her own');
SELECT is(count(*), 3::bigint, 'but that they were merged') FROM merges_in(customer_identity.export_customer(:'ann'));
SELECT ok(customer_identity.export_customer(:'ben')::text ~ 'Secret Lane', 'who has it in its own');
SELECT ok(NOT customer_identity.export_customer(:'ben')::text ~* '123401|"ann"|cat', 'with nothing of the other one');

BEGIN;
SELECT customer_identity.erase_preview(:'ben') -> 'tables' AS preview \gset
SELECT is((SELECT t ->> 'rows' FROM jsonb_array_elements(:'preview') AS t WHERE t ->> 'table' = 'public.customer_merges' AND t ->> 'what' = 'deleted'),
  '2', 'the preview tells of merges of who left');
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', :'ben'), 'who is erased');
SELECT ok(NOT whole_book() ~* 'benjamin|is ill|secret|123402', 'out of the merge as well');
SELECT is((failure(format('SELECT customer_identity.unmerge_customers(%s)', :'bens'))).code, 'P0002', 'so that no undoing brings it back');
SELECT isnt(customer_identity.unmerge_customers(:'cats'), NULL, 'another merge can be undone');
SELECT is(jsonb_array_length(customer_identity.customer_details(:'ann') -> 'merges'), 0, 'and administrators see no merge that cannot');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
COMMIT;

-- Without a number the login tells.
SELECT id_of('+447400123403') AS cat \gset
SELECT customer_identity.merge_customers(:'ann', :'cat') IS NOT NULL AS merged;
SELECT customer_identity.split_customer(:'ann', '{cat}') AS cat \gset
SELECT ok(NOT customer_identity.export_customer(:'ann')::text ~ '"cat"|"Cat"', 'an export has nothing of a login that left');
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', :'cat'), 'which is erased');
SELECT is_empty($$SELECT FROM customer_merges WHERE record::text ~ 'Cat'$$, 'with its merge');
SELECT * FROM finish();
