// Reads phones that come from SQL, remembering the last few: a trigger asks for the same phone
// before and after the row is written.
#include "pg/phone_reader.hpp"

#include "pg/errors.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace customer_identity {
namespace {

struct Remembered {
  char text[phone::kMaxCharacters * MAX_CONVERSION_GROWTH + 1];
  char region[4];
  phone::Acceptance acceptance;
  bool filled;
  phone::Details details;
};

Remembered remembered[4];
unsigned next_remembered = 0;

const Remembered *recall(const char *text, const char *region, phone::Acceptance acceptance) {
  for (const Remembered &entry : remembered)
    if (entry.filled && entry.acceptance == acceptance && strcmp(entry.text, text) == 0 &&
        strcmp(entry.region, region) == 0)
      return &entry;
  return nullptr;
}

phone::Details unreadable(phone::Reason reason) {
  phone::Details details = {};
  details.type = phone::Type::kUnknown;
  details.reason = reason;
  return details;
}

phone::Details parse_guarded(const char *text, const Region &region, phone::Acceptance acceptance) {
  Failure failure;
  phone::Details details;
  if (!guarded(failure, [&] { details = phone::parse(text, region.code, acceptance); }))
    failure.raise();
  return details;
}

}  // namespace

Region region_of(const char *name) {
  if (name == nullptr || *name == '\0') name = settings::default_region();
  Region region = {"", true};
  if (*name == '\0') return region;
  strlcpy(region.code, name, sizeof(region.code));
  for (char *c = region.code; *c != '\0'; ++c)
    *c = static_cast<char>(pg_ascii_toupper(static_cast<unsigned char>(*c)));
  if (strcmp(region.code, "ZZ") == 0) return {"", true};

  Failure failure;
  if (!guarded(failure, [&] { region.known = strlen(name) == 2 && phone::is_region(region.code); }))
    failure.raise();
  return region;
}

Region required_region(const char *name) {
  const Region region = region_of(name);
  if (region.known) return region;
  const bool given = name != nullptr && *name != '\0';
  ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
          errmsg("unknown region \"%s\"", given ? name : region.code),
          given ? errhint("A region is an ISO 3166 code of two letters: GB, not UK.")
                : errhint("Correct the setting customer_identity.default_region: an ISO 3166 code "
                          "of two letters, or empty."));
  pg_unreachable();
}

const char *to_utf8(const char *text) {
  const int length = static_cast<int>(strlen(text));
  const int encoding = GetDatabaseEncoding();
  if (encoding == PG_UTF8) return text;
  if (encoding == PG_SQL_ASCII)
    return pg_verify_mbstr(PG_UTF8, text, length, true) ? text : nullptr;

  const Oid conversion = FindDefaultConversionProc(encoding, PG_UTF8);
  if (!OidIsValid(conversion)) return nullptr;
  const int room = length * MAX_CONVERSION_GROWTH + 1;
  auto *converted = static_cast<unsigned char *>(palloc(room));
  auto *source = reinterpret_cast<unsigned char *>(const_cast<char *>(text));
  const int done = pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, source, length,
                                                 converted, room, true);
  return done == length ? reinterpret_cast<char *>(converted) : nullptr;
}

const phone::Details &read_phone(const char *text, const Region &region) {
  static phone::Details refused;
  const int length = static_cast<int>(strlen(text));
  if (pg_mbstrlen_with_len(text, length) > static_cast<int>(phone::kMaxCharacters))
    return refused = unreadable(phone::Reason::kTooLong);
  const char *utf8 = to_utf8(text);
  if (utf8 == nullptr) return refused = unreadable(phone::Reason::kNotANumber);

  const phone::Acceptance acceptance = settings::phone_validation();
  if (const Remembered *known = recall(utf8, region.code, acceptance)) return known->details;
  const phone::Details details = parse_guarded(utf8, region, acceptance);
  Remembered &entry = remembered[next_remembered++ % lengthof(remembered)];
  entry.filled = strlcpy(entry.text, utf8, sizeof(entry.text)) < sizeof(entry.text);
  strlcpy(entry.region, region.code, sizeof(entry.region));
  entry.acceptance = acceptance;
  return entry.details = details;
}

const phone::Details &required_phone(const char *text, const Region &region) {
  const phone::Details &details = read_phone(text, region);
  if (details.reason == phone::Reason::kOk) return details;
  ereport(ERROR, errcode(kUnreadablePhone), errmsg("the phone cannot be read"),
          errdetail("Reason: %s.", phone::name(details.reason)),
          errhint("customer_identity.parse_phone() tells more. Without a country code the region "
                  "has to be given, or set as customer_identity.default_region."));
  pg_unreachable();
}

const char *text_argument(FunctionCallInfo fcinfo, int index) {
  return PG_ARGISNULL(index) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(index));
}

}  // namespace customer_identity
