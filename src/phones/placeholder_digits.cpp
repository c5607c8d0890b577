// placeholder_digits: what makes a number look as if nobody had it, by its digits alone. It is
// asked of every customer of a book.
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

// By chance one number in some ten thousand has as many in a row.
constexpr int kRun = 6;
constexpr int kAlternating = 8;

// Ranges that regulators keep for films and books; a point is any digit.
constexpr const char *kFiction[] = {
    "1...55501..",  "3319900....",   "3326191....",  "3335301....",  "3346571....",  "3353649....",
    "3363998....",  "3532091.....",  "441.14960...", "4411.4960...", "441632960...", "441914980...",
    "442079460...", "442896496...",  "442920180...", "443069990...", "447700900...", "448081570...",
    "449098790...", "463139006..",   "464062804..",  "468465004..",  "467017406..",  "469803192..",
    "4917139200..", "49176040690..", "492214710...", "493023125...", "494066969...", "496990009...",
    "498999998...", "61.5550....",   "61.7010....",  "61491570...",
};

bool is_like(const char *digits, int length, const char *pattern) {
  int i = 0;
  while (i < length && (digits[i] == pattern[i] || pattern[i] == '.')) ++i;
  return i == length && pattern[i] == '\0';
}

bool is_fiction(const char *digits, int length) {
  for (const char *pattern : kFiction)
    if (is_like(digits, length, pattern)) return true;
  return false;
}

// Whether `wanted` digits follow each other in steps of `step`, 0 after 9.
bool has_steps(const char *digits, int length, int step, int wanted) {
  int run = 1;
  for (int i = 1; i < length && run < wanted; ++i)
    run = (digits[i] - digits[i - 1] - step) % 10 == 0 ? run + 1 : 1;
  return run >= wanted;
}

// Whether two digits take turns.
bool alternates(const char *digits, int length) {
  int run = 2;
  for (int i = 2; i < length && run < kAlternating; ++i)
    run = digits[i] == digits[i - 2] ? run + 1 : 2;
  return run >= kAlternating;
}

// Of the digits behind the plus.
const char *reason_of(const char *digits, int length) {
  if (has_steps(digits, length, 0, kRun) || alternates(digits, length)) return "repeated_digits";
  if (has_steps(digits, length, 1, kRun) || has_steps(digits, length, -1, kRun))
    return "digits_in_sequence";
  return is_fiction(digits, length) ? "fiction" : nullptr;
}

}  // namespace

// placeholder_digits(phone): the reason, or NULL. The phone is in E.164.
CUSTOMER_IDENTITY_FUNCTION(placeholder_digits) {
  const text *phone = PG_GETARG_TEXT_PP(0);
  const auto length = static_cast<int>(VARSIZE_ANY_EXHDR(phone));
  const char *reason = length < 2 ? nullptr : reason_of(VARDATA_ANY(phone) + 1, length - 1);
  if (reason == nullptr) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(reason));
}

}  // namespace customer_identity
