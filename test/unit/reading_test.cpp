// What parse() makes of single texts: reasons, limits, hostile bytes, regions, acceptance.
// Texts whose answers do not hang on the version of libphonenumber.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>

#include "phone/phone.hpp"

namespace {

using namespace customer_identity::phone;
using namespace std::string_literals;

Reason reason(std::string_view text, std::string_view region = "GB",
              Acceptance acceptance = Acceptance::kValid) {
  return parse(text, region, acceptance).reason;
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  while (times-- > 0) text += piece;
  return text;
}

/// A readable number after so many invisible characters (zero width spaces) that `characters` is
/// the whole's length.
std::string padded(std::size_t characters) {
  constexpr std::string_view kNumber = "+442079460123";
  return repeated("\u200B", characters - kNumber.size()) + std::string(kNumber);
}

TEST(reading, spellings_of_one_number_have_one_e164) {
  for (const char *spelling :
       {"020 7946 0123", "(020) 7946-0123", "+44 20 7946 0123", "0044 20 7946 0123",
        "tel:+44-20-7946-0123", "+44 (0)20 7946 0123", "\uFF0B\uFF14\uFF14 20 7946 0123"})
    EXPECT_STREQ(parse(spelling, "GB", Acceptance::kValid).e164, "+442079460123") << spelling;
}

TEST(reading, details_are_complete) {
  const Details details = parse("020 7946 0123 ext. 456", "GB", Acceptance::kValid);
  EXPECT_STREQ(details.e164, "+442079460123");
  EXPECT_STREQ(details.national_number, "2079460123");
  EXPECT_STREQ(details.extension, "456");
  EXPECT_STREQ(details.region, "GB");
  EXPECT_EQ(details.country_code, 44);
  EXPECT_EQ(details.type, Type::kFixedLine);
  EXPECT_EQ(details.reason, Reason::kOk);
  EXPECT_TRUE(details.is_possible);
  EXPECT_TRUE(details.is_valid);
}

TEST(reading, details_of_an_unparsed_text_are_empty) {
  const Details details = parse("no number", "GB", Acceptance::kValid);
  EXPECT_STREQ(details.e164, "");
  EXPECT_STREQ(details.national_number, "");
  EXPECT_STREQ(details.extension, "");
  EXPECT_STREQ(details.region, "");
  EXPECT_EQ(details.country_code, 0);
  EXPECT_EQ(details.type, Type::kUnknown);
  EXPECT_FALSE(details.is_possible);
  EXPECT_FALSE(details.is_valid);
}

TEST(reading, italian_zero_stays_in_the_national_number) {
  const Details details = parse("02 3661 8300", "IT", Acceptance::kValid);
  EXPECT_STREQ(details.national_number, "0236618300");
  EXPECT_STREQ(details.e164, "+390236618300");
}

TEST(reading, non_geographical_number_has_region_001) {
  EXPECT_STREQ(parse("+800 1234 5678", "US", Acceptance::kValid).region, "001");
}

TEST(reading, extension_is_written_in_ascii_digits) {
  EXPECT_STREQ(parse("+442079460123 ext. \u0664\u0665\u0666", "GB", Acceptance::kValid).extension,
               "456");
  const std::string widest = repeated("\U0001D7D7", 20);  // four bytes each
  EXPECT_EQ(parse("+442079460123 ext. " + widest, "GB", Acceptance::kValid).extension,
            repeated("9", 20));
}

TEST(reading, white_space_of_any_kind_is_empty) {
  for (const char *blank : {"", " ", "\t\r\n\v\f", "\u00A0", "\u2003 \u3000", "\u0085\u2028"})
    EXPECT_EQ(reason(blank), Reason::kEmpty) << '"' << blank << '"';
  EXPECT_EQ(reason(std::string(kMaximumCharacters, ' ')), Reason::kEmpty);
}

TEST(reading, each_reason_is_given) {
  EXPECT_EQ(reason("020 7946 0123"), Reason::kOk);
  EXPECT_EQ(reason("call me"), Reason::kNotANumber);
  EXPECT_EQ(reason("*123#"), Reason::kNotANumber);
  EXPECT_EQ(reason("+999123456789"), Reason::kUnknownCountryCode);
  EXPECT_EQ(reason("00999123456789"), Reason::kUnknownCountryCode);
  EXPECT_EQ(reason("00 1"), Reason::kTooShort);
  EXPECT_EQ(reason("999"), Reason::kTooShort);
  EXPECT_EQ(reason("+12345678901234567890"), Reason::kTooLong);
  EXPECT_EQ(reason("123456789012345678", "US"), Reason::kTooLong);
  EXPECT_EQ(reason("+1 201 555 012", "US"), Reason::kTooShort);
  EXPECT_EQ(reason("0000000000", "US"), Reason::kNotInUse);
}

TEST(reading, length_between_possible_ones_is_an_invalid_length) {
  EXPECT_EQ(reason("+800 1234 567", "US"), Reason::kTooShort);
  EXPECT_EQ(reason("+43 1", "AT"), Reason::kTooShort);
  EXPECT_EQ(reason("+354 12345678", "IS"), Reason::kInvalidLength);
}

TEST(reading, local_number_without_area_code_is_too_short) {
  EXPECT_EQ(reason("253 0000", "US"), Reason::kTooShort);
}

TEST(reading, only_a_national_spelling_needs_a_region) {
  EXPECT_EQ(reason("+442079460123", ""), Reason::kOk);
  EXPECT_EQ(reason("\uFF0B442079460123", ""), Reason::kOk);
  EXPECT_EQ(reason("tel:2079460123;phone-context=+44", ""), Reason::kOk);
  EXPECT_EQ(reason("2079460123", ""), Reason::kNoRegion);
  EXPECT_EQ(reason("00442079460123", ""), Reason::kNoRegion);
  EXPECT_EQ(reason("\u0660\u0661\u0660\u0660\u0661\u0662\u0663\u0664", ""), Reason::kNoRegion);
  EXPECT_EQ(reason("2079460123 /x+442", ""), Reason::kNoRegion);
}

TEST(reading, unknown_country_code_is_told_from_a_missing_region) {
  EXPECT_EQ(reason("+999123456789", ""), Reason::kUnknownCountryCode);
  EXPECT_EQ(reason("\uFF0B999123456789", ""), Reason::kUnknownCountryCode);
  EXPECT_EQ(reason("phone: +999123456789", ""), Reason::kUnknownCountryCode);
  EXPECT_EQ(reason("tel:123456;phone-context=+999", ""), Reason::kUnknownCountryCode);
}

TEST(reading, a_text_that_is_no_number_is_so_without_a_region_too) {
  EXPECT_EQ(reason("call me", ""), Reason::kNotANumber);
}

TEST(reading, unknown_region_counts_as_none) {
  for (const std::string &region : {"ZZ"s, "UK"s, "gb"s, "001"s, "G"s, "GBR"s, "\0\0"s, "\xFF\xFE"s,
                                    std::string(100000, 'G')}) {
    EXPECT_FALSE(is_region(region));
    EXPECT_EQ(reason("02079460123", region), Reason::kNoRegion);
    EXPECT_STREQ(parse("+442079460123", region, Acceptance::kValid).e164, "+442079460123");
  }
}

TEST(reading, known_regions_are_regions) {
  for (const char *region : {"GB", "US", "DE", "AX", "XK", "TA"}) EXPECT_TRUE(is_region(region));
  EXPECT_FALSE(is_region(""));
}

TEST(reading, possible_number_that_is_not_in_use_is_accepted_when_possible_is_enough) {
  const Details valid = parse("0000000000", "US", Acceptance::kValid);
  const Details possible = parse("0000000000", "US", Acceptance::kPossible);
  EXPECT_EQ(valid.reason, Reason::kNotInUse);
  EXPECT_EQ(possible.reason, Reason::kOk);
  EXPECT_FALSE(possible.is_valid);
  EXPECT_STREQ(possible.e164, valid.e164);
  EXPECT_STREQ(possible.e164, "+10000000000");
}

TEST(reading, impossible_number_is_never_accepted_but_described) {
  for (const Acceptance acceptance : {Acceptance::kValid, Acceptance::kPossible}) {
    const Details details = parse("+1 604 401 12345", "US", acceptance);
    EXPECT_EQ(details.reason, Reason::kTooLong);
    EXPECT_STREQ(details.e164, "+160440112345");
    EXPECT_EQ(details.country_code, 1);
  }
}

TEST(reading, e164_longer_than_its_column_is_too_long) {
  const Details details = parse("+979 12345678901234567", "", Acceptance::kPossible);
  EXPECT_EQ(std::strlen(details.e164), 21U);
  EXPECT_EQ(details.reason, Reason::kTooLong);
}

TEST(reading, longest_number_fits_with_its_leading_zeros) {
  const Details details = parse("+39 00000000000000000", "", Acceptance::kValid);
  EXPECT_STREQ(details.national_number, "00000000000000000");
}

TEST(reading, text_of_250_characters_is_read) {
  const std::string text = padded(kMaximumCharacters);
  EXPECT_GT(text.size(), 2 * kMaximumCharacters);
  EXPECT_STREQ(parse(text, "GB", Acceptance::kValid).e164, "+442079460123");
}

TEST(reading, text_of_251_characters_is_too_long) {
  const Details details = parse(padded(kMaximumCharacters + 1), "GB", Acceptance::kValid);
  EXPECT_EQ(details.reason, Reason::kTooLong);
  EXPECT_STREQ(details.e164, "");
  EXPECT_EQ(reason(std::string(kMaximumCharacters + 1, '1')), Reason::kTooLong);
}

TEST(reading, very_long_text_is_refused_at_once) {
  reason("");
  const auto start = std::chrono::steady_clock::now();
  for (const char *piece : {"1", "+", " ", "\u0661", "1 x "})
    EXPECT_EQ(reason(repeated(piece, 20000)), Reason::kTooLong);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
}

TEST(reading, bytes_that_are_not_utf8_are_not_a_number) {
  for (const char *bytes :
       {"\xFF", "\x80", "\xC3", "\xC0\xB1", "\xE0\x80\xB1", "\xED\xA0\x80", "\xF0\x80\x80\xB1",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x80", "\xF0\x9F\x93", "\xE2(\xA1"}) {
    EXPECT_EQ(reason("+442079460123"s + bytes), Reason::kNotANumber);
    EXPECT_EQ(reason(bytes + "+442079460123"s), Reason::kNotANumber);
  }
}

TEST(reading, every_two_bytes_are_survived) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; second += 5) {
      const std::string bytes = {static_cast<char>(first), static_cast<char>(second)};
      EXPECT_NE(reason(bytes), Reason::kOk);
    }
  }
}

TEST(reading, nul_inside_is_not_the_end) { EXPECT_NE(reason("+442079460123\0999"s), Reason::kOk); }

auto everything(const Details &details) {
  return std::make_tuple(std::string(details.e164), std::string(details.national_number),
                         std::string(details.extension), std::string(details.region),
                         details.country_code, details.type, details.reason, details.is_possible,
                         details.is_valid);
}

TEST(reading, repeated_calls_give_equal_details) {
  for (const char *text : {"020 7946 0123 x12", "+999123456789", "junk", "+39 02 3661 8300"}) {
    const auto first = everything(parse(text, "GB", Acceptance::kValid));
    for (int round = 0; round < 1000; ++round)
      ASSERT_EQ(everything(parse(text, "GB", Acceptance::kValid)), first) << text;
  }
}

/// Reads and formats with standard output sent where standard error goes.
[[noreturn]] void use_everything() {
  static_cast<void>(std::fflush(stdout));
  dup2(STDERR_FILENO, STDOUT_FILENO);
  for (const std::string &text :
       {"020 7946 0123"s, "+999123456789"s, "junk"s, "\xFF"s, "1"s, "00 1"s, "+1 ext 5"s,
        "tel:1;phone-context="s, std::string(300, '1')}) {
    for (const char *region : {"GB", "", "XX", "001"}) {
      Formatted formatted;
      const Details details = parse(text, region, Acceptance::kPossible);
      customer_identity::phone::format(details, Style::kNational, formatted);
    }
  }
  std::exit(0);  // NOLINT(concurrency-mt-unsafe): so that the leak check runs
}

TEST(reading, nothing_is_printed) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";  // a new process: first use included
  EXPECT_EXIT(use_everything(), testing::ExitedWithCode(0), "^$");
}

}  // namespace
