// Chooses how user ids of two types are compared.
#include "book/user_id.hpp"

namespace customer_identity {
namespace {

bool is_text(Oid type) { return type == TEXTOID || type == VARCHAROID || type == BPCHAROID; }

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

bool is_number(Oid type) { return is_integer(type) || type == NUMERICOID; }

// As the server writes it: proofs know a login by that text, and another spelling is another id.
bool is_written_uuid(const char *text) {
  if (strlen(text) != 36) return false;
  for (int i = 0; i < 36; ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == nullptr) return false;
  }
  return true;
}

bool is_written_integer(const char *text) {
  const bool is_negative = text[0] == '-';
  const char *digits = text + (is_negative ? 1 : 0);
  const std::size_t length = strlen(digits);
  return length > 0 && strspn(digits, "0123456789") == length &&
         (digits[0] != '0' || (length == 1 && !is_negative));
}

constexpr std::size_t kMaximumInteger = 18;  // characters that bigint holds in any case

Oid equality_in(Oid type) { return lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr; }

// A type may have no default way to compare it: then it is `otherwise`.
const char *operator_name(Oid operator_id, const char *otherwise) {
  HeapTuple row = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator_id));
  if (!HeapTupleIsValid(row)) return otherwise;
  const auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(row));
  const char *schema = quote_identifier(get_namespace_name(form->oprnamespace));
  const char *name = psprintf("OPERATOR(%s.%s)", schema, NameStr(form->oprname));
  ReleaseSysCache(row);
  return name;
}

const char *equality_of(Oid type) {
  return operator_name(equality_in(type), "OPERATOR(pg_catalog.=)");
}

}  // namespace

const char *equals_user_id(const char *column, Oid column_type, Oid source, const char *parameter) {
  const char *name = quote_identifier(column);
  const char *target = nullptr;
  if (is_text(column_type) && is_text(source))
    target = "pg_catalog.text";
  else if (is_integer(column_type) && is_integer(source))
    target = "pg_catalog.int8";
  else if (is_number(column_type) && is_number(source))
    target = "pg_catalog.numeric";
  else if (column_type == source && OidIsValid(equality_in(source)))
    target =
        format_type_extended(source, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
  if (target == nullptr)
    return psprintf("CAST(%s AS pg_catalog.text) OPERATOR(pg_catalog.=) %s", name, parameter);
  return psprintf("%s %s CAST(%s AS %s)", name, equality_of(column_type), parameter, target);
}

Oid type_of_user_id(const char *text, Oid column_type) {
  if (column_type == UUIDOID) return is_written_uuid(text) ? UUIDOID : InvalidOid;
  if (!is_integer(column_type)) return TEXTOID;
  if (!is_written_integer(text)) return InvalidOid;
  return strlen(text) <= kMaximumInteger ? column_type : TEXTOID;
}

Oid comparable_type(Oid type) {
  if (type == TEXTOID || type == VARCHAROID) return TEXTOID;
  return is_integer(type) || type == UUIDOID ? type : InvalidOid;
}

CUSTOMER_IDENTITY_FUNCTION(less_of) {
  const Oid less = lookup_type_cache(PG_GETARG_OID(0), TYPECACHE_LT_OPR)->lt_opr;
  PG_RETURN_TEXT_P(cstring_to_text(operator_name(less, "OPERATOR(pg_catalog.<)")));
}

CUSTOMER_IDENTITY_FUNCTION(equality_of) {
  PG_RETURN_TEXT_P(cstring_to_text(equality_of(PG_GETARG_OID(0))));
}

}  // namespace customer_identity
