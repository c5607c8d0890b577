// Answers in one pass over a number which of several patterns match it: a minimised deterministic
// automaton whose states carry a bit for each pattern.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "phone/pattern.hpp"

namespace customer_identity::phone {

/// A set of patterns: the bit that each was added with.
using Marks = std::uint16_t;

class Automaton {
 public:
  /// The patterns that match all of `digits` ('0' to '9' only).
  Marks match(std::string_view digits) const {
    std::uint32_t state = start_;
    std::size_t at = 0;
    while (at < digits.size()) {
      const State &now = states_[state];
      state = now.next[static_cast<unsigned>(digits[at] - '0')];
      at += now.step;
    }
    return at == digits.size() ? states_[state].marks : Marks{0};
  }

  /// True when some pattern matches a beginning of `digits`.
  bool matches_beginning(std::string_view digits) const {
    std::uint32_t state = start_;
    std::size_t at = 0;
    while (at < digits.size() && states_[state].marks == 0) {
      const State &now = states_[state];
      state = now.next[static_cast<unsigned>(digits[at] - '0')];
      at += now.step;
    }
    return at <= digits.size() && states_[state].marks != 0;
  }

  std::size_t size() const { return states_.size(); }

 private:
  friend class AutomatonBuilder;

  /// Steps further than any number is long.
  static constexpr std::uint8_t kBeyond = 255;

  /// Half a cache line. In state 0 nothing matches, whatever follows. Where any digits will do, one
  /// step goes over several of them.
  struct alignas(32) State {
    std::array<std::uint16_t, 10> next{};
    Marks marks = 0;
    std::uint8_t step = kBeyond;
  };

  void lengthen_step(State &state) const;
  void put_near_states_first();

  std::vector<State> states_ = std::vector<State>(1);
  std::uint16_t start_ = 0;
};

class AutomatonBuilder {
 public:
  /// `mark` has one bit, which several patterns may share.
  void add(const Pattern &pattern, Marks mark);

  /// Nothing when a pattern uses `$` or the automaton would be too large.
  std::optional<Automaton> build();

 private:
  /// A step of the non-deterministic automaton: over a digit to `to`, or freely to both `free`.
  struct Step {
    DigitSet digits = 0;
    Marks marks = 0;
    int to = -1;
    std::array<int, 2> free = {-1, -1};
    std::uint32_t seen = 0;  // by which search
  };
  using Steps = std::vector<int>;  // ascending, without the free ones

  int append(const Step &step);
  int compile(const Pattern &pattern, int next);
  int compile_repeat(const Pattern &pattern, int next);
  void reach(int step, Steps &reached);
  void reach_all(const Steps &from, Steps &reached);
  void after(const Steps &from, char digit, Steps &reached);

  std::vector<Step> steps_;
  Steps starts_;
  Steps next_;  // of after(), kept for its memory
  std::uint32_t searches_ = 0;
  bool understood_ = true;
};

}  // namespace customer_identity::phone
