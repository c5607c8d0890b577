// The rules of read(): each with the spellings that people and tables have, and with the numbers of
// every region, so that a rule holds for its kind and not for its examples.
#include <gtest/gtest.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <cstdlib>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "phone/reading.hpp"
#include "phone_generator.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr Options kByDefault;

/// Every reading is the same by the fast path, by the library, and without a word from it.
Details reading(std::string_view text, std::string_view region, Options options = kByDefault) {
  options.fast_path = FastPath::kVerify;
  const Details details = read(text, region, options);
  options.fast_path = FastPath::kOn;
  Details fast;
  if (read_fast(text, region, options, fast)) {
    EXPECT_STREQ(fast.e164, details.e164) << text;
    EXPECT_EQ(fast.reason, details.reason) << text;
  }
  return details;
}

std::string number(std::string_view text, std::string_view region,
                   const Options &options = kByDefault) {
  const Details details = reading(text, region, options);
  return details.reason == Reason::kOk ? details.e164 : name(details.reason);
}

struct Example {
  std::string region;
  std::string code;
  std::string nationally;  // as it is dialled inside the country, with separators
  std::string e164;        // as it is read
  bool is_mobile;
};

/// A fixed line and a mobile of every region.
std::vector<Example> examples() {
  const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
  std::set<std::string> regions;
  util.GetSupportedRegions(&regions);
  std::vector<Example> found;
  for (const std::string &region : regions) {
    for (const auto type : {PhoneNumberUtil::FIXED_LINE, PhoneNumberUtil::MOBILE}) {
      PhoneNumber number;
      if (!util.GetExampleNumberForType(region, type, &number)) continue;
      Example example = {region, std::to_string(number.country_code()), "", "",
                         type == PhoneNumberUtil::MOBILE};
      std::string e164;
      util.Format(number, PhoneNumberUtil::E164, &e164);
      util.Format(number, PhoneNumberUtil::NATIONAL, &example.nationally);
      example.e164 = read(e164, "", kByDefault).e164;
      found.push_back(example);
    }
  }
  return found;
}

TEST(rules, recorded_spellings_are_read_by_their_rules) {
  for (const Record &record : read_table("readings.tsv", 5))
    EXPECT_EQ(number(record[0], record[1]), record[2].empty() ? record[3] : record[2])
        << record[0] << ": " << record[4];
}

TEST(rules, every_region_has_its_examples) { EXPECT_GT(examples().size(), 400U); }

TEST(rules, national_and_international_spellings_are_one_number) {
  for (const Example &example : examples()) {
    EXPECT_EQ(number(example.nationally, example.region), example.e164) << example.region;
    EXPECT_EQ(number(example.e164, example.region), example.e164);
    EXPECT_EQ(number(example.e164, ""), example.e164) << "needs no region";
    EXPECT_EQ(number("Tel.: " + example.nationally, example.region), example.e164);
  }
}

TEST(rules, a_number_kept_as_a_float_is_the_number) {
  for (const Example &example : examples()) {
    if (example.nationally.find('.') == std::string::npos) {
      EXPECT_EQ(number(example.nationally + ".0", example.region), example.e164)
          << example.nationally;
    }
    EXPECT_EQ(number(example.e164 + ".0", example.region), example.e164);
    EXPECT_EQ(number(example.e164.substr(1) + ".00", example.region),
              number(example.e164.substr(1), example.region));
  }
}

TEST(rules, letters_never_dial) {
  for (const Example &example : examples()) {
    for (const std::string label :
         {" Mara", " (mobil)", " - work", ", cell", " Büro", "\n(home)"}) {
      const std::string read = number(example.nationally + label, example.region);
      EXPECT_TRUE(read == example.e164 || read == "has_letters") << example.nationally << label;
      EXPECT_EQ(number(example.e164 + label, example.region), example.e164) << label;
    }
    for (const std::string rest : {" 2. OG", " ab 18h", "abc", " or 0124", " x1y2", "O"}) {
      EXPECT_EQ(number(example.e164 + rest, example.region), "has_letters") << rest;
      EXPECT_EQ(number(example.nationally + rest, example.region), "has_letters") << rest;
    }
  }
}

TEST(rules, a_calling_code_without_its_plus_is_the_same_mobile_or_nobody) {
  int unsure = 0;
  for (const Example &example : examples()) {
    const std::string read = number(example.e164.substr(1), example.region);
    EXPECT_TRUE(read == example.e164 || read == "ambiguous") << example.e164 << ' ' << read;
    if (example.is_mobile && read != example.e164) ++unsure;
  }
  EXPECT_LE(unsure, 2);
}

TEST(rules, separators_of_all_kinds_are_blanks) {
  for (const Example &example : examples()) {
    for (const std::string separator : {"\u202F", "\u00A0", "\u2009", "\t", "_", "\u00B7", "\u2022",
                                        "\u200D", "\u2060", "\uFEFF", "\u2011"}) {
      std::string spelled = example.e164.substr(0, 1 + example.code.size());
      for (std::size_t at = spelled.size(); at < example.e164.size(); at += 3)
        spelled += separator + example.e164.substr(at, 3);
      EXPECT_EQ(number(spelled, ""), example.e164) << spelled;
    }
  }
}

TEST(rules, two_numbers_are_refused_and_one_given_twice_is_read) {
  const std::vector<Example> all = examples();
  for (std::size_t at = 1; at < all.size(); ++at) {
    const Example &one = all[at - 1];
    const Example &other = all[at];
    for (const std::string between : {" / ", ", ", " ", "; ", " und ", "\n", " oder Tel. "}) {
      EXPECT_EQ(number(one.e164 + between + one.e164, ""), one.e164) << between;
      EXPECT_EQ(number(one.e164 + between + one.nationally, one.region), one.e164)
          << one.e164 << between << one.nationally;
      if (one.e164 == other.e164) continue;
      EXPECT_EQ(number(one.e164 + between + other.e164, ""), "several_numbers") << between;
      if (one.region != other.region) continue;
      EXPECT_EQ(number(one.nationally + between + other.nationally, one.region), "several_numbers")
          << one.nationally << between << other.nationally;
    }
  }
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  while (times-- > 0) text += piece;
  return text;
}

TEST(rules, a_gap_of_any_width_is_read_alike) {
  const std::vector<std::string> separators = {" ", ".", "-", "_",  "\t", "\u00A0", "\u2022", "*",
                                               "/", "(", "]", " .", ". ", " - ",    "\u202F."};
  const std::vector<Example> all = examples();
  for (std::size_t at = 1; at < all.size(); at += 2) {
    const std::string &separator = separators[at / 2 % separators.size()];
    const std::string &one = all[at - 1].nationally;
    const std::string &other = all[at].nationally;
    const std::vector<std::string> behind = {other,       "/8",         "/" + one,
                                             "0" + other, ", " + other, "ab"};
    for (std::size_t part = 0; part <= behind.size(); ++part) {
      const auto text = [&](std::size_t width) {
        const std::string gap = repeated(separator, width / separator.size());
        return part < behind.size() ? one + gap + behind[part] : "Apt. 30" + gap + one;
      };
      const std::string narrow = number(text(12), all[at].region);
      for (const std::size_t width : {60, 66, 72, 78, 84, 90, 150, 210})
        EXPECT_EQ(number(text(width), all[at].region), narrow) << text(width);
    }
  }
}

std::string national_prefix(const std::string &region) {
  std::string prefix;
  PhoneNumberUtil::GetInstance()->GetNddPrefixForRegion(region, true, &prefix);
  return prefix;
}

TEST(rules, a_zero_by_itself_is_not_dialled_before_a_number_with_one) {
  for (const Example &example : examples()) {
    for (const std::string between : {" ", "/", " (", "-", ".", ") "}) {
      const std::string text = "0" + between + example.nationally;
      const std::string read = number(text, example.region);
      if (example.nationally.starts_with('0')) {
        EXPECT_TRUE(read == example.e164 || read[0] != '+') << text << ' ' << read;
        EXPECT_EQ(number("Nr. " + text, example.region), read);
      }
      const std::string prefix = national_prefix(example.region);
      const std::string national = example.e164.substr(1 + example.code.size());
      const std::string apart = number(prefix + between + national, example.region);
      EXPECT_EQ(apart, number(prefix + national, example.region)) << prefix + between + national;
    }
  }
}

TEST(rules, two_numbers_with_a_tilde_between_are_refused) {
  const std::vector<Example> all = examples();
  for (std::size_t at = 1; at < all.size(); ++at) {
    const Example &one = all[at - 1];
    const Example &other = all[at];
    if (one.region != other.region || one.e164 == other.e164) continue;
    for (const std::string tilde : {"~", " ~ ", "\u301C", "\uFF5E", "~~"}) {
      const std::string read = number(one.nationally + tilde + other.nationally, one.region);
      EXPECT_NE(read[0], '+') << one.nationally << tilde << other.nationally << ' ' << read;
    }
  }
}

TEST(rules, parameters_of_an_address_are_given_once) {
  for (const std::string parameter : {";phone-context=+44", ";ext=12", ";isub=1"}) {
    const std::string context = parameter == ";phone-context=+44" ? "" : ";phone-context=+44";
    EXPECT_EQ(number("20-7946-0123" + context + parameter, "AT"), "+442079460123") << parameter;
    for (const std::string again : {";phone-context=+43", ";ext=", ";isub=2"}) {
      if (again.substr(0, 4) != parameter.substr(0, 4)) continue;
      EXPECT_EQ(number("20-7946-0123" + context + parameter + again, "AT"), "not_a_number")
          << again;
      EXPECT_EQ(number("20-7946-0123" + context + again + parameter, "AT"), "not_a_number")
          << again;
    }
  }
}

/// In UTF-8.
std::string written(char32_t code_point) {
  const auto byte = [code_point](unsigned shift) {
    return static_cast<char>(0x80U | (code_point >> shift & 0x3FU));
  };
  if (code_point < 0x800) return {static_cast<char>(0xC0U | code_point >> 6U), byte(0)};
  if (code_point < 0x10000) return {static_cast<char>(0xE0U | code_point >> 12U), byte(6), byte(0)};
  return {static_cast<char>(0xF0U | code_point >> 18U), byte(12), byte(6), byte(0)};
}

TEST(rules, digits_of_every_script_that_the_library_knows_are_digits) {
  const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
  int found = 0;
  for (char32_t code_point = 0x80; code_point < 0x20000; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string digit = written(code_point);
    const std::string text = "030 12345" + digit;
    util.NormalizeDigitsOnly(&digit);
    if (digit.empty()) continue;
    ++found;
    EXPECT_EQ(number(text, "DE"), "+493012345" + digit) << text;
  }
  EXPECT_GE(found, 600);
}

TEST(rules, digits_of_scripts_that_are_new_in_unicode_are_digits) {
  for (const char32_t zero : {0x10D40, 0x116D0, 0x116DA, 0x11BF0, 0x11DE0, 0x11F50, 0x16130,
                              0x16D70, 0x1CCF0, 0x1E4F0, 0x1E5F1})
    for (char32_t digit = 0; digit < 10; ++digit)
      EXPECT_EQ(number("030 12345" + written(zero + digit), "DE"),
                "+493012345" + std::to_string(digit))
          << std::hex << static_cast<unsigned>(zero);
}

TEST(rules, what_may_be_a_digit_is_no_label) {
  for (const std::string last :
       {"O",          "l",      "I",      "\u041E", "\u043E",     "\u03BF",     "\u039F",
        "\u0456",     "\u0406", "\u0555", "\uFF2F", "\U0001D442", "\U0001D6B6", "\u24C4",
        "\U0001F17E", "\u00D8", "\u0417", "\u0431", "\u3007",     "\u516B",     "\u2076",
        "\u00B2",     "\u2089", "\u2466", "\u2160", "\U0001F101", "\u3285",     "\u00BD"}) {
    EXPECT_EQ(number("030 12345 " + last, "DE"), "has_letters") << last;
    EXPECT_EQ(number("030 12345 (" + last + ")", "DE"), "has_letters") << last;
    EXPECT_EQ(number("030 12345" + last, "DE"), "has_letters") << last;
    EXPECT_EQ(number("030 12345" + last + " / 030 12345" + last, "DE"), "has_letters") << last;
    EXPECT_EQ(number(last + "91512345678", "DE"), "has_letters") << last;
  }
  EXPECT_EQ(number("030 12345 \u0434\u043E\u043C", "DE"), "+493012345") << "a word has more";
}

TEST(rules, an_extension_is_kept_and_is_no_part_of_the_number) {
  for (const Example &example : examples()) {
    for (const std::string mark : {" ext. ", "x", " #", " DW ", " Durchwahl ", " (ext ", ";ext="}) {
      const Details details = reading(example.e164 + mark + "12", "");
      EXPECT_EQ(details.e164, example.e164) << mark;
      EXPECT_STREQ(details.extension, "12") << mark;
    }
  }
}

TEST(rules, letters_dial_where_that_is_wanted) {
  Options letters;
  letters.read_letters = true;
  EXPECT_EQ(number("1-800-FLOWERS", "US", letters), "+18003569377");
  EXPECT_EQ(number("0800 GET CASH", "GB", letters), "+448004382274");
  EXPECT_EQ(number("030 123456 Mara", "DE", letters), "+4930123456") << "a label stays one";
}

TEST(rules, possible_numbers_follow_them_too) {
  Options possible;
  possible.acceptance = Acceptance::kPossible;
  EXPECT_EQ(number("000-000-0000", "US", possible), "+10000000000");
  EXPECT_EQ(number("0000000000.0", "US", possible), "+10000000000");
  EXPECT_EQ(number("000-000-0000 Mara", "US", possible), "+10000000000");
  EXPECT_EQ(number("4915123456789", "DE", possible), "+4915123456789");
  EXPECT_EQ(number("+54 11 2345 6789", "AR", possible), "+5491123456789");
}

TEST(rules, made_up_texts_are_read_alike_by_all_and_once_for_all) {
  const std::uint64_t seed = setting("PHONES_SEED", 7);
  PhoneGenerator phones(seed);
  for (std::uint64_t row = setting("PHONES_ROWS", 20000); row > 0; --row) {
    const TypedPhone phone = phones.next();
    const std::string region = is_region(phone.region) ? phone.region : "";
    for (const Acceptance acceptance : {Acceptance::kValid, Acceptance::kPossible}) {
      Options options;
      options.acceptance = acceptance;
      const Details details = reading(phone.text, region, options);
      if (details.reason != Reason::kOk) continue;
      EXPECT_STREQ(read(details.e164, "", options).e164, details.e164) << phone.text;
      EXPECT_STREQ(read(details.e164, region, options).e164, details.e164) << phone.text;
    }
  }
}

}  // namespace
