// A recursive-descent reader: one function for each level of the grammar. What it does not know it
// notes, and the whole pattern is refused.
#include "pattern.hpp"

#include <utility>

namespace customer_identity::phone {
namespace {

constexpr DigitSet kAnyDigit = 0x3FF;
constexpr int kMostRepeats = 40;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<ParsedPattern> read() {
    Pattern pattern = read_alternatives();
    if (!understood_ || !text_.empty()) return std::nullopt;
    return ParsedPattern{std::move(pattern), groups_};
  }

 private:
  bool next_is(char c) const { return !text_.empty() && text_.front() == c; }

  bool take(std::string_view token) {
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }

  Pattern refuse() {
    understood_ = false;
    return {Pattern::Kind::kEnd};
  }

  Pattern read_alternatives() {
    Pattern alternatives{Pattern::Kind::kAlternatives};
    do alternatives.parts.push_back(read_sequence());
    while (understood_ && take("|"));
    return alternatives;
  }

  Pattern read_sequence() {
    Pattern sequence{Pattern::Kind::kSequence};
    while (understood_ && !text_.empty() && !next_is('|') && !next_is(')'))
      sequence.parts.push_back(read_repeated());
    return sequence;
  }

  /// An atom with `?`, `{n}` or `{n,m}` after it. Lazy and possessive forms are refused.
  Pattern read_repeated() {
    Pattern atom = read_atom();
    Pattern repeat{Pattern::Kind::kRepeat};
    if (take("?")) {
      repeat.most = 1;
    } else if (take("{")) {
      repeat.least = repeat.most = read_count();
      if (take(",")) repeat.most = read_count();
      if (!take("}") || repeat.most < repeat.least || repeat.most > kMostRepeats) return refuse();
    } else {
      return atom;
    }
    if (next_is('?') || next_is('{') || next_is('+') || next_is('*')) return refuse();
    repeat.parts.push_back(std::move(atom));
    return repeat;
  }

  int read_count() {
    if (text_.empty() || !is_digit(text_.front())) refuse();
    int count = 0;
    for (; !text_.empty() && is_digit(text_.front()) && count <= kMostRepeats;
         text_.remove_prefix(1))
      count = count * 10 + (text_.front() - '0');
    return count;
  }

  Pattern read_atom() {
    if (take("\\d")) return {Pattern::Kind::kDigit, kAnyDigit};
    if (take("$")) return {Pattern::Kind::kEnd};
    if (take("[")) return read_class();
    if (take("(?:")) return read_group(0);
    if (next_is('(') && !text_.starts_with("(?")) {
      take("(");
      return read_group(++groups_);
    }
    if (!is_digit(text_.front())) return refuse();
    Pattern digit{Pattern::Kind::kDigit, digit_set(text_.front())};
    text_.remove_prefix(1);
    return digit;
  }

  Pattern read_group(int number) {
    Pattern inside = read_alternatives();
    if (!take(")")) return refuse();
    if (number == 0) return inside;
    Pattern group{Pattern::Kind::kGroup};
    group.group = number;
    group.parts.push_back(std::move(inside));
    return group;
  }

  /// The rest of a class whose `[` has been read: digits, ranges and `\d`.
  Pattern read_class() {
    Pattern digits{Pattern::Kind::kDigit};
    while (!take("]")) {
      if (take("\\d")) {
        digits.digits = kAnyDigit;
        continue;
      }
      if (text_.empty() || !is_digit(text_.front())) return refuse();
      const char first = text_.front();
      text_.remove_prefix(1);
      const bool range = text_.size() > 1 && text_[0] == '-' && is_digit(text_[1]);
      const char last = range ? text_[1] : first;
      if (range) text_.remove_prefix(2);
      if (last < first) return refuse();
      for (char digit = first; digit <= last; ++digit) digits.digits |= digit_set(digit);
    }
    return digits.digits == 0 ? refuse() : digits;
  }

  std::string_view text_;  // what is still to be read
  int groups_ = 0;
  bool understood_ = true;
};

}  // namespace

std::optional<ParsedPattern> parse_pattern(std::string_view text) { return Reader(text).read(); }

}  // namespace customer_identity::phone
