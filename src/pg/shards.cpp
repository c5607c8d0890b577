// Asks Citus' catalogs by SQL, and keeps the answers until the relations change.
#include "pg/shards.hpp"

#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/relation_cache.hpp"
#include "pg/relations.hpp"
#include "pg/set_for_now.hpp"

namespace customer_identity {
namespace {

// Which relation a shard is follows from its table and its name.
#define NAME_OF(shard) "pg_catalog.shard_name(" shard ".logicalrelid, " shard ".shardid)"

// Elsewhere another table may have the name that the shard has here.
#define IS_HERE(shard)                                                                      \
  "EXISTS (SELECT FROM pg_catalog.pg_dist_placement AS l"                                   \
  " JOIN pg_catalog.pg_dist_local_group AS g ON g.groupid OPERATOR(pg_catalog.=) l.groupid" \
  " WHERE l.shardid OPERATOR(pg_catalog.=) " shard ".shardid)"

// Rows of a table of that name are in one shard a distribution value, or in one alone.
#define HAS_SHARDS "repmodel OPERATOR(pg_catalog.<>) 't'"

// IS NOT DISTINCT FROM would look for its operator by the path of who calls.
#define ARE_SAME(one, other) \
  "(" one " OPERATOR(pg_catalog.=) " other " OR " one " IS NULL AND " other " IS NULL)"

// Every node has a copy of it.
#define IS_COPIED "repmodel OPERATOR(pg_catalog.=) 't'"

bool has_citus() {
  static std::uint64_t looked_at = 0;  // the changes that are taken into account
  static bool found = false;
  if (looked_at == change_count() + 1) return found;
  found = OidIsValid(get_relname_relid("pg_dist_shard", PG_CATALOG_NAMESPACE));
  looked_at = change_count() + 1;
  return found;
}

// Whoever calls need not be allowed to look into the schema. The name comes without it where that
// is public, and InvalidOid if the shard is on another node.
Oid shard_named(Oid table, const char *name) {
  List *parts;
  if (!SplitIdentifierString(pstrdup(name), '.', &parts) || parts == NIL) return InvalidOid;
  return get_relname_relid(static_cast<char *>(llast(parts)), get_rel_namespace(table));
}

struct Named {
  Oid table;  // InvalidOid: there is none
  Oid shard;
};

// The table and the name of a shard in a row of the last statement.
Named named_in(HeapTuple row, int first_column) {
  bool is_null;
  const Datum table = SPI_getbinval(row, SPI_tuptable->tupdesc, first_column, &is_null);
  const char *name = SPI_getvalue(row, SPI_tuptable->tupdesc, first_column + 1);
  if (is_null || name == nullptr) return {};
  return {DatumGetObjectId(table), shard_named(DatumGetObjectId(table), name)};
}

// What a statement's first row names.
Named find(const char *statement, std::initializer_list<Oid> types, const Datum *values) {
  SPI_connect();
  SPIPlanPtr plan = custom_plan(statement, types);
  const bool is_found = run_on_latest(plan, values) > 0;
  const Named found = is_found ? named_in(SPI_tuptable->vals[0], 1) : Named{};
  SPI_finish();
  return found;
}

bool has_rows(const char *statement, std::initializer_list<Oid> types, const Datum *values) {
  SPI_connect();
  const bool result = run_on_latest(custom_plan(statement, types), values) > 0;
  SPI_finish();
  return result;
}

struct Distribution {
  bool is_distributed;
};

struct Shard {
  std::int64_t id;  // 0: the name is no shard's
  Oid table;        // InvalidOid: it is no shard
};

// An answer that may be known only later than the relations are: there is none until then, and it
// is asked for again when anything has changed.
struct Answer {
  Oid relation;
  std::uint64_t asked_at;
};

template <typename Ask>
Oid asked(Answer &answer, Ask &&ask) {
  if (!OidIsValid(answer.relation) && answer.asked_at != change_count() + 1) {
    answer.relation = ask();
    answer.asked_at = change_count() + 1;
  }
  return answer.relation;
}

// A shard's name ends in its number; 0: this one does not.
std::int64_t number_in_name(Oid relation) {
  const char *name = get_rel_name(relation);
  const char *number = name == nullptr ? nullptr : strrchr(name, '_');
  constexpr std::size_t kMaximumDigits = 18;
  if (number == nullptr || number[1] == '\0' || strlen(number + 1) > kMaximumDigits ||
      number[1 + strspn(number + 1, "0123456789")] != '\0')
    return 0;
  return strtoll(number + 1, nullptr, 10);
}

Oid find_table_of(std::int64_t shard, Oid relation) {
  const Datum values[] = {Int64GetDatum(shard)};
  const Named found = find("SELECT s.logicalrelid, " NAME_OF("s")
                           " FROM pg_catalog.pg_dist_shard AS s"
                           " WHERE s.shardid OPERATOR(pg_catalog.=) $1 AND " IS_HERE("s"),
                           {INT8OID}, values);
  return found.shard == relation ? found.table : InvalidOid;
}

Shard shard_of(Oid relation) {
  struct Kept {
    std::int64_t number;
    Answer table;
  };
  auto *shard = kept<Kept>(
      {relation}, [&](Kept &value, Reading &) { value.number = number_in_name(relation); });
  if (shard->number == 0) return {};
  return {shard->number,
          asked(shard->table, [&] { return find_table_of(shard->number, relation); })};
}

Oid find_beside(const Shard &shard, Oid table) {
  const Datum values[] = {Int64GetDatum(shard.id), ObjectIdGetDatum(table)};
  return find("SELECT o.logicalrelid, " NAME_OF("o")
              " FROM pg_catalog.pg_dist_shard AS s"
              " JOIN pg_catalog.pg_dist_partition AS p"
              " ON p.logicalrelid OPERATOR(pg_catalog.=) s.logicalrelid"
              " JOIN pg_catalog.pg_dist_partition AS q"
              " ON (q.colocationid OPERATOR(pg_catalog.=) p.colocationid"
              " AND q.partmethod OPERATOR(pg_catalog.=) p.partmethod AND q." HAS_SHARDS
              ") OR q." IS_COPIED
              " JOIN pg_catalog.pg_dist_shard AS o"
              " ON o.logicalrelid OPERATOR(pg_catalog.=) q.logicalrelid"
              " AND (q." IS_COPIED
              " OR " ARE_SAME("o.shardminvalue", "s.shardminvalue") " AND "
              ARE_SAME("o.shardmaxvalue", "s.shardmaxvalue") ")"
              " WHERE s.shardid OPERATOR(pg_catalog.=) $1"
              " AND q.logicalrelid OPERATOR(pg_catalog.=) $2",
              {INT8OID, OIDOID}, values)
      .shard;
}

// Of a table that has one shard alone.
struct OnlyShard {
  std::int64_t id;  // 0: it has several, or none
  Oid here;         // InvalidOid: another node has it
};

void read_only_shard(OnlyShard &only, Oid table) {
  SPI_connect();
  const Datum values[] = {ObjectIdGetDatum(table)};
  SPIPlanPtr plan = custom_plan(
      "SELECT s.shardid, s.logicalrelid, CASE WHEN " IS_HERE("s") " THEN " NAME_OF("s") " END"
      " FROM pg_catalog.pg_dist_shard AS s JOIN pg_catalog.pg_dist_partition AS p"
      " ON p.logicalrelid OPERATOR(pg_catalog.=) s.logicalrelid"
      " WHERE p.logicalrelid OPERATOR(pg_catalog.=) $1"
      " AND p.partmethod OPERATOR(pg_catalog.=) 'n' AND p." HAS_SHARDS,
      {OIDOID});
  if (run_on_latest(plan, values) == 1) {
    HeapTuple row = SPI_tuptable->vals[0];
    bool is_null;
    only.id = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));
    only.here = named_in(row, 2).shard;
  }
  SPI_finish();
}

const OnlyShard &only_shard_of(Oid table) {
  return *kept<OnlyShard>({table},
                          [&](OnlyShard &only, Reading &) { read_only_shard(only, table); });
}

// As the table's owner, who alone may. What moves a shard holds the lock alone, on every node,
// until the others know where it is now.
void keep_from_moving(Oid table, std::int64_t shard) {
  const Actor before = act_as(owner_of(table));
  SPI_connect();
  const Datum values[] = {Int32GetDatum(ShareLock), Int64GetDatum(shard)};
  run(custom_plan("SELECT pg_catalog.lock_shard_metadata($1, ARRAY[$2])", {INT4OID, INT8OID}),
      values);
  SPI_finish();
  act_again_as(before);
  AcceptInvalidationMessages();
}

}  // namespace

bool is_distributed(Oid relation) {
  if (!has_citus()) return false;
  return kept<Distribution>({relation},
                            [&](Distribution &result, Reading &) {
                              const Datum values[] = {ObjectIdGetDatum(relation)};
                              result.is_distributed = has_rows(
                                  "SELECT FROM pg_catalog.pg_dist_partition AS p"
                                  " WHERE p.logicalrelid OPERATOR(pg_catalog.=) $1",
                                  {OIDOID}, values);
                            })
      ->is_distributed;
}

Oid copy_here(Oid table) {
  if (!OidIsValid(table) || !is_distributed(table)) return table;
  struct Copy {
    Answer shard;
  };
  auto *copy = kept<Copy>({table}, [](Copy &, Reading &) {});
  const Oid shard = asked(copy->shard, [&] {
    const Datum values[] = {ObjectIdGetDatum(table)};
    return find("SELECT s.logicalrelid, " NAME_OF("s")
                " FROM pg_catalog.pg_dist_shard AS s JOIN pg_catalog.pg_dist_partition AS p"
                " ON p.logicalrelid OPERATOR(pg_catalog.=) s.logicalrelid AND p." IS_COPIED
                " WHERE p.logicalrelid OPERATOR(pg_catalog.=) $1 AND " IS_HERE("s"),
                {OIDOID}, values)
        .shard;
  });
  return OidIsValid(shard) ? shard : table;
}

bool is_shard(Oid relation) { return has_citus() && OidIsValid(shard_of(relation).table); }

Oid logical_table(Oid relation) {
  const Oid table = has_citus() ? shard_of(relation).table : InvalidOid;
  return OidIsValid(table) ? table : relation;
}

Oid table_beside(Oid relation, Oid table) {
  if (!is_shard(relation) || !OidIsValid(table)) return table;
  struct Beside {
    Answer shard;
  };
  auto *beside = kept<Beside>({relation, table},
                              [&](Beside &, Reading &reading) { depend_on(reading, table); });
  const Oid shard = asked(beside->shard, [&] { return find_beside(shard_of(relation), table); });
  return OidIsValid(shard) ? shard : table;
}

Oid shard_to_read(Oid table) {
  if (!has_citus()) return table;
  const OnlyShard &only = only_shard_of(table);
  return OidIsValid(only.here) ? only.here : table;
}

Oid shard_to_write(Oid table) {
  const Oid shard = shard_to_read(table);
  if (shard == table) return table;
  require_schema(table);
  keep_from_moving(table, only_shard_of(table).id);
  if (!is_elsewhere(table)) return shard_to_read(table);
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
          errmsg("the book has just moved to another node"), errhint("Retry the transaction."));
  pg_unreachable();
}

bool is_elsewhere(Oid table) {
  if (!has_citus()) return false;
  const OnlyShard &only = only_shard_of(table);
  return only.id != 0 && !OidIsValid(only.here);
}

bool is_in_citus_statement() {
  return has_citus() && application_name != nullptr &&
         strncmp(application_name, "citus_internal", strlen("citus_internal")) == 0;
}

void open_shards() {
  if (!has_citus() || IsInParallelMode()) return;
  set_for_now("citus.enable_manual_changes_to_shards", "on");
  set_for_now("citus.show_shards_for_app_name_prefixes", "*");
}

}  // namespace customer_identity
