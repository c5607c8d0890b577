// UUID version 7 (RFC 9562): ids in the order of time that need no sequence. Nothing of PostgreSQL
// is in here.
#pragma once

#include <algorithm>
#include <cstdint>

namespace customer_identity {

/// Sixteen bytes, the first one most significant:
///   48 bits  milliseconds since 1970
///    4 bits  the version, 7
///   12 bits  4096ths of the millisecond (section 6.2, method 3)
///    2 bits  the variant, binary 10
///   62 bits  random
/// The source of the 60 bits of time is the server's clock, of the random ones pg_strong_random().
struct UuidV7 {
  std::uint8_t bytes[16];
};

/// The time of the last id of this process, in 4096ths of a millisecond.
struct UuidClock {
  std::uint64_t last = 0;
};

/// The time of the next id: later than that of any before, though the clock stands or is set back.
inline std::uint64_t next_time(UuidClock &clock, std::int64_t microseconds) {
  const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds, 0));
  const std::uint64_t time = ((now / 1000) << 12) + (now % 1000) * 4096 / 1000;
  return clock.last = std::max(time, clock.last + 1);
}

inline UuidV7 uuid_v7(std::uint64_t time, std::uint64_t random) {
  const std::uint64_t high = (time >> 12 << 16) | 0x7000 | (time & 0xFFF);
  const std::uint64_t low = (random >> 2) | 0x8000000000000000;
  UuidV7 uuid;
  for (int i = 0; i < 8; ++i) {
    uuid.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    uuid.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return uuid;
}

}  // namespace customer_identity
