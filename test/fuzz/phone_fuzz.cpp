// libFuzzer's target: the fast path and the library have to give the same answer to any bytes.
// An input is a region, a line feed and the text; without a line feed it is all text.
#include <phonenumbers/phonenumberutil.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "phone/phone.hpp"

namespace {

using namespace customer_identity::phone;

std::vector<std::string> supported_regions() {
  std::set<std::string> regions;
  i18n::phonenumbers::PhoneNumberUtil::GetInstance()->GetSupportedRegions(&regions);
  return {regions.begin(), regions.end()};
}

/// Any bytes name some region, so that mutations of a region are not wasted.
std::string region_of(std::string_view bytes) {
  static const std::vector<std::string> regions = supported_regions();
  if (bytes.empty() || bytes == "ZZ" || is_region(bytes)) return std::string(bytes);
  return regions[std::hash<std::string_view>()(bytes) % regions.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char *>(data), size);
  const std::size_t line = input.find('\n');
  const bool has_region = line != std::string_view::npos;
  const std::string region = has_region ? region_of(input.substr(0, line)) : "";
  const std::string_view text = has_region ? input.substr(line + 1) : input;
  // A difference is thrown, and what nobody catches is a crash.
  parse(text, region, Acceptance::kValid, FastPath::kVerify);
  parse(text, region, Acceptance::kPossible, FastPath::kVerify);
  return 0;
}
