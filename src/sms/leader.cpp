// The leader lock is an advisory lock whose fourth field is none that applications can name: 1 and
// 2 are theirs.
#include "sms/leader.hpp"

namespace customer_identity::sms {
namespace {

constexpr std::uint16_t kSends = 4;
constexpr std::uint16_t kStarts = 5;

LOCKTAG lock_of(Oid database, std::uint16_t what) {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, database, 0, 0, what);
  return tag;
}

}  // namespace

bool take_leader_lock() {
  const LOCKTAG lock = lock_of(MyDatabaseId, kSends);
  return LockAcquire(&lock, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

void release_leader_lock() {
  const LOCKTAG lock = lock_of(MyDatabaseId, kSends);
  LockRelease(&lock, ExclusiveLock, true);
}

int leader_of(Oid database) {
  const LOCKTAG lock = lock_of(database, kSends);
  const LockData *held = GetLockStatusData();
  for (int i = 0; i < held->nelements; ++i) {
    const LockInstanceData &instance = held->locks[i];
    if (memcmp(&instance.locktag, &lock, sizeof(lock)) == 0 &&
        (instance.holdMask & LOCKBIT_ON(ExclusiveLock)) != 0)
      return instance.pid;
  }
  return 0;
}

void lock_start() {
  const LOCKTAG lock = lock_of(MyDatabaseId, kStarts);
  LockAcquire(&lock, ExclusiveLock, false, false);
}

void unlock_start() {
  const LOCKTAG lock = lock_of(MyDatabaseId, kStarts);
  LockRelease(&lock, ExclusiveLock, false);
}

}  // namespace customer_identity::sms
