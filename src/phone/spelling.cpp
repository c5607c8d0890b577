// Unicode's digits, spaces, dashes and invisible characters as the symbols of numbers.
#include "spelling.hpp"

#include <cstdint>

#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

constexpr char kNothing = '\0';

/// Where the ten digits of each script begin (Unicode's category Nd).
constexpr std::array<char32_t, 65> kZeros = {
    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,   0xC66,
    0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,  0x1810,
    0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,
    0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
    0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0};

struct Range {
  char32_t first;
  char32_t last;
  char symbol;
};

/// What is neither a digit nor a letter, in the order of Unicode.
constexpr std::array<Range, 41> kRanges = {
    {{0x80, 0x84, kUnreadable},  {0x85, 0x85, kLineBreak},     {0x86, 0x9F, kUnreadable},
     {0xA0, 0xA0, ' '},          {0xAD, 0xAD, kNothing},       {0xB7, 0xB7, '.'},
     {0x300, 0x36F, kNothing},   {0x61C, 0x61C, kNothing},     {0x1680, 0x1680, ' '},
     {0x180E, 0x180E, kNothing}, {0x2000, 0x200A, ' '},        {0x200B, 0x200F, kNothing},
     {0x2010, 0x2015, '-'},      {0x2018, 0x201F, '"'},        {0x2022, 0x2022, '.'},
     {0x2024, 0x2024, '.'},      {0x2027, 0x2027, '.'},        {0x2028, 0x2029, kLineBreak},
     {0x202A, 0x202E, kNothing}, {0x202F, 0x202F, ' '},        {0x2043, 0x2043, '-'},
     {0x2044, 0x2044, '/'},      {0x2053, 0x2053, '-'},        {0x205F, 0x205F, ' '},
     {0x2060, 0x206F, kNothing}, {0x2212, 0x2212, '-'},        {0x2215, 0x2215, '/'},
     {0x2219, 0x2219, '.'},      {0x223C, 0x223C, '~'},        {0x22C5, 0x22C5, '.'},
     {0x3000, 0x3000, ' '},      {0x301C, 0x301C, '~'},        {0x30FB, 0x30FC, '-'},
     {0xFE00, 0xFE0F, kNothing}, {0xFE58, 0xFE58, '-'},        {0xFE63, 0xFE63, '-'},
     {0xFEFF, 0xFEFF, kNothing}, {0xFF3F, 0xFF3F, ' '},        {0xFF5E, 0xFF5E, '~'},
     {0xFF65, 0xFF65, '-'},      {0xFFFE, 0xFFFF, kUnreadable}}};

constexpr char symbol_of_ascii(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  if (c == '\t' || c == '_') return ' ';
  if (c >= '\n' && c <= '\r') return kLineBreak;
  return c < ' ' || c == '\x7F' ? kUnreadable : c;
}

constexpr std::array<char, 128> ascii_symbols() {
  std::array<char, 128> symbols{};
  for (std::size_t c = 0; c < symbols.size(); ++c)
    symbols[c] = symbol_of_ascii(static_cast<char>(c));
  return symbols;
}
constexpr std::array<char, 128> kAsciiSymbols = ascii_symbols();

/// The symbols of Unicode's first plane from 0x80 on: where others than ASCII are typed, texts are
/// full of them.
constexpr std::array<char, 0x10000> first_plane() {
  std::array<char, 0x10000> symbols{};
  symbols.fill(kLetter);
  for (std::size_t letter = 0; letter < 64; ++letter)  // capitals, then small letters
    symbols[0x410 + letter] =
        static_cast<char>(static_cast<unsigned char>(kCyrillic) + (letter & 31U));
  for (std::size_t ascii = '!'; ascii <= '}'; ++ascii)  // full-width
    symbols[0xFF01 + ascii - '!'] = kAsciiSymbols[ascii];
  for (const char32_t zero : kZeros)
    for (std::size_t digit = 0; digit < 10 && zero + digit < symbols.size(); ++digit)
      symbols[zero + digit] = static_cast<char>('0' + digit);
  for (const Range &range : kRanges)
    for (char32_t at = range.first; at <= range.last; ++at) symbols[at] = range.symbol;
  return symbols;
}
constexpr std::array<char, 0x10000> kFirstPlane = first_plane();

char symbol_of(char32_t code_point) {
  if (code_point == kInvalid) return kUnreadable;
  if (code_point < kFirstPlane.size()) return kFirstPlane[code_point];
  const auto *const zero = std::upper_bound(kZeros.begin(), kZeros.end(), code_point);
  return code_point - zero[-1] < 10 ? static_cast<char>('0' + (code_point - zero[-1])) : kLetter;
}

}  // namespace

Spelling::Spelling(std::string_view text) {
  std::size_t size = 0;
  char symbol = ' ';
  for (std::size_t left = kMaximumCharacters; !text.empty() && left > 0; --left) {
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x80) {
      symbol = kAsciiSymbols[byte];
      text.remove_prefix(1);
    } else
      symbol = symbol_of(take_code_point(text));
    symbols_[size] = symbol;
    size += symbol == kNothing ? 0 : 1;
    if (symbol == kUnreadable) break;
  }
  if (!text.empty() && symbol != kUnreadable) symbols_[size++] = kUnreadable;
  size_ = size;
}

void Spelling::drop_carrier_marks() {
  const std::size_t zero = view().find_first_of("0123456789");
  const std::size_t mark =
      view().find_first_not_of(" (", zero == std::string_view::npos ? zero : zero + 1);
  if (zero == std::string_view::npos || symbols_[zero] != '0') return;
  if (mark < size_ && view().substr(mark).starts_with("xx"))
    std::fill_n(symbols_.begin() + static_cast<std::ptrdiff_t>(mark), 2, ' ');
}

}  // namespace customer_identity::phone
