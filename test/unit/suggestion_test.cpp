// suggest(): what may have been meant by what read() refuses.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "phone/suggestion.hpp"
#include "phone_generator.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;

std::string suggested(std::string_view text, std::string_view region) {
  const Details details = suggest(text, region, {});
  return details.reason == Reason::kOk ? details.e164 : "";
}

TEST(suggestion, undoes_what_a_rule_stumbled_over) {
  EXPECT_EQ(suggested("030 123456 2. OG", "DE"), "+4930123456");
  EXPECT_EQ(suggested("030 123456 12 OG", "DE"), "+4930123456");
  EXPECT_EQ(suggested("01 23 45 67 89 mobile", "FR"), "+33123456789");
  EXPECT_EQ(suggested("030 123456 ab 18h", "DE"), "+4930123456");
  EXPECT_EQ(suggested("030 1234 / 030 1235", "DE"), "+49301234");
  EXPECT_EQ(suggested("Tel 0664 1234567 Fax 0676 1234567", "AT"), "+436641234567");
  EXPECT_EQ(suggested("06641234567/8", "AT"), "+436641234567");
  EXPECT_EQ(suggested("030 123456.00", "DE"), "+4930123456");
  EXPECT_EQ(suggested("O151 23456789", "DE"), "+4915123456789");
  EXPECT_EQ(suggested("+1 201 555 O123", "US"), "+12015550123");
  EXPECT_EQ(suggested("l51 23456789", "DE"), "+4915123456789");
  EXPECT_EQ(suggested("1-800-FLOWERS", "US"), "+18003569377");
  EXPECT_EQ(suggested("447911123456", ""), "+447911123456");
  EXPECT_EQ(suggested("0044 7911 123456", ""), "+447911123456");
  EXPECT_EQ(suggested("4.915123456789E+12", "DE"), "+4915123456789");
}

TEST(suggestion, is_none_where_digits_are_lost) {
  EXPECT_EQ(suggested("6.64E+09", "AT"), "");
  EXPECT_EQ(suggested("4.9151E+12", "DE"), "");
  EXPECT_EQ(suggested("call me", "DE"), "");
  EXPECT_EQ(suggested("", "DE"), "");
  EXPECT_EQ(suggested(std::string(1000, '1'), "DE"), "");
  EXPECT_EQ(suggested("\xFF", "DE"), "");
}

TEST(suggestion, scientific_notation_is_called_by_its_name) {
  for (const char *text : {"6.64E+09", "6,64e9", " 4.9E12 ", "+4.9e+12"})
    EXPECT_STREQ(remark(text), "scientific notation") << text;
  for (const char *text : {"6641234567", "6.64", "E9", "6.64E", "call me", "", "\xFF"})
    EXPECT_EQ(remark(text), nullptr) << text;
}

TEST(suggestion, reads_as_itself) {
  PhoneGenerator phones(11);
  for (std::uint64_t row = setting("PHONES_ROWS", 20000) / 4; row > 0; --row) {
    const TypedPhone phone = phones.next();
    const std::string region = is_region(phone.region) ? phone.region : "";
    const std::string e164 = suggested(phone.text, region);
    if (!e164.empty()) {
      EXPECT_EQ(read(e164, "", {}).e164, e164) << phone.text;
    }
  }
}

}  // namespace
