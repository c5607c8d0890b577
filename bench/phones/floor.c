// What a call from SQL costs by itself, and what any function that reads a phone has to do: both take
// what normalize_phone takes. Built by bench/phones/run; no part of the extension.
#include "postgres.h"

#include <time.h>

#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(do_nothing);
PG_FUNCTION_INFO_V1(copy_digits);
PG_FUNCTION_INFO_V1(processor_ns);

Datum do_nothing(PG_FUNCTION_ARGS) { PG_RETURN_NULL(); }

// Reads both arguments and returns the digits of the first.
Datum copy_digits(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  const text *phone = PG_GETARG_TEXT_PP(0);
  const text *region = PG_GETARG_TEXT_PP(1);
  if (VARSIZE_ANY_EXHDR(region) > 2) PG_RETURN_NULL();

  const char *from = VARDATA_ANY(phone);
  const int size = VARSIZE_ANY_EXHDR(phone);
  text *copy = palloc(VARHDRSZ + size);
  char *to = VARDATA(copy);
  for (int at = 0; at < size; ++at) {
    *to = from[at];
    to += from[at] >= '0' && from[at] <= '9';
  }
  SET_VARSIZE(copy, to - (char *)copy);
  PG_RETURN_TEXT_P(copy);
}

// The processor time that this session has used.
Datum processor_ns(PG_FUNCTION_ARGS) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  PG_RETURN_INT64(used.tv_sec * INT64CONST(1000000000) + used.tv_nsec);
}
