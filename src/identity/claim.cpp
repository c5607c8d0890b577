// Resolves the arguments of link_user and reads what a row claims.
#include "identity/claim.hpp"

#include "pg/relations.hpp"
#include "pg/shards.hpp"
#include "phones/phone_reader.hpp"

namespace customer_identity {

void read_user_setup(UserSetup *setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  const Arguments arguments = arguments_of(call->tg_trigger);
  const List *phones = values_of(arguments, "phone");
  setup->phone_count = list_length(phones);
  setup->phones = static_cast<Column *>(palloc(sizeof(Column) * (setup->phone_count + 1)));
  for (int i = 0; i < setup->phone_count; ++i)
    setup->phones[i] = phone_column(users, static_cast<char *>(list_nth(phones, i)));
  setup->key = column_named(users, value_of(arguments, "key"));
  setup->verified = column_named(users, value_of(arguments, "verified"));
  setup->name = column_named(users, value_of(arguments, "name"));
  setup->region = region_column(users, value_of(arguments, "region"));
  setup->default_region = value_of(arguments, "default_region");
  setup->customer = customer_column(users, arguments);
  setup->users = setup->root = root_of(users);
  setup->users_name = relation_name(logical_table(setup->root));
}

Claim claim_of(const UserSetup &setup, HeapTuple user, Relation users) {
  return claim_after(setup, user, users, {"", -1});
}

Claim claim_after(const UserSetup &setup, HeapTuple user, Relation users, const Claim &claim) {
  Claim next = {"", claim.column + 1};
  if (next.column >= setup.phone_count) return next;
  const Region region = region_of(text_in(setup.region, user, users), setup.default_region);
  for (; next.column < setup.phone_count; ++next.column) {
    const char *raw = text_in(setup.phones[next.column], user, users);
    if (raw == nullptr) continue;
    const phone::Details &details = read_phone(raw, region);
    if (details.reason != phone::Reason::kOk) continue;
    strlcpy(next.e164, details.e164, sizeof(next.e164));
    break;
  }
  return next;
}

bool claim_differs(const UserSetup &setup, HeapTuple before, HeapTuple after, Relation users) {
  for (int i = 0; i < setup.phone_count; ++i)
    if (differs(setup.phones[i], before, after, users)) return true;
  return differs(setup.region, before, after, users);
}

}  // namespace customer_identity
