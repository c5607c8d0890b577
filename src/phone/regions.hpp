// Regions as people and tables write them: ISO 3166-1 alpha-2 and alpha-3, "UK", and calling codes.
#pragma once

#include <array>
#include <string_view>

namespace customer_identity::phone {

/// A region's two capital letters and a NUL; empty when there is none.
using RegionCode = std::array<char, 4>;

/// The region that `name` means, which has no blanks around it; empty when it means none. Two
/// letters are taken at their word: whether the plans know them, is_region() tells. A calling code
/// ("+33", "0033", "33") means its main region: +1 the United States, +44 Great Britain, +7 Russia.
RegionCode region_named(std::string_view name);

}  // namespace customer_identity::phone
