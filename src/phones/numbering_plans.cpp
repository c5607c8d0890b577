// Puts numbering plans in force, and phone_plans(), which says which ones.
#include "phones/numbering_plans.hpp"

#include "pg/guard.hpp"
#include "pg/postgres.hpp"
#include "phone/phone.hpp"
#include "phones/phone_reader.hpp"
#include "phones/settings.hpp"

namespace customer_identity {

bool plans_are_taken = false;

namespace {

constexpr char kShipped[] = "extension/customer_identity_plans.bin";  // in the share directory

char problem[MAXPGPATH + sizeof(Failure::message)];  // empty: the file could be used

phone::PlansChoice choice_of(const char *setting) {
  if (strcmp(setting, "newest") == 0) return phone::PlansChoice::kNewest;
  if (strcmp(setting, "library") == 0) return phone::PlansChoice::kLibrary;
  return phone::PlansChoice::kFile;
}

void find_shipped(char (&path)[MAXPGPATH]) {
  char share[MAXPGPATH];
  get_share_path(my_exec_path, share);
  snprintf(path, sizeof(path), "%s/%s", share, kShipped);
}

Datum text_or_null(const char *value, bool *is_null) {
  *is_null = *value == '\0';
  return *is_null ? Datum(0) : CStringGetTextDatum(value);
}

Datum date_or_null(const char *value, bool *is_null) {
  *is_null = *value == '\0';
  return *is_null ? Datum(0) : DirectFunctionCall1(date_in, CStringGetDatum(value));
}

}  // namespace

void take_plans() {
  char path[MAXPGPATH];
  const phone::PlansChoice choice = choice_of(settings::numbering_plans());
  if (choice == phone::PlansChoice::kFile)
    strlcpy(path, settings::numbering_plans(), sizeof(path));
  else
    find_shipped(path);

  Failure failure;
  const bool is_taken = guarded(failure, [&] { phone::choose_plans(choice, path); });
  if (!is_taken && failure.sqlstate == ERRCODE_OUT_OF_MEMORY) failure.raise();
  problem[0] = '\0';
  plans_are_taken = true;
  if (is_taken) return;
  snprintf(problem, sizeof(problem), "%s: %s", path, failure.message);
  ereport(WARNING, errcode(ERRCODE_CONFIG_FILE_ERROR),
          errmsg("file \"%s\" cannot be used: the numbering plans of the installed libphonenumber "
                 "are in force",
                 path),
          errdetail("%s", failure.message),
          errhint("Install the file again, or correct the setting "
                  "customer_identity.numbering_plans."));
}

// phone_plans(): one row.
CUSTOMER_IDENTITY_FUNCTION(phone_plans) {
  InitMaterializedSRF(fcinfo, 0);
  const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  if (!plans_are_taken) take_plans();
  phone::Plans plans{};
  Failure failure;
  if (!guarded(failure, [&] { plans = phone::plans_in_force(); })) failure.raise();

  Datum values[7];
  bool nulls[7] = {};
  values[0] = CStringGetTextDatum(plans.source);
  values[1] = text_or_null(plans.version, &nulls[1]);
  values[2] = date_or_null(plans.date, &nulls[2]);
  values[3] = Int32GetDatum(plans.regions);
  values[4] = Int32GetDatum(plans.calling_codes);
  values[5] = text_or_null(plans.licence, &nulls[5]);
  values[6] = text_or_null(problem, &nulls[6]);
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  return Datum(0);
}

}  // namespace customer_identity
