// Classifies types by their category, domains looked through.
#include "book/column_types.hpp"

namespace customer_identity {
namespace {

char category_of(Oid type) {
  char category;
  bool is_preferred;
  get_type_category_preferred(type, &category, &is_preferred);
  return category;
}

// numeric(precision, scale) writes ".00" behind the digits of a phone, or rounds them.
bool has_scale(std::int32_t typmod) {
  return typmod >= static_cast<std::int32_t>(VARHDRSZ) && ((typmod - VARHDRSZ) & 0x7FF) != 0;
}

// There may be one for phones among them.
bool is_of_extension(Oid type) {
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(row)) return false;
  const auto *form = reinterpret_cast<Form_pg_type>(GETSTRUCT(row));
  const bool result = form->typtype == TYPTYPE_BASE && form->typcategory == TYPCATEGORY_USER &&
                      form->typnamespace != PG_CATALOG_NAMESPACE;
  ReleaseSysCache(row);
  return result;
}

// Any number can be cast to regtype.
bool is_type(Oid type) { return SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)); }

}  // namespace

bool holds_phone(Oid type, std::int32_t typmod) {
  const Oid base = getBaseTypeAndTypmod(type, &typmod);
  if (base == NUMERICOID) return !has_scale(typmod);
  return base == INT8OID || category_of(base) == TYPCATEGORY_STRING || is_of_extension(base);
}

bool holds_region(Oid type) {
  const char category = category_of(getBaseType(type));
  return category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM;
}

CUSTOMER_IDENTITY_FUNCTION(holds_phone) {
  const Oid type = PG_GETARG_OID(0);
  if (!is_type(type)) PG_RETURN_NULL();
  PG_RETURN_BOOL(holds_phone(type, PG_GETARG_INT32(1)));
}

CUSTOMER_IDENTITY_FUNCTION(holds_region) {
  const Oid type = PG_GETARG_OID(0);
  if (!is_type(type)) PG_RETURN_NULL();
  PG_RETURN_BOOL(holds_region(type));
}

CUSTOMER_IDENTITY_FUNCTION(base_type) {
  const Oid type = PG_GETARG_OID(0);
  if (!is_type(type)) PG_RETURN_NULL();
  PG_RETURN_OID(getBaseType(type));
}

}  // namespace customer_identity
