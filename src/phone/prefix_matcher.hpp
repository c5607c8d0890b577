// Matches a pattern at the start of a number the way the library's regular expressions do: the
// first alternative that matches wins, and groups remember what they matched.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "phone/pattern.hpp"

namespace customer_identity::phone {

class PrefixMatcher {
 public:
  static constexpr std::size_t kMaximumGroups = 2;

  struct Match {
    int length = -1;  // -1: the number does not begin so
    std::array<int, 2 *kMaximumGroups> bounds = {-1, -1, -1, -1};

    /// What group `number` (from 1) matched in `digits`; empty when it took no part.
    std::string_view group(std::string_view digits, int number) const {
      const auto bound = 2 * static_cast<std::size_t>(number) - 2;
      const int from = bounds[bound];
      const int to = bounds[bound + 1];
      if (from < 0 || to < from) return {};
      return digits.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
    }
  };

  /// False when the pattern is not understood, has too many groups, or could be matched in so many
  /// ways that trying all of them takes long.
  bool compile(std::string_view pattern);

  int groups() const { return groups_; }
  bool matches_nothing() const { return matches_nothing_; }
  /// False when the pattern cannot match a text that begins with `digit`, except an empty part.
  bool may_begin_with(char digit) const { return (first_digits_ & digit_set(digit)) != 0; }

  /// The same for two digits or more.
  bool may_begin(std::string_view digits) const {
    return (first_digits_ & digit_set(digits[0])) != 0 &&
           (second_digits_ & digit_set(digits[1])) != 0;
  }

  Match match(std::string_view digits) const {
    Match match;
    if (begins_with_literal(digits))
      match.length = static_cast<int>(literal_.size());
    else if (!is_literal_)
      follow(first_, digits, 0, match);
    return match;
  }

 private:
  /// Of a digit or two: no call of memcmp().
  bool begins_with_literal(std::string_view digits) const {
    std::size_t same = 0;
    while (same < literal_.size() && same < digits.size() && digits[same] == literal_[same]) ++same;
    return same == literal_.size() && same > 0;
  }
  bool has_few_routes() const;
  DigitSet second_digits(int step) const;
  bool follow(int step, std::string_view digits, int at, Match &match) const;

  // In the order in which they are needed.
  DigitSet first_digits_ = 0;
  DigitSet second_digits_ = 0;  // all where one digit may be enough
  bool matches_nothing_ = false;
  int groups_ = 0;
  int first_ = 0;
  bool is_literal_ = false;
  std::string literal_;  // the first alternative where that is digits: the whole pattern of most
  Steps steps_;
};

}  // namespace customer_identity::phone
