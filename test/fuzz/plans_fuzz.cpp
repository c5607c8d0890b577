// libFuzzer's target: whatever a file of numbering plans holds, it is read or refused, and numbers
// are looked up in what was read. Nothing else may be thrown, and nothing may take long.
// An input's first byte says what the rest is: a file (even), or one plan among those of the
// installed library (odd), with a checksum that fits.
#include <phonenumbers/phonemetadata.pb.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "../unit/plans_writer.hpp"
#include "phone/numbering_plan.hpp"
#include "phone/plans_file.hpp"

namespace {

using namespace customer_identity::phone;

/// A plan is the record of field 1.
std::string with_plan(const std::string &plan) {
  static const std::string world = [] {
    i18n::phonenumbers::PhoneMetadataCollection collection = installed_metadata();
    collection.mutable_metadata()->DeleteSubrange(0, 20);
    return written_plans(collection).substr(10);
  }();
  std::string size;
  std::size_t left = plan.size();
  for (; left > 127; left >>= 7U) size += static_cast<char>((left & 127U) | 128U);
  return with_checksum(world + '\x0A' + size + static_cast<char>(left) + plan);
}

void look_up(PlansFile file) {
  const std::string id = file.plans.back()->id();
  std::string digits = std::to_string(file.plans.back()->country_code());
  digits.resize(3, '0');
  const NumberingPlans plans(std::move(file.plans));
  CallingCode *const code = plans.leading(digits);
  if (code == nullptr || !code->ready()) return;
  std::string national;
  for (char digit = '0'; national.size() <= kMaximumNational;
       digit = digit == '9' ? '0' : digit + 1) {
    static_cast<void>(code->classify(national));
    static_cast<void>(code->main->matches_general(national));
    static_cast<void>(code->main->national_prefix.match(national));
    static_cast<void>(code->main->length_of(national.size()));
    national += digit;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char *>(data) + 1, size - 1);
  try {
    look_up(parse_plans(data[0] % 2 == 0 ? with_checksum(rest) : with_plan(rest)));
  } catch (const std::runtime_error &) {
  }
  try {
    look_up(parse_plans(rest));
  } catch (const std::runtime_error &) {
  }
  return 0;
}
