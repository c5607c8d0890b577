// Reads phones that come from SQL. What the fast path leaves to the library is remembered for a
// while: a trigger asks for the same phone before and after the row is written.
#include "phones/phone_reader.hpp"

#include <algorithm>

#include "pg/errors.hpp"
#include "pg/given_text.hpp"
#include "pg/guard.hpp"
#include "phones/numbering_plans.hpp"
#include "phone/reading.hpp"
#include "phone/regions.hpp"
#include "phone/suggestion.hpp"
#include "phone/text.hpp"
#include "phones/settings.hpp"

namespace customer_identity {
namespace {

struct Remembered {
  char text[phone::kMaximumCharacters * MAX_CONVERSION_GROWTH];
  std::size_t length;  // 0: not in use
  char region[sizeof(Region::code)];
  phone::Acceptance acceptance;
  bool read_letters;
  phone::Details details;
};

constexpr std::string_view kBlanks = " \t\n\r\v\f";
constexpr std::string_view kNoBreakSpace = "\xC2\xA0";

Remembered remembered[4];
unsigned next_remembered = 0;

/// What was remembered was read by the plans before.
[[gnu::noinline]] void take_changed_plans() {
  take_plans();
  for (Remembered &entry : remembered) entry.length = 0;
}

void use_current_plans() {
  if (unlikely(!plans_are_taken)) take_changed_plans();
}

const Remembered *recall(std::string_view text, const Region &region,
                         const phone::Options &options) {
  for (const Remembered &entry : remembered)
    if (entry.length == text.size() && entry.length > 0 && entry.acceptance == options.acceptance &&
        entry.read_letters == options.read_letters &&
        memcmp(entry.text, text.data(), entry.length) == 0 &&
        strcmp(entry.region, region.code) == 0)
      return &entry;
  return nullptr;
}

void remember(std::string_view text, const Region &region, const phone::Options &options,
              const phone::Details &details) {
  if (text.size() > sizeof(remembered[0].text)) return;
  Remembered &entry = remembered[next_remembered++ % lengthof(remembered)];
  entry.length = text.copy(entry.text, sizeof(entry.text));
  strlcpy(entry.region, region.code, sizeof(entry.region));
  entry.acceptance = options.acceptance;
  entry.read_letters = options.read_letters;
  entry.details = details;
}

void read_guarded(std::string_view text, const Region &region, const phone::Options &options,
                  phone::Details &details) {
  Failure failure;
  if (!guarded(failure, [&] { details = phone::read(text, region.view(), options); }))
    failure.raise();
}

/// False when the fast path is off or does not understand the text.
bool read_fast_guarded(std::string_view text, const Region &region, const phone::Options &options,
                       phone::Details &details) {
  if (options.fast_path != phone::FastPath::kOn) return false;
  Failure failure;
  bool understood = false;
  if (!guarded(failure,
               [&] { understood = phone::read_fast(text, region.view(), options, details); }))
    failure.raise();
  return understood;
}

// What is E.164 already needs no region, which costs as much to look up.
bool read_e164(std::string_view text, phone::Details &details) {
  use_current_plans();
  return text.starts_with('+') && phone::is_bare(text.substr(1)) &&
         read_fast_guarded(text, {"", true}, settings::phone_reading(), details) &&
         details.reason == phone::Reason::kOk;
}

void read_remembering(std::string_view text, const Region &region, const phone::Options &options,
                      phone::Details &details) {
  if (const Remembered *known = recall(text, region, options)) {
    details = known->details;
    return;
  }
  read_guarded(text, region, options, details);
  remember(text, region, options, details);
}

std::size_t max_bytes(std::size_t characters) {
  return characters * static_cast<std::size_t>(pg_database_encoding_max_length());
}

/// Counting characters is for texts only that their bytes do not decide about.
bool is_too_long(std::string_view text) {
  if (text.size() <= phone::kMaximumCharacters) return false;
  return text.size() > max_bytes(phone::kMaximumCharacters) ||
         pg_mbstrlen_with_len(text.data(), static_cast<int>(text.size())) >
             static_cast<int>(phone::kMaximumCharacters);
}

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return !IS_HIGHBIT_SET(c); });
}

// Bytes of a blank at one end of a text: spreadsheets pad with the no-break space.
std::size_t blank_of(bool is_narrow, bool is_wide) {
  return is_narrow ? 1 : is_wide && GetDatabaseEncoding() == PG_UTF8 ? kNoBreakSpace.size() : 0;
}

std::size_t blank_before(std::string_view text) {
  return blank_of(kBlanks.find(text.front()) != std::string_view::npos,
                  text.starts_with(kNoBreakSpace));
}

std::size_t blank_after(std::string_view text) {
  return blank_of(kBlanks.find(text.back()) != std::string_view::npos,
                  text.ends_with(kNoBreakSpace));
}

// What was asked for is kept: phones that lack it are remembered with it.
void take_unknown(std::string_view name, Region &region) {
  region = {"", name.empty()};
  for (std::size_t at = 0; at < name.size() && at < sizeof(region.code) - 1; ++at)
    region.code[at] = upper(name[at]);
}

// Two letters taken at their word: of a region that is none the core reads what needs none.
Region in_capitals(std::string_view name) { return {{upper(name[0]), upper(name[1])}, true}; }

// Whether a region of two letters is known. ZZ is none.
void check(Region &region) {
  if (region.code[0] == 'Z' && region.code[1] == 'Z') {
    region = {"", true};
    return;
  }
  use_current_plans();
  Failure failure;
  if (!guarded(failure, [&] { region.known = phone::is_region({region.code, 2}); }))
    failure.raise();
}

// Raised where the phone itself is read by no other region either.
[[noreturn]] void unknown_region(std::string_view name) {
  const bool is_given = !name.empty();
  ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
          errmsg("unknown region \"%s\"", shown(is_given ? name : settings::default_region())),
          is_given ? errhint("A region is an ISO 3166 code (DE or DEU) or a calling code (+49).")
                   : errhint("Correct the setting customer_identity.default_region: an ISO 3166 "
                             "code (DE or DEU), a calling code (+49), or empty."));
  pg_unreachable();
}

}  // namespace

std::string_view trimmed(std::string_view region) {
  while (!region.empty() && blank_before(region) > 0) region.remove_prefix(blank_before(region));
  while (!region.empty() && blank_after(region) > 0) region.remove_suffix(blank_after(region));
  return region;
}

Region region_of(std::string_view name, std::string_view fallback) {
  Region region = {"", true};
  if (name.size() == 2) {  // nearly always one that is known
    region = in_capitals(name);
    check(region);
    if (region.known) return region;
  }
  name = trimmed(name);
  if (name.empty()) name = trimmed(fallback);
  if (name.empty()) name = trimmed(settings::default_region());
  const phone::RegionCode code = phone::region_named(name);
  if (code[0] == '\0')
    take_unknown(name, region);
  else {
    std::copy(code.begin(), code.end(), region.code);
    check(region);
  }
  return region;
}

std::string_view to_utf8(std::string_view text) {
  const int encoding = GetDatabaseEncoding();
  if (encoding == PG_UTF8 || is_ascii(text)) return text;
  const int length = static_cast<int>(text.size());
  if (encoding == PG_SQL_ASCII)
    return pg_verify_mbstr(PG_UTF8, text.data(), length, true) ? text : std::string_view();

  const Oid conversion = FindDefaultConversionProc(encoding, PG_UTF8);
  if (!OidIsValid(conversion)) return {};
  const int room = length * MAX_CONVERSION_GROWTH + 1;
  auto *converted = static_cast<unsigned char *>(palloc(room));
  auto *source = reinterpret_cast<unsigned char *>(const_cast<char *>(text.data()));
  const int done = pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, source, length,
                                                 converted, room, true);
  return done == length ? reinterpret_cast<char *>(converted) : std::string_view();
}

phone::Details read_phone(std::string_view text, const Region &region) {
  phone::Details details;
  read_phone(text, region, details);
  return details;
}

void read_phone(std::string_view text, const Region &region, phone::Details &details) {
  use_current_plans();
  const phone::Options options = settings::phone_reading();
  const bool too_long = is_too_long(text);
  const std::string_view utf8 = too_long ? text : to_utf8(text);
  if (too_long)
    details = phone::unread(phone::Reason::kTooLong);
  else if (utf8.data() == nullptr)
    details = phone::unread(phone::Reason::kNotANumber);
  else if (options.fast_path == phone::FastPath::kVerify)
    read_guarded(utf8, region, options, details);
  else if (!read_fast_guarded(utf8, region, options, details))
    read_remembering(utf8, region, options, details);
}

phone::Details suggested_reading(std::string_view text, const Region &region) {
  phone::Details details = phone::unread(phone::Reason::kNotANumber);
  if (is_too_long(text)) return details;
  const std::string_view utf8 = to_utf8(text);
  if (utf8.data() == nullptr) return details;
  const phone::Options options = settings::phone_reading();
  Failure failure;
  if (!guarded(failure, [&] { details = phone::suggest(utf8, region.view(), options); }))
    failure.raise();
  return details;
}

phone::Details read_by_plan(std::string_view text) {
  use_current_plans();
  phone::Details details;
  Failure failure;
  if (!guarded(failure, [&] { details = phone::parse(text, "", phone::Acceptance::kValid); }))
    failure.raise();
  return details;
}

phone::Details given_phone(std::string_view text, std::string_view region) {
  phone::Details details;
  if (read_e164(text, details)) return details;
  if (region.size() == 2) {
    Region two = in_capitals(region);
    read_phone(text, two, details);
    if (details.reason == phone::Reason::kOk) return details;
    check(two);
    if (two.known) return details;
  }
  const Region known = region_of(region);
  read_phone(text, known, details);
  if (lacks_region(details, known)) unknown_region(trimmed(region));
  return details;
}

phone::Details required_phone(std::string_view text, std::string_view region) {
  const phone::Details details = given_phone(text, region);
  if (details.reason == phone::Reason::kOk) return details;
  ereport(ERROR, errcode(kUnreadablePhone), errmsg("the phone cannot be read"),
          errdetail("Reason: %s.", phone::name(details.reason)),
          errhint("customer_identity.parse_phone() shows details. A phone without a country code "
                  "needs a region, or the setting customer_identity.default_region."));
  pg_unreachable();
}

void prepare_phones() {
  use_current_plans();
  Failure failure;
  if (!guarded(failure, [] { phone::prepare(); })) failure.raise();
}

std::string_view long_phone_argument(FunctionCallInfo fcinfo, int index) {
  const auto *stored = reinterpret_cast<varlena *>(DatumGetPointer(PG_GETARG_DATUM(index)));
  if (!VARATT_IS_EXTERNAL(stored) && !VARATT_IS_COMPRESSED(stored))
    return text_in_place(fcinfo, index);
  const auto enough = static_cast<int>(max_bytes(phone::kMaximumCharacters + 1));
  const text *start = PG_GETARG_TEXT_P_SLICE(index, 0, enough);
  return {VARDATA_ANY(start), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(start))};
}

Datum e164_datum(FunctionCallInfo fcinfo, const phone::Details &details) {
  const std::size_t size = strlen(details.e164);
  const std::string_view given = short_text(PG_GETARG_DATUM(0));
  if (given.size() == size && memcmp(given.data(), details.e164, size) == 0)
    return PG_GETARG_DATUM(0);
  auto *const copy = static_cast<text *>(palloc(VARHDRSZ + sizeof(details.e164)));
  memcpy(VARDATA(copy), details.e164, sizeof(details.e164));
  SET_VARSIZE(copy, VARHDRSZ + size);
  return PointerGetDatum(copy);
}

const char *text_argument(FunctionCallInfo fcinfo, int index) {
  return PG_ARGISNULL(index) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(index));
}

}  // namespace customer_identity
