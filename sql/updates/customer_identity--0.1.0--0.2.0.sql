\echo Use "ALTER EXTENSION customer_identity UPDATE TO '0.2.0'" to load this file. \quit

-- As in CREATE EXTENSION: from here to the end every name resolves in pg_catalog or is qualified. Nothing here reads or
-- writes a row of anybody's table: triggers, policies and functions of others would run as a superuser.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    IF to_regnamespace('customer_identity_internal') IS NOT NULL THEN
        RAISE EXCEPTION 'schema customer_identity_internal is there already'
            USING ERRCODE = 'duplicate_schema',
                HINT = 'Drop or rename it first: the extension makes it anew, so that nobody else has ever put anything there.';
    END IF;
END
$$;
CREATE SCHEMA customer_identity_internal;
COMMENT ON SCHEMA customer_identity_internal IS
    'Internal functions of customer_identity, not part of its interface';
GRANT USAGE ON SCHEMA customer_identity_internal TO PUBLIC;

-- A session keeps the library that it has loaded, and functions of a later one cannot be made in it.
DO $$
BEGIN
    CREATE FUNCTION customer_identity_internal.loads_new_functions() RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'follow_phone';
    DROP FUNCTION customer_identity_internal.loads_new_functions();
EXCEPTION WHEN undefined_function THEN
    RAISE EXCEPTION 'this session has loaded the library of an earlier version of customer_identity'
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Install the new version, connect anew and try again. A library that is named in shared_preload_libraries is loaded when the server starts.';
END
$$;

-- Codes that are under way stay, with the ids that they have.
CREATE INDEX verifications_user_id_idx ON customer_identity.verifications (user_id) WHERE status = 'pending';
ALTER TABLE customer_identity.sms_messages ALTER id DROP IDENTITY;
ALTER TABLE customer_identity.sms_messages
    ALTER id SET DEFAULT 100000000000000 + ('x' || right(gen_random_uuid()::text, 12))::bit(48)::bigint;
ALTER TABLE customer_identity.verification_events ADD events bigint NOT NULL DEFAULT 1;

-- The workings move. Their OIDs stay, and with them triggers, policies and views. Their rights are as they are made:
-- anybody may execute them unless it is revoked below.
ALTER FUNCTION customer_identity.claimed_phone(text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.claim_problem(text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.book(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customers_columns() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.has_unique_index(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_customers(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.companion_of(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.make_companions(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.trigger_arguments(bytea) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.argument_values(text[], text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.argument_value(text[], text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.base_type(regtype) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.type_name(regtype) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.as_text(anyelement) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attach_call(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attachments_of(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.partitions_of(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.totals_sources(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.rebuild_book(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.write_event(regclass, uuid, text, jsonb, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.keeps_history(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_column(regclass, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_written_column(regclass, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.optional_column(regclass, text, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_rights(regclass, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.has_index_on(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.has_reference(regclass, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.ensure_customer_column(regclass, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.written_arguments(text[], text[]) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.repeated(text, text[]) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.qualified_name(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.users_of(regclass, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_pair(boolean, boolean, text, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.claims_query(customer_identity.attachments) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.region_expression(customer_identity.attachments) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.user_condition(customer_identity.attachments) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attachment_of(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.backfill_progress(regclass, bigint, bigint, bigint, timestamptz) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.row_key(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.logins_query(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.many_logins_query(regclass, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.unproved_claims_query(regclass, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.sign_up_burst_query(regclass, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.cod_cancellations_query(regclass, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.cancelled_statuses() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.fraud_setting(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.random_secret() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.random_code() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.code_hash(bytea, uuid, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.same_hash(bytea, bytea) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.readable_phone(text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.admit(text[], integer[], integer, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.prove_phone(regclass, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.code_lifetime() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.address_bucket(inet) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.sms_countries() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.can_get_codes(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.admit_message(text, text, inet) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.send_code(regclass, text, text, text, inet, timestamptz) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.can_be_answered(customer_identity.verifications) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.is_code(customer_identity.verifications, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.end_verification(uuid, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.approve_verification(customer_identity.verifications) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.time_to_next_attempt(integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.like_literal(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.searched_digits(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.plain_text(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.time_column(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.time_of_row(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.phones_of_row(customer_identity.attachments) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.users_query(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.text_condition(text, boolean) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.searches_names(customer_identity.customer_search) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.sort_indexes(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.search_indexes(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.totals_indexes(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.index_valid(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.create_missing_index(regclass, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.list_digest(jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.write_cursor(jsonb, jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.is_value(regtype, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.refuse_cursor() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.read_cursor(jsonb, text, regtype, regtype) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_page_size(integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.page_of(jsonb[], integer, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.sort_column(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.invalid_filter(text, jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_filters(jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customer_column_type(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.order_times(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.details_of(uuid, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.column_type(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.row_key_column(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.after_place(customer_identity.attachments, jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_order_place(jsonb, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.order_page(uuid, regclass, text, integer, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.find_user(text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.editable_columns(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_changes(jsonb, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.typed_columns(regclass, text[]) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.converted_value(regclass, text, jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.changed_values(jsonb, jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.write_changes(uuid, jsonb, text[], regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_session(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_history(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_book(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.named_columns(customer_identity.attachments) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_triggers(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.user_has_customer(customer_identity.attachments) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_sms(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.findings_of(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.follow_renames() SET SCHEMA customer_identity_internal;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO PUBLIC;

-- What takes or gives something else now waits under another name until nothing names it any more.
ALTER FUNCTION customer_identity.make_customers(text) RENAME TO released_make_customers;
ALTER FUNCTION customer_identity.released_make_customers(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.make_book(text) RENAME TO released_make_book;
ALTER FUNCTION customer_identity.released_make_book(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.create_tables(text) RENAME TO released_create_tables;
ALTER FUNCTION customer_identity.released_create_tables(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.table_of_argument(text) RENAME TO released_table_of_argument;
ALTER FUNCTION customer_identity.released_table_of_argument(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.order_amount(numeric) RENAME TO released_order_amount;
ALTER FUNCTION customer_identity.released_order_amount(numeric) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.order_points(numeric, numeric) RENAME TO released_order_points;
ALTER FUNCTION customer_identity.released_order_points(numeric, numeric) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.totals_query(regclass, text[]) RENAME TO released_totals_query;
ALTER FUNCTION customer_identity.released_totals_query(regclass, text[]) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.totals_differences(regclass) RENAME TO released_totals_differences;
ALTER FUNCTION customer_identity.released_totals_differences(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customer_history_as_owner(uuid, regclass) RENAME TO released_customer_history_as_owner;
ALTER FUNCTION customer_identity.released_customer_history_as_owner(uuid, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.key_column(regclass) RENAME TO released_key_column;
ALTER FUNCTION customer_identity.released_key_column(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.require_attachable(regclass, regclass) RENAME TO released_require_attachable;
ALTER FUNCTION customer_identity.released_require_attachable(regclass, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attach_users_to(regclass, text[], text, text, text, text, regclass) RENAME TO released_attach_users_to;
ALTER FUNCTION customer_identity.released_attach_users_to(regclass, text[], text, text, text, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, regclass) RENAME TO released_attach_users;
ALTER FUNCTION customer_identity.released_attach_users(regclass, text[], text, text, text, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.create_totals_triggers(regclass, text) RENAME TO released_create_totals_triggers;
ALTER FUNCTION customer_identity.released_create_totals_triggers(regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) RENAME TO released_attach_orders_to;
ALTER FUNCTION customer_identity.released_attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) RENAME TO released_attach_orders;
ALTER FUNCTION customer_identity.released_attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.backfill_pages(regclass, bigint, bigint) RENAME TO released_backfill_pages;
ALTER FUNCTION customer_identity.released_backfill_pages(regclass, bigint, bigint) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.backfill_steps(regclass, integer) RENAME TO released_backfill_steps;
ALTER FUNCTION customer_identity.released_backfill_steps(regclass, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.phone_problems(regclass, integer) RENAME TO released_phone_problems;
ALTER FUNCTION customer_identity.released_phone_problems(regclass, integer) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customer_stats_as_owner(timestamptz, regclass) RENAME TO released_customer_stats_as_owner;
ALTER FUNCTION customer_identity.released_customer_stats_as_owner(timestamptz, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.fraud_signals_as_owner(numeric, regclass) RENAME TO released_fraud_signals_as_owner;
ALTER FUNCTION customer_identity.released_fraud_signals_as_owner(numeric, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.most_wrong_answers() RENAME TO released_most_wrong_answers;
ALTER FUNCTION customer_identity.released_most_wrong_answers() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.start_verification_as_owner(text, text, text, inet, text, regclass) RENAME TO released_start_verification_as_owner;
ALTER FUNCTION customer_identity.released_start_verification_as_owner(text, text, text, inet, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_verification_as_owner(uuid, text) RENAME TO released_check_verification_as_owner;
ALTER FUNCTION customer_identity.released_check_verification_as_owner(uuid, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.cancel_verification_as_owner(uuid) RENAME TO released_cancel_verification_as_owner;
ALTER FUNCTION customer_identity.released_cancel_verification_as_owner(uuid) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.claim_messages_as_owner(integer, interval) RENAME TO released_claim_messages_as_owner;
ALTER FUNCTION customer_identity.released_claim_messages_as_owner(integer, interval) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.message_sent_as_owner(bigint, text) RENAME TO released_message_sent_as_owner;
ALTER FUNCTION customer_identity.released_message_sent_as_owner(bigint, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.message_failed_as_owner(bigint, text, boolean) RENAME TO released_message_failed_as_owner;
ALTER FUNCTION customer_identity.released_message_failed_as_owner(bigint, text, boolean) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.purge_verifications_as_owner() RENAME TO released_purge_verifications_as_owner;
ALTER FUNCTION customer_identity.released_purge_verifications_as_owner() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.read_search(text, text) RENAME TO released_read_search;
ALTER FUNCTION customer_identity.released_read_search(text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.search_condition(customer_identity.customer_search, text) RENAME TO released_search_condition;
ALTER FUNCTION customer_identity.released_search_condition(customer_identity.customer_search, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.users_up_to(integer, text) RENAME TO released_users_up_to;
ALTER FUNCTION customer_identity.released_users_up_to(integer, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.filter_condition(jsonb, text, text) RENAME TO released_filter_condition;
ALTER FUNCTION customer_identity.released_filter_condition(jsonb, text, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customers_query(regclass, text, text, boolean, boolean, jsonb, text) RENAME TO released_customers_query;
ALTER FUNCTION customer_identity.released_customers_query(regclass, text, text, boolean, boolean, jsonb, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.list_customers_as_owner(text, jsonb, text, integer, text, regclass) RENAME TO released_list_customers_as_owner;
ALTER FUNCTION customer_identity.released_list_customers_as_owner(text, jsonb, text, integer, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.row_object(regclass, regclass) RENAME TO released_row_object;
ALTER FUNCTION customer_identity.released_row_object(regclass, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.open_claim() RENAME TO released_open_claim;
ALTER FUNCTION customer_identity.released_open_claim() SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customer_details_as_owner(uuid, regclass) RENAME TO released_customer_details_as_owner;
ALTER FUNCTION customer_identity.released_customer_details_as_owner(uuid, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customer_users_as_owner(uuid, regclass) RENAME TO released_customer_users_as_owner;
ALTER FUNCTION customer_identity.released_customer_users_as_owner(uuid, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.orders_query(regclass, customer_identity.attachments, text, jsonb) RENAME TO released_orders_query;
ALTER FUNCTION customer_identity.released_orders_query(regclass, customer_identity.attachments, text, jsonb) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.order_condition(customer_identity.attachments, regclass, text) RENAME TO released_order_condition;
ALTER FUNCTION customer_identity.released_order_condition(customer_identity.attachments, regclass, text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.customer_orders_as_owner(uuid, integer, text, regclass) RENAME TO released_customer_orders_as_owner;
ALTER FUNCTION customer_identity.released_customer_orders_as_owner(uuid, integer, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.visible_orders_as_owner(text, integer, text, regclass) RENAME TO released_visible_orders_as_owner;
ALTER FUNCTION customer_identity.released_visible_orders_as_owner(text, integer, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.update_customer_as_owner(uuid, jsonb, timestamptz, text, regclass) RENAME TO released_update_customer_as_owner;
ALTER FUNCTION customer_identity.released_update_customer_as_owner(uuid, jsonb, timestamptz, text, regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.expected_triggers(text) RENAME TO released_expected_triggers;
ALTER FUNCTION customer_identity.released_expected_triggers(text) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_columns(regclass) RENAME TO released_check_columns;
ALTER FUNCTION customer_identity.released_check_columns(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_users_of_orders(regclass) RENAME TO released_check_users_of_orders;
ALTER FUNCTION customer_identity.released_check_users_of_orders(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_rows(regclass) RENAME TO released_check_rows;
ALTER FUNCTION customer_identity.released_check_rows(regclass) SET SCHEMA customer_identity_internal;
ALTER FUNCTION customer_identity.check_sms_as_owner(regclass) RENAME TO released_check_sms_as_owner;
ALTER FUNCTION customer_identity.released_check_sms_as_owner(regclass) SET SCHEMA customer_identity_internal;

ALTER TYPE customer_identity.customer_search SET SCHEMA customer_identity_internal;
ALTER TYPE customer_identity.setup_finding SET SCHEMA customer_identity_internal;
ALTER VIEW customer_identity.attached_triggers SET SCHEMA customer_identity_internal;

-- Text arguments: how long they may be, and what errors show of them.
CREATE FUNCTION customer_identity_internal.text_limit(argument text)
    RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'text_limit';
COMMENT ON FUNCTION customer_identity_internal.text_limit(text) IS
    'The maximum number of bytes in an argument of this name, or NULL';
CREATE FUNCTION customer_identity_internal.require_limit(argument text, value text)
    RETURNS void
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'require_limit';
COMMENT ON FUNCTION customer_identity_internal.require_limit(text, text) IS
    'Raises 22023 for an argument that is longer than its maximum';
CREATE FUNCTION customer_identity_internal.shown(given text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'shown';
COMMENT ON FUNCTION customer_identity_internal.shown(text) IS
    'What errors show of an argument: its first 64 characters';
COMMENT ON TYPE customer_identity.phone_details IS
    'What is known about a phone: its E.164 form and parts, and the reason why it is not acceptable ("ok" if it is)';
-- Most phones cost as much as some thirty cheap operators; those left to the library, a hundred times that.
CREATE OR REPLACE FUNCTION customer_identity.normalize_phone(phone text, region text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'normalize_phone';
COMMENT ON FUNCTION customer_identity.normalize_phone(text, text) IS
    'The E.164 form of a phone, or NULL when it is not acceptable. A phone without a country code is read as dialled in region (ISO 3166 or a calling code; default: customer_identity.default_region)';
CREATE OR REPLACE FUNCTION customer_identity.parse_phone(phone text, region text DEFAULT NULL)
    RETURNS customer_identity.phone_details
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'parse_phone';
COMMENT ON FUNCTION customer_identity.parse_phone(text, text) IS
    'Everything known about a phone, including why it is not acceptable';
CREATE OR REPLACE FUNCTION customer_identity.format_phone(phone text, style text DEFAULT 'international', region text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 3000
    AS 'MODULE_PATHNAME', 'format_phone';
COMMENT ON FUNCTION customer_identity.format_phone(text, text, text) IS
    'A phone for people to read: style e164, international, national or rfc3966. NULL when the phone is not acceptable';
CREATE OR REPLACE FUNCTION customer_identity_internal.claimed_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'claimed_phone';
COMMENT ON FUNCTION customer_identity_internal.claimed_phone(text, text) IS
    'The phone of a row as the triggers read it: normalize_phone, but NULL instead of an error where a known region is missing';
CREATE OR REPLACE FUNCTION customer_identity_internal.claim_problem(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'claim_problem';
COMMENT ON FUNCTION customer_identity_internal.claim_problem(text, text) IS
    'Why the triggers cannot read the phone of a row; "ok" when they can';
CREATE FUNCTION customer_identity_internal.suggested_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 3000
    AS 'MODULE_PATHNAME', 'suggested_phone';
COMMENT ON FUNCTION customer_identity_internal.suggested_phone(text, text) IS
    'What may have been meant by a phone that the triggers cannot read, in E.164, for a person to decide; NULL when nothing can be guessed';
CREATE FUNCTION customer_identity_internal.phone_remark(phone text)
    RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'phone_remark';
COMMENT ON FUNCTION customer_identity_internal.phone_remark(text) IS
    'What a phone is that looks like a number and is none, or NULL';
CREATE FUNCTION customer_identity_internal.renumbering_of(phone text, OUT since text, OUT rule text, OUT source text)
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'renumbering_of';
COMMENT ON FUNCTION customer_identity_internal.renumbering_of(text) IS
    'The change of a country''s plan by which an old E.164 phone reads as the number of today; NULL for any other phone';
CREATE FUNCTION customer_identity_internal.region_or_default(region text, default_region text)
    RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'region_or_default';
COMMENT ON FUNCTION customer_identity_internal.region_or_default(text, text) IS
    'The region of a row, or where that is blank the one of its table';
CREATE FUNCTION customer_identity_internal.known_region(region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'known_region';
COMMENT ON FUNCTION customer_identity_internal.known_region(text) IS
    'A region in upper case without surrounding blanks; NULL when it is not a region';
CREATE FUNCTION customer_identity.phone_plans()
    RETURNS TABLE (source text, version text, date date, countries integer, calling_codes integer, licence text, problem text)
    LANGUAGE c STABLE ROWS 1
    AS 'MODULE_PATHNAME', 'phone_plans';
COMMENT ON FUNCTION customer_identity.phone_plans() IS
    'The numbering plans by which this session reads phones: where they come from, libphonenumber''s version where it is known, their day, what they cover, and why a file that should be in force is not';
-- The languages of functions that act as an owner: PL/pgSQL, whose body runs with the rights of the owner of a table. A
-- language decides whose, and who may call; the search_path is the caller's until the book is found, then it is pinned.
-- So these functions have no SET search_path. None of the languages is TRUSTED: only superusers write functions in them.

-- PL/pgSQL's own would do, but pg_upgrade brings a language over only if all of its functions are the extension's.
CREATE FUNCTION customer_identity_internal.validate_plpgsql(function oid)
    RETURNS void
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.validate_plpgsql(oid) IS
    'Checks a function when it is created in one of the languages that act as an owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.validate_plpgsql(oid) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.as_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_owner() IS
    'Runs the functions of language customer_identity_as_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_owner
    HANDLER customer_identity_internal.as_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_owner IS
    'PL/pgSQL as the owner of the extension''s working tables';
CREATE FUNCTION customer_identity_internal.as_owner_with_book()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_owner_with_book() IS
    'Runs the functions of language customer_identity_as_owner_with_book';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_owner_with_book() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_owner_with_book
    HANDLER customer_identity_internal.as_owner_with_book
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_owner_with_book IS
    'PL/pgSQL as the owner of the extension''s working tables, for what writes to a book on the way';
CREATE FUNCTION customer_identity_internal.as_book_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_book_owner() IS
    'Runs the functions of language customer_identity_as_book_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_book_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_book_owner
    HANDLER customer_identity_internal.as_book_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_book_owner IS
    'PL/pgSQL as the owner of the book, for who may look into its schema';
CREATE FUNCTION customer_identity_internal.as_table_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_table_owner() IS
    'Runs the functions of language customer_identity_as_table_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_table_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_table_owner
    HANDLER customer_identity_internal.as_table_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_table_owner IS
    'PL/pgSQL as the owner of the table that comes first, the book or one attached to it, for who has the right on it';
CREATE FUNCTION customer_identity_internal.as_feeding_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_feeding_owner() IS
    'Runs the functions of language customer_identity_as_feeding_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_feeding_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_feeding_owner
    HANDLER customer_identity_internal.as_feeding_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_feeding_owner IS
    'PL/pgSQL as the owner of an attached table, also for the owner of the book that it feeds';
CREATE FUNCTION customer_identity_internal.as_referencing_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_referencing_owner() IS
    'Runs the functions of language customer_identity_as_referencing_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_referencing_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_referencing_owner
    HANDLER customer_identity_internal.as_referencing_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_referencing_owner IS
    'PL/pgSQL as the owner of a table that refers to customers, for the owner of the book';
CREATE OR REPLACE FUNCTION customer_identity_internal.base_type(type regtype)
    RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'base_type';
COMMENT ON FUNCTION customer_identity_internal.base_type(regtype) IS
    'The type below any domains';
CREATE OR REPLACE FUNCTION customer_identity_internal.type_name(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'type_name';
COMMENT ON FUNCTION customer_identity_internal.type_name(regtype) IS
    'The quoted and qualified name of a type, without a length';
CREATE FUNCTION customer_identity_internal.equality_of(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'equality_of';
COMMENT ON FUNCTION customer_identity_internal.equality_of(regtype) IS
    'The operator by which a foreign key compares values of a type, as a query names it';
CREATE FUNCTION customer_identity_internal.less_of(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'less_of';
COMMENT ON FUNCTION customer_identity_internal.less_of(regtype) IS
    'The operator by which ORDER BY puts one value of a type before another, as a query names it';
CREATE OR REPLACE FUNCTION customer_identity_internal.as_text(value anyelement)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'as_text';
COMMENT ON FUNCTION customer_identity_internal.as_text(anyelement) IS
    'A value of a row as the triggers read it, whatever casts its type has';
-- Ids are compared as texts elsewhere: 'A' and 'a' are two, also where their type takes them for one. Its own equality is what
-- an index serves: on the pinned path a plain one would be that of text.
CREATE FUNCTION customer_identity_internal.equals_value(held text, type regtype, value text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    equality constant text := customer_identity_internal.equality_of(type);
BEGIN
    RETURN format('%s %s %L::%s', held, equality, value, customer_identity_internal.type_name(type))
        || CASE WHEN equality NOT LIKE 'OPERATOR(pg_catalog.%' THEN
            format(' AND customer_identity_internal.as_text(%s) = customer_identity_internal.as_text(%L::%s)',
                held, value, customer_identity_internal.type_name(type))
            ELSE '' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.equals_value(text, regtype, text) IS
    'The condition that an expression, such as a column of a row, is a value of its type';
-- What is kept to be compared later is the same in every session: to_jsonb() follows TimeZone and others.
CREATE FUNCTION customer_identity_internal.exact_json(value anyelement)
    RETURNS jsonb
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'exact_json';
COMMENT ON FUNCTION customer_identity_internal.exact_json(anyelement) IS
    'A value as JSON, whatever the settings of the session';
CREATE FUNCTION customer_identity_internal.exact_text(value anyelement)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'exact_text';
COMMENT ON FUNCTION customer_identity_internal.exact_text(anyelement) IS
    'A value as text, whatever the settings of the session and the casts of its type';
-- PostgreSQL writes JSON of such a type, of its arrays and of rows with it by that cast, and does not read it again.
CREATE FUNCTION customer_identity_internal.has_own_json(type regtype)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE parts (type) AS (
        SELECT has_own_json.type::oid
        UNION
        SELECT p.type
        FROM parts
        JOIN pg_type AS t ON t.oid = parts.type
        CROSS JOIN LATERAL (
            SELECT t.typbasetype
            UNION SELECT t.typelem
            UNION SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS p (type)
    )
    SELECT EXISTS (SELECT FROM parts JOIN pg_cast AS k ON k.castsource = parts.type AND k.casttarget = 'json'::regtype AND k.castmethod = 'f')
$$;
COMMENT ON FUNCTION customer_identity_internal.has_own_json(regtype) IS
    'Whether a type, or a part of it, has a cast to json, as hstore has';
-- Where the server itself compares as the triggers do, statistics and indexes of the column serve. A label that this
-- transaction has added to an enum cannot be written yet.
CREATE FUNCTION customer_identity_internal.has_value(relation regclass, column_name text, named_values text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    SELECT t.oid, t.typtype, c.collisdeterministic AS is_deterministic,
        ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid AND e.enumlabel = ANY (named_values)) AS labels
    INTO held
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = customer_identity_internal.base_type(a.atttypid)
    LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped;
    IF held.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) AND held.is_deterministic THEN
        RETURN format('o.%I::text = ANY (%L::text[])', column_name, named_values);
    END IF;
    IF held.typtype = 'e' THEN
        EXECUTE format('SELECT %L::%s[]', held.labels, customer_identity_internal.type_name(held.oid));
        RETURN format('o.%1$I::%2$s = ANY (%3$L::%2$s[])', column_name, customer_identity_internal.type_name(held.oid), held.labels);
    END IF;
    RETURN format('customer_identity_internal.as_text(o.%I) COLLATE "C" = ANY (%L::text[])', column_name, named_values);
EXCEPTION WHEN unsafe_new_enum_value_usage THEN
    RETURN format('customer_identity_internal.as_text(o.%I) COLLATE "C" = ANY (%L::text[])', column_name, named_values);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_value(regclass, text, text[]) IS
    'The condition that a column of row o holds one of some values, as the triggers read it';
-- User-defined casts are not suggested: the user who runs the statement may be a superuser.
CREATE FUNCTION customer_identity_internal.can_cast(source regtype, target regtype)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT s.typcategory = 'S' OR t.typcategory = 'S' OR s.oid = t.oid OR EXISTS (
        SELECT
        FROM pg_cast AS c
        LEFT JOIN pg_proc AS f ON f.oid = c.castfunc
        WHERE c.castsource = s.oid AND c.casttarget = t.oid
            AND (f.oid IS NULL OR f.pronamespace = 'pg_catalog'::regnamespace))
    FROM pg_type AS s
    CROSS JOIN pg_type AS t
    WHERE s.oid = customer_identity_internal.base_type(source) AND t.oid = target
);
COMMENT ON FUNCTION customer_identity_internal.can_cast(regtype, regtype) IS
    'Whether values of a type, or of the type beneath a domain, can be cast to another one';
CREATE FUNCTION customer_identity_internal.holds_phone(type regtype, modifier integer)
    RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'holds_phone';
COMMENT ON FUNCTION customer_identity_internal.holds_phone(regtype, integer) IS
    'Whether the triggers read phones from columns of a type';
CREATE FUNCTION customer_identity_internal.holds_region(type regtype)
    RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'holds_region';
COMMENT ON FUNCTION customer_identity_internal.holds_region(regtype) IS
    'Whether the triggers read regions from columns of a type';
-- Of a type of another extension (one for phones, hstore), whether a phone that is put in comes out.
CREATE FUNCTION customer_identity_internal.keeps_phones(type regtype)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept text;
BEGIN
    EXECUTE format('SELECT customer_identity_internal.as_text(%L::%s)', '+4915123456789',
        customer_identity_internal.type_name(type)) INTO kept;
    RETURN COALESCE(customer_identity_internal.claimed_phone(kept, 'DE') = '+4915123456789', false);
EXCEPTION
    WHEN OTHERS THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keeps_phones(regtype) IS
    'Whether a phone can be written to a type, which is no domain, and read again';
CREATE FUNCTION customer_identity_internal.unusable_types(relation regclass, phone_columns text[], region_column text)
    RETURNS TABLE (column_name text, type_name text, what text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), 'phone'
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = customer_identity_internal.base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = ANY (phone_columns) AND NOT a.attisdropped
        AND CASE
            WHEN NOT customer_identity_internal.holds_phone(a.atttypid, a.atttypmod) THEN true
            WHEN t.typcategory = 'U' THEN NOT customer_identity_internal.keeps_phones(t.oid)
        END
    UNION ALL
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), 'region'
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = region_column AND NOT a.attisdropped
        AND NOT customer_identity_internal.holds_region(a.atttypid);
END;
COMMENT ON FUNCTION customer_identity_internal.unusable_types(regclass, text[], text) IS
    'Those of the columns for phones and the region whose types hold none';
CREATE OR REPLACE FUNCTION customer_identity_internal.column_type(relation regclass, column_name text)
    RETURNS regtype
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT customer_identity_internal.base_type(a.atttypid)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.column_type(regclass, text) IS
    'The type of a column, below any domains';
CREATE FUNCTION customer_identity_internal.comparable_type(relation regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN t.typcategory IN ('S', 'N') THEN t.typcategory::text ELSE t.typname::text END
        FROM pg_attribute AS a
        JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.comparable_type(regclass, text) IS
    'What a column has to have in common with another one for the two to be compared as they are';
-- A column alone carries a unique index that any row is in.
CREATE OR REPLACE FUNCTION customer_identity_internal.has_unique_index(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = relation
        AND a.attname = column_name
        AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indnkeyatts = 1 AND i.indpred IS NULL
);
COMMENT ON FUNCTION customer_identity_internal.has_unique_index(regclass, text) IS
    'Whether a column alone is unique';
CREATE OR REPLACE FUNCTION customer_identity_internal.has_index_on(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = relation AND a.attname = column_name AND i.indisvalid AND i.indpred IS NULL
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_index_on(regclass, text) IS
    'Whether an index of the whole table begins with a column';
CREATE FUNCTION customer_identity_internal.ensure_index(relation regclass, column_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_index_on(relation, column_name) THEN
        EXECUTE format('CREATE INDEX ON %s (%I)', relation, column_name);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_index(regclass, text) IS
    'Adds an index of a column where none begins with it';
CREATE OR REPLACE FUNCTION customer_identity_internal.index_valid(relation regclass, index_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (
    SELECT i.indisvalid
    FROM pg_class AS t
    JOIN pg_class AS c ON c.relnamespace = t.relnamespace
    JOIN pg_index AS i ON i.indexrelid = c.oid AND i.indrelid = t.oid
    WHERE t.oid = relation AND c.relname = index_name
);
COMMENT ON FUNCTION customer_identity_internal.index_valid(regclass, text) IS
    'Whether a table''s index of that name can be used; NULL when there is none';
-- The planner has to know how common a part of a name is, which only the index makes ANALYZE find out.
CREATE OR REPLACE FUNCTION customer_identity_internal.create_missing_index(relation regclass, name text, definition text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.index_valid(relation, name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX %I ON %s %s', name, relation, definition);
    IF definition LIKE '%search_text%' THEN
        EXECUTE format('ANALYZE %s', relation);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.create_missing_index(regclass, text, text) IS
    'Makes an index unless it is there';
-- None is on a total, which every order changes.
CREATE OR REPLACE FUNCTION customer_identity_internal.sort_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- A name without a limit could be too long for its index.
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', a.attname), format('(%I, id)', a.attname)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.oid = customers AND a.attname IN ('created_at', 'updated_at', 'preferred_name')
        AND (a.attname <> 'preferred_name' OR a.atttypmod BETWEEN 0 AND 500);
END;
COMMENT ON FUNCTION customer_identity_internal.sort_indexes(regclass) IS
    'The indexes that list_customers needs to sort: table, name and definition';
-- Where the server has Citus, a schema may be distributed: its tables are in shards, together on one node. Citus
-- distributes what a CREATE TABLE of the application makes there, but not what a function makes.
CREATE FUNCTION customer_identity_internal.is_distributed(relation regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'is_distributed';
COMMENT ON FUNCTION customer_identity_internal.is_distributed(regclass) IS
    'Whether the rows of a table are in shards of it';
CREATE FUNCTION customer_identity_internal.is_shard(relation regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'is_shard';
COMMENT ON FUNCTION customer_identity_internal.is_shard(regclass) IS
    'Whether a table is a shard of another one';
-- Where no table of the server is distributed there is nothing to find.
CREATE FUNCTION customer_identity_internal.distribution_of(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    IF NOT customer_identity_internal.is_distributed(relation) THEN
        RETURN NULL;
    END IF;
    -- What Citus only keeps an eye on stays where it is.
    EXECUTE 'SELECT CASE WHEN p.repmodel = ''t'' THEN ''copies'' ELSE p.partmethod::text || NULLIF(p.colocationid, 0) END'
        ' FROM pg_catalog.pg_dist_partition AS p WHERE p.logicalrelid = $1'
        INTO found USING relation;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.distribution_of(regclass) IS
    'What a table has in common with those whose shards lie beside its own; NULL: it has no shards';
CREATE FUNCTION customer_identity_internal.is_distributed_schema(schema_name text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found boolean := false;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_schema') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_schema AS s WHERE s.schemaid = to_regnamespace(quote_ident($1)))'
            INTO found USING schema_name;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_distributed_schema(text) IS
    'Whether Citus distributes a schema';
CREATE FUNCTION customer_identity_internal.table_in_shards(schema_name text)
    RETURNS regclass
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass;
BEGIN
    EXECUTE 'SELECT min(p.logicalrelid::oid) FROM pg_catalog.pg_dist_partition AS p'
        ' JOIN pg_catalog.pg_dist_schema AS s ON s.colocationid = p.colocationid WHERE s.schemaid = to_regnamespace(quote_ident($1))'
        INTO found USING schema_name;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.table_in_shards(text) IS
    'A table of a distributed schema, beside which the others are; NULL: it has none yet';
CREATE FUNCTION customer_identity_internal.distribute(relation regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema_name text := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation);
BEGIN
    IF customer_identity_internal.is_distributed_schema(schema_name) AND NOT customer_identity_internal.is_distributed(relation) THEN
        EXECUTE 'SELECT pg_catalog.create_distributed_table($1, NULL, colocate_with => $2)'
            USING relation, customer_identity_internal.table_in_shards(schema_name)::text;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.distribute(regclass) IS
    'Puts a table of a distributed schema into a shard beside the others, if a function has just made it';
CREATE FUNCTION customer_identity_internal.create_at_top(statement text)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'create_at_top';
COMMENT ON FUNCTION customer_identity_internal.create_at_top(text) IS
    'Runs a CREATE TABLE as a session does, with the rights of the caller: Citus distributes what it makes in a distributed schema';
CREATE FUNCTION customer_identity_internal.take_away_orders(orders regclass, customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'take_away_orders';
COMMENT ON FUNCTION customer_identity_internal.take_away_orders(regclass, regclass) IS
    'Before the shards of an orders table are truncated, by its owner: takes its orders from the totals';
CREATE FUNCTION customer_identity_internal.take_away_users(users regclass, customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'take_away_users';
COMMENT ON FUNCTION customer_identity_internal.take_away_users(regclass, regclass) IS
    'Before the shards of a users table are truncated, by its owner: ends what its logins have proved';
CREATE FUNCTION customer_identity_internal.told_name(relation regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'told_name';
COMMENT ON FUNCTION customer_identity_internal.told_name(regclass) IS
    'The quoted name of a table with its schema, as it is told and kept: of a shard, that of its table';
CREATE FUNCTION customer_identity_internal.refuse_shard(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.is_shard(relation) THEN
        RAISE EXCEPTION '% is a shard', relation
            USING ERRCODE = 'wrong_object_type', DETAIL = 'What is attached is the table, with triggers on all of its shards.',
                HINT = format('On the coordinator, name the table: %s.', customer_identity_internal.told_name(relation));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_shard(regclass) IS
    'Raises 42809 for a shard, which moves and is split without its triggers being written anew';
CREATE OR REPLACE FUNCTION customer_identity_internal.customers_columns()
    RETURNS TABLE (name text, types regtype[], definition text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'customers_columns';
COMMENT ON FUNCTION customer_identity_internal.customers_columns() IS
    'The columns that a customers table must have: the types that fit, and how create_tables makes them';
-- `statement` NULL: this table cannot be adapted.
CREATE FUNCTION customer_identity_internal.refuse_customers(detail text, statement text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mending constant text := statement || '; then call customer_identity.create_tables() again. Or keep the table as it is, and make';
BEGIN
    RAISE EXCEPTION 'no usable customers table'
        USING ERRCODE = 'CI003', DETAIL = detail,
            HINT = COALESCE(mending, 'Keep the table as it is, and make') || ' the book in a schema of its own: CREATE SCHEMA shop_identity;'
                ' SELECT customer_identity.create_tables(''shop_identity''); and attach with customers => ''shop_identity.customers''.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_customers(text, text) IS
    'Raises CI003 with the statement that makes a customers table fit, or how to do without it';
-- What ALTER COLUMN ... TYPE fails on: views, triggers, policies, functions and generated columns that read the
-- column, and foreign keys whose other column would have to change with it.
CREATE FUNCTION customer_identity_internal.is_tied(customers regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT a.attinhcount > 0 OR a.attgenerated <> '' OR a.attidentity <> ''
        OR EXISTS (
            SELECT
            FROM pg_depend AS d
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                AND (d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
                    OR (d.classid = 'pg_attrdef'::regclass AND d.deptype <> 'a')))
        OR EXISTS (
            SELECT
            FROM pg_constraint AS f
            WHERE f.contype = 'f' AND (f.confrelid = a.attrelid AND a.attnum = ANY (f.confkey)
                OR f.conrelid = a.attrelid AND a.attnum = ANY (f.conkey)))
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = column_name
);
COMMENT ON FUNCTION customer_identity_internal.is_tied(regclass, text) IS
    'Whether something else keeps the type of a column of customers from being changed';
-- The default is replaced: it might not fit the new type.
CREATE FUNCTION customer_identity_internal.retyping(customers regclass, column_name text, found_type regtype, wanted regtype, definition text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT format('ALTER TABLE %s ', customers) || concat_ws(', ',
        format('ALTER COLUMN %I DROP DEFAULT', column_name),
        format('ALTER COLUMN %1$I TYPE %2$s USING %1$I::%2$s', column_name, wanted),
        format('ALTER COLUMN %I SET ', column_name) || substring(definition FROM 'DEFAULT .*'))
    WHERE customer_identity_internal.can_cast(found_type, wanted)
        AND NOT customer_identity_internal.is_tied(customers, column_name)
);
COMMENT ON FUNCTION customer_identity_internal.retyping(regclass, text, regtype, regtype, text) IS
    'The statement that gives a column of customers another type; NULL where that cannot be done';
CREATE FUNCTION customer_identity_internal.check_customer_columns(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    has_key constant boolean := EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = customers AND i.indisprimary);
    found_type regtype;
    generated "char";
BEGIN
    FOR wanted IN SELECT * FROM customer_identity_internal.customers_columns() LOOP
        SELECT a.atttypid::regtype, a.attgenerated INTO found_type, generated
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attname = wanted.name AND NOT a.attisdropped;
        IF NOT FOUND THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Table %s has no column %I.', customers, wanted.name),
                format('ALTER TABLE %s ADD COLUMN %I %s', customers, wanted.name,
                    CASE WHEN has_key THEN replace(wanted.definition, 'PRIMARY KEY', 'NOT NULL UNIQUE') ELSE wanted.definition END));
        END IF;
        IF generated <> '' THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Column %I of %s is generated, and cannot be written.', wanted.name, customers),
                CASE generated WHEN 's' THEN format('ALTER TABLE %s ALTER COLUMN %I DROP EXPRESSION', customers, wanted.name) END);
        END IF;
        IF found_type <> ALL (wanted.types) THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Column %I of %s is of type %s.', wanted.name, customers, found_type),
                customer_identity_internal.retyping(customers, wanted.name, found_type,
                    wanted.types[1], wanted.definition));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customer_columns(regclass) IS
    'Raises CI003 for the first column that a customers table lacks, or has with an unusable type or as a generated one';
-- ITU-T E.164: a plus and up to fifteen digits. The length of a varchar is kept with four bytes more.
CREATE FUNCTION customer_identity_internal.check_length_of_phone(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type text;
BEGIN
    SELECT format_type(a.atttypid, a.atttypmod) INTO type
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'phone' AND NOT a.attisdropped
        AND a.atttypid = 'varchar'::regtype AND a.atttypmod BETWEEN 0 AND 15 + 4;
    IF FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column phone of %s is %s, too short for a phone.', customers, type),
            CASE WHEN NOT customer_identity_internal.is_tied(customers, 'phone') THEN format('ALTER TABLE %s ALTER COLUMN phone TYPE varchar(20)', customers) END);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_length_of_phone(regclass) IS
    'Raises CI003 where a phone does not fit into its column of customers';
-- A number that was released leaves NULL behind, of which there may be any number.
CREATE FUNCTION customer_identity_internal.check_phones_released(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unfit record;
BEGIN
    SELECT i.indexrelid::regclass AS index,
        CASE WHEN k.conname IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', customers, k.conname) END AS removal
    INTO unfit
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype = 'u'
    WHERE i.indrelid = customers AND a.attname = 'phone' AND i.indnkeyatts = 1 AND i.indisunique AND i.indnullsnotdistinct AND i.indpred IS NULL;
    IF FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('By index %s one customer alone may be without a phone.', unfit.index),
            format('ALTER TABLE %s ADD UNIQUE (phone); %s', customers, unfit.removal));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_phones_released(regclass) IS
    'Raises CI003 where customers cannot have several rows without a phone';
-- Built-in functions alone: the CHECK of an application's table must hold in a restore, and on a server without us. The
-- namespace and the digits are those of computed_id().
CREATE FUNCTION customer_identity_internal.id_of_phone()
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
RETURN $$pg_catalog.overlay(pg_catalog.overlay(pg_catalog.left(pg_catalog.encode(pg_catalog.sha256('\x467ca3306e2d4d6e8dea7e7643be560c'::bytea || pg_catalog.decode(phone::text || '#' || phone_generation::text, 'escape')), 'hex'), 32), '8', 13), '8', 17)::uuid$$;
COMMENT ON FUNCTION customer_identity_internal.id_of_phone() IS
    'The expression for the id of a customer whose id is computed';
CREATE FUNCTION customer_identity_internal.nobody()
    RETURNS uuid
    LANGUAGE sql IMMUTABLE
RETURN '00000000-0000-0000-0000-000000000000'::uuid;
COMMENT ON FUNCTION customer_identity_internal.nobody() IS
    'The customer id of orders without a readable phone, where ids are computed';
CREATE FUNCTION customer_identity_internal.last_generation()
    RETURNS integer
    LANGUAGE sql IMMUTABLE
RETURN 31;
COMMENT ON FUNCTION customer_identity_internal.last_generation() IS
    'That of the last holder that a number can have, where ids are computed';
-- None who would get the orders of nobody. Generation -1 keeps a number's id free: it is nobody's row.
CREATE FUNCTION customer_identity_internal.id_check()
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
RETURN format('CHECK (id <> %L AND phone_generation BETWEEN -1 AND %s AND (phone IS NULL OR phone_generation >= 0 AND id = %s))',
    customer_identity_internal.nobody(), customer_identity_internal.last_generation(), customer_identity_internal.id_of_phone());
COMMENT ON FUNCTION customer_identity_internal.id_check() IS
    'The constraint of customers whose ids are computed';
CREATE FUNCTION customer_identity_internal.has_computed_ids(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN customer_identity_internal.column_type(customers, 'phone_generation') IS NOT NULL;
COMMENT ON FUNCTION customer_identity_internal.has_computed_ids(regclass) IS
    'Whether the ids of a book are computed from phones, so that it may be distributed';
CREATE FUNCTION customer_identity_internal.is_somebody(customers regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE WHEN customer_identity_internal.has_computed_ids(customers) THEN 'c.phone_generation >= 0' ELSE 'true' END;
COMMENT ON FUNCTION customer_identity_internal.is_somebody(regclass) IS
    'The condition that row c of customers is a person''s, and does not only keep an id free';
CREATE FUNCTION customer_identity_internal.refuse_for_computed_ids(customers regclass, what text, hint text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.has_computed_ids(customers) THEN
        RAISE EXCEPTION '% is not possible in a book whose ids are computed', what
            USING ERRCODE = 'feature_not_supported',
                DETAIL = 'The id of a customer follows from its first phone, and what belongs to the customer is kept where the id places it.',
                HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_for_computed_ids(regclass, text, text) IS
    'Raises 0A000 for what would give a customer of a distributed book another id';
-- Without it two customers could have a phone.
CREATE FUNCTION customer_identity_internal.require_id_check(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_constraint AS k
    WHERE k.conrelid = customers AND k.contype = 'c' AND k.convalidated
        AND k.conkey @> ARRAY(SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = customers AND a.attname IN ('id', 'phone', 'phone_generation'));
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('No CHECK of %s says that its ids are those of its phones.', customers),
            format('ALTER TABLE %s ADD CONSTRAINT customers_id_of_phone %s', customers, customer_identity_internal.id_check()));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_id_check(regclass) IS
    'Raises CI003 for customers with computed ids and no constraint that compares them with the phones';
CREATE OR REPLACE FUNCTION customer_identity_internal.check_customers(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_class AS c
    WHERE c.oid = customers AND c.relkind = 'r';
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(format('%s is not a table.', customers), NULL);
    END IF;
    PERFORM customer_identity_internal.check_customer_columns(customers);
    PERFORM customer_identity_internal.check_length_of_phone(customers);
    IF NOT customer_identity_internal.has_unique_index(customers, 'id') THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column id of %s is not unique.', customers),
            format('ALTER TABLE %s ADD %s (id)', customers,
                CASE WHEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = customers AND i.indisprimary) THEN 'UNIQUE' ELSE 'PRIMARY KEY' END));
    END IF;
    IF customer_identity_internal.has_computed_ids(customers) THEN
        PERFORM customer_identity_internal.require_id_check(customers);
    ELSIF NOT customer_identity_internal.has_unique_index(customers, 'phone') THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column phone of %s is not unique.', customers), format('ALTER TABLE %s ADD UNIQUE (phone)', customers));
    END IF;
    PERFORM customer_identity_internal.check_phones_released(customers);
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'id' AND a.atthasdef;
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column id of %s has no default.', customers),
            format('ALTER TABLE %s ALTER COLUMN id SET DEFAULT gen_random_uuid()', customers));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customers(regclass) IS
    'Raises CI003 when a customers table lacks something, saying what and how to add it';
-- A server that is distributed keeps unique only what contains the key that rows are placed by: where ids are computed,
-- the phone is unique by way of the id.
CREATE FUNCTION customer_identity_internal.make_customers(schema_name text, distributed boolean)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(format('%I %s', c.name, CASE WHEN distributed AND c.name = 'phone' THEN replace(c.definition, 'UNIQUE ', '') ELSE c.definition END), ', ')
    INTO columns
    FROM customer_identity_internal.customers_columns() AS c;
    IF distributed THEN
        columns := columns || format(', phone_generation integer NOT NULL DEFAULT 0, CONSTRAINT customers_id_of_phone %s',
            customer_identity_internal.id_check());
    END IF;
    -- Room on the page keeps the updates of totals off the indexes.
    PERFORM customer_identity_internal.create_at_top(format('CREATE TABLE %I.customers (%s) WITH (fillfactor = 90)', schema_name, columns));
    EXECUTE format('COMMENT ON TABLE %I.customers IS %L', schema_name, 'One row per real person, identified by phone');
    EXECUTE format('COMMENT ON COLUMN %I.customers.phone IS %L', schema_name, 'E.164; NULL: the number was released');
    IF distributed THEN
        EXECUTE format('COMMENT ON COLUMN %I.customers.phone_generation IS %L', schema_name, 'How many people had the number before; -1: nobody''s row, which keeps the id free');
        EXECUTE format('CREATE INDEX customers_phone_idx ON %I.customers (phone)', schema_name);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_customers(text, boolean) IS
    'Creates the table customers in a schema';
CREATE OR REPLACE FUNCTION customer_identity_internal.companion_of(customers regclass, companion text)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'companion_of';
COMMENT ON FUNCTION customer_identity_internal.companion_of(regclass, text) IS
    'The quoted name of a table beside customers; CI003 unless it is a table of the same owner';
CREATE FUNCTION customer_identity_internal.has_companion(customers regclass, companion text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_class AS c
        JOIN pg_class AS t ON t.relnamespace = c.relnamespace AND t.relowner = c.relowner
        WHERE c.oid = customers AND t.relname = companion AND t.relkind = 'r'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_companion(regclass, text) IS
    'Whether there is a table of that name beside customers; books of earlier versions lack some';
CREATE FUNCTION customer_identity_internal.companion_problem(customers regclass, companion text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
BEGIN
    PERFORM customer_identity_internal.companion_of(customers, companion);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'CI003' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.companion_problem(regclass, text) IS
    'Why there is no usable table of that name beside customers; NULL: there is one';
CREATE FUNCTION customer_identity_internal.further_phones(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_companion(customers, 'customer_phones') THEN
        RETURN 'SELECT NULL::uuid AS id, NULL::text AS phone WHERE false';
    END IF;
    RETURN format('SELECT p.customer_id AS id, p.phone::text AS phone FROM %s AS p WHERE p.until IS NULL',
        customer_identity_internal.companion_of(customers, 'customer_phones'));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.further_phones(regclass) IS
    'The query of the phones that lead to customers besides their own: id, phone';
-- Live proofs have two plain indexes and no NULLS NOT DISTINCT, which migration tools cannot write, and no constraint has
-- two columns, which they cannot read, or in any order: they are an index.
CREATE FUNCTION customer_identity_internal.companions()
    RETURNS TABLE (name text, description text, columns text, indexes text[])
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT c.*
    FROM (VALUES
        ('phone_proofs', 'Who showed that they hold a phone; live until ended_at is set',
            'id uuid DEFAULT gen_random_uuid(),
            phone varchar(20) NOT NULL,
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            user_id text,
            method text NOT NULL,
            proved_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            ended_reason text,
            unconfirmed boolean NOT NULL DEFAULT false,
            PRIMARY KEY (%3$sid)',
            ARRAY[
                'CREATE UNIQUE INDEX phone_proofs_live_key ON %1$I.phone_proofs (%3$sphone, user_id) WHERE ended_at IS NULL',
                'CREATE UNIQUE INDEX phone_proofs_live_guest_key ON %1$I.phone_proofs (%3$sphone) WHERE ended_at IS NULL AND user_id IS NULL',
                'CREATE INDEX phone_proofs_customer_id_idx ON %1$I.phone_proofs (customer_id)',
                'CREATE INDEX phone_proofs_user_id_idx ON %1$I.phone_proofs (user_id) WHERE ended_at IS NULL'
            ]),
        ('loyalty_entries', 'Every change of points that is not an order''s; rows are only ever added',
            'id uuid DEFAULT gen_random_uuid(),
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            points bigint NOT NULL,
            reason text NOT NULL,
            idempotency_key text,
            actor text,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (%3$sid),
            UNIQUE (%3$sidempotency_key)',
            ARRAY['CREATE INDEX loyalty_entries_customer_id_idx ON %1$I.loyalty_entries (customer_id)']),
        ('customer_events', 'What happened to each customer; rows are only ever added',
            'id uuid DEFAULT gen_random_uuid(),
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            event text NOT NULL,
            details jsonb NOT NULL DEFAULT ''{}'',
            actor text,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (%3$sid)',
            ARRAY['CREATE INDEX customer_events_customer_id_id_idx ON %1$I.customer_events (customer_id, id)']),
        ('customer_phones', 'Further and former phones of a customer; one that is live (until IS NULL) leads to the customer',
            'id uuid DEFAULT gen_random_uuid(),
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            phone varchar(20) NOT NULL,
            since timestamptz NOT NULL DEFAULT now(),
            until timestamptz,
            reason text,
            actor text,
            PRIMARY KEY (%3$sid)',
            ARRAY[
                'CREATE UNIQUE INDEX customer_phones_live_key ON %1$I.customer_phones (%3$sphone) WHERE until IS NULL',
                'CREATE INDEX customer_phones_customer_id_idx ON %1$I.customer_phones (customer_id)'
            ]),
        ('phone_rules', 'Phones that name nobody, or a household',
            'phone varchar(20) PRIMARY KEY,
            rule text NOT NULL CHECK (rule IN (''nobody'', ''shared'')),
            actor text,
            reason text,
            created_at timestamptz NOT NULL DEFAULT now()',
            ARRAY[]::text[]),
        ('customer_merges', 'Merges in force, with what it takes to undo them',
            'id bigint PRIMARY KEY,
            winner_id uuid NOT NULL,
            loser_id uuid NOT NULL UNIQUE,
            merged_at timestamptz NOT NULL DEFAULT now(),
            actor text,
            reason text,
            record jsonb NOT NULL',
            ARRAY['CREATE INDEX customer_merges_winner_id_idx ON %1$I.customer_merges (winner_id)']),
        ('duplicate_dismissals', 'Pairs of customers that somebody has looked at and found to be two people',
            'id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            a uuid NOT NULL,
            b uuid NOT NULL,
            actor text,
            reason text,
            created_at timestamptz NOT NULL DEFAULT now(),
            CHECK (a < b)',
            ARRAY['CREATE UNIQUE INDEX duplicate_dismissals_a_b_key ON %1$I.duplicate_dismissals (a, b)'])
    ) AS c (name, description, columns, indexes);
END;
COMMENT ON FUNCTION customer_identity_internal.companions() IS
    'The tables beside customers; columns and indexes are for format(): schema, name, and what keys begin with';
CREATE FUNCTION customer_identity_internal.companion_keys(customers regclass)
    RETURNS TABLE (companion regclass, is_own boolean, other regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.oid::regclass, COALESCE(bool_or(k.confrelid = c.oid), false), min(k.confrelid) FILTER (WHERE k.confrelid <> c.oid)::regclass
    FROM pg_class AS c
    JOIN pg_class AS t ON t.relnamespace = c.relnamespace AND t.relkind = 'r'
    JOIN customer_identity_internal.companions() AS b ON b.name = t.relname AND strpos(b.columns, 'customer_id uuid NOT NULL REFERENCES') > 0
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = 'customer_id' AND NOT a.attisdropped
    LEFT JOIN pg_constraint AS k ON k.contype = 'f' AND k.conrelid = t.oid AND k.conkey = ARRAY[a.attnum]
    WHERE c.oid = customers
    GROUP BY t.oid
    ORDER BY t.oid::regclass::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.companion_keys(regclass) IS
    'The tables beside customers whose rows go with a customer: whether a foreign key says so, and another table that they refer to';
-- Another table of customers may have been here before, and have left them.
CREATE FUNCTION customer_identity_internal.ensure_companion_keys(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key record;
BEGIN
    FOR key IN SELECT k.* FROM customer_identity_internal.companion_keys(customers) AS k LOOP
        IF key.other IS NOT NULL THEN
            RAISE EXCEPTION '% is of another book', key.companion
                USING ERRCODE = 'CI003', DETAIL = format('Its customer_id refers to %s.', key.other),
                    HINT = format('Give %s its name back, or create the book in a schema of its own: CREATE SCHEMA shop_identity; SELECT customer_identity.create_tables(''shop_identity'');', key.other);
        END IF;
        IF NOT key.is_own THEN
            EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (customer_id) REFERENCES %s (id) ON DELETE CASCADE', key.companion, customers);
        END IF;
    END LOOP;
EXCEPTION WHEN foreign_key_violation THEN
    RAISE EXCEPTION '% has rows of customers who are not there', key.companion
        USING ERRCODE = 'CI003', DETAIL = 'They are of a book that was here before.',
            HINT = format('DELETE FROM %s AS r WHERE NOT EXISTS (SELECT FROM %s AS c WHERE c.id = r.customer_id); or restore the customers.', key.companion, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_companion_keys(regclass) IS
    'Adds the foreign keys that tie the tables beside customers to it; CI003 for tables that are tied to another one';
-- Books of 0.1.0 have none until create_tables() is called.
CREATE FUNCTION customer_identity_internal.has_unconfirmed(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM pg_class AS c
        JOIN pg_class AS p ON p.relnamespace = c.relnamespace AND p.relname = 'phone_proofs'
        JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attname = 'unconfirmed' AND NOT a.attisdropped
        WHERE c.oid = customers
    );
END;
COMMENT ON FUNCTION customer_identity_internal.has_unconfirmed(regclass) IS
    'Whether phone_proofs can say that a proof is held back';
CREATE FUNCTION customer_identity_internal.require_unconfirmed(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
BEGIN
    IF NOT customer_identity_internal.has_unconfirmed(customers) THEN
        RAISE EXCEPTION 'a column of phone_proofs is missing'
            USING ERRCODE = 'CI003', DETAIL = format('Table %s has no column unconfirmed.', proofs),
                HINT = 'customer_identity.create_tables() adds it.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_unconfirmed(regclass) IS
    'Raises CI003 for a book whose proofs cannot be held back';
-- Where ids are computed, keys begin with the customer, and serve what is looked for by it.
CREATE OR REPLACE FUNCTION customer_identity_internal.make_companions(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customers constant regclass := format('%I.customers', schema_name);
    owner constant regrole := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = customers);
    key_prefix constant text := CASE WHEN customer_identity_internal.has_computed_ids(customers) THEN 'customer_id, ' ELSE '' END;
    wanted record;
    index_definition text;
    grantee text;
BEGIN
    FOR wanted IN SELECT * FROM customer_identity_internal.companions() LOOP
        CONTINUE WHEN to_regclass(format('%I.%I', schema_name, wanted.name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %1$I.%2$I (' || wanted.columns || ')', schema_name, wanted.name, key_prefix);
        EXECUTE format('COMMENT ON TABLE %I.%I IS %L', schema_name, wanted.name, wanted.description);
        FOREACH index_definition IN ARRAY wanted.indexes LOOP
            CONTINUE WHEN key_prefix <> '' AND index_definition LIKE '%(customer\_id%';
            EXECUTE format(index_definition, schema_name, wanted.name, key_prefix);
        END LOOP;
        EXECUTE format('ALTER TABLE %I.%I OWNER TO %s', schema_name, wanted.name, owner);
        PERFORM customer_identity_internal.distribute(format('%I.%I', schema_name, wanted.name));
        -- Default privileges may have given others rights on every new table. Who writes proofs sees anybody's history, and who
        -- writes entries has any points: such rights are granted on purpose.
        FOR grantee IN
            SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
            FROM pg_class AS c
            CROSS JOIN LATERAL aclexplode(c.relacl) AS g
            WHERE c.oid = to_regclass(format('%I.%I', schema_name, wanted.name))
                AND g.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON %I.%I FROM %s', schema_name, wanted.name, grantee);
        END LOOP;
    END LOOP;
    IF key_prefix <> '' AND to_regclass(format('%I.customer_phones_phone_idx', schema_name)) IS NULL THEN
        EXECUTE format('CREATE INDEX customer_phones_phone_idx ON %I.customer_phones (phone)', schema_name);
    END IF;
    -- Books of an earlier release.
    IF NOT customer_identity_internal.has_unconfirmed(customers) THEN
        EXECUTE format('ALTER TABLE %I.phone_proofs ADD COLUMN unconfirmed boolean NOT NULL DEFAULT false', schema_name);
    END IF;
    PERFORM customer_identity_internal.companion_of(customers, c.name) FROM customer_identity_internal.companions() AS c;
    PERFORM customer_identity_internal.ensure_companion_keys(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_companions(text) IS
    'Makes the tables beside customers where they are missing';
-- Where the server has Citus, a book whose ids are computed is spread over its nodes: what is a customer's is beside the
-- customer, and what is few is on every node.
CREATE FUNCTION customer_identity_internal.is_spread(relation regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN COALESCE(customer_identity_internal.distribution_of(relation) LIKE 'h%', false);
COMMENT ON FUNCTION customer_identity_internal.is_spread(regclass) IS
    'Whether Citus spreads the rows of a table over its nodes by a key';
-- Their trigger asks for customers on other nodes, which Citus lets no trigger on a shard do.
CREATE FUNCTION customer_identity_internal.require_users_in_one_place(users regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.is_spread(customers) AND customer_identity_internal.is_distributed(users) THEN
        RAISE EXCEPTION 'users table % is distributed', users
            USING ERRCODE = 'feature_not_supported', DETAIL = format('The customers of its logins are on other nodes: %s is spread by customer.', customers),
                HINT = format('Keep it on the coordinator: SELECT undistribute_table(%L);', users);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_users_in_one_place(regclass, regclass) IS
    'Raises 0A000 for distributed users of a book that is spread by customer';
CREATE FUNCTION customer_identity_internal.spread_table(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF relation = customers THEN
        EXECUTE 'SELECT pg_catalog.create_distributed_table($1, ''id'', colocate_with => ''none'')' USING relation;
    ELSIF customer_identity_internal.column_type(relation, 'customer_id') IS NOT NULL THEN
        EXECUTE 'SELECT pg_catalog.create_distributed_table($1, ''customer_id'', colocate_with => $2)' USING relation, customers::text;
    ELSE
        EXECUTE 'SELECT pg_catalog.create_reference_table($1)' USING relation;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.spread_table(regclass, regclass) IS
    'Puts a table of a book into shards: by the customer, or a copy on every node';
-- Citus takes no trigger along that depends on an extension, and no table that another one refers to which is not in
-- shards yet.
CREATE FUNCTION customer_identity_internal.spread_book(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tables constant regclass[] := ARRAY(
        SELECT c.oid::regclass
        FROM pg_class AS b
        JOIN pg_class AS c ON c.relnamespace = b.relnamespace AND c.relowner = b.relowner AND c.relkind = 'r'
        WHERE b.oid = customers AND (c.oid = customers OR c.relname IN (SELECT n.name FROM customer_identity_internal.companions() AS n))
            AND NOT customer_identity_internal.is_distributed(c.oid)
        ORDER BY c.oid = customers DESC, c.relname);
    foreign_keys jsonb;
    statement text;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL OR NOT customer_identity_internal.has_computed_ids(customers) THEN
        RETURN;
    END IF;
    FOR statement IN
        SELECT format('ALTER TRIGGER %I ON %s NO DEPENDS ON EXTENSION customer_identity', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger AS t
        JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
        WHERE t.tgrelid = ANY (tables)
    LOOP
        EXECUTE statement;
    END LOOP;
    SELECT jsonb_agg(jsonb_build_object('of', format('ALTER TABLE %s ', k.conrelid::regclass), 'name', quote_ident(k.conname), 'key', pg_get_constraintdef(k.oid)))
    INTO foreign_keys
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND k.conrelid = ANY (tables) AND k.confrelid = customers;
    FOR statement IN SELECT (k ->> 'of') || 'DROP CONSTRAINT ' || (k ->> 'name') FROM jsonb_array_elements(foreign_keys) AS k LOOP
        EXECUTE statement;
    END LOOP;
    PERFORM customer_identity_internal.spread_table(t.relation, customers) FROM unnest(tables) AS t (relation);
    FOR statement IN SELECT concat_ws(' ', (k ->> 'of') || 'ADD CONSTRAINT', k ->> 'name', k ->> 'key') FROM jsonb_array_elements(foreign_keys) AS k LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.spread_book(regclass) IS
    'Puts the tables of a book whose ids are computed into shards, where the server has Citus';
-- Of two connections to a node, one may wait for rows that the other has written, and neither ends before this transaction.
CREATE FUNCTION customer_identity_internal.use_one_connection(customers regclass)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT set_config('citus.multi_shard_modify_mode', 'sequential', true), set_config('citus.max_adaptive_executor_pool_size', '1', true)
    WHERE customer_identity_internal.is_spread(customers)
$$;
COMMENT ON FUNCTION customer_identity_internal.use_one_connection(regclass) IS
    'From now on in the function, each node is asked over one connection, if customers are spread over several';
CREATE OR REPLACE FUNCTION customer_identity_internal.book(customers regclass DEFAULT NULL)
    RETURNS regclass
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'book';
COMMENT ON FUNCTION customer_identity_internal.book(regclass) IS
    'The customers table to use: the one given, else the one on the search_path (CI003 when there is none)';
CREATE FUNCTION customer_identity_internal.follow_phone()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'follow_phone';
COMMENT ON FUNCTION customer_identity_internal.follow_phone() IS
    'Trigger of customers: when a phone changes, ends the proofs of the old one and marks the new one as verified only with a live proof';
CREATE FUNCTION customer_identity_internal.phone_triggers(customers regclass)
    RETURNS TABLE (name text, timing text, trigger pg_trigger)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.name, e.timing, t
    FROM (VALUES ('customer_identity_phone', 'BEFORE', 19), ('customer_identity_phone_changed', 'AFTER INSERT OR', 21)) AS e (name, timing, type)
    LEFT JOIN pg_trigger AS t ON t.tgrelid = customers AND t.tgname = e.name::name AND t.tgtype = e.type
        AND t.tgfoid = 'customer_identity_internal.follow_phone()'::regprocedure AND t.tgqual IS NULL AND t.tgattr = '';
END;
COMMENT ON FUNCTION customer_identity_internal.phone_triggers(regclass) IS
    'The triggers that customers must have, and how they are enabled; NULL where one is missing';
CREATE FUNCTION customer_identity_internal.is_owner(relation regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION customer_identity_internal.is_owner(regclass) IS
    'Whether the current user has the rights of a table''s owner';
CREATE FUNCTION customer_identity_internal.guard_phone()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'guard_phone';
COMMENT ON FUNCTION customer_identity_internal.guard_phone() IS
    'Trigger of customer_phones and phone_rules: refuses a phone that is another customer''s primary one';
CREATE FUNCTION customer_identity_internal.guards(customers regclass)
    RETURNS TABLE (guarded regclass, trigger pg_trigger)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.oid, t
    FROM pg_class AS c
    JOIN pg_class AS r ON r.relnamespace = c.relnamespace AND r.relname IN ('customer_phones', 'phone_rules') AND r.relkind = 'r'
    LEFT JOIN pg_trigger AS t ON t.tgrelid = r.oid AND t.tgname = 'customer_identity_guard' AND t.tgtype = 21
        AND t.tgfoid = 'customer_identity_internal.guard_phone()'::regprocedure AND t.tgqual IS NULL AND t.tgattr = ''
    WHERE c.oid = customers;
END;
COMMENT ON FUNCTION customer_identity_internal.guards(regclass) IS
    'The triggers that the companions which hold phones must have; NULL where one is missing';
CREATE FUNCTION customer_identity_internal.tell_of_companions(customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'tell_of_companions';
COMMENT ON FUNCTION customer_identity_internal.tell_of_companions(regclass) IS
    'Lets every session make its statements anew, by the companions that there are now';
-- Citus refuses that for its own tables.
CREATE FUNCTION customer_identity_internal.bind_trigger(relation regclass, trigger_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.is_distributed(relation) THEN
        EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION customer_identity', trigger_name, relation);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.bind_trigger(regclass, text) IS
    'Lets DROP EXTENSION take a trigger along that attaches no table';
CREATE FUNCTION customer_identity_internal.ensure_guards(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT g.guarded FROM customer_identity_internal.guards(customers) AS g WHERE (g.trigger).oid IS NULL LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER customer_identity_guard AFTER INSERT OR UPDATE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.guard_phone()', missing.guarded);
        PERFORM customer_identity_internal.bind_trigger(missing.guarded, 'customer_identity_guard');
        PERFORM customer_identity_internal.tell_of_companions(customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_guards(regclass) IS
    'Puts guard_phone on the companions that hold phones, where it is missing';
CREATE FUNCTION customer_identity_internal.ensure_phone_triggers(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT p.name, p.timing FROM customer_identity_internal.phone_triggers(customers) AS p WHERE (p.trigger).oid IS NULL LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I %s UPDATE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.follow_phone()', missing.name, missing.timing, customers);
        PERFORM customer_identity_internal.bind_trigger(customers, missing.name);
    END LOOP;
    PERFORM customer_identity_internal.ensure_guards(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_phone_triggers(regclass) IS
    'Puts follow_phone on customers where it is missing';
CREATE FUNCTION customer_identity_internal.make_book(schema_name text, distributed boolean)
    RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customers regclass;
BEGIN
    PERFORM customer_identity_internal.require_limit('schema_name', schema_name);
    IF schema_name IS NULL OR to_regnamespace(quote_ident(schema_name)) IS NULL THEN
        RAISE EXCEPTION 'there is no schema to create the book in'
            USING ERRCODE = 'invalid_schema_name',
                DETAIL = format('Schema: %s.', COALESCE(quote_ident(schema_name), 'none on the search_path')),
                HINT = 'CREATE SCHEMA first, or name another one: create_tables(''public'').';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_identity.create_tables ' || schema_name, 0));
    IF to_regclass(format('%I.customers', schema_name)) IS NULL THEN
        PERFORM customer_identity_internal.make_customers(schema_name, distributed);
        -- An empty table is indexed at once; one that is there may be large, and has create_search_indexes().
        PERFORM customer_identity_internal.create_missing_index(i.relation, i.name, i.definition)
        FROM customer_identity_internal.sort_indexes(format('%I.customers', schema_name)::regclass) AS i
        -- Those of a customers table that was renamed keep their names.
        WHERE to_regclass(format('%I.%I', schema_name, i.name)) IS NULL;
    END IF;
    customers := format('%I.customers', schema_name)::regclass;
    IF distributed AND NOT customer_identity_internal.has_computed_ids(customers) THEN
        RAISE EXCEPTION 'the ids of % are not computed from phones', customers
            USING ERRCODE = 'CI003', DETAIL = 'Its rows would get other ids, and with them whatever refers to them, in and outside the database.',
                HINT = 'Make the book in a schema of its own and load the orders there: CREATE SCHEMA shop_identity; SELECT customer_identity.create_tables(''shop_identity'', distributed => true).';
    END IF;
    PERFORM customer_identity_internal.distribute(customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.make_companions(schema_name);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers);
    PERFORM customer_identity_internal.spread_book(customers);
    RETURN customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_book(text, boolean) IS
    'create_tables for a schema that is named';
CREATE FUNCTION customer_identity.create_tables(schema_name text DEFAULT NULL, distributed boolean DEFAULT false)
    RETURNS regclass
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.make_book(COALESCE(schema_name, current_schema()::text), COALESCE(distributed, false));
COMMENT ON FUNCTION customer_identity.create_tables(text, boolean) IS
    'Creates customers and its companions in a schema (default: the current one) and returns customers. An existing customers table is checked and kept. distributed: the ids of customers are computed from their phones, and every key contains them, so that the book can be spread over several machines';
REVOKE EXECUTE ON FUNCTION customer_identity.create_tables(text, boolean) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity_internal.qualified_name(relation regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'qualified_name';
COMMENT ON FUNCTION customer_identity_internal.qualified_name(regclass) IS
    'The quoted name of a table with its schema, whatever the search_path';
CREATE FUNCTION customer_identity_internal.plan_customer_id(request internal)
    RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'plan_customer_id';
COMMENT ON FUNCTION customer_identity_internal.plan_customer_id(internal) IS
    'Planner support of customer_id_of(): the id of a constant that is E.164 already';
CREATE FUNCTION customer_identity.customer_id_of(phone text, region text DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    SUPPORT customer_identity_internal.plan_customer_id
    AS 'MODULE_PATHNAME', 'customer_id_of';
COMMENT ON FUNCTION customer_identity.customer_id_of(text, text) IS
    'The id that the customer of a phone has in a book made with distributed => true: a UUID of version 8 over the E.164 number. A phone that cannot be read has nobody''s id, 00000000-0000-0000-0000-000000000000';
CREATE FUNCTION customer_identity.customer_id_for_order(phone text, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'customer_id_for_order';
COMMENT ON FUNCTION customer_identity.customer_id_for_order(text, text, regclass) IS
    'The customer id to write into an order with that phone: as customer_id_of(), but of the present holder of a number that was released';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_id_for_order(text, text, regclass) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity.get_or_create_customer(
    phone text,
    preferred_name text DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'get_or_create_customer';
COMMENT ON FUNCTION customer_identity.get_or_create_customer(text, text, text, regclass) IS
    'The customer of a phone, created if there is none. CI001 when the phone cannot be read';
CREATE OR REPLACE FUNCTION customer_identity.find_customer(phone text, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c STABLE COST 5000
    AS 'MODULE_PATHNAME', 'find_customer';
COMMENT ON FUNCTION customer_identity.find_customer(text, text, regclass) IS
    'The customer of a phone, or NULL';
CREATE OR REPLACE FUNCTION customer_identity.record_proof(
    phone text,
    user_id text DEFAULT NULL,
    method text DEFAULT 'external',
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'record_proof';
COMMENT ON FUNCTION customer_identity.record_proof(text, text, text, text, regclass) IS
    'Records that a user, or a guest, has proved to hold a phone. Returns its customer, who is verified from then on';
CREATE OR REPLACE FUNCTION customer_identity.revoke_proof(
    phone text,
    user_id text DEFAULT NULL,
    reason text DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS integer
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'revoke_proof';
COMMENT ON FUNCTION customer_identity.revoke_proof(text, text, text, text, regclass) IS
    'Ends the live proofs of a phone, of one user or all, and returns how many it ended';
CREATE OR REPLACE FUNCTION customer_identity.can_see_customer(user_id text, customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 5000
    AS 'MODULE_PATHNAME', 'can_see_customer';
COMMENT ON FUNCTION customer_identity.can_see_customer(text, uuid, regclass) IS
    'Whether a user is linked to a customer and has proved its phone; for row-security policies';
CREATE FUNCTION customer_identity_internal.refuse_nobody(phone text, customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'refuse_nobody';
COMMENT ON FUNCTION customer_identity_internal.refuse_nobody(text, regclass) IS
    'Raises CI001 for an E.164 phone that names nobody by rule';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.refuse_nobody(text, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.names_nobody(phone text, customers regclass)
    RETURNS boolean
    LANGUAGE c STABLE COST 1000
    AS 'MODULE_PATHNAME', 'names_nobody';
COMMENT ON FUNCTION customer_identity_internal.names_nobody(text, regclass) IS
    'Whether an E.164 phone names nobody: by rule, or as it has had as many holders as it can have';
CREATE OR REPLACE FUNCTION customer_identity.link_user()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'link_user';
COMMENT ON FUNCTION customer_identity.link_user() IS
    'Trigger of a users table: links each login to its customer, maintains its proofs, attaches its earlier orders';
CREATE OR REPLACE FUNCTION customer_identity.attach_order()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'attach_order';
COMMENT ON FUNCTION customer_identity.attach_order() IS
    'Trigger of an orders table: sets each order''s customer, and requires a proof for cash on delivery';
CREATE OR REPLACE FUNCTION customer_identity.maintain_totals()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'maintain_totals';
COMMENT ON FUNCTION customer_identity.maintain_totals() IS
    'Trigger of an orders table: updates customers'' totals after each statement';
CREATE FUNCTION customer_identity_internal.attaching_triggers()
    RETURNS TABLE (kind text, function regprocedure, name text, event text, transition_tables text, level text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT t.*
    FROM (VALUES
        ('users', 'customer_identity.link_user()'::regprocedure, 'customer_identity_link', 'BEFORE INSERT OR UPDATE', '', 'ROW'),
        ('users', 'customer_identity.link_user()', 'customer_identity_linked', 'AFTER INSERT OR UPDATE OR DELETE', '', 'ROW'),
        ('users', 'customer_identity.link_user()', 'customer_identity_renamed', 'AFTER UPDATE', '', 'STATEMENT'),
        ('users', 'customer_identity.link_user()', 'customer_identity_truncated', 'BEFORE TRUNCATE', '', 'STATEMENT'),
        ('orders', 'customer_identity.attach_order()', 'customer_identity_attach', 'BEFORE INSERT OR UPDATE', '', 'ROW'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_insert', 'AFTER INSERT',
            'REFERENCING NEW TABLE AS customer_identity_new', 'STATEMENT'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_update', 'AFTER UPDATE',
            'REFERENCING OLD TABLE AS customer_identity_old NEW TABLE AS customer_identity_new', 'STATEMENT'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_delete', 'AFTER DELETE',
            'REFERENCING OLD TABLE AS customer_identity_old', 'STATEMENT'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_truncate', 'BEFORE TRUNCATE', '', 'STATEMENT')
    ) AS t (kind, function, name, event, transition_tables, level);
END;
COMMENT ON FUNCTION customer_identity_internal.attaching_triggers() IS
    'The triggers that attach tables of users and of orders, as CREATE TRIGGER takes them';
CREATE OR REPLACE FUNCTION customer_identity_internal.trigger_arguments(arguments bytea)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'trigger_arguments';
COMMENT ON FUNCTION customer_identity_internal.trigger_arguments(bytea) IS
    'pg_trigger.tgargs as an array';
CREATE FUNCTION customer_identity_internal.table_of_argument(name text, relation regclass)
    RETURNS regclass
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'table_of_argument';
COMMENT ON FUNCTION customer_identity_internal.table_of_argument(text, regclass) IS
    'The table that an argument of a relation''s trigger names, for a shard the shard beside it; NULL, never an error, when there is none';
CREATE OR REPLACE FUNCTION customer_identity_internal.argument_values(arguments text[], key text)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'argument_values';
COMMENT ON FUNCTION customer_identity_internal.argument_values(text[], text) IS
    'Every value of a key among key=value arguments, in order';
CREATE OR REPLACE FUNCTION customer_identity_internal.argument_value(arguments text[], key text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (customer_identity_internal.argument_values(arguments, key))[1];
COMMENT ON FUNCTION customer_identity_internal.argument_value(text[], text) IS
    'First value of a key among key=value arguments';
CREATE OR REPLACE FUNCTION customer_identity_internal.attach_call(attached regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'attach_call';
COMMENT ON FUNCTION customer_identity_internal.attach_call(regclass) IS
    'The attach_users or attach_orders call that the triggers of a table stand for';
CREATE FUNCTION customer_identity_internal.attached_to(customers regclass)
    RETURNS SETOF regclass
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'attached_to';
COMMENT ON FUNCTION customer_identity_internal.attached_to(regclass) IS
    'The tables with a trigger of ours that names the book, whoever owns them; NULL: any book';
-- Triggers of ours that were put on the table itself, not copied to a partition.
CREATE FUNCTION customer_identity_internal.triggers_of(relation regclass)
    RETURNS TABLE (
        trigger_id oid,
        attached regclass,
        name name,
        function name,
        type smallint,
        enabled "char",
        arguments text[],
        customers regclass,
        owner oid
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        t.oid,
        relation,
        t.tgname,
        p.proname,
        t.tgtype,
        t.tgenabled,
        customer_identity_internal.trigger_arguments(t.tgargs),
        customer_identity_internal.table_of_argument(customer_identity_internal.argument_value(customer_identity_internal.trigger_arguments(t.tgargs), 'customers'), relation),
        c.relowner
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE t.tgrelid = relation
        AND t.tgfoid IN ('customer_identity.link_user()'::regprocedure, 'customer_identity.attach_order()'::regprocedure, 'customer_identity.maintain_totals()'::regprocedure)
        AND t.tgparentid = 0
        -- Nobody's view: its query would run as whoever reads it.
        AND c.relkind IN ('r', 'p')
        -- An older snapshot still shows a table that has just been dropped.
        AND pg_table_is_visible(t.tgrelid) IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.triggers_of(regclass) IS
    'The triggers that attach a table, with their arguments';
CREATE FUNCTION customer_identity_internal.has_triggers(relation regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM customer_identity_internal.triggers_of(relation));
COMMENT ON FUNCTION customer_identity_internal.has_triggers(regclass) IS
    'Whether a table has a trigger that attaches it';
CREATE OR REPLACE VIEW customer_identity_internal.attached_triggers AS
    SELECT t.*
    FROM customer_identity_internal.attached_to(NULL) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t;
COMMENT ON VIEW customer_identity_internal.attached_triggers IS
    'The triggers that attach tables, with their arguments';
-- Columns are only ever added at the end: an update replaces the view, and what is made of it stays.
CREATE FUNCTION customer_identity_internal.setups_of(relation regclass)
    RETURNS TABLE (
        attached regclass,
        kind text,
        customers regclass,
        customer_column text,
        key_column text,
        phone_columns text[],
        verified_column text,
        name_column text,
        region_column text,
        users regclass,
        user_column text,
        amount_column text,
        status_column text,
        counted_statuses text[],
        points_per_unit numeric,
        payment_column text,
        cod_values text[],
        timing text,
        default_region text,
        users_key_column text,
        personal_columns text[]
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        link.attached,
        'users',
        link.customers,
        COALESCE(customer_identity_internal.argument_value(link.arguments, 'customer'), 'customer_id'),
        customer_identity_internal.argument_value(link.arguments, 'key'),
        customer_identity_internal.argument_values(link.arguments, 'phone'),
        customer_identity_internal.argument_value(link.arguments, 'verified'),
        customer_identity_internal.argument_value(link.arguments, 'name'),
        customer_identity_internal.argument_value(link.arguments, 'region'),
        NULL::regclass,
        NULL::text,
        NULL::text,
        NULL::text,
        NULL::text[],
        NULL::numeric,
        NULL::text,
        NULL::text[],
        NULL::text,
        customer_identity_internal.argument_value(link.arguments, 'default_region'),
        NULL::text,
        customer_identity_internal.argument_values(link.arguments, 'personal')
    FROM customer_identity_internal.triggers_of(relation) AS link
    WHERE link.function = 'link_user' AND link.type & 3 = 3
    UNION ALL
    SELECT
        attach.attached,
        'orders',
        attach.customers,
        COALESCE(customer_identity_internal.argument_value(attach.arguments, 'customer'), 'customer_id'),
        NULL,
        customer_identity_internal.argument_values(attach.arguments, 'phone'),
        NULL,
        NULL,
        customer_identity_internal.argument_value(attach.arguments, 'region'),
        customer_identity_internal.table_of_argument(customer_identity_internal.argument_value(attach.arguments, 'users'), relation),
        customer_identity_internal.argument_value(attach.arguments, 'user'),
        COALESCE(customer_identity_internal.argument_value(totals.arguments, 'amount'), 'total'),
        customer_identity_internal.argument_value(totals.arguments, 'status'),
        customer_identity_internal.argument_values(totals.arguments, 'counted'),
        CASE
            WHEN COALESCE(customer_identity_internal.argument_value(totals.arguments, 'points_per_unit'), '1') ~ '^-?[0-9]+([.][0-9]+)?$'
                THEN COALESCE(customer_identity_internal.argument_value(totals.arguments, 'points_per_unit'), '1')::numeric
        END,
        customer_identity_internal.argument_value(attach.arguments, 'payment'),
        customer_identity_internal.argument_values(attach.arguments, 'cod'),
        COALESCE(customer_identity_internal.argument_value(totals.arguments, 'timing'), 'statement'),
        customer_identity_internal.argument_value(attach.arguments, 'default_region'),
        customer_identity_internal.argument_value(attach.arguments, 'users_key'),
        customer_identity_internal.argument_values(attach.arguments, 'personal')
    FROM customer_identity_internal.triggers_of(relation) AS attach
    LEFT JOIN (
        SELECT t.arguments
        FROM customer_identity_internal.triggers_of(relation) AS t
        WHERE t.function = 'maintain_totals'
        ORDER BY t.name
        LIMIT 1
    ) AS totals ON true
    WHERE attach.function = 'attach_order' AND attach.type & 3 = 3;
END;
COMMENT ON FUNCTION customer_identity_internal.setups_of(regclass) IS
    'What a table is attached as, with every setting';
CREATE OR REPLACE VIEW customer_identity.attachments AS
    SELECT s.*
    FROM customer_identity_internal.attached_to(NULL) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.setups_of(a.attached) AS s;
COMMENT ON VIEW customer_identity.attachments IS
    'The attached tables and their settings, read from the triggers'' arguments';
-- Anybody can put our triggers on their own table and name this book in them. Only tables whose owner may
-- write to the book are part of it.
CREATE FUNCTION customer_identity_internal.feeding_setups(relation regclass, customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity_internal.setups_of(relation) AS a
    JOIN pg_class AS c ON c.oid = relation
    WHERE a.customers = feeding_setups.customers
        AND has_table_privilege(c.relowner, feeding_setups.customers, 'UPDATE')
        -- What they are read for runs with the rights of the book's owner: no cast of a type.
        AND NOT EXISTS (
            SELECT FROM pg_attribute AS k
            WHERE k.attrelid = relation AND k.attname = a.customer_column AND NOT k.attisdropped
                AND customer_identity_internal.base_type(k.atttypid) <> 'uuid'::regtype
        );
END;
COMMENT ON FUNCTION customer_identity_internal.feeding_setups(regclass, regclass) IS
    'What a table is attached as to a book that it may feed';
CREATE OR REPLACE FUNCTION customer_identity_internal.attachments_of(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.*
    FROM customer_identity_internal.attached_to(customers) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.feeding_setups(a.attached, customers) AS s;
END;
COMMENT ON FUNCTION customer_identity_internal.attachments_of(regclass) IS
    'The tables that feed a book';
CREATE FUNCTION customer_identity_internal.hold_table(relation regclass, with_partitions boolean DEFAULT true)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'hold_table';
COMMENT ON FUNCTION customer_identity_internal.hold_table(regclass, boolean) IS
    'Locks a table and its partitions against being dropped or written anew until the transaction ends, as reading it does; false: it no longer exists';
CREATE FUNCTION customer_identity_internal.require_all_partitions(relation regclass)
    RETURNS void
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'require_all_partitions';
COMMENT ON FUNCTION customer_identity_internal.require_all_partitions(regclass) IS
    'Raises 55000 while a partition of a table is being detached concurrently';
CREATE FUNCTION customer_identity_internal.hold_partitions(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'hold_partitions';
COMMENT ON FUNCTION customer_identity_internal.hold_partitions(regclass, regclass) IS
    'Lets no partition of a table that is held leave it or come until the transaction ends; 55000 while one is being detached concurrently';
-- What a stranger puts our triggers on he may keep locked for ever.
CREATE FUNCTION customer_identity_internal.tables_that_feed(customers regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.attached
    FROM customer_identity_internal.attached_to(customers) AS a (attached)
    JOIN pg_class AS c ON c.oid = a.attached
    WHERE has_table_privilege(c.relowner, customers, 'UPDATE');
END;
COMMENT ON FUNCTION customer_identity_internal.tables_that_feed(regclass) IS
    'The tables with a trigger of ours that names the book, of owners who may write to it';
CREATE FUNCTION customer_identity_internal.require_in_snapshot(relation regclass)
    RETURNS void
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'require_in_snapshot';
COMMENT ON FUNCTION customer_identity_internal.require_in_snapshot(regclass) IS
    'Raises 40001 if a table that is held, or a partition of it, was emptied or written anew after the statement''s snapshot was taken';
-- The next statement of READ COMMITTED has a snapshot that sees what was waited for. An older one cannot be mended.
CREATE FUNCTION customer_identity_internal.hold_tables(relations regclass[])
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held constant regclass[] := ARRAY(
        SELECT r.relation
        FROM (SELECT DISTINCT u.relation FROM unnest(relations) AS u (relation) ORDER BY 1 OFFSET 0) AS r
        WHERE customer_identity_internal.hold_table(r.relation)
    );
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        PERFORM customer_identity_internal.require_in_snapshot(u.relation) FROM unnest(held) AS u (relation);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_tables(regclass[]) IS
    'Makes what the following statements read of tables complete: locks them, and raises 40001 where the snapshot of the transaction is too old';
-- Another session could drop a table between building a query and running it.
CREATE FUNCTION customer_identity_internal.held_attachments(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity_internal.attachments_of(customers) AS a
    WHERE customer_identity_internal.hold_table(a.attached);
END;
COMMENT ON FUNCTION customer_identity_internal.held_attachments(regclass) IS
    'The tables that feed a book, locked against being dropped until the transaction ends';
-- What is written to a table that inherits from an attached one, and is no partition, fires none of its triggers.
CREATE FUNCTION customer_identity_internal.heirs_of(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE heirs AS (
        SELECT i.inhrelid, i.inhparent
        FROM pg_class AS c
        JOIN pg_inherits AS i ON i.inhparent = c.oid
        WHERE c.oid = relation AND c.relkind = 'r'
        UNION
        SELECT i.inhrelid, i.inhparent
        FROM heirs AS h
        JOIN pg_inherits AS i ON i.inhparent = h.inhrelid
    )
    SELECT h.inhrelid::regclass, h.inhparent::regclass FROM heirs AS h;
END;
COMMENT ON FUNCTION customer_identity_internal.heirs_of(regclass) IS
    'The tables that inherit from an ordinary table, and from what';
CREATE FUNCTION customer_identity_internal.ancestors_of(relation regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE ancestors AS (
        SELECT i.inhparent FROM pg_inherits AS i WHERE i.inhrelid = relation
        UNION
        SELECT i.inhparent
        FROM ancestors AS a
        JOIN pg_inherits AS i ON i.inhrelid = a.inhparent
    )
    SELECT a.inhparent::regclass FROM ancestors AS a;
END;
COMMENT ON FUNCTION customer_identity_internal.ancestors_of(regclass) IS
    'The tables that a table inherits from';
-- Who reads a table reads what inherits from it as well.
CREATE FUNCTION customer_identity_internal.is_read_with_ancestor(
    attached regclass, kind text, customer_column text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM customer_identity_internal.ancestors_of(attached) AS a (ancestor)
        CROSS JOIN LATERAL customer_identity_internal.feeding_setups(a.ancestor, customers) AS s
        WHERE s.kind = is_read_with_ancestor.kind AND s.customer_column = is_read_with_ancestor.customer_column
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_read_with_ancestor(regclass, text, text, regclass) IS
    'Whether a table inherits from one that is attached to the book in the same way';
CREATE FUNCTION customer_identity_internal.attachments_to_read(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity_internal.held_attachments(customers) AS a
    -- Nearly no table inherits from another.
    WHERE NOT (EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = a.attached)
        AND customer_identity_internal.is_read_with_ancestor(a.attached, a.kind, a.customer_column, customers));
END;
COMMENT ON FUNCTION customer_identity_internal.attachments_to_read(regclass) IS
    'held_attachments() without those that are read with a table they inherit from: each row is in one of them';
-- For where each row is read by the set-up of its own table.
CREATE FUNCTION customer_identity_internal.attached_heirs(attached customer_identity.attachments)
    RETURNS oid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT h.heir::oid
        FROM customer_identity_internal.heirs_of(attached.attached) AS h
        CROSS JOIN LATERAL customer_identity_internal.feeding_setups(h.heir, attached.customers) AS s
        WHERE s.kind = attached.kind AND s.customer_column = attached.customer_column
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attached_heirs(customer_identity.attachments) IS
    'The tables that inherit from an attached one and are attached to the book in the same way';
CREATE FUNCTION customer_identity_internal.has_lost_users(attached customer_identity.attachments)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN attached.kind = 'orders' AND attached.user_column IS NOT NULL AND attached.users IS NULL AND EXISTS (
    SELECT
    FROM customer_identity_internal.triggers_of(attached.attached) AS t
    WHERE t.function = 'attach_order' AND customer_identity_internal.argument_value(t.arguments, 'users') IS NOT NULL
);
COMMENT ON FUNCTION customer_identity_internal.has_lost_users(customer_identity.attachments) IS
    'Whether the users table of orders is gone';
-- Without that table nobody knows whose the orders of users are.
CREATE FUNCTION customer_identity_internal.is_known(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN customer_identity_internal.has_lost_users(attached) THEN format('r.%I IS NULL', attached.user_column) ELSE 'true' END;
COMMENT ON FUNCTION customer_identity_internal.is_known(customer_identity.attachments) IS
    'The condition that it can be told to whom a row r without a customer belongs';
CREATE OR REPLACE FUNCTION customer_identity_internal.partitions_of(relation regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT relation
    UNION
    SELECT t.relid
    FROM pg_partition_tree(relation) AS t
    JOIN pg_class AS c ON c.oid = t.relid
    WHERE c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION customer_identity_internal.partitions_of(regclass) IS
    'A table and all its partitions that are ordinary tables';
-- A query may read two tables of one owner as that owner. What another owner's table holds is asked for through a
-- function that acts as that owner: nobody's policy, cast, domain or index expression runs as somebody else.
CREATE FUNCTION customer_identity_internal.have_one_owner(relation regclass, other regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(DISTINCT c.relowner) = 1 FROM pg_class AS c WHERE c.oid IN (relation, other));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.have_one_owner(regclass, regclass) IS
    'Whether two tables belong to the same role';
CREATE OR REPLACE FUNCTION customer_identity_internal.attachment_of(relation regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_attachment customer_identity.attachments;
BEGIN
    SELECT a.* INTO found_attachment
    FROM customer_identity_internal.setups_of(COALESCE(pg_partition_root(relation), relation)) AS a;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not attached', relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'SELECT * FROM customer_identity.attachments lists the attached tables; attach_users() and attach_orders() attach a table.';
    END IF;
    IF found_attachment.customers IS NULL THEN
        RAISE EXCEPTION 'no usable customers table'
            USING ERRCODE = 'CI003',
                DETAIL = format('The triggers of %s name a customers table that does not exist.', relation),
                HINT = 'Attach the table again, or remove its triggers with customer_identity.detach().';
    END IF;
    RETURN found_attachment;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attachment_of(regclass) IS
    'The set-up of a table or of the partitioned table it belongs to; an error when it is not attached';
-- What acts as the owner of a table for the owner of a book keeps to that book.
CREATE FUNCTION customer_identity_internal.attachment_to(relation regclass, customers regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached constant customer_identity.attachments := customer_identity_internal.attachment_of(relation);
BEGIN
    IF attached.customers <> customers THEN
        RAISE EXCEPTION 'table % is attached to another book', relation
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM customer_identity.attachments lists the attached tables.';
    END IF;
    RETURN attached;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attachment_to(regclass, regclass) IS
    'The set-up of a table that feeds a book; an error when it does not';
CREATE FUNCTION customer_identity_internal.has_logins(orders customer_identity.attachments)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (orders).user_column IS NOT NULL AND EXISTS (
    SELECT FROM customer_identity_internal.setups_of((orders).users) AS u WHERE u.kind = 'users'
);
COMMENT ON FUNCTION customer_identity_internal.has_logins(customer_identity.attachments) IS
    'Whether the users table that an orders table names is attached';
-- Every column that the triggers of a table name, and what they are for.
CREATE OR REPLACE FUNCTION customer_identity_internal.named_columns(attached customer_identity.attachments)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT attached.users, attached.users_key_column
    WHERE attached.users IS NOT NULL AND attached.users_key_column IS NOT NULL
    UNION ALL
    SELECT attached.attached, c.name
    FROM unnest(attached.phone_columns || attached.personal_columns || ARRAY[
        attached.customer_column, attached.key_column, attached.verified_column, attached.name_column,
        attached.region_column, attached.user_column, attached.amount_column, attached.status_column,
        attached.payment_column]) AS c (name)
    WHERE c.name IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.named_columns(customer_identity.attachments) IS
    'The columns that the triggers of a table name';
-- A sum of many small states: a table of a million customers fits into the memory of a maintenance command.
CREATE FUNCTION customer_identity_internal.add_order(state internal, amount numeric, points_per_unit numeric)
    RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'add_order';
COMMENT ON FUNCTION customer_identity_internal.add_order(internal, numeric, numeric) IS
    'Adds an order to the sums of a customer';
CREATE FUNCTION customer_identity_internal.amounts_added(state internal)
    RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'amounts_added';
COMMENT ON FUNCTION customer_identity_internal.amounts_added(internal) IS
    'What the added orders add to total_spent';
CREATE FUNCTION customer_identity_internal.points_added(state internal)
    RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'points_added';
COMMENT ON FUNCTION customer_identity_internal.points_added(internal) IS
    'What the added orders add to loyalty_points';
-- The two share their state: an order is added once.
CREATE AGGREGATE customer_identity_internal.sum_of_amounts(amount numeric, points_per_unit numeric) (
    SFUNC = customer_identity_internal.add_order,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = customer_identity_internal.amounts_added,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE customer_identity_internal.sum_of_amounts(numeric, numeric) IS
    'What orders add to total_spent: their amounts, or 0 for NULL, NaN and infinity';
CREATE AGGREGATE customer_identity_internal.sum_of_points(amount numeric, points_per_unit numeric) (
    SFUNC = customer_identity_internal.add_order,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = customer_identity_internal.points_added,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE customer_identity_internal.sum_of_points(numeric, numeric) IS
    'What orders add to loyalty_points: floor(amount * points_per_unit) of each, or 0 beyond a thousand million million';
-- A table that its totals triggers alone still feed into the book, such as a partition that was detached,
-- counts; a partition whose parent counts it does not. While one is being detached concurrently it is the
-- snapshot that tells, to pg_partition_tree as to a query of the parent, but not to pg_partition_ancestors.
CREATE OR REPLACE FUNCTION customer_identity_internal.totals_sources(customers regclass)
    RETURNS TABLE (source regclass, arguments text[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH sources AS MATERIALIZED (
        SELECT DISTINCT ON (t.attached) t.attached, t.arguments
        FROM customer_identity_internal.attached_to(customers) AS a (attached)
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
        WHERE t.function = 'maintain_totals'
            AND t.customers = totals_sources.customers
            AND has_table_privilege(t.owner, totals_sources.customers, 'UPDATE')
        ORDER BY t.attached, t.name
    )
    SELECT s.attached, s.arguments
    FROM sources AS s
    WHERE s.attached NOT IN (
        SELECT p.relid
        FROM sources AS parent
        CROSS JOIN LATERAL pg_partition_tree(parent.attached) AS p
        WHERE p.relid <> parent.attached
    );
END;
COMMENT ON FUNCTION customer_identity_internal.totals_sources(regclass) IS
    'The tables whose orders make up the totals of a book, with the arguments of their totals triggers';
CREATE FUNCTION customer_identity_internal.uncountable_columns(customers regclass)
    RETURNS TABLE (source regclass, column_name text, found_type text, wanted text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.source, n.name, format_type(a.atttypid, NULL), n.wanted
    FROM customer_identity_internal.totals_sources(customers) AS s
    CROSS JOIN LATERAL (VALUES
        (COALESCE(customer_identity_internal.argument_value(s.arguments, 'customer'), 'customer_id'), 'uuid', '{uuid}'::regtype[]),
        (COALESCE(customer_identity_internal.argument_value(s.arguments, 'amount'), 'total'), 'a number',
            '{numeric,smallint,integer,bigint,real,double precision}'::regtype[]),
        (customer_identity_internal.argument_value(s.arguments, 'status'), NULL, NULL)
    ) AS n (name, wanted, types)
    LEFT JOIN pg_attribute AS a ON a.attrelid = s.source AND a.attname = n.name AND NOT a.attisdropped
    WHERE n.name IS NOT NULL AND (a.attname IS NULL OR customer_identity_internal.base_type(a.atttypid) <> ALL (n.types));
END;
COMMENT ON FUNCTION customer_identity_internal.uncountable_columns(regclass) IS
    'The columns that totals are made of and cannot be: gone (no found_type) or of another type';
CREATE FUNCTION customer_identity_internal.is_countable(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN NOT EXISTS (SELECT FROM customer_identity_internal.uncountable_columns(customers));
COMMENT ON FUNCTION customer_identity_internal.is_countable(regclass) IS
    'Whether the totals of a book can be made of the tables that feed it';
-- Customers in the order of their ids, so that a part of them can be counted alone.
CREATE FUNCTION customer_identity_internal.id_condition(id text, after uuid, up_to uuid)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE WHEN after IS NULL THEN '' ELSE format(' AND %s > %L::uuid', id, after) END
    || CASE WHEN up_to IS NULL THEN '' ELSE format(' AND %s <= %L::uuid', id, up_to) END;
COMMENT ON FUNCTION customer_identity_internal.id_condition(text, uuid, uuid) IS
    'What follows a condition, for the ids between two: after the first, NULL for the least, up to the second, NULL for the greatest';
-- Rows of a table that inherits from an attached one are that table's, which is attached itself or reported.
CREATE FUNCTION customer_identity_internal.totals_query(source regclass, arguments text[], after uuid DEFAULT NULL, up_to uuid DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    status_column text := customer_identity_internal.argument_value(arguments, 'status');
    customer_column text := COALESCE(customer_identity_internal.argument_value(arguments, 'customer'), 'customer_id');
    amount_column text := COALESCE(customer_identity_internal.argument_value(arguments, 'amount'), 'total');
    condition text := customer_identity_internal.id_condition(format('o.%I', customer_column), after, up_to);
    missing text;
BEGIN
    SELECT n.name INTO missing
    FROM unnest(ARRAY[customer_column, amount_column, status_column]) AS n (name)
    WHERE n.name IS NOT NULL AND customer_identity_internal.column_type(source, n.name) IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the triggers of customer_identity on table % no longer fit it', source
            USING ERRCODE = 'CI007', DETAIL = format('Column %I was renamed or dropped.', missing),
                HINT = format('Use the current column name in this call: SELECT %s;', customer_identity_internal.attach_call(source));
    END IF;
    IF customer_identity_internal.base_type(customer_identity_internal.column_type(source, amount_column))
        <> ALL ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]) THEN
        RAISE EXCEPTION 'the column that holds the amount of % is not a number', source
            USING ERRCODE = 'CI007', HINT = format('Name another one in: SELECT %s;', customer_identity_internal.attach_call(source));
    END IF;
    IF status_column IS NOT NULL THEN
        condition := condition || ' AND ' || customer_identity_internal.has_value(source, status_column,
            customer_identity_internal.argument_values(arguments, 'counted'));
    END IF;
    RETURN format(
        'SELECT o.%1$I AS customer_id, count(*) AS orders,'
        ' customer_identity_internal.sum_of_amounts(o.%2$I::numeric, %3$L::numeric) AS spent,'
        ' customer_identity_internal.sum_of_points(o.%2$I::numeric, %3$L::numeric) AS points'
        ' FROM %4$s AS o WHERE o.%1$I IS NOT NULL%5$s GROUP BY o.%1$I',
        customer_column, amount_column,
        COALESCE(customer_identity_internal.argument_value(arguments, 'points_per_unit'), '1'),
        (SELECT CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END FROM pg_class AS c WHERE c.oid = source) || source, condition);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_query(regclass, text[], uuid, uuid) IS
    'The query that sums a table of orders per customer, for the ids between two';
CREATE FUNCTION customer_identity_internal.maintenance_memory()
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN pg_size_bytes(current_setting('maintenance_work_mem')) > pg_size_bytes(current_setting('work_mem'))
        THEN current_setting('maintenance_work_mem')
    ELSE current_setting('work_mem')
END;
COMMENT ON FUNCTION customer_identity_internal.maintenance_memory() IS
    'The work_mem for sums of all orders, which are work for an administrator, as the making of an index is';
CREATE FUNCTION customer_identity_internal.totals_in(source regclass, arguments text[], after uuid, up_to uuid, customers regclass)
    RETURNS TABLE (customer_id uuid, orders bigint, spent numeric, points numeric)
    LANGUAGE customer_identity_as_feeding_owner STABLE
    SET jit = off
AS $$
BEGIN
    PERFORM set_config('work_mem', customer_identity_internal.maintenance_memory(), true);
    RETURN QUERY EXECUTE customer_identity_internal.totals_query(source, arguments, after, up_to);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_in(regclass, text[], uuid, uuid, regclass) IS
    'The totals of the orders in a table for each customer, for the ids between two';
-- Everybody may call it: it only writes what statements of the same transaction have deferred, as the role
-- that would write it. The same happens at commit anyway.
CREATE OR REPLACE FUNCTION customer_identity.flush_totals(customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'flush_totals';
COMMENT ON FUNCTION customer_identity.flush_totals(regclass) IS
    'Writes the totals that this transaction has deferred to its commit, of one book or (NULL) all, and returns for how many customers';
CREATE FUNCTION customer_identity_internal.totals_of_sources(customers regclass, after uuid, up_to uuid)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queries text[];
    held regclass[];
BEGIN
    SELECT array_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(t.source, customers) THEN customer_identity_internal.totals_query(t.source, t.arguments, after, up_to)
            ELSE format('SELECT t.* FROM customer_identity_internal.totals_in(%L::regclass, %L::text[], %L::uuid, %L::uuid, %L::regclass) AS t',
                t.source::oid, t.arguments, after, up_to, customers::oid)
        END),
        array_agg(t.source)
    INTO queries, held
    FROM customer_identity_internal.totals_sources(customers) AS t
    WHERE customer_identity_internal.hold_table(t.source);
    PERFORM customer_identity_internal.require_in_snapshot(u.source) FROM unnest(held) AS u (source);
    RETURN CASE
        WHEN cardinality(queries) = 1 THEN queries[1]
        WHEN cardinality(queries) > 1 THEN format('SELECT s.customer_id, sum(s.orders) AS orders, sum(s.spent) AS spent, sum(s.points) AS points FROM (%s) AS s GROUP BY s.customer_id',
            array_to_string(queries, ' UNION ALL '))
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_of_sources(regclass, uuid, uuid) IS
    'The query that sums all orders of a book per customer, for the ids between two; NULL without an attached orders table';
CREATE FUNCTION customer_identity_internal.hold_for_totals(customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    PERFORM customer_identity_internal.hold_tables(
        ARRAY[customers, customer_identity_internal.companion_of(customers, 'loyalty_entries')::regclass]
            || ARRAY(SELECT customer_identity_internal.tables_that_feed(customers)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_totals(regclass) IS
    'Holds all tables that the totals of a book are made of, so that the next statement counts all of them';
-- Without an attached orders table there is nothing to compare with: what the totals hold is kept.
CREATE FUNCTION customer_identity_internal.totals_differences(after uuid, up_to uuid, customers regclass)
    RETURNS TABLE (customer_id uuid, field text, stored numeric, actual numeric)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
DECLARE
    sums constant text := customer_identity_internal.totals_of_sources(customers, after, up_to);
    spent_type integer;
BEGIN
    IF sums IS NULL THEN
        RETURN;
    END IF;
    SELECT a.atttypmod INTO spent_type
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'total_spent';
    PERFORM set_config('work_mem', customer_identity_internal.maintenance_memory(), true);

    RETURN QUERY EXECUTE format($sql$
        SELECT t.id, d.field, d.stored, d.actual
        FROM (
            SELECT c.id, COALESCE(c.total_orders, 0) AS stored_orders, COALESCE(c.total_spent, 0) AS stored_spent,
                COALESCE(c.loyalty_points, 0) AS stored_points,
                COALESCE(s.orders, 0) AS orders, %1$s AS spent, COALESCE(s.points, 0) + COALESCE(e.points, 0) AS points
            FROM %2$s AS c
            LEFT JOIN (%3$s) AS s ON s.customer_id = c.id
            LEFT JOIN (
                SELECT e.customer_id, sum(e.points) AS points FROM %4$s AS e WHERE true%5$s GROUP BY e.customer_id
            ) AS e ON e.customer_id = c.id
            WHERE true%6$s
        ) AS t
        CROSS JOIN LATERAL (VALUES
            ('total_orders', t.stored_orders::numeric, t.orders::numeric),
            ('total_spent', t.stored_spent, t.spent),
            ('loyalty_points', t.stored_points::numeric, t.points)
        ) AS d (field, stored, actual)
        WHERE (t.stored_orders <> t.orders OR t.stored_spent <> t.spent OR t.stored_points <> t.points) AND d.stored <> d.actual
        $sql$,
        -- A column decimal(10,2) cannot hold more digits than that.
        CASE
            WHEN spent_type < 0 THEN 'COALESCE(s.spent, 0)'
            ELSE format('round(COALESCE(s.spent, 0), LEAST(%s, scale(COALESCE(s.spent, 0))))', (spent_type - 4) & 65535)
        END,
        customers, sums, customer_identity_internal.companion_of(customers, 'loyalty_entries'),
        customer_identity_internal.id_condition('e.customer_id', after, up_to), customer_identity_internal.id_condition('c.id', after, up_to));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_differences(uuid, uuid, regclass) IS
    'verify_totals for a book that is named, for the customers between two ids';
CREATE OR REPLACE FUNCTION customer_identity.verify_totals(customers regclass DEFAULT NULL)
    RETURNS TABLE (customer_id uuid, field text, stored numeric, actual numeric)
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT customer_identity_internal.hold_for_totals(customer_identity_internal.book(customers));
    SELECT customer_identity.flush_totals(customer_identity_internal.book(customers));
    SELECT * FROM customer_identity_internal.totals_differences(NULL, NULL, customer_identity_internal.book(customers));
END;
COMMENT ON FUNCTION customer_identity.verify_totals(regclass) IS
    'The totals that differ from the sum of the attached orders and loyalty_entries, in one snapshot; no row means exact';
-- Where customers are in shards, Citus locks and writes one of them at a time.
CREATE FUNCTION customer_identity_internal.rebuild_one_by_one(after uuid, up_to uuid, customers regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
    corrected bigint := 0;
BEGIN
    FOR wrong IN
        SELECT d.customer_id,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_orders'), 0) AS orders,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_spent'), 0) AS spent,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'loyalty_points'), 0) AS points
        FROM customer_identity_internal.totals_differences(after, up_to, customers) AS d
        GROUP BY d.customer_id
        ORDER BY d.customer_id
    LOOP
        EXECUTE format('UPDATE %s SET total_orders = COALESCE(total_orders, 0) + $2, total_spent = COALESCE(total_spent, 0) + $3,'
            ' loyalty_points = COALESCE(loyalty_points, 0) + $4 WHERE id = $1', customers)
            USING wrong.customer_id, wrong.orders, wrong.spent, wrong.points;
        corrected := corrected + 1;
    END LOOP;
    RETURN corrected;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rebuild_one_by_one(uuid, uuid, regclass) IS
    'rebuild_totals for a book that is spread over several nodes';
-- Orders are held before customers, as ALTER TABLE and attach_orders() take them.
-- A difference stays valid while others maintain exact totals, so it is added, and only another rebuild has
-- to wait. Customers are locked in the order of their ids, as the triggers do it. What this transaction has deferred is written first, so that it is not added twice.
CREATE FUNCTION customer_identity_internal.rebuild_customers(after uuid, up_to uuid, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_table_owner VOLATILE
AS $$
DECLARE
    corrected bigint;
BEGIN
    PERFORM customer_identity_internal.hold_for_totals(customers);
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', customers);
    IF customer_identity_internal.has_computed_ids(customers) AND customer_identity_internal.is_spread(customers) THEN
        RETURN customer_identity_internal.rebuild_one_by_one(after, up_to, customers);
    END IF;
    EXECUTE format($sql$
        WITH wrong AS MATERIALIZED (
            SELECT
                d.customer_id,
                COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_orders'), 0) AS orders,
                COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_spent'), 0) AS spent,
                COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'loyalty_points'), 0) AS points
            FROM customer_identity_internal.totals_differences($1, $2, $3) AS d
            GROUP BY d.customer_id
        ),
        held AS MATERIALIZED (
            SELECT c.id
            FROM %1$s AS c
            JOIN wrong AS w ON w.customer_id = c.id
            ORDER BY c.id
            FOR NO KEY UPDATE OF c
        )
        UPDATE %1$s AS c
        SET total_orders = COALESCE(c.total_orders, 0) + w.orders,
            total_spent = COALESCE(c.total_spent, 0) + w.spent,
            loyalty_points = COALESCE(c.loyalty_points, 0) + w.points
        FROM wrong AS w
        WHERE c.id = w.customer_id AND (SELECT count(*) FROM held) > 0
        $sql$, customers)
        USING after, up_to, customers;
    GET DIAGNOSTICS corrected = ROW_COUNT;
    RETURN corrected;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rebuild_customers(uuid, uuid, regclass) IS
    'Corrects the totals of the customers between two ids';
CREATE OR REPLACE FUNCTION customer_identity_internal.rebuild_book(customers regclass)
    RETURNS bigint
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.rebuild_customers(NULL, NULL, customers);
COMMENT ON FUNCTION customer_identity_internal.rebuild_book(regclass) IS
    'rebuild_totals for a book that is named';
CREATE OR REPLACE FUNCTION customer_identity.rebuild_totals(customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT customer_identity.flush_totals(customer_identity_internal.book(customers));
    SELECT customer_identity_internal.rebuild_book(customer_identity_internal.book(customers));
END;
COMMENT ON FUNCTION customer_identity.rebuild_totals(regclass) IS
    'Corrects every total that verify_totals() reports and returns how many customers it corrected';
CREATE FUNCTION customer_identity_internal.end_of_batch(after uuid, batch_size integer, customers regclass)
    RETURNS uuid
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    last uuid;
BEGIN
    IF batch_size IS NULL OR batch_size < 1 THEN
        RAISE EXCEPTION 'batch_size must be at least 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = '10000 is the default.';
    END IF;
    EXECUTE format('SELECT c.id FROM %s AS c WHERE true%s ORDER BY c.id OFFSET %s LIMIT 1',
        customers, customer_identity_internal.id_condition('c.id', after, NULL), batch_size - 1)
        INTO last;
    RETURN last;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_of_batch(uuid, integer, regclass) IS
    'The last id of as many customers; NULL: there are fewer';
-- Each batch adds what its own snapshot lacks, so orders go on meanwhile, and what is left when it is interrupted is added by
-- the next call. A procedure that commits cannot pin search_path: every name is qualified, and there is no operator.
CREATE PROCEDURE customer_identity.recount_totals(batch_size integer DEFAULT 10000, customers regclass DEFAULT NULL)
    LANGUAGE plpgsql
AS $$
DECLARE
    book pg_catalog.regclass := customer_identity_internal.book(customers);
    after pg_catalog.uuid;
    up_to pg_catalog.uuid;
    corrected pg_catalog.int8 := 0;
BEGIN
    LOOP
        up_to := customer_identity_internal.end_of_batch(after, batch_size, book);
        corrected := pg_catalog.int8pl(corrected, customer_identity_internal.rebuild_customers(after, up_to, book));
        COMMIT;
        RAISE NOTICE '%', pg_catalog.format('totals of %s: %s customers corrected', book, corrected);
        EXIT WHEN up_to IS NULL;
        after := up_to;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE customer_identity.recount_totals(integer, regclass) IS
    'Does what rebuild_totals() does in batches of customers, with a commit after each: orders wait for one batch at most';
REVOKE EXECUTE ON PROCEDURE customer_identity.recount_totals(integer, regclass) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity.adjust_points(
    customer_id uuid,
    points bigint,
    reason text,
    idempotency_key text DEFAULT NULL,
    actor text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'adjust_points';
COMMENT ON FUNCTION customer_identity.adjust_points(uuid, bigint, text, text, text, regclass) IS
    'Adds points to a customer, or subtracts them, with a row in loyalty_entries. Returns the new balance';
CREATE OR REPLACE FUNCTION customer_identity.redeem_points(
    customer_id uuid,
    points bigint,
    reason text,
    idempotency_key text DEFAULT NULL,
    user_id text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'redeem_points';
COMMENT ON FUNCTION customer_identity.redeem_points(uuid, bigint, text, text, text, regclass) IS
    'Subtracts points from a customer''s balance and returns what is left. CI005 when it is too low; the same key redeems once';
-- With the rights of its caller: only who acts as the owner of the book can write there.
CREATE OR REPLACE FUNCTION customer_identity_internal.write_event(customers regclass, customer_id uuid, event text, details jsonb, actor text)
    RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'write_event';
COMMENT ON FUNCTION customer_identity_internal.write_event(regclass, uuid, text, jsonb, text) IS
    'Adds an event to a customer''s history, where the book keeps one; for functions that act as its owner';
CREATE OR REPLACE FUNCTION customer_identity_internal.keeps_history(customers regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'keeps_history';
COMMENT ON FUNCTION customer_identity_internal.keeps_history(regclass) IS
    'Whether the book has a table customer_events that events can be written to';
CREATE OR REPLACE FUNCTION customer_identity.customer_history(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
DECLARE
    history jsonb;
BEGIN
    EXECUTE format($sql$
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object('at', e.created_at, 'event', e.event, 'actor', e.actor, 'details', e.details)
                ORDER BY e.created_at DESC, e.id DESC),
            '[]')
        FROM %s AS e
        WHERE e.customer_id = $1
        $sql$, customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO history
        USING customer_id;
    RETURN history;
END
$$;
COMMENT ON FUNCTION customer_identity.customer_history(uuid, regclass) IS
    'The events of a customer, newest first: an array of objects with at, event, actor and details';
CREATE FUNCTION customer_identity_internal.primary_key_columns(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = relation AND i.indisprimary AND k.position <= i.indnkeyatts
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.primary_key_columns(regclass) IS
    'The columns of the primary key of a table, in order; NULL: it has none';
-- The server keeps a column of a partitioned table unique only together with those it is partitioned by.
CREATE FUNCTION customer_identity_internal.key_column(users regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text[] := customer_identity_internal.primary_key_columns(users);
BEGIN
    IF cardinality(key) > 1 THEN
        key := ARRAY(
            SELECT a.attname
            FROM pg_partitioned_table AS p
            JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum <> ALL (p.partattrs)
            WHERE p.partrelid = users AND a.attname = ANY (key)
        );
    END IF;
    IF cardinality(key) = 1 THEN
        RETURN key[1];
    END IF;
    RETURN (
        SELECT a.attname
        FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attname = 'id' AND a.attnotnull
            AND customer_identity_internal.has_unique_index(users, 'id')
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_column(regclass) IS
    'The column that tells users apart: the primary key of one column, else a unique id; NULL: there is none';
CREATE FUNCTION customer_identity_internal.require_key(users regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := customer_identity_internal.key_column(users);
    primary_key text[] := customer_identity_internal.primary_key_columns(users);
    shared boolean;
    has_id boolean := customer_identity_internal.column_type(users, 'id') IS NOT NULL;
BEGIN
    IF key IS NULL THEN
        RAISE EXCEPTION 'table % has no single-column key', users
            USING ERRCODE = 'invalid_table_definition',
                DETAIL = COALESCE(format('Its primary key is (%s).', array_to_string(primary_key, ', ')), 'It has no primary key.'),
                HINT = CASE
                    WHEN primary_key IS NULL THEN format('ALTER TABLE %s ADD PRIMARY KEY (%s);', users, CASE WHEN has_id THEN 'id' ELSE '...' END)
                    WHEN has_id THEN format('If ids are unique: ALTER TABLE %s ALTER COLUMN id SET NOT NULL, ADD UNIQUE (id); if several shops share the table, give each user a unique id.', users)
                    ELSE format('ALTER TABLE %s ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE;', users)
                END;
    END IF;
    -- Where users have another owner, no code of theirs runs: keys are of built-in types.
    IF NOT customer_identity_internal.has_unique_index(users, key) AND cardinality(primary_key) > 1
        AND customer_identity_internal.column_type(users, key)::oid < 16384 THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS u GROUP BY u.%I HAVING count(*) > 1)', users, key) INTO shared;
    END IF;
    IF shared THEN
        RAISE EXCEPTION 'users in several partitions of % have the same %', users, key
            USING ERRCODE = 'invalid_table_definition', HINT = 'Give users ids that are unique across all partitions.';
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_key(regclass) IS
    'key_column, or 42P16 with what to do when there is none';
-- Proofs refer to ids: with those of another column they would be somebody else's.
CREATE FUNCTION customer_identity_internal.warn_of_new_key(users regclass, key text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_key text;
BEGIN
    SELECT a.key_column INTO old_key
    FROM customer_identity_internal.setups_of(users) AS a
    WHERE a.kind = 'users' AND a.customers = warn_of_new_key.customers;
    IF old_key <> key AND customer_identity_internal.column_type(users, old_key) IS NOT NULL THEN
        RAISE WARNING 'users of % are now identified by %, no longer by %', users, quote_ident(key), quote_ident(old_key)
            USING HINT = format('Proofs refer to the old ids: UPDATE %I.phone_proofs AS p SET user_id = u.%I::text FROM %s AS u WHERE p.user_id = u.%I::text; and attach the orders again.',
                (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = customers),
                key, users, old_key);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.warn_of_new_key(regclass, text, regclass) IS
    'Warns when attach_users finds another key than before';
-- A column itself, and what foreign keys say that its values are values of: alone or with other columns, and by way
-- of other tables.
-- Found by the index, hence the offset: a database may have a thousand foreign keys.
CREATE FUNCTION customer_identity_internal.referred_columns(relation regclass, column_name text)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE referred AS (
        SELECT referred_columns.relation, referred_columns.column_name COLLATE "C"
        UNION
        SELECT COALESCE(pg_partition_root(k.confrelid), k.confrelid)::regclass, target.attname::text
        FROM referred AS r
        CROSS JOIN LATERAL (
            SELECT c.*
            FROM pg_constraint AS c
            WHERE c.conrelid = r.relation AND c.contype = 'f' AND c.conparentid = 0
            OFFSET 0
        ) AS k
        CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS c (source_number, target_number)
        JOIN pg_attribute AS source ON source.attrelid = k.conrelid AND source.attnum = c.source_number
        JOIN pg_attribute AS target ON target.attrelid = k.confrelid AND target.attnum = c.target_number
        WHERE source.attname = r.column_name
    )
    SELECT r.relation, r.column_name FROM referred AS r;
END;
COMMENT ON FUNCTION customer_identity_internal.referred_columns(regclass, text) IS
    'A column, and those that foreign keys make it refer to, directly or not';
-- Where orders and users refer to a third table, it joins them: both may extend the same accounts.
CREATE FUNCTION customer_identity_internal.joining_columns(orders regclass, user_column text, users regclass)
    RETURNS TABLE (column_name text, is_direct boolean)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH referred AS MATERIALIZED (
        SELECT r.relation, r.column_name FROM customer_identity_internal.referred_columns(orders, user_column) AS r
    ),
    own AS (
        SELECT a.attname::text AS name
        FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attnum > 0 AND NOT a.attisdropped
            AND (a.attname = customer_identity_internal.key_column(users)
                OR customer_identity_internal.has_unique_index(users, a.attname::text))
    )
    SELECT o.name, EXISTS (SELECT FROM referred AS r WHERE r.relation = users AND r.column_name = o.name)
    FROM own AS o
    WHERE EXISTS (
        SELECT
        FROM customer_identity_internal.referred_columns(users, o.name) AS c
        JOIN referred AS r ON r.relation = c.relation AND r.column_name = c.column_name
    );
END;
COMMENT ON FUNCTION customer_identity_internal.joining_columns(regclass, text, regclass) IS
    'The unique columns of users that an orders table''s user column refers to';
-- The foreign keys of a column alone, and those to users with other columns, have to say whose order it is.
CREATE FUNCTION customer_identity_internal.refuse_foreign_key(orders regclass, user_column text, users regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    foreign_key pg_constraint;
BEGIN
    SELECT k.* INTO foreign_key
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
    WHERE k.contype = 'f' AND k.conrelid = orders AND k.conparentid = 0 AND a.attname = user_column
        AND (cardinality(k.conkey) = 1 OR k.confrelid = users)
    ORDER BY k.conname
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'foreign key % of % does not say whose order it is', quote_ident(foreign_key.conname), orders
            USING ERRCODE = 'invalid_foreign_key',
                DETAIL = format('Column %I does not reference a unique column of %s.', user_column, users),
                HINT = CASE
                    WHEN foreign_key.confrelid = users THEN format('Add a column that references the key of %s to the orders, and name it in user_column => ''...''.', users)
                    ELSE format('Name the users table that it references, %s, or another column in user_column => ''...''.', foreign_key.confrelid::regclass)
                END;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_foreign_key(regclass, text, regclass) IS
    'Raises 42830 when a foreign key refers to something else than to users';
CREATE FUNCTION customer_identity_internal.users_key_of(orders regclass, user_column text, users regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := customer_identity_internal.key_column(users);
    direct text[];
    others text[];
BEGIN
    SELECT array_agg(j.column_name ORDER BY j.column_name) FILTER (WHERE j.is_direct),
        array_agg(j.column_name ORDER BY j.column_name = key DESC, j.column_name)
    INTO direct, others
    FROM customer_identity_internal.joining_columns(orders, user_column, users) AS j;
    IF cardinality(direct) > 1 THEN
        RAISE EXCEPTION 'column % of % references several columns of %', quote_ident(user_column), orders, users
            USING ERRCODE = 'ambiguous_column', DETAIL = format('They are %s.', array_to_string(direct, ', ')),
                HINT = 'Drop the foreign keys that do not say whose order it is.';
    END IF;
    IF others IS NULL THEN
        PERFORM customer_identity_internal.refuse_foreign_key(orders, user_column, users);
    END IF;
    RETURN COALESCE(direct[1], others[1], customer_identity_internal.require_key(users));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_key_of(regclass, text, regclass) IS
    'The column of users that an orders table is joined by: what its foreign key refers to, else their key';
-- The users table of an orders table: the attached one that its foreign keys lead to, else the one they name, else the
-- only one of the book.
CREATE OR REPLACE FUNCTION customer_identity_internal.users_of(orders regclass, user_column text, customers regclass)
    RETURNS regclass
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached regclass[];
    joined regclass[];
BEGIN
    attached := ARRAY(
        SELECT a.attached FROM customer_identity_internal.attachments_of(customers) AS a WHERE a.kind = 'users' ORDER BY a.attached::text);
    joined := ARRAY(
        SELECT u.users
        FROM unnest(attached) AS u (users)
        WHERE EXISTS (SELECT FROM customer_identity_internal.joining_columns(orders, user_column, u.users)));
    IF cardinality(joined) > 1 THEN
        RAISE EXCEPTION 'column % of % references several users tables', quote_ident(user_column), orders
            USING ERRCODE = 'ambiguous_column', DETAIL = format('They are %s.', array_to_string(joined, ', ')),
                HINT = 'Say which with users => ''...''.';
    END IF;
    RETURN COALESCE(
        joined[1],
        (
            SELECT COALESCE(pg_partition_root(k.confrelid), k.confrelid)::regclass
            FROM pg_constraint AS k
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            WHERE k.contype = 'f' AND k.conrelid = orders AND cardinality(k.conkey) = 1
                AND a.attname = user_column AND k.conparentid = 0
            ORDER BY k.conname
            LIMIT 1
        ),
        CASE WHEN cardinality(attached) = 1 THEN attached[1] END
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_of(regclass, text, regclass) IS
    'The users table that the orders'' user column refers to, as far as it can be told';
-- A partition's foreign key is its parent's.
CREATE FUNCTION customer_identity_internal.foreign_keys_to(referenced_table regclass)
    RETURNS TABLE (relation regclass, columns text[], referenced text[], cascades boolean, is_generated boolean)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT k.conrelid::regclass, c.columns, c.referenced, k.confdeltype = 'c', c.is_generated
        FROM pg_constraint AS k
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text ORDER BY u.place), array_agg(f.attname::text ORDER BY u.place), bool_or(a.attgenerated <> '')
            FROM ROWS FROM (unnest(k.conkey), unnest(k.confkey)) WITH ORDINALITY AS u (number, referenced, place)
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
            JOIN pg_attribute AS f ON f.attrelid = k.confrelid AND f.attnum = u.referenced
        ) AS c (columns, referenced, is_generated)
        WHERE k.contype = 'f' AND k.confrelid = referenced_table AND k.conparentid = 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.foreign_keys_to(regclass) IS
    'The columns of foreign keys to a table, what they refer to, and whether rows are deleted with it; what is generated follows by itself when a row moves';
CREATE FUNCTION customer_identity_internal.tables_of_people(customers regclass)
    RETURNS regclass[]
    LANGUAGE sql STABLE
RETURN ARRAY[customers] || ARRAY(
    SELECT customer_identity_internal.tables_that_feed(customers)
    UNION ALL
    SELECT k.relation FROM customer_identity_internal.foreign_keys_to(customers) AS k);
COMMENT ON FUNCTION customer_identity_internal.tables_of_people(regclass) IS
    'The tables whose rows refer to customers, and these';
-- A partition that is being detached concurrently is in its table for nobody who looks now, and refers to customers all the same.
CREATE FUNCTION customer_identity_internal.hold_for_people(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relations constant regclass[] := customer_identity_internal.tables_of_people(customers);
BEGIN
    PERFORM customer_identity_internal.hold_tables(relations);
    PERFORM customer_identity_internal.hold_partitions(r.relation, customers)
    FROM (SELECT DISTINCT u.relation FROM unnest(relations) AS u (relation) ORDER BY 1 OFFSET 0) AS r;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_people(regclass) IS
    'Holds all tables that refer to customers, so that the next statements find all rows of a person, and none can leave';
CREATE FUNCTION customer_identity_internal.turn_of(customers regclass)
    RETURNS bigint
    LANGUAGE sql STABLE
RETURN hashtextextended('customer_identity.merge ' || customer_identity_internal.told_name(customers), 0);
COMMENT ON FUNCTION customer_identity_internal.turn_of(regclass) IS
    'The key of the advisory lock of who moves rows of a book from one customer to another';
-- Merges, splits and undoings of one book take their turns, so that none waits for another while it holds rows.
CREATE FUNCTION customer_identity_internal.take_turn(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.hold_for_people(customers);
    PERFORM pg_advisory_xact_lock(customer_identity_internal.turn_of(customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.take_turn(regclass) IS
    'Waits until no other merge, split or undoing of the book is under way, and holds the tables that refer to customers';
-- Who waits while holding locks can be part of a deadlock, whose victim may be an order. What changes people tries in a
-- subtransaction, waits for nobody in it for long, and holds nothing while it waits for the next try.
CREATE FUNCTION customer_identity_internal.be_impatient()
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT set_config('lock_timeout', '50ms', true)
$$;
COMMENT ON FUNCTION customer_identity_internal.be_impatient() IS
    'From now on in the subtransaction, nothing is waited for for long';
CREATE FUNCTION customer_identity_internal.wait_for_next_try(started timestamptz, attempt integer)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    patience constant interval := COALESCE(NULLIF(current_setting('lock_timeout')::interval, interval '0'), interval '60 seconds');
BEGIN
    IF clock_timestamp() > started + patience THEN
        RAISE EXCEPTION 'the customer or one of its rows is in use'
            USING ERRCODE = 'lock_not_available', DETAIL = format('Other transactions have been using them for %s.', patience),
                HINT = 'Try again when they have ended; lock_timeout says how long to wait.';
    END IF;
    PERFORM pg_sleep(LEAST(0.002 * 2 ^ LEAST(attempt, 6), 0.1) * (0.5 + random()));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.wait_for_next_try(timestamptz, integer) IS
    'A pause that grows with the attempts; 55P03 when there were enough';
CREATE OR REPLACE FUNCTION customer_identity_internal.require_column(relation regclass, column_name text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column %', relation, quote_ident(customer_identity_internal.shown(column_name))
            USING ERRCODE = 'undefined_column',
                HINT = format('Name the column in %s => ''...''; camelCase names are written as they are.', parameter);
    END IF;
    -- Transition tables hold no values of it.
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated = 'v';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is a virtual generated column', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Make it STORED, or name the column it is generated from.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_column(regclass, text, text) IS
    'Raises 42703 for a column that a call names and the table lacks';
-- The server computes generated columns after the BEFORE triggers, which would read NULL.
CREATE OR REPLACE FUNCTION customer_identity_internal.require_written_column(relation regclass, column_name text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF column_name IS NULL THEN
        RETURN;
    END IF;
    PERFORM customer_identity_internal.require_column(relation, column_name, parameter);
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated <> '';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is generated', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'A BEFORE trigger does not see its value.',
                HINT = format('Name the column it is generated from in %s => ''...''.', parameter);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_written_column(regclass, text, text) IS
    'Raises for a column that a call names and the table lacks or generates; NULL names none';
-- A column that only the parameter's default names may be missing.
CREATE OR REPLACE FUNCTION customer_identity_internal.optional_column(relation regclass, column_name text, parameter text, default_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND AND column_name = default_name THEN
        RETURN NULL;
    END IF;
    IF column_name IS NOT NULL THEN
        PERFORM customer_identity_internal.require_column(relation, column_name, parameter);
    END IF;
    RETURN column_name;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.optional_column(regclass, text, text, text) IS
    'The column, or NULL when only a default names it and the table lacks it';
CREATE FUNCTION customer_identity_internal.require_types(relation regclass, phone_columns text[], region_column text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unusable record;
BEGIN
    SELECT u.* INTO unusable
    FROM customer_identity_internal.unusable_types(relation, phone_columns, region_column) AS u;
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is of type % and cannot hold a %',
            quote_ident(unusable.column_name), relation, unusable.type_name, unusable.what
            USING ERRCODE = 'datatype_mismatch',
                HINT = format('Name a text column in %s => ''...''.',
                    CASE unusable.what WHEN 'phone' THEN parameter ELSE 'region_column' END);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_types(regclass, text[], text, text) IS
    'Raises 42804 for a column whose type holds no phone, or no region';
-- The phone and the name are personal without being named. What tells rows apart, and what totals are counted from, stays.
CREATE FUNCTION customer_identity_internal.require_personal_columns(relation regclass, personal_columns text[], kept_columns text[])
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named_column text;
BEGIN
    PERFORM customer_identity_internal.require_values('personal_columns', NULLIF(personal_columns, '{}'));
    FOREACH named_column IN ARRAY COALESCE(personal_columns, '{}') LOOP
        PERFORM customer_identity_internal.require_column(relation, named_column, 'personal_columns');
        IF named_column = ANY (kept_columns) OR EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = named_column AND (a.attgenerated <> '' OR a.attidentity = 'a')
        ) THEN
            RAISE EXCEPTION 'column % of % cannot be emptied', quote_ident(named_column), relation
                USING ERRCODE = 'invalid_parameter_value',
                    DETAIL = 'Keys, customers, amounts and statuses stay when a person is erased; generated columns follow others.',
                    HINT = 'Name columns that say something about a person in personal_columns => ''{...}''.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_personal_columns(regclass, text[], text[]) IS
    'Raises 42703 or 22023 for personal columns that a table lacks or that erasing a person has to leave alone';
CREATE FUNCTION customer_identity_internal.required_region(default_region text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_limit('default_region', default_region);
    IF default_region IS NOT NULL AND customer_identity_internal.known_region(default_region) IS NULL THEN
        RAISE EXCEPTION 'default_region % is not a region', quote_literal(customer_identity_internal.shown(default_region))
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'A region is an ISO 3166 code (DE or DEU) or a calling code (+49).';
    END IF;
    RETURN customer_identity_internal.known_region(default_region);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.required_region(text) IS
    'A region as the triggers'' arguments have it, or NULL; 22023 for what is none';
-- The role that checks may differ from the one that signs users up, and its session may predate the setting.
CREATE FUNCTION customer_identity_internal.has_default_region()
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN current_setting('customer_identity.default_region') <> '' OR EXISTS (
    SELECT
    FROM pg_db_role_setting AS s
    CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
    WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
        AND c.setting LIKE E'customer\\_identity.default\\_region=_%'
);
COMMENT ON FUNCTION customer_identity_internal.has_default_region() IS
    'Whether customer_identity.default_region is set here, for the database or for any role';
CREATE FUNCTION customer_identity_internal.lacks_region(phone_columns text[], region_column text, default_region text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN phone_columns[1] IS NOT NULL AND region_column IS NULL AND default_region IS NULL
    AND NOT customer_identity_internal.has_default_region();
COMMENT ON FUNCTION customer_identity_internal.lacks_region(text[], text, text) IS
    'Whether a table has phones and nothing tells the region of national ones';
CREATE FUNCTION customer_identity_internal.notice_no_region(
    relation regclass, phone_columns text[], region_column text, default_region text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.lacks_region(phone_columns, region_column, default_region) THEN
        RAISE NOTICE 'phones in % without a country code will not be read', relation
            USING DETAIL = 'It has no region column, and there is no default region.',
                HINT = 'Attach it with default_region => ''DE'', or set customer_identity.default_region for the database.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.notice_no_region(regclass, text[], text, text) IS
    'Says so when national phones of a table will not be read';
CREATE OR REPLACE FUNCTION customer_identity_internal.require_pair(given boolean, other boolean, parameter text, other_parameter text, example text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given <> other THEN
        RAISE EXCEPTION '% and % must be given together', parameter, other_parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = format('For example: %s.', example);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_pair(boolean, boolean, text, text, text) IS
    'Raises 22023 when one of two parameters is given without the other';
-- They become arguments of triggers, which every statement reads.
CREATE FUNCTION customer_identity_internal.require_values(parameter text, given text[])
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(given) = 0 OR EXISTS (SELECT FROM unnest(given) AS g (value) WHERE g.value IS NULL) THEN
        RAISE EXCEPTION '% must name at least one value, and no NULL', parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = 'List values that the column can hold.';
    END IF;
    IF cardinality(given) > 100 OR EXISTS (SELECT FROM unnest(given) AS g (value) WHERE octet_length(g.value) > 200) THEN
        RAISE EXCEPTION '% has too many values, or too long ones', parameter
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'The maximum is 100 values of 200 bytes each.',
                HINT = 'List values that the column can hold.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_values(text, text[]) IS
    'Raises 22023 for a list without values, with NULL, of more than 100 values or with one of more than 200 bytes';
-- A row's value counts by its text: 't' is no value of a boolean, which is 'true'. An enum is looked up, for a value
-- that this transaction has added cannot be used yet.
CREATE FUNCTION customer_identity_internal.missing_values(
    relation regclass, column_name text, named_values text[], customers regclass)
    RETURNS SETOF text
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    type pg_type;
    type_name text;
    named text;
    held text;
BEGIN
    SELECT t.* INTO type
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped;
    SELECT format_type(a.atttypid, a.atttypmod) INTO type_name
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name;
    FOREACH named IN ARRAY CASE WHEN type.oid IS NULL THEN '{}' ELSE named_values END LOOP
        held := NULL;
        IF type.typtype = 'e' THEN
            SELECT e.enumlabel INTO held FROM pg_enum AS e WHERE e.enumtypid = type.oid AND e.enumlabel = named;
        ELSE
            BEGIN
                EXECUTE format('SELECT customer_identity_internal.as_text(%L::%s)', named, type_name) INTO held;
            EXCEPTION
                WHEN OTHERS THEN
                    NULL;
            END;
        END IF;
        IF held IS DISTINCT FROM named THEN
            RETURN NEXT named;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.missing_values(regclass, text, text[], regclass) IS
    'Those of some values that no row of an attached table can have in a column';
CREATE FUNCTION customer_identity_internal.possible_values(relation regclass, column_name text)
    RETURNS text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE t.typtype
        WHEN 'e' THEN (
            SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
            FROM pg_enum AS e
            WHERE e.enumtypid = t.oid
        )
        ELSE CASE t.oid WHEN 'boolean'::regtype THEN quote_literal('true') || ', ' || quote_literal('false') END
    END
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = customer_identity_internal.base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = column_name;
END;
COMMENT ON FUNCTION customer_identity_internal.possible_values(regclass, text) IS
    'What a column of an enum or a boolean can hold, or NULL';
CREATE FUNCTION customer_identity_internal.require_held(
    relation regclass, column_name text, named_values text[], parameter text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
    found_type text;
BEGIN
    IF column_name IS NULL THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_literal(m), ', ') INTO missing
    FROM customer_identity_internal.missing_values(relation, column_name, named_values, customers) AS m;
    IF missing IS NULL THEN
        RETURN;
    END IF;
    SELECT format_type(a.atttypid, a.atttypmod) INTO found_type
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name;
    RAISE EXCEPTION 'column % of % cannot hold %', quote_ident(column_name), relation, missing
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is of type %s.', found_type),
            HINT = format('Choose the values of %s => ''{...}'' from: %s.', parameter, COALESCE(
                customer_identity_internal.possible_values(relation, column_name),
                format('SELECT DISTINCT %I::text FROM %s', column_name, relation)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_held(regclass, text, text[], text, regclass) IS
    'Raises 22023 for values that a call names and a column of an attached table cannot hold';
CREATE FUNCTION customer_identity_internal.require_table(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class AS c WHERE c.oid = relation;
    IF class.oid IS NULL OR class.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', COALESCE(relation::text, 'NULL')
            USING ERRCODE = 'wrong_object_type', HINT = 'Name an ordinary or a partitioned table.';
    END IF;
    IF class.relispartition THEN
        RAISE EXCEPTION '% is a partition', relation
            USING ERRCODE = 'wrong_object_type',
                HINT = CASE
                    WHEN pg_partition_root(relation) = relation THEN 'It is being detached: ALTER TABLE ... DETACH PARTITION ... FINALIZE ends that.'
                    ELSE format('Attach %s: its partitions come along.', pg_partition_root(relation))
                END;
    END IF;
    IF class.relpersistence = 't' THEN
        RAISE EXCEPTION '% is a temporary table', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name a permanent table.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_table(regclass) IS
    'Raises 42809 for a partition, a temporary table and what is no table';
CREATE FUNCTION customer_identity_internal.require_attached_heirs(relation regclass, kind text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    heirs text;
BEGIN
    SELECT string_agg(h.heir::text, ', ' ORDER BY h.heir::text) INTO heirs
    FROM customer_identity_internal.heirs_of(relation) AS h
    WHERE NOT customer_identity_internal.has_triggers(h.heir);
    IF heirs IS NOT NULL THEN
        RAISE EXCEPTION '% has tables that inherit from it', relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = format('Rows written to them would not be seen by the triggers: %s.', heirs),
                HINT = CASE kind
                    WHEN 'users' THEN 'Use a partitioned table, or end the inheritance with ALTER TABLE ... NO INHERIT.'
                    ELSE 'Attach the child tables first, or use a partitioned table.'
                END;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_attached_heirs(regclass, text) IS
    'Raises 42809 for a table that tables without our triggers inherit from';
-- The triggers of a statement are told of the rows of the table that it names and of what inherits from it, but they are those
-- of the named table alone: proofs and earlier orders of the other one's logins would not follow. What is attached as users
-- may be of any book.
CREATE FUNCTION customer_identity_internal.users_that_inherit(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass, ancestor regclass)
    LANGUAGE sql STABLE
    SET jit = off
BEGIN ATOMIC
    SELECT h.heir, h.parent, a.ancestor
    FROM (SELECT relation UNION ALL SELECT customer_identity_internal.ancestors_of(relation)) AS a (ancestor)
    CROSS JOIN LATERAL customer_identity_internal.heirs_of(a.ancestor) AS h
    WHERE relation IN (a.ancestor, h.heir)
        AND (a.ancestor = relation OR EXISTS (SELECT FROM customer_identity_internal.setups_of(a.ancestor) AS s WHERE s.kind = 'users'))
        AND (h.heir = relation OR EXISTS (SELECT FROM customer_identity_internal.setups_of(h.heir) AS s WHERE s.kind = 'users'))
    ORDER BY h.heir::text COLLATE "C", a.ancestor::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.users_that_inherit(regclass) IS
    'The pairs of a table of users, attached or about to be, and an attached one that inherits from it or it from';
CREATE FUNCTION customer_identity_internal.refuse_users_that_inherit(users regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    pair record;
BEGIN
    SELECT u.* INTO pair FROM customer_identity_internal.users_that_inherit(users) AS u LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% inherits from %, and not both can be attached as users', pair.heir, pair.ancestor
            USING ERRCODE = 'feature_not_supported',
                DETAIL = 'A statement that names the parent changes the logins of its child tables as well, and no trigger of theirs sees to their proofs and earlier orders.',
                HINT = format('ALTER TABLE %s NO INHERIT %s; or use a partitioned table.', pair.heir, pair.parent);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_users_that_inherit(regclass) IS
    'Raises 0A000 for users that inherit from attached ones, or they from them';
-- Each of the two is read with its heirs.
CREATE FUNCTION customer_identity_internal.heirs_read_twice(relation regclass, kind text, customers regclass)
    RETURNS TABLE (heir regclass, other regclass)
    LANGUAGE sql STABLE
    SET jit = off
BEGIN ATOMIC
    SELECT h.heir, a.ancestor
    FROM (SELECT DISTINCT t.heir FROM customer_identity_internal.heirs_of(relation) AS t) AS h
    CROSS JOIN LATERAL customer_identity_internal.ancestors_of(h.heir) AS a (ancestor)
    WHERE a.ancestor <> relation
        AND NOT EXISTS (SELECT FROM customer_identity_internal.ancestors_of(relation) AS p WHERE p = a.ancestor)
        AND NOT EXISTS (SELECT FROM customer_identity_internal.heirs_of(relation) AS d WHERE d.heir = a.ancestor)
        AND EXISTS (
            SELECT
            FROM customer_identity_internal.feeding_setups(a.ancestor, customers) AS s
            WHERE s.kind = heirs_read_twice.kind)
    ORDER BY h.heir::text COLLATE "C", a.ancestor::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.heirs_read_twice(regclass, text, regclass) IS
    'The tables that inherit from a table and from another one, attached in the same way, of which neither inherits from the other';
CREATE FUNCTION customer_identity_internal.refuse_heirs_read_twice(relation regclass, kind text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    pair record;
BEGIN
    SELECT t.* INTO pair FROM customer_identity_internal.heirs_read_twice(relation, kind, customers) AS t LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% inherits from % and from %, and not both can be attached', pair.heir, relation, pair.other
            USING ERRCODE = 'feature_not_supported', DETAIL = 'Lists would have its rows twice.',
                HINT = format('ALTER TABLE %s NO INHERIT ...; or use partitioned tables.', pair.heir);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_heirs_read_twice(regclass, text, regclass) IS
    'Raises 0A000 for a table one of whose heirs would be read with another attached table as well';
-- A statement that names the parent changes its heirs' rows as well, and the parent's triggers alone are told of them.
CREATE FUNCTION customer_identity_internal.unlike_heirs(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE ancestors AS (
        SELECT relation::oid AS ancestor
        UNION
        SELECT i.inhparent
        FROM ancestors AS a
        JOIN pg_inherits AS i ON i.inhrelid = a.ancestor
    )
    SELECT h.heir, a.ancestor::regclass
    FROM ancestors AS a
    CROSS JOIN LATERAL customer_identity_internal.heirs_of(a.ancestor) AS h
    JOIN pg_trigger AS p ON p.tgrelid = a.ancestor AND p.tgname = 'customer_identity_totals_insert'
    JOIN pg_trigger AS c ON c.tgrelid = h.heir AND c.tgname = 'customer_identity_totals_insert'
    WHERE relation IN (a.ancestor, h.heir) AND p.tgargs <> c.tgargs
    ORDER BY h.heir::text COLLATE "C", a.ancestor::regclass::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.unlike_heirs(regclass) IS
    'The pairs of a table, or one that inherits from it or it from, whose orders are counted in different ways';
CREATE FUNCTION customer_identity_internal.require_like_heirs(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unlike record;
BEGIN
    SELECT u.* INTO unlike FROM customer_identity_internal.unlike_heirs(relation) AS u LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% would be counted in another way than %, from which it inherits', unlike.heir, unlike.parent
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'A statement that names the parent changes the rows of its child tables as well, and counts them as its own.',
                HINT = format('Attach both with the same customers, amount, statuses, points_per_unit and timing. To change these, detach %s first, then attach the child tables before it.', unlike.parent);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_like_heirs(regclass) IS
    'Raises 42809 for orders that are counted in another way than those they inherit from';
-- The triggers act as the owner of their table, so it is the owner who needs the rights.
CREATE OR REPLACE FUNCTION customer_identity_internal.require_rights(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner regrole;
    schema_id oid;
    needed regclass;
BEGIN
    SELECT c.relowner::regrole INTO owner FROM pg_class AS c WHERE c.oid = relation;
    SELECT c.relnamespace INTO schema_id FROM pg_class AS c WHERE c.oid = customers;
    FOR needed IN
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.oid = customers
            OR (c.relnamespace = schema_id AND c.relname = 'phone_proofs')
    LOOP
        IF NOT (has_schema_privilege(owner, schema_id, 'USAGE')
            AND has_table_privilege(owner, needed, 'SELECT')
            AND has_table_privilege(owner, needed, 'INSERT')
            AND has_table_privilege(owner, needed, 'UPDATE')) THEN
            RAISE EXCEPTION 'the owner of % may not write to %', relation, needed
                USING ERRCODE = 'insufficient_privilege',
                    DETAIL = format('The triggers act as role %s.', owner),
                    HINT = format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT, INSERT, UPDATE ON %s TO %s;',
                        schema_id::regnamespace, owner, needed, owner);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_rights(regclass, regclass) IS
    'Raises 42501 when the owner of a table may not write to the book, as its triggers would have to';
CREATE FUNCTION customer_identity_internal.require_attachable(relation regclass, kind text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_table(relation);
    PERFORM customer_identity_internal.refuse_shard(relation), customer_identity_internal.refuse_shard(customers);
    IF relation = customers THEN
        RAISE EXCEPTION '% is the customers table itself', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name the table of users or of orders.';
    END IF;
    PERFORM customer_identity_internal.require_attached_heirs(relation, kind);
    PERFORM customer_identity_internal.refuse_heirs_read_twice(relation, kind, customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.require_rights(relation, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_attachable(regclass, text, regclass) IS
    'Raises when a table cannot be attached to a book, whatever its columns are';
CREATE OR REPLACE FUNCTION customer_identity_internal.has_reference(relation regclass, column_name text, referenced regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.conrelid = relation AND k.confrelid = referenced
        AND cardinality(k.conkey) = 1 AND a.attname = column_name
);
COMMENT ON FUNCTION customer_identity_internal.has_reference(regclass, text, regclass) IS
    'Whether a column is a foreign key to a table';
-- One of several columns says what else belongs to the customer, an address, and a table whose own ids are those of customers
-- goes along with them.
CREATE FUNCTION customer_identity_internal.other_reference(relation regclass, column_name text, customers regclass)
    RETURNS pg_constraint
    LANGUAGE sql STABLE
RETURN (
    SELECT k
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
    WHERE k.contype = 'f' AND k.conrelid = relation AND k.confrelid <> customers AND a.attname = column_name
        AND NOT EXISTS (
            SELECT FROM pg_constraint AS o
            WHERE o.contype = 'f' AND o.conrelid = k.confrelid AND o.conkey = k.confkey AND o.confrelid = customers)
    ORDER BY k.conname
    LIMIT 1
);
COMMENT ON FUNCTION customer_identity_internal.other_reference(regclass, text, regclass) IS
    'The foreign key by which a column that is for customers refers to another table; NULL: there is none';
CREATE FUNCTION customer_identity_internal.require_no_other_reference(relation regclass, column_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other constant pg_constraint := customer_identity_internal.other_reference(relation, column_name, customers);
BEGIN
    IF other.oid IS NOT NULL THEN
        RAISE EXCEPTION 'column % of % refers to %', quote_ident(column_name), relation, other.confrelid::regclass
            USING ERRCODE = 'invalid_foreign_key', DETAIL = format('A customer of %s is not there.', customers),
                HINT = format('ALTER TABLE %s DROP CONSTRAINT %I; and empty the column of other ids, or name another column with customer_column => ''...''.', relation, other.conname);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_other_reference(regclass, text, regclass) IS
    'Raises 42830 for a column that is for customers and refers to another table';
-- Adds the column that holds the customer, its foreign key and its index where they are missing.
CREATE OR REPLACE FUNCTION customer_identity_internal.ensure_customer_column(relation regclass, column_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_column pg_attribute;
BEGIN
    PERFORM customer_identity_internal.require_limit('customer_column', column_name);
    IF COALESCE(column_name, '') = '' THEN
        RAISE EXCEPTION 'customer_column is not named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for customer_id; a column that is missing is added.';
    END IF;
    SELECT a.* INTO found_column
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I uuid', relation, column_name);
    ELSIF found_column.atttypid <> 'uuid'::regtype THEN
        RAISE EXCEPTION 'column % of % is not of type uuid', quote_ident(column_name), relation
            USING ERRCODE = 'datatype_mismatch',
                HINT = COALESCE(customer_identity_internal.retyping(relation, column_name, found_column.atttypid, 'uuid', '') || '; or name', 'Name')
                    || ' another column with customer_column => ''...''.';
    ELSIF found_column.attnotnull AND NOT customer_identity_internal.has_computed_ids(customers) THEN
        RAISE WARNING 'column % of % is NOT NULL: rows without a readable phone will be refused', quote_ident(column_name), relation
            USING HINT = format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', relation, column_name);
    END IF;
    PERFORM customer_identity_internal.require_no_other_reference(relation, column_name, customers);
    -- Where ids are computed, an order of nobody refers to no customer, and users are kept by ids of their own.
    IF NOT customer_identity_internal.has_reference(relation, column_name, customers)
        AND NOT customer_identity_internal.has_computed_ids(customers) THEN
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL', relation, column_name, customers);
    END IF;
    PERFORM customer_identity_internal.ensure_index(relation, column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_customer_column(regclass, text, regclass) IS
    'Adds a nullable column for the customer, its foreign key and its index where they are missing';
-- Trigger arguments from keys and values; a NULL value leaves its key out.
CREATE OR REPLACE FUNCTION customer_identity_internal.written_arguments(keys text[], argument_values text[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT string_agg(quote_literal(a.key || '=' || a.value), ', ' ORDER BY a.position)
    FROM ROWS FROM (unnest(keys), unnest(argument_values)) WITH ORDINALITY AS a (key, value, position)
    WHERE a.value IS NOT NULL
);
COMMENT ON FUNCTION customer_identity_internal.written_arguments(text[], text[]) IS
    'key=value arguments as CREATE TRIGGER takes them';
CREATE OR REPLACE FUNCTION customer_identity_internal.repeated(key text, argument_values text[])
    RETURNS text[]
    LANGUAGE sql IMMUTABLE
RETURN array_fill(key, ARRAY[COALESCE(cardinality(argument_values), 0)]);
COMMENT ON FUNCTION customer_identity_internal.repeated(text, text[]) IS
    'A key as often as there are values';
-- Row triggers are copied to the partitions. Statement triggers of a table do not fire for statements that name one.
CREATE FUNCTION customer_identity_internal.create_triggers(relation regclass, function_name text, arguments text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT t.name, t.event, p.p AS relation, t.transition_tables, t.level
        FROM customer_identity_internal.partitions_of(create_triggers.relation) AS p
        JOIN customer_identity_internal.attaching_triggers() AS t ON t.level = 'STATEMENT' OR p.p = create_triggers.relation
        WHERE t.function = to_regprocedure(format('customer_identity.%I()', function_name))
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I %s ON %s %s FOR EACH %s EXECUTE FUNCTION customer_identity.%I(%s)',
            wanted.name, wanted.event, wanted.relation, wanted.transition_tables, wanted.level, function_name, arguments);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.create_triggers(regclass, text, text) IS
    'Puts the triggers of one function on a table and its partitions, and replaces those that are there';
CREATE OR REPLACE FUNCTION customer_identity.detach(attached regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    PERFORM customer_identity_internal.refuse_shard(attached);
    FOR trigger IN
        SELECT t.attached AS relation, t.name
        FROM customer_identity_internal.partitions_of(detach.attached) AS p
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(p.p) AS t
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
    IF NOT FOUND THEN
        RAISE NOTICE 'table % is not attached', attached;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.detach(regclass) IS
    'Removes our triggers from a table; columns and data stay';
-- By their own key, or by another column that orders may be joined by.
CREATE FUNCTION customer_identity_internal.login_rows(users customer_identity.attachments, key_column text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT customer_identity_internal.as_text(u.%I) AS user_id, u.%I AS customer_id FROM %s AS u',
        key_column, users.customer_column, users.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.login_rows(customer_identity.attachments, text) IS
    'The query of the logins of a table: user_id, customer_id';
CREATE FUNCTION customer_identity_internal.logins_in(attached regclass, key_column text, customers regclass)
    RETURNS TABLE (user_id text, customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.login_rows(customer_identity_internal.attachment_of(attached), key_column);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_in(regclass, text, regclass) IS
    'The logins of a table, as text, with their customers';
-- The logins of a book with their customers, as a query of user_id and customer_id.
CREATE OR REPLACE FUNCTION customer_identity_internal.logins_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(a.attached, a.customers) THEN customer_identity_internal.login_rows(a, a.key_column)
            ELSE format('SELECT l.user_id, l.customer_id FROM customer_identity_internal.logins_in(%L::regclass, %L, %L::regclass) AS l',
                a.attached::oid, a.key_column, a.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(logins_query.customers) AS a
    WHERE a.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::text AS user_id, NULL::uuid AS customer_id WHERE false');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_query(regclass) IS
    'A query of the logins of a book: user_id, customer_id';
-- The logins that orders are joined to as u, with key and customer_id: the users table itself where it has the
-- orders' owner, else what a function tells that acts as its owner.
CREATE FUNCTION customer_identity_internal.logins_of_orders(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached.users);
BEGIN
    IF NOT customer_identity_internal.have_one_owner(attached.attached, attached.users) THEN
        RETURN format('(SELECT l.user_id AS key, l.customer_id FROM customer_identity_internal.logins_in(%L::regclass, %L, %L::regclass) AS l)',
            attached.users::oid, attached.users_key_column, users.customers::oid);
    END IF;
    RETURN format('(SELECT u.%I AS key, u.%I AS customer_id FROM %s AS u)', attached.users_key_column, users.customer_column, attached.users);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_of_orders(customer_identity.attachments) IS
    'The logins of the users table of an orders table: key, customer_id';
CREATE FUNCTION customer_identity_internal.require_user_columns(
    users regclass, phone_columns text[], verified_column text, name_column text, region_column text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF COALESCE(cardinality(phone_columns), 0) = 0 THEN
        RAISE EXCEPTION 'no phone column is named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name at least one: phone_columns => ''{phone}''.';
    END IF;
    PERFORM customer_identity_internal.require_values('phone_columns', phone_columns);
    PERFORM customer_identity_internal.require_written_column(users, p.name, 'phone_columns')
    FROM unnest(phone_columns) AS p (name);
    PERFORM customer_identity_internal.require_written_column(users, verified_column, 'verified_column');
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = users AND a.attname = verified_column AND a.atttypid <> 'boolean'::regtype;
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is not boolean', quote_ident(verified_column), users
            USING ERRCODE = 'datatype_mismatch', HINT = 'verified_column is the flag of the first phone column.';
    END IF;
    PERFORM customer_identity_internal.require_written_column(users, name_column, 'name_column');
    PERFORM customer_identity_internal.require_written_column(users, region_column, 'region_column');
    PERFORM customer_identity_internal.require_types(users, phone_columns, region_column, 'phone_columns');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_user_columns(regclass, text[], text, text, text) IS
    'Raises for columns that attach_users names and cannot use';
CREATE FUNCTION customer_identity_internal.attach_users_to(
    users regclass, phone_columns text[], verified_column text, name_column text, region_column text,
    customer_column text, default_region text, personal_columns text[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text;
BEGIN
    PERFORM customer_identity_internal.require_attachable(users, 'users', customers);
    PERFORM customer_identity_internal.refuse_users_that_inherit(users);
    PERFORM customer_identity_internal.require_users_in_one_place(users, customers);
    PERFORM customer_identity_internal.require_user_columns(users, phone_columns, verified_column, name_column, region_column);
    default_region := customer_identity_internal.required_region(default_region);

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', users);
    key := customer_identity_internal.require_key(users);
    PERFORM customer_identity_internal.require_personal_columns(users, personal_columns, ARRAY[key, customer_column]);
    PERFORM customer_identity_internal.warn_of_new_key(users, key, customers);

    PERFORM customer_identity_internal.ensure_customer_column(users, customer_column, customers);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    PERFORM customer_identity_internal.create_triggers(users, 'link_user', customer_identity_internal.written_arguments(
        ARRAY['customers', 'key'] || customer_identity_internal.repeated('phone', phone_columns)
            || '{verified,name,region,default_region,customer}'::text[] || customer_identity_internal.repeated('personal', personal_columns),
        ARRAY[customer_identity_internal.qualified_name(customers), key] || phone_columns
            || ARRAY[verified_column, name_column, region_column, default_region, customer_column] || personal_columns));
    PERFORM customer_identity_internal.notice_no_region(users, phone_columns, region_column, default_region);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_users_to(regclass, text[], text, text, text, text, text, text[], regclass) IS
    'attach_users for a book that is named';
CREATE FUNCTION customer_identity.attach_users(
    users regclass,
    phone_columns text[] DEFAULT '{phone}',
    verified_column text DEFAULT NULL,
    name_column text DEFAULT NULL,
    region_column text DEFAULT NULL,
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    personal_columns text[] DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_users_to(users, phone_columns, verified_column, name_column, region_column,
    customer_column, default_region, personal_columns, customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, text[], regclass) IS
    'Links the logins of a users table to their customers from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, text[], regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.require_timing(timing text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF timing IS NULL OR timing NOT IN ('statement', 'commit') THEN
        RAISE EXCEPTION 'timing % is not supported', quote_nullable(customer_identity_internal.shown(timing))
            USING ERRCODE = 'feature_not_supported',
                HINT = 'Use timing => ''statement'' to write totals at the end of each statement, or timing => ''commit'' at the end of the transaction.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'attach_orders needs a READ COMMITTED transaction'
            USING ERRCODE = 'invalid_transaction_state',
                DETAIL = 'Rows committed after the snapshot of this transaction would be missing from the totals.',
                HINT = 'Run the migration at the default isolation level.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_timing(text) IS
    'Raises for a timing that is not supported, and in a transaction that cannot count orders exactly';
CREATE FUNCTION customer_identity_internal.require_order_values(
    status_column text, counted_statuses text[], payment_column text, cod_values text[], points_per_unit numeric)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_pair(status_column IS NOT NULL, counted_statuses IS NOT NULL,
        'status_column', 'counted_statuses', 'status_column => ''status'', counted_statuses => ''{paid,shipped}''');
    PERFORM customer_identity_internal.require_pair(payment_column IS NOT NULL, cod_values IS NOT NULL,
        'payment_column', 'cod_values', 'payment_column => ''payment_method'', cod_values => ''{cash}''');
    PERFORM customer_identity_internal.require_values('counted_statuses', counted_statuses);
    PERFORM customer_identity_internal.require_values('cod_values', cod_values);
    IF points_per_unit IS NULL OR points_per_unit = 'NaN' OR abs(points_per_unit) > 1000000000
        OR length(points_per_unit::text) > 64 THEN
        RAISE EXCEPTION 'points_per_unit must be a number up to 1000000000'
            USING ERRCODE = 'invalid_parameter_value', HINT = '0 means that orders earn no points.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_values(text, text[], text, text[], numeric) IS
    'Raises 22023 for statuses, cash values and points that attach_orders cannot use';
CREATE FUNCTION customer_identity_internal.require_order_columns(
    orders regclass, user_column text, phone_column text, amount_column text, status_column text, payment_column text, region_column text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_column(orders, amount_column, 'amount_column');
    PERFORM customer_identity_internal.require_written_column(orders, phone_column, 'phone_column');
    PERFORM customer_identity_internal.require_written_column(orders, user_column, 'user_column');
    PERFORM customer_identity_internal.require_column(orders, status_column, 'status_column') WHERE status_column IS NOT NULL;
    PERFORM customer_identity_internal.require_written_column(orders, payment_column, 'payment_column');
    PERFORM customer_identity_internal.require_written_column(orders, region_column, 'region_column');
    PERFORM customer_identity_internal.require_types(orders, ARRAY[phone_column], region_column, 'phone_column');
    IF user_column IS NULL AND phone_column IS NULL THEN
        RAISE EXCEPTION 'table % has neither a user column nor a phone column to attach orders by', orders
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name one with user_column => ''...'' or phone_column => ''...''.';
    END IF;
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = orders AND a.attname = amount_column
        AND customer_identity_internal.base_type(a.atttypid)
            = ANY ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column % of % is not a number', quote_ident(amount_column), orders
            USING ERRCODE = 'datatype_mismatch', HINT = 'Use numeric for amounts.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_columns(regclass, text, text, text, text, text, text) IS
    'Raises for columns that attach_orders names and cannot use';
CREATE FUNCTION customer_identity_internal.users_to_join(orders regclass, users regclass, user_column text, customers regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_users regclass;
    users_setup customer_identity.attachments;
BEGIN
    IF user_column IS NULL THEN
        RETURN NULL;
    END IF;
    found_users := COALESCE(users, customer_identity_internal.users_of(orders, user_column, customers));
    SELECT s.* INTO users_setup
    FROM customer_identity_internal.feeding_setups(found_users, customers) AS s
    WHERE s.kind = 'users';
    IF users_setup.attached IS NULL AND users IS NOT NULL THEN
        RAISE EXCEPTION 'users table % is not attached to %', users, customers
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = format('SELECT customer_identity.attach_users(%L, ...) first.', users::text);
    END IF;
    IF users_setup.attached IS NULL AND found_users IS NOT NULL THEN
        RAISE NOTICE 'users table % is not attached: orders are attached by their phone only', found_users
            USING HINT = format('Call attach_users(%L, ...), then attach_orders again.', found_users::text);
    END IF;
    RETURN users_setup;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_to_join(regclass, regclass, text, regclass) IS
    'The set-up of the users table that orders are joined to, named or found; NULL: they are attached by their phone only';
CREATE FUNCTION customer_identity_internal.attach_orders_to(
    orders regclass, users regclass, user_column text, phone_column text, amount_column text, status_column text,
    counted_statuses text[], points_per_unit numeric, payment_column text, cod_values text[], region_column text, timing text,
    customer_column text, default_region text, personal_columns text[], count_existing boolean, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users_setup customer_identity.attachments;
    users_key text;
BEGIN
    PERFORM customer_identity_internal.require_timing(timing);
    PERFORM customer_identity_internal.require_attachable(orders, 'orders', customers);
    PERFORM customer_identity_internal.require_order_values(status_column, counted_statuses, payment_column, cod_values, points_per_unit);
    user_column := customer_identity_internal.optional_column(orders, user_column, 'user_column', 'user_id');
    phone_column := customer_identity_internal.optional_column(orders, phone_column, 'phone_column', 'phone');
    PERFORM customer_identity_internal.require_order_columns(
        orders, user_column, phone_column, amount_column, status_column, payment_column, region_column);
    PERFORM customer_identity_internal.require_personal_columns(orders, personal_columns,
        ARRAY[user_column, amount_column, status_column, payment_column, customer_column] || customer_identity_internal.primary_key_columns(orders));
    default_region := customer_identity_internal.required_region(default_region);

    users_setup := customer_identity_internal.users_to_join(orders, users, user_column, customers);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', orders);
    IF users_setup.attached IS NOT NULL THEN
        users_key := customer_identity_internal.users_key_of(orders, user_column, users_setup.attached);
    END IF;

    PERFORM customer_identity_internal.ensure_customer_column(orders, customer_column, customers);
    -- For a user who gets a phone (earlier orders are attached), and for one who is deleted.
    PERFORM customer_identity_internal.ensure_index(orders, user_column)
    WHERE customer_identity_internal.comparable_type(orders, user_column)
        = customer_identity_internal.comparable_type(users_setup.attached, users_key);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    PERFORM customer_identity_internal.create_triggers(orders, 'attach_order', customer_identity_internal.written_arguments(
        '{customers,users,users_key,users_customer,user,phone,region,default_region,payment}'::text[]
            || customer_identity_internal.repeated('cod', cod_values) || '{customer}'::text[]
            || customer_identity_internal.repeated('personal', personal_columns),
        ARRAY[customer_identity_internal.qualified_name(customers), customer_identity_internal.qualified_name(users_setup.attached),
            users_key, users_setup.customer_column, user_column, phone_column, region_column, default_region, payment_column]
            || COALESCE(cod_values, '{}') || ARRAY[customer_column] || personal_columns));
    PERFORM customer_identity_internal.create_triggers(orders, 'maintain_totals', customer_identity_internal.written_arguments(
        '{customers,customer,amount,status,points_per_unit,timing}'::text[]
            || customer_identity_internal.repeated('counted', counted_statuses),
        ARRAY[customer_identity_internal.qualified_name(customers), customer_column, amount_column, status_column,
            points_per_unit::text, NULLIF(timing, 'statement')]
            || COALESCE(counted_statuses, '{}')));
    PERFORM customer_identity_internal.require_like_heirs(orders);
    -- Until the lock was there a value could be renamed; until the triggers were, nobody may act as the table's owner.
    PERFORM customer_identity_internal.require_held(orders, status_column, counted_statuses, 'counted_statuses', customers);
    PERFORM customer_identity_internal.require_held(orders, payment_column, cod_values, 'cod_values', customers);
    PERFORM customer_identity_internal.notice_no_region(orders, ARRAY[phone_column], region_column, default_region);
    PERFORM customer_identity.flush_totals(customers);
    IF NOT count_existing THEN
        RAISE NOTICE 'the orders that % has had so far are not in the totals', orders
            USING HINT = format('CALL customer_identity.recount_totals(customers => %L); adds them.', customers::text);
        RETURN;
    END IF;
    PERFORM customer_identity_internal.rebuild_book(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass) IS
    'attach_orders for a book that is named';
CREATE FUNCTION customer_identity.attach_orders(
    orders regclass,
    users regclass DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    phone_column text DEFAULT 'phone',
    amount_column text DEFAULT 'total',
    status_column text DEFAULT NULL,
    counted_statuses text[] DEFAULT NULL,
    points_per_unit numeric DEFAULT 1,
    payment_column text DEFAULT NULL,
    cod_values text[] DEFAULT NULL,
    region_column text DEFAULT NULL,
    timing text DEFAULT 'statement',
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    personal_columns text[] DEFAULT NULL,
    count_existing boolean DEFAULT true,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_orders_to(orders, users, user_column, phone_column, amount_column, status_column,
    counted_statuses, points_per_unit, payment_column, cod_values, region_column, timing,
    customer_column, default_region, personal_columns, COALESCE(count_existing, true), customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass) IS
    'Attaches the orders of a table to their customers and keeps totals from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass) FROM PUBLIC;
-- Citus copies the rows of each table into its shard, whereupon triggers would fire that find no other table there.
CREATE FUNCTION customer_identity_internal.triggers_in(schema_name text)
    RETURNS TABLE (relation regclass, name name, definition text, state text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.tgrelid::regclass, t.tgname, pg_get_triggerdef(t.oid),
        CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END
    FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE c.relnamespace = to_regnamespace(quote_ident(schema_name))
        AND p.pronamespace IN ('customer_identity'::regnamespace, 'customer_identity_internal'::regnamespace)
        AND NOT t.tgisinternal AND t.tgparentid = 0;
END;
COMMENT ON FUNCTION customer_identity_internal.triggers_in(text) IS
    'The triggers of ours on the tables of a schema, the statements that make them, and how they are enabled, unless as any';
CREATE FUNCTION customer_identity_internal.require_distributable(schema_name text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    outside text;
BEGIN
    PERFORM customer_identity_internal.require_limit('schema_name', schema_name);
    IF schema_name IS NULL OR to_regnamespace(quote_ident(schema_name)) IS NULL THEN
        RAISE EXCEPTION 'there is no such schema'
            USING ERRCODE = 'invalid_schema_name', DETAIL = format('Schema: %s.', COALESCE(quote_ident(schema_name), 'NULL')),
                HINT = 'Name the schema of a book: distribute_schema(''shop'').';
    END IF;
    IF NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = schema_name) THEN
        RAISE EXCEPTION 'must be owner of schema %', quote_ident(schema_name)
            USING ERRCODE = 'insufficient_privilege', HINT = 'Its owner, or a superuser, distributes it.';
    END IF;
    IF to_regclass('pg_catalog.pg_dist_schema') IS NULL THEN
        RAISE EXCEPTION 'the database has no Citus that distributes schemas'
            USING ERRCODE = 'feature_not_supported', HINT = 'Citus 12 or later: CREATE EXTENSION citus;';
    END IF;
    IF current_setting('citus.enable_unsafe_triggers', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'Citus does not let distributed tables have triggers'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'On every node: ALTER SYSTEM SET citus.enable_unsafe_triggers = on; SELECT pg_reload_conf();';
    END IF;
    SELECT string_agg(a.attached::text, ', ' ORDER BY a.attached::text) INTO outside
    FROM customer_identity.attachments AS a
    JOIN pg_class AS b ON b.oid = a.customers
    JOIN pg_class AS t ON t.oid = a.attached
    WHERE to_regnamespace(quote_ident(schema_name)) IN (b.relnamespace, t.relnamespace) AND b.relnamespace <> t.relnamespace;
    IF outside IS NOT NULL THEN
        RAISE EXCEPTION 'attached tables and their book are in different schemas'
            USING ERRCODE = 'CI008', DETAIL = format('Tables: %s.', outside),
                HINT = 'ALTER TABLE ... SET SCHEMA brings them together: what is in one schema is on one node.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_distributable(text) IS
    'Raises when a schema cannot be distributed with its triggers';
CREATE FUNCTION customer_identity.distribute_schema(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
    statements text[] := '{}';
    statement text;
BEGIN
    PERFORM customer_identity_internal.require_distributable(schema_name);
    IF customer_identity_internal.is_distributed_schema(schema_name) THEN
        RAISE NOTICE 'schema % is distributed already', quote_ident(schema_name);
        RETURN;
    END IF;
    FOR trigger IN SELECT t.* FROM customer_identity_internal.triggers_in(schema_name) AS t LOOP
        statements := statements || trigger.definition
            || CASE WHEN trigger.state IS NOT NULL THEN ARRAY[format('ALTER TABLE %s %s TRIGGER %I', trigger.relation, trigger.state, trigger.name)] END;
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
    EXECUTE 'SELECT pg_catalog.citus_schema_distribute(quote_ident($1)::regnamespace)' USING schema_name;
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.distribute_schema(text) IS
    'Distributes a schema by Citus, with the rows and the triggers of its book and of what is attached to it';
REVOKE EXECUTE ON FUNCTION customer_identity.distribute_schema(text) FROM PUBLIC;
-- The phones of a row in order of trust: a VALUES list (n, raw).
CREATE OR REPLACE FUNCTION customer_identity_internal.claims_query(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT COALESCE(string_agg(format('SELECT %s, customer_identity_internal.as_text(r.%I)', p.position, p.name), ' UNION ALL ' ORDER BY p.position), 'SELECT 1, NULL::text')
    FROM unnest(attached.phone_columns) WITH ORDINALITY AS p (name, position)
);
COMMENT ON FUNCTION customer_identity_internal.claims_query(customer_identity.attachments) IS
    'The query of the phones of row r with their places in the order of trust';
CREATE OR REPLACE FUNCTION customer_identity_internal.region_expression(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN attached.region_column IS NULL THEN format('%L::text', attached.default_region)
    WHEN attached.default_region IS NULL THEN format('customer_identity_internal.as_text(r.%I)', attached.region_column)
    ELSE format('customer_identity_internal.region_or_default(customer_identity_internal.as_text(r.%I), %L)',
        attached.region_column, attached.default_region)
END;
COMMENT ON FUNCTION customer_identity_internal.region_expression(customer_identity.attachments) IS
    'The region of row r, or that of its table';
CREATE FUNCTION customer_identity_internal.claim_expression(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format(
    '(SELECT p.phone FROM (%s) AS c (n, raw) CROSS JOIN LATERAL customer_identity_internal.claimed_phone(c.raw, %s) AS p (phone)'
    ' WHERE p.phone IS NOT NULL AND NOT customer_identity_internal.names_nobody(p.phone, %L::regclass) ORDER BY c.n LIMIT 1)',
    customer_identity_internal.claims_query(attached), customer_identity_internal.region_expression(attached),
    attached.customers::oid);
COMMENT ON FUNCTION customer_identity_internal.claim_expression(customer_identity.attachments) IS
    'The phone by which row r names somebody: the first that can be read and is not nobody''s';
-- Compares texts of two collations as a foreign key does.
CREATE FUNCTION customer_identity_internal.collation_of_users(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE((
        SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
        FROM pg_attribute AS o
        JOIN pg_attribute AS u ON u.attrelid = orders.users AND u.attname = orders.users_key_column
        JOIN pg_collation AS c ON c.oid = u.attcollation
        JOIN pg_namespace AS n ON n.oid = c.collnamespace
        WHERE o.attrelid = orders.attached AND o.attname = orders.user_column
            AND o.attcollation <> 0 AND o.attcollation <> u.attcollation
    ), '');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.collation_of_users(customer_identity.attachments) IS
    'The COLLATE clause that an orders table''s user column needs beside the column of users that it refers to';
-- The condition that joins row r of an orders table to its login u, so that an index of either can serve where
-- the types allow it.
CREATE OR REPLACE FUNCTION customer_identity_internal.user_condition(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key_type text := customer_identity_internal.comparable_type(attached.users, attached.users_key_column);
    type regtype := customer_identity_internal.column_type(attached.attached, attached.user_column);
BEGIN
    IF customer_identity_internal.have_one_owner(attached.attached, attached.users)
        AND key_type = customer_identity_internal.comparable_type(attached.attached, attached.user_column) THEN
        RETURN format('u.key %s r.%I%s',
            CASE WHEN type = customer_identity_internal.column_type(attached.users, attached.users_key_column)
                THEN customer_identity_internal.equality_of(type) ELSE '=' END,
            attached.user_column, customer_identity_internal.collation_of_users(attached));
    END IF;
    RETURN format('u.key::text = r.%I::text', attached.user_column);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_condition(customer_identity.attachments) IS
    'The condition that joins an order r to its login u';
-- With its caller's rights on customers; the caller is the owner of the book, as in the triggers.
CREATE FUNCTION customer_identity_internal.claim_customer(phone text, preferred_name text, customers regclass)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'claim_customer';
COMMENT ON FUNCTION customer_identity_internal.claim_customer(text, text, regclass) IS
    'The customer of an E.164 phone that a row of an attached table claims, made if there is none yet';
-- Whether the phone names nobody need not be asked twice: claim_customer() gives no customer then, and another phone is
-- looked at only where there are several.
CREATE FUNCTION customer_identity_internal.unlinked_claim_expression(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE cardinality(attached.phone_columns)
    WHEN 1 THEN format('customer_identity_internal.claimed_phone(customer_identity_internal.as_text(r.%I), %s)',
        attached.phone_columns[1], customer_identity_internal.region_expression(attached))
    ELSE customer_identity_internal.claim_expression(attached)
END;
COMMENT ON FUNCTION customer_identity_internal.unlinked_claim_expression(customer_identity.attachments) IS
    'The phone by which row r may get a customer';
-- One row of arrays in the order of the rows' places: these, and of each row its customer or else its phone, and its name; and
-- how many have a phone.
-- OFFSET 0 reads each phone once: a condition that is moved inside would read it for itself.
CREATE FUNCTION customer_identity_internal.unlinked_rows_query(attached customer_identity.attachments, relation regclass, pages text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    has_logins boolean := customer_identity_internal.has_logins(attached);
BEGIN
    RETURN format($sql$
        SELECT array_agg(t.place), array_agg(t.customer), array_agg(t.phone), array_agg(t.name), count(t.phone)
        FROM (
            SELECT r.ctid AS place, %1$s AS customer, %2$s AS name,
                CASE WHEN %1$s IS NULL THEN %3$s END AS phone
            FROM ONLY %4$s AS r
            %5$s
            WHERE %6$s AND %7$s
            ORDER BY r.ctid
            OFFSET 0
        ) AS t
        WHERE num_nonnulls(t.customer, t.phone) > 0
        $sql$,
        CASE WHEN has_logins THEN 'u.customer_id' ELSE 'NULL::uuid' END,
        CASE WHEN attached.name_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', attached.name_column) END,
        customer_identity_internal.unlinked_claim_expression(attached), relation,
        CASE WHEN has_logins THEN format('LEFT JOIN %s AS u ON %s',
            customer_identity_internal.logins_of_orders(attached), customer_identity_internal.user_condition(attached)) END,
        pages, customer_identity_internal.is_known(attached));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlinked_rows_query(customer_identity.attachments, regclass, text) IS
    'A query for the rows r in some pages of a table that have no customer and can be given one';
CREATE FUNCTION customer_identity_internal.unlinked_rows(
    attached customer_identity.attachments, relation regclass, pages text,
    OUT places tid[], OUT found_customers uuid[], OUT phones text[], OUT names text[], OUT claims bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE customer_identity_internal.unlinked_rows_query(attached, relation, pages)
        INTO places, found_customers, phones, names, claims;
    places := COALESCE(places, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlinked_rows(customer_identity.attachments, regclass, text) IS
    'The rows in some pages of a table that have no customer and can be given one';
CREATE FUNCTION customer_identity_internal.claims_among(phones text[], names text[])
    RETURNS TABLE (phone text, name text, positions bigint[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.phone, (array_agg(r.name ORDER BY r.n))[1], array_agg(r.n)
    FROM unnest(phones, names) WITH ORDINALITY AS r (phone, name, n)
    WHERE r.phone IS NOT NULL
    GROUP BY r.phone
    ORDER BY r.phone;
END;
COMMENT ON FUNCTION customer_identity_internal.claims_among(text[], text[]) IS
    'Each phone once, in order, with its first name and where it stands';
-- In an array that could hold a NULL, finding an element takes as long as the array is.
CREATE FUNCTION customer_identity_internal.known_places(INOUT places tid[], INOUT found_customers uuid[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT COALESCE(array_agg(p.place), '{}'), array_agg(p.customer)
    FROM (
        SELECT u.place, u.customer
        FROM unnest(places, found_customers) WITH ORDINALITY AS u (place, customer, n)
        WHERE u.customer IS NOT NULL
        ORDER BY u.n
    ) AS p;
END;
COMMENT ON FUNCTION customer_identity_internal.known_places(tid[], uuid[]) IS
    'The places of rows whose customer was found, and their customers';
CREATE FUNCTION customer_identity_internal.link_statement(attached customer_identity.attachments, relation regclass, pages text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN format('UPDATE ONLY %s AS r SET %I = ($2)[pg_catalog.width_bucket(r.ctid, $1)]'
    ' WHERE %s AND ($1)[pg_catalog.width_bucket(r.ctid, $1)] OPERATOR(pg_catalog.=) r.ctid',
    relation, attached.customer_column, pages);
COMMENT ON FUNCTION customer_identity_internal.link_statement(customer_identity.attachments, regclass, text) IS
    'The UPDATE that gives the rows at some places their customers';
-- Links the rows in some pages of one table that have no customer and a readable phone (an order: or
-- a user with a customer). Phones are taken in order, so that two of these rarely wait for each other.
-- Nothing depends on statistics, which a column that was just added has none of: no rows of ours are joined to others,
-- and num_nulls() hides the index that holds every row without a customer. A row that is written to meanwhile is at
-- another place.
-- The application's triggers fire here, and find its tables by the caller's search_path, as in any UPDATE of his: it is
-- not pinned, every name is qualified, and there is no operator.
CREATE FUNCTION customer_identity_internal.backfill_pages(
    relation regclass, first_page bigint, end_page bigint, customers regclass, OUT linked bigint, OUT missed bigint)
    LANGUAGE customer_identity_as_table_owner VOLATILE
AS $$
DECLARE
    attached customer_identity.attachments := customer_identity_internal.attachment_of(relation);
    pages pg_catalog.text := pg_catalog.format(
        'pg_catalog.num_nulls(r.%I) OPERATOR(pg_catalog.=) 1'
        ' AND r.ctid OPERATOR(pg_catalog.>=) ''(%s,0)''::pg_catalog.tid AND r.ctid OPERATOR(pg_catalog.<) ''(%s,0)''::pg_catalog.tid',
        attached.customer_column, first_page, end_page);
    found record;
    found_customers pg_catalog.uuid[];
    claim record;
    claimed pg_catalog.uuid;
    place pg_catalog.int8;
BEGIN
    SELECT r.* INTO found FROM customer_identity_internal.unlinked_rows(attached, relation, pages) AS r;
    IF pg_catalog.int8gt(found.claims, 0) THEN
        found_customers := found.found_customers;
        FOR claim IN SELECT c.* FROM customer_identity_internal.claims_among(found.phones, found.names) AS c LOOP
            claimed := customer_identity_internal.claim_customer(claim.phone, claim.name, attached.customers);
            FOREACH place IN ARRAY claim.positions LOOP
                found_customers[place] := claimed;
            END LOOP;
        END LOOP;
        SELECT k.* INTO found FROM customer_identity_internal.known_places(found.places, found_customers) AS k;
    END IF;
    EXECUTE customer_identity_internal.link_statement(attached, relation, pages) USING found.places, found.found_customers;
    GET DIAGNOSTICS linked = ROW_COUNT;
    missed := pg_catalog.int8mi(pg_catalog.int8(pg_catalog.cardinality(found.places)), linked);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.backfill_pages(regclass, bigint, bigint, regclass) IS
    'Links the rows in some pages of a table that have no customer yet; how many, and how many others changed meanwhile';
-- What bears the name of a distributed table is empty.
CREATE FUNCTION customer_identity_internal.size_of_rows(relation regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bytes bigint;
BEGIN
    IF NOT customer_identity_internal.is_distributed(relation) THEN
        RETURN pg_relation_size(relation);
    END IF;
    EXECUTE 'SELECT citus_relation_size($1)' INTO bytes USING relation;
    RETURN bytes;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.size_of_rows(regclass) IS
    'How many bytes the rows of a table take, on whichever node they are';
-- The batches of a backfill: runs of pages that hold about batch_size rows. The last run of a table is
-- open-ended, for rows that move while it goes on.
CREATE FUNCTION customer_identity_internal.backfill_steps(attached regclass, batch_size integer)
    RETURNS TABLE (relation regclass, first_page bigint, end_page bigint, customers regclass, rows_done bigint, rows_in_all bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup customer_identity.attachments;
BEGIN
    IF batch_size IS NULL OR batch_size < 1 THEN
        RAISE EXCEPTION 'batch_size must be at least 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = '10000 is the default.';
    END IF;
    SELECT a.* INTO setup FROM customer_identity_internal.attachment_of(attached) AS a;
    customers := setup.customers;
    IF setup.kind = 'orders' THEN
        PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a backfill of orders',
            format('UPDATE %s SET %I = customer_identity.customer_id_of(...) WHERE %2$I IS NULL; makes the customers as well.', attached, setup.customer_column));
    END IF;
    RETURN QUERY
    WITH leaves AS (
        SELECT c.oid AS leaf,
            GREATEST(1, customer_identity_internal.size_of_rows(c.oid) / current_setting('block_size')::bigint) AS pages,
            GREATEST(1, CASE WHEN c.relpages > 0 THEN c.reltuples / c.relpages ELSE 50 END) AS rows_per_page
        FROM customer_identity_internal.partitions_of(attached) AS p
        JOIN pg_class AS c ON c.oid = p.p
        WHERE c.relkind = 'r'
    ),
    sized AS (
        SELECT l.*, GREATEST(1, floor(LEAST(batch_size, 1000000) / l.rows_per_page)::bigint) AS pages_per_step FROM leaves AS l
    ),
    steps AS (
        SELECT s.*, g.page
        FROM sized AS s
        CROSS JOIN LATERAL generate_series(0, s.pages - 1, s.pages_per_step) AS g (page)
    )
    SELECT
        s.leaf::regclass,
        s.page,
        CASE WHEN s.page + s.pages_per_step >= s.pages THEN 4294967295 ELSE s.page + s.pages_per_step END,
        backfill_steps.customers,
        (sum(LEAST(s.pages_per_step, s.pages - s.page) * s.rows_per_page) OVER (ORDER BY s.leaf, s.page))::bigint,
        (sum(LEAST(s.pages_per_step, s.pages - s.page) * s.rows_per_page) OVER ())::bigint
    FROM steps AS s
    ORDER BY s.leaf, s.page;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.backfill_steps(regclass, integer) IS
    'The batches in which backfill() goes through a table';
CREATE OR REPLACE FUNCTION customer_identity_internal.backfill_progress(attached regclass, linked bigint, rows_done bigint, rows_in_all bigint, started timestamptz)
    RETURNS text
    LANGUAGE sql VOLATILE
RETURN (
    SELECT format('backfill of %s: %s rows linked, %s %% of about %s rows, %s rows/s, %s s left',
        attached, linked, LEAST(100, 100 * rows_done / GREATEST(1, rows_in_all)), rows_in_all,
        (rows_done / p.seconds)::bigint, ((rows_in_all - rows_done) * p.seconds / GREATEST(1, rows_done))::bigint)
    FROM (SELECT GREATEST(0.001, extract(epoch FROM clock_timestamp() - started)) AS seconds) AS p
);
COMMENT ON FUNCTION customer_identity_internal.backfill_progress(regclass, bigint, bigint, bigint, timestamptz) IS
    'The NOTICE of a backfill';
-- What is read of logins stays true until the batch has used it: nobody writes their table anew, and no merge, split or undoing
-- comes between.
CREATE FUNCTION customer_identity_internal.hold_for_backfill(relation regclass, attached regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    PERFORM customer_identity_internal.hold_table(attached, false);
    PERFORM customer_identity_internal.hold_table(relation);
    PERFORM customer_identity_internal.hold_table(setup.users) WHERE customer_identity_internal.has_logins(setup);
    PERFORM pg_advisory_xact_lock_shared(customer_identity_internal.turn_of(setup.customers));
    RETURN relation = attached OR COALESCE(pg_partition_root(relation) = attached, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_backfill(regclass, regclass) IS
    'Holds until the transaction ends what a batch of a backfill reads. False: the partition has left its table';
-- A procedure that commits cannot pin search_path: every name is qualified, and there is no operator. An UPDATE or VACUUM FULL
-- of others may move rows to where the backfill has been: it goes through the table until there is nothing to do.
CREATE OR REPLACE PROCEDURE customer_identity.backfill(attached regclass, batch_size integer DEFAULT 10000)
    LANGUAGE plpgsql
AS $$
DECLARE
    maximum_passes constant pg_catalog.int4 := 10;
    started pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    linked pg_catalog.int8 := 0;
    found_rows pg_catalog.int8;
    step record;
    batch record;
BEGIN
    FOR pass IN 1..maximum_passes LOOP
        found_rows := 0;
        FOR step IN SELECT s.* FROM customer_identity_internal.backfill_steps(attached, batch_size) AS s LOOP
            CONTINUE WHEN NOT customer_identity_internal.hold_for_backfill(step.relation, attached);
            SELECT b.* INTO batch
            FROM customer_identity_internal.backfill_pages(step.relation, step.first_page, step.end_page, step.customers) AS b;
            linked := pg_catalog.int8pl(linked, batch.linked);
            found_rows := pg_catalog.int8pl(found_rows, pg_catalog.int8pl(batch.linked, batch.missed));
            COMMIT;
            CONTINUE WHEN pg_catalog.int4gt(pass, 1) AND pg_catalog.int8eq(batch.linked, 0);
            RAISE NOTICE '%', customer_identity_internal.backfill_progress(attached, linked, step.rows_done, step.rows_in_all, started);
        END LOOP;
        EXIT WHEN pg_catalog.int8eq(found_rows, 0);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE customer_identity.backfill(regclass, integer) IS
    'Links the rows that existed before a table was attached, with a commit after each batch. Call it again to continue after an interruption';
CREATE OR REPLACE FUNCTION customer_identity_internal.row_key(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (
        SELECT format('concat_ws('','', %s)', string_agg(format('r.%I', a.attname), ', ' ORDER BY k.position))
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = relation AND i.indisprimary
        HAVING count(*) > 0
    ),
    'r.ctid::text'
);
COMMENT ON FUNCTION customer_identity_internal.row_key(regclass) IS
    'An expression for the primary key of row r as text';
CREATE FUNCTION customer_identity_internal.has_no_customer(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format(
    CASE
        WHEN NOT customer_identity_internal.has_computed_ids(attached.customers) THEN 'r.%1$I IS NULL'
        WHEN customer_identity_internal.is_spread(attached.attached) THEN 'r.%1$I = %2$L'
        ELSE '(r.%1$I IS NULL OR r.%1$I = %2$L)'
    END,
    attached.customer_column, customer_identity_internal.nobody());
COMMENT ON FUNCTION customer_identity_internal.has_no_customer(customer_identity.attachments) IS
    'The condition that row r of an attached table has no customer; where rows are placed by the customer, those have one place';
CREATE FUNCTION customer_identity_internal.require_max_rows(max_rows integer)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows is negative'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass how many rows you want at most, or NULL for all of them.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_max_rows(integer) IS
    'Raises 22023 for a number of rows below zero';
CREATE FUNCTION customer_identity_internal.phone_problems_in(attached regclass, max_rows integer, customers regclass)
    RETURNS TABLE (key text, phone text, reason text, suggestion text, remark text)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
DECLARE
    setup customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    PERFORM customer_identity_internal.require_max_rows(max_rows);
    RETURN QUERY EXECUTE format($sql$
        SELECT %1$s, c.raw, p.reason,
            CASE WHEN p.reason <> 'names_nobody' THEN customer_identity_internal.suggested_phone(c.raw, %4$s) END,
            customer_identity_internal.phone_remark(c.raw)
        FROM %2$s AS r
        CROSS JOIN LATERAL (%3$s) AS c (n, raw)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN customer_identity_internal.names_nobody(customer_identity_internal.claimed_phone(c.raw, %4$s), $2) THEN 'names_nobody'
                ELSE customer_identity_internal.claim_problem(c.raw, %4$s)
            END
        ) AS p (reason)
        WHERE %5$s AND c.raw IS NOT NULL AND p.reason <> 'ok'
        LIMIT $1
        $sql$,
        customer_identity_internal.row_key(attached), attached, customer_identity_internal.claims_query(setup),
        customer_identity_internal.region_expression(setup), customer_identity_internal.has_no_customer(setup))
        USING max_rows, customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phone_problems_in(regclass, integer, regclass) IS
    'phone_problems of a table that is attached to a book';
CREATE FUNCTION customer_identity.phone_problems(attached regclass, max_rows integer DEFAULT 1000)
    RETURNS TABLE (key text, phone text, reason text, suggestion text, remark text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.*
    FROM customer_identity_internal.attachment_of(attached) AS a
    CROSS JOIN LATERAL customer_identity_internal.phone_problems_in(attached, max_rows, a.customers) AS p;
END;
COMMENT ON FUNCTION customer_identity.phone_problems(regclass, integer) IS
    'The unlinked rows of an attached table whose phone cannot be read or names nobody: key, phone as typed, reason, what may be meant, and what else it is';
CREATE FUNCTION customer_identity_internal.plan_changes_in(max_rows integer, after uuid, customers regclass)
    RETURNS TABLE (customer_id uuid, phone text, reads_as text, reason text)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
BEGIN
    PERFORM customer_identity_internal.require_max_rows(max_rows);
    RETURN QUERY EXECUTE format($sql$
        SELECT c.id, c.phone::text, r.phone, customer_identity_internal.claim_problem(c.phone::text, NULL)
        FROM %s AS c
        CROSS JOIN LATERAL (SELECT customer_identity_internal.claimed_phone(c.phone::text, NULL)) AS r (phone)
        WHERE r.phone IS DISTINCT FROM c.phone::text AND ($2 IS NULL OR c.id > $2)
        ORDER BY c.id
        LIMIT $1
        $sql$, customers)
        USING max_rows, after;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.plan_changes_in(integer, uuid, regclass) IS
    'plan_changes of a book that is named';
CREATE FUNCTION customer_identity.plan_changes(customers regclass DEFAULT NULL, max_rows integer DEFAULT 1000, after uuid DEFAULT NULL)
    RETURNS TABLE (customer_id uuid, phone text, reads_as text, reason text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.*
    FROM customer_identity_internal.plan_changes_in(max_rows, after, customer_identity_internal.book(customers)) AS c;
END;
COMMENT ON FUNCTION customer_identity.plan_changes(regclass, integer, uuid) IS
    'Customers whose number reads differently under the numbering plans in force: what it read as, what it reads as now (NULL: nothing) and why. In the order of ids; the next page is after the last one';
CREATE OR REPLACE FUNCTION customer_identity.customer_stats(since timestamptz DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 1000000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    stats jsonb;
BEGIN
    EXECUTE format($sql$
        WITH days AS (
            SELECT c.created_at::date AS day,
                count(*) AS customers,
                sum(l.users) AS users_linked,
                count(*) FILTER (WHERE l.users > 1) AS shared,
                count(*) FILTER (WHERE l.users IS NULL) AS guests,
                count(*) FILTER (WHERE l.users IS NULL AND c.total_orders > 1) AS guests_returned,
                count(*) FILTER (WHERE c.is_phone_verified) AS verified,
                count(*) FILTER (WHERE c.total_orders > 0) AS buyers,
                count(*) FILTER (WHERE c.total_orders > 1) AS repeat_buyers
            FROM %2$s AS c
            LEFT JOIN (SELECT l.customer_id, count(*) AS users FROM (%1$s) AS l GROUP BY l.customer_id) AS l ON l.customer_id = c.id
            WHERE ($1 IS NULL OR c.created_at >= $1) AND %3$s
            GROUP BY c.created_at::date
        ),
        counted AS (
            SELECT COALESCE(sum(d.customers), 0) AS customers,
                COALESCE(sum(d.users_linked), 0) AS users_linked,
                COALESCE(sum(d.shared), 0) AS shared,
                COALESCE(sum(d.guests), 0) AS guests,
                COALESCE(sum(d.guests_returned), 0) AS guests_returned,
                COALESCE(sum(d.verified), 0) AS verified,
                COALESCE(sum(d.buyers), 0) AS buyers,
                COALESCE(sum(d.repeat_buyers), 0) AS repeat_buyers,
                jsonb_agg(jsonb_build_object('day', d.day, 'customers', d.customers) ORDER BY d.day) AS new_customers
            FROM days AS d
        )
        SELECT jsonb_build_object(
            'since', $1,
            'customers', c.customers,
            'users', c.users_linked + (SELECT count(*) FROM (%1$s) AS l WHERE l.customer_id IS NULL),
            'users_linked', c.users_linked,
            'shared', c.shared,
            'guests', c.guests,
            'guests_returned', c.guests_returned,
            'verified', c.verified,
            'verified_share', round(c.verified / NULLIF(c.customers, 0), 4),
            'buyers', c.buyers,
            'repeat_buyers', c.repeat_buyers,
            'repeat_rate', round(c.repeat_buyers / NULLIF(c.buyers, 0), 4),
            'new_customers', COALESCE(c.new_customers, '[]'))
        FROM counted AS c
        $sql$, customer_identity_internal.logins_query(customers), customers, customer_identity_internal.is_somebody(customers))
        INTO stats
        USING since;
    RETURN stats;
END
$$;
COMMENT ON FUNCTION customer_identity.customer_stats(timestamptz, regclass) IS
    'Figures about the customers created since a time: people and logins, returning guests, share verified, repeat rate, new people per day';
-- Each of the signal queries yields customer_id and evidence. Those about logins leave households out: many logins of
-- one phone are nothing strange there.
CREATE FUNCTION customer_identity_internal.shared_customers(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_companion(customers, 'phone_rules') THEN
        RETURN 'SELECT NULL::uuid AS id WHERE false';
    END IF;
    RETURN format('SELECT c.id FROM %1$s AS r JOIN %2$s AS c ON c.phone = r.phone WHERE r.rule = ''shared'''
        ' UNION ALL SELECT p.id FROM %1$s AS r JOIN (%3$s) AS p ON p.phone = r.phone WHERE r.rule = ''shared''',
        customer_identity_internal.companion_of(customers, 'phone_rules'), customers, customer_identity_internal.further_phones(customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.shared_customers(regclass) IS
    'The query of the customers who have a phone that is shared, by rule';
CREATE OR REPLACE FUNCTION customer_identity_internal.many_logins_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format($sql$
    SELECT l.customer_id, jsonb_build_object('users', count(*)) AS evidence
    FROM (%s) AS l
    WHERE l.customer_id IS NOT NULL
    GROUP BY l.customer_id
    HAVING count(*) >= %s
    $sql$, customer_identity_internal.logins_query(customers), threshold);
COMMENT ON FUNCTION customer_identity_internal.many_logins_query(regclass, integer) IS
    'The customers with many logins';
-- Few customers have so many logins at all. As an array they are looked up: the planner would expect a third of all.
CREATE OR REPLACE FUNCTION customer_identity_internal.unproved_claims_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format($sql$
    SELECT c.customer_id,
        jsonb_build_object('unproved', count(*) FILTER (WHERE NOT c.proved), 'proved', count(*) FILTER (WHERE c.proved)) AS evidence
    FROM (
        SELECT k.id AS customer_id,
            EXISTS (
                SELECT FROM %3$s AS p
                WHERE p.customer_id = k.id AND p.user_id = l.user_id AND p.ended_at IS NULL
            ) AS proved
        FROM %2$s AS k
        JOIN (%1$s) AS l ON l.customer_id = k.id
        WHERE k.is_phone_verified AND k.id = ANY (ARRAY(SELECT m.customer_id FROM (%5$s) AS m))
    ) AS c
    GROUP BY c.customer_id
    HAVING count(*) FILTER (WHERE NOT c.proved) >= %4$s
    $sql$, customer_identity_internal.logins_query(customers), customers, customer_identity_internal.companion_of(customers, 'phone_proofs'), threshold,
    customer_identity_internal.many_logins_query(customers, threshold));
COMMENT ON FUNCTION customer_identity_internal.unproved_claims_query(regclass, integer) IS
    'The customers with a proved phone that many logins claim without a proof of their own';
-- Who has so many logins at all is looked at. Logins that one transaction has linked count once: it loaded them, and nobody signed up. So do not
-- those that the application or a backfill has linked.
CREATE OR REPLACE FUNCTION customer_identity_internal.sign_up_burst_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN customer_identity_internal.keeps_history(customers) THEN format($sql$
        SELECT DISTINCT ON (w.customer_id) w.customer_id,
            jsonb_build_object('users', w.within_an_hour, 'from', w.created_at) AS evidence
        FROM (
            SELECT s.customer_id, s.created_at,
                count(*) OVER (
                    PARTITION BY s.customer_id ORDER BY s.created_at
                    RANGE BETWEEN CURRENT ROW AND interval '1 hour' FOLLOWING) AS within_an_hour
            FROM (
                SELECT e.customer_id, e.created_at
                FROM %1$s AS e
                WHERE e.event = 'user_linked' AND e.details ->> 'cause' IN ('sign_up', 'phone_changed')
                    AND e.customer_id = ANY (ARRAY(
                        SELECT e.customer_id
                        FROM %1$s AS e
                        WHERE e.event = 'user_linked' AND e.details ->> 'cause' IN ('sign_up', 'phone_changed')
                        GROUP BY e.customer_id
                        HAVING count(*) >= %2$s
                    ))
                GROUP BY e.customer_id, e.created_at
            ) AS s
        ) AS w
        WHERE w.within_an_hour >= %2$s
        ORDER BY w.customer_id, w.within_an_hour DESC, w.created_at DESC
        $sql$, customer_identity_internal.companion_of(customers, 'customer_events'), threshold)
END;
COMMENT ON FUNCTION customer_identity_internal.sign_up_burst_query(regclass, integer) IS
    'The customers whom many users were linked to within an hour; NULL without a history';
CREATE FUNCTION customer_identity_internal.possible_new_holder_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
BEGIN
    IF customer_identity_internal.column_type(proofs::regclass, 'unconfirmed') IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format($sql$
        SELECT p.customer_id, jsonb_build_object('users', jsonb_agg(DISTINCT p.user_id), 'proved_at', max(p.proved_at)) AS evidence
        FROM %s AS p
        WHERE p.unconfirmed AND p.ended_at IS NULL
        GROUP BY p.customer_id
        HAVING count(DISTINCT p.user_id) >= %s
        $sql$, proofs, threshold);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.possible_new_holder_query(regclass, integer) IS
    'The customers whose phone has been proved by who may be its new holder; NULL in books that do not tell';
CREATE FUNCTION customer_identity_internal.cod_rows(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        SELECT o.%1$I AS customer_id, count(*) AS orders,
            count(*) FILTER (WHERE lower(customer_identity_internal.as_text(o.%2$I)) COLLATE "C" = ANY (%3$L::text[])) AS cancelled
        FROM %4$s AS o
        WHERE o.%1$I IS NOT NULL AND %5$s
        GROUP BY o.%1$I
        $sql$, orders.customer_column, orders.status_column, customer_identity_internal.cancelled_statuses(), orders.attached,
        customer_identity_internal.has_value(orders.attached, orders.payment_column, orders.cod_values));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cod_rows(customer_identity.attachments) IS
    'The query that counts each customer''s orders in a table that were paid in cash on delivery, and the cancelled ones';
CREATE FUNCTION customer_identity_internal.cod_orders_in(attached regclass, customers regclass)
    RETURNS TABLE (customer_id uuid, orders bigint, cancelled bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.cod_rows(customer_identity_internal.attachment_of(attached));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cod_orders_in(regclass, regclass) IS
    'How many orders in a table each customer paid in cash on delivery, and how many of them were cancelled';
CREATE OR REPLACE FUNCTION customer_identity_internal.cod_cancellations_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queries text;
BEGIN
    WITH told AS MATERIALIZED (
        SELECT h.*
        FROM customer_identity_internal.held_attachments(cod_cancellations_query.customers) AS h
        WHERE h.kind = 'orders' AND h.status_column IS NOT NULL AND h.payment_column IS NOT NULL
    )
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(a.attached, a.customers) THEN customer_identity_internal.cod_rows(a::customer_identity.attachments)
            ELSE format('SELECT o.* FROM customer_identity_internal.cod_orders_in(%L::regclass, %L::regclass) AS o',
                a.attached::oid, a.customers::oid)
        END,
        ' UNION ALL ')
    INTO queries
    FROM told AS a
    -- Not twice: with the table that it inherits from, unless that one does not tell.
    WHERE NOT EXISTS (
        SELECT
        FROM customer_identity_internal.ancestors_of(a.attached) AS p (ancestor)
        JOIN told AS t ON t.attached = p.ancestor AND t.customer_column = a.customer_column
    );
    IF queries IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format($sql$
        SELECT o.customer_id, jsonb_build_object('cancelled', sum(o.cancelled), 'orders', sum(o.orders)) AS evidence
        FROM (%s) AS o
        GROUP BY o.customer_id
        HAVING sum(o.cancelled) >= %s
        $sql$, queries, threshold);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cod_cancellations_query(regclass, integer) IS
    'The customers with many cancelled orders paid in cash on delivery; NULL where no table tells payment and status';
CREATE OR REPLACE FUNCTION customer_identity_internal.cancelled_statuses()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(
        regexp_replace(lower(current_setting('customer_identity.fraud_cancelled_statuses')), E'\\s*,\\s*', ',', 'g'), ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.cancelled_statuses() IS
    'The statuses of orders that were cancelled, in small letters';
CREATE OR REPLACE FUNCTION customer_identity_internal.fraud_setting(name text)
    RETURNS integer
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('customer_identity.fraud_' || name)::integer
$$;
COMMENT ON FUNCTION customer_identity_internal.fraud_setting(text) IS
    'A setting of fraud_signals() that is a number';
CREATE OR REPLACE FUNCTION customer_identity.fraud_signals(min_score numeric DEFAULT 0, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 1000000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    queries text;
    signals text;
    suspects jsonb;
BEGIN
    -- Each signal is asked for by itself: where customers are spread over nodes, on all of them at once.
    SELECT string_agg(format('%s AS MATERIALIZED (%s)', q.signal, q.query), ', '),
        string_agg(format('SELECT s.customer_id, %L AS signal, s.evidence, %s AS weight FROM %s AS s',
            q.signal, customer_identity_internal.fraud_setting(q.signal || '_weight'), q.signal), ' UNION ALL ')
    INTO queries, signals
    FROM (VALUES
        ('many_logins', customer_identity_internal.many_logins_query(customers, customer_identity_internal.fraud_setting('many_logins'))),
        ('unproved_claims', customer_identity_internal.unproved_claims_query(customers, customer_identity_internal.fraud_setting('unproved_claims'))),
        ('sign_up_burst', customer_identity_internal.sign_up_burst_query(customers, customer_identity_internal.fraud_setting('sign_up_burst'))),
        ('cod_cancellations', customer_identity_internal.cod_cancellations_query(customers, customer_identity_internal.fraud_setting('cod_cancellations'))),
        ('possible_new_holder', customer_identity_internal.possible_new_holder_query(customers, customer_identity_internal.fraud_setting('possible_new_holder')))
    ) AS q (signal, query)
    WHERE q.query IS NOT NULL AND customer_identity_internal.fraud_setting(q.signal) > 0;

    IF signals IS NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        WITH %s, shared AS MATERIALIZED (%s)
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object('customer_id', c.customer_id, 'score', c.score, 'signals', c.signals)
                ORDER BY c.score DESC, c.customer_id),
            '[]')
        FROM (
            SELECT s.customer_id, sum(s.weight) AS score,
                jsonb_agg(
                    jsonb_build_object('signal', s.signal, 'evidence', s.evidence, 'weight', s.weight)
                    ORDER BY s.weight DESC, s.signal) AS signals
            FROM (%s) AS s
            LEFT JOIN (SELECT DISTINCT h.id FROM shared AS h) AS h ON h.id = s.customer_id
            WHERE s.signal NOT IN ('many_logins', 'unproved_claims', 'sign_up_burst') OR h.id IS NULL
            GROUP BY s.customer_id
            HAVING sum(s.weight) >= COALESCE($1, 0)
        ) AS c
        $sql$, queries, customer_identity_internal.shared_customers(customers), signals)
        INTO suspects
        USING min_score;
    RETURN suspects;
END
$$;
COMMENT ON FUNCTION customer_identity.fraud_signals(numeric, regclass) IS
    'The customers that look like fraud, highest score first: an array of objects with customer_id, score and signals, each with its evidence and weight';
COMMENT ON TABLE customer_identity.verification_secret IS
    'The key for hashing codes, created by CREATE EXTENSION';
COMMENT ON TABLE customer_identity.verifications IS
    'Verifications with a keyed hash of the code, which is erased when the code is used';
COMMENT ON TABLE customer_identity.sms_messages IS
    'The messages with codes; the text is erased when the message is sent or has failed';
COMMENT ON TABLE customer_identity.verification_events IS
    'The events that limits count: messages by phone, prefix, address, user and in all, and wrong codes. Refusals are counted per quarter of an hour, with the time of the first';
CREATE OR REPLACE FUNCTION customer_identity_internal.random_secret()
    RETURNS bytea
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_secret';
COMMENT ON FUNCTION customer_identity_internal.random_secret() IS
    'A random key for code_hash()';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.random_secret() FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity_internal.random_code()
    RETURNS text
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_code';
COMMENT ON FUNCTION customer_identity_internal.random_code() IS
    'Six random digits, each code as likely as any other';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.random_code() FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity_internal.code_hash(secret bytea, verification_id uuid, phone text, code text)
    RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'code_hash';
COMMENT ON FUNCTION customer_identity_internal.code_hash(bytea, uuid, text, text) IS
    'What is kept of a code: HMAC-SHA-256 under the secret';
CREATE OR REPLACE FUNCTION customer_identity_internal.same_hash(a bytea, b bytea)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'same_hash';
COMMENT ON FUNCTION customer_identity_internal.same_hash(bytea, bytea) IS
    'Whether two hashes are the same, in a time that does not depend on where they differ';
-- NIST SP 800-63B, 5.1.3.2: a code is valid for a maximum of ten minutes.
CREATE OR REPLACE FUNCTION customer_identity_internal.code_lifetime()
    RETURNS interval
    LANGUAGE sql IMMUTABLE
RETURN interval '10 minutes';
COMMENT ON FUNCTION customer_identity_internal.code_lifetime() IS
    'How long a code may be answered';
-- OWASP, Multifactor Authentication Cheat Sheet: few tries for each code. NIST SP 800-63B, 5.2.2, lets an
-- account fail 100 times in a row; the limit by phone spreads as many over 20 hours.
CREATE FUNCTION customer_identity_internal.maximum_wrong_answers()
    RETURNS integer
    LANGUAGE sql IMMUTABLE
RETURN 5;
COMMENT ON FUNCTION customer_identity_internal.maximum_wrong_answers() IS
    'How many wrong answers exhaust a verification';
CREATE OR REPLACE FUNCTION customer_identity_internal.admit(buckets text[], limits integer[], first_pause integer, counted integer, OUT wait interval, OUT earlier integer)
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'admit';
COMMENT ON FUNCTION customer_identity_internal.admit(text[], integer[], integer, integer) IS
    'Unless a bucket is at its limit for the hour (0: none), or the first one has to pause (first_pause seconds, doubled with each event), writes an event into the first `counted` of them; else how long to wait. earlier: events of the first bucket';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.admit(text[], integer[], integer, integer) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.count_refusal(bucket text)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'count_refusal';
COMMENT ON FUNCTION customer_identity_internal.count_refusal(text) IS
    'Adds one to a row of the bucket for this quarter of an hour that no other transaction holds, or makes one; waits for nobody';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.count_refusal(text) FROM PUBLIC;
-- Addresses that an attacker can easily have many of count as one: an IPv6 network, and an IPv4 address
-- in any notation.
CREATE OR REPLACE FUNCTION customer_identity_internal.address_bucket(address inet)
    RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN host(address)::inet <<= '::ffff:0:0/96' THEN 'address ' || split_part(host(address), ':', 4)
        WHEN family(address) = 6 THEN 'address ' || network(set_masklen(address, 64))::text
        ELSE 'address ' || host(address)
    END
$$;
COMMENT ON FUNCTION customer_identity_internal.address_bucket(inet) IS
    'What the limit by client address counts under';
CREATE OR REPLACE FUNCTION customer_identity_internal.sms_countries()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(
        COALESCE(
            NULLIF(replace(current_setting('customer_identity.sms_countries'), ' ', ''), ''),
            customer_identity_internal.known_region(current_setting('customer_identity.default_region'))),
        ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.sms_countries() IS
    'The countries whose phones are sent codes; NULL: none';
-- Toll-free, premium-rate and shared-cost numbers, fixed lines and pagers are targets of SMS pumping, or
-- cannot receive SMS.
CREATE OR REPLACE FUNCTION customer_identity_internal.can_get_codes(phone text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.type IN ('mobile', 'fixed_line_or_mobile', 'voip')
        AND COALESCE(c.countries && ARRAY[d.region, '*'], false)
    FROM customer_identity.parse_phone(phone, NULL::text) AS d
    CROSS JOIN customer_identity_internal.sms_countries() AS c (countries)
$$;
COMMENT ON FUNCTION customer_identity_internal.can_get_codes(text) IS
    'Whether a phone is of a kind and country that codes are sent to';
-- OWASP, Forgot Password Cheat Sheet: prevent flooding a phone with messages. A phone that has used up its
-- wrong codes gets no new one either, since it could not be checked.
CREATE OR REPLACE FUNCTION customer_identity_internal.admit_message(phone text, user_id text, client_address inet, OUT admitted boolean, OUT retry_after interval)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_pause constant integer := 30;
    buckets text[];
    limits integer[];
    admission record;
BEGIN
    SELECT array_agg(b.bucket ORDER BY b.position),
        array_agg(current_setting('customer_identity.' || b.setting)::integer ORDER BY b.position)
    INTO buckets, limits
    FROM (VALUES
        (1, 'phone ' || phone, 'sms_limit_per_phone'),
        (2, 'prefix ' || left(phone, -4), 'sms_limit_per_prefix'),
        (3, customer_identity_internal.address_bucket(client_address), 'sms_limit_per_address'),
        (4, 'user ' || left(user_id, 500), 'sms_limit_per_user'),
        (5, 'all', 'sms_limit_total'),
        (6, 'failure ' || phone, 'verification_failures_per_phone')
    ) AS b (position, bucket, setting)
    WHERE b.bucket IS NOT NULL;
    admission := customer_identity_internal.admit(buckets, limits, first_pause, cardinality(buckets) - 1);
    admitted := admission.wait IS NULL;
    retry_after := COALESCE(admission.wait, make_interval(secs => first_pause * power(2, LEAST(admission.earlier, 6))));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.admit_message(text, text, inet) IS
    'Counts a message to a phone unless it has to wait; tells when the next one may follow';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.admit_message(text, text, inet) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity_internal.readable_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'readable_phone';
COMMENT ON FUNCTION customer_identity_internal.readable_phone(text, text) IS
    'E.164 form of a phone; CI001 when it is not acceptable';
CREATE OR REPLACE FUNCTION customer_identity_internal.send_code(
    customers regclass, phone text, purpose text, user_id text, client_address inet, moment timestamptz)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verification_id constant uuid := gen_random_uuid();
    code constant text := customer_identity_internal.random_code();
    expires_at constant timestamptz := moment + customer_identity_internal.code_lifetime();
    message_id bigint;
BEGIN
    INSERT INTO customer_identity.verifications AS v (
        id, customers, phone, purpose, user_id, client_address, code_hash, created_at, expires_at)
    SELECT verification_id, customers, phone, purpose, user_id, client_address,
        customer_identity_internal.code_hash(s.secret, verification_id, phone, code), moment, expires_at
    FROM customer_identity.verification_secret AS s;

    -- Another message may have the id.
    WHILE message_id IS NULL LOOP
        INSERT INTO customer_identity.sms_messages AS m (
            verification_id, phone, body, next_attempt_at, created_at, expires_at)
        VALUES (
            verification_id, phone,
            replace(
                replace(current_setting('customer_identity.sms_text'), '{code}', code), '{minutes}',
                (extract(epoch FROM customer_identity_internal.code_lifetime()) / 60)::integer::text),
            moment, moment, expires_at)
        ON CONFLICT (id) DO NOTHING
        RETURNING m.id INTO message_id;
    END LOOP;

    PERFORM pg_notify('customer_identity_sms', message_id::text);
    RETURN verification_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.send_code(regclass, text, text, text, inet, timestamptz) IS
    'Makes a code and the message that brings it, and returns the id of the verification';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.send_code(regclass, text, text, text, inet, timestamptz) FROM PUBLIC;
-- Of the book it reads the rule of the phone alone: neither the result nor its timing reveals whether a phone belongs to a customer.
CREATE OR REPLACE FUNCTION customer_identity_internal.start_verification(
    raw_phone text, purpose text, user_id text, client_address inet, region text, customers regclass)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE customer_identity_as_owner VOLATILE
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    admission record;
BEGIN
    PERFORM customer_identity_internal.book(customers);
    user_id := NULLIF(user_id, '');
    phone := customer_identity_internal.readable_phone(raw_phone, region);
    PERFORM customer_identity_internal.refuse_nobody(phone, customers);
    IF NOT customer_identity_internal.can_get_codes(phone) THEN
        status := 'unsupported';
    ELSE
        admission := customer_identity_internal.admit_message(phone, user_id, client_address);
        status := CASE WHEN admission.admitted THEN 'sent' ELSE 'throttled' END;
        retry_after := admission.retry_after;
    END IF;
    IF status = 'sent' THEN
        verification_id := customer_identity_internal.send_code(customers, phone, purpose, user_id, client_address, moment);
        expires_at := moment + customer_identity_internal.code_lifetime();
    ELSE
        PERFORM customer_identity_internal.count_refusal(status);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.start_verification(text, text, text, inet, text, regclass) IS
    'start_verification, by names that PL/pgSQL takes';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.start_verification(text, text, text, inet, text, regclass) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity.start_verification(
    phone text,
    purpose text DEFAULT 'checkout',
    user_id text DEFAULT NULL,
    client_address inet DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE c VOLATILE COST 10000 ROWS 1
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity.start_verification(text, text, text, inet, text, regclass) IS
    'Sends a code to a phone. Status sent; throttled: retry after retry_after; unsupported: no codes are sent to such a phone. CI001 when the phone cannot be read or names nobody';
CREATE OR REPLACE FUNCTION customer_identity_internal.prove_phone(customers regclass, phone text, user_id text, OUT customer_id uuid, OUT other_users text[])
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'prove_phone';
COMMENT ON FUNCTION customer_identity_internal.prove_phone(regclass, text, text) IS
    'Records a proof by SMS as the owner of the book; tells which other users have proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.prove_phone(regclass, text, text) FROM PUBLIC;
-- Setting the clock back does not extend a code: one from the future has expired.
CREATE OR REPLACE FUNCTION customer_identity_internal.can_be_answered(verification customer_identity.verifications)
    RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT verification.status = 'pending'
        AND clock_timestamp() BETWEEN verification.created_at AND verification.expires_at
$$;
COMMENT ON FUNCTION customer_identity_internal.can_be_answered(customer_identity.verifications) IS
    'Whether a code is neither used, cancelled nor too old';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.can_be_answered(customer_identity.verifications) FROM PUBLIC;
-- What is pasted has all kinds of blanks and hyphens: they are none of ASCII, but for its own.
CREATE OR REPLACE FUNCTION customer_identity_internal.is_code(verification customer_identity.verifications, answer text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(
        customer_identity_internal.same_hash(
            verification.code_hash,
            customer_identity_internal.code_hash(
                s.secret, verification.id, verification.phone, regexp_replace(left(answer, 100), '[^!-,.-~]', '', 'g'))),
        false)
    FROM customer_identity.verification_secret AS s
$$;
COMMENT ON FUNCTION customer_identity_internal.is_code(customer_identity.verifications, text) IS
    'Whether an answer is the code; blanks and hyphens in it do not matter';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.is_code(customer_identity.verifications, text) FROM PUBLIC;
-- The code was used or cancelled and is no longer needed.
CREATE OR REPLACE FUNCTION customer_identity_internal.end_verification(verification_id uuid, outcome text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    UPDATE customer_identity.verifications AS v
    SET status = outcome,
        code_hash = NULL,
        approved_at = CASE WHEN outcome = 'approved' THEN moment END
    WHERE v.id = verification_id;
    UPDATE customer_identity.sms_messages AS m
    SET status = 'cancelled', body = NULL, ended_at = moment
    WHERE m.verification_id = end_verification.verification_id AND m.status = 'pending';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_verification(uuid, text) IS
    'Ends a verification and erases its code and message';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.end_verification(uuid, text) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity_internal.approve_verification(verification customer_identity.verifications)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- async.c: BLCKSZ - NAMEDATALEN - 128, of which the terminating zero is one.
    maximum_bytes constant integer := current_setting('block_size')::integer - 193;
    proof record;
    event jsonb;
    part text;
BEGIN
    PERFORM customer_identity_internal.end_verification(verification.id, 'approved');
    DELETE FROM customer_identity.verification_events AS e WHERE e.bucket = 'failure ' || verification.phone;
    proof := customer_identity_internal.prove_phone(verification.customers, verification.phone, verification.user_id);
    IF proof.other_users IS NOT NULL THEN
        event := jsonb_build_object(
            'event', 'phone_proved_by_another_user',
            'customer_id', proof.customer_id,
            'user_id', verification.user_id,
            'other_users', proof.other_users[:20]);
        -- The server rejects a longer payload, which would undo the approval.
        FOREACH part IN ARRAY '{other_users,user_id}'::text[] LOOP
            EXIT WHEN octet_length(event::text) <= maximum_bytes;
            event := event - part;
        END LOOP;
        PERFORM pg_notify('customer_identity_events', event::text);
    END IF;
    RETURN proof.customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.approve_verification(customer_identity.verifications) IS
    'The code was right: records the proof and tells when another user had proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.approve_verification(customer_identity.verifications) FROM PUBLIC;
-- A code is counted as wrong before it is compared: concurrent sessions count each other's guesses,
-- whichever commits first.
CREATE OR REPLACE FUNCTION customer_identity.check_verification(
    verification_id uuid, code text, OUT status text, OUT attempts_left integer, OUT customer_id uuid)
    LANGUAGE customer_identity_as_owner_with_book VOLATILE COST 10000
AS $$
DECLARE
    verification customer_identity.verifications;
    failures_limit constant integer := current_setting('customer_identity.verification_failures_per_phone');
    admission record;
BEGIN
    attempts_left := 0;
    SELECT v.* INTO verification
    FROM customer_identity.verifications AS v
    WHERE v.id = verification_id
    FOR UPDATE;
    IF NOT FOUND THEN
        status := 'unknown';
    ELSIF NOT customer_identity_internal.can_be_answered(verification) THEN
        status := 'expired';
    ELSIF verification.wrong_answers >= customer_identity_internal.maximum_wrong_answers() THEN
        status := 'exhausted';
    ELSE
        admission := customer_identity_internal.admit(ARRAY['failure ' || verification.phone], ARRAY[failures_limit], 0, 1);
        IF admission.wait IS NOT NULL THEN
            status := 'exhausted';
        ELSIF customer_identity_internal.is_code(verification, code) THEN
            status := 'approved';
            customer_id := customer_identity_internal.approve_verification(verification);
        ELSE
            status := 'incorrect';
            UPDATE customer_identity.verifications AS v
            SET wrong_answers = v.wrong_answers + 1
            WHERE v.id = verification_id;
            attempts_left := LEAST(
                customer_identity_internal.maximum_wrong_answers() - verification.wrong_answers,
                NULLIF(failures_limit, 0) - admission.earlier) - 1;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.check_verification(uuid, text) IS
    'Checks a code: approved, incorrect, expired, exhausted or unknown. Call it in a separate transaction: its count of attempts must not be rolled back';
CREATE OR REPLACE FUNCTION customer_identity.cancel_verification(verification_id uuid)
    RETURNS boolean
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
BEGIN
    PERFORM FROM customer_identity.verifications AS v
    WHERE v.id = verification_id AND customer_identity_internal.can_be_answered(v)
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM customer_identity_internal.end_verification(verification_id, 'cancelled');
    RETURN true;
END
$$;
COMMENT ON FUNCTION customer_identity.cancel_verification(uuid) IS
    'Cancels a verification, and its message if that has not been sent. False: it had already ended';
CREATE OR REPLACE FUNCTION customer_identity.verification_required(
    phone text, user_id text DEFAULT NULL, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'verification_required';
COMMENT ON FUNCTION customer_identity.verification_required(text, text, text, regclass) IS
    'Whether a cash-on-delivery order of this user and phone would be refused for lack of a verified phone';
CREATE OR REPLACE FUNCTION customer_identity.claim_messages(max_messages integer DEFAULT 10, lease interval DEFAULT '1 minute')
    RETURNS TABLE (message_id bigint, phone text, body text)
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000 ROWS 10
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    IF max_messages IS NULL OR max_messages < 1 OR lease IS NULL OR lease <= interval '0' THEN
        RAISE EXCEPTION 'invalid number of messages or lease'
            USING ERRCODE = 'invalid_parameter_value',
                DETAIL = 'max_messages must be at least 1, and lease greater than zero.';
    END IF;
    -- The message is reserved for the duration of the lease; after that it can be claimed again.
    RETURN QUERY
    WITH due AS (
        SELECT m.id
        FROM customer_identity.sms_messages AS m
        WHERE m.status = 'pending' AND m.next_attempt_at <= moment AND m.expires_at > moment
        ORDER BY m.next_attempt_at
        LIMIT max_messages
        FOR UPDATE SKIP LOCKED
    )
    UPDATE customer_identity.sms_messages AS m
    SET attempts = m.attempts + 1, next_attempt_at = moment + lease
    FROM due
    WHERE m.id = due.id
    RETURNING m.id, m.phone::text, m.body;
END
$$;
COMMENT ON FUNCTION customer_identity.claim_messages(integer, interval) IS
    'Claims messages to send until the lease expires: report each with message_sent or message_failed. A message that is not reported is claimed again';
CREATE OR REPLACE FUNCTION customer_identity.message_sent(message_id bigint, provider_id text)
    RETURNS boolean
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
BEGIN
    UPDATE customer_identity.sms_messages AS m
    SET status = 'sent', body = NULL, error = NULL, ended_at = clock_timestamp(),
        provider_id = message_sent.provider_id
    WHERE m.id = message_id AND m.status <> 'sent';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION customer_identity.message_sent(bigint, text) IS
    'Records that the provider accepted a message, and erases its text. False: already recorded, or no such message';
-- Twice the time after each attempt, up to a minute, and not all at the same moment.
CREATE OR REPLACE FUNCTION customer_identity_internal.time_to_next_attempt(attempts integer)
    RETURNS interval
    LANGUAGE sql VOLATILE
RETURN make_interval(secs => LEAST(60, power(2, LEAST(attempts, 6))) * (0.5 + random()));
COMMENT ON FUNCTION customer_identity_internal.time_to_next_attempt(integer) IS
    'How long a message waits after so many attempts that failed';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.time_to_next_attempt(integer) FROM PUBLIC;
CREATE OR REPLACE FUNCTION customer_identity.message_failed(message_id bigint, error text, permanent boolean)
    RETURNS boolean
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    -- Fails if the next attempt would come after the code has expired.
    UPDATE customer_identity.sms_messages AS m
    SET error = left(message_failed.error, 1000),
        next_attempt_at = n.at,
        status = CASE WHEN n.is_last THEN 'failed' ELSE 'pending' END,
        body = CASE WHEN NOT n.is_last THEN m.body END,
        ended_at = CASE WHEN n.is_last THEN moment END
    FROM (
        SELECT t.id, t.at, COALESCE(permanent, false) OR t.at >= t.expires_at AS is_last
        FROM (
            SELECT w.id, w.expires_at, moment + customer_identity_internal.time_to_next_attempt(w.attempts) AS at
            FROM customer_identity.sms_messages AS w
            WHERE w.id = message_id AND w.status = 'pending'
            FOR UPDATE
        ) AS t
    ) AS n
    WHERE m.id = n.id;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION customer_identity.message_failed(bigint, text, boolean) IS
    'Records that a message could not be sent: it is retried later, unless the failure is permanent. False: no such message is waiting';
-- A day is kept for verification_health; limits look back an hour. What a clock that was wrong has put
-- into the future counts from now.
CREATE OR REPLACE FUNCTION customer_identity.purge_verifications()
    RETURNS bigint
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    purged bigint;
BEGIN
    UPDATE customer_identity.sms_messages AS m
    SET status = 'failed', error = COALESCE(m.error, 'expired before it was sent'), body = NULL, ended_at = moment
    WHERE m.status = 'pending' AND m.expires_at <= moment;
    UPDATE customer_identity.verification_events AS e
    SET at = moment
    WHERE e.at > moment + interval '1 minute';
    DELETE FROM customer_identity.verification_events AS e
    WHERE e.at < moment - interval '25 hours';
    DELETE FROM customer_identity.verifications AS v
    WHERE v.created_at < moment - interval '25 hours' OR v.created_at > moment + interval '1 hour';
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END
$$;
COMMENT ON FUNCTION customer_identity.purge_verifications() IS
    'Erases the texts of expired messages, deletes verifications older than a day and returns how many. The worker calls it regularly';
CREATE OR REPLACE VIEW customer_identity.verification_health AS
    SELECT
        date_trunc('hour', now()) - make_interval(hours => h.ago) AS hour,
        COALESCE(c.sent, 0) AS sent,
        COALESCE(c.approved, 0) AS approved,
        COALESCE(c.failed, 0) AS failed,
        COALESCE(c.throttled, 0)::bigint AS throttled,
        COALESCE(c.pending, 0) AS pending,
        c.oldest_pending
    FROM generate_series(0, 23) AS h (ago)
    LEFT JOIN (
        -- By how many hours before the present one: not every time zone begins its hours at the same minute all the day.
        SELECT ceil(extract(epoch FROM date_trunc('hour', now()) - e.at) / 3600)::integer AS ago,
            count(*) FILTER (WHERE e.what = 'sent') AS sent,
            count(*) FILTER (WHERE e.what = 'approved') AS approved,
            count(*) FILTER (WHERE e.what = 'failed') AS failed,
            sum(e.events) FILTER (WHERE e.what = 'throttled') AS throttled,
            count(*) FILTER (WHERE e.what = 'pending') AS pending,
            min(e.at) FILTER (WHERE e.what = 'pending') AS oldest_pending
        FROM (
            SELECT m.status, COALESCE(m.ended_at, m.created_at), 1
            FROM customer_identity.sms_messages AS m
            WHERE m.status IN ('sent', 'failed') OR (m.status = 'pending' AND m.expires_at > now())
            UNION ALL
            SELECT v.status, v.approved_at, 1
            FROM customer_identity.verifications AS v
            WHERE v.status = 'approved'
            UNION ALL
            SELECT r.bucket, r.at, r.events
            FROM customer_identity.verification_events AS r
            WHERE r.bucket = 'throttled'
        ) AS e (what, at, events)
        WHERE e.at >= date_trunc('hour', now()) - interval '23 hours' AND e.at < date_trunc('hour', now()) + interval '1 hour'
        GROUP BY 1
    ) AS c ON c.ago = h.ago
    ORDER BY h.ago;
COMMENT ON VIEW customer_identity.verification_health IS
    'The last 24 hours, the current one first: messages sent, failed and pending, verifications approved and throttled';
CREATE OR REPLACE FUNCTION customer_identity.start_sms_worker()
    RETURNS integer
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'start_sms_worker';
COMMENT ON FUNCTION customer_identity.start_sms_worker() IS
    'Starts the process that sends this database''s messages, unless it is running, and returns its pid. It runs until the server stops; customer_identity.sms_databases starts it with the server';
-- What reads catalogs for every page is plpgsql, which keeps its plans: an SQL function that cannot be inlined is
-- planned again at each call. So is an expression with a subquery that it needs in some cases only, where the others are
-- cheap: such a subquery has a function of its own.

CREATE OR REPLACE FUNCTION customer_identity.search_text(value text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'search_text';
COMMENT ON FUNCTION customer_identity.search_text(text) IS
    'A text as searches compare it: its first 1,000 characters, in lower case without accents. Used in indexes';
CREATE OR REPLACE FUNCTION customer_identity_internal.like_literal(value text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN replace(replace(replace(value, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_');
COMMENT ON FUNCTION customer_identity_internal.like_literal(text) IS
    'A text that LIKE takes as it is';
-- Trunk zeros, country prefixes written 00 and the (0) of +44 (0)20 are not part of an E.164 number.
CREATE OR REPLACE FUNCTION customer_identity_internal.searched_digits(search text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT CASE
        WHEN length(d.digits) < 4 THEN NULL
        -- 0151 is 151 of +49 151. Of 0049 and 0001 hardly anything would be left, in which a trigram index finds nothing.
        WHEN length(ltrim(d.digits, '0')) >= 3 THEN ltrim(d.digits, '0')
        ELSE d.digits
    END
    FROM (SELECT regexp_replace(replace(search, '(0)', ''), '[^0-9]', '', 'g')) AS d (digits)
    WHERE search ~ E'^[-0-9+()/.[:space:]\\u00A0\\u2010-\\u2015\\u2212]+$'
);
COMMENT ON FUNCTION customer_identity_internal.searched_digits(text) IS
    'The digits of a search that looks like a part of a phone, or NULL when there are fewer than four';
-- Types that are the server's own have no casts or operators that somebody else could have made.
CREATE OR REPLACE FUNCTION customer_identity_internal.plain_text(relation regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            CASE WHEN customer_identity_internal.base_type(a.atttypid) = ANY ('{text,varchar,bpchar}'::regtype[]) THEN 'r.%I::text'
                ELSE 'customer_identity_internal.as_text(r.%I)' END,
            a.attname)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.plain_text(regclass, text) IS
    'The expression that reads a column of row r as text; NULL when there is no such column';
CREATE OR REPLACE FUNCTION customer_identity_internal.time_column(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT a.attname::text
        FROM unnest('{created_at,createdAt,placed_at,placedAt,ordered_at,orderedAt,order_date,orderDate}'::text[])
            WITH ORDINALITY AS known (name, position)
        JOIN pg_attribute AS a ON a.attname = known.name AND a.attrelid = relation AND NOT a.attisdropped
        WHERE a.atttypid = ANY ('{timestamptz,timestamp,date}'::regtype[])
        ORDER BY known.position
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.time_column(regclass) IS
    'The column that tells when a row was made, by its name, or NULL';
-- Without a time zone it is read as UTC, whatever the session's.
CREATE OR REPLACE FUNCTION customer_identity_internal.time_of_row(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(
        (
            SELECT format(
                CASE a.atttypid WHEN 'timestamptz'::regtype THEN 'r.%I' ELSE 'r.%I::timestamp AT TIME ZONE ''UTC''' END,
                a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = customer_identity_internal.time_column(relation)
        ),
        'NULL::timestamptz'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.time_of_row(regclass) IS
    'The expression that tells when row r was made';
CREATE OR REPLACE FUNCTION customer_identity_internal.phones_of_row(users customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('array_remove(ARRAY[%s]::text[], NULL)',
            string_agg(customer_identity_internal.plain_text(users.attached, p.name), ', ' ORDER BY p.position))
        FROM unnest(users.phone_columns) WITH ORDINALITY AS p (name, position)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phones_of_row(customer_identity.attachments) IS
    'The expression that lists the phones of user r as they were typed';
ALTER TYPE customer_identity_internal.customer_search ADD ATTRIBUTE by_further_phone uuid[], ADD ATTRIBUTE by_many_further_phones boolean;
COMMENT ON TYPE customer_identity_internal.customer_search IS
    'A search for customers: what their phone, name or a user''s e-mail has to be like';
-- Unused columns cost nothing: the planner leaves them out.
CREATE FUNCTION customer_identity_internal.user_rows(users customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT %L::text AS relation, customer_identity_internal.as_text(r.%I) AS id, %s AS name, %s AS email,'
        ' %s AS phones, %s AS created_at, r.%I AS customer_id FROM %s AS r',
        customer_identity_internal.told_name(users.attached), users.key_column,
        COALESCE(customer_identity_internal.plain_text(users.attached, COALESCE(users.name_column, 'name')), 'NULL::text'),
        COALESCE(customer_identity_internal.plain_text(users.attached, 'email'), 'NULL::text'),
        customer_identity_internal.phones_of_row(users), customer_identity_internal.time_of_row(users.attached),
        users.customer_column, users.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_rows(customer_identity.attachments) IS
    'The query that reads the users of a table';
CREATE FUNCTION customer_identity_internal.users_of_customer(attached regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (relation text, id text, name text, email text, phones text[], created_at timestamptz, customer uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT u.* FROM (%s) AS u WHERE u.customer_id = $1',
        customer_identity_internal.user_rows(customer_identity_internal.attachment_of(attached)))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_of_customer(regclass, uuid, regclass) IS
    'The users in a table of a customer';
-- For where customer c is joined to its users.
CREATE OR REPLACE FUNCTION customer_identity_internal.users_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(u.attached, u.customers) THEN customer_identity_internal.user_rows(u)
            ELSE format('SELECT u.relation, u.id, u.name, u.email, u.phones, u.created_at, u.customer AS customer_id'
                ' FROM customer_identity_internal.users_of_customer(%L::regclass, c.id, %L::regclass) AS u',
                u.attached::oid, u.customers::oid)
        END,
        ' UNION ALL ' ORDER BY u.attached::text COLLATE "C")
    INTO query
    FROM customer_identity_internal.attachments_to_read(users_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::text AS relation, NULL::text AS id, NULL::text AS name, NULL::text AS email,'
        ' NULL::text[] AS phones, NULL::timestamptz AS created_at, NULL::uuid AS customer_id WHERE false');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_query(regclass) IS
    'The query that reads the users of customer c from every attached users table; it may return other customers'' too';
CREATE FUNCTION customer_identity_internal.email_matches(users customer_identity.attachments, word_begins boolean)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT r.%1$I AS customer_id FROM %2$s AS r WHERE r.%1$I IS NOT NULL AND %3$s', users.customer_column, users.attached,
        customer_identity_internal.text_condition(
            COALESCE(customer_identity_internal.plain_text(users.attached, 'email'), 'NULL::text'), word_begins));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.email_matches(customer_identity.attachments, boolean) IS
    'The query of the customers whose users'' e-mails are like a search, which is parameter $1';
CREATE FUNCTION customer_identity_internal.customers_by_email(
    attached regclass, sought customer_identity_internal.customer_search, page_limit integer, customers regclass)
    RETURNS TABLE (customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.email_matches(
        customer_identity_internal.attachment_of(attached), sought.beginning IS NOT NULL) || ' LIMIT $2'
        USING sought, page_limit;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customers_by_email(regclass, customer_identity_internal.customer_search, integer, regclass) IS
    'The customers of a table''s users whose e-mails are like a search, up to a number';
-- $1 is the search, $2 how many are enough.
CREATE FUNCTION customer_identity_internal.emails_query(word_begins boolean, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(u.attached, u.customers) THEN customer_identity_internal.email_matches(u, word_begins)
            ELSE format('SELECT e.customer_id FROM customer_identity_internal.customers_by_email(%L::regclass, $1, $2, %L::regclass) AS e',
                u.attached::oid, u.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(emails_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::uuid AS customer_id WHERE $1 IS NULL');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emails_query(boolean, regclass) IS
    'The query of the customers whose users'' e-mails, in any table of a book, are like a search';
-- A trigram index finds nothing inside a word by fewer than three letters, so these begin a word.
CREATE OR REPLACE FUNCTION customer_identity_internal.text_condition(value text, word_begins boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN format(
    CASE WHEN word_begins THEN
        '(customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).beginning'
        ' OR customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere)'
    ELSE 'customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere' END,
    value);
COMMENT ON FUNCTION customer_identity_internal.text_condition(text, boolean) IS
    'The condition that a text is like a search, which is parameter $1';
CREATE FUNCTION customer_identity_internal.read_search(search text, customers regclass)
    RETURNS customer_identity_internal.customer_search
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    -- Where customers are spread over nodes, a query cannot ask for logins beside each: all are found before.
    maximum_ids constant integer := CASE WHEN NOT customer_identity_internal.is_spread(customers) THEN 5000 END;
    typed constant text := btrim(search, E' \t\r\n');
    sought constant text := customer_identity_internal.like_literal(customer_identity.search_text(typed));
    result customer_identity_internal.customer_search;
BEGIN
    result.phone := customer_identity.normalize_phone(typed, NULL::text);
    result.digits := '%' || customer_identity_internal.searched_digits(typed) || '%';
    IF sought <> '' THEN
        IF length(customer_identity.search_text(typed)) < 3 THEN
            result.beginning := sought || '%';
            result.anywhere := '% ' || sought || '%';
        ELSE
            result.anywhere := '%' || sought || '%';
        END IF;
        -- Before there are ids: the functions of tables' owners, which get the search, need none.
        EXECUTE format('SELECT array_agg(u.customer_id) FROM (SELECT u.customer_id FROM (%s) AS u LIMIT $2) AS u',
            customer_identity_internal.emails_query(result.beginning IS NOT NULL, customers))
            INTO result.by_email
            USING result, maximum_ids + 1;
        result.by_many_emails := COALESCE(cardinality(result.by_email) > maximum_ids, false);
    END IF;
    IF num_nonnulls(result.phone, result.digits) > 0 THEN
        EXECUTE format('SELECT array_agg(f.id) FROM (SELECT p.id FROM (%s) AS p WHERE p.phone = $1 OR p.phone LIKE $2 LIMIT $3) AS f',
            customer_identity_internal.further_phones(customers))
            INTO result.by_further_phone
            USING result.phone, result.digits, maximum_ids + 1;
        result.by_many_further_phones := COALESCE(cardinality(result.by_further_phone) > maximum_ids, false);
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.read_search(text, regclass) IS
    'What was typed into a search for customers, with the customers whose users'' e-mails are like it';
-- Each part can be answered by an index; only where thousands of e-mails or further phones are alike, a page is filled
-- faster by checking customer after customer.
CREATE FUNCTION customer_identity_internal.search_condition(
    search customer_identity_internal.customer_search, users_query text, customers regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN '(' || concat_ws(' OR ',
    CASE WHEN search.phone IS NOT NULL THEN 'c.phone = ($1).phone' END,
    CASE WHEN search.digits IS NOT NULL THEN 'c.phone LIKE ($1).digits' END,
    CASE
        WHEN search.by_many_further_phones THEN format(
            'EXISTS (SELECT FROM (%s) AS p WHERE p.id = c.id AND (p.phone = ($1).phone OR p.phone LIKE ($1).digits))',
            customer_identity_internal.further_phones(customers))
        WHEN search.by_further_phone IS NOT NULL THEN 'c.id = ANY (($1).by_further_phone)'
    END,
    CASE WHEN search.anywhere IS NOT NULL THEN customer_identity_internal.text_condition('c.preferred_name::text', search.beginning IS NOT NULL) END,
    CASE
        WHEN search.by_many_emails THEN format(
            'EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id AND %s)',
            users_query, customer_identity_internal.text_condition('u.email', search.beginning IS NOT NULL))
        WHEN search.by_email IS NOT NULL THEN 'c.id = ANY (($1).by_email)'
    END,
    CASE WHEN search.phone IS NULL AND search.digits IS NULL AND search.anywhere IS NULL THEN 'false' END) || ')';
COMMENT ON FUNCTION customer_identity_internal.search_condition(customer_identity_internal.customer_search, text, regclass) IS
    'The condition that customer c is found by a search, which is parameter $1';
CREATE OR REPLACE FUNCTION customer_identity_internal.searches_names(search customer_identity_internal.customer_search)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
RETURN search.anywhere IS NOT NULL AND search.beginning IS NULL AND search.digits IS NULL
    AND search.by_many_emails IS NOT TRUE;
COMMENT ON FUNCTION customer_identity_internal.searches_names(customer_identity_internal.customer_search) IS
    'Whether hardly more than a part of a name decides what a search finds';
CREATE OR REPLACE FUNCTION customer_identity_internal.search_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigrams text;
BEGIN
    SELECT format('%I.%I', n.nspname, o.opcname) INTO trigrams
    FROM pg_opclass AS o
    JOIN pg_namespace AS n ON n.oid = o.opcnamespace
    WHERE o.opcname = 'gin_trgm_ops';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension pg_trgm is not installed'
            USING ERRCODE = 'undefined_object',
                HINT = 'CREATE EXTENSION pg_trgm; it comes with PostgreSQL, and the owner of a database may create it.';
    END IF;
    RETURN QUERY
    SELECT i.relation, left(c.relname, 40) || i.suffix, i.definition
    FROM (
        SELECT customers, '_phone_search_idx', format('USING gin (phone %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT customers, '_name_search_idx', format(
            'USING gin (customer_identity.search_text(preferred_name::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT u.attached, '_email_search_idx', format(
            'USING gin (customer_identity.search_text(email::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        FROM customer_identity_internal.attachments_of(customers) AS u
        WHERE u.kind = 'users' AND customer_identity_internal.plain_text(u.attached, 'email') = 'r.email::text'
    ) AS i (relation, suffix, definition)
    JOIN pg_class AS c ON c.oid = i.relation;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.search_indexes(regclass) IS
    'The indexes that list_customers needs to search: table, name and definition';
CREATE OR REPLACE FUNCTION customer_identity_internal.totals_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', k.key), format('(%I, id)', k.key)
    FROM pg_class AS c
    CROSS JOIN unnest('{total_spent,total_orders}'::text[]) AS k (key)
    WHERE c.oid = customers;
END;
COMMENT ON FUNCTION customer_identity_internal.totals_indexes(regclass) IS
    'The indexes that list_customers needs to sort by totals: table, name and definition';
CREATE OR REPLACE FUNCTION customer_identity.search_index_statements(totals boolean DEFAULT false, customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.statement
    FROM (
        SELECT i.* FROM customer_identity_internal.sort_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.search_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.totals_indexes(customer_identity_internal.book(customers)) AS i WHERE totals
    ) AS i
    JOIN pg_class AS c ON c.oid = i.relation
    CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN NOT customer_identity_internal.index_valid(i.relation, i.name)
            THEN format('DROP INDEX CONCURRENTLY %s.%I', c.relnamespace::regnamespace, i.name) END),
        (2, format('CREATE INDEX %s%I ON %s %s',
            CASE WHEN c.relkind <> 'p' THEN 'CONCURRENTLY ' END, i.name, customer_identity_internal.qualified_name(i.relation), i.definition)),
        (3, CASE WHEN i.definition LIKE '%search_text%' THEN format('ANALYZE %s', customer_identity_internal.qualified_name(i.relation)) END)
    ) AS s (step, statement)
    WHERE customer_identity_internal.index_valid(i.relation, i.name) IS NOT TRUE AND s.statement IS NOT NULL
    ORDER BY i.relation, i.name, s.step;
END;
COMMENT ON FUNCTION customer_identity.search_index_statements(boolean, regclass) IS
    'The statements that create the missing indexes for list_customers without blocking writes: for psql''s gexec, each outside a transaction';
CREATE OR REPLACE FUNCTION customer_identity.create_search_indexes(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM (
        SELECT i.* FROM customer_identity_internal.sort_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.search_indexes(customer_identity_internal.book(customers)) AS i
    ) AS i
    WHERE customer_identity_internal.create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION customer_identity.create_search_indexes(regclass) IS
    'Creates the missing indexes that list_customers uses to search and sort a large book, none of them on a total, and returns their names. Needs pg_trgm';
CREATE OR REPLACE FUNCTION customer_identity.index_totals(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM customer_identity_internal.totals_indexes(customer_identity_internal.book(customers)) AS i
    WHERE customer_identity_internal.create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION customer_identity.index_totals(regclass) IS
    'Creates the indexes that list_customers needs to sort a large book by totals, and returns their names. Each order then writes to every index of customers';
-- A cursor says where a page ended and of which list, so that it cannot be used with another list.
CREATE OR REPLACE FUNCTION customer_identity_internal.list_digest(list jsonb)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN left(encode(sha256(convert_to(list::text, 'UTF8')), 'hex'), 16);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.list_digest(jsonb) IS
    'A short text that stands for a list''s parameters in its cursors';
CREATE OR REPLACE FUNCTION customer_identity_internal.write_cursor(list jsonb, place jsonb)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN translate(
        encode(convert_to((place || jsonb_build_object('list', customer_identity_internal.list_digest(list)))::text, 'UTF8'), 'base64'),
        E'+/=\n', '-_');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_cursor(jsonb, jsonb) IS
    'A place in a list as an opaque text, base64url';
-- Drivers send text, so parameters have not been checked.
CREATE OR REPLACE FUNCTION customer_identity_internal.is_value(type regtype, value text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF type IS NULL THEN
        RETURN false;
    END IF;
    -- A literal is read by the type's own input function, never by somebody's cast.
    EXECUTE format('SELECT %L::%s', value, customer_identity_internal.type_name(type));
    RETURN true;
EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN
    -- The latter when a text names no table, as a regclass has to.
    RETURN false;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_value(regtype, text) IS
    'Whether a text can be read as a value of a type';
CREATE OR REPLACE FUNCTION customer_identity_internal.refuse_cursor()
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'after is not a cursor of this list'
        USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Pass NULL for the first page, then the next of the previous page, with the same search, filters and sort.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_cursor() IS
    'Raises 22023 for a text that is no cursor';
CREATE OR REPLACE FUNCTION customer_identity_internal.read_cursor(list jsonb, after text, key_type regtype, id_type regtype)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place jsonb;
BEGIN
    IF after IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        place := convert_from(decode(rpad(translate(after, '-_', '+/'), (length(after) + 3) / 4 * 4, '='), 'base64'), 'UTF8');
    EXCEPTION WHEN data_exception THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END;
    IF place ->> 'list' IS DISTINCT FROM customer_identity_internal.list_digest(list)
        OR place ->> 'id' IS NULL
        OR NOT customer_identity_internal.is_value(id_type, place ->> 'id')
        OR NOT customer_identity_internal.is_value(key_type, place ->> 'key') THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
    RETURN place;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.read_cursor(jsonb, text, regtype, regtype) IS
    'The place that a cursor of a list stands for; 22023 for any other text';
CREATE OR REPLACE FUNCTION customer_identity_internal.require_page_size(page_size integer)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF page_size BETWEEN 1 AND 1000 THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'page_size is not between 1 and 1000'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Allowed are 1 to 1000; 50 is the default.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_page_size(integer) IS
    'Raises 22023 for a page size that is not between 1 and 1000';
-- One extra row shows whether another page follows.
CREATE OR REPLACE FUNCTION customer_identity_internal.page_of(rows jsonb[], page_size integer, next text)
    RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
        'items', to_jsonb((COALESCE(rows, '{}'))[:page_size]),
        'next', CASE WHEN cardinality(rows) > page_size THEN next END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.page_of(jsonb[], integer, text) IS
    'A page and the cursor of the next one, NULL on the last';
CREATE OR REPLACE FUNCTION customer_identity_internal.sort_column(sort text)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := regexp_replace(sort, '^-', '');
BEGIN
    IF name = ANY ('{created_at,updated_at,preferred_name,total_spent,total_orders}') THEN
        RETURN name;
    END IF;
    RAISE EXCEPTION 'unknown sort'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Sort: %s.', quote_nullable(customer_identity_internal.shown(sort))),
            HINT = 'Allowed are created_at, updated_at, preferred_name, total_spent and total_orders; a leading hyphen sorts in descending order.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.sort_column(text) IS
    'The column that a sort names; 22023 for any other';
CREATE OR REPLACE FUNCTION customer_identity_internal.invalid_filter(key text, value jsonb)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN key IN ('verified', 'has_users', 'shared') THEN
        CASE WHEN jsonb_typeof(value) <> 'boolean' THEN format('%s is true or false', key) END
    WHEN key = 'min_orders' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' OR NOT customer_identity_internal.is_value('bigint', value #>> '{}') THEN 'min_orders is a whole number' END
    WHEN key = 'min_spent' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' THEN 'min_spent is a number' END
    WHEN key = 'created' THEN
        CASE
            WHEN jsonb_typeof(value) <> 'object' OR value - '{from,to}'::text[] <> '{}'
                OR NOT customer_identity_internal.is_value('timestamptz', value ->> 'from') OR NOT customer_identity_internal.is_value('timestamptz', value ->> 'to')
            THEN 'created is an object with times from (included) and to (not included), or one of them'
        END
    ELSE 'filters are verified, min_orders, min_spent, created, has_users and shared'
END;
COMMENT ON FUNCTION customer_identity_internal.invalid_filter(text, jsonb) IS
    'What is wrong with a filter of list_customers, or NULL';
CREATE OR REPLACE FUNCTION customer_identity_internal.require_filters(filters jsonb)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hint text;
BEGIN
    IF jsonb_typeof(filters) <> 'object' THEN
        hint := 'For example: {"verified": true, "min_orders": 2}.';
    ELSE
        SELECT format('Allowed: %s.', customer_identity_internal.invalid_filter(f.key, f.value)) INTO hint
        FROM jsonb_each(filters) AS f
        WHERE customer_identity_internal.invalid_filter(f.key, f.value) IS NOT NULL
        ORDER BY f.key
        LIMIT 1;
    END IF;
    IF hint IS NOT NULL THEN
        RAISE EXCEPTION 'invalid filters'
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_filters(jsonb) IS
    'Raises 22023 for filters that list_customers does not know';
-- Who has any users is found by a join, of whichever kind suits how many have; who has several, customer by customer, or at once where
-- all customers may have to be asked, or are spread over nodes. Users whose table has another owner are asked for customer by
-- customer as well, unless at once, by the query of all logins.
CREATE FUNCTION customer_identity_internal.users_condition(minimum integer, at_once boolean, users_query text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN at_once AND minimum > 1 THEN format('EXISTS (SELECT FROM (SELECT u.customer_id FROM (%s) AS u WHERE u.customer_id IS NOT NULL'
        ' GROUP BY u.customer_id HAVING count(*) >= %s) AS s WHERE s.customer_id = c.id)', users_query, minimum)
    WHEN minimum = 1 THEN format('EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id)', users_query)
    ELSE format('EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id OFFSET %s)', users_query, minimum - 1)
END;
COMMENT ON FUNCTION customer_identity_internal.users_condition(integer, boolean, text) IS
    'The condition that customer c has so many users, or more';
CREATE FUNCTION customer_identity_internal.column_filter_condition(filters jsonb)
    RETURNS text
    LANGUAGE sql STABLE
RETURN concat_ws(' AND ', 'true',
    CASE WHEN filters ? 'verified' THEN 'c.is_phone_verified = ($2 ->> ''verified'')::boolean' END,
    CASE WHEN filters ? 'min_orders' THEN 'c.total_orders >= ($2 ->> ''min_orders'')::bigint' END,
    CASE WHEN filters ? 'min_spent' THEN 'c.total_spent >= ($2 ->> ''min_spent'')::numeric' END);
COMMENT ON FUNCTION customer_identity_internal.column_filter_condition(jsonb) IS
    'The condition that customer c passes the filters by what it has and has done; filters are parameter $2';
CREATE FUNCTION customer_identity_internal.time_filter_condition(filters jsonb, time_type text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN concat_ws(' AND ', 'true',
    CASE WHEN filters #>> '{created,from}' IS NOT NULL THEN format('c.created_at >= ($2 #>> ''{created,from}'')::%s', time_type) END,
    CASE WHEN filters #>> '{created,to}' IS NOT NULL THEN format('c.created_at < ($2 #>> ''{created,to}'')::%s', time_type) END);
COMMENT ON FUNCTION customer_identity_internal.time_filter_condition(jsonb, text) IS
    'The condition that customer c passes the filters by its time; filters are parameter $2';
CREATE FUNCTION customer_identity_internal.users_filter_condition(filters jsonb, at_once boolean, users_query text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (SELECT string_agg(CASE WHEN filters -> f.name = 'false' THEN 'NOT ' ELSE '' END
            || customer_identity_internal.users_condition(f.minimum, at_once, users_query), ' AND ')
        FROM (VALUES ('has_users', 1), ('shared', 2)) AS f (name, minimum)
        WHERE filters ? f.name),
    'true');
COMMENT ON FUNCTION customer_identity_internal.users_filter_condition(jsonb, boolean, text) IS
    'The condition that customer c passes the filters by how many users it has';
CREATE OR REPLACE FUNCTION customer_identity_internal.customer_column_type(customers regclass, column_name text, OUT type regtype, OUT nullable boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT customer_identity_internal.base_type(a.atttypid), NOT a.attnotnull INTO type, nullable
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = column_name AND NOT a.attisdropped;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customer_column_type(regclass, text) IS
    'The type of a column of customers, and whether it may be NULL';
-- Which customers a list is read from, where a page of it ends, and how they are ordered.
CREATE FUNCTION customer_identity_internal.list_range(
    customers regclass, sort text, by_name boolean, without_value boolean, after jsonb, OUT scope text, OUT order_by text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    comparison constant text := CASE WHEN starts_with(sort, '-') THEN '<' ELSE '>' END;
    direction constant text := CASE WHEN starts_with(sort, '-') THEN 'DESC' ELSE 'ASC' END;
    key constant text := customer_identity_internal.sort_column(sort);
    key_column constant record := customer_identity_internal.customer_column_type(customers, key);
BEGIN
    scope := CASE
            WHEN without_value THEN format('c.%I IS NULL', key)
            WHEN key_column.nullable THEN format('c.%I IS NOT NULL', key)
            ELSE 'true'
        END
        || CASE
            WHEN after IS NULL OR (without_value AND after ->> 'key' IS NOT NULL) THEN ''
            WHEN without_value THEN format(' AND c.id %s ($4 ->> ''id'')::uuid', comparison)
            ELSE format(' AND (c.%I, c.id) %s (($4 ->> ''key'')::%s, ($4 ->> ''id'')::uuid)', key, comparison, key_column.type)
        END;
    order_by := CASE
        WHEN without_value THEN format('c.id %s', direction)
        WHEN by_name THEN format('(c.preferred_name || '''') %s, c.id %1$s', direction)
        ELSE format('c.%I %s, c.id %2$s', key, direction)
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.list_range(regclass, text, boolean, boolean, jsonb) IS
    'The condition that customer c comes after the page before, and the order of a list';
-- Customers without a value come last in either direction. They are a list of their own, which begins
-- where the others end, so that each is a range of one index. Names that are alike lie together, maybe at the
-- end of that index: those found by a part of the name are sorted without it. A row is made whole when it is on the page.
-- $1 is the search, $2 the filters, $3 how many customers are wanted, $4 where the page before ended, $5 how many are few, or near.
CREATE FUNCTION customer_identity_internal.customers_query(
    customers regclass, is_spread boolean, users_query text, key text, scope text, order_by text, condition text, users_conditions text[],
    way text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    page constant text := format(
        CASE
            WHEN way = 'in order' THEN 'SELECT c.id FROM %1$s AS c WHERE %2$s AND %3$s AND %4$s ORDER BY %6$s LIMIT $3'
            WHEN way IN ('nearest', 'nearby') THEN 'SELECT c.id FROM (SELECT c.* FROM %1$s AS c WHERE %2$s ORDER BY %6$s LIMIT $5) AS c'
                ' WHERE %3$s AND %4$s ORDER BY %6$s LIMIT $3'
            WHEN way = 'few' THEN 'SELECT c.id FROM f AS c WHERE (SELECT count(*) FROM f) <= $5 AND %4$s ORDER BY %6$s LIMIT $3'
            WHEN way = 'counted' THEN 'SELECT c.id FROM (SELECT c.* FROM f AS c WHERE (SELECT count(*) FROM f) <= $5 AND %4$s'
                ' UNION ALL SELECT c.* FROM f AS c WHERE (SELECT count(*) FROM f) > $5 AND %5$s) AS c ORDER BY %6$s LIMIT $3'
            WHEN way = 'anywhere' THEN 'SELECT c.id FROM f AS c ORDER BY %6$s LIMIT $3'
        END,
        customers, scope, condition, users_conditions[1], users_conditions[2], order_by);
    candidates constant text := format(
        CASE WHEN way IN ('few', 'counted', 'anywhere') THEN
            'WITH f AS MATERIALIZED (SELECT c.id, c.%I FROM %s AS c WHERE %s AND %s' END
        || CASE way WHEN 'few' THEN ' LIMIT $5 + 1) ' WHEN 'counted' THEN ') ' WHEN 'anywhere' THEN ' AND %s) ' END,
        key, customers, scope, condition, users_conditions[2]);
    is_all constant text := CASE
        WHEN way IN ('nearest', 'nearby') THEN format('count(*) < $3 AND (SELECT count(*) FROM (SELECT FROM %s AS c WHERE %s LIMIT $5) AS c) < $5', customers, scope)
        WHEN way = 'few' THEN '(SELECT count(*) FROM f) <= $5'
        ELSE 'true'
    END;
BEGIN
    IF is_spread THEN
        RETURN format('SELECT array_agg(to_jsonb(c.id)), true FROM (%s) AS c', page);
    END IF;
    RETURN format('%4$sSELECT array_agg((SELECT to_jsonb(r.*) FROM %1$s AS r WHERE r.id = c.id)'
        ' || jsonb_build_object(''users'', (SELECT count(*) FROM (%2$s) AS u WHERE u.customer_id = c.id))), %5$s FROM (%3$s) AS c',
        customers, users_query, page, candidates, is_all);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customers_query(regclass, boolean, text, text, text, text, text, text[], text) IS
    'The query of a page of customers, and whether there are no more; users_conditions: one by one and at once';
-- Where customers are in shards, their logins are on another node: a page is made of three queries.
CREATE FUNCTION customer_identity_internal.rows_in_shards(ids jsonb[], users_query text, customers regclass)
    RETURNS jsonb[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    uuids constant uuid[] := ARRAY(SELECT (i.id #>> '{}')::uuid FROM unnest(ids) AS i (id));
    rows jsonb;
    users jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_object_agg(r.id, to_jsonb(r.*)) FROM %s AS r WHERE r.id = ANY ($1)', customers) INTO rows USING uuids;
    EXECUTE format('SELECT jsonb_object_agg(n.customer_id, n.users) FROM'
        ' (SELECT u.customer_id, count(*) AS users FROM (%s) AS u WHERE u.customer_id = ANY ($1) GROUP BY 1) AS n', users_query)
        INTO users
        USING uuids;
    RETURN ARRAY(
        SELECT rows -> i.id::text || jsonb_build_object('users', COALESCE(users -> i.id::text, '0'))
        FROM unnest(uuids) WITH ORDINALITY AS i (id, place)
        ORDER BY i.place);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_in_shards(jsonb[], text, regclass) IS
    'The rows of a page of customers, by their ids';
-- How many users a customer has is in no statistics: who has some, none or several may be every second customer, or nobody. Those of
-- totals never say that nobody has as much. A page is looked for among the few whom a search finds; among the next in order, where
-- an index has them, and among ten times as many; then among all at once, never customer by customer to the end of an index.
CREATE FUNCTION customer_identity_internal.ways_to_find(filters jsonb, sort_key text, is_search boolean, is_indexed boolean)
    RETURNS text[]
    LANGUAGE sql IMMUTABLE
RETURN array_remove(
    CASE
        WHEN filters ?| '{has_users,shared}' THEN ARRAY[
            CASE WHEN is_search THEN 'few' END,
            CASE WHEN is_indexed THEN 'nearest' END,
            CASE WHEN is_indexed THEN 'nearby' END,
            CASE WHEN filters ? 'shared' AND NOT is_search AND filters - '{has_users,shared}'::text[] <> '{}' THEN 'counted' ELSE 'anywhere' END]
        WHEN filters ?| '{min_spent,min_orders}' AND NOT is_search AND sort_key NOT IN ('total_spent', 'total_orders') THEN ARRAY[
            CASE WHEN is_indexed THEN 'nearest' END,
            CASE WHEN is_indexed THEN 'nearby' END,
            'anywhere']
        ELSE ARRAY['in order']
    END,
    NULL);
COMMENT ON FUNCTION customer_identity_internal.ways_to_find(jsonb, text, boolean, boolean) IS
    'In which ways a page of customers is looked for, one after the other, until it is full or there are no more';
-- Users whose table has another owner are asked for by a function.
CREATE FUNCTION customer_identity_internal.how_many_are_few(customers regclass)
    RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN bool_and(customer_identity_internal.have_one_owner(a.attached, a.customers)) THEN 10000 ELSE 1000 END
        FROM customer_identity_internal.attachments_to_read(how_many_are_few.customers) AS a
        WHERE a.kind = 'users'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.how_many_are_few(regclass) IS
    'Among how many customers who has so many users is looked for one by one';
-- Fetching and sorting a few thousand rows is faster than finding them during a scan in order; fetching millions, one by one from
-- all over a table, is not.
CREATE OR REPLACE FUNCTION customer_identity.list_customers(
    search text DEFAULT NULL,
    filters jsonb DEFAULT NULL,
    sort text DEFAULT '-created_at',
    page_size integer DEFAULT 50,
    after text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 100000
    SET row_security = off
    SET jit = off
    SET random_page_cost = 1.1
AS $$
DECLARE
    typed constant text := NULLIF(btrim(search, E' \t\r\n'), '');
    given constant jsonb := COALESCE(jsonb_strip_nulls(NULLIF(filters, 'null')), '{}');
    order_by constant text := COALESCE(sort, '-created_at');
    size constant integer := COALESCE(page_size, 50);
    sort_key constant text := customer_identity_internal.sort_column(order_by);
    key_column constant record := customer_identity_internal.customer_column_type(customers, sort_key);
    list constant jsonb := jsonb_build_array(typed, given, order_by);
    place constant jsonb := customer_identity_internal.read_cursor(list, after, key_column.type, 'uuid');
    is_spread constant boolean := customer_identity_internal.is_spread(customers);
    users_query constant text := customer_identity_internal.users_query(customers);
    in_order constant boolean := is_spread OR NOT given ?| '{has_users,shared,min_spent,min_orders}';
    logins_query constant text := CASE WHEN given ?| '{has_users,shared}' THEN customer_identity_internal.logins_query(customers) END;
    is_filtered_by_time constant boolean := given ? 'created' AND sort_key = 'created_at';
    few constant integer := CASE WHEN logins_query IS NULL THEN 10000 ELSE customer_identity_internal.how_many_are_few(customers) END;
    sought customer_identity_internal.customer_search;
    condition text := customer_identity_internal.is_somebody(customers);
    time_condition constant text := customer_identity_internal.time_filter_condition(given,
        (customer_identity_internal.customer_column_type(customers, 'created_at')).type::text);
    users_conditions text[];
    by_name boolean;
    range record;
    without_value boolean;
    way text;
    found jsonb[];
    is_all boolean;
    items jsonb[] := '{}';
BEGIN
    PERFORM customer_identity_internal.require_page_size(size);
    PERFORM customer_identity_internal.require_filters(given);
    IF typed IS NOT NULL THEN
        sought := customer_identity_internal.read_search(typed, customers);
        condition := condition || ' AND ' || customer_identity_internal.search_condition(sought, users_query, customers);
    END IF;
    condition := concat_ws(' AND ', customer_identity_internal.column_filter_condition(given),
        CASE WHEN NOT is_filtered_by_time THEN time_condition END, condition);
    by_name := customer_identity_internal.searches_names(sought) AND sort_key = 'preferred_name';
    users_conditions := CASE
        WHEN logins_query IS NULL THEN '{true,true}'::text[]
        ELSE ARRAY[
            customer_identity_internal.users_filter_condition(given, is_spread, CASE WHEN is_spread THEN logins_query ELSE users_query END),
            customer_identity_internal.users_filter_condition(given, true, logins_query)]
    END;
    FOREACH without_value IN ARRAY CASE WHEN key_column.nullable THEN '{f,t}' ELSE '{f}' END::boolean[] LOOP
        CONTINUE WHEN place IS NOT NULL AND place ->> 'key' IS NULL AND NOT without_value;
        EXIT WHEN cardinality(items) > size;
        range := customer_identity_internal.list_range(customers, order_by, by_name, without_value, place);
        IF is_filtered_by_time THEN
            range.scope := range.scope || ' AND ' || time_condition;
        END IF;
        FOREACH way IN ARRAY CASE
            WHEN in_order THEN '{in order}'::text[]
            ELSE customer_identity_internal.ways_to_find(given, sort_key, typed IS NOT NULL,
                NOT by_name AND customer_identity_internal.has_index_on(customers, sort_key))
        END LOOP
            CONTINUE WHEN way = 'nearest' AND size >= few / 10;
            PERFORM set_config('random_page_cost', CASE WHEN way IN ('anywhere', 'counted') AND typed IS NULL THEN '4' ELSE '1.1' END, true);
            EXECUTE customer_identity_internal.customers_query(
                customers, is_spread, users_query, sort_key, range.scope, range.order_by, condition, users_conditions, way)
                INTO found, is_all
                USING sought, given, size + 1 - cardinality(items), place, CASE way WHEN 'nearest' THEN few / 10 ELSE few END;
            found := CASE WHEN is_spread THEN customer_identity_internal.rows_in_shards(found, users_query, customers) ELSE found END;
            EXIT WHEN is_all OR cardinality(items || found) > size;
        END LOOP;
        items := items || found;
    END LOOP;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list,
        jsonb_build_object('key', items[size] -> sort_key, 'id', items[size] -> 'id')));
END
$$;
COMMENT ON FUNCTION customer_identity.list_customers(text, jsonb, text, integer, text, regclass) IS
    'A page of customers, found by a search and filters: items and the cursor of the next page';
-- By the phones that let a user see the customer: the primary one, and those that lead to the customer as well.
CREATE FUNCTION customer_identity_internal.provers_of(customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones text[];
    provers text[];
BEGIN
    EXECUTE format('SELECT array_agg(n.phone) FROM (SELECT c.phone::text FROM %s AS c WHERE c.id = $1 UNION ALL SELECT f.phone FROM (%s) AS f WHERE f.id = $1) AS n (phone)',
        customers, customer_identity_internal.further_phones(customers))
        INTO phones
        USING customer_id;
    EXECUTE format('SELECT array_agg(DISTINCT p.user_id) FROM %s AS p WHERE p.customer_id = $1 AND p.phone = ANY ($2) AND p.ended_at IS NULL AND p.user_id IS NOT NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO provers
        USING customer_id, phones;
    RETURN COALESCE(provers, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.provers_of(uuid, regclass) IS
    'The users with a live proof of a phone of a customer';
CREATE FUNCTION customer_identity_internal.order_time_rows(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT %s AS at, r.%I AS customer_id FROM %s AS r',
        customer_identity_internal.time_of_row(orders.attached), orders.customer_column, orders.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_time_rows(customer_identity.attachments) IS
    'The query that tells when each order of a table was placed';
CREATE FUNCTION customer_identity_internal.first_and_last_order(attached regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (at timestamptz)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT unnest(ARRAY[min(o.at), max(o.at)]) FROM (%s) AS o WHERE o.customer_id = $1',
        customer_identity_internal.order_time_rows(customer_identity_internal.attachment_of(attached)))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.first_and_last_order(regclass, uuid, regclass) IS
    'When a customer placed the first and the last order in a table';
-- For where customer c is joined to the times of its orders.
CREATE OR REPLACE FUNCTION customer_identity_internal.order_times(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(o.attached, o.customers) THEN customer_identity_internal.order_time_rows(o)
            ELSE format('SELECT o.at, c.id AS customer_id FROM customer_identity_internal.first_and_last_order(%L::regclass, c.id, %L::regclass) AS o',
                o.attached::oid, o.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(order_times.customers) AS o
    WHERE o.kind = 'orders';
    RETURN COALESCE(query, 'SELECT NULL::timestamptz AS at, NULL::uuid AS customer_id');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_times(regclass) IS
    'The query that tells when the orders of customer c were placed';
-- The primary one first, then those that lead to the customer as well, then former ones. What was a further phone before it
-- became the primary one has not ceased to lead here.
CREATE FUNCTION customer_identity_internal.phone_list(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones jsonb;
BEGIN
    IF customer_identity_internal.companion_problem(customers, 'customer_phones') IS NOT NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        SELECT COALESCE(jsonb_agg(to_jsonb(p.*) ORDER BY p.primary DESC, p.until DESC NULLS FIRST, p.since, p.phone), '[]')
        FROM (
            SELECT c.phone::text, true, NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::text
            FROM %1$s AS c
            WHERE c.id = $1 AND c.phone IS NOT NULL
            UNION ALL
            SELECT a.phone::text, false, a.since, a.until, a.reason, a.actor
            FROM %2$s AS a
            WHERE a.customer_id = $1 AND (a.until IS NULL OR NOT EXISTS (SELECT FROM %1$s AS c WHERE c.id = $1 AND c.phone = a.phone))
        ) AS p (phone, "primary", since, until, reason, actor)
        $sql$, customers, customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO phones
        USING customer_id;
    RETURN phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phone_list(uuid, regclass) IS
    'The phones of a customer, live and former ones; empty where the book keeps none';
-- A customer that was merged into this one may have won merges before: these are in force as well. Each is looked up,
-- whatever the planner expects.
CREATE FUNCTION customer_identity_internal.merge_list(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges jsonb;
BEGIN
    IF customer_identity_internal.companion_problem(customers, 'customer_merges') IS NOT NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        WITH RECURSIVE merged (id, loser_id) AS (
            SELECT m.id, m.loser_id FROM %1$s AS m WHERE m.winner_id = $1
            UNION
            SELECT m.id, m.loser_id
            FROM merged AS l
            CROSS JOIN LATERAL (SELECT k.id, k.loser_id FROM %1$s AS k WHERE k.winner_id = l.loser_id OFFSET 0) AS m
        )
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('id', m.id, 'winner', m.winner_id, 'loser', m.loser_id, 'merged_at', m.merged_at, 'actor', m.actor, 'reason', m.reason)
            ORDER BY m.id DESC), '[]')
        FROM merged
        CROSS JOIN LATERAL (SELECT k.* FROM %1$s AS k WHERE k.id = merged.id OFFSET 0) AS m
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING customer_id;
    RETURN merges;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_list(uuid, regclass) IS
    'The merges in force that a customer is the result of, newest first; empty where the book keeps none';
-- What details_of() asks in one query, as a server that is distributed can: its logins are on another node than the customer.
CREATE FUNCTION customer_identity_internal.details_in_shards(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer jsonb;
    users jsonb;
    orders jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(c.*) FROM %s AS c WHERE c.id = $1', customers) INTO customer USING customer_id;
    EXECUTE format('SELECT jsonb_build_object(''users'', count(*), ''open_claims'', count(*) FILTER (WHERE (u.id = ANY ($2)) IS NOT TRUE)) FROM (%s) AS u WHERE u.customer_id = $1',
        customer_identity_internal.users_query(customers))
        INTO users
        USING customer_id, customer_identity_internal.provers_of(customer_id, customers);
    EXECUTE format('SELECT jsonb_build_object(''first_order_at'', min(o.at), ''last_order_at'', max(o.at)) FROM (%s) AS o WHERE o.customer_id = $1',
        customer_identity_internal.order_times(customers))
        INTO orders
        USING customer_id;
    RETURN customer || users || orders;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.details_in_shards(uuid, regclass) IS
    'details_of() without phones and merges, for a book that is spread over several nodes';
CREATE OR REPLACE FUNCTION customer_identity_internal.details_of(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    details jsonb;
BEGIN
    IF customer_identity_internal.is_spread(customers) THEN
        details := customer_identity_internal.details_in_shards(customer_id, customers);
    ELSE
        EXECUTE format(
            'SELECT to_jsonb(c.*) || to_jsonb(u.*) || to_jsonb(o.*) FROM %s AS c,'
            ' LATERAL (SELECT count(*) AS users, count(*) FILTER (WHERE (u.id = ANY ($2)) IS NOT TRUE) AS open_claims'
            ' FROM (%s) AS u WHERE u.customer_id = c.id) AS u,'
            ' LATERAL (SELECT min(o.at) AS first_order_at, max(o.at) AS last_order_at FROM (%s) AS o WHERE o.customer_id = c.id) AS o'
            ' WHERE c.id = $1',
            customers, customer_identity_internal.users_query(customers), customer_identity_internal.order_times(customers))
            INTO details
            USING customer_id, customer_identity_internal.provers_of(customer_id, customers);
    END IF;
    RETURN details || jsonb_build_object(
        'phones', customer_identity_internal.phone_list(customer_id, customers),
        'merges', customer_identity_internal.merge_list(customer_id, customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.details_of(uuid, regclass) IS
    'customer_details, with the rights of its caller';
CREATE OR REPLACE FUNCTION customer_identity.customer_details(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
BEGIN
    RETURN customer_identity_internal.details_of(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.customer_details(uuid, regclass) IS
    'A customer with the number of users, of those without a proof, the times of the first and last order, phones and merges; NULL when there is none';
CREATE OR REPLACE FUNCTION customer_identity.customer_users(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    users jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_agg(jsonb_build_object(''table'', u.relation, ''id'', u.id, ''name'', u.name, ''email'', u.email,'
        ' ''phones'', u.phones, ''created_at'', u.created_at, ''proved'', (u.id = ANY ($2)) IS TRUE)'
        ' ORDER BY u.created_at, u.relation, u.id COLLATE "C"), ''[]'')'
        ' FROM %s AS c CROSS JOIN LATERAL (SELECT u.* FROM (%s) AS u WHERE u.customer_id = c.id) AS u WHERE c.id = $1',
        customers, customer_identity_internal.users_query(customers))
        INTO users
        USING customer_id, customer_identity_internal.provers_of(customer_id, customers);
    RETURN users;
END
$$;
COMMENT ON FUNCTION customer_identity.customer_users(uuid, regclass) IS
    'The users of a customer, from every attached table: an array, oldest first';
-- A table without a key has its rows' places, which an update changes. Of a key of several columns it is the id, which
-- several rows may have.
CREATE OR REPLACE FUNCTION customer_identity_internal.row_key_column(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT CASE
        WHEN cardinality(k.key) = 1 THEN k.key[1]
        WHEN customer_identity_internal.column_type(relation, 'id') IS NOT NULL THEN 'id'
        ELSE 'ctid'
    END
    FROM customer_identity_internal.primary_key_columns(relation) AS k (key)
);
COMMENT ON FUNCTION customer_identity_internal.row_key_column(regclass) IS
    'The column by which a row is named: its key, else its id, else its place';
-- Partitions have rows at the same places, and tables that inherit have no key of their parent.
CREATE FUNCTION customer_identity_internal.page_key(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN EXISTS (SELECT FROM customer_identity_internal.heirs_of(relation)) THEN '{tableoid,ctid}'
        ELSE COALESCE(customer_identity_internal.primary_key_columns(relation), '{tableoid,ctid}')
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.page_key(regclass) IS
    'The columns that orders of the same time are told apart by';
CREATE FUNCTION customer_identity_internal.after_key(relation regclass, id text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key constant text[] := customer_identity_internal.page_key(relation);
    condition text := 'false';
    type regtype;
BEGIN
    FOR i IN REVERSE cardinality(key)..1 LOOP
        type := customer_identity_internal.column_type(relation, key[i]);
        condition := format('(r.%1$I %2$s %3$L::%4$s OR (r.%1$I %5$s %3$L::%4$s AND %6$s))', key[i],
            customer_identity_internal.less_of(type), id[i], customer_identity_internal.type_name(type),
            customer_identity_internal.equality_of(type), condition);
    END LOOP;
    RETURN condition;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.after_key(regclass, text[]) IS
    'The condition that row r has a lower key';
-- The newest come first, those of unknown time last; orders of one time by the name of their table, and
-- in one table by falling key. `after` is parameter $2.
CREATE OR REPLACE FUNCTION customer_identity_internal.after_place(orders customer_identity.attachments, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN after IS NULL THEN 'true'
            WHEN after ->> 'key' IS NULL THEN format('(t.at IS NULL AND %s)', s.same_time)
            ELSE format('(t.at < ($2 ->> ''key'')::timestamptz OR t.at IS NULL OR (t.at = ($2 ->> ''key'')::timestamptz AND %s))', s.same_time)
        END
        FROM (
            SELECT CASE
                WHEN p.name COLLATE "C" > (after ->> 'table') COLLATE "C" THEN 'true'
                WHEN p.name = after ->> 'table' THEN
                    customer_identity_internal.after_key(orders.attached, (after ->> 'id')::text[])
                ELSE 'false'
            END
            FROM customer_identity_internal.told_name(orders.attached) AS p (name)
        ) AS s (same_time)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.after_place(customer_identity.attachments, jsonb) IS
    'The condition that order r, placed at t.at, comes after a place, which is parameter $2';
-- $1 is a customer. Only the page's own rows are numbered: then the orders of a customer are not sorted further than that.
CREATE FUNCTION customer_identity_internal.orders_query(orders customer_identity.attachments, condition text, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            '(SELECT to_jsonb(l.row) || jsonb_build_object(''table'', %1$L::text) AS item, l.at, %1$L::text COLLATE "C" AS relation,'
            ' ARRAY[%2$s]::text AS id, row_number() OVER (ORDER BY l.at DESC NULLS LAST, %3$s) AS place'
            ' FROM (SELECT (r.*)::%4$s AS row, t.at, %5$s FROM %6$s AS r CROSS JOIN LATERAL (SELECT %7$s) AS t (at)'
            ' WHERE %8$s AND %9$s ORDER BY t.at DESC NULLS LAST, %10$s LIMIT $3) AS l)',
            customer_identity_internal.told_name(orders.attached), k.texts, k.falling,
            customer_identity_internal.type_name(c.reltype::regtype), k.columns, orders.attached,
            customer_identity_internal.time_of_row(orders.attached), condition,
            customer_identity_internal.after_place(orders, after), k.rows_falling)
        FROM pg_class AS c,
            LATERAL (
                SELECT string_agg(format('customer_identity_internal.exact_text(l.key%s)', k.n), ', ' ORDER BY k.n) AS texts,
                    string_agg(format('l.key%s DESC', k.n), ', ' ORDER BY k.n) AS falling,
                    string_agg(format('r.%I AS key%s', k.name, k.n), ', ' ORDER BY k.n) AS columns,
                    string_agg(format('r.%I DESC', k.name), ', ' ORDER BY k.n) AS rows_falling
                FROM unnest(customer_identity_internal.page_key(orders.attached)) WITH ORDINALITY AS k (name, n)
            ) AS k
        WHERE c.oid = orders.attached
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_query(customer_identity.attachments, text, jsonb) IS
    'The query of a page of orders of one table';
CREATE FUNCTION customer_identity_internal.compares_bytes(orders customer_identity.attachments)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN NOT EXISTS (
    SELECT
    FROM pg_attribute AS a
    JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE (a.attrelid, a.attname) IN ((orders.users, orders.users_key_column), (orders.attached, orders.user_column))
        AND NOT c.collisdeterministic
);
COMMENT ON FUNCTION customer_identity_internal.compares_bytes(customer_identity.attachments) IS
    'Whether texts of an order''s user and of its users table are equal in no other way than byte by byte';
-- `user_value` is what the user's row has in the column that the orders are joined by.
CREATE FUNCTION customer_identity_internal.order_condition(orders customer_identity.attachments, user_value text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    condition text := format('r.%I = $1', orders.customer_column);
    type regtype := customer_identity_internal.column_type(orders.attached, orders.user_column);
    users_type regtype := customer_identity_internal.column_type(orders.users, orders.users_key_column);
BEGIN
    IF customer_identity_internal.comparable_type(orders.attached, orders.user_column) = 'N'
        AND customer_identity_internal.comparable_type(orders.users, orders.users_key_column) = 'N' THEN
        type := users_type;
    END IF;
    IF user_value IS NULL OR NOT customer_identity_internal.is_value(type, user_value) THEN
        RETURN condition;
    END IF;
    -- Users 7 and 007 are two people, whatever the orders keep of them. Another collation keeps an index from being used.
    RETURN format('(%s OR (r.%I%s %s %L::%s%s))', condition, orders.user_column,
        CASE WHEN customer_identity_internal.compares_bytes(orders) THEN '' ELSE customer_identity_internal.collation_of_users(orders) END,
        customer_identity_internal.equality_of(type),
        user_value, customer_identity_internal.type_name(type),
        CASE WHEN type <> users_type THEN format(' AND customer_identity_internal.as_text(r.%I) = %L', orders.user_column, user_value) END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_condition(customer_identity.attachments, text) IS
    'The condition that order r is that customer''s or that user''s, either of whom may be nobody';
CREATE FUNCTION customer_identity_internal.is_page_key(attached regclass, id text[], customers regclass)
    RETURNS boolean
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    key constant text[] := customer_identity_internal.page_key(attached);
BEGIN
    IF array_ndims(id) > 1 OR array_lower(id, 1) <> 1 THEN
        RETURN false;
    END IF;
    RETURN cardinality(id) = cardinality(key) AND array_position(id, NULL) IS NULL AND NOT EXISTS (
        SELECT FROM unnest(key, id) AS k (name, value)
        WHERE NOT customer_identity_internal.is_value(customer_identity_internal.column_type(attached, k.name), k.value));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_page_key(regclass, text[], regclass) IS
    'Whether texts can be read as the key of a table, whose types may be of the making of its owner';
CREATE OR REPLACE FUNCTION customer_identity_internal.require_order_place(place jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    orders regclass;
BEGIN
    IF place IS NULL THEN
        RETURN;
    END IF;
    SELECT o.attached INTO orders
    FROM customer_identity_internal.attachments_to_read(customers) AS o
    WHERE o.kind = 'orders' AND customer_identity_internal.told_name(o.attached) = place ->> 'table';
    IF NOT FOUND OR NOT customer_identity_internal.is_value('text[]'::regtype, place ->> 'id')
        OR customer_identity_internal.is_page_key(orders, (place ->> 'id')::text[], customers) IS NOT TRUE THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_place(jsonb, regclass) IS
    'Raises 22023 for a place in no attached orders table';
CREATE FUNCTION customer_identity_internal.orders_in(
    attached regclass, customer_id uuid, user_value text, after jsonb, page_limit integer, customers regclass)
    RETURNS TABLE (item jsonb, at timestamptz, relation text, id text, place bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
DECLARE
    orders customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.orders_query(
        orders, customer_identity_internal.order_condition(orders, user_value), after)
        USING customer_id, after, page_limit;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_in(regclass, uuid, text, jsonb, integer, regclass) IS
    'A page of the orders in a table of a customer and a user';
CREATE FUNCTION customer_identity_internal.is_user(users customer_identity.attachments, user_id text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype := customer_identity_internal.column_type(users.attached, users.key_column);
BEGIN
    IF NOT customer_identity_internal.is_value(type, user_id) THEN
        RETURN 'false';
    END IF;
    -- As everywhere, another spelling is another login.
    RETURN format('%s AND customer_identity_internal.as_text(u.%I) = %L',
        customer_identity_internal.equals_value(format('u.%I', users.key_column), type, user_id), users.key_column, user_id);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_user(customer_identity.attachments, text) IS
    'The condition that user u has an id';
CREATE FUNCTION customer_identity_internal.user_value(attached regclass, user_id text, column_name text, customers regclass)
    RETURNS text
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached);
    found_value text;
BEGIN
    IF customer_identity_internal.column_type(attached, column_name) IS NOT NULL THEN
        EXECUTE format('SELECT customer_identity_internal.as_text(u.%I) FROM %s AS u WHERE %s',
            column_name, attached, customer_identity_internal.is_user(users, user_id))
            INTO found_value;
    END IF;
    RETURN found_value;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_value(regclass, text, text, regclass) IS
    'What a user''s row has in a column, by which orders may be joined';
-- A customer's orders, and those of a user in `users`; NULL is nobody.
CREATE OR REPLACE FUNCTION customer_identity_internal.order_page(
    customer_id uuid, users regclass, user_id text, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    size constant integer := COALESCE(page_size, 50);
    list constant jsonb := jsonb_build_array('orders', customer_id, user_id);
    place constant jsonb := customer_identity_internal.read_cursor(list, after, 'timestamptz', 'text');
    queries text;
    items jsonb[];
    places jsonb[];
BEGIN
    PERFORM customer_identity_internal.require_page_size(size);
    PERFORM customer_identity_internal.require_order_place(place, customers);
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(o.attached, customers) THEN
                customer_identity_internal.orders_query(o, customer_identity_internal.order_condition(o, v.user_value), place)
            ELSE format('(SELECT p.* FROM customer_identity_internal.orders_in(%L::regclass, $1, %L, $2, $3, %L::regclass) AS p)',
                o.attached::oid, v.user_value, customers::oid)
        END,
        ' UNION ALL ')
    INTO queries
    FROM customer_identity_internal.attachments_to_read(customers) AS o
    -- An id may come with the collation of its column.
    LEFT JOIN LATERAL customer_identity_internal.user_value(users, user_id COLLATE "default", o.users_key_column, customers) AS v (user_value)
        ON o.users = users
    WHERE o.kind = 'orders';
    IF queries IS NOT NULL THEN
        EXECUTE format(
            'SELECT array_agg(p.item), array_agg(jsonb_build_object(''key'', p.at, ''table'', p.relation, ''id'', p.id))'
            ' FROM (SELECT * FROM (%s) AS t ORDER BY t.at DESC NULLS LAST, t.relation, t.place LIMIT $3) AS p', queries)
            INTO items, places
            USING customer_id, place, size + 1;
    END IF;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list, places[size]));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_page(uuid, regclass, text, integer, text, regclass) IS
    'A page of the orders of a customer and a user, with the rights of its caller';
CREATE OR REPLACE FUNCTION customer_identity.customer_orders(
    customer_id uuid, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
BEGIN
    RETURN customer_identity_internal.order_page(customer_id, NULL, NULL, page_size, after, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.customer_orders(uuid, integer, text, regclass) IS
    'A page of a customer''s orders, of every login and attached table, newest first: items and the cursor of the next page';
CREATE FUNCTION customer_identity_internal.find_user_in(
    attached regclass, user_id text, customers regclass, OUT is_found boolean, OUT customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    EXECUTE format('SELECT true, u.%I FROM %s AS u WHERE %s',
        users.customer_column, attached, customer_identity_internal.is_user(users, user_id))
        INTO is_found, customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_user_in(regclass, text, regclass) IS
    'Whether a table has a user, and the user''s customer';
-- The same id in two users tables could be two people.
CREATE OR REPLACE FUNCTION customer_identity_internal.find_user(user_id text, customers regclass, OUT users regclass, OUT customer_id uuid)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    attached regclass;
    found_user record;
BEGIN
    FOR attached IN
        SELECT u.attached FROM customer_identity_internal.attachments_to_read(customers) AS u WHERE u.kind = 'users'
    LOOP
        found_user := customer_identity_internal.find_user_in(attached, user_id, customers);
        CONTINUE WHEN found_user.is_found IS NULL;
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'the user''s id is in several users tables'
                USING ERRCODE = 'CI006', DETAIL = format('It is in %s and in %s.', users, attached),
                    HINT = 'Ids must be unique across the users tables of a book.';
        END IF;
        users := attached;
        customer_id := found_user.customer_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_user(text, regclass) IS
    'The users table that has a user, and the user''s customer; CI006 when there are several';
CREATE OR REPLACE FUNCTION customer_identity.visible_orders(
    user_id text, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
DECLARE
    found_user constant record := customer_identity_internal.find_user(user_id, customers);
    seen constant uuid := CASE
        WHEN customer_identity.can_see_customer(user_id, found_user.customer_id, customers) THEN found_user.customer_id
    END;
BEGIN
    RETURN customer_identity_internal.order_page(seen, found_user.users, user_id, page_size, after, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.visible_orders(text, integer, text, regclass) IS
    'A page of the orders that a user may see: the user''s own, and the customer''s where the user has proved the phone';
CREATE OR REPLACE FUNCTION customer_identity_internal.editable_columns(customers regclass)
    RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.attname::text
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' AND a.attidentity <> 'a'
        AND a.attname <> 'phone_generation'
        AND (a.attname IN ('preferred_name', 'notes')
            OR a.attname NOT IN (SELECT c.name FROM customer_identity_internal.customers_columns() AS c))
    ORDER BY a.attnum;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.editable_columns(regclass) IS
    'The columns that update_customer may change: notes, preferred_name and the application''s own';
CREATE OR REPLACE FUNCTION customer_identity_internal.require_changes(changes jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused text;
BEGIN
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'changes must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: {"notes": "calls before noon"}.';
    END IF;
    SELECT k.key INTO refused
    FROM jsonb_object_keys(changes) AS k (key)
    WHERE k.key NOT IN (SELECT e.name FROM customer_identity_internal.editable_columns(customers) AS e (name))
    ORDER BY k.key
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column % cannot be changed', quote_ident(customer_identity_internal.shown(refused))
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('Allowed are: %s.', (SELECT string_agg(e.name, ', ') FROM customer_identity_internal.editable_columns(customers) AS e (name)));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_changes(jsonb, regclass) IS
    'Raises 22023 for changes that update_customer may not make';
CREATE OR REPLACE FUNCTION customer_identity_internal.typed_columns(customers regclass, names text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attname = ANY (names)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.typed_columns(regclass, text[]) IS
    'Columns of customers with their types, as jsonb_to_record takes them';
-- The column alone: a whole row would have to fit the domains of its other columns, too.
CREATE OR REPLACE FUNCTION customer_identity_internal.converted_value(customers regclass, column_name text, value jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    typed_column constant text := customer_identity_internal.typed_columns(customers, ARRAY[column_name]);
    converted jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(n.%I) FROM jsonb_to_record(jsonb_build_object($1, $2)) AS n (%s)', column_name, typed_column)
        INTO converted
        USING column_name, value;
    RETURN COALESCE(converted, 'null');
EXCEPTION WHEN data_exception OR check_violation OR not_null_violation THEN
    RAISE EXCEPTION 'column % cannot hold that value', quote_ident(column_name)
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Reason: %s.', CASE WHEN length(value::text) > 64 THEN customer_identity_internal.shown(SQLERRM) ELSE SQLERRM END),
            HINT = format('The column and its type: %s.', typed_column);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.converted_value(regclass, text, jsonb) IS
    'A value as a column of customers holds it; 22023 when it cannot';
CREATE OR REPLACE FUNCTION customer_identity_internal.changed_values(before jsonb, after jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(a.key, jsonb_build_object('old', before -> a.key, 'new', a.value))
    FROM jsonb_each(after) AS a
    WHERE before -> a.key IS DISTINCT FROM a.value
$$;
COMMENT ON FUNCTION customer_identity_internal.changed_values(jsonb, jsonb) IS
    'The old and new values of what differs; NULL when nothing does';
-- For a server that is distributed, which takes values, but no function that makes them, along to the row.
CREATE FUNCTION customer_identity_internal.assignments(changes jsonb, names text[], customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    value text;
    written text[];
BEGIN
    FOREACH name IN ARRAY names LOOP
        EXECUTE format('SELECT n.%I::text FROM jsonb_to_record($1) AS n (%s)', name, customer_identity_internal.typed_columns(customers, ARRAY[name]))
            INTO value
            USING changes;
        written := written || format('%I = %L', name, value);
    END LOOP;
    RETURN array_to_string(written, ', ');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.assignments(jsonb, text[], regclass) IS
    'Changes of columns of customers as the SET list of an UPDATE, with literals';
-- Returns the resulting values: triggers of the application may write something else, or nothing.
CREATE OR REPLACE FUNCTION customer_identity_internal.write_changes(customer_id uuid, changes jsonb, columns text[], customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written jsonb;
    updated_at timestamptz;
BEGIN
    -- They may rely on finding the tables beside customers.
    PERFORM set_config('search_path', format('pg_catalog, %s, pg_temp', c.relnamespace::regnamespace), true)
    FROM pg_class AS c
    WHERE c.oid = customers;
    -- On that path somebody else's functions and operators could fit better than the server's.
    IF customer_identity_internal.is_spread(customers) THEN
        EXECUTE format('SELECT c.updated_at FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1', customer_identity_internal.qualified_name(customers))
            INTO updated_at
            USING customer_id;
        EXECUTE format('UPDATE %s AS c SET updated_at = $2, %s WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers), customer_identity_internal.assignments(changes, columns, customers))
            USING customer_id, GREATEST(pg_catalog.clock_timestamp(), updated_at OPERATOR(pg_catalog.+) interval '1 microsecond');
    ELSE
        EXECUTE format(
            'UPDATE %s AS c SET updated_at = GREATEST(pg_catalog.clock_timestamp(), c.updated_at OPERATOR(pg_catalog.+) interval ''1 microsecond''), %s'
            ' FROM pg_catalog.jsonb_to_record($2) AS n (%s) WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers),
            (SELECT string_agg(format('%1$I = n.%1$I', k.name), ', ') FROM unnest(columns) AS k (name)),
            customer_identity_internal.typed_columns(customers, columns))
            USING customer_id, changes;
    END IF;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('SELECT to_jsonb(c.*) FROM %s AS c WHERE c.id = $1', customers)
        INTO written
        USING customer_id;
    RETURN (SELECT jsonb_object_agg(w.key, w.value) FROM jsonb_each(written) AS w WHERE w.key = ANY (columns));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_changes(uuid, jsonb, text[], regclass) IS
    'Updates columns of a customer and returns the values that they have then; NULL when a trigger deleted it';
CREATE FUNCTION customer_identity_internal.is_in_key(customers regclass, names text[])
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = customers AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attname = ANY (names)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_in_key(regclass, text[]) IS
    'Whether one of the columns is part of a key that foreign keys can refer to, so that its change locks as a deletion does';
-- Who changes a key waits for orders under way; with a weaker lock that has to be raised later, or in a queue for its turn,
-- such an order would wait for it as well.
CREATE FUNCTION customer_identity_internal.hold_for_key_change(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    LOOP
        BEGIN
            EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING customer_id;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_key_change(uuid, regclass) IS
    'Locks a customer, and holds nothing while it waits for others';
CREATE OR REPLACE FUNCTION customer_identity.update_customer(
    customer_id uuid,
    changes jsonb,
    expected_updated_at timestamptz DEFAULT NULL,
    actor text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
DECLARE
    before jsonb;
    is_stale boolean;
    wanted jsonb;
    written jsonb;
    changed jsonb;
BEGIN
    PERFORM customer_identity_internal.require_changes(changes, customers);
    PERFORM customer_identity_internal.hold_for_key_change(customer_id, customers)
    WHERE customer_identity_internal.is_in_key(customers, ARRAY(SELECT k.key FROM jsonb_object_keys(changes) AS k (key)));
    EXECUTE format(
        'SELECT to_jsonb(c.*), c.updated_at IS DISTINCT FROM $2::%s FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE',
        customer_identity_internal.column_type(customers, 'updated_at'), customers)
        INTO before, is_stale
        USING customer_id, expected_updated_at;
    IF before IS NULL THEN
        RAISE EXCEPTION 'there is no such customer'
            USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or merged into another one.';
    END IF;
    IF expected_updated_at IS NOT NULL AND is_stale THEN
        RAISE EXCEPTION 'the row changed since it was read'
            USING ERRCODE = 'CI004', HINT = 'Read the customer again, and pass its updated_at as it was returned, with microseconds.';
    END IF;
    SELECT jsonb_object_agg(c.key, customer_identity_internal.converted_value(customers, c.key, c.value)) INTO wanted
    FROM jsonb_each(changes) AS c;
    changed := customer_identity_internal.changed_values(before, wanted);
    IF changed IS NOT NULL THEN
        written := customer_identity_internal.write_changes(
            customer_id, changes, ARRAY(SELECT k.key FROM jsonb_object_keys(changed) AS k (key)), customers);
        changed := customer_identity_internal.changed_values(before, written);
    END IF;
    IF changed IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'edited', changed, actor);
    END IF;
    RETURN customer_identity_internal.details_of(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.update_customer(uuid, jsonb, timestamptz, text, regclass) IS
    'Changes notes, preferred_name and the application''s own columns, with an event in the history. CI004 when updated_at is not the expected one. Returns what customer_details returns';
-- Tables in any schema: by foreign keys to whatever columns of customers, and by the columns that they are attached by.
CREATE FUNCTION customer_identity_internal.keys_to_customers(customers regclass)
    RETURNS TABLE (relation regclass, way jsonb, cascades boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT w.relation, jsonb_build_object('columns', w.columns, 'referenced', w.referenced), bool_or(w.cascades)
        FROM (
            SELECT k.relation, k.columns, k.referenced, k.cascades FROM customer_identity_internal.foreign_keys_to(customers) AS k
            UNION ALL
            SELECT a.attached, ARRAY[a.customer_column], ARRAY['id'], false
            FROM customer_identity_internal.attachments_of(customers) AS a
            WHERE customer_identity_internal.column_type(a.attached, a.customer_column) = 'uuid'::regtype
        ) AS w (relation, columns, referenced, cascades)
        GROUP BY w.relation, w.columns, w.referenced
        ORDER BY 1, w.columns, w.referenced;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_to_customers(regclass) IS
    'The ways {columns, referenced} in which rows of any table refer to customers, and whether they are deleted with them';
CREATE FUNCTION customer_identity_internal.referencing_columns(customers regclass)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT DISTINCT k.relation, c.name
        FROM customer_identity_internal.keys_to_customers(customers) AS k
        CROSS JOIN LATERAL ROWS FROM (jsonb_array_elements_text(k.way -> 'columns'), jsonb_array_elements_text(k.way -> 'referenced')) AS c (name, referenced)
        WHERE c.referenced = 'id'
        ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.referencing_columns(regclass) IS
    'The columns, in any table, that hold the id of a customer';
-- Of another's table the owner of a book reads and unlinks what refers to his customers, and nothing else.
CREATE FUNCTION customer_identity_internal.require_keys(relation regclass, ways jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM jsonb_array_elements(ways) AS w
        WHERE w.value NOT IN (SELECT k.way FROM customer_identity_internal.keys_to_customers(customers) AS k WHERE k.relation = require_keys.relation)
    ) THEN
        RAISE EXCEPTION 'rows of table % do not refer to customers in such a way', relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'Add a foreign key to customers, or attach the table.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_keys(regclass, jsonb, regclass) IS
    'Raises 42501 for ways in which a table does not refer to customers';
-- A foreign key is not inherited: what inherits from a table and has one like it is a table of its own.
CREATE FUNCTION customer_identity_internal.heirs_that_refer(relation regclass, ways jsonb, customers regclass)
    RETURNS oid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    heirs constant oid[] := ARRAY(SELECT h.heir::oid FROM customer_identity_internal.heirs_of(relation) AS h);
BEGIN
    IF heirs = '{}' THEN
        RETURN heirs;
    END IF;
    RETURN ARRAY(
        SELECT k.relation::oid
        FROM customer_identity_internal.keys_to_customers(customers) AS k
        WHERE k.relation::oid = ANY (heirs) AND k.way IN (SELECT w.value FROM jsonb_array_elements(ways) AS w)
        GROUP BY k.relation
        HAVING count(DISTINCT k.way) = (SELECT count(DISTINCT w.value) FROM jsonb_array_elements(ways) AS w)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.heirs_that_refer(regclass, jsonb, regclass) IS
    'The tables that inherit from one and refer to customers in all of its ways themselves';
CREATE FUNCTION customer_identity_internal.not_of_heirs(heirs oid[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN heirs <> '{}' THEN format(' AND r.tableoid OPERATOR(pg_catalog.<>) ALL (%L::pg_catalog.oid[])', heirs) ELSE '' END;
COMMENT ON FUNCTION customer_identity_internal.not_of_heirs(oid[]) IS
    'The condition, after others, that row r is of none of some tables';
CREATE FUNCTION customer_identity_internal.count_rows_of(referencing regclass, way jsonb, customer jsonb, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    counted bigint;
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, jsonb_build_array(way), customers);
    EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s%s', referencing, customer_identity_internal.refers_to(referencing, way, '$1'),
        customer_identity_internal.not_of_heirs(customer_identity_internal.heirs_that_refer(referencing, jsonb_build_array(way), customers)))
        INTO counted
        USING customer;
    RETURN counted;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_rows_of(regclass, jsonb, jsonb, regclass) IS
    'How many rows of a table refer to a customer in one way, without those of tables that inherit from it and do so themselves';
-- How rows are told apart: by the primary key, else by a unique index over columns that are NOT NULL and not computed from others, in
-- whose place the whole row stands where there is none.
CREATE FUNCTION customer_identity_internal.key_columns(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT k.names
        FROM pg_index AS i
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text ORDER BY c.position), bool_and(a.attnotnull AND a.attgenerated = '')
            FROM unnest(i.indkey) WITH ORDINALITY AS c (number, position)
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = c.number
            WHERE c.position <= i.indnkeyatts
        ) AS k (names, is_given)
        WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid
            AND i.indpred IS NULL AND i.indexprs IS NULL AND k.is_given
        ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_columns(regclass) IS
    'The columns that tell the rows of a table apart; NULL: nothing but the whole row does';
-- Statements on a table of the application run on a path on which its triggers find their tables, like
-- write_changes(); everything of ours in them is qualified.
CREATE FUNCTION customer_identity_internal.path_of(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (SELECT format('pg_catalog, %s, pg_temp', c.relnamespace::regnamespace) FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION customer_identity_internal.path_of(regclass) IS
    'The search_path for statements that fire the triggers of a table';
-- Of another's table the owner of a book reads and moves what refers to his customers, and no other column.
CREATE FUNCTION customer_identity_internal.require_references(relation regclass, names text[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT names <@ ARRAY(SELECT r.column_name FROM customer_identity_internal.referencing_columns(customers) AS r WHERE r.relation = require_references.relation) THEN
        RAISE EXCEPTION 'column % of table % does not refer to customers', array_to_string(names, ', '), relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'Add a foreign key to customers, or attach the table by that column.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_references(regclass, text[], regclass) IS
    'Raises 42501 for columns that hold no ids of customers';
-- What tells row `r` apart but for the column: an object of its key, or of the whole row where it has none.
CREATE FUNCTION customer_identity_internal.reference_key(columns text[], column_name text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN columns IS NULL THEN format('(customer_identity_internal.exact_json(r.*) OPERATOR(pg_catalog.-) %L)', column_name)
        ELSE format('pg_catalog.jsonb_build_object(%s)', (
            SELECT string_agg(format('%1$L, customer_identity_internal.exact_json(r.%1$I)', c.name), ', ') FROM unnest(columns) AS c (name)))
    END
$$;
COMMENT ON FUNCTION customer_identity_internal.reference_key(text[], text) IS
    'An expression for what tells row r of a table apart, whatever a column holds';
-- Records of earlier merges have keys as the settings of their session made them. Those with values that JSON does not give
-- back are compared as they are.
CREATE FUNCTION customer_identity_internal.given_keys(relation regclass, columns text[], key text, given text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (COALESCE(columns, ARRAY[a.attname::text])));
BEGIN
    IF names = '{}' OR EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = ANY (names)
            AND (a.atttypid <> customer_identity_internal.base_type(a.atttypid) OR customer_identity_internal.has_own_json(a.atttypid)))
    THEN
        RETURN format('SELECT e.value AS key FROM pg_catalog.jsonb_array_elements(%s) AS e', given);
    END IF;
    RETURN format('SELECT %s AS key FROM pg_catalog.jsonb_to_recordset(%s) AS r (%s)',
        key, given, customer_identity_internal.typed_columns(relation, names));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.given_keys(regclass, text[], text, text) IS
    'The query of keys that are given as a jsonb array, as they are written now';
-- Of rows without a key as many are meant as `given` has alike. `refers` is a condition on row `r`, `key` an expression for
-- what tells it apart, `given` one for a jsonb array of such keys.
CREATE FUNCTION customer_identity_internal.rows_with_keys(relation regclass, columns text[], key text, refers text, given text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF columns = '{}' THEN
        RETURN format('FROM (SELECT 1) AS k (one) WHERE %s', refers);
    END IF;
    IF columns IS NULL THEN
        RETURN format(
            'FROM (SELECT r.ctid AS place, r.tableoid AS part, %1$s AS key, pg_catalog.row_number() OVER (PARTITION BY %1$s) AS number'
            ' FROM %2$s AS r WHERE %3$s) AS f'
            ' JOIN (SELECT g.key, pg_catalog.count(*) AS alike FROM (%4$s) AS g GROUP BY 1) AS k'
            ' ON k.key OPERATOR(pg_catalog.=) f.key AND f.number OPERATOR(pg_catalog.<=) k.alike'
            ' WHERE r.ctid OPERATOR(pg_catalog.=) f.place AND r.tableoid OPERATOR(pg_catalog.=) f.part',
            key, customer_identity_internal.qualified_name(relation), refers,
            customer_identity_internal.given_keys(relation, columns, key, given));
    END IF;
    RETURN format(
        'FROM pg_catalog.jsonb_to_recordset(%s) AS k (%s) WHERE %s%s',
        given, customer_identity_internal.typed_columns(relation, columns), refers,
        (SELECT string_agg(format(' AND r.%1$I %2$s k.%1$I', c.name,
                customer_identity_internal.equality_of(customer_identity_internal.column_type(relation, c.name))), '')
            FROM unnest(columns) AS c (name)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_with_keys(regclass, text[], text, text, text) IS
    'FROM and WHERE of an UPDATE of rows r that refer to a customer and whose keys are given';
-- `keys`: NULL moves all rows of `source`; else those rows alone, as an earlier call has returned them.
CREATE FUNCTION customer_identity_internal.move_references(
    referencing regclass, column_name text, source uuid, target uuid, keys jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    columns constant text[] := array_remove(customer_identity_internal.key_columns(referencing), column_name);
    moved jsonb;
BEGIN
    IF keys = '[]' THEN
        RETURN keys;
    END IF;
    PERFORM customer_identity_internal.require_references(referencing, ARRAY[column_name], customers);
    PERFORM set_config('search_path', customer_identity_internal.path_of(referencing), true);
    EXECUTE format(
        'WITH moved AS (UPDATE %s AS r SET %I = $2 %s RETURNING %s AS key)'
        ' SELECT COALESCE(pg_catalog.jsonb_agg(m.key), ''[]'') FROM moved AS m',
        customer_identity_internal.qualified_name(referencing), column_name,
        CASE
            WHEN keys IS NULL THEN format('WHERE r.%I OPERATOR(pg_catalog.=) $1', column_name)
            ELSE customer_identity_internal.rows_with_keys(referencing, columns, customer_identity_internal.reference_key(columns, column_name),
                format('r.%I OPERATOR(pg_catalog.=) $1', column_name), '$3')
        END,
        customer_identity_internal.reference_key(columns, column_name))
        INTO moved
        USING source, target, keys;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN moved;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_references(regclass, text, uuid, uuid, jsonb, regclass) IS
    'Makes rows that refer to one customer refer to another, in one UPDATE, and returns their keys';
-- Asks first what costs little: in a search of a whole table hardly a row has one of the phones.
CREATE FUNCTION customer_identity_internal.came_by_condition(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format(
    '(EXISTS (SELECT FROM (%s) AS c (n, raw) WHERE customer_identity_internal.claimed_phone(c.raw, %s) = ANY ($2)) AND %s = ANY ($2))',
    customer_identity_internal.claims_query(attached), customer_identity_internal.region_expression(attached),
    customer_identity_internal.claim_expression(attached));
COMMENT ON FUNCTION customer_identity_internal.came_by_condition(customer_identity.attachments) IS
    'The condition that row r names somebody by one of the phones $2';
-- Logins that claim one of the phones; orders of guests with one, and of logins that are linked to `via`. Where `since`
-- is given: those linked, or placed, since then, and all orders of the logins.
CREATE FUNCTION customer_identity_internal.rows_come_by(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at constant text := customer_identity_internal.time_of_row(attached.attached);
    came_by constant text := customer_identity_internal.came_by_condition(attached);
BEGIN
    IF attached.kind = 'users' THEN
        RETURN format('FROM %s AS r WHERE r.%I = $1 AND %s AND ($4 IS NULL OR COALESCE(($5 ->> customer_identity_internal.as_text(r.%I))::timestamptz, %s) >= $4)',
            attached.attached, attached.customer_column, came_by, attached.key_column, at);
    END IF;
    IF NOT customer_identity_internal.has_logins(attached) THEN
        RETURN format('FROM %s AS r WHERE r.%I = $1 AND %s AND ($4 IS NULL OR %s >= $4)', attached.attached, attached.customer_column, came_by, at);
    END IF;
    RETURN format('FROM %s AS r LEFT JOIN %s AS u ON %s WHERE r.%I = $1'
        ' AND (u.customer_id = $3 OR (u.customer_id IS NULL AND %s AND ($4 IS NULL OR %s >= $4)))',
        attached.attached, customer_identity_internal.logins_of_orders(attached), customer_identity_internal.user_condition(attached),
        attached.customer_column, came_by, at);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_come_by(customer_identity.attachments) IS
    'FROM and WHERE of the rows r of customer $1 that came by one of the phones $2, or by a login of customer $3, since $4; $5 tells when logins were linked';
CREATE FUNCTION customer_identity_internal.keys_by_phones(
    referencing regclass, customer_id uuid, phones text[], via uuid, since timestamptz, links jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    attached constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    keys jsonb;
BEGIN
    EXECUTE format('SELECT COALESCE(jsonb_agg(%s), ''[]'') %s',
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), attached.customer_column), attached.customer_column),
        customer_identity_internal.rows_come_by(attached))
        INTO keys
        USING customer_id, phones, via, since, links;
    RETURN keys;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_by_phones(regclass, uuid, text[], uuid, timestamptz, jsonb, regclass) IS
    'The keys of a customer''s rows in an attached table that came by one of the phones, or by a login of the customer via';
CREATE FUNCTION customer_identity_internal.keys_without(referencing regclass, column_name text, keys jsonb, others jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    columns constant text[] := array_remove(customer_identity_internal.key_columns(referencing), column_name);
    kept jsonb;
BEGIN
    EXECUTE format('SELECT COALESCE(jsonb_agg(k.value), ''[]'') FROM jsonb_array_elements($1) AS k WHERE k.value NOT IN (SELECT o.key FROM (%s) AS o)',
        customer_identity_internal.given_keys(referencing, columns, customer_identity_internal.reference_key(columns, column_name), '$2'))
        INTO kept
        USING keys, others;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_without(regclass, text, jsonb, jsonb, regclass) IS
    'Those of the keys of a table that are not among others, which an earlier call has returned';
-- Users first: whose orders follow them is known only when they have moved.
CREATE FUNCTION customer_identity_internal.attached_in_order(customers regclass)
    RETURNS TABLE (attached regclass, customer_column text, kind text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attached, a.customer_column, a.kind
    FROM customer_identity_internal.attachments_of(customers) AS a
    ORDER BY a.kind DESC, customer_identity_internal.qualified_name(a.attached)
$$;
COMMENT ON FUNCTION customer_identity_internal.attached_in_order(regclass) IS
    'The attached tables of a book, users before orders';
-- What a merge moves, table by table: by foreign keys to customers, whatever columns they have, by the column that a table is
-- attached by, and by what refers to such columns in its turn from a table of the same owner, as it holds the same ids.
CREATE FUNCTION customer_identity_internal.owner_of_table(relation regclass)
    RETURNS oid
    LANGUAGE sql STABLE
RETURN (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION customer_identity_internal.owner_of_table(regclass) IS
    'The owner of a table';
CREATE FUNCTION customer_identity_internal.references_to(customers regclass)
    RETURNS TABLE (relation regclass, columns text[], referenced text[])
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE held (relation, columns, referenced) AS (
            SELECT k.relation, k.columns, k.referenced FROM customer_identity_internal.foreign_keys_to(customers) AS k WHERE NOT k.is_generated
            UNION
            SELECT a.attached, ARRAY[a.customer_column], ARRAY['id']
            FROM customer_identity_internal.attachments_of(customers) AS a
            WHERE customer_identity_internal.column_type(a.attached, a.customer_column) = 'uuid'::regtype
            UNION
            SELECT k.relation, ARRAY[k.columns[array_position(k.referenced, h.columns[array_position(h.referenced, 'id')])]], ARRAY['id']
            FROM held AS h
            CROSS JOIN LATERAL customer_identity_internal.foreign_keys_to(h.relation) AS k
            WHERE NOT k.is_generated AND h.relation <> customers AND h.columns[array_position(h.referenced, 'id')] = ANY (k.referenced)
                AND customer_identity_internal.owner_of_table(k.relation) = customer_identity_internal.owner_of_table(h.relation)
        )
        SELECT h.relation, h.columns, h.referenced FROM held AS h;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.references_to(regclass) IS
    'The columns by which rows of any table refer to customers, and to which columns of them';
-- Foreign keys among tables that are tied would fail in between, unless they move in one statement: it is checked when that
-- ends.
CREATE FUNCTION customer_identity_internal.movable_tables(referencing regclass, customers regclass)
    RETURNS TABLE (relation regclass, ways jsonb, tied regclass)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE moved AS MATERIALIZED (
            SELECT r.relation, r.columns, r.referenced
            FROM customer_identity_internal.references_to(customers) AS r
            WHERE customer_identity_internal.owner_of_table(r.relation) = customer_identity_internal.owner_of_table(referencing)
        ),
        pairs AS (
            SELECT DISTINCT m.relation AS one, k.confrelid::regclass AS other
            FROM moved AS m
            JOIN pg_constraint AS k ON k.conrelid = m.relation AND k.contype = 'f'
            JOIN pg_attribute AS a ON a.attrelid = m.relation AND a.attnum = ANY (k.conkey) AND a.attname = ANY (m.columns)
            WHERE k.confrelid NOT IN (m.relation, customers) AND k.confrelid IN (SELECT o.relation FROM moved AS o)
        ),
        reached (relation, tied) AS (
            SELECT DISTINCT m.relation, m.relation FROM moved AS m
            UNION
            SELECT r.relation, CASE p.one WHEN r.tied THEN p.other ELSE p.one END FROM reached AS r JOIN pairs AS p ON r.tied IN (p.one, p.other)
        )
        SELECT w.relation, w.ways, (SELECT min(r.tied::oid)::regclass FROM reached AS r WHERE r.relation = w.relation)
        FROM (
            SELECT m.relation,
                jsonb_agg(jsonb_build_object('columns', m.columns, 'referenced', m.referenced) ORDER BY m.columns, m.referenced) AS ways
            FROM moved AS m
            GROUP BY m.relation
        ) AS w;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.movable_tables(regclass, regclass) IS
    'The tables with rows of customers that have the owner of one of them: the ways in which rows refer, [{columns, referenced}], and which tables are tied by foreign keys';
-- What acts as the owner of a table does so for all tables of his.
CREATE FUNCTION customer_identity_internal.table_of_each_owner(customers regclass)
    RETURNS SETOF regclass
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT min(r.relation::oid)::regclass
        FROM customer_identity_internal.references_to(customers) AS r
        GROUP BY customer_identity_internal.owner_of_table(r.relation)
        ORDER BY 1;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.table_of_each_owner(regclass) IS
    'One of the tables with rows of customers for each owner of such tables';
-- Without the length that a type may have, and with the largest integer: what the column cannot hold refers to nobody, and is
-- neither cut off nor an error.
CREATE FUNCTION customer_identity_internal.key_value(relation regclass, column_name text, customer text, referenced text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('CAST(%s OPERATOR(pg_catalog.->>) %L AS %s)', customer, referenced,
            CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype) THEN 'pg_catalog.int8' ELSE format_type(a.atttypid, -1) END)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_value(regclass, text, text, text) IS
    'An expression for a column of a customer, which is an expression for a jsonb, to compare with a column that refers to it';
CREATE FUNCTION customer_identity_internal.refers_to(relation regclass, reference jsonb, customer text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT '(' || string_agg(
            format('r.%I %s %s', c.name,
                CASE WHEN t.type IN ('int2'::regtype, 'int4'::regtype) THEN 'OPERATOR(pg_catalog.=)' ELSE customer_identity_internal.equality_of(t.type) END,
                customer_identity_internal.key_value(relation, c.name, customer, c.referenced)),
            ' AND ' ORDER BY c.place) || ')'
        FROM ROWS FROM (jsonb_array_elements_text(reference -> 'columns'), jsonb_array_elements_text(reference -> 'referenced'))
            WITH ORDINALITY AS c (name, referenced, place)
        CROSS JOIN LATERAL customer_identity_internal.column_type(relation, c.name) AS t (type)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refers_to(regclass, jsonb, text) IS
    'The condition that row r refers to a customer in one way';
CREATE FUNCTION customer_identity_internal.refers_in_any_way(relation regclass, ways jsonb, customer text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT '(' || string_agg(customer_identity_internal.refers_to(relation, w.value, customer), ' OR ') || ')'
        FROM jsonb_array_elements(ways) AS w
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refers_in_any_way(regclass, jsonb, text) IS
    'The condition that row r refers to a customer in one of the ways';
-- $1 is the customer that rows refer to, $2 the one that they will refer to.
CREATE FUNCTION customer_identity_internal.columns_after_move(relation regclass, ways jsonb)
    RETURNS TABLE (name text, value text)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.name,
            format('CASE %s ELSE r.%I END',
                string_agg(format('WHEN %s THEN %s', customer_identity_internal.refers_to(relation, w.value, '$1'),
                    customer_identity_internal.key_value(relation, c.name, '$2', c.referenced)), ' '),
                c.name)
        FROM jsonb_array_elements(ways) AS w
        CROSS JOIN LATERAL ROWS FROM (jsonb_array_elements_text(w.value -> 'columns'), jsonb_array_elements_text(w.value -> 'referenced'))
            AS c (name, referenced)
        GROUP BY c.name;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.columns_after_move(regclass, jsonb) IS
    'The columns of a table that a move changes, and expressions for what they will hold';
CREATE FUNCTION customer_identity_internal.generated_columns(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT COALESCE(array_agg(a.attname::text), '{}')
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.generated_columns(regclass) IS
    'The columns of a table that are computed from others';
CREATE FUNCTION customer_identity_internal.key_of_row(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN k.columns IS NULL THEN format('(customer_identity_internal.exact_json(r.*) OPERATOR(pg_catalog.-) %L::pg_catalog.text[])', customer_identity_internal.generated_columns(relation))
            ELSE customer_identity_internal.reference_key(k.columns, NULL)
        END
        FROM customer_identity_internal.key_columns(relation) AS k (columns)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_of_row(regclass) IS
    'An expression for what tells row r of a table apart: its key, or all of it';
CREATE FUNCTION customer_identity_internal.moving_update(relation regclass, ways jsonb, source text, returned text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('UPDATE %s AS r SET %s %s RETURNING %s', customer_identity_internal.qualified_name(relation),
            string_agg(format('%I = %s', c.name, c.value), ', ' ORDER BY c.name), source, returned)
        FROM customer_identity_internal.columns_after_move(relation, ways) AS c
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.moving_update(regclass, jsonb, text, text) IS
    'The UPDATE of rows r of a table; source is its FROM and WHERE';
-- Which way a row referred by cannot be told any more when it has moved; so it is looked up before where there are several.
-- The loser's own row goes with the loser.
CREATE FUNCTION customer_identity_internal.update_of_all(relation regclass, ways jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refers constant text := customer_identity_internal.refers_in_any_way(relation, ways, '$1')
        || CASE WHEN relation = customers THEN ' AND NOT r.id OPERATOR(pg_catalog.=) CAST($1 OPERATOR(pg_catalog.->>) ''id'' AS pg_catalog.uuid)' ELSE '' END;
    key constant text := customer_identity_internal.key_of_row(relation);
BEGIN
    IF jsonb_array_length(ways) = 1 THEN
        RETURN customer_identity_internal.moving_update(relation, ways, 'WHERE ' || refers, format('%s AS key, %L::pg_catalog.jsonb AS ways', key, ways));
    END IF;
    RETURN customer_identity_internal.moving_update(relation, ways,
        format('FROM (SELECT r.ctid AS place, r.tableoid AS part, %s AS ways FROM %s AS r WHERE %s) AS f'
            ' WHERE r.ctid OPERATOR(pg_catalog.=) f.place AND r.tableoid OPERATOR(pg_catalog.=) f.part',
            (SELECT string_agg(format('CASE WHEN %s THEN %L::pg_catalog.jsonb ELSE ''[]'' END',
                customer_identity_internal.refers_to(relation, w.value, '$1'), jsonb_build_array(w.value)), ' OPERATOR(pg_catalog.||) ' ORDER BY w.place)
                FROM jsonb_array_elements(ways) WITH ORDINALITY AS w (value, place)),
            customer_identity_internal.qualified_name(relation), refers),
        format('%s AS key, f.ways', key));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.update_of_all(regclass, jsonb, regclass) IS
    'The UPDATE that moves all rows of a table from customer $1 to $2, and returns key and ways of each';
-- `part` is an expression for one element of what move_all_rows() has returned; `ways` are those of its ways that are left.
CREATE FUNCTION customer_identity_internal.update_of_some(relation regclass, ways jsonb, part text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT customer_identity_internal.moving_update(relation, ways,
            customer_identity_internal.rows_with_keys(relation, customer_identity_internal.key_columns(relation),
                customer_identity_internal.key_of_row(relation), customer_identity_internal.refers_in_any_way(relation, ways, '$1'),
                format('(%s OPERATOR(pg_catalog.->) ''keys'')', part)),
            '1')
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.update_of_some(regclass, jsonb, text) IS
    'The UPDATE that moves rows of a table whose keys are in a part of what moved before';
CREATE FUNCTION customer_identity_internal.path_of_all(relations regclass[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('pg_catalog, %s, pg_temp', string_agg(DISTINCT c.relnamespace::regnamespace::text, ', '))
        FROM pg_class AS c
        WHERE c.oid = ANY (relations)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.path_of_all(regclass[]) IS
    'The search_path for statements that fire the triggers of several tables';
CREATE FUNCTION customer_identity_internal.refuse_rows(detail text, hint text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows cannot be moved to another customer' USING ERRCODE = 'CI006', DETAIL = detail, HINT = hint;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_rows(text, text) IS
    'Raises CI006 for rows that stay where they are';
-- A key of the application may be one that the other customer has no value for.
CREATE FUNCTION customer_identity_internal.require_referenced(relation regclass, ways jsonb, source jsonb, target jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way jsonb;
    missing text;
    is_used boolean;
BEGIN
    FOR way, missing IN
        SELECT w.value, (SELECT string_agg(quote_ident(c.name), ', ') FROM jsonb_array_elements_text(w.value -> 'referenced') AS c (name) WHERE target ->> c.name IS NULL)
        FROM jsonb_array_elements(ways) AS w
    LOOP
        CONTINUE WHEN missing IS NULL;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE %s)', relation, customer_identity_internal.refers_to(relation, way, '$1'))
            INTO is_used
            USING source;
        IF is_used THEN
            PERFORM customer_identity_internal.refuse_rows(
                format('Rows of %s refer to %s of the customer, which the other one does not have.', relation, missing),
                'Give the other customer a value there, or change these rows.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_referenced(regclass, jsonb, jsonb, jsonb) IS
    'Raises CI006 for rows that refer to a customer by a column in which the other one has nothing';
-- Rows that refer to those which move, from a table of another owner, follow by ON UPDATE CASCADE or stand in the way. A key
-- that is looked at later would fail after us, and one that empties them would lose what they said.
CREATE FUNCTION customer_identity_internal.require_no_late_keys(relation regclass, ways jsonb, source jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late record;
    is_used boolean;
BEGIN
    SELECT k.conname, k.conrelid::regclass AS child INTO late
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
    WHERE k.contype = 'f' AND k.confrelid = relation AND (k.condeferrable OR k.confupdtype IN ('n', 'd')) AND k.confupdtype <> 'c'
        AND customer_identity_internal.owner_of_table(k.conrelid) <> customer_identity_internal.owner_of_table(relation)
        AND a.attname IN (SELECT c.name FROM jsonb_array_elements(ways) AS w, jsonb_array_elements_text(w.value -> 'columns') AS c (name))
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE %s)', relation, customer_identity_internal.refers_in_any_way(relation, ways, '$1'))
        INTO is_used
        USING source;
    IF is_used THEN
        PERFORM customer_identity_internal.refuse_rows(
            format('Rows of %s may refer to rows of %s that would move, by key %I, and have another owner.', late.child, relation, late.conname),
            'Give the tables one owner, or the key ON UPDATE CASCADE.');
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_late_keys(regclass, jsonb, jsonb) IS
    'Raises CI006 for rows that others refer to by a key which would fail after the move, or empty them';
CREATE FUNCTION customer_identity_internal.require_moved(relation regclass, ways jsonb, source jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_left boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE %s%s)', relation, customer_identity_internal.refers_in_any_way(relation, ways, '$1'),
        CASE WHEN relation = customers THEN ' AND r.id <> ($1 ->> ''id'')::uuid' ELSE '' END)
        INTO is_left
        USING source;
    IF is_left THEN
        PERFORM customer_identity_internal.refuse_rows(format('A trigger on %s keeps them.', relation),
            'Let the trigger return NEW for the rows that customer_identity writes.');
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_moved(regclass, jsonb, jsonb, regclass) IS
    'Raises CI006 for rows that refer to a customer still';
CREATE FUNCTION customer_identity_internal.statement_for_all(relations regclass[], ways jsonb[], customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('WITH %s SELECT COALESCE(pg_catalog.jsonb_agg(p.part), ''[]'') FROM (%s) AS p (part)',
            string_agg(format('u%s AS (%s)', t.place, customer_identity_internal.update_of_all(t.relation, t.ways, customers)), ', ' ORDER BY t.place),
            string_agg(format('SELECT pg_catalog.jsonb_build_object(''table'', %L::pg_catalog.text, ''ways'', m.ways, ''keys'', pg_catalog.jsonb_agg(m.key)) FROM u%s AS m GROUP BY m.ways',
                customer_identity_internal.told_name(t.relation), t.place), ' UNION ALL ' ORDER BY t.place))
        FROM unnest(relations, ways) WITH ORDINALITY AS t (relation, ways, place)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.statement_for_all(regclass[], jsonb[], regclass) IS
    'The statement that moves all rows of tables from customer $1 to $2, and returns [{table, ways, keys}]';
-- One UPDATE a table; source and target are rows of customers.
CREATE FUNCTION customer_identity_internal.move_all_rows(referencing regclass, source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    tied record;
    part jsonb;
    moved jsonb := '[]';
BEGIN
    FOR tied IN
        SELECT array_agg(m.relation ORDER BY m.relation) AS relations, array_agg(m.ways ORDER BY m.relation) AS ways
        FROM customer_identity_internal.movable_tables(referencing, customers) AS m
        GROUP BY m.tied
        ORDER BY 1
    LOOP
        PERFORM customer_identity_internal.require_referenced(t.relation, t.ways, source, target),
            customer_identity_internal.require_no_late_keys(t.relation, t.ways, source)
        FROM unnest(tied.relations, tied.ways) AS t (relation, ways);
        PERFORM set_config('search_path', customer_identity_internal.path_of_all(tied.relations), true);
        EXECUTE customer_identity_internal.statement_for_all(tied.relations, tied.ways, customers) INTO part USING source, target;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        PERFORM customer_identity_internal.require_moved(t.relation, t.ways, source, customers) FROM unnest(tied.relations, tied.ways) AS t (relation, ways);
        moved := moved || part;
    END LOOP;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_all_rows(regclass, jsonb, jsonb, regclass) IS
    'Makes what refers to one customer in the tables of an owner refer to another; returns [{table, ways, keys}]';
-- Those of a part's ways that are still there, and by which the target can be referred to.
CREATE FUNCTION customer_identity_internal.ways_left(part jsonb, ways jsonb, target jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT COALESCE(jsonb_agg(w.value), '[]')
        FROM jsonb_array_elements(ways) AS w
        WHERE part -> 'ways' @> jsonb_build_array(w.value)
            AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(w.value -> 'referenced') AS c (name) WHERE target ->> c.name IS NULL)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ways_left(jsonb, jsonb, jsonb) IS
    'The ways by which rows that moved can move back';
-- Of parts of what moved, those of one owner's tables.
CREATE FUNCTION customer_identity_internal.move_rows_back(referencing regclass, source jsonb, target jsonb, parts jsonb, customers regclass)
    RETURNS TABLE (part integer, back bigint)
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    tied record;
BEGIN
    FOR tied IN
        SELECT array_agg(DISTINCT m.relation) AS relations,
            format('WITH %s %s',
                string_agg(format('u%s AS (%s)', p.place, customer_identity_internal.update_of_some(m.relation, w.ways, format('($3 OPERATOR(pg_catalog.->) %s)', p.place - 1))), ', '),
                string_agg(format('SELECT %1$s, pg_catalog.count(*) FROM u%1$s', p.place), ' UNION ALL ')) AS statement
        FROM customer_identity_internal.movable_tables(referencing, customers) AS m
        JOIN jsonb_array_elements(parts) WITH ORDINALITY AS p (value, place) ON p.value ->> 'table' = customer_identity_internal.told_name(m.relation)
        CROSS JOIN LATERAL customer_identity_internal.ways_left(p.value, m.ways, target) AS w (ways)
        WHERE w.ways <> '[]'
        GROUP BY m.tied
        ORDER BY max(m.relation::oid) DESC
    LOOP
        PERFORM set_config('search_path', customer_identity_internal.path_of_all(tied.relations), true);
        RETURN QUERY EXECUTE tied.statement USING source, target, parts;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_rows_back(regclass, jsonb, jsonb, jsonb, regclass) IS
    'Moves rows that move_all_rows has moved, as it returned them, and returns how many of which part';
-- 55P03 when another transaction holds one of them.
CREATE FUNCTION customer_identity_internal.lock_rows(referencing regclass, source jsonb, customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    locked record;
BEGIN
    FOR locked IN SELECT m.relation, m.ways FROM customer_identity_internal.movable_tables(referencing, customers) AS m ORDER BY m.relation LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %s AS r WHERE %s FOR UPDATE NOWAIT) AS l', locked.relation,
            customer_identity_internal.refers_in_any_way(locked.relation, locked.ways, '$1'))
            USING source;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.lock_rows(regclass, jsonb, regclass) IS
    'Locks the rows of the tables of an owner that refer to a customer, without waiting';
-- Which unique keys a merge would break, found by looking at the rows as they will be.

-- The role that called, whoever is acted as.
CREATE FUNCTION customer_identity_internal.calling_role()
    RETURNS name
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;
COMMENT ON FUNCTION customer_identity_internal.calling_role() IS
    'The role of the session';
-- As PostgreSQL has it for its own messages about keys.
CREATE FUNCTION customer_identity_internal.may_see_key(index regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller constant name := customer_identity_internal.calling_role();
    is_seen boolean;
BEGIN
    SELECT (has_table_privilege(caller, i.indrelid, 'SELECT')
            OR (i.indexprs IS NULL AND NOT EXISTS (
                SELECT FROM unnest(i.indkey) AS c (number) WHERE NOT has_column_privilege(caller, i.indrelid, c.number, 'SELECT'))))
        AND (NOT t.relrowsecurity OR r.rolsuper OR r.rolbypassrls)
        INTO is_seen
        FROM pg_index AS i
        JOIN pg_class AS t ON t.oid = i.indrelid
        JOIN pg_roles AS r ON r.rolname = caller
        WHERE i.indexrelid = index;
    RETURN is_seen;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.may_see_key(regclass) IS
    'Whether the caller may read the values of a key';
CREATE FUNCTION customer_identity_internal.key_of_index(index regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(pg_get_indexdef(i.indexrelid, c.place, true), ', ' ORDER BY c.place)
        FROM pg_index AS i
        CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) AS c (place)
        WHERE i.indexrelid = index
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_of_index(regclass) IS
    'What a key consists of';
-- Also those of single partitions. One that has nothing to do with what moves cannot be broken.
CREATE FUNCTION customer_identity_internal.keys_at_stake(referencing regclass, names text[])
    RETURNS SETOF regclass
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT i.indexrelid::regclass
        FROM (SELECT referencing UNION SELECT p.relid FROM pg_partition_tree(referencing) AS p) AS t (relation)
        JOIN pg_index AS i ON i.indrelid = t.relation
        JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indisunique AND i.indisvalid AND NOT c.relispartition
            AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = t.relation AND a.attnum = ANY (i.indkey) AND (a.attname = ANY (names) OR a.attgenerated <> '')))
        ORDER BY i.indexrelid::regclass::text;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_at_stake(regclass, text[]) IS
    'The unique indexes of a table that a change of the columns could break';
-- Rows of customers $1 and $2 in a table or one of its partitions, which may have another owner, as they will be when all is
-- $2's.
CREATE FUNCTION customer_identity_internal.rows_after_move(part regclass, referencing regclass, ways jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('SELECT t.*%s FROM (SELECT %s, %s IS TRUE AS customer_identity_moves FROM %s AS r WHERE (%s OR %s)%s) AS t',
            COALESCE(string_agg(format(', %s AS %I', pg_get_expr(d.adbin, d.adrelid), a.attname), '') FILTER (WHERE a.attgenerated <> ''), ''),
            string_agg(format('%s AS %I', COALESCE(m.value, format('r.%I', a.attname)), a.attname), ', ') FILTER (WHERE a.attgenerated = ''),
            customer_identity_internal.refers_in_any_way(referencing, ways, '$1'), customer_identity_internal.qualified_name(referencing),
            customer_identity_internal.refers_in_any_way(referencing, ways, '$1'), customer_identity_internal.refers_in_any_way(referencing, ways, '$2'),
            CASE
                WHEN referencing = customers THEN ' AND r.id <> ($1 ->> ''id'')::uuid'
                WHEN referencing <> part THEN format(' AND r.tableoid IN (SELECT p.relid FROM pg_partition_tree(%s) AS p)', part::oid)
                ELSE ''
            END)
        FROM pg_attribute AS a
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN customer_identity_internal.columns_after_move(referencing, ways) AS m ON m.name = a.attname
        WHERE a.attrelid = referencing AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_after_move(regclass, regclass, jsonb, regclass) IS
    'The query of the rows of two customers as they would be after a merge';
CREATE FUNCTION customer_identity_internal.clashes_query(index regclass, referencing regclass, ways jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('SELECT COALESCE(sum(g.moving), 0), count(*), (array_agg(g.shown ORDER BY g.shown))[1:10] FROM ('
            ' SELECT count(*) FILTER (WHERE k.moves) AS moving, concat_ws('', '', %s) AS shown'
            ' FROM (SELECT %s, t.customer_identity_moves FROM (%s) AS t WHERE %s) AS k (%s, moves) WHERE %s GROUP BY %s'
            ' HAVING count(*) > 1 AND bool_or(k.moves)) AS g',
            string_agg(format('COALESCE(customer_identity_internal.shown(customer_identity_internal.as_text(k.k%s)), ''null'')', c.place), ', ' ORDER BY c.place),
            string_agg(pg_get_indexdef(i.indexrelid, c.place, false), ', ' ORDER BY c.place),
            customer_identity_internal.rows_after_move(i.indrelid, referencing, ways, customers),
            COALESCE(pg_get_expr(i.indpred, i.indrelid), 'true'),
            string_agg('k' || c.place, ', ' ORDER BY c.place),
            CASE WHEN to_jsonb(i.*) -> 'indnullsnotdistinct' = 'true' THEN 'true' ELSE string_agg(format('k.k%s IS NOT NULL', c.place), ' AND ') END,
            string_agg('k.k' || c.place, ', ' ORDER BY c.place))
        FROM pg_index AS i
        CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) AS c (place)
        WHERE i.indexrelid = index
        GROUP BY i.indexrelid, i.indrelid, i.indpred, to_jsonb(i.*)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.clashes_query(regclass, regclass, jsonb, regclass) IS
    'The query of what a merge would break of a unique index: rows that move, keys, and the first of the keys';
CREATE FUNCTION customer_identity_internal.clashes(referencing regclass, ways jsonb, source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(SELECT c.name FROM customer_identity_internal.columns_after_move(referencing, ways) AS c);
    index regclass;
    moving bigint;
    keys bigint;
    examples text[];
    found_clashes jsonb := '[]';
BEGIN
    FOR index IN SELECT k.* FROM customer_identity_internal.keys_at_stake(referencing, names) AS k LOOP
        EXECUTE customer_identity_internal.clashes_query(index, referencing, ways, customers) INTO moving, keys, examples USING source, target;
        IF keys > 0 THEN
            found_clashes := found_clashes || jsonb_build_object(
                'key', index::text, 'columns', customer_identity_internal.key_of_index(index), 'rows', moving,
                'values', CASE WHEN customer_identity_internal.may_see_key(index) THEN to_jsonb(examples) END,
                'more', keys - cardinality(examples));
        END IF;
    END LOOP;
    RETURN found_clashes;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.clashes(regclass, jsonb, jsonb, jsonb, regclass) IS
    'The unique indexes of a table that a merge would break: [{key, columns, rows, values, more}]; no values for who may not read them';
CREATE FUNCTION customer_identity_internal.heirs_that_move(relation regclass, way jsonb, customers regclass)
    RETURNS oid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    heirs constant oid[] := ARRAY(SELECT h.heir::oid FROM customer_identity_internal.heirs_of(relation) AS h);
BEGIN
    IF heirs = '{}' THEN
        RETURN heirs;
    END IF;
    RETURN ARRAY(
        SELECT r.relation::oid
        FROM customer_identity_internal.references_to(customers) AS r
        WHERE r.relation::oid = ANY (heirs) AND jsonb_build_object('columns', r.columns, 'referenced', r.referenced) = way
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.heirs_that_move(regclass, jsonb, regclass) IS
    'The tables that inherit from one and refer to customers in the same way, whose rows are counted there';
-- A clash is told at the first way that its table refers by.
CREATE FUNCTION customer_identity_internal.rows_to_move(referencing regclass, source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    way record;
    counted bigint;
    found_tables jsonb := '[]';
BEGIN
    FOR way IN
        SELECT m.relation, m.ways, w.value, w.place
        FROM customer_identity_internal.movable_tables(referencing, customers) AS m
        CROSS JOIN LATERAL jsonb_array_elements(m.ways) WITH ORDINALITY AS w (value, place)
    LOOP
        EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s%s', way.relation, customer_identity_internal.refers_to(way.relation, way.value, '$1'),
            customer_identity_internal.not_of_heirs(customer_identity_internal.heirs_that_move(way.relation, way.value, customers)))
            INTO counted
            USING source;
        found_tables := found_tables || jsonb_build_object(
            'table', customer_identity_internal.told_name(way.relation),
            'column', (SELECT string_agg(c.name, ', ') FROM jsonb_array_elements_text(way.value -> 'columns') AS c (name)),
            'rows', counted,
            'conflicts', CASE WHEN way.place = 1 THEN customer_identity_internal.clashes(way.relation, way.ways, source, target, customers) ELSE '[]' END);
    END LOOP;
    RETURN found_tables;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_to_move(regclass, jsonb, jsonb, regclass) IS
    'The tables of an owner that refer to a merge''s loser: rows that would move and unique indexes that they would clash in';
-- Both as the change of a key locks them, as the winner may get the loser's phone: a weaker lock that has to be raised later,
-- and an order that holds the customer meanwhile, would wait for each other.
CREATE FUNCTION customer_identity_internal.lock_for_merge(winner uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source jsonb;
BEGIN
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING loser;
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING winner;
    -- Where they are spread over nodes, rows are locked as they are written.
    IF customer_identity_internal.is_spread(customers) THEN
        RETURN;
    END IF;
    source := customer_identity_internal.customer_row(loser, customers);
    PERFORM customer_identity_internal.lock_rows(t.relation, source, customers)
    FROM customer_identity_internal.table_of_each_owner(customers) AS t (relation);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.lock_for_merge(uuid, uuid, regclass) IS
    'Locks two customers and what refers to the second one, without waiting; 55P03 when one is in use';
CREATE FUNCTION customer_identity_internal.hold_for_merge(winner uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    LOOP
        BEGIN
            PERFORM customer_identity_internal.lock_for_merge(winner, loser, customers);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_merge(uuid, uuid, regclass) IS
    'Locks two customers and what refers to the second one, and holds nothing while it waits for others';
CREATE FUNCTION customer_identity_internal.customer_as_json(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT 'customer_identity_internal.exact_json(c.*)'
            || COALESCE(format(' || jsonb_build_object(%s)', string_agg(format('%1$L, customer_identity_internal.exact_text(c.%1$I)', a.attname), ', ')), '')
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND customer_identity_internal.has_own_json(a.atttypid)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customer_as_json(regclass) IS
    'An expression for row c of customers as JSON from which it can be written again';
CREATE FUNCTION customer_identity_internal.customer_row(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row jsonb;
BEGIN
    EXECUTE format('SELECT %s FROM %s AS c WHERE c.id = $1', customer_identity_internal.customer_as_json(customers), customers)
        INTO found_row
        USING customer_id;
    IF found_row IS NULL THEN
        RAISE EXCEPTION 'there is no such customer'
            USING ERRCODE = 'no_data_found', DETAIL = format('No customer has the id %s.', customer_id),
                HINT = 'current_customer() follows merges.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customer_row(uuid, regclass) IS
    'The row of a customer; P0002 when there is none';
-- What the winner's columns will hold: what is empty is filled from the loser, unless it is one of the two, and notes are joined.
CREATE FUNCTION customer_identity_internal.merged_columns(winner jsonb, loser jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_object_agg(m.name, m.value), '{}')
    FROM (
        SELECT e.name, CASE
            WHEN e.name = 'notes' AND btrim(winner ->> 'notes') <> '' AND btrim(loser ->> 'notes') <> ''
                THEN to_jsonb((winner ->> 'notes') || E'\n' || (loser ->> 'notes'))
            WHEN COALESCE(btrim(winner ->> e.name), '') = '' AND btrim(loser ->> e.name) <> ''
                AND loser ->> e.name NOT IN (winner ->> 'id', loser ->> 'id') THEN loser -> e.name
            ELSE winner -> e.name
        END
        FROM customer_identity_internal.editable_columns(customers) AS e (name)
    ) AS m (name, value)
    WHERE m.value IS DISTINCT FROM winner -> m.name
$$;
COMMENT ON FUNCTION customer_identity_internal.merged_columns(jsonb, jsonb, regclass) IS
    'The columns of a merge''s winner that change, and what they will hold';
-- The winner's columns that a foreign key has beside its id: they are filled before the rows move, the others, which may be
-- unique, when the loser is gone.
CREATE FUNCTION customer_identity_internal.key_changes(changes jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}')
    FROM (
        SELECT DISTINCT c.name
        FROM customer_identity_internal.foreign_keys_to(customers) AS k
        CROSS JOIN LATERAL unnest(k.referenced) AS c (name)
        WHERE NOT k.is_generated AND 'id' = ANY (k.referenced)
    ) AS k
    JOIN jsonb_each(changes) AS e ON e.key = k.name
$$;
COMMENT ON FUNCTION customer_identity_internal.key_changes(jsonb, regclass) IS
    'Those of a winner''s changes that rows which refer to it depend on';
CREATE FUNCTION customer_identity_internal.merge_tables(winner_row jsonb, loser_row jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(f.value ORDER BY f.value ->> 'table', f.place), '[]')
    FROM customer_identity_internal.table_of_each_owner(customers) AS t (relation)
    CROSS JOIN LATERAL jsonb_array_elements(customer_identity_internal.rows_to_move(t.relation, loser_row, winner_row, customers))
        WITH ORDINALITY AS f (value, place)
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_tables(jsonb, jsonb, regclass) IS
    'The tables that refer to a merge''s loser, with conflicts';
CREATE FUNCTION customer_identity_internal.require_two(winner uuid, loser uuid)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF winner IS NULL OR loser IS NULL OR winner = loser THEN
        RAISE EXCEPTION 'two customers are needed'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass the id of the customer that stays, and that of another one.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_two(uuid, uuid) IS
    'Raises 22023 unless two customers are meant';
-- NULL: the merge may go on.
CREATE FUNCTION customer_identity_internal.merge_refusal(tables jsonb)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(
        format('Both have rows in %s that key %s (%s) allows one of%s.', t.value ->> 'table', k.value ->> 'key', k.value ->> 'columns',
            COALESCE(
                ': ' || (SELECT string_agg(format('(%s)', v.value), ', ' ORDER BY v.place)
                    FROM jsonb_array_elements_text(NULLIF(k.value -> 'values', 'null')) WITH ORDINALITY AS v (value, place))
                || CASE WHEN k.value -> 'more' = '0' THEN '' ELSE format(' and %s more', k.value ->> 'more') END,
                format(' (%s)', k.value ->> 'rows'))),
        ' ' ORDER BY t.value ->> 'table', k.value ->> 'key')
    FROM jsonb_array_elements(tables) AS t
    CROSS JOIN LATERAL jsonb_array_elements(t.value -> 'conflicts') AS k
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_refusal(jsonb) IS
    'Why a merge is refused, from what merge_tables returns';
CREATE FUNCTION customer_identity_internal.notes_refusal(changes jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    IF changes ? 'notes' THEN
        PERFORM customer_identity_internal.converted_value(customers, 'notes', changes -> 'notes');
    END IF;
    RETURN NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
    RETURN format('Column notes cannot hold the notes of both. %s', reason);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.notes_refusal(jsonb, regclass) IS
    'Why the notes of two customers cannot be joined; NULL: they can';
CREATE FUNCTION customer_identity.merge_preview(winner uuid, loser uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
DECLARE
    winner_row jsonb;
    loser_row jsonb;
    changes jsonb;
    tables jsonb;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a merge', 'release_phone() frees the phone of one, and add_phone() gives it to the other, whose is what comes by it from then on.');
    PERFORM customer_identity_internal.require_two(winner, loser);
    winner_row := customer_identity_internal.customer_row(winner, customers);
    loser_row := customer_identity_internal.customer_row(loser, customers);
    changes := customer_identity_internal.merged_columns(winner_row, loser_row, customers);
    tables := customer_identity_internal.merge_tables(
        winner_row || customer_identity_internal.key_changes(changes, customers), loser_row, customers);
    RETURN jsonb_build_object(
        'tables', tables,
        'fields', (
            SELECT COALESCE(
                jsonb_agg(
                    jsonb_build_object('column', e.name, 'winner', winner_row -> e.name, 'loser', loser_row -> e.name,
                        'result', COALESCE(changes -> e.name, winner_row -> e.name))
                    ORDER BY e.place),
                '[]')
            FROM customer_identity_internal.editable_columns(customers) WITH ORDINALITY AS e (name, place)),
        'phones', customer_identity_internal.phones_of(winner, customers) || customer_identity_internal.phones_of(loser, customers),
        'points', (winner_row ->> 'loyalty_points')::numeric + (loser_row ->> 'loyalty_points')::numeric,
        'refused', NULLIF(concat_ws(' ', customer_identity_internal.merge_refusal(tables), customer_identity_internal.notes_refusal(changes, customers)), ''));
END
$$;
COMMENT ON FUNCTION customer_identity.merge_preview(uuid, uuid, regclass) IS
    'What merge_customers would do: rows by table with their conflicts, the fields side by side, phones, points, and why it would be refused';
REVOKE EXECUTE ON FUNCTION customer_identity.merge_preview(uuid, uuid, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.phones_of(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_agg(p.phone ORDER BY p.place, p.phone), ''[]'') FROM ('
        ' SELECT c.phone::text, 0 FROM %s AS c WHERE c.id = $1 AND c.phone IS NOT NULL'
        ' UNION ALL SELECT a.phone::text, 1 FROM %s AS a WHERE a.customer_id = $1 AND a.until IS NULL) AS p (phone, place)',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO phones
        USING customer_id;
    RETURN phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phones_of(uuid, regclass) IS
    'The live phones of a customer, the primary one first';
-- Not of a sequence, so that nothing of it is left when the merge is undone; no id is ever given again.
CREATE FUNCTION customer_identity_internal.new_merge_id()
    RETURNS bigint
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;
COMMENT ON FUNCTION customer_identity_internal.new_merge_id() IS
    'The id of a new merge: the time in microseconds; the caller has taken its turn';
CREATE FUNCTION customer_identity_internal.refuse_merge(detail text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the customers cannot be merged'
        USING ERRCODE = 'CI006', DETAIL = detail,
            HINT = 'Decide which of these rows stays, delete or change the other one, shorten notes that are too long, and merge again.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_merge(text) IS
    'Raises CI006 for customers whose rows clash';
-- What clashes() cannot foresee is refused as it is met: exclusion constraints, checks, keys of the application's own.
CREATE FUNCTION customer_identity_internal.move_all_references(source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next regclass;
    moved jsonb := '[]';
    schema_name text;
    table_name text;
    key_name text;
BEGIN
    FOR next IN SELECT t.* FROM customer_identity_internal.table_of_each_owner(customers) AS t LOOP
        moved := moved || customer_identity_internal.move_all_rows(next, source, target, customers);
    END LOOP;
    RETURN moved;
EXCEPTION WHEN unique_violation OR exclusion_violation OR check_violation OR foreign_key_violation THEN
    GET STACKED DIAGNOSTICS schema_name = SCHEMA_NAME, table_name = TABLE_NAME, key_name = CONSTRAINT_NAME;
    IF key_name = '' THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_merge(format(
        CASE WHEN SQLSTATE IN ('23505', '23P01') THEN 'Both have rows in %I.%I that key %I%s allows one of.' ELSE 'A row of %I.%I would break constraint %I%s.' END,
        schema_name, table_name, key_name,
        (SELECT format(' (%s)', customer_identity_internal.key_of_index(c.oid))
            FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(quote_ident(schema_name)) AND c.relname = key_name AND c.relkind IN ('i', 'I'))));
WHEN string_data_right_truncation OR numeric_value_out_of_range THEN
    PERFORM customer_identity_internal.refuse_merge(format('A column that refers to one of them cannot hold what the other one has: %s.', SQLERRM));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_all_references(jsonb, jsonb, regclass) IS
    'Makes everything that refers to one customer refer to another, and returns what it moved; CI006 with the constraint that is in the way';
-- Of what triggers of the application write elsewhere they say themselves what is wrong.
CREATE FUNCTION customer_identity_internal.refuse_row(
    code text, message text, table_name text, column_name text, constraint_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book constant text := customer_identity_internal.qualified_name(customers);
BEGIN
    IF table_name NOT IN ('', (SELECT c.relname FROM pg_class AS c WHERE c.oid = customers)) OR (code LIKE '23%' AND column_name || constraint_name = '') THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'customers does not accept the row'
        USING ERRCODE = 'CI006',
            DETAIL = CASE
                WHEN code = '23502' THEN format('Column %I of %s is NOT NULL, and would be empty.', column_name, book)
                WHEN code LIKE '23%' THEN format('The row would break constraint %I of %s.', constraint_name, book)
                ELSE format('Reason: %s.', message)
            END,
            HINT = CASE
                WHEN code = '23502' AND column_name = 'phone' THEN format('Customers are left without a phone here: ALTER TABLE %s ALTER COLUMN phone DROP NOT NULL;', book)
                WHEN code = '23502' THEN format('Give it a default, or: ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', book, column_name)
                ELSE 'Change the column or constraint, or the values that are in the way, and call again.'
            END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_row(text, text, text, text, text, regclass) IS
    'Raises CI006 for a row of customers that columns or constraints of the application do not allow; nothing for an error that is about something else';
CREATE FUNCTION customer_identity_internal.write_columns(customer_id uuid, changes jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(SELECT k.key FROM jsonb_object_keys(changes) AS k (key));
    table_name text;
    column_name text;
    constraint_name text;
BEGIN
    IF names <> '{}' AND customer_identity_internal.is_spread(customers) THEN
        EXECUTE format('UPDATE %s AS c SET %s WHERE c.id = $1', customers, customer_identity_internal.assignments(changes, names, customers))
            USING customer_id;
    ELSIF names <> '{}' THEN
        PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
        EXECUTE format(
            'UPDATE %s AS c SET %s FROM pg_catalog.jsonb_to_record($2) AS n (%s) WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers),
            (SELECT string_agg(format('%1$I = n.%1$I', k.name), ', ') FROM unnest(names) AS k (name)),
            customer_identity_internal.typed_columns(customers, names))
            USING customer_id, changes;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;
EXCEPTION WHEN not_null_violation OR check_violation OR string_data_right_truncation OR numeric_value_out_of_range THEN
    GET STACKED DIAGNOSTICS table_name = TABLE_NAME, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
    PERFORM customer_identity_internal.refuse_row(SQLSTATE, SQLERRM, table_name, column_name, constraint_name, customers);
    RAISE;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_columns(uuid, jsonb, regclass) IS
    'Writes columns of a customer, whichever they are';
CREATE FUNCTION customer_identity_internal.delete_customer(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted bigint;
BEGIN
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('DELETE FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1', customer_identity_internal.qualified_name(customers))
        USING customer_id;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF deleted = 0 THEN
        RAISE EXCEPTION 'the customer cannot be deleted'
            USING ERRCODE = 'CI006', DETAIL = format('A trigger of %s keeps rows as they are.', customers),
                HINT = 'Let the trigger return OLD for the rows that customer_identity deletes.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.delete_customer(uuid, regclass) IS
    'Deletes a customer that nothing refers to any more; CI006 when it stays';
-- The sum of the entries, which came along; the orders' points have come by the triggers.
CREATE FUNCTION customer_identity_internal.entry_points(customer_id uuid, keys jsonb, customers regclass)
    RETURNS numeric
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    points numeric;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(sum(e.points), 0) FROM %s AS e WHERE e.customer_id = $1'
        ' AND ($2 IS NULL OR e.id::text IN (SELECT k.value ->> ''id'' FROM jsonb_array_elements($2) AS k))',
        customer_identity_internal.companion_of(customers, 'loyalty_entries'))
        INTO points
        USING customer_id, keys;
    RETURN points;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.entry_points(uuid, jsonb, regclass) IS
    'The points of a customer''s loyalty entries: of all, or of those with the keys';
CREATE FUNCTION customer_identity_internal.add_points(customer_id uuid, points numeric, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF points <> 0 THEN
        PERFORM customer_identity_internal.write_columns(customer_id,
            jsonb_build_object('loyalty_points',
                COALESCE((customer_identity_internal.customer_row(customer_id, customers) ->> 'loyalty_points')::numeric, 0) + points),
            customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.add_points(uuid, numeric, regclass) IS
    'Adds points to a customer''s balance; the caller has locked it';
-- Totals that no orders make up are the application's own, and do not come with rows.
CREATE FUNCTION customer_identity_internal.is_fed(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM customer_identity_internal.totals_sources(customers));
COMMENT ON FUNCTION customer_identity_internal.is_fed(regclass) IS
    'Whether a table of orders makes up the totals of a book';
CREATE FUNCTION customer_identity_internal.add_totals(customer_id uuid, added jsonb, subtracted jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present jsonb;
BEGIN
    IF customer_id IS NULL THEN
        RETURN;
    END IF;
    present := customer_identity_internal.customer_row(customer_id, customers);
    PERFORM customer_identity_internal.write_columns(customer_id, (
        SELECT jsonb_object_agg(t.name, COALESCE((present ->> t.name)::numeric, 0)
            + COALESCE((added ->> t.name)::numeric, 0) - COALESCE((subtracted ->> t.name)::numeric, 0))
        FROM (VALUES ('total_orders'), ('total_spent'), ('loyalty_points')) AS t (name)), customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.add_totals(uuid, jsonb, jsonb, regclass) IS
    'Adds the totals of one row of customers to a customer, and takes those of another away; the caller has locked it';
-- Rows of the winner that look as if they had come by the loser's phones, and did not: an undoing leaves them alone.
CREATE FUNCTION customer_identity_internal.rows_that_stay(winner uuid, loser uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones constant text[] := ARRAY(SELECT jsonb_array_elements_text(customer_identity_internal.phones_of(loser, customers)));
BEGIN
    RETURN (
        SELECT COALESCE(jsonb_object_agg(customer_identity_internal.told_name(a.attached), k.keys), '{}')
        FROM customer_identity_internal.attached_in_order(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.keys_by_phones(a.attached, winner, phones, loser, NULL::timestamptz, NULL::jsonb, customers) AS k (keys)
        WHERE k.keys <> '[]'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_that_stay(uuid, uuid, regclass) IS
    'The keys of a merge''s winner''s rows, by table, that came by one of the loser''s phones or logins';
-- A winner without a phone gets the loser's; else it leads to the winner as a further one.
CREATE FUNCTION customer_identity_internal.hand_phone_over(winner_row jsonb, loser_row jsonb, actor text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    winner constant uuid := winner_row ->> 'id';
BEGIN
    IF loser_row ->> 'phone' IS NULL THEN
        RETURN;
    END IF;
    IF winner_row ->> 'phone' IS NULL THEN
        PERFORM customer_identity_internal.write_columns(winner, jsonb_build_object('phone', loser_row -> 'phone'), customers);
        PERFORM customer_identity_internal.mark_as_proved(winner, customers);
    ELSE
        EXECUTE format('INSERT INTO %s (customer_id, phone, since, reason, actor) VALUES ($1, $2, $3, ''merge'', $4)',
            customer_identity_internal.companion_of(customers, 'customer_phones'))
            USING winner, loser_row ->> 'phone', (loser_row ->> 'created_at')::timestamptz, actor;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hand_phone_over(jsonb, jsonb, text, regclass) IS
    'Makes the phone of a merge''s loser, who is gone, lead to the winner';
-- JSON keeps most values as they are. Not the spaces of json, nor the bounds of arrays.
CREATE FUNCTION customer_identity_internal.exact_texts(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(
        SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    texts jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_strip_nulls(jsonb_object(%L::text[], ARRAY[%s])) FROM %s AS c, jsonb_to_record(%s) AS n (%s) WHERE c.id = $1',
        names, (SELECT string_agg(format('NULLIF(customer_identity_internal.exact_text(c.%1$I), customer_identity_internal.exact_text(n.%1$I))', k.name), ', ' ORDER BY k.place)
            FROM unnest(names) WITH ORDINALITY AS k (name, place)),
        customers, customer_identity_internal.customer_as_json(customers), customer_identity_internal.typed_columns(customers, names))
        INTO texts
        USING customer_id;
    RETURN texts;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.exact_texts(uuid, regclass) IS
    'The columns of a customer that come back changed from its row as JSON, as text';
-- Tables and columns may have other names when the merge is undone. A book that was restored from a dump has other numbers: then
-- names have to do.
CREATE FUNCTION customer_identity_internal.names_for_record(moved jsonb, stay jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(
            jsonb_build_object('table', t.name, 'oid', t.relation::oid, 'columns', (
                SELECT jsonb_object_agg(a.attname, a.attnum) FROM pg_attribute AS a
                WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped))
            ORDER BY t.relation <> customers, t.name)
        FROM (
            SELECT DISTINCT r.relation, customer_identity_internal.told_name(r.relation) AS name
            FROM (SELECT o.relation FROM customer_identity_internal.references_to(customers) AS o UNION SELECT customers) AS r
        ) AS t
        WHERE t.relation = customers OR stay ? t.name OR moved @> jsonb_build_array(jsonb_build_object('table', t.name))
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.names_for_record(jsonb, jsonb, regclass) IS
    'The tables of a merge with their columns, customers first: [{table, oid, columns: {name: number}}]';
CREATE FUNCTION customer_identity_internal.merge(winner uuid, loser uuid, actor text, reason text, customers regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    merges constant text := customer_identity_internal.companion_of(customers, 'customer_merges');
    merge_id bigint;
    refusal text;
    winner_row jsonb;
    loser_row jsonb;
    changes jsonb;
    key_changes jsonb;
    texts jsonb;
    points numeric;
    stay jsonb;
    moved jsonb;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a merge', 'release_phone() frees the phone of one, and add_phone() gives it to the other, whose is what comes by it from then on.');
    PERFORM customer_identity_internal.require_two(winner, loser);
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.customer_row(winner, customers);
    PERFORM customer_identity_internal.customer_row(loser, customers);
    PERFORM customer_identity_internal.hold_for_merge(winner, loser, customers);
    winner_row := customer_identity_internal.customer_row(winner, customers);
    loser_row := customer_identity_internal.customer_row(loser, customers);

    changes := customer_identity_internal.merged_columns(winner_row, loser_row, customers);
    key_changes := customer_identity_internal.key_changes(changes, customers);

    refusal := customer_identity_internal.merge_refusal(customer_identity_internal.merge_tables(winner_row || key_changes, loser_row, customers));
    refusal := concat_ws(' ', refusal, customer_identity_internal.notes_refusal(changes, customers));
    IF refusal <> '' THEN
        PERFORM customer_identity_internal.refuse_merge(refusal);
    END IF;

    texts := customer_identity_internal.exact_texts(loser, customers);
    points := customer_identity_internal.entry_points(loser, NULL::jsonb, customers);
    stay := customer_identity_internal.rows_that_stay(winner, loser, customers);
    PERFORM customer_identity_internal.write_columns(winner, key_changes, customers);
    moved := customer_identity_internal.move_all_references(loser_row, winner_row || key_changes, customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.delete_customer(loser, customers);
    IF customer_identity_internal.is_fed(customers) THEN
        PERFORM customer_identity_internal.add_points(winner, points, customers);
    ELSE
        PERFORM customer_identity_internal.add_totals(winner, loser_row, '{}', customers);
    END IF;
    PERFORM customer_identity_internal.write_columns(winner, changes || jsonb_build_object('updated_at', clock_timestamp()), customers);
    PERFORM customer_identity_internal.hand_phone_over(winner_row, loser_row, actor, customers);

    merge_id := customer_identity_internal.new_merge_id();
    EXECUTE format('INSERT INTO %s (id, winner_id, loser_id, actor, reason, record) VALUES ($1, $2, $3, $4, $5, $6)', merges)
        USING merge_id, winner, loser, actor, reason,
            jsonb_build_object('loser', loser_row, 'texts', texts, 'before', winner_row,
                'after', customer_identity_internal.customer_row(winner, customers), 'moved', moved, 'stay', stay,
                'names', customer_identity_internal.names_for_record(moved, stay, customers));
    PERFORM customer_identity_internal.write_event(customers, winner, 'merged',
        jsonb_strip_nulls(jsonb_build_object('merge_id', merge_id, 'loser', loser, 'reason', reason,
            'rows', (SELECT sum(jsonb_array_length(m.value -> 'keys')) FROM jsonb_array_elements(moved) AS m))),
        actor);
    RETURN merge_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge(uuid, uuid, text, text, regclass) IS
    'What merge_customers() does';
CREATE FUNCTION customer_identity.merge_customers(
    winner uuid, loser uuid, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
BEGIN
    RETURN customer_identity_internal.merge(winner, loser, actor, reason, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.merge_customers(uuid, uuid, text, text, regclass) IS
    'Makes two customers one: what refers to the loser, in any table, refers to the winner, its phones lead there, and its points are added. CI006 where both have rows that a unique key allows one of. Returns the merge''s id, for unmerge_customers';
REVOKE EXECUTE ON FUNCTION customer_identity.merge_customers(uuid, uuid, text, text, regclass) FROM PUBLIC;
-- The owner of the book may execute none of the public functions unless it was granted.
CREATE FUNCTION customer_identity_internal.living_customer(customer_id uuid, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid;
BEGIN
    IF customer_identity_internal.has_computed_ids(customers) THEN
        EXECUTE format('SELECT c.id FROM %s AS c WHERE c.id = $1', customers) INTO found_id USING customer_id;
        RETURN found_id;
    END IF;
    EXECUTE format(
        'WITH RECURSIVE way (id) AS ('
        ' SELECT $1 UNION SELECT m.winner_id FROM way AS w JOIN %s AS m ON m.loser_id = w.id)'
        ' SELECT c.id FROM way AS w JOIN %s AS c ON c.id = w.id',
        customer_identity_internal.companion_of(customers, 'customer_merges'), customers)
        INTO found_id
        USING customer_id;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.living_customer(uuid, regclass) IS
    'What current_customer() returns';
CREATE FUNCTION customer_identity.current_customer(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
BEGIN
    RETURN customer_identity_internal.living_customer(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.current_customer(uuid, regclass) IS
    'The customer itself, or the one that it lives on in since it was merged; NULL: there is none';
REVOKE EXECUTE ON FUNCTION customer_identity.current_customer(uuid, regclass) FROM PUBLIC;
-- Its oids are those of this database where that of customers is. Else it has been restored, and names are all there is.
CREATE FUNCTION customer_identity_internal.named_in_record(record jsonb, relation regclass, key_column text, customers regclass)
    RETURNS TABLE (table_name text, column_name text)
    LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    SELECT COALESCE(n.value ->> 'table', customer_identity_internal.told_name(relation)), COALESCE(c.key, named_in_record.key_column)
    FROM (VALUES (true)) AS one (row)
    LEFT JOIN jsonb_array_elements(record -> 'names') AS n (value)
        ON (record #>> '{names,0,oid}')::oid = customers AND (n.value ->> 'oid')::oid = relation
    LEFT JOIN LATERAL (
        SELECT c.key
        FROM jsonb_each_text(n.value -> 'columns') AS c
        JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = c.value::smallint
        WHERE a.attname = named_in_record.key_column
    ) AS c ON true;
END;
COMMENT ON FUNCTION customer_identity_internal.named_in_record(jsonb, regclass, text, regclass) IS
    'What the record of a merge calls a table, and a column of it: what they were called then';
-- A merge tells the logins that it moved, and those that stay, by their ids. Ids change, also in a circle, and are given again
-- after a login has gone.
-- `pads`: the key has the blanks of character(n), which an id has not.
CREATE FUNCTION customer_identity_internal.id_in_key(key jsonb, column_name text, pads boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE WHEN pads THEN rtrim(key ->> column_name, ' ') ELSE key ->> column_name END;
COMMENT ON FUNCTION customer_identity_internal.id_in_key(jsonb, text, boolean) IS
    'The id of the login that a key tells apart';
CREATE FUNCTION customer_identity_internal.keys_with_ids(keys jsonb, column_name text, pads boolean, ids jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(
        CASE
            WHEN ids ? i.id THEN jsonb_set(k.value, ARRAY[column_name], COALESCE(
                CASE jsonb_typeof(k.value -> column_name) WHEN 'number' THEN (ids ->> i.id)::jsonb ELSE ids -> i.id END, 'null'))
            WHEN i.id IN (SELECT n.value FROM jsonb_each_text(ids) AS n) THEN jsonb_set(k.value, ARRAY[column_name], 'null')
            ELSE k.value
        END ORDER BY k.place), '[]')
    FROM jsonb_array_elements(keys) WITH ORDINALITY AS k (value, place)
    CROSS JOIN LATERAL (VALUES (customer_identity_internal.id_in_key(k.value, column_name, pads))) AS i (id)
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_with_ids(jsonb, text, boolean, jsonb) IS
    'Keys of rows with other ids, {old: new}; NULL: that row has gone, as has one whose id another row gets';
CREATE FUNCTION customer_identity_internal.record_with_ids(record jsonb, users regclass, key_column text, ids jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pads constant boolean := customer_identity_internal.base_type(customer_identity_internal.column_type(users, key_column)) = 'character'::regtype;
    moved constant jsonb := record -> 'moved';
    named record;
    place integer;
BEGIN
    SELECT n.* INTO named FROM customer_identity_internal.named_in_record(record, users, key_column, customers) AS n;
    -- The keys of orders, of which a record may have very many, are left where they are.
    FOR place IN SELECT p.n FROM generate_series(0, jsonb_array_length(moved) - 1) AS p (n) WHERE moved -> p.n ->> 'table' = named.table_name LOOP
        record := jsonb_set(record, ARRAY['moved', place::text, 'keys'],
            customer_identity_internal.keys_with_ids(moved -> place -> 'keys', named.column_name, pads, ids));
    END LOOP;
    IF record -> 'stay' ? named.table_name THEN
        record := jsonb_set(record, ARRAY['stay', named.table_name],
            customer_identity_internal.keys_with_ids(record -> 'stay' -> named.table_name, named.column_name, pads, ids));
    END IF;
    RETURN record;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.record_with_ids(jsonb, regclass, text, jsonb, regclass) IS
    'The record of a merge where logins of a table have other ids, {old: new}';
-- Only merges into these customers, or into who was merged into them, have rows that are theirs still.
CREATE FUNCTION customer_identity_internal.follow_logins(users regclass, key_column text, ids jsonb, winners uuid[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($sql$
        WITH RECURSIVE merged (id) AS (
            SELECT u.id FROM unnest($4) AS u (id)
            UNION
            SELECT m.loser_id FROM merged AS w JOIN %1$s AS m ON m.winner_id = w.id
        ), held AS MATERIALIZED (
            SELECT m.id FROM %1$s AS m
            WHERE m.winner_id IN (SELECT w.id FROM merged AS w)
                -- Most name none of them, which is soon seen where they are short.
                AND (pg_column_size(m.record) > 20000 OR EXISTS (
                    SELECT FROM jsonb_each_text($3) AS i CROSS JOIN LATERAL (VALUES (i.key), (i.value)) AS n (id)
                    WHERE strpos(m.record::text, btrim(to_json(n.id)::text, '"')) > 0))
                AND customer_identity_internal.record_with_ids(m.record, $1, $2, $3, $5) <> m.record
            ORDER BY m.id
            FOR NO KEY UPDATE
        )
        UPDATE %1$s AS m SET record = customer_identity_internal.record_with_ids(m.record, $1, $2, $3, $5)
        WHERE m.id IN (SELECT h.id FROM held AS h)
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        USING users, key_column, ids, winners, customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.follow_logins(regclass, text, jsonb, uuid[], regclass) IS
    'Tells the merges into customers which ids logins of a table have now, {old: new}; NULL: it has gone';
CREATE FUNCTION customer_identity_internal.merge_record(merge_id bigint, customers regclass, OUT winner uuid, OUT loser uuid, OUT record jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT m.winner_id, m.loser_id, m.record FROM %s AS m WHERE m.id = $1',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO winner, loser, record
        USING merge_id;
    IF loser IS NULL THEN
        RAISE EXCEPTION 'there is no such merge'
            USING ERRCODE = 'no_data_found', DETAIL = format('No merge in force has the id %s.', merge_id),
                HINT = 'It may have been undone. customer_history() of the winner tells the ids of merges.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_record(bigint, regclass) IS
    'A merge in force; P0002 when there is none';
-- A table that no longer refers to customers may have been swapped for a copy with its name.
CREATE FUNCTION customer_identity_internal.names_since(record jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_object_agg(n.value ->> 'table', jsonb_build_object(
            'table', customer_identity_internal.told_name(r.relation),
            'columns', (
                SELECT jsonb_object_agg(o.key, a.attname)
                FROM jsonb_each_text(n.value -> 'columns') AS o
                JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum = o.value::integer AND NOT a.attisdropped AND a.attname <> o.key)))
        FROM jsonb_array_elements(record -> 'names') AS n
        JOIN (SELECT o.relation FROM customer_identity_internal.references_to(customers) AS o UNION SELECT customers) AS r
            ON r.relation::oid = (n.value ->> 'oid')::oid
        WHERE (record #>> '{names,0,oid}')::oid = customers
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.names_since(jsonb, regclass) IS
    'The names that tables of a merge and their columns have now: {table: {table, columns: {old: new}}}; NULL: they cannot be told';
CREATE FUNCTION customer_identity_internal.renamed_keys(object jsonb, names jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN names IS NULL OR names = 'null' THEN object
        ELSE (SELECT COALESCE(jsonb_object_agg(COALESCE(names ->> e.key, e.key), e.value), '{}') FROM jsonb_each(object) AS e) END
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_keys(jsonb, jsonb) IS
    'A JSON object with other keys, {old: new}';
CREATE FUNCTION customer_identity_internal.renamed_items(list jsonb, names jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(COALESCE(names ->> i.item, i.item) ORDER BY i.place), '[]')
    FROM jsonb_array_elements_text(list) WITH ORDINALITY AS i (item, place)
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_items(jsonb, jsonb) IS
    'A JSON array of names with other names, {old: new}';
CREATE FUNCTION customer_identity_internal.renamed_rows(rows jsonb, names jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN names IS NULL OR names = 'null' THEN rows
        ELSE (SELECT COALESCE(jsonb_agg(customer_identity_internal.renamed_keys(r.value, names) ORDER BY r.place), '[]')
            FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (value, place)) END
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_rows(jsonb, jsonb) IS
    'A JSON array of objects with other keys, {old: new}';
CREATE FUNCTION customer_identity_internal.renamed_record(record jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant jsonb := customer_identity_internal.names_since(record, customers);
    own constant jsonb := names #> ARRAY[record #>> '{names,0,table}', 'columns'];
BEGIN
    IF names IS NULL THEN
        RETURN record;
    END IF;
    RETURN record
        || (SELECT jsonb_object_agg(r.name, customer_identity_internal.renamed_keys(record -> r.name, own))
            FROM (VALUES ('loser'), ('texts'), ('before'), ('after')) AS r (name))
        || jsonb_build_object(
            'moved', (
                SELECT COALESCE(jsonb_agg(p.value || jsonb_build_object(
                    'table', COALESCE(n.value ->> 'table', p.value ->> 'table'),
                    'ways', (
                        SELECT jsonb_agg(jsonb_build_object('columns', customer_identity_internal.renamed_items(w.value -> 'columns', n.value -> 'columns'),
                            'referenced', customer_identity_internal.renamed_items(w.value -> 'referenced', own)))
                        FROM jsonb_array_elements(p.value -> 'ways') AS w),
                    'keys', customer_identity_internal.renamed_rows(p.value -> 'keys', n.value -> 'columns')) ORDER BY p.place), '[]')
                FROM jsonb_array_elements(record -> 'moved') WITH ORDINALITY AS p (value, place)
                LEFT JOIN jsonb_each(names) AS n ON n.key = p.value ->> 'table'),
            'stay', (
                SELECT COALESCE(jsonb_object_agg(s.key, '[]'::jsonb) || jsonb_object_agg(COALESCE(n.value ->> 'table', s.key), customer_identity_internal.renamed_rows(s.value, n.value -> 'columns')), '{}')
                FROM jsonb_each(record -> 'stay') AS s
                LEFT JOIN jsonb_each(names) AS n ON n.key = s.key
                WHERE n.key IS NOT NULL OR to_regclass(s.key) IS NOT NULL));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_record(jsonb, regclass) IS
    'The record of a merge with the names that tables and columns have now';
-- As customer_row() returns it now: records of earlier merges have rows as the settings of their session made them.
CREATE FUNCTION customer_identity_internal.exact_row(customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND customer ? a.attname::text
            AND a.atttypid = customer_identity_internal.base_type(a.atttypid) AND NOT customer_identity_internal.has_own_json(a.atttypid));
    exact jsonb;
BEGIN
    EXECUTE format('SELECT $1 || customer_identity_internal.exact_json(n.*) FROM jsonb_to_record($1) AS n (%s)',
        customer_identity_internal.typed_columns(customers, names))
        INTO exact
        USING customer;
    RETURN exact;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.exact_row(jsonb, regclass) IS
    'A row of customers in the record of a merge, as such rows are written now';
-- Columns that hold what the merge left in them get back what they held before it. One that referred to the loser comes back
-- with the rows that did.
CREATE FUNCTION customer_identity_internal.restored_columns(record jsonb, present jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_object_agg(n.name, record -> 'before' -> n.name), '{}')
    FROM (
        SELECT e.name FROM customer_identity_internal.editable_columns(customers) AS e (name)
        UNION ALL SELECT 'updated_at'
    ) AS n (name)
    WHERE present -> n.name IS NOT DISTINCT FROM record -> 'after' -> n.name
        AND record -> 'before' ? n.name
        AND record -> 'before' -> n.name IS DISTINCT FROM record -> 'after' -> n.name
        AND record -> 'before' -> n.name <> record -> 'loser' -> 'id'
$$;
COMMENT ON FUNCTION customer_identity_internal.restored_columns(jsonb, jsonb, regclass) IS
    'The columns of a merge''s winner that go back to what they were before it';
CREATE FUNCTION customer_identity_internal.is_key_of_phone(name text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = customers AND c.relname = name AND a.attname = 'phone');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_key_of_phone(text, regclass) IS
    'Whether a unique key of customers is one of phones';
-- The totals come back by the triggers, with the orders. `texts` are values that JSON would change.
CREATE FUNCTION customer_identity_internal.insert_customer(customer jsonb, texts jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
    expressions text;
    names text[];
    holder uuid;
    table_name text;
    column_name text;
    constraint_name text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), array_agg(a.attname::text),
        string_agg(
            CASE WHEN texts ? a.attname::text THEN format('CAST($2 OPERATOR(pg_catalog.->>) %L AS %s)', a.attname, format_type(a.atttypid, a.atttypmod))
                ELSE format('n.%I', a.attname) END,
            ', ' ORDER BY a.attnum)
        INTO columns, names, expressions
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND customer ? a.attname::text;
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM pg_catalog.jsonb_to_record($1) AS n (%s)',
        customer_identity_internal.qualified_name(customers), columns, expressions, customer_identity_internal.typed_columns(customers, names))
        USING customer || '{"total_orders": 0, "total_spent": 0, "loyalty_points": 0}', texts;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
EXCEPTION WHEN not_null_violation OR foreign_key_violation OR unique_violation OR check_violation OR exclusion_violation THEN
    GET STACKED DIAGNOSTICS table_name = TABLE_NAME, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
    holder := customer_identity_internal.holder_of_phone(customer ->> 'phone', customers);
    IF SQLSTATE = '23505' AND (holder IS NOT NULL OR customer_identity_internal.is_key_of_phone(constraint_name, customers)) THEN
        PERFORM customer_identity_internal.refuse_taken_phone(customer ->> 'phone', holder);
    END IF;
    PERFORM customer_identity_internal.refuse_row(SQLSTATE, SQLERRM, table_name, column_name, constraint_name, customers);
    RAISE;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_customer(jsonb, jsonb, regclass) IS
    'Adds a customer''s row with the id that it had, without totals';
-- The loser's phone leads to the winner since the merge. NULL: it has gone another way since.
CREATE FUNCTION customer_identity_internal.take_alias_back(phone text, winner uuid, customers regclass)
    RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken text;
BEGIN
    EXECUTE format('DELETE FROM %s AS p WHERE p.phone = $1 AND p.customer_id = $2 AND p.until IS NULL AND p.reason = ''merge'' RETURNING p.phone',
        customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO taken
        USING phone, winner;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.take_alias_back(text, uuid, regclass) IS
    'Takes the phone that a merge made lead to its winner away from it again';
-- The winner had none.
CREATE FUNCTION customer_identity_internal.has_phone_by_merge(phone text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_by_merge boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS c JOIN %s AS m ON m.winner_id = c.id WHERE c.id = $2 AND c.phone = $1'
        ' AND m.record -> ''after'' ->> ''phone'' = $1 AND m.record -> ''before'' ->> ''phone'' IS NULL)',
        customers, customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO is_by_merge
        USING phone, customer_id;
    RETURN is_by_merge;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_phone_by_merge(text, uuid, regclass) IS
    'Whether a customer got its primary phone from a customer that was merged into it';
-- When the proofs are the loser's again: they would end with the phone.
CREATE FUNCTION customer_identity_internal.hand_phone_back(phone text, holder uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.has_phone_by_merge(phone, holder, customers) THEN
        PERFORM customer_identity_internal.write_columns(holder, '{"phone": null}', customers);
        PERFORM customer_identity_internal.write_columns(loser, jsonb_build_object('phone', phone), customers);
    ELSE
        RAISE NOTICE 'a phone does not go back'
            USING DETAIL = format('Phone %s was released, moved or made the primary one since the merge.', phone);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hand_phone_back(text, uuid, uuid, regclass) IS
    'Gives the loser of a merge the phone that became the winner''s primary one';
CREATE FUNCTION customer_identity_internal.tell_of_rows_left(part jsonb, back bigint)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved constant bigint := jsonb_array_length(part -> 'keys');
BEGIN
    IF back < moved THEN
        RAISE NOTICE 'not all rows go back'
            USING DETAIL = format('Of %s rows of %s, %s are gone or have another customer.', moved, part ->> 'table', moved - back);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tell_of_rows_left(jsonb, bigint) IS
    'Says that rows that a merge moved do not go back';
-- Keys have ids of the winner in them, as the merge left the rows; since then they may have become another customer's.
CREATE FUNCTION customer_identity_internal.present_parts(parts jsonb, after jsonb, present jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH changed AS MATERIALIZED (
        SELECT customer_identity_internal.told_name(r.relation) AS name, c.name AS column_name, after -> c.referenced AS old, present -> c.referenced AS new
        FROM customer_identity_internal.references_to(customers) AS r
        CROSS JOIN LATERAL unnest(r.columns, r.referenced) AS c (name, referenced)
        WHERE after -> c.referenced IS DISTINCT FROM present -> c.referenced
    )
    SELECT CASE WHEN NOT EXISTS (SELECT FROM changed) THEN parts ELSE (
        SELECT COALESCE(jsonb_agg(p.value || jsonb_build_object('keys', (
            SELECT jsonb_agg(k.value || (
                SELECT COALESCE(jsonb_object_agg(c.column_name, c.new), '{}')
                FROM changed AS c
                WHERE c.name = p.value ->> 'table' AND k.value -> c.column_name = c.old))
            FROM jsonb_array_elements(p.value -> 'keys') AS k)) ORDER BY p.place), '[]')
        FROM jsonb_array_elements(parts) WITH ORDINALITY AS p (value, place)) END
$$;
COMMENT ON FUNCTION customer_identity_internal.present_parts(jsonb, jsonb, jsonb, regclass) IS
    'What a merge moved, with the keys that its rows have now';
-- A key that is looked at later would fail at COMMIT, when it is too late to say why.
CREATE FUNCTION customer_identity_internal.check_late_keys(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late record;
BEGIN
    FOR late IN
        SELECT DISTINCT format('%I.%I', n.nspname, k.conname) AS name,
            k.condeferred AND NOT EXISTS (
                SELECT FROM pg_constraint AS o WHERE o.connamespace = k.connamespace AND o.conname = k.conname AND NOT o.condeferrable
            ) AS condeferred
        FROM customer_identity_internal.references_to(customers) AS r
        JOIN pg_constraint AS k ON k.confrelid = r.relation OR k.conrelid = r.relation
        JOIN pg_namespace AS n ON n.oid = k.connamespace
        WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
        ORDER BY 1
    LOOP
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', late.name);
        IF late.condeferred THEN
            EXECUTE format('SET CONSTRAINTS %s DEFERRED', late.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_late_keys(regclass) IS
    'Looks now at the deferrable foreign keys of tables that refer to customers; 23503 where one is broken';
CREATE FUNCTION customer_identity_internal.move_back(record jsonb, present jsonb, loser_row jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts constant jsonb := customer_identity_internal.present_parts(record -> 'moved', record -> 'after', present, customers);
    next regclass;
    went record;
    back jsonb := '{}';
    key_name text;
BEGIN
    FOR next IN SELECT t.* FROM customer_identity_internal.table_of_each_owner(customers) AS t ORDER BY 1 DESC LOOP
        FOR went IN SELECT m.part, m.back FROM customer_identity_internal.move_rows_back(next, present, loser_row, parts, customers) AS m LOOP
            back := back || jsonb_build_object(went.part::text, went.back);
        END LOOP;
    END LOOP;
    PERFORM customer_identity_internal.check_late_keys(customers);
    PERFORM customer_identity_internal.tell_of_rows_left(p.value, COALESCE((back ->> p.place::text)::bigint, 0))
    FROM jsonb_array_elements(parts) WITH ORDINALITY AS p (value, place);
EXCEPTION WHEN unique_violation OR exclusion_violation OR check_violation OR foreign_key_violation THEN
    GET STACKED DIAGNOSTICS key_name = CONSTRAINT_NAME;
    IF key_name = '' THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_rows(format('They would break constraint %I.', key_name),
        'Undo merges in the reverse order, the latest first, or change the rows that are in the way.');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_back(jsonb, jsonb, jsonb, regclass) IS
    'Gives the loser of a merge its rows again, those that are still the winner''s; CI006 where a constraint is in the way';
-- Not where a table is gone by name, which may be this one, nor where rows have another key now.
CREATE FUNCTION customer_identity_internal.tells_newcomers(stay jsonb, name text, key jsonb)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN stay ? name THEN COALESCE(stay -> name -> 0 ?& ARRAY(SELECT jsonb_object_keys(key)), false)
        ELSE NOT EXISTS (SELECT FROM jsonb_each(stay) AS s WHERE s.value <> '[]' AND to_regclass(s.key) IS NULL)
    END
$$;
COMMENT ON FUNCTION customer_identity_internal.tells_newcomers(jsonb, text, jsonb) IS
    'Whether a merge''s record tells which rows of a table were the winner''s before';
-- Rows written since the merge.
CREATE FUNCTION customer_identity_internal.move_newcomers(stay jsonb, phones text[], winner uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    keys jsonb;
BEGIN
    FOR part IN SELECT a.attached, a.customer_column FROM customer_identity_internal.attached_in_order(customers) AS a LOOP
        keys := customer_identity_internal.keys_by_phones(part.attached, winner, phones, loser, NULL::timestamptz, NULL::jsonb, customers);
        CONTINUE WHEN keys = '[]';
        IF NOT customer_identity_internal.tells_newcomers(stay, customer_identity_internal.told_name(part.attached), keys -> 0) THEN
            RAISE NOTICE 'rows since the merge stay'
                USING DETAIL = format('Which rows of %s are newer than the merge cannot be told: it was renamed, or has another key.', part.attached);
            CONTINUE;
        END IF;
        keys := customer_identity_internal.keys_without(part.attached, part.customer_column, keys,
            COALESCE(stay -> customer_identity_internal.told_name(part.attached), '[]'), customers);
        PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, winner, loser, keys, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_newcomers(jsonb, text[], uuid, uuid, regclass) IS
    'Gives the loser of a merge what came by its phones since';
-- Since the merge phones have been proved, changed and released: each live proof goes where its phone leads now, or ends.
CREATE FUNCTION customer_identity_internal.settle_proofs(customer_ids uuid[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
    proof record;
    holder uuid;
BEGIN
    FOR proof IN EXECUTE format(
        'SELECT DISTINCT p.phone::text, p.customer_id FROM %s AS p WHERE p.customer_id = ANY ($1) AND p.ended_at IS NULL', proofs)
        USING customer_ids
    LOOP
        holder := customer_identity_internal.holder_of_phone(proof.phone, customers);
        IF holder = ANY (customer_ids) THEN
            EXECUTE format('UPDATE %s AS p SET customer_id = $3 WHERE p.phone = $1 AND p.customer_id = $2 AND p.ended_at IS NULL AND p.customer_id <> $3', proofs)
                USING proof.phone, proof.customer_id, holder;
        ELSE
            PERFORM customer_identity_internal.end_proofs_of(proof.phone, proof.customer_id, 'phone released', customers);
        END IF;
    END LOOP;
    PERFORM customer_identity_internal.mark_as_proved(c.id, customers) FROM unnest(customer_ids) AS c (id) WHERE c.id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.settle_proofs(uuid[], regclass) IS
    'Gives the live proofs of customers to those of them that the phones lead to, ends the others, and sets the flags right';
CREATE FUNCTION customer_identity_internal.mark_as_proved(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'UPDATE %s AS c SET is_phone_verified = NOT c.is_phone_verified WHERE c.id = $1 AND c.is_phone_verified <> EXISTS ('
        ' SELECT FROM %s AS p WHERE p.customer_id = c.id AND p.phone = c.phone AND p.ended_at IS NULL)',
        customers, customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.mark_as_proved(uuid, regclass) IS
    'Makes is_phone_verified of a customer say whether there is a live proof of its phone';
-- The winner was merged itself since: what it had of the loser is with who it lives on in, and in the record of that merge.
CREATE FUNCTION customer_identity_internal.restored_later(record jsonb, winner uuid, present jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges constant text := customer_identity_internal.companion_of(customers, 'customer_merges');
    later record;
BEGIN
    FOR later IN EXECUTE format('SELECT m.id, m.record -> ''loser'' AS loser FROM %s AS m WHERE m.loser_id = $1', merges) USING winner LOOP
        EXECUTE format('UPDATE %s AS m SET record = jsonb_set(m.record, ''{loser}'', $2) WHERE m.id = $1', merges)
            USING later.id, later.loser || customer_identity_internal.restored_columns(record, customer_identity_internal.exact_row(later.loser, customers), customers);
    END LOOP;
    RETURN (
        SELECT COALESCE(jsonb_object_agg(e.name, record -> 'before' -> e.name), '{}')
        FROM customer_identity_internal.editable_columns(customers) AS e (name)
        WHERE present -> e.name = record -> 'loser' -> e.name AND COALESCE(btrim(record -> 'before' ->> e.name), '') = ''
            AND present ->> e.name IS NOT NULL
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.restored_later(jsonb, uuid, jsonb, regclass) IS
    'The columns that a later winner has of an earlier merge''s loser; the later merge forgets them as well';
-- Adding 2.5 and taking it away makes 10.0 of 10.
CREATE FUNCTION customer_identity_internal.same_total(customer_id uuid, before jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
BEGIN
    RETURN CASE WHEN present -> 'total_spent' = before -> 'total_spent' THEN jsonb_build_object('total_spent', before -> 'total_spent') ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.same_total(uuid, jsonb, regclass) IS
    'A customer''s total as it was written before, where it is the same number';
-- A customer that the loser refers to may have been merged since.
CREATE FUNCTION customer_identity_internal.with_living_customers(customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer || COALESCE(jsonb_object_agg(r.columns[1], customer_identity_internal.living_customer((customer ->> r.columns[1])::uuid, customers)), '{}')
    FROM customer_identity_internal.references_to(customers) AS r
    WHERE r.relation = customers AND r.referenced = '{id}' AND customer ->> r.columns[1] <> customer ->> 'id'
$$;
COMMENT ON FUNCTION customer_identity_internal.with_living_customers(jsonb, regclass) IS
    'The row of a customer that is to be added, which refers to customers that are there';
CREATE FUNCTION customer_identity.unmerge_customers(
    merge_id bigint, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    done record;
    holder uuid;
    present jsonb;
    loser_row jsonb;
    restored jsonb := '{}';
    key_changes jsonb;
    phone text;
    points numeric;
BEGIN
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity.flush_totals(customers);
    done := customer_identity_internal.merge_record(merge_id, customers);
    done.record := customer_identity_internal.renamed_record(done.record, customers);
    done.record := done.record || (
        SELECT jsonb_object_agg(r.name, customer_identity_internal.exact_row(done.record -> r.name, customers))
        FROM (VALUES ('loser'), ('before'), ('after')) AS r (name));
    holder := customer_identity_internal.living_customer(done.winner, customers);
    IF holder IS NOT NULL THEN
        PERFORM customer_identity_internal.hold_for_merge(holder, holder, customers);
        present := customer_identity_internal.customer_row(holder, customers);
    END IF;
    loser_row := done.record -> 'loser';
    IF holder = done.winner THEN
        restored := customer_identity_internal.restored_columns(done.record, present, customers);
    ELSIF holder IS NOT NULL THEN
        restored := customer_identity_internal.restored_later(done.record, done.winner, present, customers);
    END IF;
    key_changes := customer_identity_internal.key_changes(restored, customers);
    -- Before the loser is back: a column may be unique.
    PERFORM customer_identity_internal.write_columns(holder,
        restored - 'updated_at' - ARRAY(SELECT jsonb_object_keys(key_changes)), customers);
    phone := customer_identity_internal.take_alias_back(loser_row ->> 'phone', holder, customers);
    loser_row := customer_identity_internal.with_living_customers(loser_row, customers) || jsonb_build_object('phone', phone);
    PERFORM customer_identity_internal.insert_customer(loser_row, done.record -> 'texts', customers);
    SELECT customer_identity_internal.entry_points(holder, m.value -> 'keys', customers) INTO points
    FROM jsonb_array_elements(done.record -> 'moved') AS m
    WHERE m.value ->> 'table' = customer_identity_internal.told_name(customer_identity_internal.companion_of(customers, 'loyalty_entries')::regclass);

    PERFORM customer_identity_internal.move_back(done.record, present, loser_row, customers);
    PERFORM customer_identity_internal.write_columns(holder, key_changes, customers);
    IF phone IS NULL AND done.record -> 'loser' ->> 'phone' IS NOT NULL THEN
        PERFORM customer_identity_internal.hand_phone_back(done.record -> 'loser' ->> 'phone', holder, done.loser, customers);
    END IF;
    PERFORM customer_identity_internal.move_newcomers(done.record -> 'stay',
        ARRAY(SELECT jsonb_array_elements_text(customer_identity_internal.phones_of(done.loser, customers))), holder, done.loser, customers);
    PERFORM customer_identity.flush_totals(customers);
    IF customer_identity_internal.is_fed(customers) THEN
        PERFORM customer_identity_internal.add_points(done.loser, points, customers);
        PERFORM customer_identity_internal.add_points(holder, -points, customers);
    ELSE
        PERFORM customer_identity_internal.add_totals(done.loser, loser_row, '{}', customers);
        PERFORM customer_identity_internal.add_totals(holder, done.record -> 'before', done.record -> 'after', customers);
    END IF;
    PERFORM customer_identity_internal.settle_proofs(ARRAY[holder, done.loser], customers);
    PERFORM customer_identity_internal.write_columns(done.loser,
        jsonb_build_object('updated_at', loser_row -> 'updated_at') || customer_identity_internal.same_total(done.loser, loser_row, customers), customers);
    IF restored ? 'updated_at' THEN
        PERFORM customer_identity_internal.write_columns(holder,
            jsonb_build_object('updated_at', restored -> 'updated_at') || customer_identity_internal.same_total(holder, done.record -> 'before', customers), customers);
    END IF;
    EXECUTE format('DELETE FROM %s AS m WHERE m.id = $1', customer_identity_internal.companion_of(customers, 'customer_merges')) USING merge_id;
    PERFORM customer_identity_internal.write_event(customers, e.customer, 'unmerged',
        jsonb_strip_nulls(jsonb_build_object('merge_id', merge_id, 'winner', done.winner, 'loser', done.loser, 'reason', reason)), actor)
    FROM unnest(ARRAY[holder, done.loser]) AS e (customer)
    WHERE e.customer IS NOT NULL;
    RETURN done.loser;
END
$$;
COMMENT ON FUNCTION customer_identity.unmerge_customers(bigint, text, text, regclass) IS
    'Undoes a merge: the loser is back with its id, its phones, and every row that the merge moved and that is still the winner''s. A NOTICE says what could not go back. Returns the loser';
REVOKE EXECUTE ON FUNCTION customer_identity.unmerge_customers(bigint, text, text, regclass) FROM PUBLIC;
-- NULL: the holder is too new for this transaction to see.
CREATE FUNCTION customer_identity_internal.refuse_taken_phone(phone text, holder uuid)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF holder IS NULL THEN
        RAISE EXCEPTION 'another transaction has just given the phone to a customer' USING ERRCODE = 'serialization_failure';
    END IF;
    RAISE EXCEPTION 'the phone is another customer''s'
        USING ERRCODE = 'CI006', DETAIL = format('Phone %s leads to customer %s.', phone, holder),
            HINT = 'customer_identity.merge_customers() makes two customers one; release_phone() frees a number that has a new holder.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_taken_phone(text, uuid) IS
    'Raises CI006 for a phone that leads to somebody else';
-- The customer is locked first, as the change of a key locks it: with a weaker lock that has to be raised later, an order
-- that holds the customer meanwhile and this would wait for each other.
CREATE FUNCTION customer_identity_internal.locked_customer(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE', customers) USING customer_id;
    RETURN customer_identity_internal.customer_row(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.locked_customer(uuid, regclass) IS
    'The row of a customer, locked; P0002 when there is none';
CREATE FUNCTION customer_identity_internal.require_no_rule(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_ruled boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE r.phone = $1 AND r.rule = ''nobody'')',
        customer_identity_internal.companion_of(customers, 'phone_rules'))
        INTO is_ruled
        USING phone;
    IF is_ruled THEN
        RAISE EXCEPTION 'the phone names nobody'
            USING ERRCODE = 'CI006', DETAIL = format('Phone %s has the rule nobody.', phone),
                HINT = 'customer_identity.set_phone_rule() with a NULL rule takes it away.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_rule(text, regclass) IS
    'Raises CI006 for a phone that names nobody by rule';
-- A phone that another transaction has just given to somebody is not seen by a transaction that is older.
CREATE FUNCTION customer_identity_internal.insert_alias(customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder uuid;
BEGIN
    EXECUTE format('INSERT INTO %s (customer_id, phone, reason, actor) VALUES ($1, $2, $3, $4)',
        customer_identity_internal.companion_of(customers, 'customer_phones'))
        USING customer_id, phone, reason, actor;
EXCEPTION WHEN unique_violation THEN
    holder := customer_identity_internal.holder_of_phone(phone, customers);
    IF holder IS DISTINCT FROM customer_id THEN
        PERFORM customer_identity_internal.refuse_taken_phone(phone, holder);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_alias(uuid, text, text, text, regclass) IS
    'Makes a phone lead to a customer';
-- NULL: the phone leads to nobody.
CREATE FUNCTION customer_identity_internal.holder_of_phone(phone text, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder uuid;
BEGIN
    EXECUTE format(
        'SELECT c.id FROM %s AS c WHERE c.phone = $1'
        ' UNION ALL SELECT a.customer_id FROM %s AS a WHERE a.phone = $1 AND a.until IS NULL',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO holder
        USING phone;
    RETURN holder;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.holder_of_phone(text, regclass) IS
    'The customer that an E.164 phone leads to';
-- Raises CI006 unless the phone is the customer's, or free. True: it is free.
CREATE FUNCTION customer_identity_internal.is_free_phone(phone text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder constant uuid := customer_identity_internal.holder_of_phone(phone, customers);
BEGIN
    IF holder <> customer_id THEN
        PERFORM customer_identity_internal.refuse_taken_phone(phone, holder);
    END IF;
    PERFORM customer_identity_internal.require_no_rule(phone, customers);
    RETURN holder IS NULL;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_free_phone(text, uuid, regclass) IS
    'Whether a phone leads to nobody yet; CI006 when it is somebody else''s, or names nobody by rule';
-- Where ids are computed: the row of the number's own id stays without a phone, which tells who comes with that id, or looks
-- for the number, to ask whose further phone it is.
CREATE FUNCTION customer_identity_internal.reserve_number(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_id uuid;
BEGIN
    EXECUTE format('SELECT %s FROM (VALUES ($1, 0)) AS v (phone, phone_generation)', customer_identity_internal.id_of_phone())
        INTO own_id
        USING phone;
    EXECUTE format('INSERT INTO %s (id, phone, phone_generation) VALUES ($1, NULL, -1) ON CONFLICT (id) DO NOTHING', customers) USING own_id;
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE', customers) USING own_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.reserve_number(text, regclass) IS
    'Keeps the first id of a number from becoming a customer, and others who give the number to somebody waiting';
CREATE FUNCTION customer_identity_internal.try_to_add_phone(
    customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.be_impatient();
    IF customer_identity_internal.has_computed_ids(customers) THEN
        PERFORM customer_identity_internal.reserve_number(phone, customers);
    END IF;
    PERFORM customer_identity_internal.locked_customer(customer_id, customers);
    IF customer_identity_internal.is_free_phone(phone, customer_id, customers) THEN
        PERFORM customer_identity_internal.insert_alias(customer_id, phone, actor, reason, customers);
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'phone_added',
            jsonb_strip_nulls(jsonb_build_object('phone', phone, 'reason', reason)), actor);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_add_phone(uuid, text, text, text, regclass) IS
    'add_phone(), or 55P03 when something is in use';
CREATE FUNCTION customer_identity.add_phone(
    customer_id uuid,
    phone text,
    region text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS text
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.readable_phone(phone, region);
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    LOOP
        BEGIN
            PERFORM customer_identity_internal.try_to_add_phone(customer_id, e164, actor, reason, customers);
            RETURN e164;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.add_phone(uuid, text, text, text, text, regclass) IS
    'Makes a further phone lead to a customer, and returns it in E.164. CI006 when it is another customer''s';
REVOKE EXECUTE ON FUNCTION customer_identity.add_phone(uuid, text, text, text, text, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.end_alias(phone text, customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('UPDATE %s AS a SET until = now() WHERE a.phone = $1 AND a.customer_id = $2 AND a.until IS NULL',
        customer_identity_internal.companion_of(customers, 'customer_phones'))
        USING phone, customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_alias(text, uuid, regclass) IS
    'A further phone leads to its customer no more';
CREATE FUNCTION customer_identity_internal.end_proofs_of(phone text, customer_id uuid, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended record;
BEGIN
    FOR ended IN EXECUTE format(
        'UPDATE %s AS p SET ended_at = now(), ended_reason = $3 WHERE p.phone = $1 AND p.customer_id = $2 AND p.ended_at IS NULL RETURNING p.user_id',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING phone, customer_id, reason
    LOOP
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'proof_ended',
            jsonb_strip_nulls(jsonb_build_object('reason', reason, 'user_id', ended.user_id)), NULL::text);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_proofs_of(text, uuid, text, regclass) IS
    'Ends the proofs of a phone that leads to its customer no more';
CREATE FUNCTION customer_identity_internal.write_primary_phone(customer_id uuid, phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder uuid;
BEGIN
    PERFORM customer_identity_internal.write_columns(customer_id,
        jsonb_build_object('phone', phone, 'updated_at', clock_timestamp()), customers);
EXCEPTION WHEN unique_violation THEN
    holder := customer_identity_internal.holder_of_phone(phone, customers);
    IF holder = customer_id THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_taken_phone(phone, holder);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_primary_phone(uuid, text, regclass) IS
    'Gives a customer its primary phone; the triggers see to proofs, the flag and the further phones';
-- It was the primary one since the customer has had another, or is there.
CREATE FUNCTION customer_identity_internal.insert_former_phone(customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s (customer_id, phone, since, until, reason, actor)'
        ' SELECT c.id, $2, GREATEST(c.created_at, (SELECT max(a.until) FROM %1$s AS a WHERE a.customer_id = c.id)), now(), $3, $4'
        ' FROM %2$s AS c WHERE c.id = $1',
        customer_identity_internal.companion_of(customers, 'customer_phones'), customers)
        USING customer_id, phone, reason, actor;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_former_phone(uuid, text, text, text, regclass) IS
    'Keeps a phone that a customer had';
CREATE FUNCTION customer_identity_internal.try_to_change_phone(
    customer_id uuid, phone text, keep_old boolean, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_phone text;
BEGIN
    PERFORM customer_identity_internal.be_impatient();
    old_phone := customer_identity_internal.locked_customer(customer_id, customers) ->> 'phone';
    PERFORM customer_identity_internal.is_free_phone(phone, customer_id, customers);
    IF phone IS NOT DISTINCT FROM old_phone THEN
        RETURN;
    END IF;
    IF keep_old AND old_phone IS NOT NULL THEN
        PERFORM customer_identity_internal.insert_alias(customer_id, old_phone, actor, reason, customers);
    ELSIF old_phone IS NOT NULL THEN
        PERFORM customer_identity_internal.insert_former_phone(customer_id, old_phone, actor, reason, customers);
    END IF;
    PERFORM customer_identity_internal.write_primary_phone(customer_id, phone, customers);
    PERFORM customer_identity_internal.write_event(customers, customer_id, 'phone_changed',
        jsonb_strip_nulls(jsonb_build_object('old', old_phone, 'new', phone, 'kept', COALESCE(keep_old, false), 'reason', reason)), actor);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_change_phone(uuid, text, boolean, text, text, regclass) IS
    'change_phone(), or 55P03 when something is in use';
CREATE FUNCTION customer_identity.change_phone(
    customer_id uuid,
    new_phone text,
    region text DEFAULT NULL,
    keep_old boolean DEFAULT false,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS text
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.readable_phone(new_phone, region);
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'another phone for a customer', 'add_phone() makes the new number a further one; release_phone() frees the old one.');
    LOOP
        BEGIN
            PERFORM customer_identity_internal.try_to_change_phone(customer_id, e164, keep_old, actor, reason, customers);
            RETURN e164;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.change_phone(uuid, text, text, boolean, text, text, regclass) IS
    'Gives a customer a new primary phone: id, totals, points, orders and logins stay. The old one goes on leading there (keep_old), or is free and its proofs end. CI006 when the new one is another customer''s';
REVOKE EXECUTE ON FUNCTION customer_identity.change_phone(uuid, text, text, boolean, text, text, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.new_holder_after()
    RETURNS interval
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('customer_identity.new_holder_after')::interval
$$;
COMMENT ON FUNCTION customer_identity_internal.new_holder_after() IS
    'How long a customer has to be silent until who proves its phone may be a new holder';
CREATE FUNCTION customer_identity_internal.times_of_orders(
    referencing regclass, customer_id uuid, since timestamptz, customers regclass)
    RETURNS TABLE (at timestamptz, user_id text)
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    orders constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    at constant text := customer_identity_internal.time_of_row(referencing);
BEGIN
    RETURN QUERY EXECUTE format('SELECT %1$s, %2$s FROM %3$s AS r WHERE r.%4$I = $1 AND %1$s >= $2',
        at, CASE WHEN orders.user_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', orders.user_column) END,
        referencing, orders.customer_column)
        USING customer_id, since;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.times_of_orders(regclass, uuid, timestamptz, regclass) IS
    'When a customer has placed orders since a time, and by which login; a guest by none';
CREATE FUNCTION customer_identity_internal.emails_of_login(referencing regclass, user_id text, customers regclass)
    RETURNS SETOF text
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    users constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
BEGIN
    IF customer_identity_internal.column_type(referencing, 'email') IS NOT NULL AND users.key_column IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT lower(btrim(r.email::text)) FROM %s AS r WHERE customer_identity_internal.as_text(r.%I) = $1 AND r.email IS NOT NULL',
            referencing, users.key_column)
            USING user_id;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emails_of_login(regclass, text, regclass) IS
    'The e-mail address of a login, in small letters';
CREATE FUNCTION customer_identity_internal.logins_with_email(
    referencing regclass, customer_id uuid, emails text[], customers regclass)
    RETURNS SETOF text
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    users constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
BEGIN
    IF customer_identity_internal.column_type(referencing, 'email') IS NOT NULL AND users.key_column IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT customer_identity_internal.as_text(r.%I) FROM %s AS r WHERE r.%I = $1 AND lower(btrim(r.email::text)) = ANY ($2)',
            users.key_column, referencing, users.customer_column)
            USING customer_id, emails;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_with_email(regclass, uuid, text[], regclass) IS
    'The logins of a customer that have one of the e-mail addresses';
-- Whoever gets the id of a login that was deleted is somebody else.
CREATE FUNCTION customer_identity_internal.was_linked_before(
    customer_id uuid, user_ids text[], since timestamptz, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_found boolean;
BEGIN
    EXECUTE format($sql$
        SELECT EXISTS (
            SELECT FROM %1$s AS e
            WHERE e.customer_id = $1 AND e.event = 'user_linked' AND e.details ->> 'user_id' = ANY ($2) AND e.created_at < $3
                AND NOT EXISTS (
                    SELECT FROM %1$s AS d
                    WHERE d.customer_id = $1 AND d.event = 'user_unlinked' AND d.details ->> 'cause' = 'deleted'
                        AND d.details ->> 'user_id' = e.details ->> 'user_id' AND d.id > e.id))
        $sql$, customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO is_found
        USING customer_id, user_ids, since;
    RETURN is_found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.was_linked_before(uuid, text[], timestamptz, regclass) IS
    'Whether one of the logins was linked to a customer before a time, by the history';
-- A number may change hands in any pause that is long enough, also in one that has ended since: what a guest does, or a login
-- that came later, may be the new holder's. It is the same person where a login has proved it, or goes back to before the pause.
CREATE FUNCTION customer_identity_internal.is_silent_customer(customer_id uuid, user_id text, after interval, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
    made_at timestamptz;
    suspects text[];
    is_silent boolean;
BEGIN
    EXECUTE format('SELECT c.created_at, ARRAY(SELECT p.user_id FROM %s AS p WHERE p.customer_id = $1 AND p.unconfirmed AND p.user_id IS NOT NULL)'
        ' FROM %s AS c WHERE c.id = $1', proofs, customers)
        INTO made_at, suspects
        USING customer_id;
    IF made_at >= now() - after THEN
        RETURN false;
    END IF;
    EXECUTE format($sql$
        WITH signs AS MATERIALIZED (
            SELECT o.at, o.user_id, false AS is_proof
            FROM customer_identity_internal.attachments_of($2) AS a
            CROSS JOIN LATERAL customer_identity_internal.times_of_orders(a.attached, $1, $3 - $4, $2) AS o
            WHERE a.kind = 'orders' AND COALESCE(o.user_id <> ALL ($5), true)
            UNION ALL
            SELECT p.proved_at, p.user_id, true FROM %s AS p WHERE p.customer_id = $1 AND NOT p.unconfirmed
            UNION ALL
            SELECT v.at, NULL, false FROM (VALUES ($3), (now())) AS v (at)
        ), logins AS (
            SELECT s.user_id, max(s.at) AS last, max(s.at) FILTER (WHERE s.is_proof) AS last_proof
            FROM signs AS s
            WHERE s.user_id IS NOT NULL
            GROUP BY s.user_id
        ), pauses AS (
            SELECT lag(s.at) OVER (ORDER BY s.at) AS began, s.at AS ended FROM signs AS s WHERE s.at <= now()
        )
        SELECT EXISTS (
            SELECT FROM pauses AS p
            WHERE p.began < p.ended - $4 AND p.ended > $3
                AND NOT EXISTS (
                    SELECT FROM logins AS l
                    WHERE l.last_proof >= p.ended
                        OR (l.last >= p.ended AND customer_identity_internal.was_linked_before($1, ARRAY[l.user_id], p.began + interval '1 microsecond', $2))))
        $sql$, proofs)
        INTO is_silent
        USING customer_id, customers, made_at, after, suspects || user_id;
    RETURN COALESCE(is_silent, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_silent_customer(uuid, text, interval, regclass) IS
    'Whether a customer has made a pause of that length after which nobody who is known as the same person has ordered or proved anything';
-- Called when a login is about to prove a phone of the customer for the first time.
CREATE FUNCTION customer_identity_internal.may_be_new_holder(customer_id uuid, user_id text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    -- No time is older than a few thousand years.
    after constant interval := LEAST(customer_identity_internal.new_holder_after(), interval '4000 years');
    since constant timestamptz := now() - after;
    emails text[];
BEGIN
    IF after <= interval '0' OR NOT customer_identity_internal.keeps_history(customers) OR NOT customer_identity_internal.is_silent_customer(customer_id, user_id, after, customers) THEN
        RETURN false;
    END IF;
    emails := ARRAY(
        SELECT e.email
        FROM customer_identity_internal.attachments_of(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.emails_of_login(a.attached, user_id, customers) AS e (email)
        WHERE a.kind = 'users'
    );
    RETURN NOT customer_identity_internal.was_linked_before(customer_id, ARRAY(
        SELECT user_id
        UNION ALL
        SELECT l.user_id
        FROM customer_identity_internal.attachments_of(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.logins_with_email(a.attached, customer_id, emails, customers) AS l (user_id)
        WHERE a.kind = 'users'
    ), since, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.may_be_new_holder(uuid, text, regclass) IS
    'Whether a login that proves a customer''s phone may be a new holder of the number';
CREATE FUNCTION customer_identity.confirm_holder(
    customer_id uuid, user_id text, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    confirmed bigint;
BEGIN
    PERFORM customer_identity_internal.require_unconfirmed(customers);
    PERFORM customer_identity_internal.locked_customer(customer_id, customers);
    EXECUTE format(
        'UPDATE %s AS p SET unconfirmed = false WHERE p.customer_id = $1 AND p.user_id = $2 AND p.ended_at IS NULL AND p.unconfirmed',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING customer_id, user_id;
    GET DIAGNOSTICS confirmed = ROW_COUNT;
    IF confirmed > 0 THEN
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'holder_confirmed',
            jsonb_strip_nulls(jsonb_build_object('user_id', user_id, 'reason', reason)), actor);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.confirm_holder(uuid, text, text, text, regclass) IS
    'A login that seemed to be a new holder of the customer''s phone is the same person: it sees the customer''s history from now on';
REVOKE EXECUTE ON FUNCTION customer_identity.confirm_holder(uuid, text, text, text, regclass) FROM PUBLIC;
-- What moved a login to the customer later says nothing of when it came by the phone.
CREATE FUNCTION customer_identity_internal.link_times(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    times jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_object_agg(l.user_id, l.at), ''{}'') FROM ('
        ' SELECT e.details ->> ''user_id'' AS user_id, max(e.created_at) AS at FROM %s AS e'
        ' WHERE e.customer_id = $1 AND e.event = ''user_linked'' AND e.details ->> ''cause'' IN (''sign_up'', ''phone_changed'')'
        ' AND e.details ->> ''user_id'' IS NOT NULL GROUP BY 1) AS l',
        customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO times
        USING customer_id;
    RETURN times;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.link_times(uuid, regclass) IS
    'When each login last came to a customer by its phone, by the history';
-- The phone is the customer's no more: its proofs end.
CREATE FUNCTION customer_identity_internal.free_phone(customer jsonb, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer ->> 'phone' = phone THEN
        PERFORM customer_identity_internal.insert_former_phone((customer ->> 'id')::uuid, phone, actor, reason, customers);
        PERFORM customer_identity_internal.write_primary_phone((customer ->> 'id')::uuid, NULL::text, customers);
    ELSE
        PERFORM customer_identity_internal.end_alias(phone, (customer ->> 'id')::uuid, customers);
        PERFORM customer_identity_internal.end_proofs_of(phone, (customer ->> 'id')::uuid, 'phone released', customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.free_phone(jsonb, text, text, text, regclass) IS
    'Frees a phone of a customer, the primary or a further one';
-- What came by the phone, since a time or ever. NULL: nothing did, and there is no new customer, who has the phone if
-- `has_phone`.
CREATE FUNCTION customer_identity_internal.move_to_new_holder(
    source uuid, phone text, has_phone boolean, since timestamptz, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target constant uuid := gen_random_uuid();
    links constant jsonb := customer_identity_internal.link_times(source, customers);
    part record;
    keys jsonb;
    is_made boolean := false;
BEGIN
    FOR part IN SELECT a.attached, a.customer_column FROM customer_identity_internal.attached_in_order(customers) AS a LOOP
        keys := customer_identity_internal.keys_by_phones(part.attached, source, ARRAY[phone], target, since, links, customers);
        CONTINUE WHEN keys = '[]';
        IF NOT is_made THEN
            PERFORM customer_identity_internal.insert_customer(jsonb_build_object('id', target, 'phone', CASE WHEN has_phone THEN phone END), '{}', customers);
            is_made := true;
        END IF;
        PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, target, keys, customers);
    END LOOP;
    RETURN CASE WHEN is_made THEN target END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_to_new_holder(uuid, text, boolean, timestamptz, regclass) IS
    'Gives a new customer what came by a phone of another one';
-- Who proved the phone and is the new holder's login has proved it for the new holder.
CREATE FUNCTION customer_identity_internal.live_proofs(phone text, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs jsonb;
BEGIN
    EXECUTE format('SELECT COALESCE(jsonb_agg(to_jsonb(p.*)), ''[]'') FROM %s AS p WHERE p.phone = $1 AND p.customer_id = $2 AND p.ended_at IS NULL AND p.user_id IS NOT NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO proofs
        USING phone, customer_id;
    RETURN proofs;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.live_proofs(text, uuid, regclass) IS
    'The live proofs of a customer''s phone by logins';
-- As the owner of the book, who may not be granted the public function.
CREATE FUNCTION customer_identity_internal.renew_proof(phone text, user_id text, method text, region text, customers regclass)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'record_proof';
COMMENT ON FUNCTION customer_identity_internal.renew_proof(text, text, text, text, regclass) IS
    'What record_proof() does';
CREATE FUNCTION customer_identity_internal.renew_proofs(proofs jsonb, phone text, customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof record;
BEGIN
    FOR proof IN SELECT p.value ->> 'user_id' AS user_id, p.value ->> 'method' AS method FROM jsonb_array_elements(proofs) AS p LOOP
        CONTINUE WHEN (customer_identity_internal.find_user(proof.user_id, customers)).customer_id IS DISTINCT FROM customer_id;
        PERFORM customer_identity_internal.renew_proof(phone, proof.user_id, proof.method, NULL::text, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.renew_proofs(jsonb, text, uuid, regclass) IS
    'Records proofs again for the customer whose logins made them';
CREATE FUNCTION customer_identity_internal.tell_of_tables_without_times(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    untimed text;
BEGIN
    FOR untimed IN
        SELECT customer_identity_internal.told_name(a.attached)
        FROM customer_identity_internal.attachments_of(customers) AS a
        WHERE a.kind = 'orders' AND customer_identity_internal.time_column(a.attached) IS NULL
    LOOP
        RAISE NOTICE 'orders of guests in % stay with the old holder: no column that is known tells when they were placed', untimed
            USING HINT = 'It is read from a column created_at, placed_at, ordered_at or order_date. split_customer() moves the orders that you name.';
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tell_of_tables_without_times(regclass) IS
    'Gives a notice of each table of orders that cannot be told apart by their times';
CREATE FUNCTION customer_identity.release_phone(
    customer_id uuid,
    phone text DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    customer jsonb;
    e164 text;
    proofs jsonb;
    new_holder uuid;
BEGIN
    PERFORM customer_identity_internal.take_turn(customers);
    IF since IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'giving a new holder the orders that are there', 'Leave since out: what is there stays with the old holder, and orders from now on are the new one''s.');
        PERFORM customer_identity_internal.customer_row(customer_id, customers);
        PERFORM customer_identity_internal.tell_of_tables_without_times(customers);
        PERFORM customer_identity_internal.hold_for_merge(customer_id, customer_id, customers);
    END IF;
    customer := customer_identity_internal.locked_customer(customer_id, customers);
    e164 := CASE WHEN phone IS NULL THEN customer ->> 'phone' ELSE customer_identity_internal.readable_phone(phone, NULL::text) END;
    IF e164 IS NULL OR customer_identity_internal.holder_of_phone(e164, customers) IS DISTINCT FROM customer_id THEN
        RAISE EXCEPTION 'the phone is not the customer''s'
            USING ERRCODE = 'CI006', DETAIL = format('Phones of the customer: %s.', customer_identity_internal.phones_of(customer_id, customers)),
                HINT = 'Pass one of these, or NULL for the primary one.';
    END IF;
    proofs := customer_identity_internal.live_proofs(e164, customer_id, customers);
    PERFORM customer_identity_internal.free_phone(customer, e164, actor, reason, customers);
    IF since IS NOT NULL THEN
        new_holder := customer_identity_internal.move_to_new_holder(customer_id, e164, true, since, customers);
    END IF;
    IF new_holder IS NOT NULL THEN
        PERFORM customer_identity_internal.renew_proofs(proofs, e164, new_holder, customers);
    END IF;
    PERFORM customer_identity_internal.write_event(customers, customer_id, 'phone_released',
        jsonb_strip_nulls(jsonb_build_object('phone', e164, 'since', since, 'new_holder', new_holder, 'reason', reason)), actor);
    IF new_holder IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, new_holder, 'created',
            jsonb_build_object('from', 'release_phone', 'old_holder', customer_id), actor);
    END IF;
    RETURN new_holder;
END
$$;
COMMENT ON FUNCTION customer_identity.release_phone(uuid, text, timestamptz, text, text, regclass) IS
    'The phone (NULL: the primary one) has a new holder: it leads to the customer no more, who keeps the history. With since, logins linked and orders placed by it since then go to a new customer, whose id is returned; else NULL';
REVOKE EXECUTE ON FUNCTION customer_identity.release_phone(uuid, text, timestamptz, text, text, regclass) FROM PUBLIC;
-- A customer that has nothing left but its own history.
CREATE FUNCTION customer_identity_internal.is_empty_customer(customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
BEGIN
    RETURN customer_identity_internal.phones_of(customer_id, customers) = '[]'
        AND COALESCE(btrim(customer ->> 'notes'), '') = ''
        AND NOT EXISTS (
            SELECT
            FROM customer_identity_internal.keys_to_customers(customers) AS r
            JOIN pg_class AS c ON c.oid = r.relation
            WHERE NOT (c.relnamespace = (SELECT b.relnamespace FROM pg_class AS b WHERE b.oid = customers)
                    AND c.relname IN ('customer_events', 'customer_phones', 'phone_proofs'))
                AND customer_identity_internal.count_rows_of(r.relation, r.way, customer, customers) > 0
        );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_empty_customer(uuid, regclass) IS
    'Whether a customer has no phone, no notes, no points and no rows in any table any more';
CREATE FUNCTION customer_identity_internal.promote_alias(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promoted text := customer_identity_internal.phones_of(customer_id, customers) ->> 0;
BEGIN
    IF promoted IS NOT NULL AND customer_identity_internal.customer_row(customer_id, customers) ->> 'phone' IS NULL THEN
        PERFORM customer_identity_internal.write_primary_phone(customer_id, promoted, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.promote_alias(uuid, regclass) IS
    'Makes a further phone of a customer without a primary one the primary one';
-- Logins of a customer with a further phone column that names somebody, or orders whose own phone does: their keys, for each phone.
CREATE FUNCTION customer_identity_internal.other_claims(referencing regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (phone text, name text, keys jsonb)
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
BEGIN
    RETURN QUERY EXECUTE format($sql$
        SELECT c.phone, min(%1$s), jsonb_agg(%2$s)
        FROM %3$s AS r
        CROSS JOIN LATERAL (SELECT %4$s) AS c (phone)
        WHERE r.%5$I = $1 AND c.phone IS NOT NULL
        GROUP BY c.phone
        ORDER BY c.phone
        $sql$,
        CASE WHEN setup.name_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', setup.name_column) END,
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), setup.customer_column), setup.customer_column),
        referencing, customer_identity_internal.claim_expression(setup), setup.customer_column)
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.other_claims(regclass, uuid, regclass) IS
    'The phones by which rows of a customer in an attached table name somebody: phone, name, keys';
-- Logins, and then their orders, go to whom another phone of theirs names; other orders to whom their own phone leads already.
CREATE FUNCTION customer_identity_internal.move_by_other_claims(source uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    claim record;
    target uuid;
    targets uuid[] := '{}';
BEGIN
    FOR part IN SELECT a.attached, a.customer_column, a.kind FROM customer_identity_internal.attached_in_order(customers) AS a LOOP
        IF part.kind = 'orders' THEN
            PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, t.id,
                customer_identity_internal.keys_by_phones(part.attached, source, '{}'::text[], t.id, NULL::timestamptz, '{}'::jsonb, customers), customers)
            FROM unnest(targets) AS t (id);
            PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, h.holder, c.keys, customers)
            FROM customer_identity_internal.other_claims(part.attached, source, customers) AS c
            CROSS JOIN LATERAL customer_identity_internal.holder_of_phone(c.phone, customers) AS h (holder)
            WHERE h.holder IS NOT NULL;
            CONTINUE;
        END IF;
        FOR claim IN SELECT c.* FROM customer_identity_internal.other_claims(part.attached, source, customers) AS c LOOP
            target := customer_identity_internal.claim_customer(claim.phone, claim.name, customers);
            CONTINUE WHEN target IS NULL;
            PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, target, claim.keys, customers);
            targets := targets || target;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_by_other_claims(uuid, regclass) IS
    'Gives the logins and orders of a customer that name somebody by another phone to that one, and orders of such logins';
-- What came by the phone, which names nobody from now on, and by nothing else, belongs to nobody any more.
CREATE FUNCTION customer_identity_internal.cut_links(holder uuid, nobody uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF nobody IS NOT NULL THEN
        PERFORM customer_identity_internal.move_by_other_claims(nobody, customers);
        PERFORM customer_identity_internal.move_references(a.attached, a.customer_column, nobody, NULL::uuid, NULL::jsonb, customers)
        FROM customer_identity_internal.attached_in_order(customers) AS a;
        PERFORM customer_identity.flush_totals(customers);
        PERFORM customer_identity_internal.delete_customer(nobody, customers);
    END IF;
    PERFORM customer_identity_internal.promote_alias(holder, customers);
    PERFORM customer_identity.flush_totals(customers);
    IF customer_identity_internal.is_empty_customer(holder, customers) THEN
        PERFORM customer_identity_internal.delete_customer(holder, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cut_links(uuid, uuid, regclass) IS
    'Unlinks what rested on a phone alone, and removes its customer when nothing else is left';
CREATE FUNCTION customer_identity_internal.require_rule(rule text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rule NOT IN ('nobody', 'shared') THEN
        RAISE EXCEPTION 'there is no such rule'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Rules are nobody and shared; NULL takes a rule away.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_rule(text) IS
    'Raises 22023 for a rule that there is not';
-- The phone leads to a customer whom this transaction has not seen: the next try sees it, unless its snapshot is older.
CREATE FUNCTION customer_identity_internal.write_rule(phone text, rule text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rules constant text := customer_identity_internal.companion_of(customers, 'phone_rules');
BEGIN
    IF rule IS NULL THEN
        EXECUTE format('DELETE FROM %s AS r WHERE r.phone = $1', rules) USING phone;
        RETURN;
    END IF;
    EXECUTE format('INSERT INTO %s AS r (phone, rule, actor, reason) VALUES ($1, $2, $3, $4)'
        ' ON CONFLICT (phone) DO UPDATE SET rule = $2, actor = $3, reason = $4, created_at = $5', rules)
        USING phone, rule, actor, reason, now();
EXCEPTION WHEN SQLSTATE 'CI006' THEN
    RAISE EXCEPTION 'another transaction has just given the phone to a customer'
        USING ERRCODE = CASE current_setting('transaction_isolation')
            WHEN 'read committed' THEN 'lock_not_available' ELSE 'serialization_failure' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_rule(text, text, text, text, regclass) IS
    'Writes the rule of a phone, or none';
-- Waits for who changes one of them, as they have no total until their customer is there. Citus locks no rows of a subquery.
CREATE FUNCTION customer_identity_internal.hold_orders_of_nobody(
    referencing regclass, column_name text, customer_id uuid, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    held bigint;
BEGIN
    PERFORM customer_identity_internal.require_references(referencing, ARRAY[column_name], customers);
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s AS r WHERE r.%I = $1 %s) AS h', referencing, column_name,
        CASE WHEN customer_identity_internal.is_spread(customers) THEN '' ELSE 'FOR NO KEY UPDATE' END)
        INTO held
        USING customer_id;
    RETURN held;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_orders_of_nobody(regclass, text, uuid, regclass) IS
    'How many rows of a table have a computed id that is no customer''s: they stay as they are until this transaction ends';
-- Waits for orders that hold the rule, as they are nobody's by it.
CREATE FUNCTION customer_identity_internal.end_rule_nobody(phone text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended bigint;
BEGIN
    EXECUTE format('DELETE FROM %s AS r WHERE r.phone = $1 AND r.rule = ''nobody''',
        customer_identity_internal.companion_of(customers, 'phone_rules'))
        USING phone;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended > 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_rule_nobody(text, regclass) IS
    'Takes the rule nobody from a phone. False: it did not have it';
-- Where ids are computed, orders with a phone of nobody have had the id of its first holder all along, unless there has
-- been one. A snapshot that is older than the end of the rule may show neither them nor what they add up to.
CREATE FUNCTION customer_identity_internal.claim_orders_of_nobody(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_id uuid;
    is_taken boolean;
    orders numeric;
BEGIN
    EXECUTE format('SELECT %s FROM (VALUES ($1, 0)) AS v (phone, phone_generation)', customer_identity_internal.id_of_phone())
        INTO own_id
        USING phone;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS c WHERE c.id = $1)', customers) INTO is_taken USING own_id;
    IF is_taken THEN
        RETURN;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'an older snapshot may not show all orders of a phone that names nobody'
            USING ERRCODE = 'feature_not_supported', HINT = 'Take the rule away in a transaction of READ COMMITTED.';
    END IF;
    orders := (
        SELECT sum(customer_identity_internal.hold_orders_of_nobody(a.attached, a.customer_column, own_id, customers))
        FROM customer_identity_internal.attached_in_order(customers) AS a
        WHERE a.kind = 'orders'
    );
    IF orders > 0 THEN
        PERFORM customer_identity_internal.claim_customer(phone, NULL::text, customers);
        PERFORM customer_identity.flush_totals(customers);
        -- From just below its id.
        PERFORM customer_identity_internal.rebuild_customers(overlay(own_id::text PLACING '000000000000' FROM 25)::uuid, own_id, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.claim_orders_of_nobody(text, regclass) IS
    'Makes the customer of a phone that names somebody again, if there are orders of it, with their totals';
-- The phone is free before the rule is written, and the rule is there before other phones are looked at.
CREATE FUNCTION customer_identity_internal.try_to_set_rule(phone text, rule text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder constant uuid := customer_identity_internal.holder_of_phone(phone, customers);
    had_nobody boolean := false;
    nobody uuid;
BEGIN
    IF holder IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, holder, 'phone_rule_set',
            jsonb_strip_nulls(jsonb_build_object('phone', phone, 'rule', rule, 'reason', reason)), actor);
    END IF;
    IF rule = 'nobody' AND holder IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'the rule nobody for the phone of a customer', 'release_phone() first: what is there stays with the customer.');
        PERFORM customer_identity_internal.lock_for_merge(holder, holder, customers);
        nobody := customer_identity_internal.move_to_new_holder(holder, phone, false, NULL::timestamptz, customers);
        PERFORM customer_identity_internal.free_phone(customer_identity_internal.customer_row(holder, customers), phone, actor, reason, customers);
        PERFORM customer_identity_internal.write_rule(phone, rule, actor, reason, customers);
        PERFORM customer_identity_internal.cut_links(holder, nobody, customers);
    ELSE
        IF rule IS DISTINCT FROM 'nobody' AND customer_identity_internal.has_computed_ids(customers) THEN
            had_nobody := customer_identity_internal.end_rule_nobody(phone, customers);
        END IF;
        PERFORM customer_identity_internal.write_rule(phone, rule, actor, reason, customers);
        PERFORM customer_identity_internal.claim_orders_of_nobody(phone, customers) WHERE had_nobody;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_set_rule(text, text, text, text, regclass) IS
    'set_phone_rule(), or 55P03 when something is in use';
CREATE FUNCTION customer_identity.set_phone_rule(
    phone text,
    rule text,
    region text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.readable_phone(phone, region);
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    PERFORM customer_identity_internal.require_rule(rule);
    PERFORM customer_identity_internal.take_turn(customers);
    -- The rules are on every node, and whoever adds a customer there looks at them.
    PERFORM customer_identity_internal.use_one_connection(customers);
    LOOP
        BEGIN
            PERFORM customer_identity_internal.be_impatient();
            PERFORM customer_identity_internal.try_to_set_rule(e164, rule, actor, reason, customers);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.set_phone_rule(text, text, text, text, text, regclass) IS
    'Says that a phone names nobody (rows with it stay unlinked, and what rests on it alone is cut), or a household (shared: each login sees its own orders only); NULL takes the rule away';
REVOKE EXECUTE ON FUNCTION customer_identity.set_phone_rule(text, text, text, text, text, regclass) FROM PUBLIC;
-- Old numbers of plans that have changed: claims with them read as today's, so the book has to follow.

-- What is stored under a number that reads as another one: a rule, a customer's primary phone, or a further one. A phone that
-- leads to nobody yet is given to the first that moves there, and with others that is one person. There are no joins: a plan
-- that takes few rows to be old ones would be quadratic.
CREATE FUNCTION customer_identity_internal.old_phones_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        WITH stored AS (
            SELECT 1 AS kind, NULL::uuid AS id, r.phone::text AS phone, r.rule, r.created_at::timestamptz AS since FROM %1$s AS r
            UNION ALL
            SELECT 2, c.id, c.phone::text, NULL, c.created_at::timestamptz FROM %2$s AS c WHERE c.phone IS NOT NULL
            UNION ALL
            SELECT 3, a.customer_id, a.phone::text, NULL, a.since FROM %3$s AS a WHERE a.until IS NULL
        ),
        read AS (
            SELECT s.*, n.phone AS today
            FROM stored AS s
            CROSS JOIN LATERAL (SELECT customer_identity_internal.claimed_phone(s.phone, NULL::text)) AS n (phone)
        ),
        placed AS (
            SELECT r.*,
                first_value(r.id) OVER (PARTITION BY r.kind = 1, r.today ORDER BY r.phone <> r.today, r.kind, r.since, r.id) AS target,
                count(*) OVER (PARTITION BY r.kind = 1, r.today, r.id) AS times,
                bool_or(r.kind > 1 AND r.phone = r.today) OVER (PARTITION BY r.today) AS is_held,
                max(r.rule) FILTER (WHERE r.phone = r.today) OVER (PARTITION BY r.today) AS rule_today
            FROM read AS r
        )
        SELECT p.kind, p.id, p.phone, p.today, p.target,
            p.kind = 2 AND NOT p.is_held AND p.target = p.id AND p.times = 1 AND p.rule_today IS DISTINCT FROM 'nobody' AS is_plain,
            CASE
                WHEN p.kind = 1 AND p.rule_today <> p.rule THEN 'the numbers have different rules'
                WHEN p.kind = 1 AND p.rule = 'nobody' AND p.is_held THEN 'the number leads to a customer'
                WHEN p.kind > 1 AND p.rule_today = 'nobody' THEN 'the phone names nobody'
            END AS problem
        FROM placed AS p
        WHERE p.phone <> p.today
        $sql$,
        customer_identity_internal.companion_of(customers, 'phone_rules'), customers,
        customer_identity_internal.companion_of(customers, 'customer_phones'));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.old_phones_query(regclass) IS
    'The query of the phones of a book that read as other ones: kind (1 rule, 2 primary, 3 further), id, phone, today, target, is_plain, problem';
-- Whoever proved the old number holds today's. One who has proved both has one proof left.
CREATE FUNCTION customer_identity_internal.carry_proofs(customer_id uuid, phone text, today text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
BEGIN
    EXECUTE format('UPDATE %1$s AS p SET phone = $3 WHERE p.phone = $2 AND p.customer_id = $1 AND p.ended_at IS NULL'
        ' AND NOT EXISTS (SELECT FROM %1$s AS t WHERE t.phone = $3 AND t.ended_at IS NULL AND t.user_id IS NOT DISTINCT FROM p.user_id)', proofs)
        USING customer_id, phone, today;
    PERFORM customer_identity_internal.end_proofs_of(phone, customer_id, 'renumbered', customers);
    EXECUTE format('UPDATE %s AS c SET is_phone_verified = true WHERE c.id = $1 AND c.phone = $2 AND c.is_phone_verified IS NOT TRUE'
        ' AND EXISTS (SELECT FROM %s AS p WHERE p.phone = $2 AND p.customer_id = $1 AND p.ended_at IS NULL)', customers, proofs)
        USING customer_id, today;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.carry_proofs(uuid, text, text, regclass) IS
    'Makes the live proofs of a customer''s old number proofs of today''s';
CREATE FUNCTION customer_identity_internal.write_renumbering(customer_id uuid, phone text, today text, reason text, customers regclass)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer_identity_internal.write_event(customers, customer_id, 'phone_changed',
        jsonb_build_object('old', phone, 'new', today, 'kept', false, 'reason', reason), NULL::text)
$$;
COMMENT ON FUNCTION customer_identity_internal.write_renumbering(uuid, text, text, text, regclass) IS
    'Tells the history that a customer''s phone has got its number of today';
-- Customers of whom nothing but the primary phone changes, and to a free number. Whom others are using is left out, and none is
-- moved where anything goes wrong with one of them: those are taken one by one then.
CREATE FUNCTION customer_identity_internal.move_plainly(ids uuid[], phones text[], todays text[], reason text, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved uuid[];
    written bigint;
BEGIN
    EXECUTE format('SELECT array_agg(l.id) FROM (SELECT c.id FROM unnest($1, $2) AS m (id, phone) JOIN %s AS c ON c.id = m.id'
        ' WHERE c.phone = m.phone ORDER BY c.id FOR UPDATE OF c SKIP LOCKED) AS l', customers)
        INTO moved
        USING ids, phones;
    EXECUTE format('UPDATE %s AS p SET phone = m.today FROM unnest($1, $2, $3) AS m (id, phone, today)'
        ' WHERE m.id = ANY ($4) AND p.customer_id = m.id AND p.phone = m.phone AND p.ended_at IS NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING ids, phones, todays, moved;
    EXECUTE format('INSERT INTO %1$s (customer_id, phone, since, until, reason)'
        ' SELECT m.id, m.phone, GREATEST(c.created_at, (SELECT max(a.until) FROM %1$s AS a WHERE a.customer_id = c.id)), now(), $4'
        ' FROM unnest($1, $2) AS m (id, phone) JOIN %2$s AS c ON c.id = m.id WHERE m.id = ANY ($3)',
        customer_identity_internal.companion_of(customers, 'customer_phones'), customers)
        USING ids, phones, moved, reason;
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('UPDATE %s AS c SET phone = m.today, updated_at = pg_catalog.clock_timestamp()'
        ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS m (id, today)'
        ' WHERE m.id OPERATOR(pg_catalog.=) ANY ($3) AND c.id OPERATOR(pg_catalog.=) m.id',
        customer_identity_internal.qualified_name(customers))
        USING ids, todays, moved;
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF written <> cardinality(moved) THEN
        RAISE EXCEPTION 'a trigger keeps customers from being written';
    END IF;
    PERFORM customer_identity_internal.write_renumbering(m.id, m.phone, m.today, reason, customers)
    FROM unnest(ids, phones, todays) AS m (id, phone, today)
    WHERE m.id = ANY (moved);
    RETURN COALESCE(moved, '{}');
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_plainly(uuid[], text[], text[], text, regclass) IS
    'Gives customers their numbers of today in one go, and returns which';
CREATE FUNCTION customer_identity_internal.move_rule(phone text, today text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rules constant text := customer_identity_internal.companion_of(customers, 'phone_rules');
BEGIN
    EXECUTE format('DELETE FROM %1$s AS r WHERE r.phone = $1 AND EXISTS (SELECT FROM %1$s AS t WHERE t.phone = $2 AND t.rule = r.rule)', rules)
        USING phone, today;
    EXECUTE format('UPDATE %s AS r SET phone = $2 WHERE r.phone = $1', rules) USING phone, today;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_rule(text, text, regclass) IS
    'Makes the rule of an old number one of today''s';
-- NULL: the old number leads to nobody any more. Returns the customer whose number it is from now on.
CREATE FUNCTION customer_identity_internal.move_phone(phone text, today text, reason text, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant uuid := customer_identity_internal.holder_of_phone(phone, customers);
    holder constant uuid := customer_identity_internal.holder_of_phone(today, customers);
    is_primary boolean;
BEGIN
    IF customer IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM customer_identity_internal.require_no_rule(today, customers);
    IF holder <> customer THEN
        PERFORM customer_identity_internal.merge(holder, customer, NULL::text, reason, customers);
        PERFORM customer_identity_internal.end_alias(phone, holder, customers);
        PERFORM customer_identity_internal.carry_proofs(holder, phone, today, customers);
        RETURN holder;
    END IF;
    is_primary := customer_identity_internal.locked_customer(customer, customers) ->> 'phone' = phone;
    PERFORM customer_identity_internal.end_alias(phone, customer, customers);
    IF is_primary THEN
        PERFORM customer_identity_internal.insert_former_phone(customer, phone, NULL::text, reason, customers);
        PERFORM customer_identity_internal.carry_proofs(customer, phone, today, customers);
        PERFORM customer_identity_internal.write_primary_phone(customer, today, customers);
    ELSE
        IF holder IS NULL THEN
            PERFORM customer_identity_internal.insert_alias(customer, today, NULL::text, reason, customers);
        END IF;
        PERFORM customer_identity_internal.carry_proofs(customer, phone, today, customers);
    END IF;
    IF customer_identity_internal.holder_of_phone(today, customers) IS DISTINCT FROM customer THEN
        RAISE EXCEPTION 'a trigger keeps the customer from being written';
    END IF;
    PERFORM customer_identity_internal.write_renumbering(customer, phone, today, reason, customers);
    RETURN customer;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_phone(text, text, text, regclass) IS
    'Makes an old number its number of today; when that leads to another customer, the two are one person';
-- One bad row stops nobody else: its problem says why it is as it was. A household's rule comes before its customer, so that no
-- login ever sees more than before.
CREATE FUNCTION customer_identity_internal.try_to_move(
    kind integer, phone text, today text, refusal text, reason text, customers regclass, OUT customer uuid, OUT problem text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    problem := refusal;
    IF problem IS NOT NULL THEN
        RETURN;
    ELSIF kind = 1 THEN
        PERFORM customer_identity_internal.move_rule(phone, today, customers);
    ELSE
        PERFORM customer_identity_internal.be_impatient();
        customer := customer_identity_internal.move_phone(phone, today, reason, customers);
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_move(integer, text, text, text, text, regclass) IS
    'Moves one rule or phone, and says why that cannot be';
CREATE FUNCTION customer_identity_internal.migration_row(
    kind integer, id uuid, phone text, today text, target uuid, refusal text)
    RETURNS TABLE (customer_id uuid, old_phone text, new_phone text, action text, merged_into uuid, rule text, since text, source text, problem text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT id, phone, today,
        CASE WHEN refusal IS NOT NULL THEN 'refused' WHEN kind = 1 THEN 'rule' WHEN target <> id THEN 'merge' ELSE 'move' END,
        CASE WHEN refusal IS NULL AND kind > 1 AND target <> id THEN target END,
        n.rule, n.since, n.source, refusal
    FROM customer_identity_internal.renumbering_of(phone) AS n
$$;
COMMENT ON FUNCTION customer_identity_internal.migration_row(integer, uuid, text, text, uuid, text) IS
    'A row of migrate_phones()';
CREATE FUNCTION customer_identity.migrate_phones(customers regclass DEFAULT NULL, dry_run boolean DEFAULT true)
    RETURNS TABLE (customer_id uuid, old_phone text, new_phone text, action text, merged_into uuid, rule text, since text, source text, problem text)
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    reason constant text := 'renumbered';
    query constant text := customer_identity_internal.old_phones_query(customers);
    batch record;
    part record;
    tried record;
    moved uuid[];
    done bigint := 0;
BEGIN
    IF dry_run IS DISTINCT FROM false THEN
        RETURN QUERY EXECUTE format('SELECT r.* FROM (%s) AS o'
            ' CROSS JOIN LATERAL customer_identity_internal.migration_row(o.kind, o.id, o.phone, o.today, o.target, o.problem) AS r', query);
        RETURN;
    END IF;
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'another number for a customer', 'The old number and the one of today are two customers. dry_run lists them.');
    PERFORM customer_identity_internal.take_turn(customers);
    FOR part IN EXECUTE format('SELECT o.* FROM (%s) AS o WHERE o.kind = 1', query) LOOP
        SELECT t.* INTO tried FROM customer_identity_internal.try_to_move(part.kind, part.phone, part.today, part.problem, reason, customers) AS t;
        RETURN QUERY SELECT r.* FROM customer_identity_internal.migration_row(part.kind, part.id, part.phone, part.today, part.target, tried.problem) AS r;
    END LOOP;
    FOR batch IN EXECUTE format('SELECT array_agg(o.id) AS ids, array_agg(o.phone) AS phones, array_agg(o.today) AS todays, sum(count(*)) OVER () AS in_all'
        ' FROM (SELECT p.*, (row_number() OVER (ORDER BY p.id) - 1) / 5000 AS step FROM (%s) AS p WHERE p.is_plain) AS o GROUP BY o.step', query) LOOP
        moved := customer_identity_internal.move_plainly(batch.ids, batch.phones, batch.todays, reason, customers);
        done := done + cardinality(batch.ids);
        RAISE NOTICE 'migrate_phones: % of % customers with a free number', done, batch.in_all;
        RETURN QUERY SELECT r.* FROM unnest(batch.ids, batch.phones, batch.todays) AS m (id, phone, today)
            CROSS JOIN LATERAL customer_identity_internal.migration_row(2, m.id, m.phone, m.today, m.id, NULL::text) AS r WHERE m.id = ANY (moved);
    END LOOP;
    -- What is left: the others, and whom a batch has left out.
    FOR part IN EXECUTE format('SELECT o.* FROM (%s) AS o WHERE o.kind > 1 ORDER BY o.kind, o.id', query) LOOP
        SELECT t.* INTO tried FROM customer_identity_internal.try_to_move(part.kind, part.phone, part.today, part.problem, reason, customers) AS t;
        CONTINUE WHEN tried.customer IS NULL AND tried.problem IS NULL;
        RETURN QUERY SELECT r.* FROM customer_identity_internal.migration_row(part.kind, part.id, part.phone, part.today, tried.customer, tried.problem) AS r;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.migrate_phones(regclass, boolean) IS
    'Gives customers whose stored number reads as another one today that number: the old one is kept as a former one, proofs and rules come along, and where it leads to another customer the two are merged. dry_run: only lists that';
REVOKE EXECUTE ON FUNCTION customer_identity.migrate_phones(regclass, boolean) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.keys_of_rows(
    referencing regclass, column_name text, customer_id uuid, named_column text, named_values text[], customers regclass)
    RETURNS TABLE (keys jsonb, found_values text[])
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    PERFORM customer_identity_internal.require_references(referencing, ARRAY[column_name], customers);
    RETURN QUERY EXECUTE format(
        'SELECT COALESCE(jsonb_agg(%s), ''[]''), COALESCE(array_agg(customer_identity_internal.as_text(r.%2$I)), ''{}'')'
        ' FROM %3$s AS r WHERE r.%4$I = $1 AND customer_identity_internal.as_text(r.%2$I) = ANY ($2)',
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), column_name), column_name),
        named_column, referencing, column_name)
        USING customer_id, named_values;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_of_rows(regclass, text, uuid, text, text[], regclass) IS
    'The keys of a customer''s rows that have one of the values in a column, and the values that were found';
CREATE FUNCTION customer_identity_internal.refuse_split(detail text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the customer cannot be split so'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = detail,
            HINT = 'user_ids are logins of the customer; orders is {"schema.table": ["key", ...]} of orders of the customer, as customer_users() and customer_orders() list them.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_split(text) IS
    'Raises 22023 for a split of what the customer does not have';
-- Returns the ids that were found.
CREATE FUNCTION customer_identity_internal.move_logins(source uuid, target uuid, user_ids text[], customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users record;
    part record;
    moved text[] := '{}';
BEGIN
    FOR users IN SELECT a.* FROM customer_identity_internal.attachments_of(customers) AS a WHERE a.kind = 'users' AND user_ids <> '{}' LOOP
        FOR part IN SELECT k.* FROM customer_identity_internal.keys_of_rows(users.attached, users.customer_column, source, users.key_column, user_ids, customers) AS k LOOP
            PERFORM customer_identity_internal.move_references(users.attached, users.customer_column, source, target, part.keys, customers);
            moved := moved || part.found_values;
        END LOOP;
    END LOOP;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_logins(uuid, uuid, text[], regclass) IS
    'Links logins of one customer to another';
CREATE FUNCTION customer_identity_internal.orders_table(name text, customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT a.* FROM customer_identity_internal.attachments_of(customers) AS a WHERE a.kind = 'orders' AND a.attached = to_regclass(name);
EXCEPTION WHEN invalid_name OR syntax_error OR feature_not_supported THEN
    -- A text that names no table at all.
    RETURN;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_table(text, regclass) IS
    'The attached orders table of that name, or no row';
-- Orders that are named by their keys, as text. Each has to be the customer's.
CREATE FUNCTION customer_identity_internal.move_named_orders(source uuid, target uuid, orders jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named record;
    attached customer_identity.attachments;
    part record;
BEGIN
    FOR named IN
        SELECT o.key AS name, CASE jsonb_typeof(o.value) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(o.value)) END AS ids
        FROM jsonb_each(orders) AS o
    LOOP
        IF named.ids IS NULL THEN
            PERFORM customer_identity_internal.refuse_split(format('The orders of %s are no array of keys.', customer_identity_internal.shown(named.name)));
        END IF;
        SELECT a.* INTO attached FROM customer_identity_internal.orders_table(named.name, customers) AS a;
        IF NOT FOUND THEN
            PERFORM customer_identity_internal.refuse_split(format('%s is no attached orders table.', customer_identity_internal.shown(named.name)));
        END IF;
        SELECT k.* INTO part
        FROM customer_identity_internal.keys_of_rows(attached.attached, attached.customer_column, source,
            customer_identity_internal.row_key_column(attached.attached), named.ids, customers) AS k;
        IF NOT named.ids <@ part.found_values THEN
            PERFORM customer_identity_internal.refuse_split(format('Not all of these orders in %s are the customer''s.', named.name));
        END IF;
        PERFORM customer_identity_internal.move_references(attached.attached, attached.customer_column, source, target, part.keys, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_named_orders(uuid, uuid, jsonb, regclass) IS
    'Gives orders of one customer, {"schema.table": [keys]}, to another';
-- What the moved logins have placed goes with them.
CREATE FUNCTION customer_identity_internal.move_orders_of_logins(source uuid, target uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    orders record;
BEGIN
    FOR orders IN SELECT a.attached, a.customer_column FROM customer_identity_internal.attached_in_order(customers) AS a WHERE a.kind = 'orders' LOOP
        PERFORM customer_identity_internal.move_references(orders.attached, orders.customer_column, source, target,
            customer_identity_internal.keys_by_phones(orders.attached, source, '{}'::text[], target, NULL::timestamptz, NULL::jsonb, customers), customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_orders_of_logins(uuid, uuid, regclass) IS
    'Gives the orders of a customer that were placed by logins of another one to that one';
-- The phone that the new customer gets: one of the old one's, which loses it, or one that is free.
CREATE FUNCTION customer_identity_internal.take_phone_for_split(phone text, source uuid, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.is_free_phone(phone, source, customers) THEN
        PERFORM customer_identity_internal.free_phone(customer_identity_internal.customer_row(source, customers), phone, actor, reason, customers);
        PERFORM customer_identity_internal.promote_alias(source, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.take_phone_for_split(text, uuid, text, text, regclass) IS
    'Takes a phone away from a customer that has it; CI006 when it is somebody else''s';
-- Their proofs of phones that stay behind are about somebody else now.
CREATE FUNCTION customer_identity_internal.end_proofs_of_logins(user_ids text[], customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'UPDATE %s AS p SET ended_at = now(), ended_reason = ''customer split'' WHERE p.customer_id = $1 AND p.user_id = ANY ($2) AND p.ended_at IS NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING customer_id, user_ids;
    PERFORM customer_identity_internal.mark_as_proved(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_proofs_of_logins(text[], uuid, regclass) IS
    'Ends the proofs of logins that leave a customer';
CREATE FUNCTION customer_identity.split_customer(
    customer_id uuid,
    user_ids text[] DEFAULT '{}',
    orders jsonb DEFAULT '{}',
    phone text DEFAULT NULL,
    region text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := CASE WHEN phone IS NOT NULL THEN customer_identity_internal.readable_phone(phone, region) END;
    target constant uuid := gen_random_uuid();
    proofs jsonb;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a split', 'release_phone() frees a further phone: what comes by it from then on is another customer''s.');
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity_internal.customer_row(customer_id, customers);
    PERFORM customer_identity_internal.hold_for_merge(customer_id, customer_id, customers);
    IF jsonb_typeof(COALESCE(orders, '{}')) <> 'object' OR (COALESCE(user_ids, '{}') = '{}' AND COALESCE(orders, '{}') = '{}' AND e164 IS NULL) THEN
        PERFORM customer_identity_internal.refuse_split('Nothing is named that the new customer gets.');
    END IF;
    IF e164 IS NOT NULL THEN
        proofs := customer_identity_internal.live_proofs(e164, customer_id, customers);
        PERFORM customer_identity_internal.take_phone_for_split(e164, customer_id, actor, reason, customers);
    END IF;
    PERFORM customer_identity_internal.insert_customer(jsonb_build_object('id', target, 'phone', e164), '{}', customers);
    IF NOT COALESCE(user_ids, '{}') <@ customer_identity_internal.move_logins(customer_id, target, COALESCE(user_ids, '{}'), customers) THEN
        PERFORM customer_identity_internal.refuse_split('Not all of these logins are the customer''s.');
    END IF;
    PERFORM customer_identity_internal.move_named_orders(customer_id, target, COALESCE(orders, '{}'), customers);
    PERFORM customer_identity_internal.move_orders_of_logins(customer_id, target, customers);
    PERFORM customer_identity_internal.end_proofs_of_logins(user_ids, customer_id, customers);
    IF proofs IS NOT NULL THEN
        PERFORM customer_identity_internal.renew_proofs(proofs, e164, target, customers);
    END IF;
    PERFORM customer_identity_internal.write_event(customers, e.customer, e.event,
        jsonb_strip_nulls(jsonb_build_object('source', customer_id, 'target', target, 'user_ids', to_jsonb(user_ids), 'orders', orders,
            'phone', e164, 'reason', reason)), actor)
    FROM (VALUES (customer_id, 'split'), (target, 'created')) AS e (customer, event);
    RETURN target;
END
$$;
COMMENT ON FUNCTION customer_identity.split_customer(uuid, text[], jsonb, text, text, text, text, regclass) IS
    'Makes a new customer of part of another one: these logins with their orders, these orders ({"schema.table": ["key", ...]}), and the phone, if one is given. Points of entries stay. Returns the new customer';
REVOKE EXECUTE ON FUNCTION customer_identity.split_customer(uuid, text[], jsonb, text, text, text, text, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.placeholder_digits(phone text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'placeholder_digits';
COMMENT ON FUNCTION customer_identity_internal.placeholder_digits(text) IS
    'Why a phone in E.164 looks as if nobody had it: repeated_digits, digits_in_sequence, fiction; NULL: it does not';
CREATE FUNCTION customer_identity_internal.match_key(value text)
    RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'match_key';
COMMENT ON FUNCTION customer_identity_internal.match_key(text) IS
    'A number that stands for a text without case, accents and blanks that are too many; NULL when it is blank';
-- The customers are few and known, so each table is asked for them alone.
CREATE FUNCTION customer_identity_internal.names_of_logins(users customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format('SELECT u.customer_id, customer_identity_internal.match_key(u.name) AS name FROM (%s) AS u WHERE u.customer_id = ANY ($1)',
    customer_identity_internal.user_rows(users));
COMMENT ON FUNCTION customer_identity_internal.names_of_logins(customer_identity.attachments) IS
    'The query of the keys of the names of the logins in a table of customers, which are parameter $1';
CREATE FUNCTION customer_identity_internal.names_in(attached regclass, customer_ids uuid[], customers regclass)
    RETURNS TABLE (customer_id uuid, name bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.names_of_logins(customer_identity_internal.attachment_of(attached))
        USING customer_ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.names_in(regclass, uuid[], regclass) IS
    'The keys of the names of the logins in a table of some customers';
CREATE FUNCTION customer_identity_internal.guest_order_rows(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT o.%1$I AS customer_id, count(*) AS orders FROM %2$s AS o WHERE o.%1$I = ANY ($1)%3$s GROUP BY o.%1$I',
        orders.customer_column, orders.attached,
        CASE WHEN orders.user_column IS NOT NULL THEN format(' AND o.%I IS NULL', orders.user_column) END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.guest_order_rows(customer_identity.attachments) IS
    'The query that counts the orders without a login of customers, which are parameter $1';
CREATE FUNCTION customer_identity_internal.guest_orders_in(attached regclass, customer_ids uuid[], customers regclass)
    RETURNS TABLE (customer_id uuid, orders bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.guest_order_rows(customer_identity_internal.attachment_of(attached))
        USING customer_ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.guest_orders_in(regclass, uuid[], regclass) IS
    'How many orders in a table some customers placed as guests';
CREATE FUNCTION customer_identity_internal.uses_query(customers regclass, table_kind text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN NOT customer_identity_internal.have_one_owner(a.attached, a.customers) THEN
                format('SELECT * FROM customer_identity_internal.%I(%L::regclass, $1, %L::regclass)',
                    CASE a.kind WHEN 'users' THEN 'names_in' ELSE 'guest_orders_in' END, a.attached::oid, a.customers::oid)
            WHEN a.kind = 'users' THEN customer_identity_internal.names_of_logins(a)
            ELSE customer_identity_internal.guest_order_rows(a)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(uses_query.customers) AS a
    WHERE a.kind = table_kind;
    RETURN COALESCE(query, CASE table_kind
        WHEN 'users' THEN 'SELECT NULL::uuid AS customer_id, NULL::bigint AS name WHERE false'
        ELSE 'SELECT NULL::uuid AS customer_id, NULL::bigint AS orders WHERE false' END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.uses_query(regclass, text) IS
    'The query of the keys of names of logins, or of the numbers of guest orders, of customers, which are parameter $1';
-- Two names of one login, or of a couple, are no sign. Of phones that logins share, a limit keeps those of the most; $1 is how
-- many are needed. Digits have a limit of their own: families would leave no room for them; what is met of them is sorted, not read
-- in the order of an index. Each table is read once, and nothing is joined but what is suspected: on one machine
-- by index, whatever the planner expects.
CREATE FUNCTION customer_identity_internal.suspected_phones(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        SELECT s.id, s.phone, customer_identity_internal.placeholder_digits(s.phone) AS digits
        FROM (
            (
                SELECT s.id, s.phone
                FROM (SELECT c.id, c.phone::text AS phone FROM %3$s AS c UNION ALL %1$s) AS s
                WHERE customer_identity_internal.placeholder_digits(s.phone) IS NOT NULL AND %4$s
                ORDER BY (s.phone || '')
                LIMIT 10000
            )
            UNION ALL
            SELECT l.customer_id, c.phone
            FROM (
                SELECT l.customer_id, count(*) AS users
                FROM (%2$s) AS l
                WHERE l.customer_id IS NOT NULL
                GROUP BY l.customer_id
                HAVING count(*) >= $1
                ORDER BY count(*) DESC
                LIMIT 10000
            ) AS l
            %5$s
        ) AS s
        WHERE %4$s
        GROUP BY s.id, s.phone
        $sql$, customer_identity_internal.further_phones(customers), customer_identity_internal.logins_query(customers), customers,
        CASE WHEN customer_identity_internal.has_companion(customers, 'phone_rules') THEN
            format('NOT EXISTS (SELECT FROM %s AS r WHERE r.phone = s.phone)', customer_identity_internal.companion_of(customers, 'phone_rules'))
            ELSE 'true' END,
        format(
            CASE
                WHEN customer_identity_internal.is_spread(customers) THEN
                    'JOIN (SELECT c.id, c.phone::text AS phone FROM %s AS c WHERE c.phone IS NOT NULL) AS c ON c.id = l.customer_id'
                ELSE 'CROSS JOIN LATERAL (SELECT c.phone::text AS phone FROM %s AS c WHERE c.id = l.customer_id AND c.phone IS NOT NULL OFFSET 0) AS c'
            END,
            customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.suspected_phones(regclass) IS
    'The query of phones that could be placeholders, by their digits or because $1 logins or more share them: id, phone, digits';
-- Digits count as five names do, and then each guest order as one more: nobody knows who placed it. Of what is suspected,
-- a few thousand rows are sooner fetched than met in passing.
CREATE FUNCTION customer_identity.phone_suspects(max_rows integer DEFAULT 100, customers regclass DEFAULT NULL)
    RETURNS TABLE (phone text, customer_id uuid, users bigint, guest_orders bigint, names bigint, why text)
    LANGUAGE customer_identity_as_book_owner STABLE COST 100000 ROWS 100
    SET row_security = off
    SET jit = off
    SET random_page_cost = 1.1
AS $$
DECLARE
    many_names constant integer := 3;
    ids uuid[];
    phones text[];
    digits text[];
BEGIN
    PERFORM customer_identity_internal.require_max_rows(max_rows);
    EXECUTE format('SELECT array_agg(s.id), array_agg(s.phone), array_agg(s.digits) FROM (%s) AS s',
        customer_identity_internal.suspected_phones(customers))
        INTO ids, phones, digits
        USING many_names;
    RETURN QUERY EXECUTE format($sql$
        SELECT s.phone, s.id, COALESCE(u.users, 0), COALESCE(o.orders, 0), COALESCE(u.names, 0),
            concat_ws(', ', CASE WHEN u.names >= $4 THEN 'names' END, s.digits)
        FROM unnest($1, $2, $3) AS s (id, phone, digits)
        LEFT JOIN (
            SELECT n.customer_id, count(*) AS users, count(DISTINCT n.name) AS names
            FROM (%s) AS n
            GROUP BY n.customer_id
        ) AS u ON u.customer_id = s.id
        LEFT JOIN (SELECT g.customer_id, sum(g.orders)::bigint AS orders FROM (%s) AS g GROUP BY g.customer_id) AS o ON o.customer_id = s.id
        WHERE u.names >= $4 OR s.digits IS NOT NULL
        ORDER BY COALESCE(u.names, 0) + CASE WHEN s.digits IS NULL THEN 0 ELSE 5 + COALESCE(o.orders, 0) END DESC,
            u.users DESC NULLS LAST, s.phone COLLATE "C"
        LIMIT $5
        $sql$, customer_identity_internal.uses_query(customers, 'users'), customer_identity_internal.uses_query(customers, 'orders'))
        USING ids, phones, digits, many_names, max_rows;
END
$$;
COMMENT ON FUNCTION customer_identity.phone_suspects(integer, regclass) IS
    'Phones without a rule that look like placeholders, by how many names use them and by their digits, worst first';
REVOKE EXECUTE ON FUNCTION customer_identity.phone_suspects(integer, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.typing_errors(phones text[])
    RETURNS TABLE (a integer, b integer)
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'typing_errors';
COMMENT ON FUNCTION customer_identity_internal.typing_errors(text[]) IS
    'The places of phones that are one typing error apart: a digit changed, dropped or doubled, or two neighbours swapped';
-- What is longer is told apart by its beginning.
CREATE FUNCTION customer_identity_internal.value_rows(relation regclass, customer_column text, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT r.%1$I AS id, left(%2$s, 1000) AS value FROM %3$s AS r WHERE r.%1$I IS NOT NULL AND r.%4$I IS NOT NULL',
        customer_column, customer_identity_internal.plain_text(relation, column_name), relation, column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.value_rows(regclass, text, text) IS
    'The query of the values of a column with their customers: id, value; NULL when there is no such column';
CREATE FUNCTION customer_identity_internal.values_in(attached regclass, column_name text, customers regclass)
    RETURNS TABLE (id uuid, value text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.value_rows(
        attached, (customer_identity_internal.attachment_of(attached)).customer_column, column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_in(regclass, text, regclass) IS
    'The values of a column of an attached table with their customers';
-- `column_name` NULL: the column that the users' names are in.
CREATE FUNCTION customer_identity_internal.values_query(customers regclass, table_kinds text[], column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(
            CASE
                WHEN customer_identity_internal.have_one_owner(t.relation, values_query.customers) THEN customer_identity_internal.value_rows(t.relation, t.customer_column, t.name)
                ELSE format('SELECT v.id, v.value FROM customer_identity_internal.values_in(%L::regclass, %L, %L::regclass) AS v',
                    t.relation::oid, t.name, values_query.customers::oid)
            END,
            ' UNION ALL ')
        FROM (
            SELECT values_query.customers, 'id', column_name WHERE 'customers' = ANY (table_kinds)
            UNION ALL
            SELECT a.attached, a.customer_column, COALESCE(column_name, a.name_column, 'name')
            -- What inherits may have a column of its own; nothing is counted twice by it.
            FROM customer_identity_internal.held_attachments(values_query.customers) AS a
            WHERE a.kind = ANY (table_kinds)
        ) AS t (relation, customer_column, name)
        WHERE customer_identity_internal.plain_text(t.relation, t.name) IS NOT NULL
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_query(regclass, text[], text) IS
    'The query of the values of a column of that name, in any table of a book, with their customers; NULL when none has it';
-- A value that more than ten customers have tells nobody: an e-mail that stands for none, the address of a large house.
CREATE FUNCTION customer_identity_internal.same_value_pairs(value_rows text, key text, reason text)
    RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
RETURN format($sql$(
    WITH keyed AS MATERIALIZED (SELECT v.id, %2$s AS key FROM (%1$s) AS v),
    shared AS MATERIALIZED (
        SELECT s.id, s.key, count(*) OVER (PARTITION BY s.key) AS people
        FROM (
            SELECT DISTINCT k.id, k.key
            FROM (SELECT r.key FROM keyed AS r WHERE r.key IS NOT NULL GROUP BY r.key HAVING count(*) > 1) AS r
            JOIN keyed AS k ON k.key = r.key
        ) AS s
    )
    SELECT x.id AS a, y.id AS b, %3$L AS reason
    FROM shared AS x
    JOIN shared AS y ON y.key = x.key AND x.id < y.id
    WHERE x.people <= 10 AND y.people <= 10)$sql$,
    value_rows, key, reason);
COMMENT ON FUNCTION customer_identity_internal.same_value_pairs(text, text, text) IS
    'The query of pairs of customers that have a value in common: a, b, reason';
CREATE FUNCTION customer_identity_internal.match_columns()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(regexp_replace(btrim(current_setting('customer_identity.match_columns')), '\s*,\s*', ',', 'g'), ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.match_columns() IS
    'The columns by which duplicate_customers compares besides phone, name and e-mail';
CREATE FUNCTION customer_identity_internal.matched_column(customers regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value_rows constant text := customer_identity_internal.values_query(customers, '{customers,users,orders}', column_name);
BEGIN
    IF value_rows IS NULL THEN
        RAISE EXCEPTION 'no table has a column %', quote_ident(customer_identity_internal.shown(column_name))
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Setting customer_identity.match_columns names it.',
                HINT = 'Allowed are columns of customers and of attached tables, as they are written, without quotes and with commas between them.';
    END IF;
    RETURN customer_identity_internal.same_value_pairs(value_rows, 'customer_identity_internal.match_key(v.value)', 'column:' || column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.matched_column(regclass, text) IS
    'The query of pairs of customers with the same value in a column that the owner has named; 22023 when there is none';
CREATE FUNCTION customer_identity_internal.same_value_queries(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    emails constant text := customer_identity_internal.values_query(customers, '{users}', 'email');
BEGIN
    RETURN concat_ws(' UNION ALL ', 'SELECT NULL::uuid AS a, NULL::uuid AS b, NULL::text AS reason WHERE false',
        customer_identity_internal.same_value_pairs(emails,
            'CASE WHEN strpos(v.value, ''@'') > 1 THEN hashtextextended(lower(btrim(v.value) COLLATE "C"), 0) END', 'email'),
        (SELECT string_agg(customer_identity_internal.matched_column(customers, c.name), ' UNION ALL ')
            FROM unnest(customer_identity_internal.match_columns()) AS c (name)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.same_value_queries(regclass) IS
    'The query of pairs of customers with the same e-mail, or the same value in a column that the owner has named: a, b, reason';
-- The names of a customer without one are those of its logins. More than ten are not a person's: each would be compared
-- in every pair.
CREATE FUNCTION customer_identity_internal.named_customers(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    logins constant text := customer_identity_internal.values_query(customers, '{users}', NULL);
BEGIN
    RETURN CASE WHEN logins IS NOT NULL THEN
            format('WITH of_logins AS MATERIALIZED (SELECT DISTINCT c.id, c.phone::text AS phone, customer_identity_internal.match_key(v.value) AS name'
                ' FROM %s AS c JOIN (%s) AS v ON v.id = c.id WHERE COALESCE(c.preferred_name, '''') = '''') ', customers, logins)
            ELSE '' END
        || format('SELECT n.* FROM (SELECT c.id, c.phone::text AS phone, customer_identity_internal.match_key(c.preferred_name::text) AS name'
            ' FROM %s AS c) AS n WHERE n.name IS NOT NULL', customers)
        || CASE WHEN logins IS NOT NULL THEN
            ' UNION ALL SELECT n.id, n.phone, n.name FROM (SELECT l.*, count(*) OVER (PARTITION BY l.id) AS names'
            ' FROM of_logins AS l WHERE l.name IS NOT NULL) AS n WHERE n.names <= 10'
            ELSE '' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.named_customers(regclass) IS
    'The query of the names of customers as they are compared: id, phone, name';
-- A phone that somebody has now is among them, too: who has it is not paired with himself.
CREATE FUNCTION customer_identity_internal.former_phones(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN concat_ws(' UNION ALL ', 'SELECT NULL::uuid AS id, NULL::text AS phone WHERE false',
        CASE WHEN customer_identity_internal.has_companion(customers, 'customer_phones') THEN
            format('SELECT f.customer_id, f.phone::text FROM %s AS f WHERE f.until IS NOT NULL',
                customer_identity_internal.companion_of(customers, 'customer_phones')) END,
        CASE WHEN customer_identity_internal.has_companion(customers, 'phone_proofs') THEN
            format('SELECT p.customer_id, p.phone::text FROM %s AS p WHERE p.ended_at IS NOT NULL',
                customer_identity_internal.companion_of(customers, 'phone_proofs')) END,
        CASE WHEN customer_identity_internal.keeps_history(customers) THEN
            format('SELECT e.customer_id, e.details ->> CASE e.event WHEN ''phone_changed'' THEN ''old'' ELSE ''phone'' END'
                ' FROM %s AS e WHERE e.event IN (''phone_changed'', ''phone_released'')',
                customer_identity_internal.companion_of(customers, 'customer_events')) END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.former_phones(regclass) IS
    'The query of the phones that customers have had: id, phone';
-- A name that more than ten thousand customers have is none; those that fewer share are compared by what is left of
-- their phones without a digit. Names of pairs are looked up one after the other: who joined by names alone would
-- compare all that share one.
CREATE FUNCTION customer_identity_internal.suspected_pairs(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        named AS MATERIALIZED (%1$s),
        further AS MATERIALIZED (%2$s),
        former AS MATERIALIZED (%4$s),
        met AS MATERIALIZED (
            SELECT f.id AS former, c.id AS present FROM former AS f JOIN %5$s AS c ON c.phone = f.phone
            UNION ALL
            SELECT f.id, p.id FROM former AS f JOIN further AS p ON p.phone = f.phone
        ),
        same_value AS MATERIALIZED (%3$s),
        looked_up AS MATERIALIZED (
            SELECT l.a, l.b, l.reason, x.name
            FROM (
                SELECT s.a, s.b, 'name' AS reason FROM same_value AS s
                UNION
                SELECT LEAST(m.former, m.present), GREATEST(m.former, m.present), 'former_phone' FROM met AS m WHERE m.former <> m.present
            ) AS l
            JOIN named AS x ON x.id = l.a
        ),
        pairs AS (
            SELECT s.* FROM same_value AS s
            UNION ALL
            SELECT l.a, l.b, l.reason FROM looked_up AS l JOIN named AS y ON y.id = l.b AND y.name = l.name
            UNION ALL
            SELECT LEAST(g.ids[t.a], g.ids[t.b]), GREATEST(g.ids[t.a], g.ids[t.b]), 'typing_error'
            FROM (
                SELECT array_agg(p.id) AS ids, array_agg(p.phone) AS phones
                FROM (
                    SELECT n.id, n.phone, n.name FROM named AS n
                    UNION ALL
                    SELECT n.id, p.phone, n.name FROM further AS p JOIN named AS n ON n.id = p.id
                ) AS p
                GROUP BY p.name
                HAVING count(DISTINCT p.id) BETWEEN 2 AND 10000
            ) AS g
            CROSS JOIN LATERAL customer_identity_internal.typing_errors(g.phones) AS t
            WHERE g.ids[t.a] <> g.ids[t.b]
        )
        $sql$, customer_identity_internal.named_customers(customers), customer_identity_internal.further_phones(customers),
        customer_identity_internal.same_value_queries(customers), customer_identity_internal.former_phones(customers), customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.suspected_pairs(regclass) IS
    'The common table expressions that end in pairs: pairs of customers that may be one person, with the reason, maybe more than once';
-- A score is the chance that not all of its reasons are mistaken.
CREATE FUNCTION customer_identity_internal.duplicates_page(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        WITH %s,
        weighed AS (
            SELECT DISTINCT p.a, p.b, p.reason,
                CASE p.reason WHEN 'former_phone' THEN 0.9 WHEN 'typing_error' THEN 0.8 WHEN 'email' THEN 0.7 ELSE 0.5 END AS weight
            FROM pairs AS p%s
        ),
        scored AS (
            SELECT w.a, w.b, trim_scale(round(1 - exp(sum(ln(1 - w.weight))), 6)) AS score,
                jsonb_agg(w.reason ORDER BY w.weight DESC, w.reason COLLATE "C") AS reasons
            FROM weighed AS w
            GROUP BY w.a, w.b
        )
        SELECT array_agg(to_jsonb(i.*)) FROM (
            SELECT s.*
            FROM scored AS s
            WHERE s.score >= $1 AND ($3 IS NULL OR s.score < ($3 ->> 'key')::numeric
                OR (s.score = ($3 ->> 'key')::numeric AND (s.a, s.b) > (($3 ->> 'id')::uuid, ($3 ->> 'other')::uuid)))
            ORDER BY s.score DESC, s.a, s.b
            LIMIT $2
        ) AS i
        $sql$, customer_identity_internal.suspected_pairs(customers),
        CASE WHEN customer_identity_internal.has_companion(customers, 'duplicate_dismissals') THEN
            format(' WHERE NOT EXISTS (SELECT FROM %s AS d WHERE d.a = p.a AND d.b = p.b)',
                customer_identity_internal.companion_of(customers, 'duplicate_dismissals'))
            ELSE '' END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.duplicates_page(regclass) IS
    'The query of a page of duplicates; $1 is the minimum score, $2 how many, $3 the place after which they begin';
CREATE FUNCTION customer_identity.duplicate_customers(
    min_score numeric DEFAULT 0.5, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 1000000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    minimum constant numeric := trim_scale(COALESCE(min_score, 0.5));
    size constant integer := COALESCE(page_size, 50);
    list constant jsonb := jsonb_build_array('duplicates', minimum, customer_identity_internal.match_columns());
    place constant jsonb := customer_identity_internal.read_cursor(list, after, 'numeric', 'uuid');
    items jsonb[];
BEGIN
    PERFORM customer_identity_internal.require_page_size(size);
    IF place IS NOT NULL AND NOT customer_identity_internal.is_value('uuid', place ->> 'other') THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
    EXECUTE customer_identity_internal.duplicates_page(customers)
        INTO items
        USING minimum, size + 1, place;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list,
        jsonb_build_object('key', items[size] ->> 'score', 'id', items[size] -> 'a', 'other', items[size] -> 'b')));
END
$$;
COMMENT ON FUNCTION customer_identity.duplicate_customers(numeric, integer, text, regclass) IS
    'A page of pairs of customers that may be one person, the likeliest first: items with a, b, score and reasons, and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION customer_identity.duplicate_customers(numeric, integer, text, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity.dismiss_duplicate(
    a uuid, b uuid, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    dismissed bigint;
BEGIN
    PERFORM customer_identity_internal.require_two(a, b);
    PERFORM customer_identity_internal.customer_row(e.customer, customers) FROM unnest(ARRAY[a, b]) AS e (customer);
    EXECUTE format('INSERT INTO %s (a, b, actor, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
        customer_identity_internal.companion_of(customers, 'duplicate_dismissals'))
        USING LEAST(a, b), GREATEST(a, b), actor, reason;
    GET DIAGNOSTICS dismissed = ROW_COUNT;
    IF dismissed = 0 THEN
        RETURN;
    END IF;
    PERFORM customer_identity_internal.write_event(customers, e.customer, 'duplicate_dismissed',
        jsonb_strip_nulls(jsonb_build_object('other', e.other, 'reason', reason)), actor)
    FROM (VALUES (a, b), (b, a)) AS e (customer, other);
END
$$;
COMMENT ON FUNCTION customer_identity.dismiss_duplicate(uuid, uuid, text, text, regclass) IS
    'Says that two customers are two people: duplicate_customers does not list them any more';
REVOKE EXECUTE ON FUNCTION customer_identity.dismiss_duplicate(uuid, uuid, text, text, regclass) FROM PUBLIC;
-- What these types write has no comma and reads as the same value again; a time with the name of its zone may not.
CREATE FUNCTION customer_identity_internal.first_of_key(relation regclass, key text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := (customer_identity_internal.primary_key_columns(relation))[1];
    type constant regtype := customer_identity_internal.column_type(relation, name);
    value constant text := split_part(key, ',', 1);
BEGIN
    IF strpos(key, ',') = 0 THEN
        RETURN 'false';
    END IF;
    IF NOT (type = ANY ('{int2,int4,int8,numeric,uuid,date,timestamp}'::regtype[])
            OR type = 'timestamptz'::regtype AND current_setting('DateStyle') LIKE 'ISO%') THEN
        RETURN 'true';
    END IF;
    RETURN CASE WHEN customer_identity_internal.is_value(type, value) THEN customer_identity_internal.equals_value(format('r.%I', name), type, value) ELSE 'false' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.first_of_key(regclass, text) IS
    'The condition that the first column of row r''s key of several columns is what a key, as a text, begins with, for an index';
-- Of a key of several columns the id alone will do. Each way is asked for by value, too, which an index serves.
CREATE FUNCTION customer_identity_internal.has_key(relation regclass, key text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns constant text[] := customer_identity_internal.primary_key_columns(relation);
    name constant text := customer_identity_internal.row_key_column(relation);
    type constant regtype := CASE name WHEN 'ctid' THEN 'tid'::regtype ELSE customer_identity_internal.column_type(relation, name) END;
BEGIN
    -- Where rows are placed by the customer, the place of this one is in its key.
    IF cardinality(columns) > 1 AND customer_identity_internal.column_type(relation, columns[1]) = 'uuid'::regtype AND key LIKE '%,%'
        AND customer_identity_internal.is_value('uuid', split_part(key, ',', 1)) THEN
        RETURN format('r.%I = %L::uuid AND %L = %s', columns[1], split_part(key, ',', 1), key, customer_identity_internal.row_key(relation));
    END IF;
    IF cardinality(columns) > 1 THEN
        RETURN format('(%1$s AND %2$L = %3$s OR %4$s AND %2$L = customer_identity_internal.as_text(r.%5$I))',
            customer_identity_internal.first_of_key(relation, key), key, customer_identity_internal.row_key(relation),
            CASE WHEN customer_identity_internal.is_value(type, key) THEN customer_identity_internal.equals_value(format('r.%I', name), type, key) ELSE 'false' END, name);
    END IF;
    IF NOT customer_identity_internal.is_value(type, key) THEN
        RETURN 'false';
    END IF;
    RETURN customer_identity_internal.equals_value(format('r.%I', name), type, key);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_key(regclass, text) IS
    'The condition that row r has a key, as phone_problems shows it';
-- What the row says: its customer, login, time, key and phones, which are read here and not where the row is.
CREATE FUNCTION customer_identity_internal.linked_row(referencing regclass, key text, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    login constant text := COALESCE(setup.key_column, setup.user_column);
    found_row jsonb;
BEGIN
    EXECUTE format(
        'SELECT jsonb_build_object(''customer'', r.%I, ''login'', %s, ''at'', %s, ''key'', %s, ''region'', %s, ''phones'', ARRAY[%s]::text[]) FROM %s AS r WHERE %s LIMIT 1',
        setup.customer_column,
        CASE WHEN login IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', login) END,
        customer_identity_internal.time_of_row(referencing),
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), setup.customer_column), setup.customer_column),
        customer_identity_internal.region_expression(setup),
        (SELECT string_agg(format('customer_identity_internal.as_text(r.%I)', p.name), ', ' ORDER BY p.place) FROM unnest(setup.phone_columns) WITH ORDINALITY AS p (name, place)),
        referencing, customer_identity_internal.has_key(referencing, key))
        INTO found_row;
    RETURN found_row || jsonb_build_object('claims', (
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('column', setup.phone_columns[p.place], 'phone', p.raw,
                'e164', customer_identity_internal.claimed_phone(p.raw, found_row ->> 'region'))
            ORDER BY p.place), '[]')
        FROM jsonb_array_elements_text(found_row -> 'phones') WITH ORDINALITY AS p (raw, place)
        WHERE p.raw IS NOT NULL));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.linked_row(regclass, text, regclass) IS
    'What a row of an attached table says about its customer; NULL: there is no such row';
-- Orders may name logins by another column than the key.
CREATE FUNCTION customer_identity_internal.login_of_order(referencing regclass, column_name text, value text, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    type constant regtype := customer_identity_internal.column_type(referencing, column_name);
    login jsonb;
BEGIN
    IF NOT customer_identity_internal.is_value(type, value) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT jsonb_build_object(''login'', %s, ''customer'', r.%I, ''key'', %s) FROM %s AS r WHERE %s LIMIT 1',
        CASE WHEN setup.key_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', setup.key_column) END,
        setup.customer_column,
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), setup.customer_column), setup.customer_column),
        referencing, customer_identity_internal.equals_value(format('r.%I', column_name), type, value))
        INTO login;
    RETURN login;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.login_of_order(regclass, text, text, regclass) IS
    'The login that an order names, its customer and its key';
-- `phone`: the customer has, or had, the phone; `merge`: since a merge. NULL: never, as far as the book knows.
CREATE FUNCTION customer_identity_internal.way_of_phone(phone text, customer_id uuid, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way text;
BEGIN
    EXECUTE format('SELECT ''phone'' FROM %s AS c WHERE c.id = $1 AND c.phone = $2', customers) INTO way USING customer_id, phone;
    IF way IS NULL AND customer_identity_internal.companion_problem(customers, 'customer_phones') IS NULL THEN
        EXECUTE format(
            'SELECT CASE a.reason WHEN ''merge'' THEN ''merge'' ELSE ''phone'' END FROM %s AS a WHERE a.customer_id = $1 AND a.phone = $2'
            ' ORDER BY a.until DESC NULLS FIRST LIMIT 1',
            customer_identity_internal.companion_of(customers, 'customer_phones'))
            INTO way
            USING customer_id, phone;
    END IF;
    RETURN way;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.way_of_phone(text, uuid, regclass) IS
    'How a phone leads, or led, to a customer';
-- Merges in force that moved one of the rows ({table, column, key}), or made the phone lead on, and those that followed.
-- Each is looked up, whatever the planner expects: to read a record is slow, and the shop may have very many of them.
CREATE FUNCTION customer_identity_internal.merges_on_way(rows jsonb, phone text, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges jsonb;
BEGIN
    IF customer_identity_internal.companion_problem(customers, 'customer_merges') IS NOT NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        WITH RECURSIVE merged (id, winner_id, loser_id) AS (
            SELECT m.id, m.winner_id, m.loser_id FROM %1$s AS m WHERE m.winner_id = $1
            UNION
            SELECT m.id, m.winner_id, m.loser_id
            FROM merged AS l
            CROSS JOIN LATERAL (SELECT k.id, k.winner_id, k.loser_id FROM %1$s AS k WHERE k.winner_id = l.loser_id OFFSET 0) AS m
        ),
        way (id, winner_id) AS (
            SELECT m.id, m.winner_id
            FROM merged
            CROSS JOIN LATERAL (SELECT k.id, k.winner_id, k.record FROM %1$s AS k WHERE k.id = merged.id OFFSET 0) AS m
            WHERE m.record -> 'loser' ->> 'phone' = $2 OR EXISTS (
                SELECT
                FROM jsonb_array_elements(customer_identity_internal.renamed_record(m.record, $4) -> 'moved') AS t
                JOIN jsonb_array_elements($3) AS r
                    ON t.value -> 'table' = r.value -> 'table'
                    AND jsonb_path_query_array(t.value, '$.ways[*].columns[*]') @> jsonb_build_array(r.value -> 'column')
                WHERE t.value -> 'keys' @> jsonb_build_array(r.value -> 'key'))
            UNION
            SELECT merged.id, merged.winner_id FROM way JOIN merged ON merged.loser_id = way.winner_id
        )
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('id', m.id, 'winner', m.winner_id, 'loser', m.loser_id, 'merged_at', m.merged_at, 'actor', m.actor)
            ORDER BY m.id), '[]')
        FROM way
        CROSS JOIN LATERAL (SELECT k.* FROM %1$s AS k WHERE k.id = way.id OFFSET 0) AS m
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING customer_id, phone, rows, customers;
    RETURN merges;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merges_on_way(jsonb, text, uuid, regclass) IS
    'The merges by which rows, or a phone, came to a customer, oldest first';
CREATE FUNCTION customer_identity_internal.is_older_than_link(at timestamptz, user_id text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_older boolean;
BEGIN
    IF customer_identity_internal.keeps_history(customers) THEN
        EXECUTE format(
            'SELECT $1 < min(e.created_at) FROM %s AS e'
            ' WHERE e.customer_id = $2 AND e.event = ''user_linked'' AND e.details ->> ''user_id'' = $3',
            customer_identity_internal.companion_of(customers, 'customer_events'))
            INTO is_older
            USING at, customer_id, user_id;
    END IF;
    RETURN COALESCE(is_older, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_older_than_link(timestamptz, text, uuid, regclass) IS
    'Whether an order was placed before its login was linked to the customer, by the history';
-- phone NULL: any phone of the customer.
CREATE FUNCTION customer_identity_internal.proof_by(user_id text, phone text, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof jsonb;
BEGIN
    EXECUTE format(
        'SELECT jsonb_build_object(''method'', p.method, ''proved_at'', p.proved_at, ''by'', p.user_id) FROM %s AS p'
        ' WHERE p.customer_id = $1 AND p.ended_at IS NULL AND p.user_id IS NOT DISTINCT FROM $2 AND p.phone = COALESCE($3, p.phone)'
        ' ORDER BY p.proved_at DESC LIMIT 1',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO proof
        USING customer_id, user_id, phone;
    RETURN proof;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.proof_by(text, text, uuid, regclass) IS
    'The live proof of a phone by a login, or by a guest';
-- The phone by which the row came to its customer: one that leads there, else one that can be read, else any.
CREATE FUNCTION customer_identity_internal.leading_claim(claims jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.value || jsonb_build_object('way', w.way)
    FROM jsonb_array_elements(claims) WITH ORDINALITY AS c (value, place)
    CROSS JOIN LATERAL (
        SELECT customer_identity_internal.way_of_phone(c.value ->> 'e164', customer_id, customers)
    ) AS w (way)
    ORDER BY w.way IS NULL, c.value ->> 'e164' IS NULL, c.place
    LIMIT 1
$$;
COMMENT ON FUNCTION customer_identity_internal.leading_claim(jsonb, uuid, regclass) IS
    'The phone of a row that says most about its link, and how it leads to the customer';
CREATE FUNCTION customer_identity_internal.attached_here(attached regclass, customers regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup customer_identity.attachments;
BEGIN
    SELECT a.* INTO setup
    FROM customer_identity_internal.held_attachments(customers) AS a
    WHERE a.attached = COALESCE(pg_partition_root(attached_here.attached), attached_here.attached);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not attached to these customers', attached
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'SELECT * FROM customer_identity.attachments lists the attached tables and their customers.';
    END IF;
    RETURN setup;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attached_here(regclass, regclass) IS
    'The set-up of a table that feeds a book, or of the partitioned table it belongs to; an error when it does not';
CREATE FUNCTION customer_identity.why_linked(attached regclass, key text, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
    SET jit = off
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attached_here(attached, customers);
    found_row constant jsonb := customer_identity_internal.linked_row(setup.attached, key, customers);
    customer constant uuid := found_row ->> 'customer';
    claim constant jsonb := customer_identity_internal.leading_claim(found_row -> 'claims', customer, customers);
    moved jsonb := jsonb_build_array(jsonb_build_object(
        'table', customer_identity_internal.told_name(setup.attached), 'column', setup.customer_column, 'key', found_row -> 'key'));
    login jsonb;
    rule text := claim ->> 'way';
    merges jsonb;
BEGIN
    IF customer IS NULL THEN
        RETURN NULL;
    END IF;
    IF setup.kind = 'users' THEN
        login := found_row;
    ELSIF customer_identity_internal.has_logins(setup) AND found_row ->> 'login' IS NOT NULL THEN
        login := customer_identity_internal.login_of_order(setup.users, setup.users_key_column, found_row ->> 'login', customers);
        IF (login ->> 'customer')::uuid = customer THEN
            rule := CASE
                WHEN NOT customer_identity_internal.is_older_than_link((found_row ->> 'at')::timestamptz, login ->> 'login', customer, customers) THEN 'user'
                ELSE COALESCE(rule, 'earlier_order')
            END;
        END IF;
    END IF;
    IF rule IN ('user', 'earlier_order') THEN
        moved := moved || jsonb_build_object(
            'table', customer_identity_internal.told_name(setup.users),
            'column', (customer_identity_internal.attachment_of(setup.users)).customer_column, 'key', login -> 'key');
    END IF;
    merges := customer_identity_internal.merges_on_way(moved, claim ->> 'e164', customer, customers);
    IF rule IS NULL OR rule = 'phone' THEN
        rule := CASE WHEN merges <> '[]' THEN 'merge' ELSE COALESCE(rule, 'application') END;
    END IF;
    RETURN jsonb_build_object(
        'customer', customer, 'phone', claim -> 'phone', 'column', claim -> 'column', 'e164', claim -> 'e164', 'rule', rule,
        'proof', customer_identity_internal.proof_by(login ->> 'login',
            CASE WHEN rule NOT IN ('user', 'earlier_order') THEN claim ->> 'e164' END, customer, customers),
        'merges', merges);
END
$$;
COMMENT ON FUNCTION customer_identity.why_linked(regclass, text, regclass) IS
    'Why a row of an attached table has its customer: customer, phone as typed, column, e164, rule (phone, user, application, earlier_order, merge), proof, merges on the way; NULL: there is no such row, or it has none';
REVOKE EXECUTE ON FUNCTION customer_identity.why_linked(regclass, text, regclass) FROM PUBLIC;
-- What is emptied of a row of a person: the phones, of a login the name and the e-mail, and what the owner has named.
CREATE FUNCTION customer_identity_internal.personal_columns_of(attached customer_identity.attachments)
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(array_agg(a.attname::text ORDER BY a.attnum), '{}')
    FROM pg_attribute AS a
    WHERE a.attrelid = attached.attached AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND a.attname = ANY (attached.phone_columns || attached.personal_columns || attached.name_column
            || CASE WHEN attached.kind = 'users' THEN 'email' END)
        AND a.attname IS DISTINCT FROM attached.key_column
$$;
COMMENT ON FUNCTION customer_identity_internal.personal_columns_of(customer_identity.attachments) IS
    'The columns of an attached table that say something about a person';
CREATE FUNCTION customer_identity_internal.is_in_unique_index(relation regclass, number int2)
    RETURNS TABLE (unique_values boolean, unique_nulls boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) > 0, COALESCE(bool_or(to_jsonb(i.*) -> 'indnullsnotdistinct' = 'true'), false)
    FROM pg_index AS i
    WHERE i.indrelid = relation AND (i.indisunique OR i.indisexclusion)
        AND (number = ANY (i.indkey) OR EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = number))
$$;
COMMENT ON FUNCTION customer_identity_internal.is_in_unique_index(regclass, int2) IS
    'Whether a unique index, or that of an exclusion constraint, has a column or reads it, and whether one takes NULLs for the same';
-- Letters alone: nobody's phone. The e-mail is of a domain that no host will ever have (RFC 2606).
CREATE FUNCTION customer_identity_internal.empty_values(is_text boolean, not_null boolean, unique_values boolean, unique_nulls boolean)
    RETURNS SETOF text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.expression
    FROM (
        SELECT 'pg_catalog.translate(pg_catalog.replace(pg_catalog.gen_random_uuid()::pg_catalog.text, ''-'', ''''), ''0123456789'', ''ghijklmnop'')'
    ) AS l (letters)
    CROSS JOIN LATERAL (VALUES
        (1, 'NULL', NOT not_null AND NOT unique_nulls),
        (2, '''''', NOT unique_values),
        (3, '''{}''', NOT unique_values AND NOT is_text),
        (4, format('pg_catalog.concat(''erased-'', %s)', l.letters), true),
        (5, format('pg_catalog.concat(pg_catalog.left(%s, 12), ''@erased.invalid'')', l.letters), true),
        (6, format('pg_catalog.left(%s, 12)', l.letters), true)
    ) AS v (place, expression, fits)
    WHERE v.fits
    ORDER BY v.place
$$;
COMMENT ON FUNCTION customer_identity_internal.empty_values(boolean, boolean, boolean, boolean) IS
    'What a column can be emptied to, as expressions, the best first';
-- Of the column alone: what several columns have to keep together is known when they are written. With its caller's rights, as it
-- runs what it is given. A check names the column alone, whatever that is called: nothing of ours stands beside it.
CREATE FUNCTION customer_identity_internal.holds_value(referencing regclass, column_name text, expression text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute;
    condition text;
    fits boolean;
BEGIN
    SELECT a.* INTO attribute FROM pg_attribute AS a WHERE a.attrelid = referencing AND a.attname = column_name;
    SELECT string_agg(format('(%s) IS NOT FALSE', pg_get_expr(k.conbin, k.conrelid)), ' AND ') INTO condition
    FROM pg_constraint AS k
    WHERE k.conrelid = referencing AND k.contype = 'c' AND k.conkey = ARRAY[attribute.attnum];
    -- A cast cuts off what is too long.
    EXECUTE format(
        'SELECT f.fits FROM (SELECT %5$s AS value) AS e'
        ' CROSS JOIN LATERAL (SELECT num_nulls(r.%2$I) >= 0 AND %3$s AND %4$s AS fits FROM (SELECT e.value::%1$s AS %2$I) AS r) AS f',
        format_type(attribute.atttypid, attribute.atttypmod), column_name, COALESCE(condition, 'true'),
        CASE WHEN expression LIKE 'pg_catalog.%' THEN format('r.%I::text = e.value', column_name) ELSE 'true' END, expression)
        INTO fits;
    RETURN fits;
EXCEPTION WHEN data_exception OR integrity_constraint_violation OR cannot_coerce OR datatype_mismatch OR undefined_function THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.holds_value(regclass, text, text) IS
    'Whether a column of a table can hold what an expression makes';
CREATE FUNCTION customer_identity_internal.emptied_value(referencing regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expression text;
BEGIN
    FOR expression IN
        SELECT v.expression
        FROM pg_attribute AS a
        JOIN pg_type AS t ON t.oid = a.atttypid
        CROSS JOIN LATERAL customer_identity_internal.is_in_unique_index(referencing, a.attnum) AS i
        CROSS JOIN LATERAL customer_identity_internal.empty_values(t.typcategory = 'S', a.attnotnull, i.unique_values, i.unique_nulls) AS v (expression)
        WHERE a.attrelid = referencing AND a.attname = column_name
    LOOP
        IF customer_identity_internal.holds_value(referencing, column_name, expression) THEN
            RETURN expression;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emptied_value(regclass, text) IS
    'An expression for what a personal column is emptied to: NULL, an empty value, or one that is unique and meaningless; NULL when it can hold none of them';
-- The flag of a phone that is gone says no.
CREATE FUNCTION customer_identity_internal.emptied_columns(attached customer_identity.attachments)
    RETURNS TABLE (column_name text, expression text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.name, customer_identity_internal.emptied_value(attached.attached, c.name)
    FROM unnest(customer_identity_internal.personal_columns_of(attached)) AS c (name)
    WHERE c.name IS DISTINCT FROM attached.verified_column
    UNION ALL
    SELECT attached.verified_column, 'false'
    WHERE attached.verified_column IS NOT NULL
$$;
COMMENT ON FUNCTION customer_identity_internal.emptied_columns(customer_identity.attachments) IS
    'The columns of an attached table that are emptied, and to what';
-- The customer's id alone where that may be NULL, as another column, a tenant, says more than who it is. A key that is MATCH FULL
-- wants all of its columns NULL. With its caller's rights, as it tries the CHECKs of the table.
CREATE FUNCTION customer_identity_internal.columns_to_unlink(referencing regclass, way jsonb)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    may_be_null constant text[] := ARRAY(
        SELECT a.attname::text
        FROM pg_attribute AS a
        WHERE a.attrelid = referencing AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull AND a.attgenerated = ''
            AND (way -> 'columns' ? a.attname::text
                OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = referencing AND k.confmatchtype = 'f' AND a.attnum = ANY (k.conkey)))
            AND customer_identity_internal.holds_value(referencing, a.attname::text, 'NULL'));
    names text[] := ARRAY(SELECT jsonb_array_elements_text(way -> 'columns') INTERSECT SELECT unnest(may_be_null));
    id_column constant text := (
        SELECT c.name
        FROM ROWS FROM (jsonb_array_elements_text(way -> 'columns'), jsonb_array_elements_text(way -> 'referenced')) AS c (name, referenced)
        WHERE c.referenced = 'id');
BEGIN
    IF id_column = ANY (names) THEN
        names := ARRAY[id_column];
    END IF;
    names := names || ARRAY(
        SELECT DISTINCT a.attname::text
        FROM pg_constraint AS k
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.conrelid = referencing AND k.contype = 'f' AND k.confmatchtype = 'f' AND a.attname <> ALL (names)
            AND EXISTS (SELECT FROM pg_attribute AS n WHERE n.attrelid = k.conrelid AND n.attnum = ANY (k.conkey) AND n.attname = ANY (names))
        ORDER BY 1);
    RETURN CASE WHEN names <> '{}' AND names <@ may_be_null THEN names END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.columns_to_unlink(regclass, jsonb) IS
    'The columns that become NULL so that a row does not refer to its customer any more; NULL: they cannot';
CREATE FUNCTION customer_identity_internal.unlinked_columns(referencing regclass, way jsonb, customers regclass)
    RETURNS text[]
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    RETURN customer_identity_internal.columns_to_unlink(referencing, way);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlinked_columns(regclass, jsonb, regclass) IS
    'columns_to_unlink() as the owner of the table';
-- The CHECKs of a table are tried as its owner, who wrote them.
CREATE FUNCTION customer_identity_internal.emptying_columns(referencing regclass, customers regclass)
    RETURNS TABLE (column_name text, expression text)
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    RETURN QUERY SELECT e.* FROM customer_identity_internal.emptied_columns(customer_identity_internal.attachment_to(referencing, customers)) AS e;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emptying_columns(regclass, regclass) IS
    'emptied_columns() as the owner of the table';
-- Who lives on in a customer since merges.
CREATE FUNCTION customer_identity_internal.merged_into(customer_id uuid, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids uuid[];
BEGIN
    EXECUTE format(
        'WITH RECURSIVE merged (id) AS (SELECT $1 UNION SELECT m.loser_id FROM merged AS w JOIN %s AS m ON m.winner_id = w.id)'
        ' SELECT array_agg(w.id) FROM merged AS w',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO ids
        USING customer_id;
    RETURN ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merged_into(uuid, regclass) IS
    'The ids of a customer and of those that were merged into it';
-- Of the former ones those that lead to nobody else now: a number with a new holder is no longer the person's.
CREATE FUNCTION customer_identity_internal.phones_of_person(customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    had text[];
    phones text[];
BEGIN
    EXECUTE format(
        'SELECT COALESCE(array_agg(DISTINCT n.phone), ''{}'') FROM ('
        ' SELECT c.phone::text FROM %s AS c WHERE c.id = $1'
        ' UNION ALL SELECT p.phone::text FROM %s AS p WHERE p.customer_id = $1'
        ' UNION ALL SELECT p.phone::text FROM %s AS p WHERE p.customer_id = $1) AS n (phone)'
        ' WHERE n.phone IS NOT NULL',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'), customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO had
        USING customer_id;
    EXECUTE format(
        'SELECT ARRAY(SELECT n.phone FROM unnest($2) AS n (phone)'
        ' EXCEPT SELECT c.phone::text FROM %s AS c WHERE c.phone = ANY ($2) AND c.id <> $1'
        ' EXCEPT SELECT p.phone::text FROM %s AS p WHERE p.phone = ANY ($2) AND p.customer_id <> $1 AND p.until IS NULL'
        ' EXCEPT SELECT r.phone::text FROM %s AS r WHERE r.phone = ANY ($2) AND r.rule = ''nobody'' ORDER BY 1)',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'), customer_identity_internal.companion_of(customers, 'phone_rules'))
        INTO phones
        USING customer_id, had;
    RETURN phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phones_of_person(uuid, regclass) IS
    'The numbers that a customer has or had and that are nobody else''s now';
-- An order has one phone.
CREATE FUNCTION customer_identity_internal.has_claimed(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    CASE WHEN cardinality(orders.phone_columns) > 0 THEN format('customer_identity_internal.claimed_phone(customer_identity_internal.as_text(r.%I), %s) = ANY ($2)',
        (orders.phone_columns)[1], customer_identity_internal.region_expression(orders)) END,
    'false');
COMMENT ON FUNCTION customer_identity_internal.has_claimed(customer_identity.attachments) IS
    'The condition that order r has one of the phones $2';
-- Where orders are placed by their customers, a phone is in those of its holders, the one after the other, and of nobody.
CREATE FUNCTION customer_identity_internal.places_of_orders(customer_id uuid, phones text[])
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids uuid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(i.id) FROM (SELECT $1 UNION SELECT $3'
        ' UNION SELECT %s FROM unnest($2) AS p (phone) CROSS JOIN generate_series(0, %s) AS g (phone_generation)) AS i (id)',
        customer_identity_internal.id_of_phone(), customer_identity_internal.last_generation())
        INTO ids
        USING customer_id, phones, customer_identity_internal.nobody();
    RETURN ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.places_of_orders(uuid, text[]) IS
    'The ids by which the orders of a customer, and others with one of the phones, are placed in a book whose ids are computed';
-- The rows r of customer $1: those that are linked, and those that backfill() would link by one of the phones $2.
CREATE FUNCTION customer_identity_internal.rows_of_person_query(attached customer_identity.attachments, customer_id uuid, phones text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    came_by constant text := customer_identity_internal.came_by_condition(attached);
BEGIN
    IF customer_identity_internal.is_spread(attached.attached) THEN
        RETURN format('FROM %1$s AS r WHERE r.%2$I = ANY (%3$L::uuid[]) AND (r.%2$I = $1 OR %4$s)', attached.attached, attached.customer_column,
            customer_identity_internal.places_of_orders(customer_id, phones), customer_identity_internal.has_claimed(attached));
    END IF;
    RETURN format('FROM %1$s AS r WHERE r.%2$I = $1 OR (%3$s %4$s)', attached.attached, attached.customer_column,
        CASE WHEN attached.kind = 'users' THEN format('r.%I IS NULL AND ', attached.customer_column) END, came_by);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_of_person_query(customer_identity.attachments, uuid, text[]) IS
    'FROM and WHERE of the rows r of customer $1 with the phones $2, and of other customers'' orders with one of them';
-- `others`: orders of other customers that have one of the phones, for a delivery. Rows of an attached table that inherits
-- from this one are found there: it may have personal columns of its own.
CREATE FUNCTION customer_identity_internal.find_rows_of_person(
    attached customer_identity.attachments, customer_id uuid, phones text[],
    OUT parts oid[], OUT places tid[], OUT ids text[], OUT other_parts oid[], OUT other_places tid[])
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    heirs constant oid[] := customer_identity_internal.attached_heirs(attached);
BEGIN
    EXECUTE format(
        'SELECT COALESCE(array_agg(f.part) FILTER (WHERE f.own), ''{}''), COALESCE(array_agg(f.place) FILTER (WHERE f.own), ''{}''),'
        ' COALESCE(array_agg(f.id) FILTER (WHERE f.own), ''{}''),'
        ' COALESCE(array_agg(f.part) FILTER (WHERE NOT f.own), ''{}''), COALESCE(array_agg(f.place) FILTER (WHERE NOT f.own), ''{}'')'
        ' FROM (SELECT r.tableoid AS part, r.ctid AS place, %s AS id, COALESCE(r.%I = $1, true) AS own %s) AS f%s',
        CASE WHEN attached.key_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', attached.key_column) END,
        attached.customer_column, customer_identity_internal.rows_of_person_query(attached, customer_id, phones),
        CASE WHEN heirs <> '{}' THEN format(' WHERE f.part <> ALL (%L::oid[])', heirs) END)
        INTO parts, places, ids, other_parts, other_places
        USING customer_id, phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_rows_of_person(customer_identity.attachments, uuid, text[]) IS
    'Where the rows of a customer are in an attached table, with the ids of logins, and the orders of others that have one of its phones';
CREATE FUNCTION customer_identity_internal.rows_of_person(
    referencing regclass, customer_id uuid, phones text[], customers regclass,
    OUT parts oid[], OUT places tid[], OUT ids text[], OUT other_parts oid[], OUT other_places tid[])
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    SELECT f.* INTO parts, places, ids, other_parts, other_places
    FROM customer_identity_internal.find_rows_of_person(customer_identity_internal.attachment_to(referencing, customers), customer_id, phones) AS f;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_of_person(regclass, uuid, text[], regclass) IS
    'find_rows_of_person() as the owner of the table';
CREATE FUNCTION customer_identity_internal.logins_of_person(customer_id uuid, phones text[], customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT i.id
        FROM customer_identity_internal.held_attachments(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.rows_of_person(a.attached, customer_id, phones, customers) AS r
        CROSS JOIN LATERAL unnest(r.ids) AS i (id)
        WHERE a.kind = 'users' AND i.id IS NOT NULL);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_of_person(uuid, text[], regclass) IS
    'The ids of a customer''s logins';
CREATE FUNCTION customer_identity_internal.logins_in_record(record jsonb, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT k.value ->> n.column_name
        FROM customer_identity_internal.attachments_of(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.named_in_record(record, a.attached, a.key_column, customers) AS n
        JOIN jsonb_array_elements(record -> 'moved') AS m ON m.value ->> 'table' = n.table_name
        CROSS JOIN LATERAL jsonb_array_elements(m.value -> 'keys') AS k
        WHERE a.kind = 'users' AND k.value ? n.column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_in_record(jsonb, regclass) IS
    'The logins that a merge moved';
-- Whoever has a number that was released since the merge is somebody else.
CREATE FUNCTION customer_identity_internal.is_still_of_merge(phone text, winner_id uuid, merged_at timestamptz, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_released boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS e WHERE e.customer_id = $1 AND e.event = ''phone_released'' AND e.details ->> ''phone'' = $2 AND e.created_at >= $3)',
        customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO is_released
        USING winner_id, phone, merged_at;
    RETURN NOT is_released;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_still_of_merge(text, uuid, timestamptz, regclass) IS
    'Whether who has a phone of a merge''s loser or winner may be one of the two';
-- Who was merged into somebody else and is a customer again, by a split or a new sign-up, is in the record of that merge.
CREATE FUNCTION customer_identity_internal.is_in_record(record jsonb, phones text[], user_ids text[], customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(record -> 'loser' ->> 'phone' = ANY (phones), false)
        OR COALESCE(record -> 'before' ->> 'phone' = ANY (phones), false)
        OR customer_identity_internal.logins_in_record(record, customers) && user_ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_in_record(jsonb, text[], text[], regclass) IS
    'Whether one of the two customers of a merge had one of the phones, or the loser one of the logins';
CREATE FUNCTION customer_identity_internal.events_in_record(record jsonb, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT (k.value ->> n.column_name)::uuid
        FROM customer_identity_internal.named_in_record(record,
            customer_identity_internal.companion_of(customers, 'customer_events')::regclass, 'id', customers) AS n
        JOIN jsonb_array_elements(record -> 'moved') AS m ON m.value ->> 'table' = n.table_name
        CROSS JOIN LATERAL jsonb_array_elements(m.value -> 'keys') AS k);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.events_in_record(jsonb, regclass) IS
    'The entries of the history that a merge took along';
-- Who was merged into somebody else, and has come out of it by a split or a new sign-up, has left his history there.
CREATE FUNCTION customer_identity_internal.moved_events_of_person(merges bigint[], phones text[], user_ids text[], customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    events uuid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(e.id) FROM %s AS m CROSS JOIN LATERAL unnest(customer_identity_internal.events_in_record(m.record, $4)) AS e (id)'
        ' WHERE m.id = ANY ($1) AND (customer_identity_internal.logins_in_record(m.record, $4) && $3'
        ' OR (m.record #>> ''{loser,phone}'' = ANY ($2) AND customer_identity_internal.is_still_of_merge(m.record #>> ''{loser,phone}'', m.winner_id, m.merged_at, $4)))',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO events
        USING merges, phones, user_ids, customers;
    RETURN COALESCE(events, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.moved_events_of_person(bigint[], text[], text[], regclass) IS
    'The entries of the history that those of some merges took along which had taken a person with these phones and logins for somebody else';
-- Asked for first: Citus calls no function for rows that are changed. Of the merges of a shop few name a person at all: only
-- those are read closely.
CREATE FUNCTION customer_identity_internal.merges_of_person(phones text[], user_ids text[], customers regclass)
    RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(m.id) FROM %s AS m WHERE CASE'
        ' WHEN m.record #>> ''{loser,phone}'' = ANY ($1) OR m.record #>> ''{before,phone}'' = ANY ($1)'
        ' OR cardinality($2) > 0 AND EXISTS (SELECT FROM jsonb_path_query(m.record, ''$.moved[*].keys[*].*'') AS k (value) WHERE k.value #>> ''{}'' = ANY ($2))'
        ' THEN customer_identity_internal.is_in_record(m.record, ARRAY(SELECT p.phone FROM unnest($1) AS p (phone) WHERE p.phone IN (m.record #>> ''{loser,phone}'', m.record #>> ''{before,phone}'')'
        ' AND customer_identity_internal.is_still_of_merge(p.phone, m.winner_id, m.merged_at, $3)), $2, $3) END',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING phones, user_ids, customers;
    RETURN COALESCE(merges, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merges_of_person(text[], text[], regclass) IS
    'The merges that had taken a person with these phones and logins for somebody else';
-- What the companions hold on a person: customer $1, phones $2, merged ids $3, merges $4, and events $5 that a merge has taken along.
CREATE FUNCTION customer_identity_internal.companions_of_person()
    RETURNS TABLE (name text, condition text, also text)
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('customer_events', 'r.customer_id = $1', 'r.id = ANY ($5)'),
        ('customer_merges', 'r.winner_id = ANY ($3) OR r.loser_id = ANY ($3)',
            'r.id = ANY ($4)'),
        ('customer_phones', 'r.customer_id = $1', 'r.phone = ANY ($2)'),
        ('duplicate_dismissals', 'r.a = ANY ($3) OR r.b = ANY ($3)', 'false'),
        ('loyalty_entries', 'r.customer_id = $1', 'false'),
        ('phone_proofs', 'r.customer_id = $1', 'r.phone = ANY ($2)'),
        ('phone_rules', 'r.phone = ANY ($2)', 'false')
$$;
COMMENT ON FUNCTION customer_identity_internal.companions_of_person() IS
    'Which rows r of each companion are about customer $1 with the phones $2, the merged ids $3, the merges $4 and the events $5, and which of others name it';
-- Without the codes and their hashes. Limits are counted by phone and user over all books.
CREATE FUNCTION customer_identity_internal.verifications_in_tables(
    phones text[], user_ids text[], erase boolean, with_limits boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_owner VOLATILE
AS $$
DECLARE
    ids constant uuid[] := ARRAY(
        SELECT v.id
        FROM customer_identity.verifications AS v
        WHERE v.customers = verifications_in_tables.customers AND (v.phone = ANY (phones) OR v.user_id = ANY (user_ids)));
    buckets constant text[] := ARRAY(
        SELECT b.kind || ' ' || p.phone FROM unnest(phones) AS p (phone) CROSS JOIN (VALUES ('phone'), ('failure')) AS b (kind)
        UNION ALL
        SELECT 'user ' || left(u.id, 500) FROM unnest(user_ids) AS u (id));
    found_rows jsonb;
BEGIN
    found_rows := (
        SELECT jsonb_agg(jsonb_build_object('table', t.name, 'rows', t.rows) ORDER BY t.name)
        FROM (
            SELECT 'customer_identity.sms_messages', jsonb_agg(to_jsonb(m.*) - 'body' ORDER BY m.created_at, m.id)
            FROM customer_identity.sms_messages AS m
            WHERE m.verification_id = ANY (ids)
            UNION ALL
            SELECT 'customer_identity.verification_events', jsonb_agg(to_jsonb(e.*) ORDER BY e.bucket, e.at)
            FROM customer_identity.verification_events AS e
            WHERE with_limits AND e.bucket = ANY (buckets)
            UNION ALL
            SELECT 'customer_identity.verifications', jsonb_agg(to_jsonb(v.*) - 'code_hash' ORDER BY v.created_at, v.id)
            FROM customer_identity.verifications AS v
            WHERE v.id = ANY (ids)
        ) AS t (name, rows)
        WHERE t.rows IS NOT NULL
    );
    IF erase THEN
        DELETE FROM customer_identity.verifications AS v WHERE v.id = ANY (ids);
        DELETE FROM customer_identity.verification_events AS e WHERE with_limits AND e.bucket = ANY (buckets);
    END IF;
    RETURN COALESCE(found_rows, '[]');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.verifications_in_tables(text[], text[], boolean, boolean, regclass) IS
    'What the tables of verifications hold on phones and users of a book, deleted if it shall be: an array of {table, rows}';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.verifications_in_tables(text[], text[], boolean, boolean, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.verifications_of(phones text[], user_ids text[], erase boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'verifications_of';
COMMENT ON FUNCTION customer_identity_internal.verifications_of(text[], text[], boolean, regclass) IS
    'As verifications_in_tables, for the owner of the book; limits, which are of no book, for who has the rights of the extension''s owner';
CREATE FUNCTION customer_identity_internal.rows_that_refer(referencing regclass, ways jsonb, customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    found_rows jsonb;
    key constant text[] := customer_identity_internal.key_columns(referencing);
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, ways, customers);
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r.*)%s) FROM %s AS r WHERE %s%s',
        (SELECT ' ORDER BY ' || string_agg(format('r.%I', k.name), ', ' ORDER BY k.place) FROM unnest(key) WITH ORDINALITY AS k (name, place)),
        referencing, customer_identity_internal.refers_in_any_way(referencing, ways, '$1'),
        customer_identity_internal.not_of_heirs(customer_identity_internal.heirs_that_refer(referencing, ways, customers)))
        INTO found_rows
        USING customer;
    RETURN found_rows;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_that_refer(regclass, jsonb, jsonb, regclass) IS
    'The rows of a table that refer to a customer in one of the ways, without those of tables that inherit from it and do so themselves; NULL: none';
-- As customer_details() has it: the row says that the phone ceased to be a further one, and it leads to the customer still.
CREATE FUNCTION customer_identity_internal.without_primary_phone(phones jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    primary_phone text;
BEGIN
    EXECUTE format('SELECT c.phone::text FROM %s AS c WHERE c.id = $1', customers) INTO primary_phone USING customer_id;
    RETURN (
        SELECT jsonb_agg(p.value ORDER BY p.place)
        FROM jsonb_array_elements(phones) WITH ORDINALITY AS p (value, place)
        WHERE p.value ->> 'until' IS NULL OR p.value ->> 'phone' IS DISTINCT FROM primary_phone);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.without_primary_phone(jsonb, uuid, regclass) IS
    'Rows of customer_phones without former ones of the number that is the customer''s primary one; NULL: none';
CREATE FUNCTION customer_identity_internal.companion_rows(name text, condition text, customer_id uuid, phones text[], merged uuid[], customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_rows jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r.*)) FROM %s AS r WHERE %s',
        customer_identity_internal.companion_of(customers, name), condition)
        INTO found_rows
        USING customer_id, phones, merged;
    RETURN CASE name
        WHEN 'customer_merges' THEN customer_identity_internal.own_merges(found_rows, customer_id, customers)
        WHEN 'customer_events' THEN customer_identity_internal.own_events(found_rows,
            customer_identity_internal.events_of_others(merged, customer_id, customers), customer_id, customers)
        WHEN 'customer_phones' THEN customer_identity_internal.own_phones(
            customer_identity_internal.without_primary_phone(found_rows, customer_id, customers), customer_id, customers)
        WHEN 'phone_proofs' THEN customer_identity_internal.own_phones(found_rows, customer_id, customers)
        ELSE found_rows
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.companion_rows(text, text, uuid, text[], uuid[], regclass) IS
    'The rows of a companion that are about a person; NULL: none';
-- Somebody who was merged into a customer may have gone his own way again, by a split or with the number.
CREATE FUNCTION customer_identity_internal.is_others_phone(phone text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(customer_identity_internal.holder_of_phone(phone, customers) <> customer_id, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_others_phone(text, uuid, regclass) IS
    'Whether a phone leads to another customer';
CREATE FUNCTION customer_identity_internal.logins_of_others(referencing regclass, user_ids text[], customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    users constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    type constant regtype := customer_identity_internal.column_type(referencing, users.key_column);
    -- What is no value of the key's type is no login of this table. The others are compared as such, for an index, and as texts.
    own_ids constant text[] := ARRAY(SELECT DISTINCT i.id FROM unnest(user_ids) AS i (id) WHERE customer_identity_internal.is_value(type, i.id));
    ids text[];
BEGIN
    EXECUTE format('SELECT array_agg(customer_identity_internal.as_text(r.%1$I)) FROM %2$s AS r'
        ' WHERE r.%3$I <> $1 AND r.%1$I %4$s ANY (%5$L::%6$s[]) AND customer_identity_internal.as_text(r.%1$I) = ANY ($2)',
        users.key_column, referencing, users.customer_column, customer_identity_internal.equality_of(type), own_ids,
        customer_identity_internal.type_name(type))
        INTO ids
        USING customer_id, own_ids;
    RETURN ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_of_others(regclass, text[], uuid, regclass) IS
    'Those of some logins in a table that are another customer''s';
CREATE FUNCTION customer_identity_internal.others_logins(user_ids text[], customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT i.id
        FROM customer_identity_internal.attachments_to_read(customers) AS a
        CROSS JOIN LATERAL unnest(customer_identity_internal.logins_of_others(a.attached, user_ids, customer_id, customers)) AS i (id)
        WHERE a.kind = 'users' AND user_ids <> '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.others_logins(text[], uuid, regclass) IS
    'Those of some logins that are another customer''s now';
-- A merge that somebody has left again tells that it was, and nothing of what it moved.
CREATE FUNCTION customer_identity_internal.own_merges(merges jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    split_at timestamptz;
    gone text[];
BEGIN
    gone := customer_identity_internal.others_logins(
        ARRAY(SELECT l.id FROM jsonb_array_elements(merges) AS m CROSS JOIN LATERAL unnest(customer_identity_internal.logins_in_record(m.value -> 'record', customers)) AS l (id)),
        customer_id, customers);
    EXECUTE format('SELECT max(e.created_at) FROM %s AS e WHERE e.customer_id = $1 AND e.event = ''split''',
        customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO split_at
        USING customer_id;
    RETURN (
        SELECT jsonb_agg(CASE
            WHEN split_at >= (m.value ->> 'merged_at')::timestamptz
                OR customer_identity_internal.is_others_phone(m.value -> 'record' -> 'loser' ->> 'phone', customer_id, customers)
                OR customer_identity_internal.logins_in_record(m.value -> 'record', customers) && gone
            THEN m.value - 'record' ELSE m.value END ORDER BY m.place)
        FROM jsonb_array_elements(merges) WITH ORDINALITY AS m (value, place));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.own_merges(jsonb, uuid, regclass) IS
    'Rows of customer_merges without the record where somebody else has come out of the customer again';
CREATE FUNCTION customer_identity_internal.own_phones(found_rows jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    logins constant text[] := customer_identity_internal.others_logins(
        ARRAY(SELECT r.value ->> 'user_id' FROM jsonb_array_elements(found_rows) AS r WHERE r.value ->> 'user_id' IS NOT NULL), customer_id, customers);
BEGIN
    RETURN (
        SELECT jsonb_agg(r.value ORDER BY r.place)
        FROM jsonb_array_elements(found_rows) WITH ORDINALITY AS r (value, place)
        WHERE NOT customer_identity_internal.is_others_phone(r.value ->> 'phone', customer_id, customers)
            AND (r.value ->> 'user_id' = ANY (logins)) IS NOT TRUE);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.own_phones(jsonb, uuid, regclass) IS
    'Rows that are about phones, without those of phones and logins that are other customers'' now; NULL: none';
CREATE FUNCTION customer_identity_internal.events_of_others(merged uuid[], customer_id uuid, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(m.*)) FROM %s AS m WHERE m.winner_id = ANY ($1)', customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING merged;
    RETURN ARRAY(
        SELECT e.id
        FROM ROWS FROM (jsonb_array_elements(merges), jsonb_array_elements(customer_identity_internal.own_merges(merges, customer_id, customers))) AS m (whole, own)
        CROSS JOIN LATERAL unnest(customer_identity_internal.events_in_record(m.whole -> 'record', customers)) AS e (id)
        WHERE NOT m.own ? 'record');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.events_of_others(uuid[], uuid, regclass) IS
    'The entries of the history that came with somebody who has come out of the customer again';
-- Without the phones and logins that are other customers' now, and without what happened to them.
CREATE FUNCTION customer_identity_internal.own_events(events jsonb, others uuid[], customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones constant text[] := ARRAY(
        SELECT DISTINCT f.phone[1]
        FROM jsonb_array_elements(events) AS e
        CROSS JOIN LATERAL regexp_matches(e.value ->> 'details', '[+][1-9][0-9]{1,18}(?![0-9])', 'g') AS f (phone)
        WHERE customer_identity_internal.is_others_phone(f.phone[1], customer_id, customers));
    logins constant text[] := customer_identity_internal.others_logins(
        ARRAY(SELECT DISTINCT e.value -> 'details' ->> 'user_id' FROM jsonb_array_elements(events) AS e WHERE e.value -> 'details' ->> 'user_id' IS NOT NULL),
        customer_id, customers);
BEGIN
    RETURN (
        SELECT jsonb_agg(e.value || jsonb_build_object('details', CASE WHEN phones = '{}' THEN d.own
                ELSE customer_identity_internal.without_phones(d.own, customer_identity_internal.pattern_of_phones(phones)) END)
            || CASE WHEN e.value ->> 'actor' = ANY (logins) THEN '{"actor": null}' ELSE '{}'::jsonb END ORDER BY e.place)
        FROM jsonb_array_elements(events) WITH ORDINALITY AS e (value, place)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN (e.value ->> 'id')::uuid = ANY (others) THEN '{}'
                WHEN e.value ->> 'event' = 'split' THEN (e.value -> 'details') - '{user_ids,orders}'::text[]
                WHEN e.value -> 'details' ->> 'user_id' = ANY (logins) THEN (e.value -> 'details') - 'user_id'
                ELSE e.value -> 'details'
            END
        ) AS d (own));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.own_events(jsonb, uuid[], uuid, regclass) IS
    'Rows of customer_events without the phones and logins of others';
-- The companions are read by what they mean, whether they have a foreign key or not.
CREATE FUNCTION customer_identity_internal.tables_that_refer(customers regclass)
    RETURNS TABLE (relation regclass, ways jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT r.relation, jsonb_agg(r.way ORDER BY r.way)
        FROM customer_identity_internal.keys_to_customers(customers) AS r
        WHERE r.relation <> customers AND r.relation NOT IN (
            SELECT customer_identity_internal.companion_of(customers, c.name)::regclass
            FROM customer_identity_internal.companions_of_person() AS c)
        GROUP BY r.relation;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tables_that_refer(regclass) IS
    'The tables of the application that refer to customers, and in which ways';
CREATE FUNCTION customer_identity.export_customer(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
    phones constant text[] := customer_identity_internal.phones_of_person(customer_id, customers);
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    relations constant regclass[] := customer_identity_internal.tables_of_people(customers);
    found_tables jsonb;
BEGIN
    PERFORM customer_identity_internal.hold_tables(relations);
    SELECT COALESCE(jsonb_agg(jsonb_build_object('table', t.name, 'rows', t.rows) ORDER BY t.name), '[]') INTO found_tables
    FROM (
        SELECT customer_identity_internal.told_name(r.relation),
            customer_identity_internal.rows_that_refer(r.relation, r.ways, customer, customers)
        FROM customer_identity_internal.tables_that_refer(customers) AS r
        UNION ALL
        SELECT customer_identity_internal.told_name(customer_identity_internal.companion_of(customers, c.name)::regclass),
            customer_identity_internal.companion_rows(c.name, c.condition, customer_id, phones, merged, customers)
        FROM customer_identity_internal.companions_of_person() AS c
        -- So that each table is read once.
        OFFSET 0
    ) AS t (name, rows)
    WHERE t.rows IS NOT NULL;
    -- Whoever detaches a partition waits until what is held is released, and tells of it before.
    PERFORM customer_identity_internal.require_all_partitions(u.relation) FROM unnest(relations) AS u (relation);
    RETURN jsonb_build_object('customer', customer,
        'tables', found_tables || customer_identity_internal.verifications_of(phones,
            customer_identity_internal.logins_of_person(customer_id, phones, customers), false, customers));
END
$$;
COMMENT ON FUNCTION customer_identity.export_customer(uuid, regclass) IS
    'All that the database holds on a person: the customer, and the rows of every table that refers to it, of the companions and of verifications, as {customer, tables: [{table, rows}]}';
REVOKE EXECUTE ON FUNCTION customer_identity.export_customer(uuid, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.no_customer(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN attached.kind = 'orders' AND customer_identity_internal.has_computed_ids(attached.customers) THEN quote_literal(customer_identity_internal.nobody())
    ELSE 'NULL'
END;
COMMENT ON FUNCTION customer_identity_internal.no_customer(customer_identity.attachments) IS
    'What the customer column of an attached table holds for no customer, as an expression';
-- Rows that are placed by the customer leave for nobody's place: they are deleted, and inserted there.
CREATE FUNCTION customer_identity_internal.tie_of_place(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.is_spread(attached.attached) THEN
        RETURN NULL;
    END IF;
    IF NOT customer_identity_internal.have_one_owner(attached.attached, attached.customers) THEN
        RETURN format('%s has another owner than %s.', attached.attached, attached.customers);
    END IF;
    RETURN (
        SELECT string_agg(format('Constraint %I of %s refers to %s, whose rows have to move to another node.', k.conname, k.conrelid::regclass, attached.attached), ' ' ORDER BY k.oid)
        FROM pg_constraint AS k
        WHERE k.contype = 'f' AND k.confrelid = attached.attached AND k.conparentid = 0);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tie_of_place(customer_identity.attachments) IS
    'What keeps rows of a table where their customer has placed them; NULL: nothing, or they are not placed';
CREATE FUNCTION customer_identity_internal.way_of_attached(attached customer_identity.attachments)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('columns', ARRAY[attached.customer_column], 'referenced', ARRAY['id']);
COMMENT ON FUNCTION customer_identity_internal.way_of_attached(customer_identity.attachments) IS
    'The way in which the rows of an attached table refer to customers';
CREATE FUNCTION customer_identity_internal.erasure_of_attached(
    attached customer_identity.attachments, customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    found record;
    stuck text;
    tie text;
BEGIN
    found := customer_identity_internal.rows_of_person(attached.attached, customer_id, phones, customers);
    name := customer_identity_internal.told_name(attached.attached);
    IF cardinality(found.places) > 0 AND delete_users AND attached.kind = 'users' THEN
        RETURN QUERY SELECT name, cardinality(found.places)::bigint, 'deleted', NULL::text[], NULL::text;
        RETURN;
    END IF;
    SELECT array_agg(e.column_name), string_agg(format('Column %I of %s is NOT NULL, or has a type or a check that no empty value fits.', e.column_name, name), ' ')
        FILTER (WHERE e.expression IS NULL)
    INTO columns, stuck
    FROM customer_identity_internal.emptying_columns(attached.attached, customers) AS e;
    stuck := NULLIF(concat_ws(' ', stuck, customer_identity_internal.tie_of_place(attached)), '');
    IF customer_identity_internal.no_customer(attached) = 'NULL' THEN
        tie := format('Column %I of %s ', attached.customer_column, name)
            || CASE
                WHEN (SELECT a.attnotnull FROM pg_attribute AS a WHERE a.attrelid = attached.attached AND a.attname = attached.customer_column) THEN 'is NOT NULL.'
                WHEN customer_identity_internal.unlinked_columns(attached.attached, customer_identity_internal.way_of_attached(attached), customers) IS NULL
                    THEN 'cannot become NULL.'
            END;
    END IF;
    IF cardinality(found.places) > 0 THEN
        RETURN QUERY SELECT name, cardinality(found.places)::bigint, 'emptied', columns,
            NULLIF(concat_ws(' ', tie, stuck), '');
    END IF;
    IF cardinality(found.other_places) > 0 THEN
        RETURN QUERY SELECT name, cardinality(found.other_places)::bigint, 'phone emptied', attached.phone_columns, stuck;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_of_attached(customer_identity.attachments, uuid, text[], boolean, regclass) IS
    'What erasing a person does to an attached table';
-- The ways of an attached table beside the one that it is attached by are like those of any table. A way that has all columns of
-- another one goes with it.
CREATE FUNCTION customer_identity_internal.other_references(customers regclass)
    RETURNS TABLE (relation regclass, way jsonb, fate text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH ways AS MATERIALIZED (
            SELECT k.relation, k.way, k.cascades,
                ARRAY(SELECT concat(c.name, ' ', c.referenced)
                    FROM ROWS FROM (jsonb_array_elements_text(k.way -> 'columns'), jsonb_array_elements_text(k.way -> 'referenced')) AS c (name, referenced)) AS pairs,
                EXISTS (
                    SELECT FROM customer_identity_internal.attachments_of(customers) AS a
                    WHERE a.attached = k.relation AND k.way = customer_identity_internal.way_of_attached(a)) AS attaches
            FROM customer_identity_internal.keys_to_customers(customers) AS k
            WHERE k.relation NOT IN (
                SELECT customer_identity_internal.companion_of(customers, c.name)::regclass
                FROM customer_identity_internal.companions_of_person() AS c)
        )
        SELECT w.relation, w.way, CASE
            WHEN w.cascades OR EXISTS (SELECT FROM ways AS o WHERE o.relation = w.relation AND o.cascades AND o.pairs <@ w.pairs) THEN 'deleted'
            WHEN NOT customer_identity_internal.is_spread(w.relation)
                AND customer_identity_internal.unlinked_columns(w.relation, w.way, customers) IS NOT NULL THEN 'unlinked'
        END
        FROM ways AS w
        WHERE NOT w.attaches AND NOT EXISTS (
            SELECT FROM ways AS o WHERE o.relation = w.relation AND o.pairs <@ w.pairs AND NOT w.pairs <@ o.pairs);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.other_references(regclass) IS
    'The ways in which rows refer to customers and by which no table is attached, and what becomes of the rows of a customer who is erased: deleted, unlinked, or NULL: they are in the way';
CREATE FUNCTION customer_identity_internal.tie_of_references(relation regclass, way jsonb)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN count(*) = 1 THEN 'column %s, which %s' ELSE 'columns %s, which %s' END,
        string_agg(quote_ident(a.attname), ', ' ORDER BY c.place),
        CASE WHEN count(*) = 1 AND bool_and(a.attnotnull) THEN 'is NOT NULL' ELSE 'cannot become NULL' END)
    FROM jsonb_array_elements_text(way -> 'columns') WITH ORDINALITY AS c (name, place)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name
$$;
COMMENT ON FUNCTION customer_identity_internal.tie_of_references(regclass, jsonb) IS
    'What keeps rows that refer to a customer from being unlinked';
CREATE FUNCTION customer_identity_internal.erasure_of_references(customer_id uuid, customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer_identity_internal.told_name(r.relation), n.rows, COALESCE(r.fate, 'kept'), ARRAY(SELECT jsonb_array_elements_text(r.way -> 'columns')),
        CASE WHEN r.fate IS NULL THEN
            format('%s rows of %s refer to the customer in %s.', n.rows, customer_identity_internal.told_name(r.relation),
                customer_identity_internal.tie_of_references(r.relation, r.way))
        END
    FROM customer_identity_internal.other_references(customers) AS r
    CROSS JOIN LATERAL customer_identity_internal.count_rows_of(r.relation, r.way,
        customer_identity_internal.customer_row(customer_id, customers), customers) AS n (rows)
    WHERE n.rows > 0
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_of_references(uuid, regclass) IS
    'What erasing a person does to tables that are not attached';
CREATE FUNCTION customer_identity_internal.erasure_of_companions(customer_id uuid, phones text[], user_ids text[], customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    merges constant bigint[] := customer_identity_internal.merges_of_person(phones, user_ids, customers);
    events constant uuid[] := customer_identity_internal.moved_events_of_person(merges, phones, user_ids, customers);
    companion record;
BEGIN
    FOR companion IN SELECT c.* FROM customer_identity_internal.companions_of_person() AS c LOOP
        name := customer_identity_internal.companion_of(customers, companion.name);
        EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s OR %s', name, companion.condition, companion.also)
            INTO affected
            USING customer_id, phones, merged, merges, events;
        what := 'deleted';
        name := customer_identity_internal.told_name(name::regclass);
        IF affected > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
    FOR name, affected, what IN
        SELECT customer_identity_internal.told_name(m.name::regclass), customer_identity_internal.count_mentions(m.name, m.column_name, m.condition, customer_id, phones, merged, merges), 'phone emptied'
        FROM customer_identity_internal.mentions_of_phones(customers) AS m
    LOOP
        IF affected > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_of_companions(uuid, text[], text[], regclass) IS
    'What erasing a person does to the companions of its book';
-- Whoever had a number before, or lost it, has it in the history.
CREATE FUNCTION customer_identity_internal.mentions_of_phones(customers regclass)
    RETURNS TABLE (name text, column_name text, condition text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        (customer_identity_internal.companion_of(customers, 'customer_events'), 'details', 'r.customer_id <> $1'),
        (customer_identity_internal.companion_of(customers, 'customer_merges'), 'record', 'r.winner_id <> ALL ($3) AND r.id <> ALL ($4)')
$$;
COMMENT ON FUNCTION customer_identity_internal.mentions_of_phones(regclass) IS
    'The columns of companions where rows of others may name a phone of customer $1 with the phones $2, the merged ids $3 and the merges $4';
-- A number may begin with the digits of a shorter one.
CREATE FUNCTION customer_identity_internal.pattern_of_phones(phones text[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '[+](' || string_agg(substr(p.phone, 2), '|') || ')(?![0-9])' FROM unnest(phones) AS p (phone)
$$;
COMMENT ON FUNCTION customer_identity_internal.pattern_of_phones(text[]) IS
    'A regular expression for E.164 phones within texts; NULL: none';
CREATE FUNCTION customer_identity_internal.count_mentions(name text, column_name text, condition text, customer_id uuid, phones text[], merged uuid[], merges bigint[])
    RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s AND r.%I::text ~ $5', name, condition, column_name)
        INTO counted
        USING customer_id, phones, merged, merges, customer_identity_internal.pattern_of_phones(phones);
    RETURN counted;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_mentions(text, text, text, uuid, text[], uuid[], bigint[]) IS
    'How many rows about others name one of the phones';
CREATE FUNCTION customer_identity_internal.without_phones(details jsonb, pattern text)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(regexp_replace(details::text, format('"%s"(?!:)', pattern), 'null', 'g'), pattern, '', 'g')::jsonb
$$;
COMMENT ON FUNCTION customer_identity_internal.without_phones(jsonb, text) IS
    'Details of the history with null in the place of phones';
CREATE FUNCTION customer_identity_internal.erasure_plan(customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH logins AS MATERIALIZED (
        SELECT customer_identity_internal.logins_of_person(customer_id, phones, customers) AS ids
    )
    SELECT e.*
    FROM customer_identity_internal.held_attachments(customers) AS a
    CROSS JOIN LATERAL customer_identity_internal.erasure_of_attached(a, customer_id, phones, delete_users, a.customers) AS e
    UNION ALL
    SELECT e.* FROM customer_identity_internal.erasure_of_references(customer_id, customers) AS e
    UNION ALL
    SELECT e.* FROM logins AS l CROSS JOIN LATERAL customer_identity_internal.erasure_of_companions(customer_id, phones, l.ids, customers) AS e
    UNION ALL
    SELECT v.value ->> 'table', jsonb_array_length(v.value -> 'rows'), 'deleted', NULL, NULL
    FROM logins AS l
    CROSS JOIN LATERAL jsonb_array_elements(customer_identity_internal.verifications_of(phones, l.ids, false, customers)) AS v
    UNION ALL
    SELECT customer_identity_internal.told_name(customers), 1, 'deleted', NULL, NULL
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_plan(uuid, text[], boolean, regclass) IS
    'What erasing a person does, by table, and what is in the way';
CREATE FUNCTION customer_identity_internal.erasure_preview(customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'tables', jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object('table', p.name, 'rows', p.affected, 'what', p.what, 'columns', to_jsonb(p.columns)))
            ORDER BY p.name, p.what, p.columns),
        'refused', string_agg(p.refused, ' ' ORDER BY p.name))
    FROM customer_identity_internal.erasure_plan(customer_id, phones, delete_users, customers) AS p
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_preview(uuid, text[], boolean, regclass) IS
    'erase_preview, with logins deleted or kept';
CREATE FUNCTION customer_identity.erase_preview(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
BEGIN
    PERFORM customer_identity_internal.customer_row(customer_id, customers);
    RETURN customer_identity_internal.erasure_preview(customer_id,
        customer_identity_internal.phones_of_person(customer_id, customers), false, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.erase_preview(uuid, regclass) IS
    'What erase_customer would do when it keeps the logins: {tables: [{table, rows, what, columns}], refused}';
REVOKE EXECUTE ON FUNCTION customer_identity.erase_preview(uuid, regclass) FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.refuse_erasure(detail text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the customer cannot be erased'
        USING ERRCODE = 'CI006', DETAIL = detail,
            HINT = 'Nothing was changed. Delete or change these rows first, or make the column nullable.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_erasure(text) IS
    'Raises CI006 for a person that something keeps in the database';
CREATE FUNCTION customer_identity_internal.refuse_kept(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.refuse_erasure(
        format('A trigger of %s keeps rows as they are.', customer_identity_internal.qualified_name(relation)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_kept(regclass) IS
    'Raises CI006 for rows of a table that did not change as they were to';
-- A trigger may put back what was emptied. A value that is made up cannot be foreseen: it only has to be another one.
CREATE FUNCTION customer_identity_internal.kept_columns(relation regclass, columns text[], expressions text[])
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(
        CASE
            WHEN c.expression LIKE 'pg_catalog.%' THEN
                format('customer_identity_internal.as_text(r.%1$I) OPERATOR(pg_catalog.=) customer_identity_internal.as_text(o.%1$I)', a.attname)
            ELSE
                format('COALESCE(customer_identity_internal.as_text(r.%I), '''') NOT IN ('''', COALESCE(customer_identity_internal.as_text(CAST(%s AS %s)), ''''))',
                    a.attname, c.expression, format_type(a.atttypid, a.atttypmod))
        END, ' OR ')
    FROM unnest(columns, expressions) AS c (name, expression)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name
$$;
COMMENT ON FUNCTION customer_identity_internal.kept_columns(regclass, text[], text[]) IS
    'The condition that row r, which was o, holds something else in one of the columns than what it was to be emptied to';
-- The rows are locked by their places first: one that has moved since it was found was changed by somebody else.
-- `columns` NULL: they are deleted. With its caller's rights, as it runs what it is given.
CREATE FUNCTION customer_identity_internal.change_rows(relation regclass, columns text[], expressions text[], parts oid[], places tid[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := customer_identity_internal.qualified_name(relation);
    at_places constant text := 'ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS k (part, place)'
        ' WHERE r.tableoid OPERATOR(pg_catalog.=) k.part AND r.ctid OPERATOR(pg_catalog.=) k.place';
    changed bigint;
BEGIN
    IF cardinality(places) = 0 THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT FROM ' || name || ' AS r, ' || at_places || ' FOR UPDATE OF r' USING parts, places;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < cardinality(places) THEN
        RAISE EXCEPTION 'rows were changed meanwhile' USING ERRCODE = 'lock_not_available';
    END IF;
    PERFORM set_config('search_path', customer_identity_internal.path_of(relation), true);
    IF columns IS NULL THEN
        EXECUTE format('DELETE FROM %s AS r USING %s', name, at_places) USING parts, places;
        GET DIAGNOSTICS changed = ROW_COUNT;
    ELSE
        EXECUTE format(
            'WITH changed AS (UPDATE %1$s AS r SET %2$s FROM %1$s AS o, %3$s AND o.tableoid OPERATOR(pg_catalog.=) k.part AND o.ctid OPERATOR(pg_catalog.=) k.place'
            ' RETURNING (%4$s) IS TRUE AS kept)'
            ' SELECT pg_catalog.count(*) FROM changed AS c WHERE NOT c.kept',
            name, (SELECT string_agg(format('%I = %s', c.name, c.expression), ', ') FROM unnest(columns, expressions) AS c (name, expression)),
            at_places, customer_identity_internal.kept_columns(relation, columns, expressions))
            INTO changed
            USING parts, places;
    END IF;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF changed < cardinality(places) THEN
        PERFORM customer_identity_internal.refuse_kept(relation);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.change_rows(regclass, text[], text[], oid[], tid[]) IS
    'Empties columns of the rows of a table that are at some places, or deletes the rows; CI006 where a trigger keeps them';
-- On the node that has nobody's place. No trigger asks for a proof: these orders were placed before.
CREATE FUNCTION customer_identity_internal.put_orders(referencing regclass, orders jsonb, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    columns constant text := (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = referencing AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    customer_column constant text := (customer_identity_internal.attachment_to(referencing, customers)).customer_column;
    nobodys jsonb;
    shard regclass;
    written bigint;
BEGIN
    IF NOT customer_identity_internal.have_one_owner(referencing, customers) THEN
        PERFORM customer_identity_internal.refuse_erasure(format('%s has another owner than %s.', referencing, customers));
    END IF;
    SELECT jsonb_agg(o.value || jsonb_build_object(customer_column, customer_identity_internal.nobody())) INTO nobodys
    FROM jsonb_array_elements(orders) AS o;
    EXECUTE 'SELECT regexp_replace(shard_name($1, get_shard_id_for_distribution_column($1, $2)), ''^([^."]+|"([^"]|"")+")$'', ''public.\1'')::regclass'
        INTO shard
        USING referencing, customer_identity_internal.nobody();
    PERFORM set_config('search_path', customer_identity_internal.path_of(referencing), true);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM pg_catalog.jsonb_populate_recordset(NULL::%s, $1)',
        customer_identity_internal.qualified_name(shard), columns, customer_identity_internal.qualified_name(referencing))
        USING nobodys;
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN written;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.put_orders(regclass, jsonb, regclass) IS
    'Inserts orders of nobody into the shard that this node has for them';
-- Citus knows of no writing in a function: a statement of its own makes it commit there in two phases, and keeps the shard
-- where it is.
CREATE FUNCTION customer_identity_internal.send_to_nobody(attached customer_identity.attachments, orders jsonb)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written bigint;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE customer_id = %L',
        customer_identity_internal.companion_of(attached.customers, 'loyalty_entries'), customer_identity_internal.nobody());
    EXECUTE format('SELECT p.* FROM (SELECT count(*) FROM (SELECT 1 FROM %s AS r WHERE r.%I = %L LIMIT 0) AS n) AS place'
        ' CROSS JOIN LATERAL customer_identity_internal.put_orders(%L::regclass, $1, %L::regclass) AS p',
        attached.attached, attached.customer_column, customer_identity_internal.nobody(), attached.attached, attached.customers)
        INTO written
        USING orders;
    RETURN written;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.send_to_nobody(customer_identity.attachments, jsonb) IS
    'put_orders() on the node that has nobody''s orders';
CREATE FUNCTION customer_identity_internal.move_to_nobody(attached customer_identity.attachments, customer_id uuid)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes constant text := (
        SELECT string_agg(format('%L, pg_catalog.to_jsonb(CAST(%s AS %s))', e.column_name, e.expression, format_type(a.atttypid, a.atttypmod)), ', ')
        FROM customer_identity_internal.emptied_columns(attached) AS e
        JOIN pg_attribute AS a ON a.attrelid = attached.attached AND a.attname = e.column_name);
    orders jsonb;
    is_kept boolean;
BEGIN
    PERFORM set_config('search_path', customer_identity_internal.path_of(attached.attached), true);
    EXECUTE format('WITH gone AS (DELETE FROM %s AS r WHERE r.%I OPERATOR(pg_catalog.=) $1 RETURNING r.*)'
        ' SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(g.*)) FROM gone AS g',
        customer_identity_internal.qualified_name(attached.attached), attached.customer_column)
        INTO orders
        USING customer_id;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('SELECT count(*) > 0 FROM %s AS r WHERE r.%I = $1', attached.attached, attached.customer_column) INTO is_kept USING customer_id;
    EXECUTE format('SELECT jsonb_agg(o.value || jsonb_build_object(%s)) FROM jsonb_array_elements($1) AS o', changes)
        INTO orders
        USING orders;
    IF is_kept OR COALESCE(jsonb_array_length(orders), 0) <> customer_identity_internal.send_to_nobody(attached, orders) THEN
        PERFORM customer_identity_internal.refuse_kept(attached.attached);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_to_nobody(customer_identity.attachments, uuid) IS
    'Empties the orders of a customer and moves them to nobody''s place, where orders are placed by their customers';
-- No function is called for rows that Citus updates, so their spellings of the phones are read first.
CREATE FUNCTION customer_identity_internal.empty_phones(attached customer_identity.attachments, assignments text, customer_id uuid, phones text[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids constant uuid[] := array_remove(customer_identity_internal.places_of_orders(customer_id, phones), customer_id);
    spellings text[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT customer_identity_internal.as_text(r.%I)) FROM %s AS r WHERE r.%I = ANY (%L::uuid[]) AND %s',
        (attached.phone_columns)[1], attached.attached, attached.customer_column, ids, customer_identity_internal.has_claimed(attached))
        INTO spellings
        USING customer_id, phones;
    IF spellings IS NULL THEN
        RETURN;
    END IF;
    PERFORM set_config('search_path', customer_identity_internal.path_of(attached.attached), true);
    EXECUTE format('UPDATE %s AS r SET %s WHERE r.%I OPERATOR(pg_catalog.=) ANY (%L::uuid[]) AND r.%I OPERATOR(pg_catalog.=) ANY ($1)',
        customer_identity_internal.qualified_name(attached.attached), assignments, attached.customer_column, ids, (attached.phone_columns)[1])
        USING spellings;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.empty_phones(customer_identity.attachments, text, uuid, text[]) IS
    'Empties the phones of orders of others that have one of the phones, where orders are placed by their customers';
-- What is written is worked out here, as the owner of the table: nobody hands him a statement.
CREATE FUNCTION customer_identity_internal.erase_attached(
    referencing regclass, customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    attached constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    found constant record := customer_identity_internal.find_rows_of_person(attached, customer_id, phones);
    emptied record;
    phone record;
    tied text[];
BEGIN
    SELECT array_agg(e.column_name) AS columns, array_agg(e.expression) AS expressions INTO emptied
    FROM customer_identity_internal.emptied_columns(attached) AS e;
    SELECT array_agg(e.column_name) AS columns, array_agg(e.expression) AS expressions,
        string_agg(format('%I = %s', e.column_name, e.expression), ', ') AS assignments INTO phone
    FROM customer_identity_internal.emptied_columns(attached) AS e
    WHERE e.column_name = ANY (attached.phone_columns);
    IF customer_identity_internal.is_spread(attached.attached) THEN
        PERFORM customer_identity_internal.move_to_nobody(attached, customer_id);
        PERFORM customer_identity_internal.empty_phones(attached, phone.assignments, customer_id, phones);
        RETURN;
    END IF;
    tied := ARRAY(
        SELECT c.name
        FROM unnest(customer_identity_internal.columns_to_unlink(attached.attached, customer_identity_internal.way_of_attached(attached))) AS c (name)
        WHERE c.name <> ALL (attached.customer_column || emptied.columns) AND customer_identity_internal.no_customer(attached) = 'NULL');
    PERFORM customer_identity_internal.change_rows(attached.attached,
        CASE WHEN attached.kind = 'orders' OR NOT delete_users THEN attached.customer_column || emptied.columns || tied END,
        customer_identity_internal.no_customer(attached) || emptied.expressions || array_fill('NULL'::text, ARRAY[cardinality(tied)]),
        found.parts, found.places);
    PERFORM customer_identity_internal.change_rows(attached.attached, COALESCE(phone.columns, '{}'), phone.expressions, found.other_parts, found.other_places);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_attached(regclass, uuid, text[], boolean, regclass) IS
    'Takes a person out of an attached table';
CREATE FUNCTION customer_identity_internal.unlink_rows(referencing regclass, way jsonb, customer jsonb, customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    statement constant text := (
        SELECT format('UPDATE %s AS r SET %s WHERE %s', customer_identity_internal.qualified_name(referencing),
            string_agg(format('%I = NULL', c.name), ', '), customer_identity_internal.refers_to(referencing, way, '$1'))
        FROM unnest(customer_identity_internal.columns_to_unlink(referencing, way)) AS c (name));
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, jsonb_build_array(way), customers);
    PERFORM set_config('search_path', customer_identity_internal.path_of(referencing), true);
    EXECUTE statement USING customer;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlink_rows(regclass, jsonb, jsonb, regclass) IS
    'Makes rows that refer to a customer in one way refer to nobody';
CREATE FUNCTION customer_identity_internal.erase_references(customer jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    FOR other IN SELECT r.* FROM customer_identity_internal.other_references(customers) AS r WHERE r.fate = 'unlinked' LOOP
        PERFORM customer_identity_internal.unlink_rows(other.relation, other.way, customer, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_references(jsonb, regclass) IS
    'Unlinks what refers to a customer in ways by which no table is attached';
-- A cascade asks nobody whether the rows are gone.
CREATE FUNCTION customer_identity_internal.require_no_references(customer jsonb, is_deleted boolean, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.refuse_kept(r.relation)
    FROM customer_identity_internal.other_references(customers) AS r
    WHERE (is_deleted OR r.fate = 'unlinked')
        AND customer_identity_internal.count_rows_of(r.relation, r.way, customer, customers) > 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_references(jsonb, boolean, regclass) IS
    'Raises CI006 for rows that refer to a customer still: those that were unlinked, or all when it is deleted';
CREATE FUNCTION customer_identity_internal.erase_companions(
    customer_id uuid, phones text[], merges bigint[], events uuid[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    companion record;
    mention record;
    is_kept boolean;
BEGIN
    FOR companion IN
        SELECT customer_identity_internal.companion_of(customers, c.name) AS name, format('%s OR %s', c.condition, c.also) AS condition
        FROM customer_identity_internal.companions_of_person() AS c
    LOOP
        EXECUTE format('DELETE FROM %s AS r WHERE %s', companion.name, companion.condition) USING customer_id, phones, merged, merges, events;
        EXECUTE format('SELECT count(*) > 0 FROM %s AS r WHERE %s', companion.name, companion.condition)
            INTO is_kept
            USING customer_id, phones, merged, merges, events;
        IF is_kept THEN
            PERFORM customer_identity_internal.refuse_kept(companion.name::regclass);
        END IF;
    END LOOP;
    FOR mention IN SELECT m.* FROM customer_identity_internal.mentions_of_phones(customers) AS m LOOP
        EXECUTE format('UPDATE %1$s AS r SET %2$I = customer_identity_internal.without_phones(r.%2$I, $5) WHERE %3$s AND r.%2$I::text ~ $5',
            mention.name, mention.column_name, mention.condition)
            USING customer_id, phones, merged, merges, customer_identity_internal.pattern_of_phones(phones);
        IF customer_identity_internal.count_mentions(mention.name, mention.column_name, mention.condition, customer_id, phones, merged, merges) > 0 THEN
            PERFORM customer_identity_internal.refuse_kept(mention.name::regclass);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_companions(uuid, text[], bigint[], uuid[], regclass) IS
    'Takes a person out of the companions of its book';
-- Who has left a computed id leaves its row, with nothing in it: the next holder of the number is told by it.
CREATE FUNCTION customer_identity_internal.vacate(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
    is_kept boolean;
BEGIN
    PERFORM customer_identity_internal.delete_customer(customer_id, customers);
    EXECUTE format('SELECT count(*) > 0 FROM %s AS c WHERE c.id = $1', customers) INTO is_kept USING customer_id;
    IF is_kept THEN
        PERFORM customer_identity_internal.refuse_kept(customers);
    END IF;
    IF customer_identity_internal.has_computed_ids(customers) AND customer ->> 'phone' IS NULL THEN
        EXECUTE format('INSERT INTO %s (id, phone_generation) VALUES ($1, -1)', customers) USING customer_id;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.vacate(uuid, regclass) IS
    'Deletes a customer, or all that its row says, where the row has to stay';
-- A key that is looked at later would fail at COMMIT, when it was said already that the person is gone. SET CONSTRAINTS knows
-- names alone: one that something else bears as well is left to the end.
CREATE FUNCTION customer_identity_internal.check_keys_of_erased(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late record;
BEGIN
    FOR late IN
        WITH RECURSIVE erased (relation) AS (
            SELECT customers::oid
            UNION
            SELECT r.relation::oid FROM customer_identity_internal.references_to(customers) AS r
            UNION
            SELECT k.conrelid FROM erased AS e JOIN pg_constraint AS k ON k.confrelid = e.relation AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')
        )
        SELECT format('%I.%I', n.nspname, k.conname) AS name, bool_or(k.condeferred) AS is_deferred
        FROM pg_constraint AS k
        JOIN pg_namespace AS n ON n.oid = k.connamespace
        WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
            AND (k.conrelid IN (SELECT e.relation FROM erased AS e) OR k.confrelid IN (SELECT e.relation FROM erased AS e))
            AND NOT EXISTS (
                SELECT FROM pg_constraint AS o
                WHERE o.connamespace = k.connamespace AND o.conname = k.conname AND (o.contype <> 'f' OR o.condeferred <> k.condeferred OR NOT o.condeferrable))
        GROUP BY 1
        ORDER BY 1
    LOOP
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', late.name);
        IF late.is_deferred THEN
            EXECUTE format('SET CONSTRAINTS %s DEFERRED', late.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_keys_of_erased(regclass) IS
    'Looks now at the deferrable foreign keys of what an erasure changes or deletes; 23503 where one is broken';
-- Users first, whose orders would follow them.
CREATE FUNCTION customer_identity_internal.erase_at_once(customer_id uuid, delete_users boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    customer jsonb;
    phones text[];
    user_ids text[];
    merges bigint[];
    events uuid[];
    plan jsonb;
BEGIN
    PERFORM customer_identity_internal.be_impatient();
    PERFORM customer_identity_internal.lock_for_merge(customer_id, customer_id, customers);
    customer := customer_identity_internal.customer_row(customer_id, customers);
    phones := customer_identity_internal.phones_of_person(customer_id, customers);
    user_ids := customer_identity_internal.logins_of_person(customer_id, phones, customers);
    -- A merge no longer names a login that is deleted.
    merges := customer_identity_internal.merges_of_person(phones, user_ids, customers);
    events := customer_identity_internal.moved_events_of_person(merges, phones, user_ids, customers);
    plan := customer_identity_internal.erasure_preview(customer_id, phones, delete_users, customers);
    IF plan ->> 'refused' IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_erasure(plan ->> 'refused');
    END IF;
    PERFORM customer_identity_internal.erase_attached(a.attached, customer_id, phones, delete_users, customers)
    FROM (SELECT t.* FROM customer_identity_internal.held_attachments(customers) AS t ORDER BY t.kind DESC, t.attached::text OFFSET 0) AS a;
    PERFORM customer_identity_internal.erase_references(customer, customers);
    PERFORM customer_identity_internal.require_no_references(customer, false, customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.vacate(customer_id, customers);
    PERFORM customer_identity_internal.require_no_references(customer, true, customers);
    PERFORM customer_identity_internal.erase_companions(customer_id, phones, merges, events, customers);
    PERFORM customer_identity_internal.verifications_of(phones, user_ids, true, customers);
    PERFORM customer_identity_internal.check_keys_of_erased(customers);
    RETURN jsonb_build_object('tables', plan -> 'tables');
EXCEPTION WHEN integrity_constraint_violation THEN
    PERFORM customer_identity_internal.refuse_erasure(SQLERRM);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_at_once(uuid, boolean, regclass) IS
    'Erases a person, or raises 55P03 when others are busy with one of its rows';
CREATE FUNCTION customer_identity.erase_customer(
    customer_id uuid,
    delete_users boolean DEFAULT false,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
DECLARE
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
    erased jsonb;
BEGIN
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity_internal.use_one_connection(customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.customer_row(customer_id, customers);
    LOOP
        BEGIN
            erased := customer_identity_internal.erase_at_once(customer_id, COALESCE(delete_users, false), customers);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
    RAISE NOTICE 'a customer was erased'
        USING DETAIL = (
            SELECT format('%s rows in %s tables.', sum((t.value ->> 'rows')::bigint), count(DISTINCT t.value ->> 'table'))
            FROM jsonb_array_elements(erased -> 'tables') AS t);
    RETURN erased || jsonb_strip_nulls(jsonb_build_object('erased_at', clock_timestamp(), 'actor', actor, 'reason', reason));
END
$$;
COMMENT ON FUNCTION customer_identity.erase_customer(uuid, boolean, text, text, regclass) IS
    'A person leaves customers, companions and verifications; orders stay without customer and personal columns, logins are emptied, or deleted with delete_users. CI006 with what is in the way. Returns {tables: [{table, rows, what, columns}]} and when, by whom and why: the database keeps none of it';
REVOKE EXECUTE ON FUNCTION customer_identity.erase_customer(uuid, boolean, text, text, regclass) FROM PUBLIC;
COMMENT ON TYPE customer_identity_internal.setup_finding IS
    'What check_setup() found: severity (error, warning, info), object, finding and what to do about it';
CREATE FUNCTION customer_identity_internal.counted_up_to(counted bigint, looked_at bigint)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE WHEN looked_at >= 10000 THEN 'at least ' || to_char(counted, 'FM999,999') ELSE counted::text END;
COMMENT ON FUNCTION customer_identity_internal.counted_up_to(bigint, bigint) IS
    'A count as findings show it: they look at ten thousand rows and no more';
-- A role that may change the history, or a column of it, can falsify it. REVOKE on the table takes rights on columns as well.
CREATE OR REPLACE FUNCTION customer_identity_internal.check_history(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem constant text := customer_identity_internal.companion_problem(customers, 'customer_events');
    events text;
    schema_name text;
BEGIN
    SELECT n.nspname INTO schema_name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = customers;
    IF problem IS NOT NULL THEN
        RETURN NEXT ROW('warning', format('%I.customer_events', schema_name), problem || ' No history is kept.',
            format('SELECT customer_identity.create_tables(%L);', schema_name))::customer_identity_internal.setup_finding;
        RETURN;
    END IF;
    events := customer_identity_internal.companion_of(customers, 'customer_events');
    IF NOT customer_identity_internal.keeps_history(customers) THEN
        RETURN NEXT ROW('warning', events,
            'No history is kept: a column customer_id, event, details or actor is missing or of another type, or it has a rule, or another column is NOT NULL without a default',
            format('Create it as the reference describes, or: ALTER TABLE %s RENAME TO ...; SELECT customer_identity.create_tables(%L);',
                events, schema_name))::customer_identity_internal.setup_finding;
    END IF;
    RETURN QUERY
    SELECT 'warning', events,
        format('role %s may change the history: %s', g.name, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type)),
        format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %s;', events, g.name)
    FROM (
        SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
        FROM pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.oid = events::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
        UNION ALL
        SELECT format('%s (%s)', a.privilege_type, string_agg(DISTINCT quote_ident(k.attname), ', ')),
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
        FROM pg_class AS c
        JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped
        CROSS JOIN LATERAL aclexplode(k.attacl) AS a
        WHERE c.oid = events::regclass AND a.grantee <> c.relowner AND a.privilege_type IN ('INSERT', 'UPDATE')
        GROUP BY a.privilege_type, a.grantee
    ) AS g
    GROUP BY g.name;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_history(regclass) IS
    'Findings of check_setup() about customer_events';
CREATE FUNCTION customer_identity_internal.check_phone_triggers(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', customers::text,
        format('trigger %I is %s: proofs do not end when a phone is changed in the table', p.name,
            CASE WHEN (p.trigger).oid IS NULL THEN 'missing' ELSE 'disabled' END),
        CASE
            WHEN (p.trigger).oid IS NULL THEN format('SELECT customer_identity.create_tables(%L);', n.nspname)
            ELSE format('ALTER TABLE %s ENABLE TRIGGER %I;', customers, p.name)
        END
    FROM customer_identity_internal.phone_triggers(customers) AS p
    JOIN pg_class AS c ON c.oid = customers
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE (p.trigger).oid IS NULL OR (p.trigger).tgenabled IN ('D', 'R')
    ORDER BY p.name;
END;
COMMENT ON FUNCTION customer_identity_internal.check_phone_triggers(regclass) IS
    'Findings of check_setup() about the triggers of customers';
CREATE FUNCTION customer_identity_internal.check_guards(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', format('%I.%I', n.nspname, r.relname),
        format('trigger customer_identity_guard is %s: a phone that is written to the table may be another customer''s',
            CASE WHEN (g.trigger).oid IS NULL THEN 'missing' ELSE 'disabled' END),
        CASE
            WHEN (g.trigger).oid IS NULL THEN format('SELECT customer_identity.create_tables(%L);', n.nspname)
            ELSE format('ALTER TABLE %s ENABLE TRIGGER customer_identity_guard;', g.guarded)
        END
    FROM customer_identity_internal.guards(customers) AS g
    JOIN pg_class AS r ON r.oid = g.guarded
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    WHERE (g.trigger).oid IS NULL OR (g.trigger).tgenabled IN ('D', 'R')
    ORDER BY r.relname;
END;
COMMENT ON FUNCTION customer_identity_internal.check_guards(regclass) IS
    'Findings of check_setup() about the triggers of customer_phones and phone_rules';
-- Loading or replicating rows leaves the sequence behind.
CREATE FUNCTION customer_identity_internal.check_sequences(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    companion record;
    highest bigint;
BEGIN
    FOR companion IN
        SELECT c.oid::regclass AS relation, pg_get_serial_sequence(c.oid::regclass::text, 'id') AS sequence
        FROM pg_class AS book
        JOIN pg_class AS c ON c.relnamespace = book.relnamespace AND c.relowner = book.relowner AND c.relkind = 'r'
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
        WHERE book.oid = customers AND c.relname IN (SELECT b.name FROM customer_identity_internal.companions() AS b)
            AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
    LOOP
        CONTINUE WHEN companion.sequence IS NULL;
        EXECUTE format('SELECT max(id) FROM %s', companion.relation) INTO highest;
        IF highest > COALESCE(pg_sequence_last_value(companion.sequence), 0) THEN
            RETURN NEXT ROW('error', companion.relation::text,
                format('its highest id, %s, is ahead of its sequence: new rows would get existing ids', highest),
                format('SELECT setval(%L, %s);', companion.sequence, highest))::customer_identity_internal.setup_finding;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_sequences(regclass) IS
    'Findings of check_setup() about sequences that are behind the ids of the book';
-- A table that create_tables() has made checks each phone as it is written.
CREATE FUNCTION customer_identity_internal.unusable_phones(customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    unusable bigint;
BEGIN
    PERFORM FROM pg_constraint AS k
    WHERE k.conrelid = customers AND k.contype = 'c' AND k.convalidated AND NOT k.connoinherit
        AND replace(pg_get_expr(k.conbin, k.conrelid), '(phone)::text', 'phone') = '(phone ~ ''^[+][1-9][0-9]{1,18}$''::text)';
    IF FOUND THEN
        RETURN 0;
    END IF;
    EXECUTE format($sql$SELECT count(*) FROM (SELECT 1 FROM %s WHERE phone !~ '^[+][1-9][0-9]{1,18}$' LIMIT 10000) AS c$sql$, customers)
        INTO unusable;
    RETURN unusable;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unusable_phones(regclass) IS
    'How many customers have a phone that is not E.164, counted up to ten thousand';
CREATE FUNCTION customer_identity_internal.check_customers_table(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unusable constant bigint := customer_identity_internal.unusable_phones(customers);
BEGIN
    RETURN QUERY
    SELECT 'warning', customers::text,
        format('column total_spent is %s: an order that makes a total too large is refused', format_type(a.atttypid, a.atttypmod)),
        format('ALTER TABLE %s ALTER COLUMN total_spent TYPE numeric;', customers)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'total_spent' AND a.atttypmod >= 0;
    RETURN QUERY
    SELECT 'error', customers::text,
        format('column %I is NOT NULL without a default: no customer can be created', a.attname),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', customers, a.attname)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> 'phone';
    IF unusable > 0 THEN
        RETURN NEXT ROW('error', customers::text, format('customers that are not found because their phones are not E.164: %s', customer_identity_internal.counted_up_to(unusable, unusable)),
            format('UPDATE %s SET phone = customer_identity.normalize_phone(phone, region) ...; merge the duplicates it reports.', customers))::customer_identity_internal.setup_finding;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customers_table(regclass) IS
    'Findings of check_setup() about what customers refuses, and phones that it should not hold';
CREATE FUNCTION customer_identity_internal.check_companions(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', format('%I.%I', n.nspname, b.name), p.problem, format('SELECT customer_identity.create_tables(%L);', n.nspname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN customer_identity_internal.companions() AS b
    CROSS JOIN LATERAL customer_identity_internal.companion_problem(customers, b.name) AS p (problem)
    WHERE c.oid = customers AND b.name <> 'customer_events' AND p.problem IS NOT NULL
    UNION ALL
    SELECT 'error', format('%I.phone_proofs', n.nspname),
        'it has no column unconfirmed: who may be a new holder of a phone sees the old one''s history',
        format('SELECT customer_identity.create_tables(%L);', n.nspname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = customers AND NOT customer_identity_internal.has_unconfirmed(customers)
        AND customer_identity_internal.companion_problem(customers, 'phone_proofs') IS NULL
    UNION ALL
    SELECT CASE WHEN k.other IS NULL THEN 'warning' ELSE 'error' END, k.companion::text,
        CASE
            WHEN k.other IS NULL THEN format('column customer_id has no foreign key to %s: what belongs to a customer stays when the row is deleted', customers)
            ELSE format('column customer_id refers to %s: nobody can be made a customer of %s', k.other, customers)
        END,
        CASE
            WHEN k.other IS NULL THEN format('SELECT customer_identity.create_tables(%L);', n.nspname)
            ELSE format('Give %s its name back, or make the book in a schema of its own.', k.other)
        END
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL customer_identity_internal.companion_keys(customers) AS k
    WHERE c.oid = customers AND (k.other IS NOT NULL OR NOT k.is_own);
END;
COMMENT ON FUNCTION customer_identity_internal.check_companions(regclass) IS
    'Findings of check_setup() about tables beside customers, but for the history';
-- Found by the index, whatever the planner thinks of what it is joined to: hence the limit.
CREATE FUNCTION customer_identity_internal.trigger_named(relation regclass, trigger_name text)
    RETURNS SETOF pg_trigger
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT t.*
    FROM pg_trigger AS t
    WHERE t.tgrelid = relation AND t.tgname = trigger_name::name
    LIMIT 1;
END;
COMMENT ON FUNCTION customer_identity_internal.trigger_named(regclass, text) IS
    'The trigger of a table that has a name, or no row';
-- ALTER TABLE ... DISABLE TRIGGER on the parent reaches the partitions' row triggers only.
CREATE FUNCTION customer_identity_internal.fires_in_partitions(relation regclass, trigger_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM customer_identity_internal.partitions_of(relation) AS p
        CROSS JOIN LATERAL customer_identity_internal.trigger_named(p.p, trigger_name) AS t
        WHERE t.tgenabled IN ('O', 'A') AND t.tgparentid = 0
    );
END;
COMMENT ON FUNCTION customer_identity_internal.fires_in_partitions(regclass, text) IS
    'Whether a disabled trigger of a partitioned table has one of its name in a partition that is not disabled';
-- Tables that carry any trigger of ours for this book, even where others were dropped.
CREATE OR REPLACE FUNCTION customer_identity_internal.check_triggers(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH roots AS (
        SELECT DISTINCT COALESCE(pg_partition_root(t.attached), t.attached) AS root,
            CASE WHEN t.function = 'link_user' THEN 'users' ELSE 'orders' END AS kind
        FROM customer_identity_internal.attached_to(customers) AS a (attached)
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
        WHERE t.customers = check_triggers.customers
            AND has_table_privilege(t.owner, t.customers, 'UPDATE')
    ),
    expected AS (
        SELECT r.root, r.kind, p.p AS relation, e.name, e.function
        FROM roots AS r
        CROSS JOIN LATERAL customer_identity_internal.partitions_of(r.root) AS p
        JOIN customer_identity_internal.attaching_triggers() AS e ON e.kind = r.kind
    )
    SELECT 'error', e.relation::text,
        CASE
            WHEN t.tgenabled IN ('D', 'R') AND customer_identity_internal.fires_in_partitions(e.relation, e.name) THEN
                format('trigger %I is disabled, but not on the partitions: it still fires for statements that name a partition', e.name)
            WHEN t.tgenabled IN ('D', 'R') THEN format('trigger %I is disabled', e.name)
            WHEN t.tgname IS NOT NULL THEN format('trigger %I was changed, or differs from that of %s', e.name, e.root)
            WHEN e.relation <> e.root THEN format('the partition has no trigger %I', e.name)
            ELSE format('trigger %I is missing', e.name)
        END,
        CASE
            WHEN t.tgenabled IN ('D', 'R') THEN format('ALTER TABLE %s ENABLE TRIGGER %I;', e.relation, e.name)
            WHEN e.name = 'customer_identity_attach' THEN
                format('SELECT %s; or, if it should no longer count, SELECT customer_identity.detach(%L);',
                    customer_identity_internal.attach_call(e.root), e.root::text)
            ELSE format('SELECT %s;', customer_identity_internal.attach_call(e.root))
        END
    FROM expected AS e
    LEFT JOIN LATERAL customer_identity_internal.trigger_named(e.relation, e.name) AS t ON true
    -- A partition that was away may have missed that its root was attached in another way.
    LEFT JOIN LATERAL customer_identity_internal.trigger_named(e.root, 'customer_identity_totals_insert') AS r ON e.name LIKE '%totals%'
    WHERE t.tgname IS NULL OR t.tgenabled IN ('D', 'R') OR t.tgfoid <> e.function OR t.tgqual IS NOT NULL OR t.tgargs <> r.tgargs
    ORDER BY e.relation::text, e.name;
END;
COMMENT ON FUNCTION customer_identity_internal.check_triggers(regclass) IS
    'Findings of check_setup() about missing, disabled and changed triggers';
-- DISABLE TRIGGER ALL, which also a load that was interrupted leaves behind.
CREATE FUNCTION customer_identity_internal.check_foreign_key_triggers(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Read by the index and before the constraints: a join would read those of all shops.
    WITH disabled AS MATERIALIZED (
        SELECT t.tgrelid::regclass AS relation, t.tgname, t.tgconstraint
        FROM pg_trigger AS t
        WHERE t.tgrelid = ANY (ARRAY(
                SELECT customers::oid
                UNION
                SELECT p.p::oid
                FROM unnest(attachments) AS a
                CROSS JOIN LATERAL customer_identity_internal.partitions_of(a.attached) AS p))
            AND t.tgenabled IN ('D', 'R')
    )
    SELECT 'error', d.relation::text,
        format('triggers of foreign key %I are disabled: dangling ids are possible', k.conname),
        format('As a superuser: ALTER TABLE %s %s;', d.relation,
            string_agg(format('ENABLE TRIGGER %I', d.tgname), ', ' ORDER BY d.tgname))
    FROM disabled AS d
    JOIN pg_constraint AS k ON k.oid = d.tgconstraint AND k.contype = 'f'
    GROUP BY d.relation, k.conname
    ORDER BY d.relation::text, k.conname;
END;
COMMENT ON FUNCTION customer_identity_internal.check_foreign_key_triggers(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about foreign keys that are not enforced';
CREATE FUNCTION customer_identity_internal.check_shards(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH book AS MATERIALIZED (
        SELECT c.relnamespace::regnamespace AS schema, customer_identity_internal.distribution_of(customers) AS distribution
        FROM pg_class AS c
        WHERE c.oid = customers
    ),
    beside AS MATERIALIZED (
        SELECT t.oid::regclass AS relation, true AS is_companion, false AS is_users
        FROM customer_identity_internal.companions() AS c
        JOIN pg_class AS t ON t.relname = c.name
        JOIN pg_class AS b ON b.relnamespace = t.relnamespace
        WHERE b.oid = customers
        UNION ALL
        SELECT a.attached, false, a.kind = 'users' FROM customer_identity_internal.attachments_of(customers) AS a
    ),
    placed AS MATERIALIZED (
        SELECT s.*, customer_identity_internal.distribution_of(s.relation) AS distribution FROM beside AS s
    ),
    distributed AS (
        SELECT d.relation
        FROM (SELECT customers AS relation, b.distribution FROM book AS b UNION ALL SELECT p.relation, p.distribution FROM placed AS p) AS d
        WHERE d.distribution IS NOT NULL
    )
    SELECT 'error', 'setting citus.enable_unsafe_triggers', 'it is off: Citus lets distributed tables have no triggers',
        'On every node: ALTER SYSTEM SET citus.enable_unsafe_triggers = on; SELECT pg_reload_conf();'
    FROM book AS b
    WHERE (b.distribution IS NOT NULL OR EXISTS (SELECT FROM placed AS p WHERE p.distribution IS NOT NULL))
        AND current_setting('citus.enable_unsafe_triggers', true) IS DISTINCT FROM 'on'
    UNION ALL
    SELECT 'error', customers::text, 'it is copied to every node: each would make customers of its own',
        format('SELECT undistribute_table(%L); SELECT customer_identity.distribute_schema(%L);', customers, b.schema)
    FROM book AS b
    WHERE b.distribution = 'copies'
    UNION ALL
    SELECT 'error', p.relation::text,
        CASE
            WHEN b.distribution IS NULL THEN format('it is distributed, and %s is not: its triggers do not find the book', customers)
            WHEN p.distribution IS NULL THEN format('it is not distributed, and %s is', customers)
            ELSE format('its shards do not lie beside those of %s', customers)
        END,
        CASE
            WHEN b.distribution IS NULL
                THEN format('SELECT undistribute_table(%L); SELECT customer_identity.distribute_schema(%L);', p.relation, b.schema)
            WHEN b.distribution LIKE 'h%' AND p.is_users THEN format('Logins are kept on the coordinator: SELECT undistribute_table(%L);', p.relation)
            WHEN b.distribution LIKE 'h%' AND p.is_companion THEN format('SELECT customer_identity.create_tables(%L, distributed => true);', b.schema)
            WHEN b.distribution LIKE 'h%' THEN format('Detach it; SELECT create_distributed_table(%L, ''customer_id'', colocate_with => %L); and attach it again.', p.relation, customers)
            WHEN p.distribution IS NULL AND p.is_companion THEN format('SELECT customer_identity.create_tables(%L);', b.schema)
            ELSE format('ALTER TABLE %s SET SCHEMA %s; what is in one distributed schema lies together.', p.relation, b.schema)
        END
    FROM placed AS p
    CROSS JOIN book AS b
    WHERE p.distribution IS DISTINCT FROM b.distribution
        -- Where customers are spread by their ids, the rules are copied to every node, and logins are kept by ids of their own.
        AND NOT (b.distribution LIKE 'h%' AND ((p.is_users AND p.distribution IS NULL) OR (p.is_companion AND p.distribution = 'copies')))
    UNION ALL
    SELECT 'error', format('role %I', o.rolname), 'it owns distributed tables and may not log in: Citus connects to the other nodes as the owner of a table that we write to',
        format('On every node: ALTER ROLE %I LOGIN;', o.rolname)
    FROM pg_roles AS o
    WHERE NOT o.rolcanlogin AND o.oid IN (SELECT c.relowner FROM distributed AS d JOIN pg_class AS c ON c.oid = d.relation)
    UNION ALL
    SELECT 'info', d.relation::text, 'rows from before it was distributed still take space on this node; they are not read or counted',
        format('SELECT truncate_local_data_after_distributing_table(%L);', d.relation)
    FROM distributed AS d
    WHERE pg_relation_size(d.relation) > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_shards(regclass) IS
    'Findings of check_setup() about a book that Citus distributes';
CREATE FUNCTION customer_identity_internal.check_columns(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text,
        CASE
            WHEN n.relation = a.attached THEN format('column %I, which the triggers name, was renamed or dropped', n.column_name)
            ELSE format('column %I of %s, which the triggers name, was renamed or dropped', n.column_name, n.relation)
        END,
        format('Use the current name in: SELECT %s;', customer_identity_internal.attach_call(n.relation))
            || CASE WHEN n.relation <> a.attached THEN format(' SELECT %s;', customer_identity_internal.attach_call(a.attached)) ELSE '' END
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.named_columns(a) AS n
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute AS c
        WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
    )
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I is NOT NULL: a row without a readable phone is refused', a.customer_column),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', a.attached, a.customer_column)
    FROM unnest(attachments) AS a
    JOIN pg_attribute AS c ON c.attrelid = a.attached AND c.attname = a.customer_column
    WHERE c.attnotnull AND NOT (a.kind = 'orders' AND customer_identity_internal.has_computed_ids(customers))
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no foreign key to %s', a.customer_column, a.customers),
        format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL;',
            a.attached, a.customer_column, a.customers)
    FROM unnest(attachments) AS a
    WHERE NOT customer_identity_internal.has_reference(a.attached, a.customer_column, a.customers)
        AND NOT customer_identity_internal.has_computed_ids(a.customers)
    UNION ALL
    SELECT 'error', a.attached::text,
        format('column %I refers to %s: a row that has a customer is refused', a.customer_column, k.confrelid::regclass),
        format('ALTER TABLE %s DROP CONSTRAINT %I;', a.attached, k.conname)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.other_reference(a.attached, a.customer_column, a.customers) AS k
    WHERE k.oid IS NOT NULL
    UNION ALL
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I is deferrable: an order can precede its customer and be missing from the totals', k.conname),
        format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE;', k.conrelid::regclass, k.conname)
    FROM unnest(attachments) AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.confrelid = a.customers
    WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no index', i.name),
        format('CREATE INDEX CONCURRENTLY ON %s (%I);', a.attached, i.name)
    FROM unnest(attachments) AS a
    JOIN pg_class AS c ON c.oid = a.attached
    CROSS JOIN LATERAL (VALUES (a.customer_column, 0), (a.user_column, 10000)) AS i (name, rows_to_matter)
    WHERE i.name IS NOT NULL AND NOT customer_identity_internal.has_index_on(a.attached, i.name) AND c.reltuples >= i.rows_to_matter - 1;
END;
COMMENT ON FUNCTION customer_identity_internal.check_columns(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about columns, foreign keys and indexes';
CREATE FUNCTION customer_identity_internal.check_users_of_orders(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I blocks the deletion of users with orders', k.conname),
        format('ALTER TABLE %s DROP CONSTRAINT %I, ADD FOREIGN KEY (%I) REFERENCES %s (%I) ON DELETE SET NULL;',
            k.conrelid::regclass, k.conname, a.user_column, k.confrelid::regclass, t.attname)
    FROM unnest(attachments) AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.contype = 'f' AND k.conparentid = 0 AND cardinality(k.conkey) = 1
    JOIN pg_attribute AS t ON t.attrelid = k.confrelid AND t.attnum = k.confkey[1]
    JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = k.conkey[1]
    WHERE a.kind = 'orders' AND c.attname = a.user_column
        AND (k.confdeltype IN ('a', 'r') OR (k.confdeltype = 'n' AND c.attnotnull))
    UNION ALL
    SELECT 'error', a.attached::text,
        format('its users table, %s, is gone: orders of users get no customer', n.users),
        format('Attach the orders with another one: SELECT %s; or bring it back and attach it; then CALL customer_identity.backfill(%L);',
            customer_identity_internal.attach_call(a.attached), a.attached::text)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
    CROSS JOIN LATERAL customer_identity_internal.argument_value(t.arguments, 'users') AS n (users)
    WHERE customer_identity_internal.has_lost_users(a) AND t.function = 'attach_order'
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table is unknown: orders are attached by their own phones only'),
        format('SELECT %s; with users => ''...'' added', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    WHERE a.kind = 'orders' AND a.user_column IS NOT NULL AND a.users IS NULL
        AND EXISTS (SELECT FROM unnest(attachments) AS u WHERE u.kind = 'users')
        AND NOT customer_identity_internal.has_lost_users(a)
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table, %s, is not attached: its users have no customers', a.users),
        format('SELECT customer_identity.attach_users(%L);', a.users::text)
    FROM unnest(attachments) AS a
    WHERE a.kind = 'orders' AND a.users IS NOT NULL AND NOT customer_identity_internal.has_logins(a);
END;
COMMENT ON FUNCTION customer_identity_internal.check_users_of_orders(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about what joins orders to users';
-- What is a key, and what a foreign key refers to, may have changed since the triggers were made.
CREATE FUNCTION customer_identity_internal.key_problem(attached customer_identity.attachments, OUT finding text, OUT what_to_do text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present text;
BEGIN
    IF attached.kind = 'users' THEN
        present := customer_identity_internal.require_key(attached.attached);
        finding := format('its key is %I, but proofs and history identify its users by %s',
            present, COALESCE(quote_ident(attached.key_column), 'none'));
    ELSIF customer_identity_internal.has_logins(attached) THEN
        present := customer_identity_internal.users_key_of(attached.attached, attached.user_column, attached.users);
        finding := format('column %I references %I of %s, but the triggers join it by %s',
            attached.user_column, present, attached.users, COALESCE(quote_ident(attached.users_key_column), 'none'));
    END IF;
    what_to_do := format('SELECT %s;', customer_identity_internal.attach_call(attached.attached));
    IF present = COALESCE(attached.key_column, attached.users_key_column) THEN
        finding := NULL;
    END IF;
EXCEPTION WHEN invalid_table_definition OR invalid_foreign_key OR ambiguous_column THEN
    GET STACKED DIAGNOSTICS finding = MESSAGE_TEXT, what_to_do = PG_EXCEPTION_HINT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_problem(customer_identity.attachments) IS
    'Why the column that tells users apart, or that orders are joined to them by, is not the right one; NULL: it is';
-- key_problem() takes a millisecond, too long for a thousand tables. Most have the key that it would find.
CREATE FUNCTION customer_identity_internal.plain_keys(attachments customer_identity.attachments[])
    RETURNS TABLE (attached regclass, kind text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.attached, a.kind
    FROM unnest(attachments) AS a
    JOIN pg_index AS i ON i.indrelid = COALESCE(a.users, a.attached) AND i.indisprimary AND i.indnkeyatts = 1
    JOIN pg_attribute AS key ON key.attrelid = i.indrelid AND key.attnum = i.indkey[0]
        AND key.attname = COALESCE(a.users_key_column, a.key_column)
    WHERE a.kind = 'users' OR (
        SELECT count(*) = 1
            AND bool_and(k.conrelid = a.attached AND k.confrelid = a.users AND k.conkey = ARRAY[c.attnum] AND k.confkey = ARRAY[key.attnum])
        FROM pg_constraint AS k
        JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = ANY (k.conkey)
        WHERE k.contype = 'f' AND k.conrelid IN (a.attached, a.users)
            AND c.attname = CASE k.conrelid WHEN a.attached THEN a.user_column ELSE a.users_key_column END
    );
END;
COMMENT ON FUNCTION customer_identity_internal.plain_keys(customer_identity.attachments[]) IS
    'Users that are told apart by their primary key, and orders that one foreign key joins to it';
CREATE FUNCTION customer_identity_internal.check_keys(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text, p.finding, p.what_to_do
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.key_problem(a) AS p
    WHERE (a.attached, a.kind) NOT IN (SELECT k.attached, k.kind FROM customer_identity_internal.plain_keys(attachments) AS k)
        AND customer_identity_internal.hold_table(a.attached)
        AND p.finding IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_keys(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about keys of users and foreign keys of orders';
CREATE FUNCTION customer_identity_internal.check_heirs(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
BEGIN ATOMIC
    SELECT 'error', h.heir::text,
        format('it inherits from %s and is not attached: its rows are not %s', a.attached,
            CASE a.kind WHEN 'users' THEN 'linked' ELSE 'counted, and changing them through that table corrupts the totals' END),
        CASE a.kind
            WHEN 'users' THEN format('ALTER TABLE %s NO INHERIT %s; or move its rows into a partitioned table.', h.heir, h.parent)
            ELSE format('SELECT %s; with this table''s name instead; or ALTER TABLE %s NO INHERIT %s;',
                customer_identity_internal.attach_call(a.attached), h.heir, h.parent)
        END
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.heirs_of(a.attached) AS h
    WHERE NOT EXISTS (
        SELECT
        FROM customer_identity_internal.feeding_setups(h.heir, customers) AS own
        WHERE own.kind = a.kind
    )
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('it inherits from %s, which is not attached: %s', p.ancestor,
            CASE a.kind WHEN 'users' THEN 'when its logins are changed through that table, proofs keep their former ids and earlier orders are not attached'
                ELSE 'changing its rows through that table corrupts the totals' END),
        format('ALTER TABLE %s NO INHERIT ...; or name %s in every statement that changes its rows.', a.attached, a.attached)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.ancestors_of(a.attached) AS p (ancestor)
    WHERE NOT EXISTS (
        SELECT
        FROM customer_identity_internal.feeding_setups(p.ancestor, customers) AS own
        WHERE own.kind = a.kind
    )
    UNION ALL
    SELECT DISTINCT 'error', t.heir::text,
        format('it inherits from %s and from %s, which are both attached: lists have its rows twice', LEAST(a.attached::text, t.other::text), GREATEST(a.attached::text, t.other::text)),
        format('ALTER TABLE %s NO INHERIT ...; or detach one of them.', t.heir)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.heirs_read_twice(a.attached, a.kind, customers) AS t
    UNION ALL
    SELECT DISTINCT 'error', u.heir::text,
        format('its orders are counted in another way than those of %s, from which it inherits: changing them through that table corrupts the totals', u.parent),
        format('SELECT customer_identity.detach(%L); SELECT customer_identity.detach(%L); and attach both again, the child first, with the same customers, amount, statuses, points_per_unit and timing.',
            u.parent::text, u.heir::text)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.unlike_heirs(a.attached) AS u
    WHERE a.kind = 'orders'
    UNION ALL
    SELECT DISTINCT 'error', u.heir::text,
        format('it inherits from %s, and both are attached as users: when its logins are changed through that table, proofs keep their former ids and earlier orders are not attached', u.ancestor),
        format('ALTER TABLE %s NO INHERIT %s; or detach one of them. Rows that were changed through %s: customer_identity.revoke_proof() ends proofs, backfill() links orders.',
            u.heir, u.parent, u.ancestor)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.users_that_inherit(a.attached) AS u
    WHERE a.kind = 'users';
END;
COMMENT ON FUNCTION customer_identity_internal.check_heirs(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about tables that inherit from attached ones';
CREATE FUNCTION customer_identity_internal.check_leaving_partitions(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', i.inhrelid::regclass::text,
        format('it is being detached from %s: until it has left nobody can be merged, split, exported or erased', i.inhparent::regclass),
        format('ALTER TABLE %s DETACH PARTITION %s FINALIZE; where DETACH ... CONCURRENTLY was cancelled.', i.inhparent::regclass, i.inhrelid::regclass)
    FROM pg_inherits AS i
    WHERE i.inhdetachpending AND COALESCE(pg_partition_root(i.inhparent), i.inhparent) IN (
        SELECT a.attached FROM unnest(attachments) AS a
        UNION ALL
        SELECT k.relation FROM customer_identity_internal.foreign_keys_to(customers) AS k);
END;
COMMENT ON FUNCTION customer_identity_internal.check_leaving_partitions(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about partitions that are being detached concurrently';
CREATE FUNCTION customer_identity_internal.check_unlogged(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', p.oid::regclass::text,
        'it is UNLOGGED: a server crash empties it, but the totals keep its orders',
        format('ALTER TABLE %s SET LOGGED;', p.oid::regclass)
    FROM pg_class AS p
    JOIN pg_class AS c ON c.oid = customers
    WHERE p.oid = ANY (ARRAY(
            SELECT leaf.leaf::oid
            FROM unnest(attachments) AS a
            CROSS JOIN LATERAL customer_identity_internal.partitions_of(a.attached) AS leaf
            WHERE a.kind = 'orders'))
        AND p.relkind = 'r' AND p.relpersistence = 'u' AND c.relpersistence = 'p';
END;
COMMENT ON FUNCTION customer_identity_internal.check_unlogged(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about orders that a crash empties';
CREATE FUNCTION customer_identity_internal.has_one_of(relation regclass, column_names text[])
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = ANY (column_names) AND NOT a.attisdropped
);
COMMENT ON FUNCTION customer_identity_internal.has_one_of(regclass, text[]) IS
    'Whether a table has a column of one of these names';
-- Tables beside those of a book. What depends on a schema is found by the index, hence the offset: a database may
-- hold a thousand schemas.
CREATE FUNCTION customer_identity_internal.unattached_neighbours(customers regclass, attachments customer_identity.attachments[])
    RETURNS TABLE (neighbour regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.oid
    FROM (
        SELECT b.relnamespace FROM pg_class AS b WHERE b.oid = customers
        UNION
        SELECT b.relnamespace
        FROM unnest(attachments) AS a
        JOIN pg_class AS b ON b.oid = a.attached
    ) AS n
    CROSS JOIN LATERAL (
        SELECT d.objid
        FROM pg_depend AS d
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.relnamespace AND d.classid = 'pg_class'::regclass
        OFFSET 0
    ) AS d
    JOIN pg_class AS c ON c.oid = d.objid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid <> customers
        AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
        AND NOT customer_identity_internal.has_triggers(c.oid)
        AND c.relname NOT IN (SELECT b.name FROM customer_identity_internal.companions() AS b);
END;
COMMENT ON FUNCTION customer_identity_internal.unattached_neighbours(regclass, customer_identity.attachments[]) IS
    'The tables in the schemas of a book and of what is attached to it that are not attached';
-- A copy that has taken the place of a table has its columns and none of its triggers. Many a table has all that few
-- columns of users are called.
CREATE FUNCTION customer_identity_internal.copies_of_attached(neighbours regclass[], attachments customer_identity.attachments[])
    RETURNS TABLE (copy regclass, original regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH tables AS MATERIALIZED (
        SELECT c.attrelid::regclass AS relation, array_agg(c.attname) AS columns
        FROM pg_attribute AS c
        WHERE c.attrelid = ANY (neighbours::oid[] || ARRAY(SELECT a.attached::oid FROM unnest(attachments) AS a))
            AND c.attnum > 0 AND NOT c.attisdropped
        GROUP BY c.attrelid
    )
    SELECT n.relation, o.relation
    FROM unnest(attachments) AS a
    JOIN tables AS o ON o.relation = a.attached
    JOIN tables AS n ON n.relation = ANY (neighbours) AND n.columns @> o.columns AND (a.kind = 'orders' OR n.columns <@ o.columns);
END;
COMMENT ON FUNCTION customer_identity_internal.copies_of_attached(regclass[], customer_identity.attachments[]) IS
    'Tables without our triggers that look like an attached one';
CREATE FUNCTION customer_identity_internal.unattached_with_customer(customers regclass, neighbours regclass[], attachments customer_identity.attachments[])
    RETURNS TABLE (stray regclass, customer_column name, refers boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A copy as LIKE or CREATE TABLE AS makes it has no foreign key; a foreign key to other customers is none of ours.
    SELECT a.attrelid, a.attname, false
    FROM pg_attribute AS a
    WHERE a.attrelid = ANY (neighbours) AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
        AND a.attname IN (SELECT 'customer_id' UNION ALL SELECT s.customer_column FROM unnest(attachments) AS s)
        AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
    UNION
    SELECT k.conrelid, a.attname, true
    FROM pg_depend AS d
    JOIN pg_constraint AS k ON k.oid = d.objid AND k.contype = 'f' AND k.confrelid = customers AND k.conparentid = 0
    JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] AND a.atttypid = 'uuid'::regtype
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = customers AND d.classid = 'pg_constraint'::regclass
        AND NOT c.relispartition AND c.oid <> customers
        AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
        AND NOT customer_identity_internal.has_triggers(c.oid)
        AND c.relname NOT IN (SELECT b.name FROM customer_identity_internal.companions() AS b);
END;
COMMENT ON FUNCTION customer_identity_internal.unattached_with_customer(regclass, regclass[], customer_identity.attachments[]) IS
    'Tables without our triggers that have a column for the customer, and whether it is a foreign key to the book';
-- Logins and orders that bypass the triggers. Many tables reference customers for other reasons; a table is not
-- reported as missing where no table of its kind is attached.
CREATE FUNCTION customer_identity_internal.check_unattached(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH beside AS MATERIALIZED (
        SELECT ARRAY(SELECT n.neighbour FROM customer_identity_internal.unattached_neighbours(customers, attachments) AS n) AS neighbours
    ),
    copies AS MATERIALIZED (
        SELECT c.* FROM beside AS b CROSS JOIN LATERAL customer_identity_internal.copies_of_attached(b.neighbours, attachments) AS c
    ),
    known AS (
        SELECT
            ARRAY(SELECT 'phone' UNION SELECT p FROM unnest(attachments) AS a CROSS JOIN LATERAL unnest(a.phone_columns) AS p) AS phones,
            ARRAY(SELECT 'user_id' UNION SELECT a.user_column FROM unnest(attachments) AS a) AS users,
            ARRAY(SELECT 'total' UNION SELECT a.amount_column FROM unnest(attachments) AS a) AS amounts,
            ARRAY(SELECT a.kind FROM unnest(attachments) AS a) AS kinds
    ),
    strays AS (
        SELECT s.*,
            customer_identity_internal.has_one_of(s.stray, k.phones) AS has_phone,
            customer_identity_internal.has_one_of(s.stray, k.users) AND customer_identity_internal.has_one_of(s.stray, k.amounts) AS has_orders,
            kind.name AS kind,
            kind.name <> ALL (k.kinds) AS is_missing
        FROM beside AS b
        CROSS JOIN LATERAL customer_identity_internal.unattached_with_customer(customers, b.neighbours, attachments) AS s
        CROSS JOIN known AS k
        CROSS JOIN LATERAL (
            SELECT CASE WHEN customer_identity_internal.has_one_of(s.stray, k.users || k.amounts) THEN 'orders' ELSE 'users' END
        ) AS kind (name)
        WHERE s.stray NOT IN (SELECT c.copy FROM copies AS c)
    )
    SELECT 'warning', c.copy::text,
        format('it has every column of %s, including the customer, but no trigger: its rows are not %s',
            c.original, CASE a.kind WHEN 'users' THEN 'linked' ELSE 'counted' END),
        format('If it replaced %s: SELECT %s; with this table''s name. Otherwise: ALTER TABLE %s DROP COLUMN %I;',
            c.original, customer_identity_internal.attach_call(c.original), c.copy, a.customer_column)
    FROM copies AS c
    JOIN unnest(attachments) AS a ON a.attached = c.original
    UNION ALL
    SELECT
        CASE WHEN (s.has_phone OR s.has_orders) AND s.is_missing THEN 'warning' ELSE 'info' END,
        s.stray::text,
        format('it has a customer column, %I, but no trigger: its rows are neither linked nor counted', s.customer_column),
        format('If they are orders or logins: SELECT customer_identity.%s(%L, customer_column => %L, customers => %L); with the names of its columns.'
            ' If they are something else, nothing has to be done.',
            'attach_' || s.kind, s.stray::text, s.customer_column, customers::text)
    FROM strays AS s
    WHERE s.refers OR s.has_phone OR s.has_orders;
END;
COMMENT ON FUNCTION customer_identity_internal.check_unattached(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about copies of attached tables and other tables with customers';
CREATE FUNCTION customer_identity_internal.check_values(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text,
        format('column %I cannot hold %L, which %s names: %s', n.column_name, m.value, n.parameter, n.consequence),
        format('Use its new name in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL (VALUES
        (a.status_column, a.counted_statuses, 'counted_statuses', 'no such order counts'),
        (a.payment_column, a.cod_values, 'cod_values', 'no such order needs a proof')
    ) AS n (column_name, named_values, parameter, consequence)
    CROSS JOIN LATERAL customer_identity_internal.missing_values(a.attached, n.column_name, n.named_values, customers) AS m (value)
    WHERE n.column_name IS NOT NULL AND customer_identity_internal.hold_table(a.attached);
END;
COMMENT ON FUNCTION customer_identity_internal.check_values(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about statuses and cash values that a column cannot hold';
-- Renamed values are followed, but attaching again with the old names is refused.
CREATE FUNCTION customer_identity_internal.check_renamed_values(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT 'error', a.attached::text,
        format('%L, which %s named, was renamed to %L: the triggers follow, but a migration with the old name is refused',
            v.given, n.parameter, v.present),
        format('Also in the migration: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
    CROSS JOIN (VALUES ('counted', 'counted_statuses'), ('cod', 'cod_values')) AS n (key, parameter)
    CROSS JOIN LATERAL ROWS FROM (
        unnest(customer_identity_internal.argument_values(t.arguments, n.key || '_given')),
        unnest(customer_identity_internal.argument_values(t.arguments, n.key))
    ) AS v (given, present)
    WHERE v.given <> v.present;
END;
COMMENT ON FUNCTION customer_identity_internal.check_renamed_values(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about values whose names have changed since the table was attached';
-- A value that differs from a named one in case or blanks only is a slip.
CREATE FUNCTION customer_identity_internal.values_seen(
    relation regclass, column_name text, named_values text[], max_rows bigint, customers regclass, OUT rows bigint, OUT named bigint, OUT similar text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    EXECUTE format($sql$
        SELECT count(*), count(*) FILTER (WHERE r.value = ANY ($1)),
            min(left(r.value, 64)) FILTER (WHERE r.value <> ALL ($1) AND lower(btrim(r.value)) = ANY ($2))
        FROM (SELECT customer_identity_internal.as_text(r.%I) AS value FROM %s AS r LIMIT $3) AS r
        $sql$,
        column_name, relation)
        INTO rows, named, similar
        USING named_values, ARRAY(SELECT lower(btrim(n.value)) FROM unnest(named_values) AS n (value)), max_rows;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_seen(regclass, text, text[], bigint, regclass) IS
    'How many rows of a table were looked at, how many have one of some values, and a value that is nearly one';
CREATE FUNCTION customer_identity_internal.check_values_of(attached customer_identity.attachments, max_rows bigint, customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', attached.attached::text,
        CASE
            WHEN s.similar IS NOT NULL THEN format('column %I holds %L, which %s names in another case or with other blanks', n.column_name, s.similar, n.parameter)
            ELSE format('none of %s orders has a status that counts', customer_identity_internal.counted_up_to(s.rows, s.rows))
        END,
        format('Use the statuses that count in: SELECT %s;', customer_identity_internal.attach_call(attached.attached))
    FROM (VALUES
        (attached.status_column, attached.counted_statuses, 'counted_statuses'),
        (attached.payment_column, attached.cod_values, 'cod_values')
    ) AS n (column_name, named_values, parameter)
    CROSS JOIN LATERAL customer_identity_internal.values_seen(attached.attached, n.column_name, n.named_values, max_rows, customers) AS s
    WHERE n.column_name IS NOT NULL
        AND (s.similar IS NOT NULL OR (n.parameter = 'counted_statuses' AND s.rows >= 100 AND s.named = 0));
END;
COMMENT ON FUNCTION customer_identity_internal.check_values_of(customer_identity.attachments, bigint, regclass) IS
    'Findings of check_setup() about statuses and cash values that no row has';
CREATE FUNCTION customer_identity_internal.check_regions(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', a.attached::text,
        'phones without a country code are not read: it has no region column, and there is no default region',
        format('SELECT %s; with default_region => ''...'' added. Or, for every table, as a superuser: ALTER DATABASE %I SET customer_identity.default_region = ''...'';',
            customer_identity_internal.attach_call(a.attached), current_database())
    FROM unnest(attachments) AS a
    WHERE customer_identity_internal.lacks_region(a.phone_columns, a.region_column, a.default_region)
    UNION ALL
    SELECT 'error', a.attached::text,
        format('%L, its default_region, is not a region: phones of rows without a region are not read', a.default_region),
        format('Use an ISO 3166 code or a calling code in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    WHERE a.default_region IS NOT NULL AND customer_identity_internal.known_region(a.default_region) IS NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_regions(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about tables whose national phones cannot be read';
CREATE FUNCTION customer_identity_internal.check_types(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', u.source::text,
        format('column %I is %s, not %s: writing fails with CI007', u.column_name, u.found_type, u.wanted),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(u.source))
    FROM customer_identity_internal.uncountable_columns(customers) AS u
    WHERE u.found_type IS NOT NULL
    UNION ALL
    SELECT 'error', a.attached::text,
        format('column %I is %s and cannot hold a %s', u.column_name, u.type_name, u.what),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.unusable_types(a.attached, a.phone_columns, a.region_column) AS u
    UNION ALL
    SELECT 'error', s.attached::text,
        format('column %I is %s, not uuid: writing fails with CI007', s.customer_column, format_type(c.atttypid, c.atttypmod)),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(s.attached))
    FROM customer_identity_internal.attached_to(customers) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.setups_of(a.attached) AS s
    JOIN pg_attribute AS c ON c.attrelid = s.attached AND c.attname = s.customer_column AND NOT c.attisdropped
    JOIN pg_class AS t ON t.oid = s.attached
    WHERE s.kind = 'users' AND s.customers = check_types.customers AND has_table_privilege(t.relowner, s.customers, 'UPDATE')
        AND customer_identity_internal.base_type(c.atttypid) <> 'uuid'::regtype;
END;
COMMENT ON FUNCTION customer_identity_internal.check_types(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about columns whose types hold no customer, amount, phone or region';
-- The conditions are for a customer c and a live proof p of it.
CREATE FUNCTION customer_identity_internal.proof_conditions(customers regclass, OUT proofs text, OUT is_proved text, OUT is_lost text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.proofs,
        format('EXISTS (SELECT FROM %s AS p WHERE p.customer_id = c.id AND p.phone = c.phone AND p.ended_at IS NULL)', b.proofs),
        'p.phone IS DISTINCT FROM c.phone' || CASE
            WHEN customer_identity_internal.has_companion(customers, 'customer_phones') THEN format(
                ' AND NOT EXISTS (SELECT FROM %s AS a WHERE a.phone = p.phone AND a.customer_id = c.id AND a.until IS NULL)',
                customer_identity_internal.companion_of(customers, 'customer_phones'))
            ELSE '' END
    FROM (VALUES (customer_identity_internal.companion_of(customers, 'phone_proofs'))) AS b (proofs)
$$;
COMMENT ON FUNCTION customer_identity_internal.proof_conditions(regclass) IS
    'The proofs of a book, and the conditions that a customer''s phone has a live one, and that it is of a phone that was lost';
-- A book may have millions of either, so each is read once, in whichever order they lie: with a limit the planner would look up
-- customer after customer.
CREATE FUNCTION customer_identity_internal.count_proof_faults(customers regclass, OUT unproved bigint, OUT unmarked bigint, OUT lost bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    conditions constant record := customer_identity_internal.proof_conditions(customers);
BEGIN
    EXECUTE format($sql$
        SELECT count(*) FILTER (WHERE p.customer_id IS NULL),
            count(DISTINCT c.id) FILTER (WHERE p.customer_id IS NOT NULL),
            count(*) FILTER (WHERE c.id IS NULL)
        FROM %1$s AS c
        FULL JOIN (SELECT p.customer_id, p.phone FROM %2$s AS p WHERE p.ended_at IS NULL) AS p ON p.customer_id = c.id AND p.phone = c.phone
        WHERE CASE
            WHEN p.customer_id IS NULL THEN c.is_phone_verified IS NOT FALSE
            WHEN c.id IS NULL THEN EXISTS (SELECT FROM %1$s AS c WHERE c.id = p.customer_id AND %3$s)
            ELSE c.is_phone_verified IS NOT TRUE
        END
        $sql$,
        customers, conditions.proofs, conditions.is_lost)
        INTO unproved, unmarked, lost;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_proof_faults(regclass) IS
    'How many customers have a mark without a proof, or a proof without a mark, and how many live proofs are of a phone that was lost';
-- Inconsistent proofs and flags: a trigger was missing, or the application has written them.
CREATE FUNCTION customer_identity_internal.check_proofs(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', f.relation, format('%s: %s', f.fault, customer_identity_internal.counted_up_to(least(f.rows, 10000), f.rows)), f.what_to_do
    FROM customer_identity_internal.proof_conditions(customers) AS b
    CROSS JOIN customer_identity_internal.count_proof_faults(customers) AS n
    CROSS JOIN LATERAL (VALUES
        (
            n.unproved, customers::text, 'customers without a live proof whose phone is marked as verified, or not marked at all',
            format('UPDATE %s AS c SET is_phone_verified = false WHERE c.is_phone_verified IS NOT FALSE AND NOT %s;', customers, b.is_proved)
        ),
        (
            n.unmarked, customers::text, 'customers with a live proof whose phone is not marked as verified',
            format('UPDATE %s AS c SET is_phone_verified = true WHERE c.is_phone_verified IS NOT TRUE AND %s;', customers, b.is_proved)
        ),
        (
            n.lost, b.proofs, 'live proofs of phones that their customers no longer have, which give no access',
            format('UPDATE %s AS p SET ended_at = now(), ended_reason = ''phone changed'' FROM %s AS c'
                ' WHERE c.id = p.customer_id AND p.ended_at IS NULL AND %s;', b.proofs, customers, b.is_lost)
        )
    ) AS f (rows, relation, fault, what_to_do)
    WHERE f.rows > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_proofs(regclass) IS
    'Findings of check_setup() about proofs and flags that do not fit together';
-- Where ids are computed, an order has the customer of its phone, and no other.
CREATE OR REPLACE FUNCTION customer_identity_internal.user_has_customer(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_logins(attached) OR customer_identity_internal.has_computed_ids(attached.customers) THEN
        RETURN 'false';
    END IF;
    RETURN format('EXISTS (SELECT FROM %s AS u WHERE %s AND u.customer_id IS NOT NULL)',
        customer_identity_internal.logins_of_orders(attached), customer_identity_internal.user_condition(attached));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_has_customer(customer_identity.attachments) IS
    'The condition that the user of an order r has a customer, whom the order could have';
-- Looks at a maximum of ten thousand rows: the table may have millions.
CREATE FUNCTION customer_identity_internal.count_unlinked(
    relation regclass, customers regclass, OUT readable bigint, OUT unreadable bigint, OUT looked_at bigint, OUT reasons text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    attached customer_identity.attachments := customer_identity_internal.attachment_of(relation);
BEGIN
    EXECUTE format($sql$
        WITH looked_at AS MATERIALIZED (
            SELECT %5$s OR p.readable AND %6$s AS readable, p.reason
            FROM %1$s AS r
            CROSS JOIN LATERAL (
                SELECT bool_or(p.phone IS NOT NULL),
                    (array_agg(customer_identity_internal.claim_problem(c.raw, %3$s) ORDER BY c.n) FILTER (WHERE p.phone IS NULL))[1]
                FROM (%2$s) AS c (n, raw)
                CROSS JOIN LATERAL customer_identity_internal.claimed_phone(c.raw, %3$s) AS p (phone)
                WHERE c.raw IS NOT NULL AND customer_identity_internal.names_nobody(p.phone, $1) IS NOT TRUE
            ) AS p (readable, reason)
            WHERE %4$s
            LIMIT 10000
        ), unreadable AS (
            SELECT l.reason, count(*) AS rows FROM looked_at AS l WHERE NOT l.readable GROUP BY l.reason
        )
        SELECT count(*) FILTER (WHERE l.readable), count(*) FILTER (WHERE NOT l.readable), count(*),
            (SELECT string_agg(u.reason || ' ' || u.rows, ', ' ORDER BY u.rows DESC, u.reason COLLATE "C") FROM unreadable AS u)
        FROM looked_at AS l
        $sql$,
        relation, customer_identity_internal.claims_query(attached),
        customer_identity_internal.region_expression(attached), customer_identity_internal.has_no_customer(attached),
        customer_identity_internal.user_has_customer(attached), customer_identity_internal.is_known(attached))
        INTO readable, unreadable, looked_at, reasons
        USING customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_unlinked(regclass, regclass) IS
    'How many rows of a table without a customer could have one, and how many have a phone that cannot be read, in all and by reason';
-- Counting asks what a row's phone could be read as, which takes longer to prepare than most tables need to be looked at.
CREATE FUNCTION customer_identity_internal.has_unlinked(relation regclass, customers regclass)
    RETURNS boolean
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    found_row boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s AS r WHERE %s)',
        relation, customer_identity_internal.has_no_customer(customer_identity_internal.attachment_of(relation)))
        INTO found_row;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_unlinked(regclass, regclass) IS
    'Whether an attached table has a row without a customer';
-- An order that is placed by its customer cannot be moved by an UPDATE.
CREATE FUNCTION customer_identity_internal.what_links(attached customer_identity.attachments, condition text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN attached.kind <> 'orders' OR NOT customer_identity_internal.has_computed_ids(attached.customers)
        THEN format('CALL customer_identity.backfill(%L);', attached.attached::text)
    WHEN customer_identity_internal.is_spread(attached.attached)
        THEN 'Insert these orders again, with customer_identity.customer_id_for_order() of their phones, and delete those that are there.'
    ELSE format('UPDATE %s AS r SET %I = customer_identity.customer_id_for_order(r.%I::text, %s, %L) WHERE %s;',
        attached.attached, attached.customer_column, attached.phone_columns[1], customer_identity_internal.region_expression(attached),
        attached.customers::text, condition)
END;
COMMENT ON FUNCTION customer_identity_internal.what_links(customer_identity.attachments, text) IS
    'What gives the rows r of a table that meet a condition their customers, by their phones';
CREATE FUNCTION customer_identity_internal.check_unlinked(attached customer_identity.attachments)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT f.severity, attached.attached::text,
        format('rows without a customer %s: %s%s', f.fault, customer_identity_internal.counted_up_to(f.found_rows, u.looked_at), f.reasons),
        CASE f.severity
            WHEN 'warning' THEN customer_identity_internal.what_links(attached, customer_identity_internal.has_no_customer(attached))
            ELSE format('SELECT * FROM customer_identity.phone_problems(%L);', attached.attached::text)
        END
    FROM customer_identity_internal.count_unlinked(attached.attached, attached.customers) AS u
    CROSS JOIN LATERAL (VALUES
        ('warning', 'that could have one', u.readable, ''),
        ('info', 'whose phone cannot be read', u.unreadable, format(' (%s)', u.reasons))
    ) AS f (severity, fault, found_rows, reasons)
    WHERE f.found_rows > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_unlinked(customer_identity.attachments) IS
    'Findings of check_setup() about rows without a customer';
-- Of a maximum of ten thousand rows.
CREATE FUNCTION customer_identity_internal.ids_in_rows(relation regclass, customers regclass, OUT ids uuid[], OUT looked_at bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT r.id), count(*) FROM (SELECT r.%1$I FROM %2$s AS r WHERE r.%1$I <> $1 LIMIT 10000) AS r (id)',
        (customer_identity_internal.attachment_of(relation)).customer_column, relation)
        INTO ids, looked_at
        USING customer_identity_internal.nobody();
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ids_in_rows(regclass, regclass) IS
    'The customer ids that the rows of an attached table have, other than nobody''s';
-- A number of nobody may have orders by its id.
CREATE FUNCTION customer_identity_internal.count_strays(ids uuid[], customers regclass, OUT missing bigint, OUT kept_free bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    known uuid[];
    of_nobody uuid[];
BEGIN
    EXECUTE format('SELECT array_agg(c.id), count(*) FILTER (WHERE NOT %s) FROM %s AS c WHERE c.id = ANY ($1)',
        customer_identity_internal.is_somebody(customers), customers)
        INTO known, kept_free
        USING ids;
    IF customer_identity_internal.has_companion(customers, 'phone_rules') THEN
        EXECUTE format('SELECT array_agg(%s) FROM %s AS r CROSS JOIN (VALUES (0)) AS g (phone_generation) WHERE r.rule = ''nobody''',
            customer_identity_internal.id_of_phone(), customer_identity_internal.companion_of(customers, 'phone_rules'))
            INTO of_nobody;
    END IF;
    missing := (SELECT count(*) FROM (SELECT unnest(ids) EXCEPT SELECT unnest(known) EXCEPT SELECT unnest(of_nobody)) AS m);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_strays(uuid[], regclass) IS
    'How many of these computed ids are no customer''s, and how many are of rows that only keep them free';
-- A login gives the id up first, as a backfill leaves alone what is linked.
CREATE FUNCTION customer_identity_internal.what_moves(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN cardinality(attached.phone_columns) = 0 THEN 'Give these rows the ids of customers.'
    ELSE (
        SELECT concat(
            CASE WHEN attached.kind = 'users' THEN format('UPDATE %s AS r SET %I = NULL WHERE %s; ', attached.attached, attached.customer_column, k.condition) END,
            customer_identity_internal.what_links(attached, k.condition),
            CASE WHEN attached.kind = 'orders' THEN format(' SELECT customer_identity.rebuild_totals(%L);', attached.customers::text) END)
        FROM (VALUES (format('EXISTS (SELECT FROM %s AS c WHERE c.id = r.%I AND NOT %s)',
            attached.customers, attached.customer_column, customer_identity_internal.is_somebody(attached.customers)))) AS k (condition))
END;
COMMENT ON FUNCTION customer_identity_internal.what_moves(customer_identity.attachments) IS
    'What gives rows whose customer id is only kept free the customers of their phones';
CREATE FUNCTION customer_identity_internal.what_makes_customers(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN cardinality(attached.phone_columns) = 0 THEN 'Insert these customers, or give the orders the ids of others.'
    -- A column's name may have any dollar quote in it.
    ELSE format('DO %L;', format('DECLARE given text; BEGIN FOR given IN SELECT DISTINCT customer_identity.normalize_phone(r.%1$I::text, %2$s) FROM %3$s AS r'
        ' WHERE NOT EXISTS (SELECT FROM %4$s AS c WHERE c.id = r.%5$I) LOOP'
        ' IF customer_identity.customer_id_for_order(given, NULL, %6$L) <> %7$L THEN PERFORM customer_identity.get_or_create_customer(given, customers => %6$L); END IF;'
        ' END LOOP; PERFORM customer_identity.rebuild_totals(%6$L); END',
        attached.phone_columns[1], customer_identity_internal.region_expression(attached), attached.attached, attached.customers,
        attached.customer_column, attached.customers::text, customer_identity_internal.nobody()))
END;
COMMENT ON FUNCTION customer_identity_internal.what_makes_customers(customer_identity.attachments) IS
    'A statement that makes the customers of orders that have come with their ids';
-- Orders that came before they were attached, or while triggers were off, and logins that somebody has linked.
CREATE FUNCTION customer_identity_internal.check_placed(attached customer_identity.attachments)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', attached.attached::text,
        format('ids of customers in %s that %s: %s', attached.kind, f.fault, customer_identity_internal.counted_up_to(f.ids, i.looked_at)),
        f.what_to_do
    FROM customer_identity_internal.ids_in_rows(attached.attached, attached.customers) AS i
    CROSS JOIN LATERAL customer_identity_internal.count_strays(i.ids, attached.customers) AS n
    CROSS JOIN LATERAL (VALUES
        (CASE attached.kind WHEN 'orders' THEN n.missing END, 'no customer has', customer_identity_internal.what_makes_customers(attached)),
        (n.kept_free, 'are only kept free', customer_identity_internal.what_moves(attached))
    ) AS f (ids, fault, what_to_do)
    WHERE f.ids > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_placed(customer_identity.attachments) IS
    'Findings of check_setup() about rows with the computed id of a customer who is not there';
CREATE FUNCTION customer_identity_internal.check_rows(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Of each table, so that those of a thousand are looked at in a second.
    max_rows constant bigint := greatest(100, least(10000, 100000 / greatest(cardinality(attachments), 1)));
    attached customer_identity.attachments;
BEGIN
    FOR attached IN SELECT a.* FROM unnest(attachments) AS a WHERE customer_identity_internal.hold_table(a.attached) LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM customer_identity_internal.named_columns(attached) AS n
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS c
                WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
            )
        );
        IF customer_identity_internal.has_unlinked(attached.attached, customers) THEN
            RETURN QUERY SELECT u.* FROM customer_identity_internal.check_unlinked(attached) AS u;
        END IF;
        IF customer_identity_internal.has_computed_ids(customers) THEN
            RETURN QUERY SELECT p.* FROM customer_identity_internal.check_placed(attached) AS p;
        END IF;
        IF COALESCE(attached.status_column, attached.payment_column) IS NOT NULL THEN
            RETURN QUERY SELECT v.* FROM customer_identity_internal.check_values_of(attached, max_rows, customers) AS v;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_rows(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about rows without a customer, and statuses';
CREATE OR REPLACE FUNCTION customer_identity_internal.check_sms(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE customer_identity_as_owner STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT 'warning', 'setting customer_identity.sms_countries',
        'codes were requested, but no country is allowed: it is empty, and so is customer_identity.default_region',
        'As a superuser: ALTER DATABASE ... SET customer_identity.sms_countries = ''GB,IE'';'
    WHERE customer_identity_internal.sms_countries() IS NULL AND EXISTS (SELECT FROM customer_identity.verification_events AS e WHERE e.bucket = 'unsupported')
    UNION ALL
    SELECT 'warning', 'messages', format('codes that have waited for more than a minute without an attempt to send them: %s', count(*)),
        'SELECT customer_identity.start_sms_worker(); or name the database in customer_identity.sms_databases, or send them with claim_messages().'
    FROM customer_identity.sms_messages AS m
    WHERE m.status = 'pending' AND m.attempts = 0 AND m.created_at < now() - interval '1 minute' AND m.expires_at > now()
    HAVING count(*) > 0
    UNION ALL
    SELECT 'warning', 'messages', format('codes that could not be sent within the last hour: %s', count(*)),
        'SELECT ended_at, error FROM customer_identity.sms_messages WHERE status = ''failed'';'
    FROM customer_identity.sms_messages AS m
    WHERE m.status = 'failed' AND m.ended_at > now() - interval '1 hour'
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_sms(regclass) IS
    'Findings of check_setup() about verification by SMS';
CREATE OR REPLACE FUNCTION customer_identity_internal.check_session(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'error', 'session', 'session_replication_role is replica: the triggers of customer_identity do not fire',
        'SET session_replication_role = origin;'
    WHERE current_setting('session_replication_role') = 'replica'
    UNION ALL
    SELECT 'error', 'setting customer_identity.default_region',
        format('%L is not a region: phones of rows without a region are not read',
            current_setting('customer_identity.default_region')),
        'Set an ISO 3166 code, such as GB or GBR, a calling code, such as +44, or an empty value.'
    WHERE customer_identity_internal.claim_problem('0123456789', NULL) = 'unknown_region'
    UNION ALL
    SELECT 'warning', 'numbering plans', finding, what_to_do
    FROM customer_identity.phone_plans() AS p
    CROSS JOIN LATERAL (VALUES
        (p.problem IS NOT NULL, 'those of the installed libphonenumber are in force: ' || p.problem,
            'Install the file again, or correct the setting customer_identity.numbering_plans.'),
        (p.date < current_date - interval '1 year', format('they are of %s, more than a year old: newer numbers are not read', p.date),
            'Update the extension, or set customer_identity.numbering_plans to a newer file.')
    ) AS f (is_found, finding, what_to_do)
    WHERE f.is_found
    UNION ALL
    SELECT 'info', 'event trigger ' || n.name, 'it is missing or disabled: ' || n.consequence,
        format('As a superuser: ALTER EVENT TRIGGER %I ENABLE;', n.name)
    FROM (VALUES
        ('customer_identity_follow_renames', 'after a column is renamed the next statement fails with CI007, and orders with a renamed status no longer count'),
        ('customer_identity_recount_altered', 'an ALTER TABLE that changes amounts does not update the totals')
    ) AS n (name, consequence)
    WHERE NOT EXISTS (SELECT FROM pg_event_trigger AS e WHERE e.evtname = n.name AND e.evtenabled IN ('O', 'A'));
END;
COMMENT ON FUNCTION customer_identity_internal.check_session(regclass) IS
    'Findings of check_setup() about the session and the database';
CREATE OR REPLACE FUNCTION customer_identity_internal.check_book(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    BEGIN
        PERFORM customer_identity_internal.check_customers(customers);
    EXCEPTION WHEN SQLSTATE 'CI003' THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN NEXT ROW('error', customers::text, detail, hint)::customer_identity_internal.setup_finding;
        RETURN;
    END;
    RETURN QUERY SELECT * FROM customer_identity_internal.check_companions(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_history(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_sequences(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_customers_table(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_phone_triggers(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_guards(customers);
    IF customer_identity_internal.companion_problem(customers, 'phone_proofs') IS NULL THEN
        RETURN QUERY SELECT * FROM customer_identity_internal.check_proofs(customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_book(regclass) IS
    'Findings of check_setup() about customers and its companions';
CREATE OR REPLACE FUNCTION customer_identity_internal.findings_of(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET jit = off
BEGIN ATOMIC
    -- Read once: a book may have a thousand tables. One that does not lie where the book is cannot be looked into.
    WITH book AS MATERIALIZED (
        SELECT ARRAY(
            SELECT a
            FROM customer_identity_internal.attachments_of(customers) AS a
            WHERE customer_identity_internal.distribution_of(a.attached) IS NOT DISTINCT FROM customer_identity_internal.distribution_of(customers)
        ) AS attachments
    )
    SELECT * FROM customer_identity_internal.check_session(customers)
    UNION ALL
    SELECT * FROM customer_identity_internal.check_book(customers)
    UNION ALL
    SELECT * FROM customer_identity_internal.check_triggers(customers)
    UNION ALL
    SELECT * FROM customer_identity_internal.check_shards(customers)
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_foreign_key_triggers(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_columns(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_types(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_values(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_renamed_values(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_regions(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_heirs(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_unattached(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_leaving_partitions(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_unlogged(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_users_of_orders(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_keys(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_rows(customers, b.attachments) AS f
    UNION ALL
    SELECT * FROM customer_identity_internal.check_sms(customers);
END;
COMMENT ON FUNCTION customer_identity_internal.findings_of(regclass) IS
    'check_setup for a book that is named';
CREATE FUNCTION customer_identity_internal.book_to_check()
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE((
    SELECT string_agg(DISTINCT format('SELECT * FROM customer_identity.check_setup(%L);', a.customers), ' ')
    FROM customer_identity.attachments AS a
), 'SELECT customer_identity.create_tables();');
COMMENT ON FUNCTION customer_identity_internal.book_to_check() IS
    'What to do where check_setup() finds no book: check the attached ones, or make one';
CREATE OR REPLACE FUNCTION customer_identity.check_setup(customers regclass DEFAULT NULL)
    RETURNS TABLE (severity text, object text, finding text, what_to_do text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'error', 'database', 'there is no table customers on the search_path', customer_identity_internal.book_to_check()
    WHERE COALESCE(customers, to_regclass('customers')) IS NULL
    UNION ALL
    SELECT f.*
    FROM (SELECT COALESCE(customers, to_regclass('customers')) AS customers) AS b
    CROSS JOIN LATERAL customer_identity_internal.findings_of(
        CASE WHEN b.customers IS NOT NULL THEN customer_identity_internal.book(b.customers) END) AS f
    WHERE b.customers IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity.check_setup(regclass) IS
    'Problems of a book and the tables attached to it, and what to do about them; no row means all is well';
CREATE OR REPLACE FUNCTION customer_identity_internal.follow_renames()
    RETURNS event_trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'follow_renames';
COMMENT ON FUNCTION customer_identity_internal.follow_renames() IS
    'Event trigger: rewrites the arguments of our triggers when a column, table or schema they name is renamed';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.follow_renames() FROM PUBLIC;
CREATE FUNCTION customer_identity_internal.recount_altered()
    RETURNS event_trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'recount_altered';
COMMENT ON FUNCTION customer_identity_internal.recount_altered() IS
    'Event trigger: recounts a book when ALTER TABLE has changed the columns that its totals are computed from';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.recount_altered() FROM PUBLIC;

-- What is new in schema customer_identity belongs to whom the rest belongs to, and who might execute a function
-- before it was made anew may do so now.
DO $$
DECLARE
    owner constant regrole := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'customer_identity.normalize_phone(text, text)'::regprocedure);
    extension_owner constant regrole := (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'customer_identity');
    made record;
    given record;
BEGIN
    FOR made IN SELECT * FROM (VALUES
        ('phone_plans', 'customer_identity.phone_plans()'::regprocedure),
        ('create_tables', 'customer_identity.create_tables(text, boolean)'::regprocedure),
        ('customer_id_of', 'customer_identity.customer_id_of(text, text)'::regprocedure),
        ('customer_id_for_order', 'customer_identity.customer_id_for_order(text, text, regclass)'::regprocedure),
        ('recount_totals', 'customer_identity.recount_totals(integer, regclass)'::regprocedure),
        ('attach_users', 'customer_identity.attach_users(regclass, text[], text, text, text, text, text, text[], regclass)'::regprocedure),
        ('attach_orders', 'customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass)'::regprocedure),
        ('distribute_schema', 'customer_identity.distribute_schema(text)'::regprocedure),
        ('phone_problems', 'customer_identity.phone_problems(regclass, integer)'::regprocedure),
        ('plan_changes', 'customer_identity.plan_changes(regclass, integer, uuid)'::regprocedure),
        ('merge_preview', 'customer_identity.merge_preview(uuid, uuid, regclass)'::regprocedure),
        ('merge_customers', 'customer_identity.merge_customers(uuid, uuid, text, text, regclass)'::regprocedure),
        ('current_customer', 'customer_identity.current_customer(uuid, regclass)'::regprocedure),
        ('unmerge_customers', 'customer_identity.unmerge_customers(bigint, text, text, regclass)'::regprocedure),
        ('add_phone', 'customer_identity.add_phone(uuid, text, text, text, text, regclass)'::regprocedure),
        ('change_phone', 'customer_identity.change_phone(uuid, text, text, boolean, text, text, regclass)'::regprocedure),
        ('confirm_holder', 'customer_identity.confirm_holder(uuid, text, text, text, regclass)'::regprocedure),
        ('release_phone', 'customer_identity.release_phone(uuid, text, timestamptz, text, text, regclass)'::regprocedure),
        ('set_phone_rule', 'customer_identity.set_phone_rule(text, text, text, text, text, regclass)'::regprocedure),
        ('migrate_phones', 'customer_identity.migrate_phones(regclass, boolean)'::regprocedure),
        ('split_customer', 'customer_identity.split_customer(uuid, text[], jsonb, text, text, text, text, regclass)'::regprocedure),
        ('phone_suspects', 'customer_identity.phone_suspects(integer, regclass)'::regprocedure),
        ('duplicate_customers', 'customer_identity.duplicate_customers(numeric, integer, text, regclass)'::regprocedure),
        ('dismiss_duplicate', 'customer_identity.dismiss_duplicate(uuid, uuid, text, text, regclass)'::regprocedure),
        ('why_linked', 'customer_identity.why_linked(regclass, text, regclass)'::regprocedure),
        ('export_customer', 'customer_identity.export_customer(uuid, regclass)'::regprocedure),
        ('erase_preview', 'customer_identity.erase_preview(uuid, regclass)'::regprocedure),
        ('erase_customer', 'customer_identity.erase_customer(uuid, boolean, text, text, regclass)'::regprocedure)
    ) AS v (name, routine) LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %s', made.routine, owner);
        IF NOT EXISTS (
            SELECT FROM pg_proc AS p
            WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND p.proname = 'released_' || made.name
        ) THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s WITH GRANT OPTION', made.routine, extension_owner);
        END IF;
        FOR given IN
            SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS to_whom, a.is_grantable
            FROM pg_proc AS p
            CROSS JOIN LATERAL aclexplode(p.proacl) AS a
            WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND p.proname = 'released_' || made.name
                AND a.grantee <> p.proowner
        LOOP
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s %s', made.routine, given.to_whom,
                CASE WHEN given.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END);
        END LOOP;
        -- GRANT cannot say who granted, and only he could revoke it; and in a script it means what the extension gives
        -- by itself, which no dump has.
        UPDATE pg_proc AS p
        SET proacl = r.proacl
        FROM pg_proc AS r
        WHERE p.oid = made.routine AND r.pronamespace = 'customer_identity_internal'::regnamespace
            AND r.proname = 'released_' || made.name AND r.proowner = p.proowner;
        UPDATE pg_init_privs AS i
        SET initprivs = o.initprivs
        FROM pg_init_privs AS o
        JOIN pg_proc AS r ON r.oid = o.objoid
        WHERE i.objoid = made.routine AND i.classoid = 'pg_proc'::regclass AND o.classoid = 'pg_proc'::regclass
            AND r.pronamespace = 'customer_identity_internal'::regnamespace AND r.proname = 'released_' || made.name;
    END LOOP;
END
$$;
DROP ROUTINE
    customer_identity_internal.released_make_customers,
    customer_identity_internal.released_make_book,
    customer_identity_internal.released_create_tables,
    customer_identity_internal.released_table_of_argument,
    customer_identity_internal.released_order_amount,
    customer_identity_internal.released_order_points,
    customer_identity_internal.released_totals_query,
    customer_identity_internal.released_totals_differences,
    customer_identity_internal.released_customer_history_as_owner,
    customer_identity_internal.released_key_column,
    customer_identity_internal.released_require_attachable,
    customer_identity_internal.released_attach_users_to,
    customer_identity_internal.released_attach_users,
    customer_identity_internal.released_create_totals_triggers,
    customer_identity_internal.released_attach_orders_to,
    customer_identity_internal.released_attach_orders,
    customer_identity_internal.released_backfill_pages,
    customer_identity_internal.released_backfill_steps,
    customer_identity_internal.released_phone_problems,
    customer_identity_internal.released_customer_stats_as_owner,
    customer_identity_internal.released_fraud_signals_as_owner,
    customer_identity_internal.released_most_wrong_answers,
    customer_identity_internal.released_start_verification_as_owner,
    customer_identity_internal.released_check_verification_as_owner,
    customer_identity_internal.released_cancel_verification_as_owner,
    customer_identity_internal.released_claim_messages_as_owner,
    customer_identity_internal.released_message_sent_as_owner,
    customer_identity_internal.released_message_failed_as_owner,
    customer_identity_internal.released_purge_verifications_as_owner,
    customer_identity_internal.released_read_search,
    customer_identity_internal.released_search_condition,
    customer_identity_internal.released_users_up_to,
    customer_identity_internal.released_filter_condition,
    customer_identity_internal.released_customers_query,
    customer_identity_internal.released_list_customers_as_owner,
    customer_identity_internal.released_row_object,
    customer_identity_internal.released_open_claim,
    customer_identity_internal.released_customer_details_as_owner,
    customer_identity_internal.released_customer_users_as_owner,
    customer_identity_internal.released_orders_query,
    customer_identity_internal.released_order_condition,
    customer_identity_internal.released_customer_orders_as_owner,
    customer_identity_internal.released_visible_orders_as_owner,
    customer_identity_internal.released_update_customer_as_owner,
    customer_identity_internal.released_expected_triggers,
    customer_identity_internal.released_check_columns,
    customer_identity_internal.released_check_users_of_orders,
    customer_identity_internal.released_check_rows,
    customer_identity_internal.released_check_sms_as_owner;

-- The workings belong to whom the rest belongs to, and are executed by nobody but PUBLIC or the extension's owner.
DO $$
DECLARE
    owner constant regrole := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'customer_identity.normalize_phone(text, text)'::regprocedure);
    extension_owner constant regrole := (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'customer_identity');
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT p.oid::regprocedure AS routine, a.grantee::regrole AS grantee
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS a
        WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND a.grantee <> 0 AND a.grantee <> p.proowner
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s CASCADE', one.routine, one.grantee);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure AS routine
        FROM pg_proc AS p
        WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND p.proowner <> owner
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %s', one.routine, owner);
    END LOOP;
    FOR one IN
        SELECT CASE i.type WHEN 'composite type' THEN 'type' ELSE i.type END AS type, i.identity
        FROM pg_depend AS d
        JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
        WHERE e.extname = 'customer_identity' AND d.deptype = 'e'
            AND (i.schema = 'customer_identity_internal' AND i.type IN ('composite type', 'view') OR i.type = 'language')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO %s', one.type, one.identity, owner);
    END LOOP;
    EXECUTE format('ALTER SCHEMA customer_identity_internal OWNER TO %s', owner);
    -- As an installation grants, in its order: what the owner had with the option to grant it is his without.
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA customer_identity_internal FROM %s', owner);
    EXECUTE format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO %s', owner);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA customer_identity_internal FROM %s', extension_owner);
    EXECUTE format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO %s', extension_owner);
END
$$;

-- Only a superuser may make an event trigger; a trusted update runs as one. Its tags cannot be changed: it is made anew,
-- and whether it fires stays as it is.
DO $$
DECLARE
    owner constant regrole := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'customer_identity.normalize_phone(text, text)'::regprocedure);
    enabled "char";
    name text;
BEGIN
    SELECT e.evtenabled INTO enabled
    FROM pg_event_trigger AS e
    JOIN pg_depend AS d ON d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'
    WHERE e.evtname = 'customer_identity_follow_renames';
    IF FOUND THEN
        DROP EVENT TRIGGER customer_identity_follow_renames;
    END IF;
    CREATE EVENT TRIGGER customer_identity_follow_renames ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.follow_renames();
    COMMENT ON EVENT TRIGGER customer_identity_follow_renames IS
        'Keeps the arguments of customer_identity''s triggers in step with renamed columns and tables';
    IF enabled <> 'O' THEN
        EXECUTE format('ALTER EVENT TRIGGER customer_identity_follow_renames %s',
            CASE enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END);
    END IF;
    CREATE EVENT TRIGGER customer_identity_recount_altered ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.recount_altered();
    COMMENT ON EVENT TRIGGER customer_identity_recount_altered IS
        'Counts the orders of customer_identity''s tables anew when ALTER TABLE has changed their amounts';
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = owner) THEN
        FOREACH name IN ARRAY '{customer_identity_follow_renames,customer_identity_recount_altered}'::text[] LOOP
            EXECUTE format('ALTER EVENT TRIGGER %I OWNER TO %s', name, owner);
        END LOOP;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'renamed columns will not be followed, nor altered ones counted anew: only a superuser can create event triggers';
END
$$;

-- Sessions keep the library that they have loaded. One that began before the new one was installed, whose time is known
-- to the second, may have an old one.
DO $$
DECLARE
    installed constant timestamptz := (
        SELECT (pg_stat_file(c.setting || '/customer_identity.so', true)).change FROM pg_config() AS c WHERE c.name = 'PKGLIBDIR');
    sessions constant bigint := (
        SELECT count(*) FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_start < installed + interval '1 second');
BEGIN
    IF sessions > 0 THEN
        RAISE WARNING 'sessions that may have loaded the library of an earlier version: %', sessions
            USING HINT = 'Let them connect anew: until then totals stay exact, but functions that are new to that library fail.';
    END IF;
END
$$;
