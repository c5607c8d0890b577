// Says of a number in one pass which patterns match it, or rather what follows from that: a
// deterministic automaton, entered by the number's length and left as soon as the rest is sure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "phone/pattern.hpp"

namespace customer_identity::phone {

/// Longer numbers are nobody's, and are not asked about.
inline constexpr std::size_t kMaximumDigits = 36;

class Automaton {
 public:
  /// The class of the patterns that match all of `digits` ('0' to '9' only).
  std::size_t classify(std::string_view digits) const {
    Place place = starts_[digits.size()];
    for (const char *digit = digits.data(); place >= 0; ++digit)
      place = cells_[static_cast<std::size_t>(place) + static_cast<std::size_t>(*digit - '0')];
    return static_cast<std::size_t>(-(place + 1));
  }

  std::size_t states() const { return cells_.size() / 10; }

 private:
  friend class AutomatonBuilder;

  /// Where a state's ten cells begin, which are by digit; or, negative, the complement of the class
  /// that is accepted. What is followed needs no multiplication then.
  using Place = std::int16_t;

  std::array<Place, kMaximumDigits + 1> starts_{};  // by length
  std::vector<Place> cells_;
};

class AutomatonBuilder {
 public:
  using Marks = std::vector<int>;
  /// Classes are small numbers: the automaton keeps them by the way.
  using Classifier = std::function<std::size_t(const Marks &)>;

  enum class Rest : std::uint8_t { kNone, kAny };

  /// `mark` stands for the pattern, for numbers of the lengths `admitted`, with any digits after it
  /// or none. False when the pattern is not understood.
  bool add(std::string_view pattern, int mark, LengthSet admitted = kAnyLength,
           Rest rest = Rest::kNone);

  /// `classifier` is asked with the marks of all patterns that match, in the order of their
  /// addition. False when the automaton would be too large, or would take too long.
  bool build(const Classifier &classifier, Automaton &automaton);

 private:
  using Set = std::vector<int>;  // of steps, ascending, without those that take no digit

  /// By digit.
  using State = std::array<Automaton::Place, 10>;

  struct Start {
    int step;
    LengthSet admitted;
  };

  /// Adds the epsilon closure of a step.
  void add_closure(int step, std::size_t left, Set &closure);
  Automaton::Place state_of(Set set, std::size_t left);
  Automaton::Place accept(const Set &set) const;

  /// Thirty times what the largest calling code takes. Patterns of a file could take for ever.
  static constexpr std::size_t kMaximumWork = 5'000'000;

  Steps steps_;
  std::vector<Start> starts_;
  std::size_t work_ = 0;  // steps that were looked at
  const Classifier *classifier_ = nullptr;
  std::array<std::map<Set, Automaton::Place>, kMaximumDigits + 1> known_;  // by the digits left
  std::map<State, Automaton::Place> numbers_;
  std::vector<State> states_;
};

}  // namespace customer_identity::phone
