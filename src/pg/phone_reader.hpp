// Reads phones that come from SQL: regions as people write them, any database encoding, no error
// whatever the bytes are.
#pragma once

#include "phone/phone.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

/// A region ready for the core: upper-case and known, or empty for none.
struct Region {
  char code[4];
  bool known;  // false: the library has no such region; `code` then holds what was asked for
};

/// NULL or empty means the setting customer_identity.default_region; ZZ (CLDR: unknown) means none.
Region region_of(const char *name);

/// Raises 22023 for a region the library does not know.
Region required_region(const char *name);

/// Reads a phone under the setting customer_identity.phone_validation. Never raises for what `text`
/// (in the database's encoding) holds.
const phone::Details &read_phone(const char *text, const Region &region);

/// Reads a phone that has to be usable: raises CI001 with the reason otherwise.
const phone::Details &required_phone(const char *text, const Region &region);

/// `text` in UTF-8, or NULL when it cannot be expressed there.
const char *to_utf8(const char *text);

/// The text of argument `index`, or NULL.
const char *text_argument(FunctionCallInfo fcinfo, int index);

}  // namespace customer_identity
