// libFuzzer's target for the rules: any bytes read alike by the fast path, by the library and by
// both, what is read reads as itself everywhere, and letters never dial. An input is a region, a
// line feed and the text; without a line feed it is all text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "phone/reading.hpp"
#include "phone/regions.hpp"
#include "phone/spelling.hpp"
#include "phone/suggestion.hpp"
#include "phone/text.hpp"

namespace {

using namespace customer_identity::phone;

void require(bool holds, const char *what) {
  if (!holds) throw std::logic_error(what);
}

bool are_equal(const Details &one, const Details &other) {
  return one.reason == other.reason && std::strcmp(one.e164, other.e164) == 0 &&
         std::strcmp(one.extension, other.extension) == 0;
}

/// A number's digits stand in its text, but for those that a plan or the region adds.
void require_no_letters(std::string_view text, const Details &details) {
  if (details.reason != Reason::kOk) return;
  const Spelling spelling(text);
  const std::string_view national(details.national_number);
  const std::string_view digits =
      national.substr(national.size() - std::min<std::size_t>(4, national.size()));
  std::string typed;
  for (const char symbol : spelling.view())
    if (is_digit(symbol)) typed += symbol;
  typed += typed;  // a phone-context stands behind the number, and is dialled before it
  require(typed.find(digits) != std::string::npos, "digits that nobody typed");
}

void read_all_ways(std::string_view text, std::string_view region, Options options) {
  options.fast_path = FastPath::kVerify;
  const Details details = read(text, region, options);
  options.fast_path = FastPath::kOff;
  require(are_equal(details, read(text, region, options)), "the library reads differently");
  options.fast_path = FastPath::kOn;
  Details fast;
  if (read_fast(text, region, options, fast))
    require(are_equal(details, fast), "the fast path reads differently");
  if (!options.read_letters) require_no_letters(text, details);
  if (details.reason != Reason::kOk) return;
  for (const std::string_view again : {std::string_view(), region, std::string_view("AR")})
    require(std::strcmp(read(details.e164, again, options).e164, details.e164) == 0,
            "reads differently again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char *>(data), size);
  const std::size_t line = input.find('\n');
  const std::string_view name = line == std::string_view::npos ? "" : input.substr(0, line);
  const std::string_view text = line == std::string_view::npos ? input : input.substr(line + 1);
  const RegionCode code = region_named(name);
  const std::string_view region = is_region(code.data()) ? code.data() : "";
  // What does not hold is thrown, and what nobody catches is a crash.
  for (const Acceptance acceptance : {Acceptance::kValid, Acceptance::kPossible})
    for (const bool letters : {false, true})
      read_all_ways(text, region, {acceptance, FastPath::kOn, letters});
  const Details suggested = suggest(text, region, {});
  if (suggested.reason == Reason::kOk)
    require(read(suggested.e164, "", {}).reason == Reason::kOk, "a suggestion is not accepted");
  remark(text);
  return 0;
}
