// Texts that callers give: how long they may be, and what errors show of them. A text that is too
// long is refused before it is read out of its row, copied or stored.
#pragma once

#include <string_view>

#include "pg/postgres.hpp"

namespace customer_identity {

/// The maximum bytes of the argument of this name, whatever the function. docs/reference.md lists
/// them.
struct TextLimit {
  const char *argument;
  int bytes;
};

inline constexpr TextLimit kActor = {"actor", 2000};
inline constexpr TextLimit kIdempotencyKey = {"idempotency_key", 500};
inline constexpr TextLimit kMethod = {"method", 200};
inline constexpr TextLimit kReason = {"reason", 1000};
inline constexpr TextLimit kRegion = {"region", 100};
inline constexpr TextLimit kStyle = {"style", 100};
inline constexpr TextLimit kUserId = {"user_id", 2000};

/// The text of argument `index`, or NULL. Raises 22023 when it is too long.
const char *text_argument(FunctionCallInfo fcinfo, int index, const TextLimit &limit);

/// A value that lies in its row with a header of one byte, as short ones do: its bytes, without a
/// call. Without data for others.
inline std::string_view short_text(Datum value) {
  const void *const stored = DatumGetPointer(value);
  if (!VARATT_IS_SHORT(stored) || VARATT_IS_EXTERNAL(stored)) return {};
  return {VARDATA_SHORT(stored), static_cast<std::size_t>(VARSIZE_SHORT(stored)) - VARHDRSZ_SHORT};
}

std::string_view long_text_in_place(FunctionCallInfo fcinfo, int index, const TextLimit &limit);

/// The same where it lies; empty for NULL.
inline std::string_view text_in_place(FunctionCallInfo fcinfo, int index, const TextLimit &limit) {
  if (PG_ARGISNULL(index)) return {};
  const std::string_view text = short_text(PG_GETARG_DATUM(index));
  if (text.data() != nullptr && text.size() <= static_cast<std::size_t>(limit.bytes)) return text;
  return long_text_in_place(fcinfo, index, limit);
}

/// The first `characters` of argument `index`, where the rest does not matter, or NULL.
const char *cut_argument(FunctionCallInfo fcinfo, int index, int characters);

/// Raises 22023 when an argument is longer than arguments of its name may be.
void require_limits(FunctionCallInfo fcinfo);

/// What errors show of a text that was given: no more than its first 64 characters.
const char *shown(std::string_view given);

}  // namespace customer_identity
