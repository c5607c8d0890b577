// The fast path and the library give the same answer, in every field, for every recorded input and
// for made-up ones. PHONES_ROWS says how many are made up, PHONES_SEED which.
#include <gtest/gtest.h>

#include <iostream>
#include <stdexcept>
#include <string>

#include "phone/phone.hpp"
#include "phone_generator.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;

constexpr std::uint64_t kSeed = 20240229;
constexpr std::uint64_t kRows = 100000;

void expect_same(const std::string &text, const std::string &region, Acceptance acceptance) {
  try {
    parse(text, region, acceptance, FastPath::kVerify);
  } catch (const std::logic_error &difference) {
    ADD_FAILURE() << difference.what() << ": " << testing::PrintToString(text) << " in '" << region
                  << "'";
  }
}

bool falls_back(const std::string &text, const std::string &region) {
  Details details;
  return !parse_fast(text, region, Acceptance::kValid, details);
}

TEST(fast_path, recorded_inputs_read_as_by_the_library) {
  const std::vector<std::pair<std::string, std::size_t>> files = {{"corpus.tsv", 6},
                                                                  {"cases-8.12.57.tsv", 10},
                                                                  {"cases-8.13.51.tsv", 10},
                                                                  {"cases-9.0.35.tsv", 10},
                                                                  {"upstream_cases.tsv", 2}};
  for (const auto &[file, fields] : files) {
    for (const Record &record : read_table(file, fields)) {
      expect_same(record[0], record[1], Acceptance::kValid);
      expect_same(record[0], record[1], Acceptance::kPossible);
      expect_same(record[0], "", Acceptance::kValid);
    }
  }
}

TEST(fast_path, made_up_inputs_read_as_by_the_library) {
  const std::uint64_t seed = setting("PHONES_SEED", kSeed);
  const std::uint64_t rows = setting("PHONES_ROWS", kRows);
  PhoneGenerator generator(seed);
  std::uint64_t fallbacks = 0;
  for (std::uint64_t row = 0; row < rows; ++row) {
    const TypedPhone typed = generator.next();
    expect_same(typed.text, typed.region,
                row % 2 == 0 ? Acceptance::kValid : Acceptance::kPossible);
    if (falls_back(typed.text, typed.region)) ++fallbacks;
    ASSERT_LT(testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count(),
              20)
        << "row " << row << ", seed " << seed;
  }
  std::cout << "seed " << seed << ": " << rows << " rows, " << fallbacks
            << " left to the library\n";
}

TEST(fast_path, corpus_is_hardly_ever_left_to_the_library) {
  const auto corpus = read_table("corpus.tsv", 6);
  std::size_t fallbacks = 0;
  for (const Record &record : corpus)
    if (falls_back(record[0], record[1])) ++fallbacks;
  EXPECT_LE(fallbacks * 1000, corpus.size() * 3);
}

TEST(fast_path, rare_spellings_are_left_to_the_library) {
  for (const char *text :
       {"+1 201-555-0123;isub=1", "tel:123;phone-context=example.com", "(530) 583-6985 x302/x2303",
        "\U0001D7D8\U0001D7D8", "+442079460123 \u0434\u043E\u0431 12", "\xFF+442079460123"})
    EXPECT_TRUE(falls_back(text, "GB")) << text;
}

TEST(fast_path, off_means_the_library) {
  const Details details = parse("020 7946 0123", "GB", Acceptance::kValid, FastPath::kOff);
  EXPECT_STREQ(details.e164, "+442079460123");
}

TEST(fast_path, prepared_regions_answer_as_before) {
  prepare();
  EXPECT_STREQ(parse("020 7946 0123", "GB", Acceptance::kValid).e164, "+442079460123");
}

}  // namespace
