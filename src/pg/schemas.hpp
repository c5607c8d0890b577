// The two schemas of the extension.
#pragma once

namespace customer_identity {

/// What people call, the trigger functions, the views and the working tables.
inline constexpr char kSchema[] = "customer_identity";
/// What those call.
inline constexpr char kWorkings[] = "customer_identity_internal";

}  // namespace customer_identity
