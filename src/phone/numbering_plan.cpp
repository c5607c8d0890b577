// Compiles metadata into tables. That of a library is behind library_door.hpp.
#include "numbering_plan.hpp"

#include <phonenumbers/phonemetadata.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <bitset>
#include <list>
#include <set>
#include <utility>

#include "phone/library.hpp"
#include "phone/library_door.hpp"

namespace customer_identity::phone {
namespace {

using i18n::phonenumbers::PhoneMetadata;
using i18n::phonenumbers::PhoneNumberDesc;
using i18n::phonenumbers::PhoneNumberUtil;
using Door = i18n::phonenumbers::PhoneNumberUtilTest;

/// A descriptor of the metadata and the type that it stands for.
struct Descriptor {
  const PhoneNumberDesc &(PhoneMetadata::*of)() const;
  Type type;
};

/// In the order in which GetNumberTypeHelper() asks them; their places are their marks.
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
constexpr int kMobile = 9;
constexpr int kGeneral = 10;
constexpr int kLeadingDigits = 11;
constexpr int kMarks = 12;  // of one plan

constexpr LengthSet kNational = (LengthSet{1} << (kMaximumNational + 1)) - 1;  // lengths

template <typename List>
LengthSet length_set(const List &lengths) {
  LengthSet set = 0;
  for (const int length : lengths)
    if (length >= 0 && length <= static_cast<int>(kMaximumDigits)) set |= LengthSet{1} << length;
  return set;
}

/// Adds the patterns of a plan, some of which are missing. A descriptor without lengths admits
/// those of the general one. False when a pattern is not understood.
bool add_types(const PhoneMetadata &metadata, int first_mark, AutomatonBuilder &builder) {
  const auto add = [&](const PhoneNumberDesc &descriptor, int mark) {
    const auto &lengths = descriptor.possible_length();
    const std::string &pattern = descriptor.national_number_pattern();
    return pattern.empty() || builder.add(pattern, first_mark + mark,
                                          lengths.empty() ? kNational : length_set(lengths));
  };
  bool understood = add(metadata.general_desc(), kGeneral);
  for (std::size_t at = 0; at < kDescriptors.size(); ++at)
    understood = understood && add((metadata.*kDescriptors[at].of)(), static_cast<int>(at));
  const int leading = first_mark + kLeadingDigits;
  return understood &&
         (!metadata.has_leading_digits() ||
          builder.add(metadata.leading_digits(), leading, kNational, AutomatonBuilder::Rest::kAny));
}

/// GetNumberTypeHelper().
Type type_of(const PhoneMetadata &metadata, const std::bitset<kMarks> &marks) {
  std::size_t first = 0;
  while (first < kDescriptors.size() && !marks[first]) ++first;
  if (!marks[kGeneral] || first == kDescriptors.size()) return Type::kUnknown;
  const Type type = kDescriptors[first].type;
  const bool same = metadata.same_mobile_and_fixed_line_pattern();
  if (type == Type::kFixedLine && (same || marks[kMobile])) return Type::kFixedLineOrMobile;
  return type == Type::kMobile && same ? Type::kUnknown : type;
}

/// A rule is digits and groups. No pattern has ten groups, so a group's number is one digit.
bool is_rule(std::string_view rule, int groups) {
  for (std::size_t at = 0; at < rule.size(); ++at) {
    const bool group = rule[at] == '$' && at + 1 < rule.size();
    if (group) ++at;
    if (rule[at] < '0' || rule[at] > '9') return false;
    if (group && (rule[at] == '0' || rule[at] - '0' > groups)) return false;
  }
  return true;
}

}  // namespace

/// Nobody dials internationally from a plan that is not a region's. A prefix that matches nothing
/// at all would make every number an international one.
bool NumberingPlan::compile() {
  if (metadata == nullptr || metadata->general_desc().possible_length().empty()) return false;
  possible_lengths = length_set(metadata->general_desc().possible_length());
  local_lengths = length_set(metadata->general_desc().possible_length_local_only());
  transform_rule = metadata->national_prefix_transform_rule();
  AutomatonBuilder builder;
  if (!builder.add(metadata->general_desc().national_number_pattern(), kGeneral) ||
      !builder.build([](const auto &marks) { return marks.size(); }, general) ||
      !national_prefix.compile(metadata->national_prefix_for_parsing()) ||
      !is_rule(transform_rule, national_prefix.groups()))
    return false;
  return region[0] == '0' || (international_prefix.compile(metadata->international_prefix()) &&
                              !international_prefix.matches_nothing());
}

/// What is thrown half way leaves the code for the library.
void CallingCode::compile() {
  state = State::kNotUnderstood;
  AutomatonBuilder builder;
  int mark = 0;
  for (NumberingPlan *plan : plans) {
    if (!plan->compile() || !add_types(*plan->metadata, mark, builder)) return;
    mark += kMarks;
  }
  if (builder.build([this](const auto &marks) { return class_of(marks); }, types))
    state = State::kReady;
}

/// Of several regions that share a calling code, the first whose leading digits fit, or, where it
/// has none, the first in which the number has a type.
std::size_t CallingCode::class_of(const AutomatonBuilder::Marks &marks) const {
  for (std::size_t place = 0; place < plans.size(); ++place) {
    const PhoneMetadata &metadata = *plans[place]->metadata;
    std::bitset<kMarks> own;
    for (const int mark : marks)
      if (mark / kMarks == static_cast<int>(place))
        own.set(static_cast<std::size_t>(mark % kMarks));
    const Type type = type_of(metadata, own);
    const bool begins = own[kLeadingDigits];
    if (plans.size() == 1 || (metadata.has_leading_digits() ? begins : type != Type::kUnknown))
      return place * kTypes + static_cast<std::size_t>(type);
  }
  return plans.size() * kTypes + static_cast<std::size_t>(Type::kUnknown);
}

NumberingPlans::~NumberingPlans() = default;

const NumberingPlans *NumberingPlans::in_force = nullptr;

const NumberingPlans &NumberingPlans::use_installed() {
  static const NumberingPlans *const installed = new NumberingPlans(installed_library());
  return *(in_force = installed);
}

NumberingPlans::NumberingPlans(const PhoneNumberUtil &library) {
  std::set<int> numbers;
  library.GetSupportedCallingCodes(&numbers);
  for (const int number : numbers) {
    std::list<std::string> regions;
    library.GetRegionCodesForCountryCallingCode(number, &regions);
    std::vector<const Metadata *> territories;
    for (const std::string &region : regions)
      territories.push_back(Door::find(library, region, number));
    add_calling_code(number, territories);
  }
}

NumberingPlans::NumberingPlans(Owned metadata) : owned_(std::move(metadata)) {
  Territories territories;
  for (const auto &each : owned_) {
    std::vector<const Metadata *> &sharing = territories[each->country_code()];
    sharing.insert(each->main_country_for_code() ? sharing.begin() : sharing.end(), each.get());
  }
  for (const auto &[number, sharing] : territories) add_calling_code(number, sharing);
}

NumberingPlan *NumberingPlans::add_plan(const Metadata &metadata) {
  NumberingPlan &plan = *plans_.emplace_back(std::make_unique<NumberingPlan>());
  metadata.id().copy(plan.region.data(), plan.region.size() - 1);
  plan.metadata = &metadata;
  const std::size_t at = slot(metadata.id());
  if (at < kSlots) by_region_[at] = &plan;
  return &plan;
}

/// Shorter codes come first, so they are found before longer ones: as ExtractCountryCode() does.
void NumberingPlans::add_calling_code(int number,
                                      const std::vector<const Metadata *> &territories) {
  CallingCode &code = *codes_.emplace_back(std::make_unique<CallingCode>());
  code.number = number;
  const std::string digits = std::to_string(number);
  code.size = static_cast<std::uint32_t>(digits.copy(code.digits.data(), kMaximumCode));
  for (const Metadata *metadata : territories) {
    code.plans.push_back(add_plan(*metadata));
    code.plans.back()->code = &code;
  }
  code.main = code.plans[0];

  auto first = static_cast<std::size_t>(number);
  std::size_t count = 1;
  for (std::size_t size = code.size; size < kMaximumCode; ++size, count *= 10) first *= 10;
  for (std::size_t at = first; at < first + count; ++at)
    if (by_digits_[at] == nullptr) by_digits_[at] = &code;
}

bool NumberingPlans::compile_all() const {
  bool understood = true;
  for (const auto &code : codes_) understood = code->ready() && understood;
  return understood;
}

std::size_t NumberingPlans::regions() const {
  return kSlots -
         static_cast<std::size_t>(std::count(by_region_.begin(), by_region_.end(), nullptr));
}

void NumberingPlans::lend_to(const PhoneNumberUtil &library) {
  for (auto &metadata : owned_) {
    if (metadata == nullptr) continue;
    Metadata *const place = Door::find(library, metadata->id(), metadata->country_code());
    if (place == nullptr) continue;
    const auto plan = std::find_if(plans_.begin(), plans_.end(), [&metadata](const auto &each) {
      return each->metadata == metadata.get();
    });
    place->Swap(metadata.get());
    (*plan)->metadata = place;
    metadata.reset();
  }
}

}  // namespace customer_identity::phone
