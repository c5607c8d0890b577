// Which numbering plans are in force: those inside the installed library, or those of a file. The
// library answers by them as well, through an instance of its own that takes their metadata over.
#include <dlfcn.h>
#include <phonenumbers/phonemetadata.pb.h>
#include <phonenumbers/phonenumber.pb.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <string>

#include "phone/library.hpp"
#include "phone/library_door.hpp"
#include "phone/numbering_plan.hpp"
#include "phone/phone.hpp"
#include "phone/plans_file.hpp"

namespace customer_identity::phone {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;
using Door = i18n::phonenumbers::PhoneNumberUtilTest;

/// A file that was read, and what came of it.
struct Taken {
  std::string path;
  PlansFile label;  // without its plans
  NumberingPlans plans;
  std::optional<bool> is_older;  // than the installed library; not asked yet
};

struct State {
  std::unique_ptr<Taken> taken;
  bool in_force = false;                   // what was taken
  const Taken *lent_to_library = nullptr;  // whose metadata the library of our own has
};

State &state() {
  static auto *const only = new State;
  return *only;
}

/// The day when the installed library was built, which its package keeps as the time of its file;
/// empty when it cannot be told.
std::string day_of_library() {
  Dl_info library{};
  struct stat status {};
  std::tm day{};
  if (dladdr(reinterpret_cast<void *>(&PhoneNumberUtil::GetInstance), &library) == 0 ||
      stat(library.dli_fname, &status) != 0 || gmtime_r(&status.st_mtime, &day) == nullptr)
    return {};
  std::string text(sizeof("2026-09-29"), '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%d", &day));
  return text;
}

bool knows(const std::string &e164) {
  PhoneNumber number;
  return installed_library().Parse(e164, "ZZ", &number) == PhoneNumberUtil::NO_PARSING_ERROR &&
         installed_library().IsValidNumber(number);
}

/// No library says how old it is. One that was built before these plans were made is older; another
/// is newer, or as new, when it knows all numbers that they opened last.
bool is_older_than_library(const PlansFile &label) {
  return day_of_library() > label.date && !label.opened.empty() &&
         std::all_of(label.opened.begin(), label.opened.end(), knows);
}

void take(const char *path) {
  State &now = state();
  if (now.taken != nullptr && now.taken->path == path) return;
  PlansFile file = parse_plans(read_plans_file(path));
  NumberingPlans::Owned plans = std::move(file.plans);
  std::unique_ptr<Taken> taken(
      new Taken{path, std::move(file), NumberingPlans(std::move(plans)), std::nullopt});
  if (now.lent_to_library == now.taken.get()) now.lent_to_library = nullptr;
  now.taken = std::move(taken);
}

template <std::size_t Size>
void write(const std::string &from, char (&to)[Size]) {
  to[from.copy(to, Size - 1)] = '\0';
}

}  // namespace

void choose_plans(PlansChoice choice, const char *path) {
  State &now = state();
  now.in_force = false;
  NumberingPlans::use(nullptr);
  if (choice != PlansChoice::kLibrary) {
    take(path);
    if (choice == PlansChoice::kNewest && !now.taken->is_older)
      now.taken->is_older = is_older_than_library(now.taken->label);
    now.in_force = choice == PlansChoice::kFile || !*now.taken->is_older;
  }
  NumberingPlans::use(now.in_force ? &now.taken->plans : nullptr);
}

Plans plans_in_force() {
  const State &now = state();
  const NumberingPlans &plans = NumberingPlans::get();
  Plans info{};
  info.regions = static_cast<std::int32_t>(plans.regions());
  info.calling_codes = static_cast<std::int32_t>(plans.calling_codes());
  if (now.in_force) {
    write(now.taken->label.source, info.source);
    write(now.taken->label.version, info.version);
    write(now.taken->label.date, info.date);
    write(now.taken->label.licence, info.licence);
  } else {
    write("the installed libphonenumber", info.source);
    write(day_of_library(), info.date);
  }
  return info;
}

const PhoneNumberUtil &library() {
  State &now = state();
  if (!now.in_force) return installed_library();
  static const PhoneNumberUtil *const own = Door::create();
  if (now.lent_to_library != now.taken.get()) now.taken->plans.lend_to(*own);
  now.lent_to_library = now.taken.get();
  return *own;
}

}  // namespace customer_identity::phone
