// Runs C++ that may throw and hands what it threw back as plain data, so that no exception enters
// PostgreSQL and no PostgreSQL error jumps over a live C++ object.
#pragma once

#include <exception>
#include <new>

#include "pg/postgres.hpp"

namespace customer_identity {

struct Failure {
  int sqlstate;
  char message[160];

  void set(int state, const char *text) noexcept {
    sqlstate = state;
    strlcpy(message, text, sizeof(message));
  }

  [[noreturn]] void raise() const {
    ereport(ERROR, errcode(sqlstate), errmsg("%s", message));
    pg_unreachable();
  }
};

/// Calls `work`, which makes no PostgreSQL call. False: `failure` says what it threw; raise it when
/// no C++ object is alive.
template <typename Work>
bool guarded(Failure &failure, Work &&work) noexcept {
  try {
    work();
    return true;
  } catch (const std::bad_alloc &) {
    failure.set(ERRCODE_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &thrown) {
    failure.set(ERRCODE_INTERNAL_ERROR, thrown.what());
  } catch (...) {
    failure.set(ERRCODE_INTERNAL_ERROR, "unknown C++ exception");
  }
  return false;
}

}  // namespace customer_identity
