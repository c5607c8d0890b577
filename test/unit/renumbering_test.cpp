// Numbers of plans that have changed read as today's, and nobody else's do.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "phone/reading.hpp"
#include "phone/renumbering.hpp"
#include "phone_generator.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;

struct Case {
  const char *old;
  const char *region;
  const char *today;
};

// An example of each country's rules, as people wrote it then: abroad and at home.
constexpr Case kMoved[] = {
    {"+20 10 1234567", "", "+201001234567"},     {"016 1234567", "EG", "+201061234567"},
    {"019 1234567", "EG", "+201091234567"},      {"011 1234567", "EG", "+201111234567"},
    {"014 1234567", "EG", "+201141234567"},      {"012 1234567", "EG", "+201221234567"},
    {"017 1234567", "EG", "+201271234567"},      {"018 1234567", "EG", "+201281234567"},
    {"+212 61 123456", "", "+212661123456"},     {"061 123456", "MA", "+212661123456"},
    {"022 223456", "MA", "+212522223456"},       {"+225 07 12 34 56", "", "+2250707123456"},
    {"07 12 34 56", "CI", "+2250707123456"},     {"48 12 34 56", "CI", "+2250748123456"},
    {"05 12 34 56", "CI", "+2250505123456"},     {"76 12 34 56", "CI", "+2250576123456"},
    {"01 12 34 56", "CI", "+2250101123456"},     {"41 12 34 56", "CI", "+2250141123456"},
    {"20 21 12 34", "CI", "+2252720211234"},     {"22 41 12 34", "CI", "+2252722411234"},
    {"31 63 12 34", "CI", "+2252731631234"},     {"20 80 12 34", "CI", "+2252120801234"},
    {"22 00 12 34", "CI", "+2252522001234"},     {"+230 712 3456", "", "+23057123456"},
    {"251 2345", "MU", "+23052512345"},          {"+233 21 234567", "", "+233302234567"},
    {"021 234567", "GH", "+233302234567"},       {"022 234567", "GH", "+233303234567"},
    {"051 23456", "GH", "+233322023456"},        {"+237 77 12 34 56", "", "+237677123456"},
    {"99 12 34 56", "CM", "+237699123456"},      {"+241 06 12 34 56", "", "+24166123456"},
    {"+241 6 12 34 56", "", "+24166123456"},     {"06 12 34 56", "GA", "+24166123456"},
    {"05 12 34 56", "GA", "+24165123456"},       {"02 12 34 56", "GA", "+24162123456"},
    {"04 12 34 56", "GA", "+24174123456"},       {"07 12 34 56", "GA", "+24177123456"},
    {"01 72 34 56", "GA", "+24111723456"},       {"+290 2345", "", "+29022345"},
    {"+506 312 3456", "", "+50683123456"},       {"221 2345", "CR", "+50622212345"},
    {"+52 1 55 1234 5678", "", "+525512345678"}, {"+55 11 8123-4567", "", "+5511981234567"},
    {"(21) 9123-4567", "BR", "+5521991234567"},  {"0 61 8123-4567", "BR", "+5561981234567"},
    {"(51) 6123-4567", "BR", "+5551961234567"},  {"+57 1 2345678", "", "+576012345678"},
    {"4 2345678", "CO", "+576042345678"},        {"+689 71 23 45", "", "+68987712345"},
    {"+84 163 123 4567", "", "+84331234567"},    {"0120 123 4567", "VN", "+84701234567"},
    {"0121 123 4567", "VN", "+84791234567"},     {"0122 123 4567", "VN", "+84771234567"},
    {"0123 123 4567", "VN", "+84831234567"},     {"0124 123 4567", "VN", "+84841234567"},
    {"0125 123 4567", "VN", "+84851234567"},     {"0126 123 4567", "VN", "+84761234567"},
    {"0127 123 4567", "VN", "+84811234567"},     {"0128 123 4567", "VN", "+84781234567"},
    {"0129 123 4567", "VN", "+84821234567"},     {"0186 123 4567", "VN", "+84561234567"},
    {"0188 123 4567", "VN", "+84581234567"},     {"0199 123 4567", "VN", "+84591234567"},
    {"04 3123 4567", "VN", "+842431234567"},     {"0511 3123456", "VN", "+842363123456"},
    {"+966 1 234 5678", "", "+966112345678"},    {"02 234 5678", "SA", "+966122345678"},
    {"+974 441 2345", "", "+97444412345"},       {"612 3456", "QA", "+97466123456"},
    {"+995 99 12 34 56", "", "+995599123456"},   {"877 12 34 56", "GE", "+995577123456"},
    {"+995 32 12 34 56", "", "+995322123456"},
};

// What looks like an old number, and is somebody's today, or nobody's for certain.
constexpr Case kUnmoved[] = {
    {"+84 313 123 456", "", "+84313123456"},  // an area code once, a mobile number's start today
    {"+84 882 212 345", "", "+84882212345"},
    {"+55 11 7123-4567", "", "+551171234567"},  // trunked radio keeps eight digits
    {"+55 11 6123-4567", "", "+551161234567"},  // a fixed line of Sao Paulo once
    {"+55 11 3123-4567", "", "+551131234567"},  // a fixed line
    {"+230 212 3456", "", "+2302123456"},       // fixed lines keep seven digits
    {"+290 8123", "", "+2908123"},              // Tristan da Cunha
    {"+237 22 22 12 34", "", "+23722221234"},   // two networks, two rules
    {"+689 41 23 45", "", "+689412345"},
    {"+212 51 123456", "", "+21251123456"},  // a fixed line until 2006, a mobile number later
    {"+995 90 12 34 56", "", "+99590123456"},
    {"+225 20 11 12 34", "", "+22520111234"},  // no operator's
    {"+20 150 123 4567", "", "+201501234567"},
    {"+974 800 1234", "", "+9748001234"},
};

/// By all rules of reading: none of them knows better than the table.
Details reading(const std::string &text, const std::string &region) {
  return read(text, region, {});
}

TEST(renumbering, an_old_spelling_reads_as_the_number_of_today) {
  for (const Case &old : kMoved) {
    const Details details = reading(old.old, old.region);
    EXPECT_STREQ(details.e164, old.today) << old.old << " in " << old.region;
    EXPECT_EQ(details.reason, Reason::kOk) << old.old;
    EXPECT_TRUE(details.is_valid) << old.old;
  }
}

TEST(renumbering, what_is_not_certain_stays) {
  for (const Case &text : kUnmoved) {
    const Details details = reading(text.old, text.region);
    EXPECT_STREQ(details.e164, text.today) << text.old;
    EXPECT_EQ(renumbering_of(details), nullptr) << text.old;
  }
}

TEST(renumbering, an_extension_comes_along) {
  EXPECT_STREQ(reading("+966 1 234 5678 ext. 12", "").extension, "12");
}

TEST(renumbering, a_possible_number_moves_as_well) {
  const Details old = parse("+84 163 123 4567", "", Acceptance::kPossible);
  EXPECT_STREQ(renumbered(old, Acceptance::kPossible, FastPath::kOn).e164, "+84331234567");
}

/// Benin's plan may be newer than the library: its old numbers move once today's are known, whether
/// they are still listed, as in 8.13.51, or not.
TEST(renumbering, no_number_moves_to_one_that_the_plans_do_not_know) {
  EXPECT_STREQ(renumber(229, "97123456").e164, "+2290197123456");
  EXPECT_STREQ(renumber(229, "20212345").e164, "+2290120212345");
  EXPECT_EQ(renumber(229, "81234567").rule, nullptr);
  EXPECT_EQ(renumber(229, "0197123456").rule, nullptr);
  const bool is_known = parse("+2290197123456", "", Acceptance::kValid).is_valid;
  EXPECT_STREQ(reading("+229 97123456", "").e164, is_known ? "+2290197123456" : "+22997123456");
}

/// The lanes take Mexico's 1 off where the plan has it; a plan without it leaves it to the table.
TEST(renumbering, mexico) {
  EXPECT_STREQ(renumber(52, "15512345678").e164, "+525512345678");
  EXPECT_EQ(renumber(52, "5512345678").rule, nullptr);
}

/// A number that a pattern is about, with other digits in the free places each time.
std::string number_of(std::string_view pattern, std::mt19937_64 &random) {
  if (pattern[1] == '?') pattern.remove_prefix(2);
  std::string number;
  while (!pattern.empty()) {
    std::string digits = pattern.front() == 'x' ? "0123456789" : std::string(1, pattern.front());
    if (pattern.front() == '[') {
      digits.clear();
      for (std::size_t i = 1; pattern[i] != ']'; ++i)
        if (pattern[i] == '-')
          for (char digit = pattern[i - 1]; digit < pattern[i + 1];) digits += ++digit;
        else
          digits += pattern[i];
      pattern.remove_prefix(pattern.find(']'));
    }
    pattern.remove_prefix(1);
    number += digits[random() % digits.size()];
  }
  return number;
}

/// Today's numbers are no old ones of any rule: reading again changes nothing.
TEST(renumbering, every_rule_moves_its_numbers_once) {
  std::mt19937_64 random(20241130);
  for (const Renumbering &rule : renumberings()) {
    int moved = 0;
    for (int i = 0; i < 500; ++i) {
      const std::string text =
          '+' + std::to_string(rule.country_code) + number_of(rule.old, random);
      const Details before = parse(text, "", Acceptance::kValid);
      const Details after = reading(text, "");
      if (before.is_valid && !rule.is_still_listed) {
        EXPECT_STREQ(after.e164, before.e164) << text;
      }
      if (after.is_valid) {
        EXPECT_STREQ(reading(after.e164, "").e164, after.e164) << text;
      }
      if (std::strcmp(after.e164, before.e164) != 0) ++moved;
    }
    // Benin's and Mexico's: see above.
    if (rule.country_code != 229 && rule.country_code != 52) {
      EXPECT_GT(moved, 0) << written(rule).text;
    }
  }
}

/// No two rules are about one number.
TEST(renumbering, rules_do_not_overlap) {
  std::mt19937_64 random(1);
  for (const Renumbering &rule : renumberings())
    for (int i = 0; i < 200; ++i) {
      const std::string number = number_of(rule.old, random);
      EXPECT_EQ(renumber(rule.country_code, number).rule, &rule) << written(rule).text << number;
    }
}

/// Valid numbers of all other countries are left alone, whatever they look like.
TEST(renumbering, numbers_in_use_stay) {
  for (const Record &record : read_table("corpus.tsv", 6)) {
    const Details details = parse(record[0], record[1], Acceptance::kValid);
    if (!details.is_valid || details.country_code == 229 || details.country_code == 241) continue;
    const Details after = renumbered(details, Acceptance::kValid, FastPath::kOn);
    EXPECT_STREQ(after.e164, details.e164) << record[0];
  }
}

TEST(renumbering, a_rule_is_written_with_its_country) {
  EXPECT_STREQ(written(*renumber(84, "1621234567").rule).text,
               "+84 16[2-9]xxxxxxx -> +84 3[2-9]xxxxxxx");
  EXPECT_STREQ(written(*renumber(966, "12345678").rule).text, "+966 1xxxxxxx -> +966 11xxxxxxx");
}

TEST(renumbering, every_rule_is_documented) {
  std::ifstream file(std::string(TEST_DATA) + "/../../docs/phones.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const Renumbering &rule : renumberings()) {
    const std::string_view old = rule.old[1] == '?' ? rule.old.substr(2) : rule.old;
    EXPECT_NE(text.find('`' + std::string(old) + "` →"), std::string::npos) << written(rule).text;
    EXPECT_NE(text.find(rule.source), std::string::npos) << rule.source;
    EXPECT_NE(text.find(rule.since), std::string::npos) << rule.since;
  }
}

TEST(renumbering, every_rule_names_its_day_and_source) {
  for (const Renumbering &rule : renumberings()) {
    EXPECT_EQ(rule.since.size(), 10U);
    EXPECT_FALSE(rule.source.empty());
    EXPECT_EQ(written(rule).text, std::string(written(rule).text).substr(0, 63));
  }
}

}  // namespace
