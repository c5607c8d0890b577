// typing_errors: which of some phones are one typing error apart: a digit changed, dropped or
// doubled, or two neighbours swapped. Two such phones are alike when each, or the longer one, lacks
// a digit, so only phones that share such a rest are compared.
#include <algorithm>
#include <string_view>

#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

constexpr int kMaxLength = 20;
constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;

struct Rest {
  std::uint64_t hash;
  int place;
};

std::string_view view_of(Datum phone) {
  const text *value = DatumGetTextPP(phone);
  return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

std::uint64_t digit_at(std::string_view phone, std::size_t i) {
  return static_cast<unsigned char>(phone[i]);
}

// The hashes of a phone and of what is left of it without each of its digits. Returns the next free
// rest.
Rest *add_rests(std::string_view phone, int place, Rest *rest) {
  std::uint64_t whole = 0;
  std::uint64_t without = 0;
  std::uint64_t power = 1;
  for (std::size_t i = 0; i < phone.size(); ++i, power *= kBase) {
    whole += digit_at(phone, i) * power;
    if (i + 1 < phone.size()) without += digit_at(phone, i + 1) * power;
  }
  *rest++ = {whole, place};
  *rest++ = {without, place};
  power = 1;
  for (std::size_t i = 0; i + 1 < phone.size(); ++i, power *= kBase) {
    if (phone[i] == phone[i + 1]) continue;
    without += (digit_at(phone, i) - digit_at(phone, i + 1)) * power;
    *rest++ = {without, place};
  }
  return rest;
}

bool lacks_one_digit(std::string_view shorter, std::string_view longer) {
  const auto i = static_cast<std::size_t>(
      std::mismatch(shorter.begin(), shorter.end(), longer.begin()).first - shorter.begin());
  return shorter.substr(i) == longer.substr(i + 1);
}

bool is_typing_error(std::string_view a, std::string_view b) {
  if (a.size() + 1 == b.size()) return lacks_one_digit(a, b);
  if (b.size() + 1 == a.size()) return lacks_one_digit(b, a);
  if (a.size() != b.size() || a == b) return false;
  const auto i =
      static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  if (a.substr(i + 1) == b.substr(i + 1)) return true;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] &&
         a.substr(i + 2) == b.substr(i + 2);
}

void add_pair(const ReturnSetInfo *result, int a, int b) {
  Datum values[] = {Int32GetDatum(a + 1), Int32GetDatum(b + 1)};
  bool nulls[] = {false, false};
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// The pairs among the rests from `first` up to `end`, which are alike.
void compare(const Datum *phones, const Rest *first, const Rest *end, const ReturnSetInfo *result) {
  for (const Rest *a = first; a < end; ++a) {
    CHECK_FOR_INTERRUPTS();
    for (const Rest *b = a + 1; b < end; ++b)
      if (is_typing_error(view_of(phones[a->place]), view_of(phones[b->place])))
        add_pair(result, a->place, b->place);
  }
}

}  // namespace

// typing_errors(phones): pairs of places, from 1; one may come more than once.
CUSTOMER_IDENTITY_FUNCTION(typing_errors) {
  InitMaterializedSRF(fcinfo, 0);
  const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  Datum *phones;
  bool *nulls;
  int count;
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &phones, &nulls,
                    &count);

  auto *rests = static_cast<Rest *>(palloc(sizeof(Rest) * (kMaxLength + 1) * count));
  Rest *end = rests;
  for (int i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (!nulls[i] && view_of(phones[i]).size() <= kMaxLength)
      end = add_rests(view_of(phones[i]), i, end);
  }
  std::sort(rests, end, [](const Rest &a, const Rest &b) {
    return a.hash != b.hash ? a.hash < b.hash : a.place < b.place;
  });
  for (const Rest *first = rests, *next; first < end; first = next) {
    for (next = first + 1; next < end && next->hash == first->hash;) ++next;
    compare(phones, first, next, result);
  }
  pfree(rests);
  PG_RETURN_NULL();
}

}  // namespace customer_identity
