// Knows the limits by the names of arguments, so that a function added later has them as well.
#include "pg/given_text.hpp"

namespace customer_identity {
namespace {

constexpr int kMaximumShown = 64;

// A cursor holds a value that was sorted by, changes the notes of a customer. Ids and keys are
// indexed. A list counts as a whole.
constexpr TextLimit kLimits[] = {
    kActor,
    kIdempotencyKey,
    kMethod,
    kReason,
    kRegion,
    kStyle,
    kUserId,
    {"after", 100000},
    {"changes", 100000},
    {"customer_column", NAMEDATALEN - 1},
    {"default_region", 100},
    {"filters", 10000},
    {"key", 2000},
    {"orders", 1000000},
    {"provider_id", 500},
    {"purpose", 200},
    {"rule", 100},
    {"schema_name", NAMEDATALEN - 1},
    {"search", 1000},
    {"sort", 100},
    {"user_ids", 100000},
};

const TextLimit *limit_of(const char *argument) {
  for (const TextLimit &limit : kLimits)
    if (strcmp(limit.argument, argument) == 0) return &limit;
  return nullptr;
}

[[noreturn]] void too_long(const TextLimit &limit) {
  ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is too long", limit.argument),
          errdetail("The maximum is %d bytes.", limit.bytes),
          errhint("Shorten it, or keep it in a table of your own."));
  pg_unreachable();
}

void require_limit(const TextLimit &limit, Datum value) {
  if (toast_raw_datum_size(value) - VARHDRSZ > static_cast<Size>(limit.bytes)) too_long(limit);
}

}  // namespace

const char *text_argument(FunctionCallInfo fcinfo, int index, const TextLimit &limit) {
  if (PG_ARGISNULL(index)) return nullptr;
  require_limit(limit, PG_GETARG_DATUM(index));
  return TextDatumGetCString(PG_GETARG_DATUM(index));
}

std::string_view long_text_in_place(FunctionCallInfo fcinfo, int index, const TextLimit &limit) {
  require_limit(limit, PG_GETARG_DATUM(index));
  const text *value = PG_GETARG_TEXT_PP(index);
  return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

const char *cut_argument(FunctionCallInfo fcinfo, int index, int characters) {
  if (PG_ARGISNULL(index)) return nullptr;
  const text *start =
      PG_GETARG_TEXT_P_SLICE(index, 0, characters * pg_database_encoding_max_length());
  const int length =
      pg_mbcharcliplen(VARDATA_ANY(start), static_cast<int>(VARSIZE_ANY_EXHDR(start)), characters);
  return pnstrdup(VARDATA_ANY(start), length);
}

// A table may be passed by a name that is a text elsewhere: orders.
void require_limits(FunctionCallInfo fcinfo) {
  HeapTuple function = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
  if (!HeapTupleIsValid(function)) return;
  bool unnamed;
  const Datum names = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proargnames, &unnamed);
  bool all_are_inputs;
  const Datum modes = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proargmodes, &all_are_inputs);
  char **arguments = nullptr;
  const int count =
      unnamed ? 0 : get_func_input_arg_names(names, all_are_inputs ? Datum(0) : modes, &arguments);
  const Oid *types = reinterpret_cast<Form_pg_proc>(GETSTRUCT(function))->proargtypes.values;
  for (int i = 0; i < count && i < fcinfo->nargs; ++i) {
    const TextLimit *limit = arguments[i] == nullptr ? nullptr : limit_of(arguments[i]);
    if (limit == nullptr || PG_ARGISNULL(i) || get_typlen(types[i]) != -1) continue;
    require_limit(*limit, PG_GETARG_DATUM(i));
  }
  ReleaseSysCache(function);
}

const char *shown(std::string_view given) {
  const int length = static_cast<int>(given.size());
  const int kept = pg_mbcharcliplen(given.data(), length, kMaximumShown);
  return psprintf("%.*s%s", kept, given.data(), kept < length ? "..." : "");
}

// require_limit(argument, value): the same for functions that are written in SQL.
CUSTOMER_IDENTITY_FUNCTION(require_limit) {
  const TextLimit *limit = limit_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
  if (limit != nullptr) {
    require_limit(*limit, PG_GETARG_DATUM(1));
    PG_RETURN_VOID();
  }
  ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
          errmsg("an argument of that name has no limit"),
          errhint("docs/reference.md lists the texts that have one."));
  pg_unreachable();
}

// What arguments of this name may have in bytes; NULL: nothing is set.
CUSTOMER_IDENTITY_FUNCTION(text_limit) {
  const TextLimit *limit = limit_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
  if (limit == nullptr) PG_RETURN_NULL();
  PG_RETURN_INT32(limit->bytes);
}

CUSTOMER_IDENTITY_FUNCTION(shown) {
  const text *given = PG_GETARG_TEXT_PP(0);
  PG_RETURN_TEXT_P(cstring_to_text(
      shown({VARDATA_ANY(given), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(given))})));
}

}  // namespace customer_identity
