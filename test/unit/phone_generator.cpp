// Starts from the library's example numbers and the recorded inputs, and gets dialling, spelling
// and typing wrong in the ways that the rules look at.
#include "phone_generator.hpp"

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <cstdlib>
#include <set>
#include <string_view>

#include "table.hpp"

namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

const std::vector<std::string> kSeparators = {
    " ",      " ",      " ",      "-",      "-",      ".",      "(",      ")",      ") ",
    " (",     "/",      " / ",    "[",      "]",      "*",      "~",      "\u2011", "\u2013",
    "\u00A0", "\u00AD", "\u200B", "\u2060", "\u3000", "\uFF08", "\uFF09", "\uFF0D", "\uFF0E",
    "\uFF0F", "\u30FC", "\u202F", "x",      "  ",     " - "};

const std::vector<std::string> kLabels = {
    "x",      " x ",    " X",           "ext",         " ext. ",
    ";ext=",  " Ext: ", " extn ",       " extension ", " extensi\u00F3n ",
    " int ",  " int. ", " anexo ",      "#",           " #",
    " ~ ",    ",",      ",,",           ", ",          ";",
    " ; ",    "e x t",  " - ",          "-",           " \u0434\u043E\u0431 ",
    "\uFF58", "xtn",    " xt.",         ", ext: ",     ":",
    "=",      "\t",     "\u00A0x\u00A0"};

const std::vector<std::string> kPieces = {"+",
                                          "\uFF0B",
                                          "0",
                                          "00",
                                          "1",
                                          "2",
                                          "3",
                                          "4",
                                          "5",
                                          "6",
                                          "7",
                                          "8",
                                          "9",
                                          "11",
                                          "15",
                                          "44",
                                          "049",
                                          "810",
                                          "011",
                                          "a",
                                          "B",
                                          "z",
                                          "ABC",
                                          "O",
                                          "l",
                                          "x",
                                          "X",
                                          "#",
                                          "~",
                                          ",",
                                          ";",
                                          ":",
                                          "=",
                                          "\t",
                                          "\n",
                                          "/",
                                          "\\",
                                          " ",
                                          "-",
                                          ".",
                                          "(",
                                          ")",
                                          "*",
                                          "&",
                                          "@",
                                          "!",
                                          "?",
                                          "_",
                                          "'",
                                          "\"",
                                          "<",
                                          "\x01",
                                          "\x0B",
                                          "\x7F",
                                          "\u0085",
                                          "\u200E",
                                          "\u202A",
                                          "\u202C",
                                          "\uFEFF",
                                          "\u0660",
                                          "\u06F5",
                                          "\u0967",
                                          "\u09E8",
                                          "\u0E53",
                                          "\uFF14",
                                          "\u00B2",
                                          "\u2160",
                                          "\u017F",
                                          "\u212A",
                                          "\u00E9",
                                          "\u5730",
                                          "\U0001F4DE",
                                          "\U0001D7D8",
                                          "\xFF",
                                          "\xC3",
                                          "\uFFFE",
                                          "tel:",
                                          ";phone-context=+",
                                          ";phone-context=",
                                          ";phone-context=example.com",
                                          ";isub=",
                                          ";ext=",
                                          " x",
                                          "/x",
                                          "\\ x",
                                          "ext",
                                          "null"};

const std::vector<std::string> kPrefixes = {
    "0",   "0",   "00",   "1",  "8",  "9",  "01",  "02", "010", "011", "0011", "810", "8~10", "15",
    "044", "045", "0900", "09", "06", "08", "001", "99", "999", "119", "00xx", "0 ",  "(0)"};

const std::vector<std::string> kZeros = {"\u0660", "\u06F0", "\u0966",
                                         "\u09E6", "\uFF10", "\u0E50"};

/// The digit in another script: a script's digits follow each other in UTF-8 as well.
std::string in_script(char digit, std::string zero) {
  zero.back() = static_cast<char>(zero.back() + (digit - '0'));
  return zero;
}

}  // namespace

std::uint64_t setting(const char *name, std::uint64_t otherwise) {
  const char *value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr || *value == '\0' ? otherwise : std::stoull(value);
}

PhoneGenerator::PhoneGenerator(std::uint64_t seed) : random_(seed) {
  const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
  std::set<std::string> regions;
  util.GetSupportedRegions(&regions);
  regions_.assign(regions.begin(), regions.end());
  for (const std::string &region : regions_) {
    std::string prefix;
    util.GetNddPrefixForRegion(region, true, &prefix);
    for (int type = 0; type <= PhoneNumberUtil::VOICEMAIL; ++type) {
      PhoneNumber number;
      if (!util.GetExampleNumberForType(region, static_cast<PhoneNumberUtil::PhoneNumberType>(type),
                                        &number))
        continue;
      std::string national;
      util.GetNationalSignificantNumber(number, &national);
      examples_.push_back({std::to_string(number.country_code()), national, prefix});
    }
  }
  regions_.insert(regions_.end(), {"", "ZZ", "XX", "gb", "001"});
  for (const Record &record : read_table("corpus.tsv", 6))
    recorded_.push_back({record[0], record[1]});
  for (const Record &record : read_table("upstream_cases.tsv", 2))
    recorded_.push_back({record[0], record[1]});
}

TypedPhone PhoneGenerator::next() {
  const std::string region = one_in(3) ? any(recorded_).region : any(regions_);
  switch (below(10)) {
    case 0:
      return {any(recorded_).text, region};
    case 1:
    case 2: {
      const TypedPhone &recorded = any(recorded_);
      return {mutated(recorded.text), one_in(2) ? recorded.region : region};
    }
    case 3:
      return {noise(), region};
    case 4: {
      const std::string plus = one_in(2) ? "+" : "";
      return {spelled(plus + random_digits(20)), region};
    }
    default: {
      std::string text = spelled(dialled(any(examples_)));
      if (one_in(5)) text += extension();
      return {one_in(6) ? mutated(text) : text, region};
    }
  }
}

TypedPhone PhoneGenerator::next_overdialled() {
  const Example &example = any(examples_);
  std::string text = one_in(2) ? any(kPrefixes) : "";
  if (one_in(4)) text += example.calling_code;
  text += one_in(3) ? example.prefix : any(kPrefixes);
  text += one_in(3) ? misdialled(example.national) : random_digits(12);
  return {text, regions_[next_region_++ % regions_.size()]};
}

std::string PhoneGenerator::random_digits(std::size_t at_most) {
  std::string digits;
  for (std::size_t count = below(at_most + 1); count > 0; --count)
    digits += static_cast<char>('0' + below(10));
  return digits;
}

/// Some digits changed, more often the last ones, or one too many or too few.
std::string PhoneGenerator::misdialled(std::string digits) {
  for (std::size_t at = digits.size() / (1 + below(3)); at < digits.size(); ++at)
    digits[at] = static_cast<char>('0' + below(10));
  if (one_in(8)) digits.erase(below(digits.size()), 1);
  const std::string more = random_digits(2);
  if (one_in(8)) digits.insert(below(digits.size() + 1), more);
  return digits;
}

std::string PhoneGenerator::dialled(const Example &example) {
  const std::string national = one_in(3) ? example.national : misdialled(example.national);
  switch (below(8)) {
    case 0:
    case 1:
      return "+" + example.calling_code + national;
    case 2:
      return "+" + example.calling_code + example.prefix + national;
    case 3:
      return example.calling_code + national;
    case 4:
      return any(kPrefixes) + example.calling_code + national;
    case 5:
      return any(kPrefixes) + national;
    case 6:
      return national;
    default:
      return example.prefix + national;
  }
}

/// With separators between some of the digits, in one script.
std::string PhoneGenerator::spelled(const std::string &digits) {
  const bool other_script = one_in(12);
  const std::string zero = any(kZeros);
  const std::size_t rarity = one_in(3) ? 1000 : 2 + below(5);
  const bool one_separator = one_in(2);
  const std::string separator = any(kSeparators);
  std::string text;
  for (const char c : digits) {
    if (!text.empty() && one_in(rarity)) text += one_separator ? separator : any(kSeparators);
    text += other_script && c >= '0' && c <= '9' ? in_script(c, zero) : std::string(1, c);
  }
  if (one_in(20)) text = "Tel: " + text;
  if (one_in(20)) text += any(kPieces);
  return text;
}

std::string PhoneGenerator::extension() {
  const std::string label = any(kLabels);
  const std::string digits = random_digits(one_in(4) ? 22 : 5);
  return label + digits + (one_in(6) ? "#" : "");
}

std::string PhoneGenerator::mutated(std::string text) {
  for (std::size_t count = 1 + below(3); count > 0; --count) {
    const std::size_t at = below(text.size() + 1);
    if (one_in(3) && at < text.size()) text.erase(at, 1);
    if (!one_in(3)) text.insert(at, one_in(4) ? any(kLabels) : any(kPieces));
  }
  return text;
}

std::string PhoneGenerator::noise() {
  std::string text;
  for (std::size_t count = below(one_in(20) ? 120 : 16); count > 0; --count)
    text += one_in(2) ? random_digits(3) : any(kPieces);
  return text;
}
