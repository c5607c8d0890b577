// Shows SQL the columns that a customers table has to have.
#include "book/customers_columns.hpp"

namespace customer_identity {
namespace {

Datum types_of(const CustomersColumn &column) {
  Datum types[lengthof(column.types)];
  int count = 0;
  for (const Oid type : column.types)
    if (OidIsValid(type)) types[count++] = ObjectIdGetDatum(type);
  return PointerGetDatum(
      construct_array(types, count, REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(customers_columns) {
  InitMaterializedSRF(fcinfo, 0);
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  for (const CustomersColumn &column : kCustomersColumns) {
    Datum values[] = {CStringGetTextDatum(column.name), types_of(column),
                      CStringGetTextDatum(column.definition)};
    bool nulls[lengthof(values)] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
  PG_RETURN_NULL();
}

}  // namespace customer_identity
