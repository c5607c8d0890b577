// Decides which texts may be read as one person's number, and whose it is. libphonenumber says what
// could be dialled; here a text that might be somebody else's number is refused. The rules are in
// docs/phones.md.
#pragma once

#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

/// Reads `text` (UTF-8) as written in `region` (known to is_region(), or empty: only international
/// spellings are readable then). The E.164 form of what is acceptable reads as itself. Throws as
/// parse() does.
Details read(std::string_view text, std::string_view region, const Options &options);

/// The same without the library. False when it has to be asked.
bool read_fast(std::string_view text, std::string_view region, const Options &options,
               Details &details);

}  // namespace customer_identity::phone
