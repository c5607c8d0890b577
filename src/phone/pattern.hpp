// Reads the regular expressions over digits that libphonenumber's metadata is written in:
// alternatives, classes, groups, counted repeats and `$`. Each matches a finite set of texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace customer_identity::phone {

/// A set of digits: bit d is set when d belongs to it.
using DigitSet = std::uint16_t;

constexpr DigitSet digit_set(char digit) {
  return static_cast<DigitSet>(1U << static_cast<unsigned>(digit - '0'));
}

struct Pattern {
  enum class Kind : std::uint8_t { kDigit, kSequence, kAlternatives, kRepeat, kGroup, kEnd };

  Kind kind;
  DigitSet digits = 0;              // kDigit: those that it matches
  int least = 0;                    // kRepeat
  int most = 0;                     // kRepeat
  int group = 0;                    // kGroup: its number, from 1
  std::vector<Pattern> parts = {};  // kRepeat and kGroup have one
};

struct ParsedPattern {
  Pattern pattern;
  int groups;  // capturing ones
};

/// Nothing when `text` uses anything else (look-ahead, `*`, letters): the library has to match it.
std::optional<ParsedPattern> parse_pattern(std::string_view text);

}  // namespace customer_identity::phone
