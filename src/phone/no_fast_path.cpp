// Built in place of fast_path.cpp where the tables cannot be had: from a libphonenumber that hides
// its symbols. Every text is the library's.
#include <phonenumbers/phonenumberutil.h>

#include <string>

#include "phone/library.hpp"
#include "phone/phone.hpp"

namespace customer_identity::phone {

bool parse_fast(std::string_view, std::string_view, Acceptance, Details &) { return false; }

bool is_region(std::string_view region) {
  return region.size() == 2 && library().GetCountryCodeForRegion(std::string(region)) != 0;
}

void prepare() { static_cast<void>(library()); }

}  // namespace customer_identity::phone
