// Makes a table the way a session does: Citus distributes what a CREATE TABLE makes in a
// distributed schema, but only one that no function hides.
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

PlannedStmt *only_create_table(const char *text) {
  const List *parsed = raw_parser(text, RAW_PARSE_DEFAULT);
  const RawStmt *raw = list_length(parsed) == 1 ? linitial_node(RawStmt, parsed) : nullptr;
  if (raw == nullptr || !IsA(raw->stmt, CreateStmt)) {
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("the statement is no single CREATE TABLE"));
    pg_unreachable();
  }
  PlannedStmt *statement = makeNode(PlannedStmt);
  statement->commandType = CMD_UTILITY;
  statement->canSetTag = true;
  statement->utilityStmt = raw->stmt;
  return statement;
}

}  // namespace

// create_at_top(statement), with the rights of the caller.
CUSTOMER_IDENTITY_FUNCTION(create_at_top) {
  const char *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
  PushActiveSnapshot(GetTransactionSnapshot());
  ProcessUtility(only_create_table(statement), statement, false, PROCESS_UTILITY_TOPLEVEL, nullptr,
                 nullptr, None_Receiver, nullptr);
  PopActiveSnapshot();
  CommandCounterIncrement();
  PG_RETURN_VOID();
}

}  // namespace customer_identity
