// What a person may have meant by a text that is nobody's number: for an administrator to decide,
// never to be taken for the number.
#pragma once

#include <string_view>

#include "phone/reading.hpp"

namespace customer_identity::phone {

/// The first reading of `text`, which read() refuses, that would be accepted. Another reason than
/// kOk when there is none.
Details suggest(std::string_view text, std::string_view region, const Options &options);

/// What a text is that looks like a number and is none, or null.
const char *remark(std::string_view text);

}  // namespace customer_identity::phone
