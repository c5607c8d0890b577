// The product's own SQLSTATEs, class CI, and the one place where their meaning is written down.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

inline constexpr int kUnreadablePhone = MAKE_SQLSTATE('C', 'I', '0', '0', '1');
inline constexpr int kProofRequired = MAKE_SQLSTATE('C', 'I', '0', '0', '2');
inline constexpr int kNoBook = MAKE_SQLSTATE('C', 'I', '0', '0', '3');
inline constexpr int kNotEnoughPoints = MAKE_SQLSTATE('C', 'I', '0', '0', '5');
inline constexpr int kConflict = MAKE_SQLSTATE('C', 'I', '0', '0', '6');
inline constexpr int kSetupOutdated = MAKE_SQLSTATE('C', 'I', '0', '0', '7');
inline constexpr int kElsewhere = MAKE_SQLSTATE('C', 'I', '0', '0', '8');

}  // namespace customer_identity
