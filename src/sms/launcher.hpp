// The process that sees to it that each database of customer_identity.sms_databases has a worker.
#pragma once

namespace customer_identity::sms {

/// Called while the server loads shared_preload_libraries.
void register_launcher();

}  // namespace customer_identity::sms
