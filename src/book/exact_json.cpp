// exact_json, exact_text: values as they are written into records, the same in every session.
#include "pg/postgres.hpp"
#include "pg/set_for_now.hpp"

namespace customer_identity {
namespace {

struct Setting {
  const char *name;
  const char *value;
};
constexpr Setting kExact[] = {{"TimeZone", "UTC"},
                              {"DateStyle", "ISO, MDY"},
                              {"IntervalStyle", "postgres"},
                              {"extra_float_digits", "1"},
                              {"bytea_output", "hex"}};

// Most keys are of these, and no setting changes them.
bool is_always_exact(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID || type == TEXTOID ||
         type == VARCHAROID || type == UUIDOID || type == NUMERICOID || type == BOOLOID;
}

// For the call alone: what triggers of the application write follows the session's own settings.
template <typename Make>
Datum with_exact_settings(Make &&make) {
  const int settings = NewGUCNestLevel();
  for (const Setting &setting : kExact) set_for_now(setting.name, setting.value);
  const Datum value = make();
  AtEOXact_GUC(false, settings);
  return value;
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(exact_json) {
  if (is_always_exact(get_fn_expr_argtype(fcinfo->flinfo, 0))) return to_jsonb(fcinfo);
  return with_exact_settings([&] { return to_jsonb(fcinfo); });
}

// By the type's own output function, whatever casts it has.
CUSTOMER_IDENTITY_FUNCTION(exact_text) {
  Oid output;
  bool is_varlena;
  getTypeOutputInfo(get_fn_expr_argtype(fcinfo->flinfo, 0), &output, &is_varlena);
  return with_exact_settings(
      [&] { return CStringGetTextDatum(OidOutputFunctionCall(output, PG_GETARG_DATUM(0))); });
}

}  // namespace customer_identity
