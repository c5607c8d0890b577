// Chooses how user ids of two types are compared.
#include "pg/user_id.hpp"

namespace customer_identity {
namespace {

bool is_text(Oid type) { return type == TEXTOID || type == VARCHAROID || type == BPCHAROID; }

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

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

}  // namespace

const char *equals_user_id(const char *column, Oid column_type, Oid source, const char *parameter) {
  const char *name = quote_identifier(column);
  const char *target = nullptr;
  if (is_text(column_type) && is_text(source))
    target = "pg_catalog.text";
  else if (is_integer(column_type) && is_integer(source))
    target = "pg_catalog.int8";
  else if (column_type == UUIDOID && source == UUIDOID)
    target = "pg_catalog.uuid";
  if (target == nullptr)
    return psprintf("CAST(%s AS pg_catalog.text) OPERATOR(pg_catalog.=) %s", name, parameter);
  return psprintf("%s OPERATOR(pg_catalog.=) CAST(%s AS %s)", name, parameter, target);
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

}  // namespace customer_identity
