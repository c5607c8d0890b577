// A backtracking machine: a fork remembers its second choice, a failure takes the last one up.
// A program has no loop, so every run ends.
#include "prefix_matcher.hpp"

#include <algorithm>

namespace customer_identity::phone {
namespace {

constexpr std::size_t kMostForks = 128;

}  // namespace

int PrefixMatcher::append(Operation operation, int target) {
  program_.push_back({operation, 0, target});
  return static_cast<int>(program_.size()) - 1;
}

bool PrefixMatcher::compile(const ParsedPattern &parsed) {
  groups_ = parsed.groups;
  if (groups_ > static_cast<int>(kMostGroups)) return false;
  emit(parsed.pattern);
  append(Operation::kAccept);
  find_first();
  const auto forks = std::count_if(program_.begin(), program_.end(), [](const Instruction &at) {
    return at.operation == Operation::kFork;
  });
  return static_cast<std::size_t>(forks) <= kMostForks;
}

void PrefixMatcher::emit(const Pattern &pattern) {
  switch (pattern.kind) {
    case Pattern::Kind::kDigit:
      program_.push_back({Operation::kDigit, pattern.digits});
      return;
    case Pattern::Kind::kSequence:
      for (const Pattern &part : pattern.parts) emit(part);
      return;
    case Pattern::Kind::kAlternatives:
      emit_alternatives(pattern);
      return;
    case Pattern::Kind::kRepeat:
      emit_repeat(pattern);
      return;
    case Pattern::Kind::kGroup:
      append(Operation::kSave, 2 * pattern.group - 2);
      emit(pattern.parts[0]);
      append(Operation::kSave, 2 * pattern.group - 1);
      return;
    case Pattern::Kind::kEnd:
      append(Operation::kEnd);
      return;
  }
}

void PrefixMatcher::emit_alternatives(const Pattern &pattern) {
  std::vector<int> jumps;
  for (const Pattern &part : pattern.parts) {
    if (&part == &pattern.parts.back()) {
      emit(part);
      break;
    }
    const int fork = append(Operation::kFork);
    emit(part);
    jumps.push_back(append(Operation::kJump));
    program_[static_cast<std::size_t>(fork)].target = static_cast<int>(program_.size());
  }
  for (const int jump : jumps)
    program_[static_cast<std::size_t>(jump)].target = static_cast<int>(program_.size());
}

void PrefixMatcher::emit_repeat(const Pattern &pattern) {
  std::vector<int> forks;
  for (int count = 0; count < pattern.most; ++count) {
    if (count >= pattern.least) forks.push_back(append(Operation::kFork));
    emit(pattern.parts[0]);
  }
  for (const int fork : forks)
    program_[static_cast<std::size_t>(fork)].target = static_cast<int>(program_.size());
}

/// Follows every way through the program up to its first digit.
void PrefixMatcher::find_first() {
  std::vector<bool> seen(program_.size());
  std::vector<std::size_t> open = {0};
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (seen[at]) continue;
    seen[at] = true;
    const Instruction &instruction = program_[at];
    const Operation operation = instruction.operation;
    if (operation == Operation::kDigit) first_ |= instruction.digits;
    if (operation == Operation::kAccept) matches_nothing_ = true;
    if (operation == Operation::kFork || operation == Operation::kJump)
      open.push_back(static_cast<std::size_t>(instruction.target));
    if (operation == Operation::kFork || operation == Operation::kSave ||
        operation == Operation::kEnd)
      open.push_back(at + 1);
  }
}

PrefixMatcher::Match PrefixMatcher::match(std::string_view digits) const {
  struct Choice {
    int instruction;
    int position;
    std::array<int, 2 * kMostGroups> bounds;
  };
  std::array<Choice, kMostForks> choices;  // NOLINT(*-member-init): filled before it is read
  std::size_t open = 0;
  const int size = static_cast<int>(digits.size());
  const Instruction *const program = program_.data();
  Match match;

  for (int at = 0, position = 0;;) {
    const Instruction &instruction = program[at];
    bool failed = false;
    switch (instruction.operation) {
      case Operation::kDigit:
        failed = position == size ||
                 (instruction.digits & digit_set(digits[static_cast<std::size_t>(position)])) == 0;
        ++position;
        ++at;
        break;
      case Operation::kFork:
        choices[open++] = {instruction.target, position, match.bounds};
        ++at;
        break;
      case Operation::kJump:
        at = instruction.target;
        break;
      case Operation::kSave:
        match.bounds[static_cast<std::size_t>(instruction.target)] = position;
        ++at;
        break;
      case Operation::kEnd:
        failed = position != size;
        ++at;
        break;
      case Operation::kAccept:
        match.length = position;
        return match;
    }
    if (!failed) continue;
    if (open == 0) return {};
    const Choice &choice = choices[--open];
    at = choice.instruction;
    position = choice.position;
    match.bounds = choice.bounds;
  }
}

}  // namespace customer_identity::phone
