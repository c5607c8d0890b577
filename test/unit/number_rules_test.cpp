// From dialled digits to a calling code and a national number, in plans that do not change.
#include "phone/number_rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace customer_identity::phone;

std::string dialled(const std::string &text, const char *region) {
  Input input;
  EXPECT_EQ(read_input(text, input), Reason::kOk) << text;
  const NumberingPlans &plans = NumberingPlans::get();
  Number number;
  const Outcome outcome = apply_rules(plans, input, plans.of_region(region), number);
  if (!outcome) return "not understood";
  if (*outcome != Reason::kOk) return name(*outcome);
  return std::string(number.code->view()) + " " + std::string(number.national);
}

TEST(number_rules, calling_codes) {
  EXPECT_EQ(dialled("+442079460123", ""), "44 2079460123");
  EXPECT_EQ(dialled("+80012345678", "GB"), "800 12345678");
  EXPECT_EQ(dialled("442079460123", "GB"), "44 2079460123");
  EXPECT_EQ(dialled("+999123456", ""), "unknown_country_code");
  EXPECT_EQ(dialled("02079460123", ""), "no_region");
}

TEST(number_rules, international_prefixes) {
  EXPECT_EQ(dialled("0044 20 7946 0123", "DE"), "44 2079460123");
  EXPECT_EQ(dialled("011 44 20 7946 0123", "US"), "44 2079460123");
  EXPECT_EQ(dialled("+0044 20 7946 0123", "DE"), "44 2079460123");
  EXPECT_EQ(dialled("00 0 20 7946 0123", "DE"), "49 002079460123");
  EXPECT_EQ(dialled("0044", "DE"), "too_short");
}

TEST(number_rules, national_prefixes) {
  EXPECT_EQ(dialled("020 7946 0123", "GB"), "44 2079460123");
  EXPECT_EQ(dialled("8 (301) 123-04-19", "RU"), "7 3011230419");
  EXPECT_EQ(dialled("+44 (0)20 7946 0123", ""), "44 2079460123");
  EXPECT_EQ(dialled("02 3661 8300", "IT"), "39 0236618300");
}

TEST(number_rules, transform_rules) {
  EXPECT_EQ(dialled("011 15 2345 6789", "AR"), "54 91123456789");
  EXPECT_EQ(dialled("0 15 11 96123-4567", "BR"), "55 11961234567");
}

TEST(number_rules, limits) {
  EXPECT_EQ(dialled("11", "GB"), "44 11");
  EXPECT_EQ(dialled("+44 1", ""), "too_short");
  EXPECT_EQ(dialled("+44 123456789012345678", ""), "too_long");
  EXPECT_EQ(dialled(std::string(37, '1'), "GB"), "not understood");
}

}  // namespace
