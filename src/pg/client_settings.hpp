// What a client names when it connects, before the library defines the settings. The value hides
// that of the database. The server refuses it once the setting is defined as the superuser's, but
// what is left then is the default: a session could undo what the superuser has set.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity::settings {

/// The settings of ours that the client named when it connected; before they are defined.
List *named_by_client();

/// Ends the session that named one that is not its role's to set, as the server refuses the
/// connection where the library is preloaded. After an error the next call would define the
/// settings again.
void refuse_what_clients_may_not_set(List *names);

}  // namespace customer_identity::settings
