// Follows the steps of the pattern, and backtracks to the last fork where they do not match.
#include "prefix_matcher.hpp"

#include <algorithm>

namespace customer_identity::phone {

bool PrefixMatcher::compile(std::string_view pattern) {
  steps_ = {{Step::Kind::kMatch, 0, 1}};
  const auto first = read_pattern(pattern, 0, steps_);
  if (!first) return false;
  first_ = *first;
  const std::string_view digits = pattern.substr(0, pattern.find_first_not_of("0123456789"));
  is_literal_ = !digits.empty() && digits.size() == pattern.size();
  if (is_literal_ || pattern.substr(digits.size()).starts_with('|')) literal_ = digits;
  const Step &step = steps_[static_cast<std::size_t>(first_)];
  first_digits_ = step.digits;
  second_digits_ = second_digits(first_);
  matches_nothing_ = (step.lengths & 1U) != 0;
  for (const Step &each : steps_)
    if (each.kind == Step::Kind::kGroup) groups_ = std::max(groups_, (each.other + 1) / 2);
  return groups_ <= static_cast<int>(kMaximumGroups) && has_few_routes();
}

/// The digits that may follow the first one that is matched from `step` on.
DigitSet PrefixMatcher::second_digits(int step) const {
  const Step &now = steps_[static_cast<std::size_t>(step)];
  if (now.kind == Step::Kind::kMatch) return 0;
  if (now.kind == Step::Kind::kFork) return second_digits(now.next) | second_digits(now.other);
  if (now.kind != Step::Kind::kDigit) return second_digits(now.next);
  const Step &then = steps_[static_cast<std::size_t>(now.next)];
  return (then.lengths & 1U) != 0 ? kAnyDigit : then.digits;
}

/// Steps come before those that lead to them.
bool PrefixMatcher::has_few_routes() const {
  constexpr double kMaximumRoutes = 10000;  // the world's patterns have 172
  std::vector<double> routes(steps_.size());
  for (std::size_t at = 0; at < steps_.size(); ++at) {
    const Step &step = steps_[at];
    const auto from = [&routes](int next) { return routes[static_cast<std::size_t>(next)]; };
    routes[at] = step.kind == Step::Kind::kMatch ? 1 : from(step.next);
    if (step.kind == Step::Kind::kFork) routes[at] += from(step.other);
  }
  return routes[static_cast<std::size_t>(first_)] <= kMaximumRoutes;
}

/// True, and `match` is complete, when the steps from `step` match what `digits` has from `at`.
bool PrefixMatcher::follow(int step, std::string_view digits, int at, Match &match) const {
  const Step &now = steps_[static_cast<std::size_t>(step)];
  const bool over = at == static_cast<int>(digits.size());
  switch (now.kind) {
    case Step::Kind::kDigit:
      return !over && (now.digits & digit_set(digits[static_cast<std::size_t>(at)])) != 0 &&
             follow(now.next, digits, at + 1, match);
    case Step::Kind::kFork:
      return follow(now.next, digits, at, match) || follow(now.other, digits, at, match);
    case Step::Kind::kGroup: {
      if (now.other < 0) return follow(now.next, digits, at, match);
      int &bound = match.bounds[static_cast<std::size_t>(now.other)];
      const int before = bound;
      bound = at;
      if (follow(now.next, digits, at, match)) return true;
      bound = before;
      return false;
    }
    case Step::Kind::kEnd:
      return over && follow(now.next, digits, at, match);
    case Step::Kind::kMatch:
      break;
  }
  match.length = at;
  return true;
}

}  // namespace customer_identity::phone
