// What the server runs when it loads the library. Nothing of libphonenumber is touched here, except
// by shared_preload_libraries: its tables are then made once, for every session to come.
#include "pg/phone_reader.hpp"
#include "pg/postgres.hpp"
#include "pg/relation_cache.hpp"
#include "pg/settings.hpp"
#include "sms/launcher.hpp"
#include "totals/pending_totals.hpp"
#include "verification/follow_users.hpp"

extern "C" {
#ifdef PG_MODULE_MAGIC_EXT  // pg_get_loaded_modules() of PostgreSQL 18 shows both
PG_MODULE_MAGIC_EXT(.name = "customer_identity",
                    .version = CppAsString2(CUSTOMER_IDENTITY_VERSION));
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
  customer_identity::settings::define();
  customer_identity::watch_relations();
  customer_identity::watch_transactions();
  customer_identity::follow_users();
  if (process_shared_preload_libraries_in_progress) {
    customer_identity::prepare_phones();
    customer_identity::sms::register_launcher();
  }
}
