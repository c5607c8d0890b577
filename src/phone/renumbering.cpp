// The table of renumberings, and what it makes of a number. Each entry names the announcement that
// it rests on. What an announcement leaves open (Cameroon's landlines of two networks, Chile's
// numbers without area code) is not here.
#include "renumbering.hpp"

#include <array>
#include <cstring>
#include <string>

namespace customer_identity::phone {
namespace {

constexpr std::string_view kEgypt = "NTRA, press release of 2011-10";
constexpr std::string_view kMorocco = "ANRT, national numbering plan of ten digits";
constexpr std::string_view kIvoryCoast = "ARTCI; ITU, national numbering plan of +225 (2021)";
constexpr std::string_view kBenin = "ARCEP Benin; ITU, national numbering plan of +229 (2024)";
constexpr std::string_view kMauritius = "ICTA, decision of 2013-02-11";
constexpr std::string_view kGhana = "NCA, numbering of Vodafone's fixed lines (2010)";
constexpr std::string_view kCameroon = "ART Cameroon, plan of nine digits (2014)";
constexpr std::string_view kGabon = "ARCEP Gabon, plan of nine digits; ANINF, notice of 2024-02-29";
constexpr std::string_view kStHelena = "Cable & Wireless St Helena, notice for 2013-10-01";
constexpr std::string_view kCostaRica = "ICE, change to eight digits (2008)";
constexpr std::string_view kMexico = "IFT, plan published in the DOF of 2018-05-11";
constexpr std::string_view kBrazil = "Anatel, Resolution 553/2010, completed 2016-11-06";
constexpr std::string_view kColombia = "CRC, Resolution 5826 of 2019";
constexpr std::string_view kPolynesia = "Council of ministers, 2012-11-14 (plan of eight digits)";
constexpr std::string_view kVietnamMobile = "MIC, conversion of 11-digit mobile numbers (2018)";
constexpr std::string_view kVietnamFixed =
    "MIC, Decision 2036/QD-BTTTT of 2016-11-21; the provinces of both in libphonenumber's "
    "geocoding";
constexpr std::string_view kSaudiArabia = "CITC; ITU, Communication of 9.IV.2013";
constexpr std::string_view kQatar = "ictQATAR, announcement of 2010-03-28";
constexpr std::string_view kGeorgia = "GNCC, Resolution 355; ITU, Communication of 22.XII.2010";

constexpr bool kListed = true;

// Clang-format would give each of these four lines.
// clang-format off
constexpr Renumbering kRenumberings[] = {
    {20, "2011-10-06", "0?1[069]xxxxxxx", 1, 0, "0", kEgypt, false},
    {20, "2011-10-06", "0?1[14]xxxxxxx", 1, 0, "1", kEgypt, false},
    {20, "2011-10-06", "0?1[278]xxxxxxx", 1, 0, "2", kEgypt, false},

    // 04 and 05 were fixed lines until 2006.
    {212, "2009-03-07", "0?[23]xxxxxxx", 0, 0, "5", kMorocco, false},
    {212, "2009-03-07", "0?[167]xxxxxxx", 0, 0, "6", kMorocco, false},

    // The second digit was the operator's, of a fixed line the third.
    {225, "2021-01-31", "0[123]xxxxxx", 0, 0, "01", kIvoryCoast, false},
    {225, "2021-01-31", "[457][0-3]xxxxxx", 0, 0, "01", kIvoryCoast, false},
    {225, "2021-01-31", "[04-9][456]xxxxxx", 0, 0, "05", kIvoryCoast, false},
    {225, "2021-01-31", "[04-8][789]xxxxxx", 0, 0, "07", kIvoryCoast, false},
    {225, "2021-01-31", "9[78]xxxxxx", 0, 0, "07", kIvoryCoast, false},
    {225, "2021-01-31", "2[0-3]8xxxxx", 0, 0, "21", kIvoryCoast, false},
    {225, "2021-01-31", "2[0-4]0xxxxx", 0, 0, "25", kIvoryCoast, false},
    {225, "2021-01-31", "3[0-6]0xxxxx", 0, 0, "25", kIvoryCoast, false},
    {225, "2021-01-31", "20[23]xxxxx", 0, 0, "27", kIvoryCoast, false},
    {225, "2021-01-31", "21[2357]xxxxx", 0, 0, "27", kIvoryCoast, false},
    {225, "2021-01-31", "2[23][45]xxxxx", 0, 0, "27", kIvoryCoast, false},
    {225, "2021-01-31", "24[345]xxxxx", 0, 0, "27", kIvoryCoast, false},
    {225, "2021-01-31", "3[01]6xxxxx", 0, 0, "27", kIvoryCoast, false},
    {225, "2021-01-31", "319xxxxx", 0, 0, "27", kIvoryCoast, false},
    {225, "2021-01-31", "3[2-4]7xxxxx", 0, 0, "27", kIvoryCoast, false},

    {229, "2024-11-30", "[24569]xxxxxxx", 0, 0, "01", kBenin, kListed},

    {230, "2013-09-01", "[79]xxxxxx", 0, 0, "5", kMauritius, false},
    {230, "2013-09-01", "25xxxxx", 0, 0, "5", kMauritius, false},
    {230, "2013-09-01", "4[29]xxxxx", 0, 0, "5", kMauritius, false},

    {233, "2010-05-01", "0?21xxxxxx", 0, 2, "302", kGhana, false},
    {233, "2010-05-01", "0?22xxxxxx", 0, 2, "303", kGhana, false},
    {233, "2010-05-01", "0?251xxxxx", 0, 3, "3430", kGhana, false},
    {233, "2010-05-01", "0?31xxxxx", 0, 2, "3120", kGhana, false},
    {233, "2010-05-01", "0?41xxxxx", 0, 2, "3320", kGhana, false},
    {233, "2010-05-01", "0?42xxxxx", 0, 2, "3321", kGhana, false},
    {233, "2010-05-01", "0?51xxxxx", 0, 2, "3220", kGhana, false},
    {233, "2010-05-01", "0?61xxxxx", 0, 2, "3520", kGhana, false},
    {233, "2010-05-01", "0?71xxxxx", 0, 2, "3720", kGhana, false},
    {233, "2010-05-01", "0?72xxxxx", 0, 2, "3820", kGhana, false},

    {237, "2014-11-21", "[5679]xxxxxxx", 0, 0, "6", kCameroon, false},

    {241, "2019-11-15", "0?1xxxxxx", 0, 0, "1", kGabon, kListed},
    {241, "2019-11-15", "0?[256]xxxxxx", 0, 0, "6", kGabon, kListed},
    {241, "2019-11-15", "0?[47]xxxxxx", 0, 0, "7", kGabon, kListed},

    // Tristan da Cunha keeps its four digits, 8xxx.
    {290, "2013-10-01", "[2-7]xxx", 0, 0, "2", kStHelena, false},

    {506, "2008-03-20", "[24-7]xxxxxx", 0, 0, "2", kCostaRica, false},
    {506, "2008-03-20", "[389]xxxxxx", 0, 0, "8", kCostaRica, false},

    {52, "2019-08-03", "1[2-9]xxxxxxxxx", 0, 1, "", kMexico, kListed},

    // Trunked radio (7) stays, and 6 in Sao Paulo was a fixed line until 2008.
    {55, "2016-11-06", "11[89]xxxxxxx", 2, 0, "9", kBrazil, false},
    {55, "2016-11-06", "1[2-9][689]xxxxxxx", 2, 0, "9", kBrazil, false},
    {55, "2016-11-06", "[2-9][1-9][689]xxxxxxx", 2, 0, "9", kBrazil, false},

    {57, "2021-09-01", "[124-8][2-8]xxxxxx", 0, 0, "60", kColombia, false},

    // The fixed lines of two networks got different digits.
    {689, "2014-06-23", "7xxxxx", 0, 0, "87", kPolynesia, false},

    {84, "2018-09-15", "120xxxxxxx", 0, 3, "70", kVietnamMobile, false},
    {84, "2018-09-15", "121xxxxxxx", 0, 3, "79", kVietnamMobile, false},
    {84, "2018-09-15", "122xxxxxxx", 0, 3, "77", kVietnamMobile, false},
    {84, "2018-09-15", "123xxxxxxx", 0, 3, "83", kVietnamMobile, false},
    {84, "2018-09-15", "124xxxxxxx", 0, 3, "84", kVietnamMobile, false},
    {84, "2018-09-15", "125xxxxxxx", 0, 3, "85", kVietnamMobile, false},
    {84, "2018-09-15", "126xxxxxxx", 0, 3, "76", kVietnamMobile, false},
    {84, "2018-09-15", "127xxxxxxx", 0, 3, "81", kVietnamMobile, false},
    {84, "2018-09-15", "128xxxxxxx", 0, 3, "78", kVietnamMobile, false},
    {84, "2018-09-15", "129xxxxxxx", 0, 3, "82", kVietnamMobile, false},
    {84, "2018-09-15", "16[2-9]xxxxxxx", 0, 2, "3", kVietnamMobile, false},
    {84, "2018-09-15", "18[68]xxxxxxx", 0, 2, "5", kVietnamMobile, false},
    {84, "2018-09-15", "199xxxxxxx", 0, 3, "59", kVietnamMobile, false},

    // Area codes. Those with two digits that mobile numbers begin with today are not certain any more.
    {84, "2017-04-15", "240xxxxxxx", 0, 3, "204", kVietnamFixed, false},
    {84, "2017-04-15", "241xxxxxxx", 0, 3, "222", kVietnamFixed, false},
    {84, "2017-02-11", "20xxxxxxx", 0, 2, "214", kVietnamFixed, false},
    {84, "2017-02-11", "22xxxxxxx", 0, 2, "212", kVietnamFixed, false},
    {84, "2017-02-11", "230xxxxxxx", 0, 3, "215", kVietnamFixed, false},
    {84, "2017-02-11", "231xxxxxxx", 0, 3, "213", kVietnamFixed, false},
    {84, "2017-04-15", "25xxxxxxx", 0, 2, "205", kVietnamFixed, false},
    {84, "2017-04-15", "26xxxxxxx", 0, 2, "206", kVietnamFixed, false},
    {84, "2017-04-15", "27xxxxxxx", 0, 2, "207", kVietnamFixed, false},
    {84, "2017-04-15", "280xxxxxxx", 0, 3, "208", kVietnamFixed, false},
    {84, "2017-04-15", "281xxxxxxx", 0, 3, "209", kVietnamFixed, false},
    {84, "2017-02-11", "29xxxxxxx", 0, 2, "216", kVietnamFixed, false},
    {84, "2017-04-15", "320xxxxxxx", 0, 3, "220", kVietnamFixed, false},
    {84, "2017-04-15", "321xxxxxxx", 0, 3, "221", kVietnamFixed, false},
    {84, "2017-04-15", "350xxxxxxx", 0, 3, "228", kVietnamFixed, false},
    {84, "2017-04-15", "351xxxxxxx", 0, 3, "226", kVietnamFixed, false},
    {84, "2017-06-17", "4xxxxxxxx", 0, 1, "24", kVietnamFixed, false},
    {84, "2017-06-17", "500xxxxxxx", 0, 3, "262", kVietnamFixed, false},
    {84, "2017-06-17", "501xxxxxxx", 0, 3, "261", kVietnamFixed, false},
    {84, "2017-02-11", "510xxxxxxx", 0, 3, "235", kVietnamFixed, false},
    {84, "2017-02-11", "511xxxxxxx", 0, 3, "236", kVietnamFixed, false},
    {84, "2017-06-17", "60xxxxxxx", 0, 2, "260", kVietnamFixed, false},
    {84, "2017-06-17", "61xxxxxxx", 0, 2, "251", kVietnamFixed, false},
    {84, "2017-06-17", "62xxxxxxx", 0, 2, "252", kVietnamFixed, false},
    {84, "2017-06-17", "63xxxxxxx", 0, 2, "263", kVietnamFixed, false},
    {84, "2017-06-17", "64xxxxxxx", 0, 2, "254", kVietnamFixed, false},
    {84, "2017-06-17", "650xxxxxxx", 0, 3, "274", kVietnamFixed, false},
    {84, "2017-06-17", "651xxxxxxx", 0, 3, "271", kVietnamFixed, false},
    {84, "2017-06-17", "66xxxxxxx", 0, 2, "276", kVietnamFixed, false},
    {84, "2017-06-17", "67xxxxxxx", 0, 2, "277", kVietnamFixed, false},
    {84, "2017-06-17", "68xxxxxxx", 0, 2, "259", kVietnamFixed, false},
    {84, "2017-04-15", "710xxxxxxx", 0, 3, "292", kVietnamFixed, false},
    {84, "2017-04-15", "711xxxxxxx", 0, 3, "293", kVietnamFixed, false},
    {84, "2017-04-15", "780xxxxxxx", 0, 3, "290", kVietnamFixed, false},
    {84, "2017-04-15", "781xxxxxxx", 0, 3, "291", kVietnamFixed, false},

    {966, "2013-05-13", "0?1xxxxxxx", 0, 0, "1", kSaudiArabia, false},
    {966, "2013-08-18", "0?[23467]xxxxxxx", 0, 0, "1", kSaudiArabia, false},

    {974, "2010-07-28", "3xxxxxx", 0, 0, "3", kQatar, false},
    {974, "2010-07-28", "4xxxxxx", 0, 0, "4", kQatar, false},
    {974, "2010-07-28", "5xxxxxx", 0, 0, "5", kQatar, false},
    {974, "2010-07-28", "6xxxxxx", 0, 0, "6", kQatar, false},
    {974, "2010-07-28", "7xxxxxx", 0, 0, "7", kQatar, false},

    // 90, which was no mobile phone, became 790.
    {995, "2011-06-20", "8?[57][1578]xxxxxx", 0, 0, "5", kGeorgia, false},
    {995, "2011-06-20", "8?9[135-9]xxxxxx", 0, 0, "5", kGeorgia, false},
    {995, "2011-06-04", "8?32xxxxxx", 2, 0, "2", kGeorgia, false},
};
// clang-format on

/// Takes one place of a pattern off: the digits that fit there, or "x".
constexpr std::string_view take_place(std::string_view &pattern) {
  const std::size_t length = pattern.front() == '[' ? pattern.find(']') + 1 : 1;
  const std::string_view place = pattern.substr(0, length);
  pattern.remove_prefix(length);
  return place;
}

bool fits(std::string_view place, char digit) {
  if (place == "x") return true;
  if (place.size() == 1) return place.front() == digit;
  for (std::size_t i = 1; i + 1 < place.size(); ++i) {
    const bool is_range = place[i + 1] == '-';
    const char last = is_range ? place[i + 2] : place[i];
    if (digit >= place[i] && digit <= last) return true;
    if (is_range) i += 2;
  }
  return false;
}

bool matches(std::string_view pattern, std::string_view number) {
  while (!pattern.empty() && !number.empty()) {
    if (!fits(take_place(pattern), number.front())) return false;
    number.remove_prefix(1);
  }
  return pattern.empty() && number.empty();
}

/// The pattern without a trunk prefix.
constexpr std::string_view own_digits(std::string_view pattern) {
  return pattern[1] == '?' ? pattern.substr(2) : pattern;
}

/// The old number that the rule is about, without a trunk prefix; empty: it is about others.
std::string_view old_number(const Renumbering &rule, std::string_view number) {
  const std::string_view pattern = own_digits(rule.old);
  if (matches(pattern, number)) return number;
  const bool has_trunk = pattern.size() < rule.old.size() && number.starts_with(rule.old.front());
  return has_trunk && matches(pattern, number.substr(1)) ? number.substr(1) : std::string_view();
}

/// The places of a pattern, or digits, with the change made.
std::string changed(const Renumbering &rule, std::string_view pattern) {
  std::string text;
  for (std::size_t place = 0; !pattern.empty(); ++place) {
    if (place == rule.at) text += rule.put;
    const std::string_view taken = take_place(pattern);
    if (place < rule.at || place >= std::size_t{rule.at} + rule.drop) text += taken;
  }
  return text;
}

template <std::size_t Size>
void copy(const std::string &from, char (&to)[Size]) {
  to[from.copy(to, Size - 1)] = '\0';
}

/// How many digits old numbers of the rule have, with a trunk prefix or without.
constexpr std::uint32_t lengths_of(const Renumbering &rule) {
  std::string_view pattern = own_digits(rule.old);
  const bool has_trunk = pattern.size() < rule.old.size();
  std::uint32_t length = 1;
  for (; !pattern.empty(); length <<= 1U) take_place(pattern);
  return has_trunk ? length | length << 1U : length;
}

/// A country's rules.
struct Country {
  std::uint32_t lengths = 0;  // of old numbers, a bit each
  std::uint8_t first = 0;     // the place of the first rule
  bool keeps_old = false;     // the plans list old numbers
};

constexpr auto kCountries = [] {
  std::array<Country, 1000> countries{};
  for (std::size_t at = std::size(kRenumberings); at > 0; --at) {
    const Renumbering &rule = kRenumberings[at - 1];
    Country &country = countries[static_cast<std::size_t>(rule.country_code)];
    country.lengths |= lengths_of(rule);
    country.first = static_cast<std::uint8_t>(at - 1);
    country.keeps_old = country.keeps_old || rule.is_still_listed;
  }
  return countries;
}();
static_assert(std::size(kRenumberings) <= 256);

const Country &country_of(std::int32_t code) { return kCountries[static_cast<std::size_t>(code)]; }

}  // namespace

std::span<const Renumbering> renumberings() { return kRenumberings; }

Renumbered renumber(std::int32_t country_code, std::string_view national_number) {
  Renumbered renumbered = {};
  const Country &country = country_of(country_code);
  if ((country.lengths >> national_number.size() & 1U) == 0) return renumbered;
  for (const Renumbering &rule : std::span(kRenumberings).subspan(country.first)) {
    if (rule.country_code != country_code) break;
    const std::string_view old = old_number(rule, national_number);
    if (old.empty()) continue;
    copy('+' + std::to_string(country_code) + changed(rule, old), renumbered.e164);
    renumbered.rule = &rule;
    return renumbered;
  }
  return renumbered;
}

bool may_be_old(const Details &details) {
  return details.country_code != 0 &&
         (!details.is_valid || country_of(details.country_code).keeps_old);
}

namespace {

/// Today's number of an old one, in `today`, if it is in use. The old form counts where it is no
/// number of today, or the plans keep it although it is closed.
const Renumbering *move(const Details &old, Acceptance acceptance, FastPath fast_path,
                        Details &today) {
  if (!may_be_old(old)) return nullptr;
  const Renumbered found = renumber(old.country_code, old.national_number);
  if (found.rule == nullptr || (old.is_valid && !found.rule->is_still_listed)) return nullptr;
  today = parse(found.e164, "", acceptance, fast_path);
  return today.is_valid && std::strcmp(today.e164, found.e164) == 0 ? found.rule : nullptr;
}

}  // namespace

const Renumbering *renumbering_of(const Details &details) {
  Details today;
  return move(details, Acceptance::kValid, FastPath::kOn, today);
}

Details renumbered(const Details &details, Acceptance acceptance, FastPath fast_path) {
  Details today;
  if (move(details, acceptance, fast_path, today) == nullptr) return details;
  std::memcpy(today.extension, details.extension, sizeof(today.extension));
  return today;
}

Rule written(const Renumbering &renumbering) {
  const std::string country = '+' + std::to_string(renumbering.country_code) + ' ';
  const std::string_view old = own_digits(renumbering.old);
  Rule rule = {};
  copy(country + std::string(old) + " -> " + country + changed(renumbering, old), rule.text);
  return rule;
}

}  // namespace customer_identity::phone
