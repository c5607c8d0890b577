// format() in its four styles, and the names that the SQL interface uses.
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <set>
#include <string>

#include "phone/phone.hpp"

namespace {

using namespace customer_identity::phone;

std::optional<std::string> formatted(const char *text, const char *region, Style style,
                                     Acceptance acceptance = Acceptance::kValid) {
  Formatted result;
  std::memset(result.text, 'x', sizeof result.text);
  const Details details = parse(text, region, acceptance);
  if (details.reason != Reason::kOk || !customer_identity::phone::format(details, style, result))
    return std::nullopt;
  return result.text;
}

TEST(formatting, four_styles) {
  EXPECT_EQ(formatted("02079460123", "GB", Style::kE164), "+442079460123");
  EXPECT_EQ(formatted("02079460123", "GB", Style::kInternational), "+44 20 7946 0123");
  EXPECT_EQ(formatted("02079460123", "GB", Style::kNational), "020 7946 0123");
  EXPECT_EQ(formatted("02079460123", "GB", Style::kRfc3966), "tel:+44-20-7946-0123");
}

TEST(formatting, extension_is_kept_except_in_e164) {
  constexpr const char *kText = "(201) 555-0123 #456";
  EXPECT_EQ(formatted(kText, "US", Style::kE164), "+12015550123");
  EXPECT_EQ(formatted(kText, "US", Style::kInternational), "+1 201-555-0123 ext. 456");
  EXPECT_EQ(formatted(kText, "US", Style::kNational), "(201) 555-0123 ext. 456");
  EXPECT_EQ(formatted(kText, "US", Style::kRfc3966), "tel:+1-201-555-0123;ext=456");
}

TEST(formatting, extension_in_other_digits_is_written_in_ascii) {
  EXPECT_EQ(formatted("+442079460123 ext. \u0664\u0665\u0666", "GB", Style::kRfc3966),
            "tel:+44-20-7946-0123;ext=456");
}

TEST(formatting, unacceptable_text_is_not_formatted) {
  for (const Style style :
       {Style::kE164, Style::kInternational, Style::kNational, Style::kRfc3966}) {
    EXPECT_EQ(formatted("call me", "GB", style), std::nullopt);
    EXPECT_EQ(formatted("", "GB", style), std::nullopt);
    EXPECT_EQ(formatted("0000000000", "US", style), std::nullopt);
    EXPECT_EQ(formatted("02079460123", "", style), std::nullopt);
  }
}

TEST(formatting, possible_number_is_formatted_when_possible_is_enough) {
  EXPECT_EQ(formatted("0000000000", "US", Style::kE164, Acceptance::kPossible), "+10000000000");
}

TEST(formatting, formatted_text_reads_as_the_same_number) {
  for (const Style style :
       {Style::kE164, Style::kInternational, Style::kNational, Style::kRfc3966}) {
    for (const char *text : {"+442079460123", "+5491123456789", "+390236618300", "+74951234567"}) {
      const Details details = parse(text, "", Acceptance::kValid);
      const auto written = formatted(text, "", style);
      ASSERT_TRUE(written) << text;
      EXPECT_STREQ(parse(*written, details.region, Acceptance::kValid).e164, text) << *written;
    }
  }
}

TEST(names, styles_are_found_by_name_only) {
  EXPECT_EQ(style_named("e164"), Style::kE164);
  EXPECT_EQ(style_named("international"), Style::kInternational);
  EXPECT_EQ(style_named("national"), Style::kNational);
  EXPECT_EQ(style_named("rfc3966"), Style::kRfc3966);
  for (const char *unknown : {"", "E164", "e164 ", "rfc", "original"})
    EXPECT_EQ(style_named(unknown), std::nullopt) << unknown;
}

TEST(names, reasons_have_the_documented_names) {
  EXPECT_STREQ(name(Reason::kOk), "ok");
  EXPECT_STREQ(name(Reason::kEmpty), "empty");
  EXPECT_STREQ(name(Reason::kNotANumber), "not_a_number");
  EXPECT_STREQ(name(Reason::kUnknownCountryCode), "unknown_country_code");
  EXPECT_STREQ(name(Reason::kTooShort), "too_short");
  EXPECT_STREQ(name(Reason::kTooLong), "too_long");
  EXPECT_STREQ(name(Reason::kInvalidLength), "invalid_length");
  EXPECT_STREQ(name(Reason::kNoRegion), "no_region");
  EXPECT_STREQ(name(Reason::kNotInUse), "not_in_use");
  EXPECT_STREQ(name(Reason::kHasLetters), "has_letters");
  EXPECT_STREQ(name(Reason::kSeveralNumbers), "several_numbers");
  EXPECT_STREQ(name(Reason::kAmbiguous), "ambiguous");
}

TEST(names, every_type_has_its_own_name) {
  std::set<std::string> names;
  for (int type = 0; type <= static_cast<int>(Type::kUnknown); ++type)
    names.insert(name(static_cast<Type>(type)));
  EXPECT_EQ(names,
            (std::set<std::string>{"fixed_line", "mobile", "fixed_line_or_mobile", "toll_free",
                                   "premium_rate", "shared_cost", "voip", "personal_number",
                                   "pager", "uan", "voicemail", "unknown"}));
  EXPECT_STREQ(name(Type::kTollFree), "toll_free");
  EXPECT_STREQ(name(Type::kFixedLine), "fixed_line");
  EXPECT_STREQ(name(Type::kUnknown), "unknown");
}

}  // namespace
