// Says which share of the phones on standard input (tab-separated: phone, region) the fast path
// leaves to the library.
#include <cstddef>
#include <iomanip>
#include <iostream>
#include <string>

#include "phone/phone.hpp"

int main() {
  using namespace customer_identity::phone;
  std::size_t phones = 0;
  std::size_t fallbacks = 0;
  for (std::string line; std::getline(std::cin, line); ++phones) {
    const std::size_t tab = line.find('\t');
    const std::string region = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
    Details details;
    if (!parse_fast(line.substr(0, tab), region, Acceptance::kValid, details)) ++fallbacks;
  }
  std::cout << "left to the library: " << fallbacks << " of " << phones << " phones (" << std::fixed
            << std::setprecision(2)
            << 100.0 * static_cast<double>(fallbacks) / static_cast<double>(phones) << " %)\n";
}
