// Compares parse() with libphonenumber called directly, for every input of test/data, and with the
// answers recorded there when the library that is linked is the one that gave them.
#include <gtest/gtest.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <filesystem>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "phone/phone.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr std::string_view kLinkedVersion = PHONENUMBER_VERSION;
constexpr std::string_view kCorpusVersion = "8.12.57";

std::string recorded_file(const std::string &kind) {
  return kind + "-" + std::string(kLinkedVersion) + ".tsv";
}

bool is_recorded(const std::string &kind) {
  return std::filesystem::exists(std::filesystem::path(TEST_DATA) / recorded_file(kind));
}

/// What a Details and a record can both say.
struct Answer {
  std::string e164;
  std::string region;
  std::string extension;
  bool valid = false;
  bool possible = false;
  int type = PhoneNumberUtil::UNKNOWN;

  bool operator==(const Answer &) const = default;
};

std::ostream &operator<<(std::ostream &out, const Answer &answer) {
  return out << answer.e164 << " region " << answer.region << " extension " << answer.extension
             << " valid " << answer.valid << " possible " << answer.possible << " type "
             << answer.type;
}

Answer answer_of(const Details &details) {
  return {details.e164,     details.region,      details.extension,
          details.is_valid, details.is_possible, static_cast<int>(details.type)};
}

std::string none_if_zz(const std::string &region) { return region == "ZZ" ? "" : region; }

/// The library's own answer. Blank texts and over-long ones are not for it.
Answer ask_library(const std::string &input, const std::string &region) {
  const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  if (util.Parse(input, region, &number) != PhoneNumberUtil::NO_PARSING_ERROR) return {};

  Answer answer;
  util.Format(number, PhoneNumberUtil::E164, &answer.e164);
  util.GetRegionCodeForNumber(number, &answer.region);
  answer.region = none_if_zz(answer.region);
  answer.extension = number.extension();
  answer.valid = util.IsValidNumber(number);
  answer.possible = util.IsPossibleNumber(number);
  answer.type = util.GetNumberType(number);
  return answer;
}

/// The library's own answer for an acceptable number is what it says of its own E.164 form, once
/// that stays the same.
Answer ask_until_settled(const std::string &input, const std::string &region, bool Answer::*good) {
  Answer answer = ask_library(input, region);
  while (answer.*good) {
    Answer again = ask_library(answer.e164, "ZZ");
    again.extension = answer.extension;
    if (again == answer) break;
    answer = again;
  }
  return answer;
}

/// The rest of what the library says, for a text that it can parse.
void expect_same_number(const Details &details) {
  const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  util.Parse(details.e164, "ZZ", &number);
  EXPECT_EQ(details.country_code, number.country_code()) << details.e164;
  EXPECT_EQ(std::string("+") + std::to_string(details.country_code) + details.national_number,
            details.e164);
}

void expect_as_library(const std::string &input, const std::string &region) {
  const Details details = parse(input, region, Acceptance::kValid);
  const Details possible = parse(input, region, Acceptance::kPossible);
  EXPECT_EQ(answer_of(details), ask_until_settled(input, region, &Answer::valid))
      << input << " in " << region;
  EXPECT_EQ(answer_of(possible), ask_until_settled(input, region, &Answer::possible))
      << input << " in " << region;
  EXPECT_EQ(details.reason == Reason::kOk, details.is_valid) << input << " in " << region;
  EXPECT_EQ(possible.reason == Reason::kOk, possible.is_possible) << input << " in " << region;
  if (details.e164[0] != '\0') expect_same_number(details);
}

void expect_as_library(const std::string &name, std::size_t fields, std::size_t records) {
  const auto table = read_table(name, fields);
  ASSERT_EQ(table.size(), records);
  for (const Record &record : table) expect_as_library(record[0], record[1]);
}

/// What a recorded parse error is called.
Reason recorded_reason(const Record &record) {
  const std::string &outcome = record[2];
  if (outcome == "TOO_LONG_NSN") return Reason::kTooLong;
  if (outcome == "INVALID_COUNTRY_CODE")
    return is_region(record[1]) ? Reason::kUnknownCountryCode : Reason::kNoRegion;
  if (outcome != "NOT_A_NUMBER") throw std::runtime_error("unknown outcome: " + outcome);
  const bool blank = record[0].find_first_not_of(' ') == std::string::npos;
  return blank ? Reason::kEmpty : Reason::kNotANumber;
}

void expect_outcome(const Record &record, const Details &details) {
  const bool parsed = record[2] == "ok";
  EXPECT_EQ(details.e164[0] != '\0', parsed) << record[0];
  EXPECT_EQ(details.country_code != 0, parsed) << record[0];
  if (parsed) return;
  EXPECT_EQ(details.reason, recorded_reason(record)) << record[0];
}

Answer recorded_case(const Record &record) {
  return {record[3],         none_if_zz(record[7]), record[8],
          record[4] == "v1", record[5] == "p1",     std::stoi(record[6].substr(1))};
}

TEST(recorded_answers, cases_read_as_the_installed_library_reads_them) {
  expect_as_library("cases-8.12.57.tsv", 10, 139);
  expect_as_library("cases-8.13.51.tsv", 10, 139);
  expect_as_library("cases-9.0.35.tsv", 10, 139);
}

TEST(recorded_answers, corpus_reads_as_the_installed_library_reads_it) {
  expect_as_library("corpus.tsv", 6, 20000);
}

TEST(recorded_answers, library_test_inputs_read_as_the_installed_library_reads_them) {
  expect_as_library("upstream_cases.tsv", 2, 6464);
}

TEST(recorded_answers, cases_are_answered_as_recorded) {
  if (!is_recorded("cases"))
    GTEST_SKIP() << "no cases recorded for libphonenumber '" << kLinkedVersion << "'";

  const auto table = read_table(recorded_file("cases"), 10);
  ASSERT_EQ(table.size(), 139U);
  for (const Record &record : table) {
    const Details details = parse(record[0], record[1], Acceptance::kValid);
    EXPECT_EQ(answer_of(details), recorded_case(record)) << record[0] << " in " << record[1];
    expect_outcome(record, details);
  }
}

void expect_recorded_row(const Record &record) {
  const Details details = parse(record[0], record[1], Acceptance::kValid);
  EXPECT_EQ(details.e164, record[2]) << record[0] << " in " << record[1];
  EXPECT_EQ(details.is_valid, record[3] == "1") << record[0] << " in " << record[1];
  EXPECT_EQ(details.is_possible, record[4] == "1") << record[0] << " in " << record[1];
  EXPECT_EQ(static_cast<int>(details.type), std::stoi(record[5]))
      << record[0] << " in " << record[1];
}

TEST(recorded_answers, corpus_is_answered_as_recorded) {
  if (kLinkedVersion != kCorpusVersion && !is_recorded("corpus"))
    GTEST_SKIP() << "no corpus recorded for libphonenumber '" << kLinkedVersion << "'";

  std::map<std::pair<std::string, std::string>, Record> others;
  if (kLinkedVersion != kCorpusVersion)
    for (const Record &record : read_table(recorded_file("corpus"), 6))
      others[{record[0], record[1]}] = record;
  for (const Record &record : read_table("corpus.tsv", 6)) {
    const auto other = others.find({record[0], record[1]});
    expect_recorded_row(other == others.end() ? record : other->second);
  }
}

}  // namespace
