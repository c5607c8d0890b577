// What is left of a text when everything that is not dialled is taken away.
#include "phone/input.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace customer_identity::phone;

/// "+123 x 4": plus, digits and extension; or why there are none.
std::string read(const std::string &text) {
  Input input;
  const Outcome outcome = read_input(text, input);
  if (!outcome) return "not understood";
  if (*outcome != Reason::kOk) return "not a number";
  const std::string extension(input.extension);
  return (input.plus ? "+" : "") + std::string(input.digits) +
         (extension.empty() ? "" : " x " + extension);
}

TEST(input, digits_and_punctuation) {
  EXPECT_EQ(read("+442079460123"), "+442079460123");
  EXPECT_EQ(read("02079460123"), "02079460123");
  EXPECT_EQ(read(" (020) 7946-0123. "), "02079460123");
  EXPECT_EQ(read("++44 20"), "+4420");
  EXPECT_EQ(read("Phone: +44 20 7946!"), "+44207946");
  EXPECT_EQ(read("020/7946*0123"), "02079460123");
}

TEST(input, other_scripts) {
  EXPECT_EQ(read("\uFF0B\uFF14\uFF14 \u0662\u0660"), "+4420");
  EXPECT_EQ(read("\u06F1\u06F2\u06F3\u0964"), "not understood");
  EXPECT_EQ(read("020\u20117946\u00A00123\u200E"), "02079460123");
  EXPECT_EQ(read("\u202A+44 20\u202C"), "+4420");
  EXPECT_EQ(read("12\u202C34"), "not a number");
}

TEST(input, three_digits_or_exactly_two_make_a_number) {
  EXPECT_EQ(read("123"), "123");
  EXPECT_EQ(read("12"), "12");
  for (const char *text : {"", " ", "1", "1 2", "+12", "call me", "+", "1+2+3", "020@7946"})
    EXPECT_EQ(read(text), "not a number") << text;
}

TEST(input, extensions) {
  for (const char *label : {" x ", "x", " ext. ", ";ext=", " Extension: ", " int ", " anexo ",
                            " # ", ",,", "; ", ", ", "~", "\u00A0xtn "})
    EXPECT_EQ(read("020 7946 0123" + std::string(label) + "456"), "02079460123 x 456") << label;
  EXPECT_EQ(read("020 7946 0123 - 503#"), "02079460123 x 503");
  EXPECT_EQ(read("020 7946 0123 x456#"), "02079460123 x 456");
}

TEST(input, extensions_that_are_too_long_are_none) {
  EXPECT_EQ(read("020 7946 ext 12345678901234567890"), "0207946 x 12345678901234567890");
  // The label is three letters then, and they dial.
  EXPECT_EQ(read("020 7946 ext 123456789012345678901"), "0207946398123456789012345678901");
  EXPECT_EQ(read("020 7946 x 1234567890"), "02079461234567890");
  EXPECT_EQ(read("020 7946 0123, 020 7946 0124"), "not a number");
}

TEST(input, three_letters_dial) {
  EXPECT_EQ(read("1-800-FLOWERS"), "18003569377");
  EXPECT_EQ(read("0800 ab 123"), "0800123");
}

TEST(input, phone_context_of_digits) {
  EXPECT_EQ(read("tel:201-555-0123;phone-context=+1"), "+12015550123");
  EXPECT_EQ(read("2015550123;phone-context=+1"), "+12015550123");
  for (const char *text : {"tel:2015550123;phone-context=example.com", "1;phone-context=+",
                           "2015550123;phone-context=+1;x=1", "tel:1;ext=2;phone-context=+1"})
    EXPECT_EQ(read(text), "not understood") << text;
}

TEST(input, rare_forms_are_the_librarys) {
  for (const std::string &text :
       {std::string("123/x456"), std::string("\x80"), std::string("123\x01"), std::string(101, '1'),
        std::string("12 ext 345"), std::string("+44 20;isub=1"), std::string("\U0001D7D8 123")})
    EXPECT_EQ(read(text), "not understood") << text;
}

}  // namespace
