// Patterns become a non-deterministic automaton, its sets of steps the states of a deterministic
// one, and states with equal futures one state. The patterns are finite, so there is no cycle.
#include "automaton.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace customer_identity::phone {
namespace {

constexpr std::size_t kMostStates = 65535;

struct RawState {
  std::array<std::uint32_t, 10> next{};
  Marks marks = 0;
};

/// Gives states with equal futures one number, the dead state 0, and futures smaller numbers than
/// their pasts.
struct Minimiser {
  explicit Minimiser(const std::vector<RawState> &from) : raw(from), merged(from.size(), kUnknown) {
    states.emplace_back();
    numbers[states[0]] = 0;
    merged[0] = 0;
  }

  std::uint16_t merge(std::uint32_t state) {
    if (merged[state] != kUnknown) return static_cast<std::uint16_t>(merged[state]);
    Future future;
    for (std::size_t digit = 0; digit < 10; ++digit)
      future.first[digit] = merge(raw[state].next[digit]);
    future.second = raw[state].marks;
    const auto number = static_cast<std::uint16_t>(states.size());
    const auto [at, is_new] = numbers.try_emplace(future, number);
    if (is_new) states.push_back(future);
    merged[state] = at->second;
    return at->second;
  }

  using Future = std::pair<std::array<std::uint16_t, 10>, Marks>;  // where digits lead; its marks
  std::vector<Future> states;

  static constexpr std::uint32_t kUnknown = 0xFFFFFFFF;

  const std::vector<RawState> &raw;
  std::vector<std::uint32_t> merged;
  std::map<Future, std::uint16_t> numbers;
};

bool ignores_digit(const std::array<std::uint16_t, 10> &next) {
  return std::count(next.begin(), next.end(), next[0]) == 10;
}

}  // namespace

int AutomatonBuilder::append(const Step &step) {
  steps_.push_back(step);
  return static_cast<int>(steps_.size()) - 1;
}

void AutomatonBuilder::add(const Pattern &pattern, Marks mark) {
  Step end;
  end.marks = mark;
  starts_.push_back(compile(pattern, append(end)));
}

/// The first step of `pattern` when `next` follows it.
int AutomatonBuilder::compile(const Pattern &pattern, int next) {
  switch (pattern.kind) {
    case Pattern::Kind::kDigit:
      return append({.digits = pattern.digits, .to = next});
    case Pattern::Kind::kSequence:
      for (std::size_t part = pattern.parts.size(); part-- > 0;)
        next = compile(pattern.parts[part], next);
      return next;
    case Pattern::Kind::kAlternatives: {
      int first = -1;
      for (const Pattern &part : pattern.parts)
        first = append({.free = {first, compile(part, next)}});
      return first;
    }
    case Pattern::Kind::kRepeat:
      return compile_repeat(pattern, next);
    case Pattern::Kind::kGroup:
      return compile(pattern.parts[0], next);
    case Pattern::Kind::kEnd:
      break;
  }
  understood_ = false;
  return next;
}

int AutomatonBuilder::compile_repeat(const Pattern &pattern, int next) {
  const int end = next;
  for (int count = pattern.least; count < pattern.most; ++count)
    next = append({.free = {compile(pattern.parts[0], next), end}});
  for (int count = 0; count < pattern.least; ++count) next = compile(pattern.parts[0], next);
  return next;
}

void AutomatonBuilder::reach(int step, Steps &reached) {
  if (step < 0) return;
  Step &at = steps_[static_cast<std::size_t>(step)];
  if (at.seen == searches_) return;
  at.seen = searches_;
  if (at.digits != 0 || at.marks != 0) reached.push_back(step);
  for (const int free : at.free) reach(free, reached);
}

void AutomatonBuilder::reach_all(const Steps &from, Steps &reached) {
  ++searches_;
  reached.clear();
  for (const int step : from) reach(step, reached);
  std::sort(reached.begin(), reached.end());
}

void AutomatonBuilder::after(const Steps &from, char digit, Steps &reached) {
  next_.clear();
  for (const int step : from) {
    const Step &at = steps_[static_cast<std::size_t>(step)];
    if ((at.digits & digit_set(digit)) != 0) next_.push_back(at.to);
  }
  reach_all(next_, reached);
}

std::optional<Automaton> AutomatonBuilder::build() {
  if (!understood_) return std::nullopt;
  std::map<Steps, std::uint32_t> numbers;  // a set's state
  std::vector<const Steps *> sets;
  const auto number_of = [&](const Steps &set) {
    const auto [at, is_new] = numbers.try_emplace(set, static_cast<std::uint32_t>(sets.size()));
    if (is_new) sets.push_back(&at->first);
    return at->second;
  };

  Steps reached;
  number_of(reached);  // the empty set is the dead state
  reach_all(starts_, reached);
  const std::uint32_t start = number_of(reached);
  std::vector<RawState> raw;
  while (raw.size() < sets.size()) {
    const Steps &set = *sets[raw.size()];
    RawState &state = raw.emplace_back();
    for (const int step : set) state.marks |= steps_[static_cast<std::size_t>(step)].marks;
    for (char digit = '0'; digit <= '9'; ++digit) {
      after(set, digit, reached);
      state.next[static_cast<std::size_t>(digit - '0')] = number_of(reached);
    }
    if (raw.size() > kMostStates) return std::nullopt;
  }

  Minimiser minimiser(raw);
  Automaton automaton;
  automaton.start_ = minimiser.merge(start);
  for (std::size_t at = 1; at < minimiser.states.size(); ++at) {
    const auto &[next, marks] = minimiser.states[at];
    Automaton::State state{next, marks, 1};
    automaton.lengthen_step(state);
    automaton.states_.push_back(state);
  }
  automaton.put_near_states_first();
  return automaton;
}

/// Numbers the states in the order in which a search from the start meets them: what a number needs
/// lies together in memory.
void Automaton::put_near_states_first() {
  std::vector<std::uint16_t> numbers(states_.size());  // by old number; the dead state keeps 0
  std::vector<State> sorted = {states_[0]};
  const auto number_of = [&](std::uint16_t state) {
    if (state != 0 && numbers[state] == 0) {
      numbers[state] = static_cast<std::uint16_t>(sorted.size());
      sorted.push_back(states_[state]);
    }
    return numbers[state];
  };
  start_ = number_of(start_);
  for (std::size_t at = 1; at < sorted.size(); ++at)
    for (std::size_t digit = 0; digit < 10; ++digit) {
      const std::uint16_t next = number_of(sorted[at].next[digit]);
      sorted[at].next[digit] = next;
    }
  states_ = std::move(sorted);
}

/// Takes the next step along when neither looks at its digit and nothing matches between them. What
/// `state` leads to is finished already.
void Automaton::lengthen_step(State &state) const {
  const State &after = states_[state.next[0]];
  if (state.next[0] == 0 || after.marks != 0) return;
  if (!ignores_digit(state.next) || !ignores_digit(after.next)) return;
  state.next = after.next;
  state.step = static_cast<std::uint8_t>(after.step + 1);
}

}  // namespace customer_identity::phone
