// Prefixes are matched as by the library's regular expressions: leftmost alternative first, with
// groups.
#include "phone/prefix_matcher.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace {

using namespace customer_identity::phone;

PrefixMatcher compiled(const char *pattern) {
  PrefixMatcher matcher;
  EXPECT_TRUE(matcher.compile(pattern)) << pattern;
  return matcher;
}

int length(const char *pattern, const char *digits) {
  return compiled(pattern).match(digits).length;
}

TEST(prefix_matcher, first_alternative_that_matches_wins) {
  EXPECT_EQ(length("0|00", "001"), 1);
  EXPECT_EQ(length("00|0", "001"), 2);
  EXPECT_EQ(length("0?", "01"), 1);
  EXPECT_EQ(length("0?", "1"), 0);
  EXPECT_EQ(length("8(?:10)?", "8101"), 3);
  EXPECT_EQ(length("1\\d{2,4}", "1234567"), 5);
  EXPECT_EQ(length("011", "012"), -1);
  EXPECT_EQ(length("011", "01"), -1);
}

TEST(prefix_matcher, digits_in_front_are_an_alternative_like_others) {
  for (const char *pattern :
       {"0", "00", "0|00", "00|0", "0|(1(?:2|3))", "12|1", "0|", "|0", "12?", "1(?:2|0)|1"}) {
    const std::regex expected(pattern);
    const PrefixMatcher matcher = compiled(pattern);
    for (int number = 0; number < 10000; ++number) {
      const std::string digits = std::to_string(number);
      for (const std::string &text : {digits, "0" + digits, "00" + digits}) {
        std::smatch found;
        const auto at_start = std::regex_constants::match_continuous;
        const bool matches = std::regex_search(text, found, expected, at_start);
        EXPECT_EQ(matcher.match(text).length, matches ? static_cast<int>(found.length(0)) : -1)
            << pattern << " on " << text;
      }
    }
  }
}

TEST(prefix_matcher, end_is_the_end_of_the_number) {
  EXPECT_EQ(length("0$|00", "001"), 2);
  EXPECT_EQ(length("1(\\d{3})$", "1234"), 4);
  EXPECT_EQ(length("1(\\d{3})$", "12345"), -1);
}

TEST(prefix_matcher, groups_keep_what_the_match_used) {
  const std::string digits = "02115123";
  const PrefixMatcher matcher = compiled("0?(?:(11|2(?:1|2))15)?");
  const PrefixMatcher::Match match = matcher.match(digits);
  EXPECT_EQ(match.length, 5);
  EXPECT_EQ(match.group(digits, 1), "21");
}

TEST(prefix_matcher, a_group_of_a_way_given_up_is_empty) {
  const std::string digits = "0119";
  const PrefixMatcher::Match match = compiled("0(?:(11)2)?").match(digits);
  EXPECT_EQ(match.length, 1);
  EXPECT_EQ(match.group(digits, 1), "");
}

TEST(prefix_matcher, first_digits_are_known) {
  const PrefixMatcher matcher = compiled("(?:0|9)1|3?");
  for (char digit = '0'; digit <= '9'; ++digit)
    EXPECT_EQ(matcher.may_begin_with(digit), std::string("039").find(digit) != std::string::npos);
  EXPECT_TRUE(matcher.matches_nothing());
  EXPECT_FALSE(compiled("00").matches_nothing());
}

TEST(prefix_matcher, three_groups_are_refused) {
  PrefixMatcher matcher;
  EXPECT_FALSE(matcher.compile("(1)(2)(3)"));
}

TEST(prefix_matcher, too_many_ways_to_match_are_refused) {
  PrefixMatcher matcher;
  EXPECT_TRUE(matcher.compile("(?:1?){10}"));
  EXPECT_FALSE(matcher.compile("(?:1?1?){20}"));
  EXPECT_FALSE(matcher.compile("(?:(?:1?){40}){40}"));
}

}  // namespace
