// Chooses how user ids of two types are compared.
#include "book/user_id.hpp"

namespace customer_identity {
namespace {

bool is_text(Oid type) { return type == TEXTOID || type == VARCHAROID || type == BPCHAROID; }

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

bool is_number(Oid type) { return is_integer(type) || type == NUMERICOID; }

bool looks_like_uuid(const char *text) {
  if (strlen(text) != 36) return false;
  for (int i = 0; i < 36; ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

bool looks_like_integer(const char *text) {
  const std::size_t length = strlen(text);
  return length > 0 && length <= 18 && strspn(text, "0123456789") == length;
}

Oid equality_in(Oid type) { return lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr; }

// A type may have no default way to compare it.
const char *equality_of(Oid type) {
  HeapTuple row = SearchSysCache1(OPEROID, ObjectIdGetDatum(equality_in(type)));
  if (!HeapTupleIsValid(row)) return "OPERATOR(pg_catalog.=)";
  const auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(row));
  const char *schema = quote_identifier(get_namespace_name(form->oprnamespace));
  const char *equality = psprintf("OPERATOR(%s.%s)", schema, NameStr(form->oprname));
  ReleaseSysCache(row);
  return equality;
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
  if (column_type == UUIDOID && looks_like_uuid(text)) return UUIDOID;
  if (is_integer(column_type) && looks_like_integer(text)) return column_type;
  return TEXTOID;
}

Oid comparable_type(Oid type) {
  if (type == TEXTOID || type == VARCHAROID) return TEXTOID;
  return is_integer(type) || type == UUIDOID ? type : InvalidOid;
}

CUSTOMER_IDENTITY_FUNCTION(equality_of) {
  PG_RETURN_TEXT_P(cstring_to_text(equality_of(PG_GETARG_OID(0))));
}

}  // namespace customer_identity
