// What is acceptable reads from its own E.164 form as the same number: else one person would be two
// customers. PHONES_ROWS says how many phones are made up, PHONES_SEED which.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <string>

#include "phone/phone.hpp"
#include "phone_generator.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;

constexpr std::uint64_t kSeed = 20240301;
constexpr std::uint64_t kRows = 100000;

/// True when the text is acceptable; both readers are asked, and have to agree.
bool expect_settled(const std::string &text, const std::string &region, Acceptance acceptance) {
  const Details details = parse(text, region, acceptance, FastPath::kVerify);
  if (details.reason != Reason::kOk) return false;
  for (const FastPath reader : {FastPath::kOn, FastPath::kOff}) {
    const Details again = parse(details.e164, "", acceptance, reader);
    EXPECT_EQ(again.reason, Reason::kOk) << text << " in " << region << ": " << details.e164;
    EXPECT_STREQ(again.e164, details.e164) << text << " in " << region;
  }
  return true;
}

TEST(settled, recorded_inputs) {
  for (const auto &[file, fields] :
       {std::pair{"corpus.tsv", 6}, std::pair{"upstream_cases.tsv", 2}})
    for (const Record &record : read_table(file, static_cast<std::size_t>(fields)))
      for (const Acceptance acceptance : {Acceptance::kValid, Acceptance::kPossible})
        expect_settled(record[0], record[1], acceptance);
}

TEST(settled, made_up_inputs_of_all_regions) {
  const std::uint64_t seed = setting("PHONES_SEED", kSeed);
  const std::uint64_t rows = setting("PHONES_ROWS", kRows);
  PhoneGenerator generator(seed);
  std::uint64_t acceptable = 0;
  for (std::uint64_t row = 0; row < rows && !HasFailure(); ++row) {
    const TypedPhone typed = row % 10 == 0 ? generator.next() : generator.next_overdialled();
    for (const Acceptance acceptance : {Acceptance::kValid, Acceptance::kPossible})
      if (expect_settled(typed.text, typed.region, acceptance)) ++acceptable;
  }
  std::cout << "seed " << seed << ": " << rows << " rows, acceptable " << acceptable << " times\n";
  EXPECT_GT(acceptable, rows / 10);
}

/// The prefix of Germany is taken off each time.
TEST(settled, a_number_is_read_until_it_stays_the_same) {
  for (const FastPath reader : {FastPath::kOn, FastPath::kOff}) {
    const Details details = parse("000 2497 918415 ext. 12", "DE", Acceptance::kPossible, reader);
    EXPECT_EQ(details.reason, Reason::kOk);
    EXPECT_STREQ(details.e164, "+492497918415");
    EXPECT_STREQ(details.national_number, "2497918415");
    EXPECT_STREQ(details.extension, "12");
  }
}

TEST(settled, a_long_run_of_prefixes_is_taken_off) {
  for (const FastPath reader : {FastPath::kOn, FastPath::kOff}) {
    const Details details = parse("00000000000 3641", "DE", Acceptance::kPossible, reader);
    EXPECT_STREQ(details.e164, "+493641");
  }
}

TEST(settled, what_is_not_acceptable_is_read_once) {
  const Details details = parse("000 2497 918415", "DE", Acceptance::kValid);
  EXPECT_STREQ(details.e164, "+49002497918415");
  EXPECT_EQ(details.reason, Reason::kNotInUse);
}

TEST(settled, formatting_writes_the_settled_number) {
  Formatted formatted;
  const Details details = parse("000 2497 918415 ext. 12", "DE", Acceptance::kPossible);
  ASSERT_TRUE(customer_identity::phone::format(details, Style::kRfc3966, formatted));
  EXPECT_STREQ(formatted.text, "tel:+49-2497-918415;ext=12");
}

}  // namespace
