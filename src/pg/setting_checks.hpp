// What the checks of settings of several rooms share.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity::settings {

/// The maximum length of a list, in bytes.
inline constexpr std::size_t kMaximumList = 2000;

/// Whether a value has no more than `maximum` bytes; says so otherwise, where the server would
/// show all of it. Bytes, since the postmaster does not know what a character is.
bool fits(const char *value, std::size_t maximum);

inline char upper(char c) {
  return static_cast<char>(pg_ascii_toupper(static_cast<unsigned char>(c)));
}
inline bool is_letter(char c) { return upper(c) >= 'A' && upper(c) <= 'Z'; }

}  // namespace customer_identity::settings
