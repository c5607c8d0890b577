// Pending verifications of logins whose ids change, or who are gone.
#pragma once

namespace customer_identity {

/// Called once, when the library loads.
void follow_users();

}  // namespace customer_identity
