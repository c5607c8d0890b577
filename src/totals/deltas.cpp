// Sums deltas in an array; a table of places finds a customer in it.
#include "totals/deltas.hpp"

#include "pg/majors.hpp"
#include "pg/uuid_hash.hpp"

#include <algorithm>

namespace customer_identity {
namespace {

constexpr std::uint32_t kFew = 8;

bool is_of(const Delta &delta, const pg_uuid_t &customer) {
  return memcmp(&delta.customer, &customer, sizeof(pg_uuid_t)) == 0;
}

// The place that holds the customer, or the free one where it belongs.
std::uint32_t *find_place(const Deltas &deltas, const pg_uuid_t &customer) {
  std::uint32_t place = hash_of(customer) & deltas.mask;
  while (deltas.places[place] != 0 && !is_of(deltas.deltas[deltas.places[place] - 1], customer))
    place = (place + 1) & deltas.mask;
  return &deltas.places[place];
}

// Four places a delta keep runs of taken places short.
void make_places(Deltas &deltas) {
  const std::uint32_t number = deltas.room * 4;
  if (deltas.places != nullptr) pfree(deltas.places);
  deltas.places = static_cast<std::uint32_t *>(MemoryContextAllocExtended(
      deltas.memory, sizeof(std::uint32_t) * number, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
  deltas.mask = number - 1;
  for (std::uint32_t i = 0; i < deltas.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    *find_place(deltas, deltas.deltas[i].customer) = i + 1;
  }
}

void make_room(Deltas &deltas) {
  if (deltas.room > PG_UINT32_MAX / 16)
    ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
            errmsg("one statement changes the orders of too many customers"),
            errhint("Split it into several statements."));
  deltas.room *= 2;
  deltas.deltas = static_cast<Delta *>(repalloc_huge(deltas.deltas, sizeof(Delta) * deltas.room));
  make_places(deltas);
}

Delta &new_delta(Deltas &deltas, const pg_uuid_t &customer) {
  deltas.last = deltas.count++;
  Delta &delta = deltas.deltas[deltas.last];
  delta = {};
  delta.customer = customer;
  return delta;
}

Delta *find_among_few(Deltas &deltas, const pg_uuid_t &customer) {
  for (std::uint32_t i = 0; i < deltas.count; ++i)
    if (is_of(deltas.deltas[i], customer)) return &deltas.deltas[deltas.last = i];
  return nullptr;
}

bool is_zero(Numeric number) {
  const Datum zero = NumericGetDatum(int64_to_numeric(0));
  return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number), zero));
}

// Asked of every delta, as is_before() is: an interrupt leaves the array in disorder, and with the
// memory that an error frees.
bool changes_nothing(const Delta &delta) {
  CHECK_FOR_INTERRUPTS();
  if (delta.orders != 0 || delta.points != 0) return false;
  return delta.rest == nullptr ? delta.units == 0 : is_zero(spent_of(delta));
}

bool is_before(const Delta &left, const Delta &right) {
  CHECK_FOR_INTERRUPTS();
  return memcmp(&left.customer, &right.customer, sizeof(pg_uuid_t)) < 0;
}

}  // namespace

Deltas new_deltas() {
  Deltas deltas = {};
  deltas.memory = CurrentMemoryContext;
  deltas.room = kFew;
  deltas.deltas = static_cast<Delta *>(palloc(sizeof(Delta) * kFew));
  return deltas;
}

Delta &delta_of(Deltas &deltas, const pg_uuid_t &customer) {
  if (deltas.count > 0 && is_of(deltas.deltas[deltas.last], customer))
    return deltas.deltas[deltas.last];
  if (deltas.places == nullptr) {
    if (Delta *known = find_among_few(deltas, customer)) return *known;
    if (deltas.count < deltas.room) return new_delta(deltas, customer);
  }
  if (deltas.count == deltas.room) make_room(deltas);
  std::uint32_t *place = find_place(deltas, customer);
  if (*place != 0) return deltas.deltas[deltas.last = *place - 1];
  *place = deltas.count + 1;
  return new_delta(deltas, customer);
}

void add_points(Delta &delta, std::int64_t points) {
  if (pg_add_s64_overflow(delta.points, points, &delta.points))
    ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range"),
            errdetail("The points of one statement's orders do not fit."));
}

void add_units(Deltas &deltas, Delta &delta, const Amount &amount, int sign) {
  std::int64_t sum;
  if (pg_add_s64_overflow(delta.units, sign * amount.units, &sum)) {
    add_numeric(deltas, delta, numeric_of_units(delta.units, delta.scale), 1);
    sum = sign * amount.units;
  }
  delta.units = sum;
  delta.scale = Max(delta.scale, amount.scale);
}

void add_numeric(Deltas &deltas, Delta &delta, Numeric amount, int sign) {
  MemoryContext caller = MemoryContextSwitchTo(deltas.memory);
  Numeric before = delta.rest == nullptr ? int64_to_numeric(0) : delta.rest;
  delta.rest = sign > 0 ? majors::add(before, amount) : majors::subtract(before, amount);
  pfree(before);
  MemoryContextSwitchTo(caller);
}

void add_delta(Deltas &sums, const Delta &delta) {
  Delta &sum = delta_of(sums, delta.customer);
  sum.orders += delta.orders;
  if (pg_add_s64_overflow(sum.points, delta.points, &sum.points))
    ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range"));
  add_units(sums, sum, {delta.units, delta.scale}, 1);
  if (delta.rest != nullptr) add_numeric(sums, sum, delta.rest, 1);
}

Numeric spent_of(const Delta &delta) {
  Numeric units = numeric_of_units(delta.units, delta.scale);
  return delta.rest == nullptr ? units : majors::add(units, delta.rest);
}

void keep_changes(Deltas &deltas) {
  Delta *end = std::remove_if(deltas.deltas, deltas.deltas + deltas.count, changes_nothing);
  std::sort(deltas.deltas, end, is_before);
  deltas.count = static_cast<std::uint32_t>(end - deltas.deltas);
  deltas.places = nullptr;
}

}  // namespace customer_identity
