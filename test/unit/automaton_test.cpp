// The automaton says of every short number what a regular expression says.
#include "phone/automaton.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <string>
#include <vector>

namespace {

using namespace customer_identity::phone;

/// The marks as bits.
std::size_t bits(const AutomatonBuilder::Marks &marks) {
  std::size_t bits = 0;
  for (const int mark : marks) bits |= std::size_t{1} << static_cast<unsigned>(mark);
  return bits;
}

Automaton build(const std::vector<const char *> &patterns) {
  AutomatonBuilder builder;
  for (std::size_t at = 0; at < patterns.size(); ++at)
    EXPECT_TRUE(builder.add(patterns[at], static_cast<int>(at))) << patterns[at];
  Automaton automaton;
  EXPECT_TRUE(builder.build(bits, automaton));
  return automaton;
}

/// Every number of up to five digits out of 0 to 4.
void for_each_number(const std::function<void(const std::string &)> &check) {
  std::vector<std::string> numbers = {""};
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    const std::string number = numbers[at];
    check(number);
    for (char digit = '0'; number.size() < 5 && digit <= '4'; ++digit)
      numbers.push_back(number + digit);
  }
}

TEST(automaton, every_pattern_is_marked_as_it_matches) {
  const std::vector<const char *> patterns = {"[0-2]\\d{3}",
                                              "1(?:2|3[01])?\\d{1,2}",
                                              "(?:12|1)(?:23|3)?4?",
                                              "0{2,4}|4\\d",
                                              "\\d{5}",
                                              "",
                                              "3|",
                                              "[13\\d]2{1,2}(4|03?)",
                                              "2(?:0$|1)"};
  const Automaton automaton = build(patterns);
  const std::vector<std::regex> expected(patterns.begin(), patterns.end());
  for_each_number([&](const std::string &number) {
    for (std::size_t at = 0; at < patterns.size(); ++at)
      EXPECT_EQ((automaton.classify(number) >> at) & 1, std::regex_match(number, expected[at]))
          << patterns[at] << " on " << number;
  });
}

TEST(automaton, beginnings_are_matched) {
  for (const char *pattern : {"12|3", "1\\d{3}", "2(?:3|4\\d{2})", "0{2,3}", ""}) {
    AutomatonBuilder builder;
    EXPECT_TRUE(builder.add(pattern, 0, kAnyLength, AutomatonBuilder::Rest::kAny));
    Automaton automaton;
    EXPECT_TRUE(builder.build(bits, automaton));
    const std::regex expected(pattern);
    for_each_number([&](const std::string &number) {
      EXPECT_EQ(automaton.classify(number) == 1,
                std::regex_search(number, expected, std::regex_constants::match_continuous))
          << pattern << " on " << number;
    });
  }
}

TEST(automaton, a_pattern_counts_for_the_lengths_it_is_admitted_for) {
  AutomatonBuilder builder;
  EXPECT_TRUE(builder.add("\\d{1,4}", 0, 1U << 2U | 1U << 4U));
  Automaton automaton;
  EXPECT_TRUE(builder.build(bits, automaton));
  for_each_number([&](const std::string &number) {
    EXPECT_EQ(automaton.classify(number), number.size() == 2 || number.size() == 4 ? 1 : 0);
  });
}

TEST(automaton, equal_futures_share_their_states) {
  EXPECT_EQ(build({"1\\d{3}|2\\d{3}|34\\d{2}"}).states(), build({"[12]\\d{3}|34\\d{2}"}).states());
}

TEST(automaton, what_any_digits_follow_is_known_at_once) {
  EXPECT_EQ(build({"1\\d{3}"}).states(), 1);
  EXPECT_EQ(build({"\\d{3}"}).states(), 0);
}

TEST(automaton, nothing_matches_without_patterns) {
  EXPECT_EQ(build({}).classify("1"), 0);
  EXPECT_EQ(build({}).classify(""), 0);
}

TEST(automaton, what_is_not_understood_is_refused) {
  AutomatonBuilder builder;
  EXPECT_FALSE(builder.add("1+", 1));
}

TEST(automaton, what_would_take_too_long_is_refused) {
  AutomatonBuilder builder;
  std::string text = "\\d";
  for (int depth = 0; depth < 12; ++depth) text = "(?:" + text + "?)";
  ASSERT_TRUE(builder.add("(?:" + text + "?){40}", 1));
  Automaton automaton;
  EXPECT_FALSE(builder.build([](const auto &marks) { return marks.size(); }, automaton));
}

}  // namespace
