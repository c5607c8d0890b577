// Entries of a context are lines. A statement of several lines has the further ones indented.
#include "pg/short_context.hpp"

namespace customer_identity {
namespace {

constexpr int kMaximumEntry = 300;

bool is_blank(char character) { return character == ' ' || character == '\t'; }

// The end of the entry that begins here.
const char *end_of_entry(const char *entry) {
  const char *end = entry;
  while (*end != '\0' && (*end != '\n' || is_blank(end[1]))) ++end;
  return end;
}

// With one blank for each line break and the indentation that follows.
void append_in_one_line(StringInfo text, const char *entry, const char *end) {
  for (const char *p = entry; p < end; ++p) {
    if (*p != '\n') {
      appendStringInfoChar(text, *p);
      continue;
    }
    while (p + 1 < end && is_blank(p[1])) ++p;
    appendStringInfoChar(text, ' ');
  }
}

void append_entry(StringInfo text, const char *entry, const char *end) {
  const int start = text->len;
  append_in_one_line(text, entry, end);
  const int length = text->len - start;
  if (length <= kMaximumEntry) return;
  text->len = start + pg_mbcliplen(text->data + start, length, kMaximumEntry);
  appendStringInfoString(text, "...");
}

}  // namespace

char *short_context(const char *context) {
  if (context == nullptr) return nullptr;
  StringInfoData text;
  initStringInfo(&text);
  for (const char *entry = context;; ++entry) {
    const char *end = end_of_entry(entry);
    append_entry(&text, entry, end);
    if (*end == '\0') return text.data;
    appendStringInfoChar(&text, '\n');
    entry = end;
  }
}

}  // namespace customer_identity
