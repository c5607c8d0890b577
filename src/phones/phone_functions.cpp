// normalize_phone, parse_phone, format_phone and claimed_phone: the phone core as SQL functions.
#include "pg/errors.hpp"
#include "pg/given_text.hpp"
#include "pg/guard.hpp"
#include "phone/renumbering.hpp"
#include "phone/suggestion.hpp"
#include "phones/phone_reader.hpp"
#include "pg/postgres.hpp"
#include "phones/settings.hpp"

namespace customer_identity {
namespace {

// NULL for an empty string: the core's word for "none".
Datum text_or_null(const char *value, bool *is_null) {
  *is_null = *value == '\0';
  return *is_null ? Datum(0) : CStringGetTextDatum(value);
}

Datum row_of(const phone::Details &details, FunctionCallInfo fcinfo) {
  TupleDesc shape;
  if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "parse_phone does not return a row");

  Datum values[9];
  bool nulls[9] = {};
  const bool parsed = details.country_code != 0;
  values[0] = text_or_null(details.e164, &nulls[0]);
  values[1] = Int32GetDatum(details.country_code);
  nulls[1] = !parsed;
  values[2] = text_or_null(details.national_number, &nulls[2]);
  values[3] = text_or_null(details.extension, &nulls[3]);
  values[4] = text_or_null(details.region, &nulls[4]);
  values[5] = text_or_null(parsed ? phone::name(details.type) : "", &nulls[5]);
  values[6] = BoolGetDatum(details.is_possible);
  values[7] = BoolGetDatum(details.is_valid);
  values[8] = CStringGetTextDatum(phone::name(details.reason));
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

phone::Style required_style(const char *name) {
  const auto style = phone::style_named(name);
  if (style) return *style;
  ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
          errmsg("unknown phone style \"%s\"", shown(name)),
          errhint("Styles are e164, international, national and rfc3966."));
  pg_unreachable();
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(normalize_phone) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const phone::Details details =
      given_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 1, kRegion));
  if (details.reason != phone::Reason::kOk) PG_RETURN_NULL();
  return e164_datum(fcinfo, details);
}

CUSTOMER_IDENTITY_FUNCTION(parse_phone) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  return row_of(given_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 1, kRegion)), fcinfo);
}

CUSTOMER_IDENTITY_FUNCTION(format_phone) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  const phone::Style style = required_style(text_argument(fcinfo, 1, kStyle));
  const phone::Details details =
      given_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 2, kRegion));
  if (details.reason != phone::Reason::kOk) PG_RETURN_NULL();

  phone::Formatted formatted = {};
  Failure failure;
  if (!guarded(failure, [&] { phone::format(details, style, formatted); })) failure.raise();
  const int length = static_cast<int>(strlen(formatted.text));
  PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(formatted.text, length, PG_UTF8)));
}

// As normalize_phone, for phones in rows: a phone that lacks a known region is unreadable.
CUSTOMER_IDENTITY_FUNCTION(claimed_phone) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Region region = region_of(text_in_place(fcinfo, 1));
  const phone::Details details = read_phone(phone_argument(fcinfo, 0), region);
  if (details.reason != phone::Reason::kOk) PG_RETURN_NULL();
  return e164_datum(fcinfo, details);
}

// Why claimed_phone reads nothing; "ok" when it does.
CUSTOMER_IDENTITY_FUNCTION(claim_problem) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Region region = region_of(text_in_place(fcinfo, 1));
  const phone::Details details = read_phone(phone_argument(fcinfo, 0), region);
  const bool unknown = lacks_region(details, region);
  PG_RETURN_TEXT_P(cstring_to_text(unknown ? "unknown_region" : phone::name(details.reason)));
}

// What may have been meant by a phone that claimed_phone does not read, or NULL.
CUSTOMER_IDENTITY_FUNCTION(suggested_phone) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Region region = region_of(text_in_place(fcinfo, 1));
  const phone::Details details = suggested_reading(phone_argument(fcinfo, 0), region);
  if (details.reason != phone::Reason::kOk) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(details.e164));
}

// What a phone is that looks like a number and is none, or NULL.
CUSTOMER_IDENTITY_FUNCTION(phone_remark) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const std::string_view utf8 = to_utf8(phone_argument(fcinfo, 0));
  const char *remark = utf8.data() == nullptr ? nullptr : phone::remark(utf8);
  if (remark == nullptr) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(remark));
}

// The change of a plan by which an old phone reads as today's: since, rule, source; NULL for
// others.
CUSTOMER_IDENTITY_FUNCTION(renumbering_of) {
  TupleDesc shape;
  if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "renumbering_of does not return a row");
  const phone::Details old = read_by_plan(phone_argument(fcinfo, 0));
  phone::Rule rule = {};
  const phone::Renumbering *found = nullptr;
  Failure failure;
  if (!guarded(failure, [&] {
        found = phone::renumbering_of(old);
        if (found != nullptr) rule = phone::written(*found);
      }))
    failure.raise();
  if (found == nullptr) PG_RETURN_NULL();
  const auto text = [](std::string_view value) {
    return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
  };
  Datum values[] = {text(found->since), text(rule.text), text(found->source)};
  bool nulls[lengthof(values)] = {};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls)));
}

// The region of a row, or that of its table when it is blank.
CUSTOMER_IDENTITY_FUNCTION(region_or_default) {
  const bool is_blank = trimmed(text_in_place(fcinfo, 0)).empty();
  if (PG_ARGISNULL(is_blank)) PG_RETURN_NULL();
  PG_RETURN_DATUM(PG_GETARG_DATUM(is_blank));
}

// Upper-case ISO 3166-1 alpha-2, or NULL when it is no region.
CUSTOMER_IDENTITY_FUNCTION(known_region) {
  const std::string_view name = trimmed(text_in_place(fcinfo, 0));
  if (name.empty()) PG_RETURN_NULL();
  const Region region = region_of(name);
  if (region.view().empty()) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(region.code));
}

}  // namespace customer_identity
