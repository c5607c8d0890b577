// The numbering plans of all regions as tables, compiled from libphonenumber's metadata: that
// inside the installed library or that of a file. They are compiled when they are first needed.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "phone/automaton.hpp"
#include "phone/phone.hpp"
#include "phone/prefix_matcher.hpp"

namespace i18n::phonenumbers {
class PhoneMetadata;
class PhoneNumberUtil;
}  // namespace i18n::phonenumbers

namespace customer_identity::phone {

/// The longest national number, and the longest calling code.
inline constexpr std::size_t kMaximumNational = 17;
inline constexpr std::size_t kMaximumCode = 3;

/// What TestNumberLength() says of a number's length, in its order.
enum class Length : std::uint8_t { kPossible, kLocalOnly, kTooShort, kTooLong, kInvalid };

struct CallingCode;

/// One region's rules; a non-geographical calling code has a plan as well, of region 001.
struct NumberingPlan {
  std::array<char, 4> region{};  // with a NUL after it
  CallingCode *code = nullptr;
  const i18n::phonenumbers::PhoneMetadata *metadata = nullptr;

  // What compile() finds in the metadata.
  LengthSet possible_lengths = 0;
  LengthSet local_lengths = 0;
  PrefixMatcher national_prefix;
  PrefixMatcher international_prefix;
  std::string transform_rule;  // digits to write, and groups of the national prefix: "9$1"
  Automaton general;           // 0: not a number of this plan

  /// False when the metadata says something that is not understood.
  bool compile();

  bool matches_general(std::string_view national) const { return general.classify(national) != 0; }

  Length length_of(std::size_t digits) const {
    const LengthSet length = LengthSet{1} << digits;
    if ((local_lengths & length) != 0) return Length::kLocalOnly;
    if ((possible_lengths & length) != 0) return Length::kPossible;
    if (possible_lengths == 0) return Length::kInvalid;
    if (length > possible_lengths) return Length::kTooLong;
    return (possible_lengths & (length - 1)) == 0 ? Length::kTooShort : Length::kInvalid;
  }
};

/// What a national number is: the type is unknown when it is not in use.
struct NumberClass {
  const NumberingPlan *plan;  // null when its region is not known
  Type type;
};

/// A country calling code.
struct CallingCode {
  enum class State : std::uint8_t { kUntouched, kReady, kNotUnderstood };

  // In the order in which a number needs them: few cache lines for each.
  int number = 0;
  std::array<char, 4> digits{};
  std::uint32_t size = 0;
  State state = State::kUntouched;
  const NumberingPlan *main = nullptr;
  Automaton types;                     // what class_of() says
  std::vector<NumberingPlan *> plans;  // of the regions that share the code, the main one first

  /// Compiles the plans at the first call. False when one of them is not understood: then all
  /// numbers with this code are for the library.
  bool ready() {
    if (state == State::kUntouched) compile();
    return state == State::kReady;
  }

  /// GetRegionCodeForNumber() and GetNumberType(); needs a code that is ready().
  NumberClass classify(std::string_view national) const {
    const std::size_t found = types.classify(national);
    const std::size_t place = found / kTypes;
    const NumberingPlan *other = place < plans.size() ? plans[place] : nullptr;
    return {place == 0 ? main : other, static_cast<Type>(found % kTypes)};
  }

  std::string_view view() const { return {digits.data(), size}; }

  void compile();
  /// A type, and `kTypes` times the place among `plans` of the one that it is from.
  std::size_t class_of(const AutomatonBuilder::Marks &marks) const;
  static constexpr std::size_t kTypes = 16;
};

class NumberingPlans {
 public:
  using Metadata = i18n::phonenumbers::PhoneMetadata;
  using Owned = std::vector<std::unique_ptr<Metadata>>;
  /// By calling code, of regions that share one the main one first.
  using Territories = std::map<int, std::vector<const Metadata *>>;

  /// Those inside a library.
  explicit NumberingPlans(const i18n::phonenumbers::PhoneNumberUtil &library);
  /// Those of a file.
  explicit NumberingPlans(Owned metadata);
  NumberingPlans(const NumberingPlans &) = delete;
  NumberingPlans &operator=(const NumberingPlans &) = delete;
  ~NumberingPlans();

  /// Those in force: the installed library's until choose_plans() says otherwise. Not for several
  /// threads at once.
  static const NumberingPlans &get() { return in_force != nullptr ? *in_force : use_installed(); }

  /// The plan of an upper-case ISO 3166-1 alpha-2 region, or null.
  const NumberingPlan *of_region(std::string_view region) const {
    const std::size_t at = slot(region);
    return at < by_region_.size() ? by_region_[at] : nullptr;
  }

  /// The calling code that three digits or more begin with, or null.
  CallingCode *leading(std::string_view digits) const {
    const auto digit = [digits](std::size_t at) {
      return static_cast<std::size_t>(digits[at] - '0');
    };
    // cppcheck-suppress CastIntegerToAddressAtReturn
    return by_digits_[digit(0) * 100 + digit(1) * 10 + digit(2)];
  }

  /// Compiles every plan now. True when all of them are understood.
  bool compile_all() const;

  std::size_t regions() const;
  std::size_t calling_codes() const { return codes_.size(); }

  /// Moves the metadata of a file into a library that nobody else uses: it then answers by these
  /// plans. Plans that it has no place for stay here.
  void lend_to(const i18n::phonenumbers::PhoneNumberUtil &library);

  /// Puts plans in force, which stay the caller's; null: the installed library's.
  static void use(const NumberingPlans *plans) { in_force = plans; }

 private:
  static const NumberingPlans &use_installed();
  static std::size_t slot(std::string_view region) {
    if (region.size() != 2) return kSlots;
    const auto first = static_cast<unsigned char>(region[0] - 'A');
    const auto second = static_cast<unsigned char>(region[1] - 'A');
    return first < 26 && second < 26 ? first * 26U + second : kSlots;
  }
  void add_calling_code(int number, const std::vector<const Metadata *> &territories);
  NumberingPlan *add_plan(const Metadata &metadata);

  static constexpr std::size_t kSlots = 676;  // two letters
  static const NumberingPlans *in_force;
  Owned owned_;
  std::vector<std::unique_ptr<NumberingPlan>> plans_;
  std::vector<std::unique_ptr<CallingCode>> codes_;
  std::array<NumberingPlan *, kSlots> by_region_{};
  std::array<CallingCode *, 1000> by_digits_{};
};

}  // namespace customer_identity::phone
