// A trigger of any kind that lets the row pass as it is: what one costs by itself. Built by
// bench/totals/run.py; no part of the extension.
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(do_nothing);

Datum do_nothing(PG_FUNCTION_ARGS)
{
    TriggerData *call = (TriggerData *)fcinfo->context;
    return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(call->tg_event) ? call->tg_newtuple : call->tg_trigtuple);
}
