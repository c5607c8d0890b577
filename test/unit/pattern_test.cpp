// Which regular expressions are understood, and how; the rest is refused.
#include "phone/pattern.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace customer_identity::phone;

struct Read {
  Steps steps = {{Step::Kind::kMatch, 0, 1}};
  int first;

  explicit Read(const char *text) : first(read_pattern(text, 0, steps).value()) {}
  const Step &step() const { return steps[static_cast<std::size_t>(first)]; }
};

DigitSet digits(const char *text) { return Read(text).step().digits; }
LengthSet lengths(const char *text) { return Read(text).step().lengths; }

TEST(pattern, digits_and_classes) {
  EXPECT_EQ(digits("7"), 1 << 7);
  EXPECT_EQ(digits("\\d"), 0x3FF);
  EXPECT_EQ(digits("[02-4]"), 0b11101);
  EXPECT_EQ(digits("[\\d]"), 0x3FF);
}

TEST(pattern, repeats) {
  EXPECT_EQ(lengths("1?"), 0b11);
  EXPECT_EQ(lengths("1{3}"), 0b1000);
  EXPECT_EQ(lengths("1{2,5}"), 0b111100);
  EXPECT_EQ(lengths("(?:12){0,2}"), 0b10101);
}

TEST(pattern, alternatives_may_be_empty) {
  EXPECT_EQ(lengths(""), 0b1);
  EXPECT_EQ(lengths("|12|"), 0b101);
  EXPECT_EQ(digits("|12|"), 1 << 1);
}

TEST(pattern, groups_are_numbered_from_the_left) {
  std::vector<int> bounds;
  for (const Step &step : Read("0(?:1)(2)|(3)").steps)
    if (step.kind == Step::Kind::kGroup && step.other >= 0) bounds.push_back(step.other);
  EXPECT_EQ(bounds, (std::vector{3, 2, 1, 0}));
}

TEST(pattern, nothing_follows_an_end) {
  EXPECT_EQ(lengths("1$"), 0b10);
  EXPECT_EQ(lengths("$1"), 0b0);
}

TEST(pattern, what_is_not_understood_is_refused) {
  Steps steps = {{Step::Kind::kMatch, 0, 1}};
  for (const char *text :
       {"1*",      "1+",    "1{2,}", "1{,2}", "1{3,2}", "1{99}",  "1{2}{3}", "1??",
        "1{1,2}?", "(1",    "1)",    "(?=1)", "(?!1)",  "(?i:1)", "[^1]",    "[]",
        "[1",      "[3-1]", "[a]",   "a",     ".",      "^1",     "\\D",     "\\",
        "?",       "{2}",   " 1",    "1{",    "1{2",    "(?:1",   "1{0}",    "(:1)"})
    EXPECT_FALSE(read_pattern(text, 0, steps)) << text;
}

TEST(pattern, what_could_take_for_ever_is_refused) {
  const auto is_read = [](const std::string &text) {
    Steps steps = {{Step::Kind::kMatch, 0, 1}};
    return read_pattern(text, 0, steps).has_value();
  };
  const auto nested = [](int depth) {
    std::string text = "1";
    while (depth-- > 0) text = "(?:" + text + ")?";
    return text;
  };
  EXPECT_TRUE(is_read(nested(20)));
  EXPECT_FALSE(is_read(nested(21)));
  EXPECT_FALSE(is_read(nested(3000)));
  EXPECT_TRUE(is_read(std::string(9999, '1')));
  EXPECT_FALSE(is_read(std::string(10001, '1')));
  EXPECT_FALSE(is_read("(?:(?:(?:1{40}){40}){40}){40}"));
}

}  // namespace
