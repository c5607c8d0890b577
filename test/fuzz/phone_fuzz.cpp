// libFuzzer's target: the fast path and the library have to give the same answer to any bytes, and
// what is acceptable has to read as the same number again.
// An input is a region, a line feed and the text; without a line feed it is all text.
#include <phonenumbers/phonenumberutil.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
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

void read(std::string_view text, std::string_view region, Acceptance acceptance) {
  const Details details = parse(text, region, acceptance, FastPath::kVerify);
  if (details.reason != Reason::kOk) return;
  const Details again = parse(details.e164, "", acceptance, FastPath::kVerify);
  if (std::string_view(again.e164) != details.e164)
    throw std::logic_error("reads differently again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char *>(data), size);
  const std::size_t line = input.find('\n');
  const bool has_region = line != std::string_view::npos;
  const std::string region = has_region ? region_of(input.substr(0, line)) : "";
  const std::string_view text = has_region ? input.substr(line + 1) : input;
  // A difference is thrown, and what nobody catches is a crash.
  read(text, region, Acceptance::kValid);
  read(text, region, Acceptance::kPossible);
  return 0;
}
