// A recursive-descent reader: one function for each level of the grammar. It reads backwards, as
// each step has to know what follows it. What it does not know it notes, and the whole pattern is
// refused.
#include "pattern.hpp"

#include <charconv>
#include <cstddef>

namespace customer_identity::phone {
namespace {

constexpr int kMaximumRepeats = 40;

// Several times what the metadata of the world needs. Steps are followed recursively.
constexpr std::size_t kMaximumLength = 10000;
constexpr std::size_t kMaximumSteps = 30000;
constexpr int kMaximumDepth = 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  Reader(std::string_view text, Steps &steps) : text_(text), steps_(steps) {}

  std::optional<int> read(int last) {
    const int first = read_alternatives(last);
    if (!understood_ || !text_.empty()) return std::nullopt;
    return first;
  }

 private:
  bool take(std::string_view token) {
    if (!text_.ends_with(token)) return false;
    text_.remove_suffix(token.size());
    return true;
  }

  /// What stands after the last `open`, which is taken as well.
  std::string_view take_from(char open) {
    const std::size_t at = text_.rfind(open);
    if (at == std::string_view::npos) {
      refuse();
      return {};
    }
    const std::string_view inside = text_.substr(at + 1);
    text_ = text_.substr(0, at);
    return inside;
  }

  int refuse() {
    understood_ = false;
    text_ = {};
    return 0;
  }

  int append(const Step &step) {
    if (steps_.size() >= kMaximumSteps) return refuse();
    steps_.push_back(step);
    return static_cast<int>(steps_.size()) - 1;
  }
  const Step &at(int step) const { return steps_[static_cast<std::size_t>(step)]; }

  int digit(DigitSet digits, int next) {
    return append({Step::Kind::kDigit, digits, at(next).lengths << 1U, next});
  }
  int fork(int first, int second) {
    return append({Step::Kind::kFork, static_cast<DigitSet>(at(first).digits | at(second).digits),
                   at(first).lengths | at(second).lengths, first, second});
  }
  int bound(int which, int next) {
    return append({Step::Kind::kGroup, at(next).digits, at(next).lengths, next, which});
  }

  int read_alternatives(int next) {
    int first = read_sequence(next);
    while (take("|")) first = fork(read_sequence(next), first);
    return first;
  }

  int read_sequence(int next) {
    constexpr std::string_view kEnds = "|(:";  // "(?:" opens a group
    while (!text_.empty() && kEnds.find(text_.back()) == std::string_view::npos)
      next = read_repeated(next);
    return next;
  }

  /// An atom with `?`, `{n}` or `{n,m}` after it, which is read once for each time that it may
  /// match. Lazy and possessive forms are refused.
  int read_repeated(int next) {
    int minimum = 1;
    int maximum = 1;
    if (take("?"))
      minimum = 0;
    else if (take("}"))
      read_counts(minimum, maximum);
    const std::string_view atom = text_;
    const int end = next;
    for (int count = 0; count < maximum && understood_; ++count) {
      text_ = atom;
      next = read_atom(next);
      if (count < maximum - minimum) next = fork(next, end);
    }
    return next;
  }

  void read_counts(int &minimum, int &maximum) {
    const std::string_view counts = take_from('{');
    const char *const end = counts.data() + counts.size();
    minimum = -1;
    std::from_chars_result read = std::from_chars(counts.data(), end, minimum);
    maximum = minimum;
    if (read.ptr != end && *read.ptr == ',') read = std::from_chars(read.ptr + 1, end, maximum);
    if (read.ec != std::errc() || read.ptr != end || minimum < 0 || maximum < minimum ||
        maximum == 0 || maximum > kMaximumRepeats)
      refuse();
  }

  int read_atom(int next) {
    if (take("\\d")) return digit(kAnyDigit, next);
    if (take("$")) return append({Step::Kind::kEnd, 0, at(next).lengths & 1U, next});
    if (take("]")) return read_class(next);
    if (take(")")) return read_group(next);
    if (text_.empty() || !is_digit(text_.back())) return refuse();
    const DigitSet digits = digit_set(text_.back());
    text_.remove_suffix(1);
    return digit(digits, next);
  }

  /// Whether a group captures is known when its beginning is closure.
  int read_group(int next) {
    if (++depth_ > kMaximumDepth) return refuse();
    const int end = bound(-1, next);
    const int first = read_alternatives(end);
    --depth_;
    if (take("(?:")) return first;
    if (!take("(")) return refuse();
    int before = 0;
    for (std::size_t place = 0; place < text_.size(); ++place)
      if (text_[place] == '(' && !text_.substr(place).starts_with("(?")) ++before;
    steps_[static_cast<std::size_t>(end)].other = 2 * before + 1;
    return bound(2 * before, first);
  }

  /// A class whose `]` has been read: digits, ranges and `\d`.
  int read_class(int next) {
    DigitSet digits = 0;
    std::string_view left = take_from('[');
    while (!left.empty()) {
      if (left.starts_with("\\d")) {
        digits = kAnyDigit;
        left.remove_prefix(2);
        continue;
      }
      const bool range = left.size() > 2 && left[1] == '-';
      const char first = left.front();
      const char last = range ? left[2] : first;
      if (!is_digit(first) || !is_digit(last) || last < first) return refuse();
      for (char of = first; of <= last; ++of) digits |= digit_set(of);
      left.remove_prefix(range ? 3 : 1);
    }
    return digits == 0 ? refuse() : digit(digits, next);
  }

  std::string_view text_;  // what is still to be read
  Steps &steps_;
  bool understood_ = true;
  int depth_ = 0;  // of groups
};

}  // namespace

std::optional<int> read_pattern(std::string_view text, int last, Steps &steps) {
  if (text.size() > kMaximumLength) return std::nullopt;
  return Reader(text, steps).read(last);
}

}  // namespace customer_identity::phone
