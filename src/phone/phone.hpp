// Reads phone numbers as people type them: the product's one door to libphonenumber.
// Plain C++20, no PostgreSQL header; every result is trivially destructible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace customer_identity::phone {

/// Longer input is refused unread: the library's time grows with the square of the length.
/// Counted in characters (Unicode code points), as its own limit for other languages is
/// (PhoneNumberUtil::kMaximumInputStringLength of the Java original).
inline constexpr std::size_t kMaximumCharacters = 250;

/// The column that holds an E.164 text is varchar(20), the '+' included.
inline constexpr std::size_t kMaximumE164 = 20;

/// The E.164 form of an acceptable number has to read as the same number. Where it reads as
/// another, that one is meant, and read in its turn. Each reading takes a prefix off: more of them
/// than a number has digits go round in circles, and the number is not in use.
inline constexpr int kMaximumReadings = 20;

/// What counts as a usable phone: in use by the numbering plan, or merely of a possible length.
enum class Acceptance : std::uint8_t { kValid, kPossible };

/// Why a text is not a usable phone. `kOk`: it is one.
enum class Reason : std::uint8_t {
  kOk,
  kEmpty,
  kNotANumber,
  kUnknownCountryCode,
  kTooShort,
  kTooLong,
  kInvalidLength,
  kNoRegion,
  kNotInUse,
  kHasLetters,  // these three are of read() alone
  kSeveralNumbers,
  kAmbiguous,
};

/// PhoneNumberUtil::PhoneNumberType, in its order.
enum class Type : std::uint8_t {
  kFixedLine,
  kMobile,
  kFixedLineOrMobile,
  kTollFree,
  kPremiumRate,
  kSharedCost,
  kVoip,
  kPersonalNumber,
  kPager,
  kUan,
  kVoicemail,
  kUnknown,
};

/// Who reads a text: the fast path, and the library what that does not understand; the library
/// alone; or both, which have to agree.
enum class FastPath : std::uint8_t { kOn, kOff, kVerify };

/// How texts are read.
struct Options {
  Acceptance acceptance = Acceptance::kValid;
  FastPath fast_path = FastPath::kOn;
  bool read_letters = false;  // 1-800-FLOWERS
};

enum class Style : std::uint8_t { kE164, kInternational, kNational, kRfc3966 };

/// Everything known about one text. Strings end with NUL; an empty one means "none".
struct Details {
  char e164[24];             // "+442079460123"; empty when the text could not be parsed
  char national_number[24];  // national significant number, leading zeros kept
  char extension[48];        // digits only
  char region[4];  // ISO 3166-1 alpha-2, "001" for non-geographical codes, empty if unknown
  std::int32_t country_code;  // 0 when the text could not be parsed
  Type type;
  Reason reason;  // under the acceptance that parse() was given
  bool is_possible;
  bool is_valid;
};
static_assert(std::is_trivially_destructible_v<Details>);

/// A formatted number, NUL-terminated UTF-8.
struct Formatted {
  char text[128];
};

/// Where numbering plans come from: the newer ones of a file and of the installed library, the
/// library's, or the file's.
enum class PlansChoice : std::uint8_t { kNewest, kLibrary, kFile };

/// What is known of the plans in force. Strings end with NUL; an empty one means "not known".
struct Plans {
  char source[128];
  char version[128];  // of libphonenumber
  char date[16];      // "2026-09-29"; the library's is the day on which it was built
  char licence[128];
  std::int32_t regions;
  std::int32_t calling_codes;
};

/// Puts numbering plans in force; the installed library's are until then. A file that is in use
/// already is not read again. Throws std::runtime_error, which says why the file cannot be used:
/// then the library's are in force. Not for several threads at once.
void choose_plans(PlansChoice choice, const char *path);
Plans plans_in_force();

/// True when the plans in force know this upper-case ISO 3166-1 alpha-2 region.
bool is_region(std::string_view region);

/// Reads `text` (UTF-8) as dialled in `region` (known to is_region(), or empty: only international
/// spellings are readable then). What is acceptable reads from its own E.164 form as the same
/// number. Never throws for what the text holds; std::bad_alloc may pass, and under
/// FastPath::kVerify std::logic_error, which names the field that differs.
Details parse(std::string_view text, std::string_view region, Acceptance acceptance,
              FastPath fast_path = FastPath::kOn);

/// What parse() says, in `details`, in a hundredth of the library's time. False when the library
/// has to be asked: a rare spelling, a numbering plan with unknown rules, a build without fast
/// path.
bool parse_fast(std::string_view text, std::string_view region, Acceptance acceptance,
                Details &details);

/// The details of a text that could not be parsed.
Details unread(Reason reason);

/// Does now what would be done by the first calls: processes forked later share it.
void prepare();

/// Writes an acceptable number in `style` (its extension is kept, except in E.164). False when it
/// does not fit.
bool format(const Details &details, Style style, Formatted &formatted);

/// The names the SQL interface uses: "not_a_number", "toll_free", "rfc3966".
const char *name(Reason reason);
const char *name(Type type);
std::optional<Style> style_named(std::string_view name);

}  // namespace customer_identity::phone
