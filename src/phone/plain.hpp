// The one pass that nearly every phone needs: digits among separators, perhaps behind a plus.
#pragma once

#include <cstdint>
#include <string_view>

#include "phone/input.hpp"

namespace customer_identity::phone {

/// What one pass over the symbols of spelling.hpp tells of them.
struct Look {
  std::uint32_t classes = 0;       // without those of a plus in front and of zeros
  bool zero_begins_group = false;  // behind a separator
  bool is_number = false;          // digits and separators, perhaps behind a plus
  bool is_plain = false;           // a number that read_input() needs no more than its digits of
};

Look look_at(std::string_view symbols);

/// The same, with the plus and the digits in `input`, which is new; without them for more than
/// kMaximumInput bytes.
Look read_plain(std::string_view text, Input &input);

}  // namespace customer_identity::phone
