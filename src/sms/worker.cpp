// Sends the messages of one database: claims some, asks the provider, records each answer. No
// transaction is open while a request is under way.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "pg/guard.hpp"
#include "pg/postgres.hpp"
#include "sms/leader.hpp"
#include "sms/outbox.hpp"
#include "sms/process.hpp"
#include "sms/requests.hpp"
#include "sms/settings.hpp"
#include "sms/transaction.hpp"

namespace customer_identity::sms {
namespace {

using Clock = std::chrono::steady_clock;  // the other one may be set back
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kAtOnce = 10;
constexpr int kLeaseReserve = 30;  // seconds after the last moment of a request
constexpr milliseconds kSlice(100);
constexpr seconds kLook(10);
constexpr milliseconds kMinimumWait(500);  // for a message that somebody else has locked
constexpr seconds kPauseAfterError(5);
constexpr seconds kPauseOfRecords(2);
constexpr seconds kWorthRecording(600);  // no code lives longer
constexpr seconds kPurge(60);
// What SIGTERM leaves to the requests under way: DROP DATABASE WITH (FORCE) gives up after five
// seconds, and a server that shuts down waits for everybody.
constexpr seconds kGrace(3);

struct Answer {
  Result result;
  Clock::time_point outdated;
};

struct Sender {
  Assignment assignment;
  Requests *requests;
  MemoryContext texts;
  Answer unrecorded[kAtOnce];
  int unrecorded_count;
  Clock::time_point next_claim;
  Clock::time_point next_purge;
  Clock::time_point next_record;
  Clock::time_point end;  // requests under way then are given up
  bool told_of_settings;
  bool told_of_account;
  bool stopping;  // claims nothing more
};

/// Runs what may throw; it makes no call of PostgreSQL. An exception ends the process.
template <typename Work>
void without_exceptions(Work &&work) {
  Failure failure;
  if (!guarded(failure, work)) failure.raise();
}

// Another worker may take over while this one waits for its last answers.
void stop(Sender &sender) {
  if (sender.stopping) return;
  sender.stopping = true;
  release_leader_lock();
}

void shut_down(Sender &sender) {
  sender.end = Min(sender.end, Clock::now() + kGrace);
  stop(sender);
}

bool is_still_listed() {
  bool listed = true;
  attempt("looking for its database in the settings", [&] {
    const char *database = get_database_name(MyDatabaseId);
    listed = database != nullptr && is_listed(database);
  });
  return listed;
}

void reload(Sender &sender) {
  ConfigReloadPending = false;
  ProcessConfigFile(PGC_SIGHUP);
  sender.told_of_settings = sender.told_of_account = false;
  sender.next_claim = Clock::now();
  if (sender.assignment.listed && !is_still_listed()) stop(sender);
}

void heed_requests(Sender &sender) {
  if (ConfigReloadPending) reload(sender);
  if (ShutdownRequestPending) shut_down(sender);
  if (notifyInterruptPending) {
    ProcessNotifyInterrupt(false);
    sender.next_claim = Clock::now();
  }
}

void purge_if_due(Sender &sender) {
  if (Clock::now() < sender.next_purge) return;
  attempt("purging verifications", [] {
    if (const Oid owner = outbox_owner(); OidIsValid(owner)) purge(owner);
  });
  sender.next_purge = Clock::now() + kPurge;
}

bool is_set_up(Sender &sender) {
  const char *missing = missing_setting();
  if (missing != nullptr && !sender.told_of_settings)
    ereport(LOG, errmsg("no messages are sent: %s is empty", missing));
  sender.told_of_settings = missing != nullptr;
  return missing == nullptr;
}

void start_request(Sender &sender, const ClaimedMessage &claimed) {
  without_exceptions([&] {
    sender.requests->start(account(), {claimed.id, claimed.phone, claimed.text}, request_timeout());
  });
}

int free_places(const Sender &sender) {
  return kAtOnce - static_cast<int>(sender.requests->under_way()) - sender.unrecorded_count;
}

// The transaction is over before the first request begins.
void claim(Sender &sender) {
  const int maximum = free_places(sender);
  ClaimedMessage claimed[kAtOnce];
  int count = 0;
  int wait = milliseconds(kLook).count();
  MemoryContextReset(sender.texts);
  const bool committed = attempt("claiming messages", [&] {
    const Oid owner = outbox_owner();
    if (!OidIsValid(owner)) return;
    count =
        claim_messages(owner, maximum, request_timeout() + kLeaseReserve, claimed, sender.texts);
    const int minimum = kMinimumWait.count();
    wait = count == maximum ? 0 : Max(minimum, time_to_next_message(owner, wait));
  });
  sender.next_claim = Clock::now() + (committed ? milliseconds(wait) : kPauseAfterError);
  for (int i = 0; committed && i < count; ++i) start_request(sender, claimed[i]);
}

void claim_if_due(Sender &sender) {
  if (Clock::now() < sender.next_claim || free_places(sender) == 0) return;
  if (is_set_up(sender))
    claim(sender);
  else
    sender.next_claim = Clock::now() + kLook;
}

// Once, until a message gets through: every one of them will fare alike.
void tell_of_account(Sender &sender, const Outcome &outcome) {
  if (outcome.status == Status::kSent) sender.told_of_account = false;
  if (!outcome.account_at_fault || sender.told_of_account) return;
  sender.told_of_account = true;
  ereport(WARNING,
          errmsg("the provider rejects requests with these settings (HTTP %d, Twilio error "
                 "%d)",
                 outcome.http_status, outcome.code),
          errhint("Check customer_identity.twilio_account_sid, customer_identity.twilio_auth_token "
                  "and customer_identity.twilio_base_url."));
}

void tell_of_failure(const Result &result) {
  const Outcome &outcome = result.outcome;
  const long long id = result.message_id;
  const char *phone = result.phone.text;
  if (outcome.http_status == 0)
    ereport(LOG, errmsg("message %lld to %s had no answer: %s", id, phone, outcome.error));
  else
    ereport(LOG, errmsg("message %lld to %s was not sent (HTTP %d, Twilio error %d), %s", id, phone,
                        outcome.http_status, outcome.code,
                        outcome.status == Status::kRefused ? "giving up" : "will retry"));
}

// Neither the code nor the whole phone, and not what the provider says: it may name the phone.
void tell(Sender &sender, const Result &result) {
  if (result.outcome.status == Status::kSent)
    ereport(LOG, errmsg("message %lld to %s was sent (HTTP %d)",
                        static_cast<long long>(result.message_id), result.phone.text,
                        result.outcome.http_status));
  else
    tell_of_failure(result);
  tell_of_account(sender, result.outcome);
}

// Sends and receives for a while, and keeps what was answered.
void exchange(Sender &sender) {
  if (sender.requests->under_way() == 0) return;
  without_exceptions([&] { sender.requests->advance(kSlice.count()); });
  while (sender.unrecorded_count < kAtOnce) {
    Answer &answer = sender.unrecorded[sender.unrecorded_count];
    bool taken = false;
    without_exceptions([&] { taken = sender.requests->take(answer.result); });
    if (!taken) return;
    answer.outdated = Clock::now() + kWorthRecording;
    tell(sender, answer.result);
    sender.unrecorded_count++;
  }
}

bool record(const Result &result) {
  return attempt("recording what became of a message", [&] {
    if (const Oid owner = outbox_owner(); OidIsValid(owner)) record_result(owner, result);
  });
}

// One that cannot be recorded goes behind the others: its row alone may be locked.
bool record_last(Sender &sender) {
  Answer *first = sender.unrecorded;
  Answer *last = first + sender.unrecorded_count - 1;
  const bool recorded = record(last->result);
  if (recorded || Clock::now() > last->outdated)
    sender.unrecorded_count--;
  else
    std::rotate(first, last, last + 1);
  return recorded;
}

// After an error the requests under way come first; before the process ends every one is tried.
void record_results(Sender &sender) {
  if (!sender.stopping && Clock::now() < sender.next_record) return;
  for (int left = sender.unrecorded_count; left > 0; --left) {
    if (record_last(sender)) {
      sender.next_claim = Clock::now();  // it may be due before the next look
      continue;
    }
    sender.next_record = Clock::now() + kPauseOfRecords;
    if (!sender.stopping) return;
  }
}

int time_to_sleep(const Sender &sender) {
  if (sender.requests->under_way() > 0) return 0;
  Clock::time_point next = sender.next_purge;
  if (free_places(sender) > 0) next = Min(next, sender.next_claim);
  if (sender.unrecorded_count > 0) next = Min(next, sender.next_record);
  const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
  return static_cast<int>(Max(0, left));
}

bool has_ended(const Sender &sender) {
  return sender.stopping && (sender.requests->under_way() == 0 || Clock::now() >= sender.end);
}

void send_messages(Sender &sender) {
  while (!has_ended(sender)) {
    heed_requests(sender);
    if (!sender.stopping) {
      purge_if_due(sender);
      claim_if_due(sender);
    }
    exchange(sender);
    record_results(sender);
    sleep_for(sender.stopping ? 0 : time_to_sleep(sender));
  }
}

// Dropped while no worker was there: nothing is to be sent, and the log need not say so each time.
bool is_dropped(const Assignment &assignment) {
  struct stat folder;
  return stat(GetDatabasePath(assignment.database, assignment.tablespace), &folder) != 0 &&
         errno == ENOENT;
}

// False: another process has the leader lock.
bool become_leader() {
  bool is_leader = false;
  const bool committed = attempt("listening to notifications", [&] {
    is_leader = take_leader_lock();
    if (!is_leader) return;
    Async_Listen("customer_identity_sms");
    ereport(LOG,
            errmsg("now sending the messages of database \"%s\"", get_database_name(MyDatabaseId)));
  });
  if (!committed) proc_exit(1);
  return is_leader;
}

}  // namespace
}  // namespace customer_identity::sms

extern "C" {
PGDLLEXPORT void customer_identity_sms_worker(Datum argument);
}

// Ends with 0, after which the server does not start it again by itself.
void customer_identity_sms_worker(Datum) {
  using namespace customer_identity::sms;
  Sender sender = {};
  sender.assignment = assignment_of(*MyBgworkerEntry);
  handle_signals();
  if (is_dropped(sender.assignment)) proc_exit(0);
  BackgroundWorkerInitializeConnectionByOid(sender.assignment.database, InvalidOid, 0);
  pin_session();
  if (!become_leader()) proc_exit(0);

  sender.texts = AllocSetContextCreate(TopMemoryContext, "messages", ALLOCSET_SMALL_SIZES);
  without_exceptions([&] { sender.requests = new Requests; });
  sender.next_claim = sender.next_purge = sender.next_record = Clock::now();
  sender.end = Clock::time_point::max();
  send_messages(sender);
  proc_exit(0);
}
