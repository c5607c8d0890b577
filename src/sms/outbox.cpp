// Claims messages, records what became of them and purges what has expired.
#include "sms/outbox.hpp"

#include "book/book.hpp"

namespace customer_identity::sms {
namespace {

struct Parameters {
  int count;
  Oid types[3];
  Datum values[3];
};

// The owner may be anybody, and so may the triggers and functions it has put into the way: they
// must neither outlast the statement (deferred triggers, open cursors, changed settings) nor leave
// their role. The process goes on as the superuser it is.
template <typename Use>
void query_as(Oid owner, const char *text, Parameters parameters, Use use) {
  Oid process;
  int security_context;
  GetUserIdAndSecContext(&process, &security_context);
  SetUserIdAndSecContext(owner, security_context | SECURITY_LOCAL_USERID_CHANGE |
                                    SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
  const int settings = NewGUCNestLevel();
  SPI_connect();
  SPI_execute_with_args(text, parameters.count, parameters.types, parameters.values, nullptr, false,
                        0);
  use();
  SPI_finish();
  AtEOXact_GUC(false, settings);
  SetUserIdAndSecContext(process, security_context);
}

void query_as(Oid owner, const char *text, const Parameters &parameters) {
  query_as(owner, text, parameters, [] {});
}

char *column(std::uint64_t row, int number) {
  return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);
}

const char *kept(const char *text, MemoryContext memory) {
  return MemoryContextStrdup(memory, text == nullptr ? "" : text);
}

const char *in_utf8(char *text) {
  return text == nullptr ? nullptr
                         : pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

}  // namespace

Oid outbox_owner() {
  const Oid extension = get_extension_oid("customer_identity", true);
  const Oid schema = get_namespace_oid("customer_identity", true);
  if (!OidIsValid(extension) || !OidIsValid(schema)) return InvalidOid;
  const Oid messages = get_relname_relid("sms_messages", schema);
  if (!OidIsValid(messages) || getExtensionOfObject(RelationRelationId, messages) != extension)
    return InvalidOid;
  return owner_of(messages);
}

int claim_messages(Oid owner, int maximum, int lease_seconds, ClaimedMessage *claimed,
                   MemoryContext memory) {
  const Parameters parameters = {
      2, {INT4OID, INT4OID}, {Int32GetDatum(maximum), Int32GetDatum(lease_seconds)}};
  int count = 0;
  query_as(owner,
           "SELECT message_id::bigint, phone::text, body::text"
           " FROM customer_identity.claim_messages($1, make_interval(secs => $2))",
           parameters, [&] {
             count = static_cast<int>(Min(SPI_processed, static_cast<std::uint64_t>(maximum)));
             for (int i = 0; i < count; ++i) {
               bool is_null;
               const Datum id =
                   SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
               claimed[i] = {is_null ? 0 : DatumGetInt64(id), kept(column(i, 2), memory),
                             kept(in_utf8(column(i, 3)), memory)};
             }
           });
  return count;
}

int time_to_next_message(Oid owner, int maximum) {
  const Parameters parameters = {1, {INT4OID}, {Int32GetDatum(maximum)}};
  int milliseconds = maximum;
  query_as(owner,
           "SELECT least(greatest(ceil(1000 * extract(epoch FROM min(m.next_attempt_at) -"
           " clock_timestamp())), 0), $1)::int4 FROM customer_identity.sms_messages AS m"
           " WHERE m.status = 'pending' AND m.expires_at > clock_timestamp()",
           parameters, [&] {
             bool is_null;
             const Datum value =
                 SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
             milliseconds = is_null ? maximum : DatumGetInt32(value);
           });
  return milliseconds;
}

void record_result(Oid owner, const Result &result) {
  const Outcome &outcome = result.outcome;
  const Datum id = Int64GetDatum(result.message_id);
  if (outcome.status == Status::kSent) {
    query_as(owner, "SELECT customer_identity.message_sent($1, $2)",
             {2, {INT8OID, TEXTOID}, {id, CStringGetTextDatum(outcome.provider_id)}});
    return;
  }
  query_as(
      owner, "SELECT customer_identity.message_failed($1, $2, $3)",
      {3,
       {INT8OID, TEXTOID, BOOLOID},
       {id, CStringGetTextDatum(outcome.error), BoolGetDatum(outcome.status == Status::kRefused)}});
}

void purge(Oid owner) {
  query_as(owner, "SELECT customer_identity.purge_verifications()", {0, {}, {}});
}

}  // namespace customer_identity::sms
