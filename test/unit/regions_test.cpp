// region_named(): the names of regions, and its tables against their sources.
#include <gtest/gtest.h>
#include <phonenumbers/phonenumberutil.h>

#include <set>
#include <string>
#include <string_view>

#include "phone/phone.hpp"
#include "phone/regions.hpp"

namespace {

using namespace customer_identity::phone;
using i18n::phonenumbers::PhoneNumberUtil;

std::string named(std::string_view name) { return region_named(name).data(); }

TEST(regions, names_of_all_kinds) {
  for (const char *name : {"GB", "gb", "Gb", "GBR", "gbr", "UK", "uk", "+44", "0044", "44"})
    EXPECT_EQ(named(name), "GB") << name;
  for (const char *name : {"US", "USA", "+1", "001", "1"}) EXPECT_EQ(named(name), "US") << name;
  for (const char *name : {"RU", "RUS", "+7", "007", "7"}) EXPECT_EQ(named(name), "RU") << name;
  EXPECT_EQ(named("+43"), "AT");
  EXPECT_EQ(named("00353"), "IE");
  EXPECT_EQ(named("AUT"), "AT");
  EXPECT_EQ(named("XKX"), "XK");
}

TEST(regions, what_is_no_name) {
  for (const char *name : {"", "G", "XXX", "Germany", "G B", "+", "00", "049", "+999", "1868",
                           "+1868", "4a", "\xC3\xA9", "G1", "0", "800", "+800", "-44", "44 "})
    EXPECT_EQ(named(name), "") << name;
}

TEST(regions, every_region_of_the_plans_has_three_letters) {
  std::set<std::string> regions;
  PhoneNumberUtil::GetInstance()->GetSupportedRegions(&regions);
  std::set<std::string> without = {"AC", "TA"};  // in no standard
  for (char a = 'A'; a <= 'Z'; ++a)
    for (char b = 'A'; b <= 'Z'; ++b)
      for (char c = 'A'; c <= 'Z'; ++c) without.insert(named(std::string{a, b, c}));
  for (const std::string &region : regions) EXPECT_TRUE(without.contains(region)) << region;
}

TEST(regions, calling_codes_mean_their_main_regions) {
  for (int code = 1; code < 1000; ++code) {
    std::string region;
    PhoneNumberUtil::GetInstance()->GetRegionCodeForCountryCode(code, &region);
    if (region == "ZZ" || region == "001") region = "";
    const std::string digits = std::to_string(code);
    EXPECT_EQ(named(digits), region);
    EXPECT_EQ(named("+" + digits), region);
    EXPECT_EQ(named("00" + digits), region);
  }
}

}  // namespace
