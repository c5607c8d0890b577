// Matches a pattern at the start of a number the way the library's regular expressions do: the
// first alternative that leads to a match wins, and groups remember what they matched.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "phone/pattern.hpp"

namespace customer_identity::phone {

class PrefixMatcher {
 public:
  static constexpr std::size_t kMostGroups = 2;

  struct Match {
    int length = -1;  // -1: the number does not begin so
    std::array<int, 2 *kMostGroups> bounds = {-1, -1, -1, -1};

    /// What group `number` (from 1) matched in `digits`; empty when it took no part.
    std::string_view group(std::string_view digits, int number) const {
      const auto slot = 2 * static_cast<std::size_t>(number) - 2;
      const int from = bounds[slot];
      const int to = bounds[slot + 1];
      if (from < 0 || to < from) return {};
      return digits.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
    }
  };

  /// False when the pattern has too many groups or would need too much backtracking.
  bool compile(const ParsedPattern &parsed);

  int groups() const { return groups_; }
  /// True when the pattern matches without any digit.
  bool matches_nothing() const { return matches_nothing_; }
  /// False when the pattern cannot match a text that begins with `digit`, except an empty part.
  bool may_begin_with(char digit) const { return (first_ & digit_set(digit)) != 0; }

  Match match(std::string_view digits) const;

 private:
  enum class Operation : std::uint8_t { kDigit, kFork, kJump, kSave, kEnd, kAccept };
  struct Instruction {
    Operation operation;
    DigitSet digits = 0;  // kDigit
    int target = 0;       // kFork: the second choice; kJump; kSave: the slot
  };

  int append(Operation operation, int target = 0);
  void emit(const Pattern &pattern);
  void emit_alternatives(const Pattern &pattern);
  void emit_repeat(const Pattern &pattern);
  void find_first();

  DigitSet first_ = 0;
  bool matches_nothing_ = false;
  int groups_ = 0;
  std::vector<Instruction> program_;
};

}  // namespace customer_identity::phone
