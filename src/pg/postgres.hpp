// The one include of PostgreSQL's headers: as C, without the warnings that are theirs, and with the
// export marker that hidden visibility needs.
#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wregister"

extern "C" {
#include <postgres.h>

#include <access/detoast.h>
#include <access/genam.h>
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/relation.h>
#include <access/relscan.h>
#include <access/sysattr.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/tupconvert.h>
#include <access/xact.h>
#include <access/xlog.h>
#include <catalog/dependency.h>
#include <catalog/index.h>
#include <catalog/indexing.h>
#include <catalog/namespace.h>
#include <catalog/partition.h>
#include <catalog/pg_am.h>
#include <catalog/pg_authid.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_database.h>
#include <catalog/pg_depend.h>
#include <catalog/pg_index.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_namespace.h>
#include <catalog/pg_operator.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_trigger.h>
#include <catalog/pg_type.h>
#include <commands/async.h>
#include <commands/dbcommands.h>
#include <commands/event_trigger.h>
#include <commands/extension.h>
#include <commands/sequence.h>
#include <commands/trigger.h>
#include <common/cryptohash.h>
#include <common/hashfn.h>
#include <common/hmac.h>
#include <common/int.h>
#include <common/relpath.h>
#include <common/sha2.h>
#include <common/unicode_norm.h>
#include <executor/executor.h>
#include <executor/spi.h>
#include <executor/tuptable.h>
#include <fmgr.h>
#include <funcapi.h>
#include <libpq/pqsignal.h>
#include <mb/pg_wchar.h>
#include <miscadmin.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/parsenodes.h>
#include <nodes/supportnodes.h>
#include <optimizer/optimizer.h>
#include <parser/parse_func.h>
#include <parser/parser.h>
#include <parser/scansup.h>
#include <pgstat.h>
#include <port/pg_bitutils.h>
#include <postmaster/bgworker.h>
#include <postmaster/interrupt.h>
#include <rewrite/rewriteHandler.h>
#include <storage/buffile.h>
#include <storage/bufmgr.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <storage/lmgr.h>
#include <storage/lock.h>
#include <storage/proc.h>
#include <tcop/dest.h>
#include <tcop/pquery.h>
#include <tcop/utility.h>
#include <utils/acl.h>
#include <utils/backend_status.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/datetime.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/formatting.h>
#include <utils/guc.h>
#include <utils/guc_tables.h>
#include <utils/hsearch.h>
#include <utils/inval.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/numeric.h>
#include <utils/portal.h>
#include <utils/rel.h>
#include <utils/resowner.h>
#include <utils/rls.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timeout.h>
#include <utils/timestamp.h>
#include <utils/tuplesort.h>
#include <utils/tuplestore.h>
#include <utils/typcache.h>
#include <utils/uuid.h>
#include <utils/varlena.h>
#if __has_include(<varatt.h>)
#include <varatt.h>
#endif
}

#pragma GCC diagnostic pop

// PostgreSQL 15 leaves the marker empty outside Windows.
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

// Opens the definition of a function that SQL calls by this name.
#define CUSTOMER_IDENTITY_FUNCTION(name)    \
  extern "C" {                              \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
  PG_FUNCTION_INFO_V1(name);                \
  }                                         \
  Datum name([[maybe_unused]] PG_FUNCTION_ARGS)
