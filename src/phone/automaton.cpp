// The states are sets of steps together with the number of digits that are left. Steps that cannot
// end in so many digits are left out, and what is the same whatever digits follow is no state.
#include "automaton.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace customer_identity::phone {
namespace {

/// Of the world's plans none has more than a third.
constexpr std::size_t kMaximumStates = std::numeric_limits<std::int16_t>::max() / 10;

bool contains(LengthSet lengths, std::size_t length) { return (lengths >> length & 1U) != 0; }

}  // namespace

bool AutomatonBuilder::add(std::string_view pattern, int mark, LengthSet admitted, Rest rest) {
  const int last = static_cast<int>(steps_.size());
  steps_.push_back(rest == Rest::kNone
                       ? Step{Step::Kind::kMatch, 0, 1, last, mark}
                       : Step{Step::Kind::kMatch, kAnyDigit, kAnyLength, last, mark});
  const auto first = read_pattern(pattern, last, steps_);
  if (first) starts_.push_back({*first, admitted});
  return first.has_value();
}

bool AutomatonBuilder::build(const Classifier &classifier, Automaton &automaton) {
  classifier_ = &classifier;
  for (std::size_t length = 0; length <= kMaximumDigits; ++length) {
    Set set;
    for (const Start &start : starts_)
      if (contains(start.admitted, length)) add_closure(start.step, length, set);
    automaton.starts_[length] = state_of(std::move(set), length);
  }
  for (const State &state : states_)
    automaton.cells_.insert(automaton.cells_.end(), state.begin(), state.end());
  return work_ <= kMaximumWork && states_.size() <= kMaximumStates;
}

void AutomatonBuilder::add_closure(int step, std::size_t left, Set &closure) {
  const Step &now = steps_[static_cast<std::size_t>(step)];
  if (!contains(now.lengths, left) || ++work_ > kMaximumWork) return;
  if (now.kind == Step::Kind::kDigit || now.kind == Step::Kind::kMatch) {
    closure.push_back(step);
    return;
  }
  add_closure(now.next, left, closure);
  if (now.kind == Step::Kind::kFork) add_closure(now.other, left, closure);
}

/// The state of `set` when so many digits are left, or what is already sure.
Automaton::Place AutomatonBuilder::state_of(Set set, std::size_t left) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  if (left == 0 || set.empty()) return accept(set);
  const auto known = known_[left].find(set);
  if (known != known_[left].end()) return known->second;

  State state;
  for (char digit = '0'; digit <= '9'; ++digit) {
    Set after;
    for (const int step : set) {
      const Step &now = steps_[static_cast<std::size_t>(step)];
      if ((now.digits & digit_set(digit)) != 0) add_closure(now.next, left - 1, after);
    }
    state[static_cast<std::size_t>(digit - '0')] = state_of(std::move(after), left - 1);
  }

  Automaton::Place number = state[0];
  const bool sure = number < 0 && std::count(state.begin(), state.end(), number) == 10;
  if (!sure) {
    const auto next = static_cast<Automaton::Place>(10 * states_.size());
    const auto [at, is_new] = numbers_.try_emplace(state, next);
    if (is_new) states_.push_back(state);
    number = at->second;
  }
  known_[left].emplace(std::move(set), number);
  return number;
}

Automaton::Place AutomatonBuilder::accept(const Set &set) const {
  Marks marks;
  for (const int step : set) marks.push_back(steps_[static_cast<std::size_t>(step)].other);
  return static_cast<Automaton::Place>(~(*classifier_)(marks));
}

}  // namespace customer_identity::phone
