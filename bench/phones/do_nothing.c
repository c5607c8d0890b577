// What a call from SQL costs by itself: takes what normalize_phone takes, and does nothing.
// Built by bench/phones/run; no part of the extension.
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(do_nothing);

Datum do_nothing(PG_FUNCTION_ARGS) { PG_RETURN_NULL(); }
