// Plans that moved people: where a country gave its numbers other digits, an old spelling reads as
// today's number of the same subscriber. Only what is certain: a rule says which old numbers it is
// about, by their length and first digits, and none of them may be a number of today.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

/// One change of a national plan. `old` is the national number as it was: x is any digit, [..] one
/// of those; a first digit with ? may be there or not (a trunk prefix, which is not a part of the
/// number). Counted without it, `drop` digits from place `at` on give way to `put`.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order in which a rule is read
struct Renumbering {
  std::int16_t country_code;
  std::string_view since;  // the day from which on the new numbers are dialled
  std::string_view old;
  std::uint8_t at;
  std::uint8_t drop;
  std::string_view put;
  std::string_view source;
  bool is_still_listed;  // libphonenumber, or a version of it, takes them for numbers of today
};

/// All of them, each country's together.
std::span<const Renumbering> renumberings();

/// Today's form of an old number, NUL-terminated, and the change behind it.
struct Renumbered {
  char e164[24];
  const Renumbering *rule;  // null: there is none
};

/// What the plans make of a number, whether it is in use or not.
Renumbered renumber(std::int32_t country_code, std::string_view national_number);

/// Whether details may be those of an old number: most numbers are in use, and looked at no
/// further.
bool may_be_old(const Details &details);

/// The change that today's reading of an old number rests on, or null.
const Renumbering *renumbering_of(const Details &details);

/// What parse() says about today's number, for the details of an old one; those of any other text
/// as they are.
Details renumbered(const Details &details, Acceptance acceptance, FastPath fast_path);

/// "+84 162xxxxxxx -> +84 32xxxxxxx", NUL-terminated.
struct Rule {
  char text[64];
};
Rule written(const Renumbering &renumbering);

}  // namespace customer_identity::phone
