// The automaton says of every short number what a plain recursive matcher says.
#include "phone/automaton.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace {

using namespace customer_identity::phone;

using Rest = std::function<bool(std::string_view)>;

/// Does `pattern`, followed by what `rest` accepts, match `digits`? Slow, and too simple to be
/// wrong.
bool matches(const Pattern &pattern, std::string_view digits, const Rest &rest) {
  switch (pattern.kind) {
    case Pattern::Kind::kDigit:
      return !digits.empty() && (pattern.digits & digit_set(digits[0])) != 0 &&
             rest(digits.substr(1));
    case Pattern::Kind::kAlternatives:
      for (const Pattern &part : pattern.parts)
        if (matches(part, digits, rest)) return true;
      return false;
    case Pattern::Kind::kSequence: {
      if (pattern.parts.empty()) return rest(digits);
      Pattern tail = pattern;
      tail.parts.erase(tail.parts.begin());
      return matches(pattern.parts[0], digits,
                     [&](std::string_view left) { return matches(tail, left, rest); });
    }
    case Pattern::Kind::kRepeat: {
      if (pattern.least == 0 && rest(digits)) return true;
      if (pattern.most == 0) return false;
      Pattern fewer = pattern;
      fewer.least -= fewer.least > 0 ? 1 : 0;
      --fewer.most;
      return matches(pattern.parts[0], digits,
                     [&](std::string_view left) { return matches(fewer, left, rest); });
    }
    case Pattern::Kind::kGroup:
      return matches(pattern.parts[0], digits, rest);
    case Pattern::Kind::kEnd:
      break;
  }
  return digits.empty();
}

bool matches_all(const char *pattern, std::string_view digits) {
  return matches(parse_pattern(pattern).value().pattern, digits,
                 [](std::string_view left) { return left.empty(); });
}

bool matches_beginning(const char *pattern, std::string_view digits) {
  return matches(parse_pattern(pattern).value().pattern, digits,
                 [](std::string_view) { return true; });
}

Automaton build(const std::vector<const char *> &patterns) {
  AutomatonBuilder builder;
  for (std::size_t at = 0; at < patterns.size(); ++at)
    builder.add(parse_pattern(patterns[at]).value().pattern, static_cast<Marks>(1U << at));
  return builder.build().value();
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
  const std::vector<const char *> patterns = {
      "[0-2]\\d{3}", "1(?:2|3[01])?\\d{1,2}", "(?:12|1)(?:23|3)?4?", "0{2,4}|4\\d", "\\d{5}", "",
      "3|"};
  const Automaton automaton = build(patterns);
  for_each_number([&](const std::string &number) {
    for (std::size_t at = 0; at < patterns.size(); ++at)
      EXPECT_EQ((automaton.match(number) >> at) & 1, matches_all(patterns[at], number))
          << patterns[at] << " on " << number;
  });
}

TEST(automaton, beginnings_are_matched) {
  for (const char *pattern : {"12|3", "1\\d{3}", "2(?:3|4\\d{2})", "0{2,3}", ""}) {
    const Automaton automaton = build({pattern});
    for_each_number([&](const std::string &number) {
      EXPECT_EQ(automaton.matches_beginning(number), matches_beginning(pattern, number))
          << pattern << " on " << number;
    });
  }
}

TEST(automaton, equal_futures_share_their_states) {
  EXPECT_EQ(build({"1\\d{3}|2\\d{3}|34\\d{2}"}).size(), build({"[12]\\d{3}|34\\d{2}"}).size());
}

TEST(automaton, nothing_matches_without_patterns) {
  EXPECT_EQ(build({}).match("1"), 0);
  EXPECT_EQ(build({}).match(""), 0);
  EXPECT_FALSE(build({}).matches_beginning("1"));
}

TEST(automaton, a_pattern_with_an_end_is_refused) {
  AutomatonBuilder builder;
  builder.add(parse_pattern("1$").value().pattern, 1);
  EXPECT_FALSE(builder.build());
}

}  // namespace
