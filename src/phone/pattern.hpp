// Reads the regular expressions over digits that libphonenumber's metadata is written in
// (alternatives, classes, groups, counted repeats and `$`) into the steps of an automaton.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace customer_identity::phone {

/// A set of digits: bit d is set when d belongs to it.
using DigitSet = std::uint16_t;
inline constexpr DigitSet kAnyDigit = 0x3FF;

constexpr DigitSet digit_set(char digit) {
  return static_cast<DigitSet>(1U << static_cast<unsigned>(digit - '0'));
}

/// A set of lengths, likewise.
using LengthSet = std::uint64_t;
inline constexpr LengthSet kAnyLength = ~LengthSet{0};

/// A step of a match, and what is known of the way from here. There are no cycles, so every way
/// ends.
struct Step {
  enum class Kind : std::uint8_t { kDigit, kFork, kGroup, kEnd, kMatch };

  Kind kind;
  DigitSet digits;    // that the way may begin with
  LengthSet lengths;  // that it may have
  int next = 0;
  int other = 0;  // kFork: the second choice; kGroup: the bound that it sets, -1: none; kMatch: for
                  // the caller
};
using Steps = std::vector<Step>;

/// Adds the steps of a pattern, the end of which is the step `last`; returns the first. Nothing
/// when `text` uses anything else (look-ahead, `*`, letters): the library has to match it.
std::optional<int> read_pattern(std::string_view text, int last, Steps &steps);

}  // namespace customer_identity::phone
