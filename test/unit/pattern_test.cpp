// Which regular expressions are understood, and how; the rest is refused.
#include "phone/pattern.hpp"

#include <gtest/gtest.h>

namespace {

using namespace customer_identity::phone;

using Kind = Pattern::Kind;

const Pattern &only(const Pattern &pattern) {
  EXPECT_EQ(pattern.parts.size(), 1U);
  return pattern.parts.at(0);
}

/// The one atom of a pattern that has no alternatives.
Pattern atom(const char *text) { return only(only(parse_pattern(text).value().pattern)); }

TEST(pattern, digits_and_classes) {
  EXPECT_EQ(atom("7").digits, 1 << 7);
  EXPECT_EQ(atom("\\d").digits, 0x3FF);
  EXPECT_EQ(atom("[02-4]").digits, 0b11101);
  EXPECT_EQ(atom("[\\d]").digits, 0x3FF);
}

TEST(pattern, repeats) {
  for (const auto &[text, least, most] :
       {std::tuple{"1?", 0, 1}, {"1{3}", 3, 3}, {"1{2,5}", 2, 5}, {"(?:12){0,2}", 0, 2}}) {
    const Pattern repeat = atom(text);
    EXPECT_EQ(repeat.kind, Kind::kRepeat) << text;
    EXPECT_EQ(repeat.least, least) << text;
    EXPECT_EQ(repeat.most, most) << text;
  }
}

TEST(pattern, groups_are_numbered_from_one) {
  const auto parsed = parse_pattern("0(?:1)(2)|(3)").value();
  EXPECT_EQ(parsed.groups, 2);
  ASSERT_EQ(parsed.pattern.parts.size(), 2U);
  EXPECT_EQ(parsed.pattern.parts[0].parts.at(2).group, 1);
  EXPECT_EQ(only(parsed.pattern.parts[1]).group, 2);
}

TEST(pattern, alternatives_may_be_empty) {
  EXPECT_EQ(parse_pattern("").value().pattern.parts.size(), 1U);
  EXPECT_EQ(parse_pattern("|1|").value().pattern.parts.size(), 3U);
}

TEST(pattern, what_is_not_understood_is_refused) {
  for (const char *text :
       {"1*", "1+",    "1{2,}", "1{,2}",  "1{3,2}", "1{99}", "1{2}{3}", "1??",   "1{1,2}?", "(1",
        "1)", "(?=1)", "(?!1)", "(?i:1)", "[^1]",   "[]",    "[1",      "[3-1]", "[a]",     "a",
        ".",  "^1",    "\\D",   "\\",     "?",      "{2}",   " 1",      "1{",    "1{2",     "(?:1"})
    EXPECT_FALSE(parse_pattern(text)) << text;
}

}  // namespace
