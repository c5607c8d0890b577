// A hash of ids, for open hash tables.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Both halves count: ids may begin with the time.
inline std::uint32_t hash_of(const pg_uuid_t &id) {
  std::uint64_t halves[2];
  memcpy(halves, &id, sizeof(halves));
  std::uint64_t mixed =
      (halves[0] ^ (halves[1] << 32 | halves[1] >> 32)) * UINT64CONST(0x9E3779B97F4A7C15);
  mixed ^= mixed >> 32;
  mixed *= UINT64CONST(0xD6E8FEB86659FD93);
  return static_cast<std::uint32_t>(mixed >> 32);
}

}  // namespace customer_identity
