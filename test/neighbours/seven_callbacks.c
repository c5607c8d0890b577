/* A neighbour that takes seven of the ten relation-cache callbacks of a session, as large extensions do. */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static int callbacks = 0;

static void
look_away(Datum argument, Oid relation)
{
}

void
_PG_init(void)
{
	for (callbacks = 0; callbacks < 7; ++callbacks)
		CacheRegisterRelcacheCallback(look_away, (Datum) 0);
	DefineCustomIntVariable("seven_callbacks.registered", "How many callbacks it has", NULL, &callbacks, callbacks, 0, 7,
							PGC_INTERNAL, 0, NULL, NULL, NULL);
}
