// search_text: a text as searches compare it, without case and accents. Indexes hold its values, so
// it depends on the text and the database's own locale alone. match_key stands for such a text.
#include "pg/majors.hpp"

namespace customer_identity {
namespace {

// What comes after so many characters is not searched. PostgreSQL sorts combining marks in a time
// that grows with the square of their number, and serves no interrupt meanwhile.
constexpr int kMaximumSearched = 1000;

// Letters that Unicode does not take apart, though people type them as these.
struct Spelling {
  pg_wchar letter;
  const char *typed;
};
constexpr Spelling kSpellings[] = {{0xC6, "ae"},        {0xE6, "ae"},  {0xD8, "o"},   {0xF8, "o"},
                                   {0xDF, "ss"},        {0x110, "d"},  {0x111, "d"},  {0x131, "i"},
                                   {0x141, "l"},        {0x142, "l"},  {0x152, "oe"}, {0x153, "oe"},
                                   {0x3C2, "\xCF\x83"}, {0x1E9E, "ss"}};

const char *spelling_of(pg_wchar letter) {
  for (const Spelling &spelling : kSpellings)
    if (spelling.letter == letter) return spelling.typed;
  return nullptr;
}

bool is_combining_mark(pg_wchar letter) {
  return (letter >= 0x300 && letter <= 0x36F) || (letter >= 0x1AB0 && letter <= 0x1AFF) ||
         (letter >= 0x1DC0 && letter <= 0x1DFF) || (letter >= 0x20D0 && letter <= 0x20FF) ||
         (letter >= 0xFE20 && letter <= 0xFE2F);
}

bool is_ascii(const char *text, int length) {
  for (int i = 0; i < length; ++i)
    if (IS_HIGHBIT_SET(text[i])) return false;
  return true;
}

text *lowered_ascii(const char *from, int length) {
  text *result = static_cast<text *>(palloc(VARHDRSZ + length));
  SET_VARSIZE(result, VARHDRSZ + length);
  char *to = VARDATA(result);
  for (int i = 0; i < length; ++i) to[i] = static_cast<char>(pg_ascii_tolower(from[i]));
  return result;
}

// Latin letters are lowered alike in all locales, the Turkish ones included.
void append_letter(StringInfo to, pg_wchar letter) {
  if (is_combining_mark(letter)) return;
  if (letter < 0x80) return appendStringInfoChar(to, static_cast<char>(pg_ascii_tolower(letter)));
  const char *typed = spelling_of(letter);
  if (typed != nullptr) return appendStringInfoString(to, typed);
  unsigned char bytes[MAX_MULTIBYTE_CHAR_LEN + 1] = {};
  unicode_to_utf8(letter, bytes);
  appendBinaryStringInfo(to, reinterpret_cast<char *>(bytes), pg_utf_mblen(bytes));
}

/// Only UTF-8 can be taken apart; other encodings keep their accents.
StringInfoData without_accents(const char *from, int length) {
  StringInfoData plain;
  initStringInfo(&plain);
  if (GetDatabaseEncoding() != PG_UTF8) {
    appendBinaryStringInfo(&plain, from, length);
    return plain;
  }
  auto *letters = static_cast<pg_wchar *>(palloc((length + 1) * sizeof(pg_wchar)));
  pg_mb2wchar_with_len(from, letters, length);
  for (const pg_wchar *letter = majors::decomposed(letters); *letter != 0; ++letter) {
    CHECK_FOR_INTERRUPTS();
    append_letter(&plain, *letter);
  }
  return plain;
}

int length_to_search(const char *from, std::size_t length) {
  return pg_mbcharcliplen(from, static_cast<int>(length), kMaximumSearched);
}

}  // namespace

// A longer text is cut before it is read, and what becomes longer by being taken apart is cut
// again: what was made for searches stays as it is.
CUSTOMER_IDENTITY_FUNCTION(search_text) {
  const int max_bytes = kMaximumSearched * pg_database_encoding_max_length();
  const text *original = PG_GETARG_TEXT_P_SLICE(0, 0, max_bytes);
  const char *from = VARDATA_ANY(original);
  const int length = length_to_search(from, VARSIZE_ANY_EXHDR(original));
  if (is_ascii(from, length)) PG_RETURN_TEXT_P(lowered_ascii(from, length));
  const StringInfoData plain = without_accents(from, length);
  const char *lowered = str_tolower(plain.data, plain.len, DEFAULT_COLLATION_OID);
  PG_RETURN_TEXT_P(cstring_to_text_with_len(lowered, length_to_search(lowered, strlen(lowered))));
}

// match_key(value): a number that is the same for texts that differ in case, accents and the number
// of blanks; NULL for blanks alone. Sorting numbers costs less than sorting texts.
CUSTOMER_IDENTITY_FUNCTION(match_key) {
  const text *folded = DatumGetTextPP(DirectFunctionCall1(search_text, PG_GETARG_DATUM(0)));
  const char *from = VARDATA_ANY(folded);
  const char *end = from + VARSIZE_ANY_EXHDR(folded);
  auto *words = static_cast<unsigned char *>(palloc(end - from + 1));
  int length = 0;
  for (bool in_word = false; from < end; ++from) {
    const bool is_blank = scanner_isspace(*from);
    if (!is_blank && !in_word && length > 0) words[length++] = ' ';
    if (!is_blank) words[length++] = static_cast<unsigned char>(*from);
    in_word = !is_blank;
  }
  if (length == 0) PG_RETURN_NULL();
  PG_RETURN_INT64(static_cast<int64>(hash_bytes_extended(words, length, 0)));
}

}  // namespace customer_identity
