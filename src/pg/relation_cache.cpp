// Counts the changes that the server tells of. What was read is current while none of its relations
// has changed since the reading began. It may be in use further up the stack when it becomes stale,
// so it is freed in a later transaction.
#include "pg/relation_cache.hpp"

#include "pg/deferred_free.hpp"
#include "pg/majors.hpp"

namespace customer_identity {

struct Watched {
  Oid relation;
  std::uint64_t changed;  // the last change that concerned it, as far as is known
};

namespace {

struct Entry {
  CacheKey key;
  Reading reading;
  void *value;
  MemoryContext memory;  // NULL: the value is a plan
  std::uint64_t used;    // the last use
};

constexpr long kMinimumSweep = 64;
constexpr long kMaximumKept = 1024;          // about 80 books; 4 MB
constexpr std::uint64_t kRemembered = 1024;  // changes

HTAB *watched = nullptr;  // entries stay where they are
HTAB *entries = nullptr;
std::uint64_t changes = 0;
std::uint64_t everything_changed = 0;
Oid changed_relations[kRemembered];  // by the number of the change
std::uint64_t uses = 0;
long sweep_at = kMinimumSweep;

HTAB *new_table(const char *name, Size key_size, Size entry_size) {
  HASHCTL shape = {};
  shape.keysize = key_size;
  shape.entrysize = entry_size;
  return hash_create(name, 64, &shape, HASH_ELEM | HASH_BLOBS);
}

// InvalidOid: every relation.
void relation_changed(Datum, Oid relation) {
  changed_relations[++changes % kRemembered] = relation;
  if (!OidIsValid(relation)) everything_changed = changes;
  auto *known = static_cast<Watched *>(hash_search(watched, &relation, HASH_FIND, nullptr));
  if (known != nullptr) known->changed = changes;
}

// A renamed schema tells nothing of the relations in it, but statements and arguments name it.
void schema_changed(Datum, majors::CacheId, uint32) {
  relation_changed(Datum(0), NamespaceRelationId);
  everything_changed = changes;
}

void role_changed(Datum, majors::CacheId, uint32) { relation_changed(Datum(0), AuthIdRelationId); }

// A relation that was not watched may have changed just now.
const Watched *watch(Oid relation) {
  bool found;
  auto *known = static_cast<Watched *>(hash_search(watched, &relation, HASH_ENTER, &found));
  if (!found) known->changed = changes;
  return known;
}

bool is_current(const Entry &entry) {
  if (entry.reading.start < everything_changed) return false;
  for (const Watched *relation : entry.reading.relations)
    if (relation != nullptr && relation->changed > entry.reading.start) return false;
  return entry.memory != nullptr || SPI_plan_is_valid(static_cast<SPIPlanPtr>(entry.value));
}

void free_value_later(const Entry &entry) {
  if (entry.memory != nullptr)
    free_later(entry.memory);
  else
    free_later(static_cast<SPIPlanPtr>(entry.value));
}

// Forgets all that is `unwanted(entry)`.
template <typename Unwanted>
void forget(Unwanted &&unwanted) {
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, entries);
  while (auto *entry = static_cast<Entry *>(hash_seq_search(&scan))) {
    if (!unwanted(*entry)) continue;
    free_value_later(*entry);
    hash_search(entries, &entry->key, HASH_REMOVE, nullptr);
  }
}

int compare_uses(const void *one, const void *other) {
  const auto first = *static_cast<const std::uint64_t *>(one);
  const auto second = *static_cast<const std::uint64_t *>(other);
  return first < second ? -1 : first > second;
}

// When half of what is kept was last used.
std::uint64_t median_use() {
  std::uint64_t used[kMaximumKept] = {};
  int count = 0;
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, entries);
  while (const auto *entry = static_cast<Entry *>(hash_seq_search(&scan)))
    used[count++] = entry->used;
  qsort(used, count, sizeof(*used), compare_uses);
  return used[count / 2];
}

// What nobody will ask for again, such as a dropped table's plans, and, in a session that comes
// through many books, what it has not asked for longest.
void sweep() {
  if (hash_get_num_entries(entries) < sweep_at) return;
  forget([](const Entry &entry) { return !is_current(entry); });
  if (hash_get_num_entries(entries) > kMaximumKept / 2 && sweep_at == kMaximumKept) {
    const std::uint64_t least = median_use();
    forget([least](const Entry &entry) { return entry.used < least; });
  }
  sweep_at = Min(kMaximumKept, Max(kMinimumSweep, 2 * hash_get_num_entries(entries)));
}

void enter(const Entry &kept) {
  free_deferred();
  sweep();
  bool replaces;
  auto *entry = static_cast<Entry *>(hash_search(entries, &kept.key, HASH_ENTER, &replaces));
  if (replaces) free_value_later(*entry);
  *entry = kept;
}

}  // namespace

Reading start_reading(Oid relation) { return {changes, {watch(relation)}}; }

void depend_on(Reading &reading, Oid relation) {
  if (!OidIsValid(relation)) return;
  const Watched **place = reading.relations;
  while (*place != nullptr) ++place;
  Assert(place < reading.relations + lengthof(reading.relations));
  *place = watch(relation);
}

void *find_kept(const CacheKey &key) {
  auto *entry = static_cast<Entry *>(hash_search(entries, &key, HASH_FIND, nullptr));
  if (entry == nullptr || !is_current(*entry)) return nullptr;
  entry->used = ++uses;
  return entry->value;
}

void keep(const CacheKey &key, const Reading &reading, SPIPlanPtr plan) {
  enter({key, reading, plan, nullptr, ++uses});
  SPI_keepplan(plan);
}

void keep(const CacheKey &key, const Reading &reading, void *value, MemoryContext memory) {
  enter({key, reading, value, memory, ++uses});
  MemoryContextSetParent(memory, CacheMemoryContext);
}

MemoryContext memory_to_keep() {
  return AllocSetContextCreate(CurrentMemoryContext, "customer_identity cache",
                               ALLOCSET_SMALL_SIZES);
}

std::uint64_t change_count() { return changes; }

bool find_change(std::uint64_t number, Oid *relation) {
  if (number + kRemembered <= changes) return false;
  *relation = changed_relations[number % kRemembered];
  return true;
}

void watch_relations() {
  watched = new_table("customer_identity relations", sizeof(Oid), sizeof(Watched));
  entries = new_table("customer_identity cache", sizeof(CacheKey), sizeof(Entry));
  CacheRegisterRelcacheCallback(relation_changed, Datum(0));
  CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, Datum(0));
  CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, role_changed, Datum(0));
  CacheRegisterSyscacheCallback(AUTHOID, role_changed, Datum(0));
}

}  // namespace customer_identity
