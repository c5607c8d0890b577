// Reads phones that come from SQL: regions as people write them, any database encoding, no error
// whatever the bytes are.
#pragma once

#include <string_view>

#include "pg/given_text.hpp"
#include "phone/phone.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

/// A region ready for the core: upper-case and known, or empty for none. Too large for registers,
/// through which bytes that were just written would be slow to hand on.
struct Region {
  char code[20];
  bool known;  // false: the library has no such region; `code` then holds what was asked for

  /// For the core, to which an unknown region is none.
  std::string_view view() const {
    return {code, known && code[0] != '\0' ? std::size_t{2} : std::size_t{0}};
  }
};

/// The region of a row as phone::region_named() has it, blanks around it aside; a blank one means
/// `fallback`, and that the setting customer_identity.default_region. ZZ (CLDR: unknown) means
/// none.
Region region_of(std::string_view name, std::string_view fallback = {});

/// As above, with NULL for blank.
inline Region region_of(const char *name, const char *fallback) {
  return region_of(std::string_view(name == nullptr ? "" : name),
                   std::string_view(fallback == nullptr ? "" : fallback));
}

/// Reads a phone under the settings of settings::phone_reading(). Never raises
/// for what `text` (in the database's encoding) holds. An unknown region is none.
phone::Details read_phone(std::string_view text, const Region &region);

/// The same into `details`, which need not be copied then.
void read_phone(std::string_view text, const Region &region, phone::Details &details);

/// What may have been meant by a phone that read_phone() refuses: for people, never for a trigger.
phone::Details suggested_reading(std::string_view text, const Region &region);

/// What the plans of today alone make of an E.164 phone: an old number is none.
phone::Details read_by_plan(std::string_view text);

/// A region without the blanks around it.
std::string_view trimmed(std::string_view region);

/// Whether a phone is unreadable because its region is unknown: no other spelling needs one.
inline bool lacks_region(const phone::Details &details, const Region &region) {
  return details.reason == phone::Reason::kNoRegion && !region.known;
}

/// Reads a phone that a function was called with: raises 22023 when it lacks the region.
phone::Details given_phone(std::string_view text, std::string_view region);

/// The same for one that has to be usable: raises CI001 with the reason otherwise.
phone::Details required_phone(std::string_view text, std::string_view region);

/// Does now what the first phones would have to wait for.
void prepare_phones();

/// `text` in UTF-8, or without data when it cannot be expressed there.
std::string_view to_utf8(std::string_view text);

std::string_view long_phone_argument(FunctionCallInfo fcinfo, int index);

/// The phone in argument `index` where it lies, empty for NULL; of one that is too long only as
/// much as shows that.
inline std::string_view phone_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return "";
  const std::string_view text = short_text(PG_GETARG_DATUM(index));
  return text.data() != nullptr ? text : long_phone_argument(fcinfo, index);
}

/// The E.164 form as the result of a function; it is argument 0 itself where that is written so, as
/// most are.
Datum e164_datum(FunctionCallInfo fcinfo, const phone::Details &details);

/// The text of argument `index`, or NULL.
const char *text_argument(FunctionCallInfo fcinfo, int index);

/// The text of argument `index` where it lies; empty for NULL.
inline std::string_view text_in_place(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return {};
  const text *value = PG_GETARG_TEXT_PP(index);
  return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

}  // namespace customer_identity
