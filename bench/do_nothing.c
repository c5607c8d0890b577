// What a call from SQL and a trigger cost by themselves. Built by the benchmarks; no part of the extension.
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

// Takes what normalize_phone takes.
PG_FUNCTION_INFO_V1(do_nothing);
Datum do_nothing(PG_FUNCTION_ARGS) { PG_RETURN_NULL(); }

// A trigger of any kind that lets the row pass as it is.
PG_FUNCTION_INFO_V1(do_nothing_trigger);
Datum do_nothing_trigger(PG_FUNCTION_ARGS)
{
    TriggerData *call = (TriggerData *)fcinfo->context;
    return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(call->tg_event) ? call->tg_newtuple : call->tg_trigtuple);
}
