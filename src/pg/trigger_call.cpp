// Compares how a trigger function is called with what it was made for.
#include "pg/trigger_call.hpp"

namespace customer_identity {
namespace {

[[noreturn]] void refuse(const char *message) {
  ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg_internal("%s", message),
          errhint("customer_identity.attach_users() and attach_orders() create the triggers."));
  pg_unreachable();
}

const char *name_of_function(FunctionCallInfo fcinfo) {
  return get_func_name(fcinfo->flinfo->fn_oid);
}

// As CREATE TRIGGER says it.
const char *description_of(TriggerEvent event) {
  const char *timing = TRIGGER_FIRED_BEFORE(event)  ? "BEFORE"
                       : TRIGGER_FIRED_AFTER(event) ? "AFTER"
                                                    : "INSTEAD OF";
  const char *statement = TRIGGER_FIRED_BY_INSERT(event)   ? "INSERT"
                          : TRIGGER_FIRED_BY_UPDATE(event) ? "UPDATE"
                          : TRIGGER_FIRED_BY_DELETE(event) ? "DELETE"
                                                           : "TRUNCATE";
  const char *level = TRIGGER_FIRED_FOR_ROW(event) ? "ROW" : "STATEMENT";
  return psprintf("%s %s FOR EACH %s", timing, statement, level);
}

// NULL: the function was not made for it.
const TriggerEvent *find_among(std::initializer_list<TriggerEvent> made_for, TriggerEvent event) {
  constexpr TriggerEvent kKind =
      TRIGGER_EVENT_OPMASK | TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK;
  for (const TriggerEvent &allowed : made_for)
    if ((event & kKind) == (allowed & kKind)) return &allowed;
  return nullptr;
}

bool lacks_transition_table(const TriggerData *call) {
  const bool needs_old = !TRIGGER_FIRED_BY_INSERT(call->tg_event);
  const bool needs_new = !TRIGGER_FIRED_BY_DELETE(call->tg_event);
  return (needs_old && call->tg_oldtable == nullptr) || (needs_new && call->tg_newtable == nullptr);
}

// In this session.
bool is_enabled(const Trigger &trigger) {
  const bool is_replica = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
  return trigger.tgenabled == TRIGGER_FIRES_ALWAYS ||
         trigger.tgenabled == (is_replica ? TRIGGER_FIRES_ON_REPLICA : TRIGGER_FIRES_ON_ORIGIN);
}

}  // namespace

const TriggerData *trigger_call(FunctionCallInfo fcinfo,
                                std::initializer_list<TriggerEvent> made_for) {
  if (!CALLED_AS_TRIGGER(fcinfo))
    refuse(psprintf("function \"%s\" works as a trigger only", name_of_function(fcinfo)));
  const auto *call = reinterpret_cast<const TriggerData *>(fcinfo->context);
  const char kind = call->tg_relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
    refuse(psprintf("function \"%s\" works as a trigger of ordinary and partitioned tables only",
                    name_of_function(fcinfo)));
  const TriggerEvent *made = find_among(made_for, call->tg_event);
  if (made == nullptr)
    refuse(psprintf("function \"%s\" does not work as a trigger %s", name_of_function(fcinfo),
                    description_of(call->tg_event)));
  if ((*made & kWithTables) != 0 && lacks_transition_table(call))
    refuse(psprintf("trigger \"%s\" lacks a transition table", call->tg_trigger->tgname));
  return call;
}

const Trigger *later_trigger(const TriggerData *call) {
  const TriggerDesc *triggers = call->tg_relation->trigdesc;
  bool is_later = false;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    const Trigger &trigger = triggers->triggers[i];
    if (trigger.tgoid == call->tg_trigger->tgoid)
      is_later = true;
    else if (is_later && is_enabled(trigger) &&
             TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
                                  TRIGGER_TYPE_INSERT))
      return &trigger;
  }
  return nullptr;
}

const EventTriggerData *event_trigger_call(FunctionCallInfo fcinfo, const char *event) {
  const auto *call = CALLED_AS_EVENT_TRIGGER(fcinfo)
                         ? reinterpret_cast<const EventTriggerData *>(fcinfo->context)
                         : nullptr;
  if (call == nullptr || strcmp(call->event, event) != 0)
    ereport(ERROR, errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
            errmsg("function \"%s\" works as an event trigger ON %s only", name_of_function(fcinfo),
                   event),
            errhint("CREATE EXTENSION customer_identity creates the event trigger."));
  return call;
}

}  // namespace customer_identity
