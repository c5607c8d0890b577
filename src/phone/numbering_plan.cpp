// Reads the library's metadata through the friend that PhoneNumberUtil declares for its own test,
// the one door that all its versions have.
#include "numbering_plan.hpp"

#include <phonenumbers/phonemetadata.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <bit>
#include <list>
#include <optional>
#include <set>

#include "phone/library.hpp"

namespace i18n::phonenumbers {

class PhoneNumberUtilTest {
 public:
  static const PhoneMetadata *of_region(const PhoneNumberUtil &util, const std::string &region) {
    return util.GetMetadataForRegion(region);
  }
  static const PhoneMetadata *of_calling_code(const PhoneNumberUtil &util, int calling_code) {
    return util.GetMetadataForNonGeographicalRegion(calling_code);
  }
};

}  // namespace i18n::phonenumbers

namespace customer_identity::phone {
namespace {

using i18n::phonenumbers::PhoneMetadata;
using i18n::phonenumbers::PhoneNumberDesc;
using Metadata = i18n::phonenumbers::PhoneNumberUtilTest;

/// A descriptor of the metadata and the type that it stands for.
struct Descriptor {
  const PhoneNumberDesc &(PhoneMetadata::*of)() const;
  Type type;
};

/// In the order in which GetNumberTypeHelper() asks them: the lowest mark that is set decides.
constexpr std::array<Descriptor, 10> kDescriptors = {{
    {&PhoneMetadata::premium_rate, Type::kPremiumRate},
    {&PhoneMetadata::toll_free, Type::kTollFree},
    {&PhoneMetadata::shared_cost, Type::kSharedCost},
    {&PhoneMetadata::voip, Type::kVoip},
    {&PhoneMetadata::personal_number, Type::kPersonalNumber},
    {&PhoneMetadata::pager, Type::kPager},
    {&PhoneMetadata::uan, Type::kUan},
    {&PhoneMetadata::voicemail, Type::kVoicemail},
    {&PhoneMetadata::fixed_line, Type::kFixedLine},
    {&PhoneMetadata::mobile, Type::kMobile},
}};
constexpr Marks kMobileMark = 1U << 9U;

/// Adds a descriptor's pattern, which may be missing. False when it is not understood.
bool add(AutomatonBuilder &builder, const std::string &text, Marks mark) {
  if (text.empty()) return true;
  const auto parsed = parse_pattern(text);
  if (parsed) builder.add(parsed->pattern, mark);
  return parsed.has_value();
}

bool keep(AutomatonBuilder &builder, Automaton &automaton) {
  std::optional<Automaton> built = builder.build();
  if (built) automaton = std::move(*built);
  return built.has_value();
}

/// A descriptor without lengths admits those of the general one, which are asked first.
bool admits(const PhoneNumberDesc &descriptor, int length) {
  const auto &lengths = descriptor.possible_length();
  return lengths.empty() || std::find(lengths.begin(), lengths.end(), length) != lengths.end();
}

/// TestNumberLength() for a number of any type.
Length length_in(const PhoneNumberDesc &general, int length) {
  const auto &possible = general.possible_length();
  const auto &local = general.possible_length_local_only();
  if (possible[0] == -1) return Length::kInvalid;
  if (std::find(local.begin(), local.end(), length) != local.end()) return Length::kLocalOnly;
  if (possible[0] > length) return Length::kTooShort;
  if (possible[possible.size() - 1] < length) return Length::kTooLong;
  return admits(general, length) ? Length::kPossible : Length::kInvalid;
}

bool compile_prefix(const std::string &text, PrefixMatcher &matcher) {
  const auto parsed = parse_pattern(text);
  return parsed && matcher.compile(*parsed);
}

}  // namespace

Type NumberingPlan::type_of(std::string_view national) const {
  const Marks marks =
      descriptors_.match(national) & lengths_[std::min(national.size(), kLongestLength)].admitted;
  const Marks types = marks & (kGeneralMark - 1U);
  if ((marks & kGeneralMark) == 0 || types == 0) return Type::kUnknown;
  const Type type = kDescriptors[static_cast<std::size_t>(std::countr_zero(types))].type;
  if (type == Type::kFixedLine && (same_fixed_and_mobile_ || (types & kMobileMark) != 0))
    return Type::kFixedLineOrMobile;
  return type == Type::kMobile && same_fixed_and_mobile_ ? Type::kUnknown : type;
}

/// What is thrown half way leaves a plan for the library.
void NumberingPlan::compile() {
  state_ = State::kNotUnderstood;
  if (compile_all()) state_ = State::kReady;
}

bool NumberingPlan::compile_all() {
  return metadata_ != nullptr && compile_lengths() && compile_descriptors() && compile_prefixes() &&
         compile_rule();
}

bool NumberingPlan::compile_lengths() {
  const PhoneNumberDesc &general = metadata_->general_desc();
  if (general.possible_length().empty()) return false;
  for (std::size_t length = 0; length <= kLongestLength; ++length) {
    const int digits = static_cast<int>(length);
    Marks admitted = admits(general, digits) ? kGeneralMark : 0;
    for (std::size_t at = 0; at < kDescriptors.size(); ++at)
      if (admits((metadata_->*kDescriptors[at].of)(), digits))
        admitted |= static_cast<Marks>(1U << at);
    lengths_[length] = {admitted, length_in(general, digits)};
  }
  return length_in(general, kLongestLength) != Length::kPossible &&
         length_in(general, kLongestLength) != Length::kLocalOnly;
}

bool NumberingPlan::compile_descriptors() {
  AutomatonBuilder builder;
  bool understood = add(builder, metadata_->general_desc().national_number_pattern(), kGeneralMark);
  for (std::size_t at = 0; at < kDescriptors.size(); ++at) {
    const PhoneNumberDesc &descriptor = (metadata_->*kDescriptors[at].of)();
    understood = understood &&
                 add(builder, descriptor.national_number_pattern(), static_cast<Marks>(1U << at));
  }
  same_fixed_and_mobile_ = metadata_->same_mobile_and_fixed_line_pattern();

  AutomatonBuilder leading;
  has_leading_digits_ = metadata_->has_leading_digits();
  if (has_leading_digits_) understood = understood && add(leading, metadata_->leading_digits(), 1);
  return understood && keep(builder, descriptors_) && keep(leading, leading_digits_);
}

/// Nobody dials internationally from a plan that is not a region's. A prefix that matches nothing
/// at all would make every number an international one.
bool NumberingPlan::compile_prefixes() {
  const std::string &national = metadata_->national_prefix_for_parsing();
  has_national_prefix_ = !national.empty();
  if (!compile_prefix(national, national_prefix_)) return false;
  if (region_[0] == '0') return true;
  return compile_prefix(metadata_->international_prefix(), international_prefix_) &&
         !international_prefix_.matches_nothing();
}

/// A rule is digits and groups: "9$1". No pattern has ten groups, so a group's number is one digit.
bool NumberingPlan::compile_rule() {
  const std::string &rule = metadata_->national_prefix_transform_rule();
  for (std::size_t at = 0; at < rule.size(); ++at) {
    const bool group = rule[at] == '$' && at + 1 < rule.size();
    if (group) ++at;
    if (rule[at] < '0' || rule[at] > '9') return false;
    const int number = group ? rule[at] - '0' : 0;
    if (group && (number == 0 || number > national_prefix_.groups())) return false;
    transform_rule_.push_back({rule[at], number});
  }
  return true;
}

NumberingPlans::NumberingPlans() {
  add_regions();
  add_calling_codes();
}

const NumberingPlans &NumberingPlans::get() {
  static const NumberingPlans *const plans = new NumberingPlans;
  return *plans;
}

void NumberingPlans::add_regions() {
  std::set<std::string> regions;
  library().GetSupportedRegions(&regions);
  for (const std::string &region : regions) {
    const std::size_t at = slot(region);
    if (at == kSlots) continue;
    plans_.push_back(
        std::make_unique<NumberingPlan>(region, Metadata::of_region(library(), region)));
    by_region_[at] = plans_.back().get();
  }
}

void NumberingPlans::add_calling_codes() {
  std::set<int> numbers;
  library().GetSupportedCallingCodes(&numbers);
  codes_.reserve(numbers.size());  // they are pointed to
  for (const int number : numbers) add_calling_code(number);
}

/// Shorter codes come first, so they are found before longer ones: as ExtractCountryCode() does.
void NumberingPlans::add_calling_code(int number) {
  std::list<std::string> regions;
  library().GetRegionCodesForCountryCallingCode(number, &regions);
  const std::string digits = std::to_string(number);
  CallingCode &code = codes_.emplace_back();
  code.number = number;
  code.size = static_cast<std::uint32_t>(digits.copy(code.digits.data(), code.digits.size()));
  for (const std::string &region : regions) {
    if (slot(region) == kSlots)
      plans_.push_back(
          std::make_unique<NumberingPlan>(region, Metadata::of_calling_code(library(), number)));
    NumberingPlan *plan = slot(region) == kSlots ? plans_.back().get() : by_region_[slot(region)];
    plan->join(code);
    code.plans.push_back(plan);
  }
  code.main = code.plans.front();

  auto first = static_cast<std::size_t>(number);
  std::size_t count = 1;
  for (std::size_t size = code.size; size < 3; ++size, count *= 10) first *= 10;
  for (std::size_t at = first; at < first + count; ++at)
    if (by_digits_[at] == nullptr) by_digits_[at] = &code;
}

void NumberingPlans::compile_all() const {
  for (const auto &plan : plans_) static_cast<void>(plan->ready());
}

}  // namespace customer_identity::phone
