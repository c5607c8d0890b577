// The two schemas of the extension.
#pragma once

namespace customer_identity {

/// Public functions, the trigger functions, the views and the working tables.
inline constexpr char kSchema[] = "customer_identity";
/// Internal functions, which those call.
inline constexpr char kWorkings[] = "customer_identity_internal";

}  // namespace customer_identity
