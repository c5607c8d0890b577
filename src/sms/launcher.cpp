// Keeps a worker running for each listed database that exists.
#include "sms/launcher.hpp"

#include <chrono>

#include "sms/leader.hpp"
#include "sms/process.hpp"
#include "sms/settings.hpp"
#include "sms/transaction.hpp"

namespace customer_identity::sms {
namespace {

using Clock = std::chrono::steady_clock;  // the other one may be set back

// pg_database.datconnlimit of a database whose DROP was cut short.
constexpr std::int32_t kInvalidDatabase = -2;

struct Launcher {
  List *seen;     // databases that had a worker at the last look
  bool announce;  // the list is new: say what cannot be done
  bool no_slot;   // said already
};

bool find_database(const char *name, Assignment *found) {
  Relation databases = table_open(DatabaseRelationId, AccessShareLock);
  ScanKeyData condition;
  ScanKeyInit(&condition, Anum_pg_database_datname, BTEqualStrategyNumber, F_NAMEEQ,
              CStringGetDatum(name));
  // Who is connected to no database cannot count on the index.
  SysScanDesc scan = systable_beginscan(databases, InvalidOid, false, nullptr, 1, &condition);
  HeapTuple row = systable_getnext(scan);
  bool usable = false;
  if (HeapTupleIsValid(row)) {
    const auto *database = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
    usable = database->datallowconn && database->datconnlimit != kInvalidDatabase;
    *found = {database->oid, database->dattablespace, true};
  }
  systable_endscan(scan);
  table_close(databases, AccessShareLock);
  return usable;
}

void start_worker(Launcher &launcher, const Assignment &assignment, const char *name) {
  BackgroundWorker worker = worker_process(assignment, name);
  const bool started = RegisterDynamicBackgroundWorker(&worker, nullptr);
  if (!started && !launcher.no_slot)
    ereport(WARNING, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
            errmsg("could not start a process to send the messages of database \"%s\"", name),
            errhint("Set max_worker_processes higher."));
  launcher.no_slot = !started;
}

// A database whose worker has just gone is left alone until the next look: whoever drops it has to
// find it without sessions.
List *look_at_databases(Launcher &launcher) {
  List *seen = NIL;
  ListCell *cell;
  foreach (cell, listed_databases()) {
    const auto *name = static_cast<const char *>(lfirst(cell));
    Assignment assignment;
    if (!find_database(name, &assignment)) {
      if (launcher.announce)
        ereport(
            LOG,
            errmsg(
                "customer_identity.sms_databases names \"%s\", which does not accept connections",
                name));
    } else if (leader_of(assignment.database) != 0) {
      seen = lappend_oid(seen, assignment.database);
    } else if (!list_member_oid(launcher.seen, assignment.database)) {
      start_worker(launcher, assignment, name);
    }
  }
  return seen;
}

void look(Launcher &launcher) {
  attempt("starting SMS workers", [&] {
    List *seen = look_at_databases(launcher);
    MemoryContext transaction = MemoryContextSwitchTo(TopMemoryContext);
    list_free(launcher.seen);
    launcher.seen = list_copy(seen);
    MemoryContextSwitchTo(transaction);
  });
  launcher.announce = false;
}

int milliseconds_until(Clock::time_point moment) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(moment - Clock::now()).count();
  return static_cast<int>(Max(0, left));
}

void launch() {
  Launcher launcher = {NIL, true, false};
  Clock::time_point next_look = Clock::now();
  while (!ShutdownRequestPending) {
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
      launcher.announce = true;
      next_look = Clock::now();
    }
    if (Clock::now() >= next_look) {
      look(launcher);
      next_look = Clock::now() + std::chrono::seconds(kRestartPause);
    }
    sleep_for(milliseconds_until(next_look));
  }
}

}  // namespace

void register_launcher() {
  if (IsBinaryUpgrade || listed_databases() == NIL) return;
  BackgroundWorker launcher = launcher_process();
  RegisterBackgroundWorker(&launcher);
}

}  // namespace customer_identity::sms

extern "C" {
PGDLLEXPORT void customer_identity_sms_launcher(Datum argument);
}

// Ends with 1, whereupon the server starts it again: SIGTERM may come from a person as well as from
// a server that shuts down.
void customer_identity_sms_launcher(Datum) {
  using namespace customer_identity::sms;
  handle_signals();
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  pin_session();
  launch();
  proc_exit(1);
}
