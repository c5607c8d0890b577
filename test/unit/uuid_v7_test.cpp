// Ids in the order of time: their layout, and that they never go back.
#include "pg/uuid_v7.hpp"

#include <gtest/gtest.h>

#include <string>

namespace customer_identity {
namespace {

std::string text_of(const UuidV7 &uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : uuid.bytes) {
    const std::size_t length = text.size();
    if (length == 8 || length == 13 || length == 18 || length == 23) text += '-';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xF];
  }
  return text;
}

std::string id_at(std::int64_t microseconds, std::uint64_t random = 0) {
  UuidClock clock;
  return text_of(uuid_v7(next_time(clock, microseconds), random));
}

// Appendix A.6 of the RFC, 2022-02-22 14:22:22 -05:00, without its random bits.
TEST(uuid_v7, layout_is_that_of_the_rfc) {
  EXPECT_EQ(id_at(1645557742000000), "017f22e2-79b0-7000-8000-000000000000");
  EXPECT_EQ(id_at(1645557742000000, ~std::uint64_t{0}), "017f22e2-79b0-7000-bfff-ffffffffffff");
}

TEST(uuid_v7, microseconds_are_kept) {
  EXPECT_EQ(id_at(1645557742000500), "017f22e2-79b0-7800-8000-000000000000");
  EXPECT_EQ(id_at(1645557742000999), "017f22e2-79b0-7ffb-8000-000000000000");
}

TEST(uuid_v7, every_microsecond_has_a_time_of_its_own) {
  std::uint64_t last = 0;
  for (std::int64_t now = 1645557742000000; now < 1645557742003000; ++now) {
    UuidClock clock;
    const std::uint64_t time = next_time(clock, now);
    EXPECT_GT(time, last);
    last = time;
  }
}

TEST(uuid_v7, ids_never_go_back) {
  UuidClock clock;
  std::string last;
  const std::int64_t moments[] = {1645557742000000, 1645557742000000, 1645557741000000, 0, -1,
                                  1645557742000001, 1645557743000000};
  for (int repetition = 0; repetition < 10000; ++repetition) {
    for (const std::int64_t moment : moments) {
      const std::string id =
          text_of(uuid_v7(next_time(clock, moment), ~std::uint64_t{0} * (repetition % 2)));
      EXPECT_GT(id, last);
      last = id;
    }
  }
}

TEST(uuid_v7, a_clock_before_1970_is_no_harm) {
  EXPECT_EQ(id_at(-1), "00000000-0000-7001-8000-000000000000");
}

}  // namespace
}  // namespace customer_identity
