-- Catalog lint: what is true of every object of the extension.
\ir shop.psql
SELECT * FROM no_plan();

CREATE VIEW members AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS described
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE d.deptype = 'e' AND e.extname = 'customer_identity';
CREATE VIEW functions AS
SELECT p.*, p.oid::regprocedure AS signature FROM pg_proc p JOIN members m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass;
CREATE VIEW languages AS
SELECT l.* FROM pg_language l JOIN members m ON m.objid = l.oid AND m.classid = 'pg_language'::regclass;

SELECT ok(count(*) > 20, 'the extension has members') FROM members;
SELECT is_empty($$
  SELECT described FROM members
  WHERE obj_description(objid, classid::regclass::text) IS NULL
    AND NOT (classid = 'pg_type'::regclass AND (SELECT typelem <> 0 OR typrelid <> 0 AND (SELECT relkind <> 'c'
      FROM pg_class c WHERE c.oid = typrelid) FROM pg_type t WHERE t.oid = objid))
    AND NOT (classid = 'pg_class'::regclass AND (SELECT relkind IN ('c', 'i', 'S', 't') FROM pg_class c WHERE c.oid = objid))
$$, 'every object has a comment');
SELECT is_empty($$
  SELECT described FROM members WHERE classid = 'pg_class'::regclass
    AND objid IN (SELECT oid FROM pg_class WHERE relname IN (SELECT 'customers' UNION SELECT name FROM customer_identity_internal.companions()))
$$, 'no table of a book is a member: dropping the extension must not drop it');
SELECT is_empty($$
  SELECT described FROM members, pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid AND relkind IN ('r', 'p')
    AND relname <> ALL ('{verification_secret,verifications,sms_messages,verification_events}')
$$, 'nor is any table but those of verifications, which live minutes');
SELECT is_empty($$
  SELECT described FROM members, pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid AND relkind = 'r'
    AND (NOT relrowsecurity OR relacl IS NOT NULL OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
      OR EXISTS (SELECT FROM pg_extension WHERE c.oid = ANY (extconfig)))
$$, 'whose rows nobody but their owner sees, and no dump holds');
SELECT is_empty($$SELECT described FROM members WHERE described NOT LIKE '%customer_identity%' AND classid NOT IN
  ('pg_language'::regclass, 'pg_namespace'::regclass)$$,
  'everything lives in the extension''s schema or bears its name');

-- A pinned path, by a SET clause or by the language, a body that was parsed when it was made, or qualified names
-- throughout.
SELECT is_empty($$
  SELECT signature FROM functions
  WHERE prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
    AND prolang NOT IN (SELECT oid FROM languages)
    AND prosqlbody IS NULL AND prokind <> 'a'
    AND NOT coalesce(array_to_string(proconfig, ' ') ~ 'search_path=("")?pg_catalog, ?pg_temp', false)
    AND proname <> ALL (ARRAY[
      'backfill', 'recount_totals'  -- a procedure that commits cannot have a SET clause; its names are qualified
    ])
$$, 'every function pins its search path or qualifies every name');
SELECT is_empty($$
  SELECT signature FROM functions
  WHERE prolang IN (SELECT oid FROM languages) AND array_to_string(proconfig, ' ') LIKE '%search_path%'
$$, 'the book is found by the caller''s search path');
SELECT is_empty($$SELECT lanname FROM languages WHERE lanpltrusted OR NOT EXISTS (SELECT FROM functions WHERE prolang = languages.oid)$$,
  'the languages are used, by superusers alone');
SELECT is_empty($$SELECT signature FROM functions WHERE prosecdef$$, 'no function is SECURITY DEFINER');
SELECT is_empty($$
  SELECT signature FROM functions
  WHERE prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AND proconfig IS NOT NULL
$$, 'no hot function pays for a SET clause');

SELECT is_empty($$
  SELECT lanname, p.oid::regprocedure FROM pg_language, unnest(ARRAY[lanplcallfoid, laninline, lanvalidator]) AS f (oid)
  JOIN pg_proc AS p ON p.oid = f.oid
  WHERE lanname LIKE 'customer\_identity%' AND pronamespace = 'pg_catalog'::regnamespace
$$, 'languages have functions of our own only, else pg_upgrade takes them for extensions');

-- To compile a query of a hundred expressions takes longer than to run it.
SELECT set_has($$SELECT proname::text FROM functions WHERE 'jit=off' = ANY (proconfig)$$, $$SELECT unnest('{
  customer_stats,fraud_signals,list_customers,details_of,customer_users,orders_in,duplicate_customers,phone_suspects,findings_of,why_linked,
  merge_preview,merge_customers,unmerge_customers,split_customer,release_phone,migrate_phones,export_customer,erase_preview,erase_customer,
  phone_problems_in,plan_changes_in}'::text[])$$, 'what runs large queries that are made for the moment compiles none');

-- Privileges.
SELECT is_empty($$
  SELECT signature FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
  WHERE provolatile = 'v' AND a.grantee = 0
    -- Workings that write with the rights of their caller alone.
    AND NOT (pronamespace = 'customer_identity_internal'::regnamespace AND prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql')))
    AND proname <> ALL (ARRAY[
      'verify_totals', 'totals_differences',  -- read, but want a snapshot of their own
      'flush_totals',                         -- writes what the caller's transaction has left to be written
      -- In C, or for who has the rights on the table.
      'write_event', 'claim_customer', 'rebuild_customers', 'backfill_pages', 'follow_phone', 'guard_phone',
      -- For the owner of the book, or of the table, alone.
      'take_away_orders', 'take_away_users', 'lock_rows', 'hold_orders_of_nobody', 'move_all_rows', 'move_rows_back', 'move_references', 'erase_attached', 'unlink_rows', 'put_orders', 'verifications_of',
       -- With the rights of their caller, and a message that the tables have changed.
       'renew_proof', 'tell_of_companions', 'create_at_top'
    ])
$$, 'nobody may execute what writes, until granted');
SELECT ok(has_schema_privilege('public', 'customer_identity_internal', 'USAGE')
  AND NOT has_schema_privilege('public', 'customer_identity_internal', 'CREATE'), 'nobody adds to the workings');
SELECT set_has($$
  SELECT proname::text FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee = 0
$$, $$VALUES ('normalize_phone'), ('parse_phone'), ('format_phone'), ('can_see_customer')$$, 'everybody may read a phone');
SELECT ok(has_schema_privilege('public', 'customer_identity', 'USAGE'), 'everybody may look into the schema');
SELECT ok(NOT has_schema_privilege('public', 'customer_identity', 'CREATE'), 'but make nothing there');
SELECT is_empty($$
  SELECT c.oid::regclass, a.privilege_type FROM pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) a
  WHERE c.oid IN ('customers'::regclass, 'phone_proofs'::regclass, 'loyalty_entries'::regclass, 'customer_events'::regclass) AND a.grantee = 0
$$, 'a book is nobody''s but its owner''s');

-- The interface.
SELECT set_eq($$SELECT proname::text FROM functions WHERE pronamespace = 'customer_identity'::regnamespace$$, $$SELECT unnest('{
  normalize_phone,parse_phone,format_phone,
  customer_id_of,customer_id_for_order,create_tables,attach_users,attach_orders,detach,distribute_schema,backfill,check_setup,phone_problems,phone_plans,plan_changes,
  get_or_create_customer,find_customer,record_proof,revoke_proof,can_see_customer,
  start_verification,check_verification,cancel_verification,verification_required,purge_verifications,start_sms_worker,
  claim_messages,message_sent,message_failed,
  list_customers,customer_details,customer_users,customer_orders,update_customer,visible_orders,
  create_search_indexes,search_index_statements,index_totals,search_text,
  flush_totals,verify_totals,rebuild_totals,recount_totals,adjust_points,redeem_points,
  customer_history,customer_stats,fraud_signals,
  duplicate_customers,dismiss_duplicate,phone_suspects,
  export_customer,erase_preview,erase_customer,
  add_phone,change_phone,release_phone,set_phone_rule,confirm_holder,
  merge_preview,merge_customers,unmerge_customers,current_customer,split_customer,why_linked,migrate_phones,
  link_user,attach_order,maintain_totals}'::text[])$$, 'the schema that people see holds the interface and nothing else');
SELECT is_empty($$
  SELECT signature FROM functions
  WHERE prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND pronargs > 0
    AND (proargnames IS NULL OR '' = ANY (proargnames))
$$, 'every argument has a name');
SELECT is_empty($$
  SELECT signature FROM functions, unnest(proargtypes) t JOIN pg_type ON pg_type.oid = t
  WHERE typtype = 'p' AND proname NOT IN ('as_text', 'exact_json', 'exact_text') AND t <> 'internal'::regtype  -- drivers never call it
$$, 'no argument is polymorphic');
SELECT is_empty($$
  SELECT signature FROM functions
  WHERE proname = ANY ('{customer_id_for_order,get_or_create_customer,find_customer,record_proof,revoke_proof,can_see_customer,flush_totals,verify_totals,rebuild_totals,
                         adjust_points,redeem_points,customer_history,customer_stats,fraud_signals,start_verification,verification_required,attach_users,attach_orders,check_setup,
                         list_customers,customer_details,customer_users,customer_orders,update_customer,visible_orders,duplicate_customers,dismiss_duplicate,phone_suspects,
                         export_customer,erase_preview,erase_customer,
                         add_phone,change_phone,release_phone,set_phone_rule,confirm_holder,merge_preview,merge_customers,unmerge_customers,current_customer,split_customer,why_linked,
                         create_search_indexes,search_index_statements,index_totals}')
    AND pronamespace = 'customer_identity'::regnamespace
    AND (proargnames[pronargs] <> 'customers' OR pg_get_function_arg_default(oid, pronargs) IS DISTINCT FROM 'NULL::regclass')
$$, 'the book comes last and may be left out');
SELECT is(extnamespace::regnamespace || ' ' || extrelocatable, 'customer_identity false', 'the extension has its own schema')
FROM pg_extension WHERE extname = 'customer_identity';
SELECT is((SELECT trusted FROM pg_available_extension_versions WHERE name = 'customer_identity' AND installed), true,
  'it is trusted');
-- From PostgreSQL 18 on a library has a version of its own.
LOAD 'customer_identity';
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000
  THEN $$SELECT version FROM pg_get_loaded_modules() WHERE module_name = 'customer_identity'$$
  ELSE $$SELECT default_version AS version FROM pg_available_extensions WHERE name = 'customer_identity'$$ END AS query \gset
:query \gset loaded_
SELECT is(:'loaded_version', extversion, 'the library has the version of the control file')
FROM pg_extension WHERE extname = 'customer_identity';

SELECT * FROM finish();
