// What a trigger function was made for. It refuses the rest before it reads anything: the server
// calls it for whatever a CREATE TRIGGER says.
#pragma once

#include <initializer_list>

#include "pg/postgres.hpp"

namespace customer_identity {

/// A timing and a level, to be joined with TRIGGER_EVENT_INSERT, _UPDATE, _DELETE or _TRUNCATE.
inline constexpr TriggerEvent kBeforeRow = TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW;
inline constexpr TriggerEvent kAfterRow = TRIGGER_EVENT_AFTER | TRIGGER_EVENT_ROW;
inline constexpr TriggerEvent kBeforeStatement = TRIGGER_EVENT_BEFORE;
inline constexpr TriggerEvent kAfterStatementAlone = TRIGGER_EVENT_AFTER;
/// Of INSERT, UPDATE and DELETE: with the transition tables that the statement can have.
inline constexpr TriggerEvent kWithTables = 0x80000000;
inline constexpr TriggerEvent kAfterStatement = TRIGGER_EVENT_AFTER | kWithTables;

/// Raises 39P01 unless called by a trigger of a kind that is `made_for`, on an ordinary or a
/// partitioned table.
const TriggerData *trigger_call(FunctionCallInfo fcinfo,
                                std::initializer_list<TriggerEvent> made_for);

/// Raises 39P03 unless called by an event trigger for `event`.
const EventTriggerData *event_trigger_call(FunctionCallInfo fcinfo, const char *event);

/// A BEFORE INSERT trigger that may still change the row after this one; NULL: there is none.
const Trigger *later_trigger(const TriggerData *call);

/// How many triggers are running, one within the other: 1 where no other one has run the statement.
inline int trigger_depth() {
  return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, Datum(0)));
}

}  // namespace customer_identity
