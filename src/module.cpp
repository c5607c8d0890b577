// What the server runs when it loads the library. Nothing of libphonenumber is touched here, except
// by shared_preload_libraries: its tables are then made once, for every session to come.
#include "administration/settings.hpp"
#include "identity/settings.hpp"
#include "pg/client_settings.hpp"
#include "pg/majors.hpp"
#include "pg/relation_cache.hpp"
#include "phones/phone_reader.hpp"
#include "phones/settings.hpp"
#include "sms/launcher.hpp"
#include "sms/settings.hpp"
#include "totals/pending_totals.hpp"
#include "verification/follow_users.hpp"
#include "verification/settings.hpp"

extern "C" {
CUSTOMER_IDENTITY_MAGIC("customer_identity", CppAsString2(CUSTOMER_IDENTITY_VERSION));

PGDLLEXPORT void _PG_init(void);
}

namespace customer_identity {
namespace {

void define_settings() {
  List *named = settings::named_by_client();
  settings::define_phones();
  settings::define_identity();
  settings::define_verification();
  sms::define_settings();
  settings::define_administration();
  MarkGUCPrefixReserved("customer_identity");
  settings::refuse_what_clients_may_not_set(named);
}

}  // namespace
}  // namespace customer_identity

void _PG_init(void) {
  customer_identity::define_settings();
  customer_identity::watch_relations();
  customer_identity::watch_transactions();
  customer_identity::follow_users();
  if (process_shared_preload_libraries_in_progress) {
    customer_identity::prepare_phones();
    customer_identity::sms::register_launcher();
  }
}
