// Each rule is in docs/phones.md, with examples.
#include "words.hpp"

#include <algorithm>
#include <array>

#include "phone/spelling.hpp"

namespace customer_identity::phone {
namespace {

constexpr std::string_view kDigits = "0123456789";
/// What a number ends before: neither digits nor separators.
constexpr std::uint32_t kNoNumber = kPlusSymbol | kLetterSymbol | kOtherSymbol;

/// Letters that stand where a digit was meant: O, l and i, Cyrillic be (6) and ze (3), and those of
/// other scripts.
constexpr std::string_view kLookalikes = "oli\x81\x87\xFD";

struct Label {
  std::string_view word;
  std::size_t digits;  // that may follow
};

/// As libphonenumber has them, and as switchboards are called elsewhere.
constexpr std::array<Label, 28> kLabels = {
    {{"ext", 20},        {"extn", 20},      {"extension", 20}, {"extensi\xFFn", 20},
     {"xt", 20},         {"xtn", 20},       {"xtension", 20},  {"xtensi\xFFn", 20},
     {"anexo", 20},      {"\x84o\x81", 20},  // Cyrillic dob
     {"x", 9},           {"int", 9},        {"interno", 9},    {"dw", 9},
     {"durchwahl", 9},   {"klappe", 9},     {"apparat", 9},    {"nst", 9},
     {"nebenstelle", 9}, {"poste", 9},      {"ramal", 9},      {"toestel", 9},
     {"wew", 9},         {"linka", 9},      {"klapka", 9},     {"anknytning", 9},
     {"ankn", 9},        {"dahili", 9}}};

void skip(std::string_view &text, std::string_view any_of) {
  text.remove_prefix(std::min(text.find_first_not_of(any_of), text.size()));
}

std::string_view take_letters(std::string_view &text) {
  const auto *const end = std::find_if_not(text.begin(), text.end(), is_letter);
  const std::string_view letters = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(letters.size());
  return letters;
}

std::string_view take_digits(std::string_view &text) {
  const auto *const end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

/// Where the body stops being digits and separators.
std::size_t end_of_number(std::string_view body) {
  return find_class(body, kNoNumber, body.starts_with('+') ? 1 : 0);
}

std::size_t take_pause(std::string_view &rest) {
  const std::size_t size = std::min(rest.find_first_not_of(",;"), rest.size());
  const bool longer = size > 1 || rest.starts_with(';');
  rest.remove_prefix(size);
  return size == 0 ? 0 : longer ? 15 : 9;
}

/// Takes what marks an extension off; returns how many digits may follow, or 0.
std::size_t take_mark(std::string_view &rest) {
  if (rest.starts_with(",,")) return take_pause(rest);
  skip(rest, " ,");
  if (rest.starts_with('#')) return rest.remove_prefix(1), 9;
  const std::string_view word = take_letters(rest);
  for (const Label &label : kLabels)
    if (label.word == word) return label.digits;
  return 0;
}

/// "555-0123 45#", as Americans write it.
Extension extension_before_hash(std::string_view body) {
  const std::string_view digits = body.substr(0, body.size() - 1);
  const std::size_t last = digits.find_last_not_of(kDigits);
  if (last == std::string_view::npos || digits.size() - last > 7) return {};
  if (digits[last] != ' ' && digits[last] != '-') return {};
  return {up_to_last_digit(digits.substr(0, last)), digits.substr(last + 1)};
}

/// A word stands by itself: letters that touch the digits, or that digits are mistaken for, may
/// belong to the number.
bool is_doubtful(std::string_view label) {
  const std::size_t word = label.find_first_not_of("-.*~");
  if (word < label.size() && is_letter(label[word])) return true;
  return std::none_of(label.begin(), label.end(), [](char symbol) {
    return is_letter(symbol) && kLookalikes.find(symbol) == std::string_view::npos;
  });
}

}  // namespace

std::string_view body_of(std::string_view symbols) {
  std::size_t first = find_class(symbols, kDigitSymbol);
  if (first == symbols.size()) return {};
  std::size_t before = first;
  while (before > 0 && (class_of(symbols[before - 1]) & kSeparatorSymbol) != 0) --before;
  if (before > 0 && symbols[before - 1] == '+') first = before - 1;
  std::size_t end = symbols.size();
  while ((class_of(symbols[end - 1]) & (kDigitSymbol | kLetterSymbol)) == 0 &&
         symbols[end - 1] != '#')
    --end;
  return symbols.substr(first, end - first);
}

bool is_name(std::string_view symbols, std::string_view body) {
  const auto first = static_cast<std::size_t>(body.data() - symbols.data());
  if (first == 0 || !is_letter(symbols[first - 1]) || body.starts_with('+')) return false;
  const bool alone = first == 1 || !is_letter(symbols[first - 2]);
  const bool digit = alone && kLookalikes.find(symbols[first - 1]) != std::string_view::npos;
  return digit || take_digits(body).size() < kMinimumGroup;
}

std::string_view without_fraction(std::string_view number) {
  const std::size_t point = number.find_last_not_of('0');
  if (point == std::string_view::npos || point == 0 || point + 1 == number.size()) return number;
  const std::string_view whole = number.substr(0, point);
  const bool decimal = number[point] == '.' || number[point] == ',';
  if (!decimal || !is_digit(whole.back()) || count_digits(whole) < 4) return number;
  return whole.find_first_of(".,") == std::string_view::npos ? whole : number;
}

bool is_scientific(std::string_view body) {
  skip(body, "+");
  if (take_digits(body).empty()) return false;
  if (body.starts_with('.') || body.starts_with(',')) {
    body.remove_prefix(1);
    take_digits(body);
  }
  if (!body.starts_with('e')) return false;
  body.remove_prefix(1);
  if (body.starts_with('+') || body.starts_with('-')) body.remove_prefix(1);
  const std::size_t exponent = take_digits(body).size();
  return body.empty() && exponent > 0 && exponent < 4;
}

Extension extension_of(std::string_view body, bool marked) {
  const std::size_t end = end_of_number(body);
  if (end == body.size()) return {};
  if (marked && end + 1 == body.size() && body[end] == '#') return extension_before_hash(body);
  std::string_view rest = body.substr(end);
  const std::size_t allowed = marked ? take_mark(rest) : take_pause(rest);
  skip(rest, marked ? " .:-" : " ");
  const std::string_view digits = take_digits(rest);
  if (rest.starts_with('#')) rest.remove_prefix(1);
  const std::string_view number = up_to_last_digit(body.substr(0, end));
  if (!rest.empty() || number.empty() || digits.size() > allowed) return {};
  return {number, digits};
}

std::string_view before_label(std::string_view body) {
  const std::string_view number = up_to_last_digit(body.substr(0, end_of_number(body)));
  const std::string_view label = body.substr(number.size());
  if (label.find_first_of("0123456789+#@=%\\\xFE") != std::string_view::npos) return {};
  const std::size_t before = number.find_last_not_of(kDigits);
  const std::size_t group =
      before == std::string_view::npos ? number.size() : number.size() - before - 1;
  return group < kMinimumGroup || is_doubtful(label) ? std::string_view() : number;
}

std::string_view take_part(std::string_view &rest) {
  while (!rest.empty()) {
    rest.remove_prefix(find_class(rest, kDigitSymbol | kPlusSymbol));
    if (rest.empty()) break;
    const std::size_t end = find_class(rest, kNoNumber, 1);
    const std::string_view part = up_to_last_digit(rest.substr(0, end));
    rest.remove_prefix(end);
    if (!part.empty()) return part;
  }
  return {};
}

bool Uri::read(std::string_view number, std::string_view parameters) {
  constexpr std::array<std::string_view, 3> kNames = {"phone-context=", "ext=", "isub="};
  std::array<std::string_view, 3> values;
  while (!parameters.empty()) {
    parameters.remove_prefix(1);
    const std::string_view parameter = parameters.substr(0, parameters.find(';'));
    parameters.remove_prefix(parameter.size());
    std::size_t at = 0;
    while (at < kNames.size() && !parameter.starts_with(kNames[at])) ++at;
    if (at == kNames.size() || values[at].data() != nullptr) return false;
    values[at] = parameter.substr(kNames[at].size());
  }
  const auto &[context, extension, subaddress] = values;
  const bool global = number.starts_with('+');
  if (find_class(number, kNoNumber, global ? 1 : 0) < number.size()) return false;
  if (extension.find_first_not_of(kDigits) != std::string_view::npos) return false;
  if (!context.empty() && (global || !context.starts_with('+') || count_digits(context) == 0 ||
                           find_class(context, kNoNumber, 1) < context.size()))
    return false;
  text_.add(up_to_last_digit(context)).add(up_to_last_digit(number));
  if (!extension.empty()) text_.add(" ext. ").add(extension);
  return true;
}

}  // namespace customer_identity::phone
