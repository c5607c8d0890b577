// The numbering plans of all regions as tables, compiled from the metadata inside the installed
// library, so that they cannot be out of step with it. A plan is compiled when it is first needed.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "phone/automaton.hpp"
#include "phone/phone.hpp"
#include "phone/prefix_matcher.hpp"

namespace i18n::phonenumbers {
class PhoneMetadata;
}

namespace customer_identity::phone {

/// What TestNumberLength() says of a number's length, in its order.
enum class Length : std::uint8_t { kPossible, kLocalOnly, kTooShort, kTooLong, kInvalid };

/// A part of a transform rule: a digit to write, or the group to copy.
struct RulePart {
  char digit;
  int group;  // 0: the digit
};

struct CallingCode;

/// One region's rules; a non-geographical calling code has a plan as well, of region 001.
class alignas(64) NumberingPlan {
 public:
  NumberingPlan(std::string_view region, const i18n::phonenumbers::PhoneMetadata *metadata)
      : metadata_(metadata) {
    region.copy(region_.data(), region_.size() - 1);
  }

  /// Compiles the plan at its first call. False when the metadata says something that is not
  /// understood: numbers of this plan are for the library.
  bool ready() {
    if (state_ == State::kUntouched) compile();
    return state_ == State::kReady;
  }

  /// With a NUL after it.
  const std::array<char, 4> &region() const { return region_; }
  const CallingCode &calling_code() const { return *calling_code_; }
  void join(const CallingCode &code) { calling_code_ = &code; }

  /// Everything below needs a plan that is ready().
  bool matches_general(std::string_view national) const {
    return (descriptors_.match(national) & kGeneralMark) != 0;
  }
  Length length_of(std::size_t national_digits) const {
    return lengths_[std::min(national_digits, kLongestLength)].verdict;
  }
  Type type_of(std::string_view national) const;
  bool has_leading_digits() const { return has_leading_digits_; }
  bool leads(std::string_view national) const {
    return leading_digits_.matches_beginning(national);
  }
  const PrefixMatcher &international_prefix() const { return international_prefix_; }
  bool has_national_prefix() const { return has_national_prefix_; }
  const PrefixMatcher &national_prefix() const { return national_prefix_; }
  const std::vector<RulePart> &transform_rule() const { return transform_rule_; }

 private:
  enum class State : std::uint8_t { kUntouched, kReady, kNotUnderstood };

  static constexpr Marks kGeneralMark = 1U << 10U;
  static constexpr std::size_t kLongestLength = 40;  // no plan has a longer number

  void compile();
  bool compile_all();
  bool compile_descriptors();
  bool compile_lengths();
  bool compile_prefixes();
  bool compile_rule();

  /// What a length says of a national number: by itself, and which descriptors admit it.
  struct LengthRules {
    Marks admitted;
    Length verdict;
  };

  // In the order in which a number needs them: few cache lines for each.
  State state_ = State::kUntouched;
  bool same_fixed_and_mobile_ = false;
  bool has_leading_digits_ = false;
  bool has_national_prefix_ = false;
  std::array<char, 4> region_{};
  Automaton descriptors_;
  PrefixMatcher national_prefix_;
  std::array<LengthRules, kLongestLength + 1> lengths_{};
  const CallingCode *calling_code_ = nullptr;
  PrefixMatcher international_prefix_;
  Automaton leading_digits_;
  std::vector<RulePart> transform_rule_;
  const i18n::phonenumbers::PhoneMetadata *metadata_;
};

/// A country calling code with the regions that share it, the main one first.
struct CallingCode {
  int number;
  std::uint32_t size;  // digits
  std::array<char, 4> digits;
  NumberingPlan *main;
  std::vector<NumberingPlan *> plans;

  std::string_view view() const { return {digits.data(), size}; }
};

class NumberingPlans {
 public:
  /// Made at the first call and kept. Not for several threads at once.
  static const NumberingPlans &get();

  /// The plan of an upper-case ISO 3166-1 alpha-2 region, or null.
  NumberingPlan *of_region(std::string_view region) const {
    const std::size_t at = slot(region);
    return at < by_region_.size() ? by_region_[at] : nullptr;
  }

  /// The calling code that three digits or more begin with, or null.
  const CallingCode *leading(std::string_view digits) const {
    std::size_t at = 0;
    for (const char digit : digits.substr(0, 3))
      at = at * 10 + static_cast<std::size_t>(digit - '0');
    return by_digits_[at];  // cppcheck-suppress CastIntegerToAddressAtReturn
  }

  /// Compiles every plan now.
  void compile_all() const;

 private:
  NumberingPlans();

  static std::size_t slot(std::string_view region) {
    if (region.size() != 2) return kSlots;
    const auto first = static_cast<unsigned char>(region[0] - 'A');
    const auto second = static_cast<unsigned char>(region[1] - 'A');
    return first < 26 && second < 26 ? first * 26U + second : kSlots;
  }
  void add_regions();
  void add_calling_codes();
  void add_calling_code(int number);

  static constexpr std::size_t kSlots = 676;  // two letters
  std::vector<std::unique_ptr<NumberingPlan>> plans_;
  std::vector<CallingCode> codes_;
  std::array<NumberingPlan *, kSlots> by_region_{};
  std::array<const CallingCode *, 1000> by_digits_{};
};

}  // namespace customer_identity::phone
