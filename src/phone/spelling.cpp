// Unicode's digits, spaces, dashes and invisible characters as the symbols of numbers. Lists of
// digits are those of Unicode 17.
#include "spelling.hpp"

#include <cstdint>

#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

constexpr char kNothing = '\0';

/// Where the ten digits of each script begin (Unicode's category Nd).
constexpr std::array<char32_t, 76> kZeros = {
    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,   0xC66,
    0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,  0x1810,
    0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,
    0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x10D40, 0x11066,
    0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA,
    0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16130,
    0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
    0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0};

struct Span {
  char32_t first;
  char32_t last;
};

/// Unicode's categories No and Nl: superscripts, circled numbers, fractions, Roman numerals.
constexpr std::array<Span, 82> kNumerals = {
    {{0xB2, 0xB3},       {0xB9, 0xB9},       {0xBC, 0xBE},       {0x9F4, 0x9F9},
     {0xB72, 0xB77},     {0xBF0, 0xBF2},     {0xC78, 0xC7E},     {0xD58, 0xD5E},
     {0xD70, 0xD78},     {0xF2A, 0xF33},     {0x1369, 0x137C},   {0x16EE, 0x16F0},
     {0x17F0, 0x17F9},   {0x19DA, 0x19DA},   {0x2070, 0x2070},   {0x2074, 0x2079},
     {0x2080, 0x2089},   {0x2150, 0x2182},   {0x2185, 0x2189},   {0x2460, 0x249B},
     {0x24EA, 0x24FF},   {0x2776, 0x2793},   {0x2CFD, 0x2CFD},   {0x3007, 0x3007},
     {0x3021, 0x3029},   {0x3038, 0x303A},   {0x3192, 0x3195},   {0x3220, 0x3229},
     {0x3248, 0x324F},   {0x3251, 0x325F},   {0x3280, 0x3289},   {0x32B1, 0x32BF},
     {0xA6E6, 0xA6EF},   {0xA830, 0xA835},   {0x10107, 0x10133}, {0x10140, 0x10178},
     {0x1018A, 0x1018B}, {0x102E1, 0x102FB}, {0x10320, 0x10323}, {0x10341, 0x10341},
     {0x1034A, 0x1034A}, {0x103D1, 0x103D5}, {0x10858, 0x1085F}, {0x10879, 0x1087F},
     {0x108A7, 0x108AF}, {0x108FB, 0x108FF}, {0x10916, 0x1091B}, {0x109BC, 0x109BD},
     {0x109C0, 0x109CF}, {0x109D2, 0x109FF}, {0x10A40, 0x10A48}, {0x10A7D, 0x10A7E},
     {0x10A9D, 0x10A9F}, {0x10AEB, 0x10AEF}, {0x10B58, 0x10B5F}, {0x10B78, 0x10B7F},
     {0x10BA9, 0x10BAF}, {0x10CFA, 0x10CFF}, {0x10E60, 0x10E7E}, {0x10F1D, 0x10F26},
     {0x10F51, 0x10F54}, {0x10FC5, 0x10FCB}, {0x11052, 0x11065}, {0x111E1, 0x111F4},
     {0x1173A, 0x1173B}, {0x118EA, 0x118F2}, {0x11C5A, 0x11C6C}, {0x11FC0, 0x11FD4},
     {0x12400, 0x1246E}, {0x16B5B, 0x16B61}, {0x16E80, 0x16E96}, {0x16FF4, 0x16FF6},
     {0x1D2C0, 0x1D2D3}, {0x1D2E0, 0x1D2F3}, {0x1D360, 0x1D378}, {0x1E8C7, 0x1E8CF},
     {0x1EC71, 0x1ECAB}, {0x1ECAD, 0x1ECAF}, {0x1ECB1, 0x1ECB4}, {0x1ED01, 0x1ED2D},
     {0x1ED2F, 0x1ED3D}, {0x1F100, 0x1F10C}}};

/// Where a to z begin once more: bracketed, circled, squared.
constexpr std::array<char32_t, 7> kAlphabets = {0x249C,  0x24B6,  0x24D0, 0x1F110,
                                                0x1F130, 0x1F150, 0x1F170};

/// 26 alphabets of mathematics, Latin ones, and five Greek ones with capitals and small letters.
constexpr char32_t kMathematical = 0x1D400;
constexpr char32_t kMathematicalGreek = 0x1D6A8;

/// What looks like an O, like an l or I, and the numerals of East Asia.
constexpr std::array<char32_t, 38> kLikeO = {
    0xBA,   0xD8,   0xF8,   0x39F,  0x3BF,  0x41E,  0x43E,  0x555,  0x585,  0x5E1,
    0x647,  0x6BE,  0x6C1,  0x6D5,  0xB20,  0xD20,  0x101D, 0x10FF, 0x12D0, 0x1D0F,
    0x1D11, 0x1D3C, 0x1D52, 0x2092, 0x2134, 0x2205, 0x25CB, 0x25EF, 0x2B55, 0x2C9E,
    0x2C9F, 0x2D54, 0xA4F3, 0xAB3D, 0xFEE9, 0xFEEA, 0xFEEB, 0xFEEC};
constexpr std::array<char32_t, 33> kLikeI = {
    0x130,  0x131,  0x196,  0x1C0,  0x269,  0x26A,  0x2E1,  0x399,  0x3B9,  0x406,  0x456,
    0x4C0,  0x4CF,  0x627,  0x13A5, 0x16C1, 0x1D35, 0x1D38, 0x1D62, 0x2071, 0x2097, 0x2110,
    0x2111, 0x2112, 0x2113, 0x2139, 0x2148, 0x2C92, 0x2C93, 0x2D4F, 0xA4F2, 0xFE8D, 0xFE8E};
constexpr std::array<char32_t, 11> kIdeographs = {0x4E00, 0x4E03, 0x4E09, 0x4E5D, 0x4E8C, 0x4E94,
                                                  0x516B, 0x516D, 0x5341, 0x56DB, 0x96F6};

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
  for (const char32_t letter : kLikeO) symbols[letter] = 'o';
  for (const char32_t letter : kLikeI) symbols[letter] = 'i';
  for (const char32_t numeral : kIdeographs) symbols[numeral] = kLikeDigit;
  for (const Span &span : kNumerals)
    for (char32_t at = span.first; at <= span.last && at < symbols.size(); ++at)
      symbols[at] = kNumeral;
  for (const char32_t a : kAlphabets)
    for (std::size_t letter = 0; letter < 26 && a + letter < symbols.size(); ++letter)
      symbols[a + letter] = static_cast<char>('a' + letter);
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

char symbol_of_mathematical_greek(char32_t letter) {
  const char32_t small = letter % 58 < 26 ? letter % 58 : letter % 58 - 26;
  return small == 14 ? 'o' : small == 8 ? 'i' : kLetter;
}

char symbol_beyond_first_plane(char32_t code_point) {
  for (const char32_t zero : kZeros)
    if (code_point - zero < 10) return static_cast<char>('0' + (code_point - zero));
  for (const Span &span : kNumerals)
    if (code_point >= span.first && code_point <= span.last) return kNumeral;
  for (const char32_t a : kAlphabets)
    if (code_point - a < 26) return static_cast<char>('a' + (code_point - a));
  if (code_point - kMathematical < 26 * 26)
    return static_cast<char>('a' + (code_point - kMathematical) % 26);
  if (code_point - kMathematicalGreek < 5 * 58)
    return symbol_of_mathematical_greek(code_point - kMathematicalGreek);
  return kLetter;
}

char symbol_of(char32_t code_point) {
  if (code_point == kInvalid) return kUnreadable;
  return code_point < kFirstPlane.size() ? kFirstPlane[code_point]
                                         : symbol_beyond_first_plane(code_point);
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
