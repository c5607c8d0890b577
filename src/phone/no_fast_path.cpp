// Built in place of fast_path.cpp where the tables cannot be had: from a libphonenumber that hides
// its symbols. Every text is the library's.
#include <phonenumbers/phonenumberutil.h>

#include <set>
#include <stdexcept>
#include <string>

#include "phone/input.hpp"
#include "phone/library.hpp"
#include "phone/phone.hpp"

namespace customer_identity::phone {

bool parse_fast(std::string_view, std::string_view, Acceptance, Details &) { return false; }
bool parse_fast(const Input &, std::string_view, Acceptance, Details &) { return false; }

bool is_region(std::string_view region) {
  return region.size() == 2 && library().GetCountryCodeForRegion(std::string(region)) != 0;
}

const i18n::phonenumbers::PhoneNumberUtil &library() { return installed_library(); }

void choose_plans(PlansChoice choice, const char *) {
  if (choice == PlansChoice::kFile)
    throw std::runtime_error("The extension was built without the fast path, which a file needs.");
}

Plans plans_in_force() {
  std::set<std::string> regions;
  std::set<int> codes;
  library().GetSupportedRegions(&regions);
  library().GetSupportedCallingCodes(&codes);
  return {.source = "the installed libphonenumber",
          .version = "",
          .date = "",
          .licence = "",
          .regions = static_cast<std::int32_t>(regions.size()),
          .calling_codes = static_cast<std::int32_t>(codes.size())};
}

void prepare() { static_cast<void>(library()); }

}  // namespace customer_identity::phone
