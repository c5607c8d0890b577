// What the server runs when it loads the library. Nothing of libphonenumber is touched here, except
// by shared_preload_libraries: its tables are then made once, for every session to come.
#include "identity/direct_event.hpp"
#include "pg/attached_tables.hpp"
#include "pg/direct_lookup.hpp"
#include "pg/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "pg/settings.hpp"
#include "pg/trigger_setup.hpp"
#include "sms/launcher.hpp"
#include "totals/direct_write.hpp"
#include "totals/pending_totals.hpp"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
  customer_identity::settings::define();
  customer_identity::watch_plans();
  customer_identity::watch_setups();
  customer_identity::watch_attached_tables();
  customer_identity::watch_lookups();
  customer_identity::watch_direct_writes();
  customer_identity::watch_direct_events();
  customer_identity::watch_transactions();
  if (process_shared_preload_libraries_in_progress) {
    customer_identity::prepare_phones();
    customer_identity::sms::register_launcher();
  }
}
