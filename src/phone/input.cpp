// What is no plain number is folded into one symbol a character, and decided about as
// ExtractPossibleNumber(), IsViablePhoneNumber(), MaybeStripExtension() and Normalize() of
// PhoneNumberUtil do; it leaves what is rare to the library.
#include "input.hpp"

#include <algorithm>
#include <cstring>

#include "phone/plain.hpp"
#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

/// What a character may be good for; a text's classes are or-ed together.
enum Class : std::uint16_t {
  kDigit = 1,
  kPlus = 2,
  kPunctuation = 4,
  kSlash = 8,           // before an x it cuts a second number off
  kX = 16,              // punctuation, a letter, or the label of an extension
  kLetter = 32,         // ASCII
  kLabel = 64,          // may stand before an extension only
  kForeign = 128,       // never part of a number, never what a trimmed text ends with
  kWord = 256,          // not of a number either, but may be a letter: known before a number only
  kUnreadable = 512,    // left to the library
  kOtherScript = 1024,  // added to kDigit
  kEnd = 2048,          // no character: the text is over
  kBeyond = 4096        // a byte of a character that is not ASCII
};

struct Symbol {
  char folded;  // digits in ASCII, letters small
  std::uint16_t classes;
};

constexpr char kNoBreakSpace = '\x01';

constexpr Symbol symbol_of_ascii(char c) {
  if (c >= '0' && c <= '9') return {c, kDigit};
  if (c == 'x' || c == 'X') return {'x', kX};
  if (c >= 'a' && c <= 'z') return {c, kLetter};
  if (c >= 'A' && c <= 'Z') return {static_cast<char>(c - 'A' + 'a'), kLetter};
  if (c == '+') return {c, kPlus};
  if (std::string_view("- ()[].*").find(c) != std::string_view::npos) return {c, kPunctuation};
  if (c == '/') return {c, kPunctuation | kSlash};
  if (c == '\\') return {c, kForeign | kSlash};
  if (std::string_view("#~,;=:\t").find(c) != std::string_view::npos) return {c, kLabel};
  const bool control = (c < ' ' && c != '\n' && c != '\f' && c != '\r') || c == '\x7F';
  return {c, control ? kUnreadable : kForeign};
}

/// Of every byte; those beyond ASCII are parts of characters.
constexpr std::array<Symbol, 256> byte_symbols() {
  std::array<Symbol, 256> symbols{};
  for (std::size_t byte = 0; byte < symbols.size(); ++byte)
    symbols[byte] = byte < 128 ? symbol_of_ascii(static_cast<char>(byte)) : Symbol{'\0', kBeyond};
  return symbols;
}
constexpr std::array<Symbol, 256> kSymbols = byte_symbols();

const Symbol &symbol_of_byte(char byte) { return kSymbols[static_cast<unsigned char>(byte)]; }

constexpr bool between(char32_t code_point, char32_t first, char32_t last) {
  return code_point >= first && code_point <= last;
}

/// Arabic, Persian, Devanagari, Bengali and full-width digits. Other scripts are for the library.
constexpr std::array<char32_t, 5> kZeros = {0x660, 0x6F0, 0x966, 0x9E6, 0xFF10};

/// PhoneNumberUtil::kValidPunctuation beyond ASCII, without U+30FC (a letter) and U+FF0E (a label).
bool is_punctuation(char32_t code_point) {
  constexpr std::array<char32_t, 12> kSingle = {0xAD,   0x200B, 0x2053, 0x2060, 0x2212, 0x223C,
                                                0x3000, 0xFF08, 0xFF09, 0xFF0D, 0xFF3B, 0xFF3D};
  return between(code_point, 0x2010, 0x2015) || code_point == 0xFF0F ||
         std::find(kSingle.begin(), kSingle.end(), code_point) != kSingle.end();
}

/// Ranges that hold no digit and no character that the library refuses altogether: the scripts of
/// Europe and the Near East, those of East Asia, pictures.
bool is_word(char32_t code_point) {
  return between(code_point, 0xA1, 0x5FF) || between(code_point, 0x2070, 0x9FFF) ||
         between(code_point, 0x1F300, 0x1FAFF);
}

/// Spaces, joiners and marks of direction: neither letters nor digits.
bool is_format(char32_t code_point) {
  return between(code_point, 0x2000, 0x206F) || code_point == 0xFEFF;
}

Symbol symbol_of(char32_t code_point) {
  for (const char32_t zero : kZeros)
    if (between(code_point, zero, zero + 9))
      return {static_cast<char>('0' + (code_point - zero)), kDigit | kOtherScript};
  if (code_point == 0xFF0B) return {'+', kPlus};
  if (code_point == 0xA0) return {kNoBreakSpace, kPunctuation};
  if (is_punctuation(code_point)) return {'(', kPunctuation};
  if (is_format(code_point)) return {'!', kForeign};
  return {'!', static_cast<std::uint16_t>(is_word(code_point) ? kWord : kUnreadable)};
}

/// A text's symbols from its first digit or plus, the plus itself left out, to the last character
/// that a number can end with (a letter, a digit or '#').
struct Body {
  bool plus = false;
  std::uint16_t classes = 0;
  std::size_t size = 0;
  std::array<char, kMaximumInput> symbols;  // NOLINT(*-member-init): filled up to `size`

  std::string_view view() const { return {symbols.data(), size}; }
};

/// Takes the next symbol of `text`; what is not UTF-8 is kUnreadable.
Symbol take_symbol(std::string_view &text) {
  if (text.empty()) return {'\0', kEnd};
  const Symbol symbol = symbol_of_byte(text.front());
  if (symbol.classes != kBeyond) return text.remove_prefix(1), symbol;
  const char32_t code_point = take_code_point(text);
  return code_point == kInvalid ? Symbol{'\0', kUnreadable} : symbol_of(code_point);
}

/// Takes what stands before the number, and the first symbol of the number. A semicolon stops it:
/// a phone-context may begin there.
Symbol skip_to_start(std::string_view &text) {
  Symbol symbol = take_symbol(text);
  while ((symbol.classes & (kDigit | kPlus | kUnreadable | kEnd)) == 0 && symbol.folded != ';')
    symbol = take_symbol(text);
  return symbol;
}

/// kOk when `body` holds what may be a number.
Outcome fold(std::string_view text, Body &body) {
  Symbol symbol = skip_to_start(text);
  if ((symbol.classes & kEnd) != 0) return Reason::kNotANumber;
  if ((symbol.classes & (kDigit | kPlus)) == 0) return std::nullopt;
  for (; (symbol.classes & kPlus) != 0; symbol = take_symbol(text)) body.plus = true;

  std::uint16_t classes = 0;
  for (std::size_t count = 0; (symbol.classes & kEnd) == 0; symbol = take_symbol(text)) {
    if ((symbol.classes & (kUnreadable | kWord)) != 0) return std::nullopt;
    classes |= symbol.classes;
    body.symbols[count++] = symbol.folded;
    if ((symbol.classes & (kDigit | kLetter | kX)) == 0 && symbol.folded != '#') continue;
    body.size = count;
    body.classes = classes;
  }
  return Reason::kOk;
}

bool is_digit(char symbol) { return symbol >= '0' && symbol <= '9'; }
bool is_letter(char symbol) { return symbol >= 'a' && symbol <= 'z'; }

bool take(std::string_view &text, std::string_view token) {
  if (!text.starts_with(token)) return false;
  text.remove_prefix(token.size());
  return true;
}

void skip(std::string_view &text, std::string_view any_of) {
  text.remove_prefix(std::min(text.find_first_not_of(any_of), text.size()));
}

/// True when all of `label` is one of `labels` and kPossibleCharsAfterExtLabel.
template <std::size_t Size>
bool is_one_of(std::string_view label, const std::array<std::string_view, Size> &labels) {
  return std::any_of(labels.begin(), labels.end(), [label](std::string_view known) {
    std::string_view left = label;
    if (!take(left, known)) return false;
    if (left.starts_with(':') || left.starts_with('.')) left.remove_prefix(1);
    skip(left, " \x01\t,-");
    return left.empty();
  });
}

/// True when all of `label` announces an extension of so many digits, which a '#' may follow:
/// CreateExtnPattern().
bool is_label(std::string_view label, std::size_t digits, bool hash) {
  constexpr std::array<std::string_view, 9> kExplicit = {
      "ext", "extn", "xt", "xtn", "extensio", "extension", "xtensio", "xtension", "anexo"};
  constexpr std::array<std::string_view, 4> kAmbiguous = {"x", "#", "~", "int"};
  constexpr std::array<std::string_view, 2> kDialling = {",,", ";"};
  constexpr std::array<std::string_view, 1> kComma = {","};

  std::string_view separated = label;
  skip(separated, " \x01\t,");
  std::string_view spaced = label;
  skip(spaced, " \x01\t");
  std::string_view comma = spaced;
  while (comma.starts_with(",,")) comma.remove_prefix(1);
  const bool american = hash && label.find_first_not_of("- ") == std::string_view::npos;
  return (digits <= 20 && (is_one_of(separated, kExplicit) || (label == ";ext=" && !hash))) ||
         (digits <= 15 && is_one_of(spaced, kDialling)) ||
         (digits <= 9 && (is_one_of(separated, kAmbiguous) || is_one_of(comma, kComma))) ||
         (digits <= 6 && american);
}

/// Where the label of the extension that ends `symbols` begins; their size when there is none.
std::size_t find_extension(std::string_view symbols) {
  const bool hash = symbols.ends_with('#');
  const std::string_view body = symbols.substr(0, symbols.size() - (hash ? 1 : 0));
  std::size_t digits = body.size();
  while (digits > 0 && is_digit(body[digits - 1])) --digits;
  std::size_t label = digits;
  while (label > 0 && !is_digit(body[label - 1])) --label;
  if (label == 0 || digits == body.size()) return symbols.size();
  for (std::size_t at = label; at < digits; ++at)
    if (is_label(body.substr(at, digits - at), body.size() - digits, hash)) return at;
  return symbols.size();
}

/// Takes over the digits of `symbols`; with three letters or more, letters count as on a
/// telephone's keys.
void copy_digits(std::string_view symbols, Input &input) {
  constexpr std::string_view kKeys = "22233344455566677778889999";
  const bool letters_dial = std::count_if(symbols.begin(), symbols.end(), is_letter) >= 3;
  std::size_t count = 0;
  for (const char symbol : symbols) {
    if (is_digit(symbol))
      input.buffer[count++] = symbol;
    else if (letters_dial && is_letter(symbol))
      input.buffer[count++] = kKeys[static_cast<std::size_t>(symbol - 'a')];
  }
  input.digits = {input.buffer.data(), count};
}

void copy_extension(std::string_view labelled, Input &input) {
  const auto *const first = std::find_if(labelled.begin(), labelled.end(), is_digit);
  std::string_view digits = labelled.substr(static_cast<std::size_t>(first - labelled.begin()));
  if (digits.ends_with('#')) digits.remove_suffix(1);
  char *const to = input.buffer.data() + input.digits.size();
  input.extension = {to, digits.copy(to, digits.size())};
}

/// A body with letters or signs that an extension's label may hold. Elsewhere those signs make it
/// no number, except the tilde, which is punctuation as well.
Outcome read_labelled(const Body &body, Input &input) {
  const std::string_view symbols = body.view();
  const std::size_t extension = find_extension(symbols);
  const std::string_view number = symbols.substr(0, extension);
  if (number.find('~') != std::string_view::npos) return std::nullopt;
  const auto is_of_label = [](char symbol) {
    return (symbol_of_byte(symbol).classes & kLabel) != 0;
  };
  if (std::any_of(number.begin(), number.end(), is_of_label)) return Reason::kNotANumber;

  const auto *const first_letter = std::find_if(
      number.begin(), number.end(), [](char symbol) { return is_letter(symbol) && symbol != 'x'; });
  if (std::count_if(number.begin(), first_letter, is_digit) < 3) return std::nullopt;
  const bool letters = std::any_of(number.begin(), number.end(), is_letter);
  if (letters && (extension < symbols.size() || (body.classes & kOtherScript) != 0))
    return std::nullopt;

  copy_digits(number, input);
  if (extension < symbols.size()) copy_extension(symbols.substr(extension), input);
  return Reason::kOk;
}

/// Adds the digits of `text` to those of the input; returns the classes of all its characters.
/// Without a branch for each character: where the separators are is not predictable.
std::uint32_t add_digits(std::string_view text, Input &input) {
  std::uint32_t classes = 0;
  std::size_t count = input.digits.size();
  for (const char c : text) {
    const std::uint32_t found = symbol_of_byte(c).classes;
    classes |= found;
    input.buffer[count] = c;
    count += found & kDigit;
  }
  input.digits = {input.buffer.data(), count};
  return classes;
}

bool is_plain(std::uint32_t classes) {
  return (classes & ~std::uint32_t{kDigit | kPunctuation | kSlash}) == 0;
}

/// "tel:201555-0123;phone-context=+1": the context goes before the number. Other contexts and
/// parameters, which versions of the library treat differently, are not understood.
Outcome read_context(std::string_view number, std::string_view context, Input &input) {
  input.plus = take(context, "+");
  input.digits = {};
  take(number, "tel:");
  if (!input.plus || context.empty() || add_digits(context, input) != kDigit) return std::nullopt;
  if (!is_plain(add_digits(number, input)) ||
      number.find_first_of("/*[]") != std::string_view::npos || input.digits.size() < 3)
    return std::nullopt;
  return Reason::kOk;
}

Outcome read_any(std::string_view text, Input &input) {
  constexpr std::string_view kContext = ";phone-context=";
  const std::size_t context = text.find(kContext);
  if (context != std::string_view::npos)
    return read_context(text.substr(0, context), text.substr(context + kContext.size()), input);

  Body body;
  const Outcome folded = fold(text, body);
  if (folded != Reason::kOk) return folded;
  input.plus = body.plus;
  const std::string_view symbols = body.view();
  const bool second_number = (body.classes & kX) != 0 && (body.classes & kSlash) != 0;
  if (second_number || symbols.find(";p") != std::string_view::npos ||
      symbols.find(";i") != std::string_view::npos)
    return std::nullopt;
  if ((body.classes & (kForeign | kPlus)) != 0) return Reason::kNotANumber;
  if ((body.classes & (kX | kLetter | kLabel)) != 0) return read_labelled(body, input);

  copy_digits(symbols, input);
  const bool two_digits = input.digits.size() == 2 && symbols.size() == 2 && !body.plus;
  return input.digits.size() >= 3 || two_digits ? Reason::kOk : Reason::kNotANumber;
}

}  // namespace

Outcome read_input(std::string_view text, Input &input) {
  if (text.size() > kMaximumInput) return std::nullopt;
  std::string_view plain = text;
  while (plain.starts_with('(') || plain.starts_with(' ')) plain.remove_prefix(1);
  return read_plain(plain, input).is_plain ? Reason::kOk : read_any(text, input);
}

}  // namespace customer_identity::phone
